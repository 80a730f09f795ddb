"""Vectors of sentences from the vectors of their words, and what a text teaches about that.

With v_w the vectors of the n words of a line that the model knows and p(w) their share of all words:

=========  ==========================================================================================================
mean       Σ v_w / n
max        the largest value of each dimension (Shen et al. 2018, arXiv:1805.09843)
fasttext   Σ v_w / |v_w| / n: what ``fasttext print-sentence-vectors`` prints of unsupervised models
tfidf      Σ idf(w) v_w / Σ idf(w), idf(w) = ln((1 + N) / (1 + df)) + 1 over the N lines of a text
sif        Σ a / (a + p(w)) v_w / n, less its projection on the first principal direction of a text's lines
           (Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings"), a = .001
usif       Σ a / (a/2 + p(w)) v_w / |v_w| / n, less λ_i times its projection on each of five directions, λ_i being
           that direction's share of their squared singular values (Ethayarajh 2018, "Unsupervised random walk
           sentence embeddings"); a = (1 − α) / (α V / 2) with V words of which a share α is likelier than not to
           stand in a line of mean length
=========  ==========================================================================================================

p(w) is taken from the model's counts, or from the text where the model has none. What a text taught is kept in a
`SentenceModel`, so that a line that comes later is treated alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from embedkit.documents.sentence_model import SentenceModel, SentenceOptions, fingerprint
from embedkit.documents.token_rows import Lines, TokenRows
from embedkit.errors import ConfigError, CorpusError, counted, warn_caller
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.norms import row_norms
from embedkit.text.tokenizers import get_tokenizer
from embedkit.vocabulary.words import Words


def learn(
    model: KeyedVectors,
    lines: Iterable[Sequence[str]],
    options: SentenceOptions,
    stop_words: Sequence[str] = (),
    cutting: tuple[str, bool] | None = None,
    name: str = "the text",
) -> tuple[SentenceModel, SentenceEncoder]:
    """Learn from a text what a method needs.

    Parameters
    ----------
    model : KeyedVectors
    lines : iterable of lists of str
        The text in pieces of any number of lines; its words are kept in memory, four bytes each.
    options : SentenceOptions
        From `SentenceOptions.create`.
    stop_words : sequence of str
    cutting : (str, bool), optional
        The tokenizer and whether it lower-cases; by default as in the training of `model`.
    name : str
        What messages call the text.

    Returns
    -------
    fitted : SentenceModel
    encoder : SentenceEncoder
        Of `model`; its `learnt_lines` gives the vectors of the text.

    Raises
    ------
    CorpusError
        When no line holds a word that the model knows, or there are fewer such lines than components.
    """
    start = SentenceModel.unlearnt(model, options, stop_words)
    if cutting is not None:
        start = replace(start, tokenizer=cutting[0], lowercase=cutting[1])
    encoder = SentenceEncoder(model, start)
    read = [encoder.rows.read(piece) for piece in lines]
    if not sum(len(piece.rows) for piece in read):
        raise CorpusError(f"{name} holds no word that the model knows")
    fitted = _weighed(start, encoder.rows, read)
    encoder = SentenceEncoder(model, fitted, encoder.rows)
    encoder.read = read
    if options.components:
        components, shares = _principal(encoder, read, options.components)
        if options.method == "sif":
            shares = np.ones_like(shares)
        fitted = replace(fitted, components=components, shares=shares, fingerprint=fingerprint(model))
        encoder.fitted = fitted
    return fitted, encoder


class SentenceEncoder:
    """Turns lines into vectors with a model of words and a model of sentences.

    Parameters
    ----------
    model : KeyedVectors
    fitted : SentenceModel
    rows : TokenRows, optional
        One that has read lines before.

    Raises
    ------
    ConfigError
        When the two do not fit together.
    """

    def __init__(self, model: KeyedVectors, fitted: SentenceModel, rows: TokenRows | None = None) -> None:
        if fitted.vector_size != model.vector_size:
            raise ConfigError(
                f"the model of sentences was learnt with vectors of {counted(fitted.vector_size, 'number')}, these "
                f"have {model.vector_size}; use the model that it was learnt with"
            )
        if fitted.fingerprint and rows is None and fitted.fingerprint != fingerprint(model):
            warn_caller(
                "the directions that the model of sentences removes were learnt with other vectors than these; use the "
                "vectors that it was learnt with, or learn it again"
            )
        self.model, self.fitted = model, fitted
        tokenizer = get_tokenizer(fitted.tokenizer, fitted.lowercase)
        self.rows = rows or TokenRows(model, tokenizer, fitted.stop_words)
        self.read: list[Lines] = []
        self._weights = np.empty(0, np.float32)

    def vectors(self, lines: Sequence[str]) -> np.ndarray:
        """The vectors of some lines: float32 (n, vector_size), zero for a line without a known word."""
        return self._finished(self.rows.read(lines))

    def learnt_lines(self) -> Iterable[np.ndarray]:
        """The vectors of the lines of the text that `learn` learnt from, piece by piece."""
        return map(self._finished, self.read)

    def _finished(self, lines: Lines) -> np.ndarray:
        found = self.pooled(lines)
        if len(self.fitted.shares):
            found -= ((found @ self.fitted.components.T) * self.fitted.shares) @ self.fitted.components
            found[lines.offsets[1:] == lines.offsets[:-1]] = 0
        return found

    def pooled(self, lines: Lines) -> np.ndarray:
        """The vectors before directions are removed: float32 (n, vector_size)."""
        weights = self.weights()
        method = self.fitted.options.method
        out = np.zeros((len(lines.offsets) - 1, self.model.vector_size), np.float32)
        if self.rows.scanning:
            from embedkit.kernels.pooling import largest_values, weighted_means

            matrices = _read_only(self.model.vectors), _read_only(self.rows.composed)
            if method == "max":
                largest_values(lines.rows, lines.offsets, *matrices, out)
            else:
                weighted_means(lines.rows, lines.offsets, *matrices, weights, method == "tfidf", out)
            return out
        for i, (low, high) in enumerate(zip(lines.offsets[:-1].tolist(), lines.offsets[1:].tolist(), strict=True)):
            rows = lines.rows[low:high]
            rows = rows[weights[rows] != 0]
            if not len(rows):
                continue
            vectors, own = self.rows.vectors(rows), weights[rows].astype(np.float64)
            if method == "max":
                out[i] = vectors.max(axis=0)
            else:
                out[i] = own @ vectors / (own.sum() if method == "tfidf" else len(rows))
        return out

    def weights(self) -> np.ndarray:
        """The weight of each row that `rows` has given out: float32 (n_words + n_composed,)."""
        n, done = len(self.model) + len(self.rows.composed_words), len(self._weights)
        if done < n:
            more = np.empty(n, np.float32)
            more[:done] = self._weights
            if not done:
                done = len(self.model)
                more[:done] = self._weights_of_words()
            more[done:] = self._weights_of_composed(done - len(self.model))
            self._weights = more
        return self._weights

    def _weights_of_words(self) -> np.ndarray:
        method, fitted = self.fitted.options.method, self.fitted
        weights = np.full(len(self.model), fitted.other_weight, np.float32)
        if method in ("sif", "usif") and not len(fitted.words):
            counts = self.model.counts
            if counts is None:
                raise ConfigError(
                    "the model of sentences goes by the words' counts, which this model lacks; use the model that it "
                    "was learnt with"
                )
            weights[:] = frequency_weights(method, fitted.smoothing, counts / max(int(counts.sum()), 1))
        for word, weight in zip(fitted.words, fitted.word_weights.tolist(), strict=True):
            row = self.model.row(word)
            if row >= 0:
                weights[row] = weight
        if method in ("fasttext", "usif"):
            weights /= _norms_or_infinity(self.model.norms)
        return weights

    def _weights_of_composed(self, first: int) -> np.ndarray:
        words = self.rows.composed_words[first:]
        known = dict(zip(self.fitted.words, self.fitted.word_weights.tolist(), strict=True)) if words else {}
        weights = np.array([known.get(word, self.fitted.other_weight) for word in words], np.float32)
        if self.fitted.options.method in ("fasttext", "usif"):
            weights /= _norms_or_infinity(row_norms(self.rows.composed[first:]))
        return weights


def frequency_weights(method: str, smoothing: float, shares: np.ndarray) -> np.ndarray:
    """a / (a + p) for sif, a / (a/2 + p) for usif: float64 (n,), of the shares p of all words."""
    return np.asarray(smoothing / ((smoothing if method == "sif" else smoothing / 2) + shares))


def usif_smoothing(shares: np.ndarray, mean_length: float) -> float:
    """a of uSIF from the shares of all words and the mean length of a line."""
    n_words = len(shares)
    likely = np.mean(shares > 1 - (1 - 1 / n_words) ** mean_length)
    # Where no word is likelier than not, or every one is, the formula has no value: as if one, or all but one, were.
    alpha = min(max(float(likely), 1 / n_words), max(1 - 1 / n_words, 0.5))
    return (1 - alpha) / (alpha * n_words / 2)


def _weighed(start: SentenceModel, rows: TokenRows, read: Sequence[Lines]) -> SentenceModel:
    """The model with the weights of words that a text teaches."""
    model, method = rows.model, start.options.method
    n = len(model) + len(rows.composed_words)
    counts = np.zeros(n, np.int64)
    for piece in read:
        counts += np.bincount(piece.rows, minlength=n)
    held = np.flatnonzero(counts)
    if method == "tfidf":
        frequencies, n_lines = np.zeros(n, np.int64), 0
        for piece in read:
            n_here = len(piece.offsets) - 1
            line = np.repeat(np.arange(n_here), np.diff(piece.offsets))
            frequencies += np.bincount(np.unique(line * np.int64(n) + piece.rows) % n, minlength=n)
            n_lines += n_here
        weights = np.log((1 + n_lines) / (1 + frequencies[held])) + 1
        other = float(np.log(1 + n_lines) + 1)
        return _with_words(replace(start, other_weight=other), rows, held, weights)
    if method not in ("sif", "usif"):
        return start
    of_model = model.counts is not None and int(model.counts.sum()) > 0
    every = np.asarray(model.counts) if of_model else counts[held]
    shares = every / every.sum()
    a = start.options.smoothing
    if a is None:
        n_full = sum(int((np.diff(piece.offsets) > 0).sum()) for piece in read)
        a = usif_smoothing(shares, int(counts.sum()) / n_full)
    weighed = replace(start, smoothing=a, other_weight=1.0 if method == "sif" else 2.0)
    return weighed if of_model else _with_words(weighed, rows, held, frequency_weights(method, a, shares))


def _with_words(model: SentenceModel, rows: TokenRows, held: np.ndarray, weights: np.ndarray) -> SentenceModel:
    words = Words.from_strings([rows.word(row) for row in held.tolist()])
    return replace(model, words=words, word_weights=weights.astype(np.float32))


def _principal(encoder: SentenceEncoder, read: Sequence[Lines], n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first directions of a text's lines and their shares of the squared singular values, without centring."""
    size = encoder.model.vector_size
    products, n_lines = np.zeros((size, size)), 0
    for piece in read:
        lines = encoder.pooled(piece).astype(np.float64)
        products += lines.T @ lines
        n_lines += int((np.diff(piece.offsets) > 0).sum())
    if n_lines <= n:
        raise CorpusError(
            f"{counted(n, 'direction is', 'directions are')} to be removed, and the text has "
            f"{counted(n_lines, 'line')} with known words: nothing would be left; learn from a longer text, or ask "
            "for fewer `components`"
        )
    if not np.isfinite(products).all():
        raise CorpusError("the vectors hold NaN or an infinity, or are too long to be added up")
    squares, directions = np.linalg.eigh(products)
    components = np.ascontiguousarray(directions[:, ::-1][:, :n].T)
    squares = np.maximum(squares[::-1][:n], 0)
    components *= np.sign(components[np.arange(len(components)), np.abs(components).argmax(axis=1)])[:, None]
    return components.astype(np.float32), (squares / max(squares.sum(), 1e-300)).astype(np.float32)


def _norms_or_infinity(norms: np.ndarray) -> np.ndarray:
    """Norms to divide weights by: words whose vector is zero get the weight 0."""
    return np.where(norms > 0, norms, np.float32(np.inf))


def _read_only(matrix: np.ndarray) -> np.ndarray:
    """A view that cannot be written, so that arrays and memory maps share one compiled kernel."""
    view = np.ascontiguousarray(matrix).view(np.ndarray)
    view.flags.writeable = False
    return view
