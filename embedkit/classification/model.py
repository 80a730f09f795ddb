"""A trained bag-of-features classifier and its predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from embedkit.classification.features import LABEL_PREFIX, SENTENCE_END, Features, Lines
from embedkit.classification.odds import log_odds
from embedkit.errors import ConfigError, check_texts
from embedkit.formats.fasttext_quantized import FastTextCodes
from embedkit.rows.subwords import decode_word
from embedkit.threads import ordered_map, usable_cores
from embedkit.vocabulary.forms import KnownForms

CHUNK = 8192  # lines predicted at once by one thread
MAX_SCORES = 1 << 22  # numbers in the scores of a chunk
FEATURES = ("min_n", "max_n", "word_ngrams", "bucket")


class Predictions(NamedTuple):
    """The labels of some lines.

    Attributes
    ----------
    labels : int32 (n_lines, k)
        Numbers of labels, the likeliest first.
    probabilities : float32 (n_lines, k)
    found : int32 (n_lines,)
        How many of the k are labels: those of at least the threshold, none for a line without features.
    known : bool (n_lines,)
        Whether the model knows a word of the line; by n-grams of characters it knows something of every word. Of texts
        without an answer there is nothing to know.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    found: np.ndarray
    known: np.ndarray


class BagClassifier:
    """Labels for lines of text.

    Parameters
    ----------
    config : mapping
        ``vector_size``, ``loss`` ("softmax", "hs", "ns" or "ova"), ``min_n``, ``max_n``, ``word_ngrams`` and
        ``bucket``; what else training used. With ``root_mean`` the hidden vector is the mean of the rows times the
        root of their number, with ``across_words`` n-grams of characters are those of the line without white space;
        fastText's files have room for neither.
    labels : sequence of bytes
        With the prefix ``__label__``, by falling count.
    label_counts : int64 (n_labels,)
    words : sequence of bytes
    word_counts : int64 (n_words,)
    rows : float32 (n_rows, vector_size) or FastTextCodes
        Rows of the words, then of the buckets.
    output : float32 (n_labels, vector_size) or FastTextCodes
    bucket_rows : int32 (bucket,), optional
        The row of each bucket, -1 for none; by default ``n_words + bucket``.
    pruned : bool
        N-grams without a row do not count at all, rather than as zeros.
    """

    TASK, KIND = "classify", "fasttext"

    def __init__(
        self,
        config: Mapping[str, Any],
        labels: Sequence[bytes],
        label_counts: np.ndarray,
        words: Sequence[bytes],
        word_counts: np.ndarray,
        rows: Any,
        output: Any,
        *,
        bucket_rows: np.ndarray | None = None,
        pruned: bool = False,
    ) -> None:
        self.config = dict(config)
        self.encoded_labels, self.label_counts = list(labels), np.asarray(label_counts, np.int64)
        self.labels = [decode_word(label.removeprefix(LABEL_PREFIX)) for label in labels]
        self.word_counts = np.asarray(word_counts, np.int64)
        self.rows, self.output = rows, output
        self.pruned = pruned
        self.features = Features(
            words,
            **{name: int(self.config[name]) for name in FEATURES},
            bucket_rows=bucket_rows,
            counts_absent=not pruned,
            across=bool(self.config.get("across_words", False)),
        )

    @cached_property
    def _end(self) -> int:
        """The row of the end of a line, which is no word; -1 where there is none."""
        return self.words.index(SENTENCE_END) if SENTENCE_END in self.words else -1

    @property
    def words(self) -> list[bytes]:
        """The words, by row."""
        return self.features.words

    @property
    def kind(self) -> str:
        """ "linear" or "fasttext", as ``--model`` names it."""
        return str(self.config.get("algorithm", self.KIND))

    @property
    def loss(self) -> str:
        """ "softmax", "hs", "ns" or "ova"."""
        return str(self.config["loss"])

    def predict(
        self, texts: Sequence[str | bytes], k: int = 1, threshold: float = 0.0, workers: int | None = None
    ) -> Predictions:
        """The k likeliest labels of each text, of a probability of at least `threshold`.

        Of fastText's classifier the same labels and bits as the program's, which adds 1e-5 to what it has compared with
        the threshold: with "hs" those less likely than about 1e-5 are left out, unless `threshold` is below 0. Those of
        a linear model are plain.

        Raises
        ------
        ConfigError
            When `k` is below 1.
        """
        if k < 1:
            raise ConfigError(f"`k` must be at least 1, got {k}")
        parts = list(self._predicted(texts, min(k, len(self.labels)), threshold, workers))
        if not parts:
            empty = np.zeros((0, k), np.int32), np.zeros((0, k), np.float32), np.zeros(0, np.int32)
            return Predictions(*empty, np.zeros(0, bool))
        return Predictions(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def knows(self, texts: Sequence[str | bytes]) -> np.ndarray:
        """`Predictions.known` of each text."""
        return self._known(*self.features.encode(self._lines(texts)))

    def probabilities(self, texts: Sequence[str | bytes], workers: int | None = None) -> np.ndarray:
        """Probability of each label for each text: float32 (n_texts, n_labels), as `predict` gives them."""
        found = self.predict(texts, len(self.labels), threshold=-1, workers=workers)
        result = np.empty((len(texts), len(self.labels)), np.float32)
        np.put_along_axis(result, found.labels, found.probabilities, 1)
        return result

    def compared(self, texts: Sequence[str | bytes]) -> np.ndarray:
        """What `predict` compares with its threshold: float32 (n_texts, n_labels), 0 for texts without features.

        With "hs" it is less by one part in a million, since the program compares rounded logarithms.
        """
        from embedkit.kernels.best_labels import EPSILON

        indptr, rows = self.features.encode(self._lines(texts))
        if self.loss == "hs":
            p = np.maximum(self.probabilities(texts) * np.float32(1 - 1e-6) - np.float32(EPSILON), 0)
        else:
            p = self._scorer()(indptr, rows)
            self._to_probabilities(p)
        p[np.diff(indptr) == 0] = 0
        return p

    def scores(self, texts: Sequence[str | bytes]) -> np.ndarray:
        """What softmax or σ makes probabilities of, float32 (n_texts, n_labels); with "hs" the inner nodes'."""
        lines = self._lines(texts)
        return self._scorer()(*self.features.encode(lines))

    def log_odds(self, texts: Sequence[str | bytes]) -> np.ndarray:
        """``log(p / (1 - p))`` of each label for each text, float64 (n_texts, n_labels), from the scores."""
        return log_odds(self.scores(texts), self.loss, self.label_counts)

    def _predicted(
        self, texts: Sequence[str | bytes], k: int, threshold: float, workers: int | None
    ) -> Iterator[Predictions]:
        from embedkit.kernels.best_labels import best_in_tree, best_of

        lines = self._lines(texts)
        encode = self.features.encoder(lines)
        scores_of = self._scorer()
        tree = self._tree() if self.loss == "hs" else None
        least = np.float32(threshold)

        def predict(bounds: tuple[int, int]) -> Predictions:
            indptr, rows = encode(bounds)
            scores = scores_of(indptr, rows)
            n = len(scores)
            values, labels = np.zeros((n, k + 1), np.float32), np.zeros((n, k + 1), np.int32)
            found = np.zeros(n, np.int32)
            if tree is None:
                self._to_probabilities(scores)
                best_of(scores, k, least, values, labels, found)
                if self.kind != self.KIND:
                    plain = np.take_along_axis(scores, labels[:, :k], 1)
                    values[:, :k] = np.where(np.arange(k) < found[:, None], plain, 0)
            else:
                best_in_tree(scores, *tree, k, least, values, labels, found)
            found[np.diff(indptr) == 0] = 0
            return Predictions(labels[:, :k], values[:, :k], found, self._known(indptr, rows))

        predict((0, 0))  # compile before there are threads
        chunk = max(1, min(CHUNK, MAX_SCORES // max(len(self.labels), 1)))
        yield from ordered_map(predict, lines.chunks(chunk), workers or usable_cores(), "predict")

    def _to_probabilities(self, scores: np.ndarray) -> None:
        """Turn scores, float32 (n, n_labels), into probabilities in place; not for "hs"."""
        from embedkit.kernels.classification import sigmoid_table, sigmoids_of, softmax_of

        if self.loss == "softmax":
            softmax_of(scores)
        else:
            sigmoids_of(scores, sigmoid_table())

    def _lines(self, texts: Sequence[str | bytes]) -> Lines:
        """Texts with their words composed as the model has them; bytes that are not ASCII are decoded for it."""
        check_texts(texts)
        return Lines([text if text.isascii() else self._forms.spelt(_decoded(text)) for text in texts])

    @cached_property
    def _forms(self) -> KnownForms:
        return KnownForms(map(decode_word, self.words))

    def _known(self, indptr: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Which encoded lines hold a word of the model."""
        if self.config["max_n"] > 0:
            return np.ones(len(indptr) - 1, bool)
        is_word = (rows >= 0) & (rows < len(self.words)) & (rows != self._end)
        before = np.concatenate([[0], np.cumsum(is_word)])
        return before[indptr[1:]] > before[indptr[:-1]]

    def _scorer(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """From encoded lines to `scores`."""
        from embedkit.kernels import classification as kernels

        rows, size = self.rows, int(self.config["vector_size"])
        codes = _codes(rows) if isinstance(rows, FastTextCodes) else None
        matrix = None if codes is not None else _read_only(rows)
        output_codes = _codes(self.output) if isinstance(self.output, FastTextCodes) else None
        transposed = None if output_codes is not None else np.ascontiguousarray(np.asarray(self.output).T)

        def scores_of(indptr: np.ndarray, numbers: np.ndarray) -> np.ndarray:
            hidden = np.empty((len(indptr) - 1, size), np.float32)
            scores = np.empty((len(hidden), len(self.labels)), np.float32)
            if codes is not None:
                kernels.hidden_of_codes(indptr, numbers, codes, hidden)
            else:
                kernels.hidden_of_rows(indptr, numbers, matrix, hidden)
            if self.config.get("root_mean"):
                hidden *= np.sqrt(np.diff(indptr)).astype(np.float32)[:, None]
            if output_codes is not None:
                kernels.scores_of_codes(hidden, output_codes, scores)
            else:
                kernels.scores_of_rows(hidden, transposed, scores)
            return scores

        return scores_of

    def _tree(self) -> tuple[np.ndarray, np.ndarray]:
        """The children of every node of the Huffman tree over the labels."""
        from embedkit.kernels.outputs import huffman_tree

        parent, turn = huffman_tree(self.label_counts)
        n = 2 * len(self.labels) - 1
        children = np.full((2, n), -1, np.int32)
        inner = np.arange(n - 1)
        children[turn[inner], parent[inner]] = inner
        return children[0], children[1]


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else decode_word(text)


def rows_of_buckets(buckets: np.ndarray, bucket: int, first: int) -> np.ndarray:
    """int32 (bucket,): row ``first + i`` for ``buckets[i]``, -1 for all others."""
    rows = np.full(bucket, -1, np.int32)
    rows[buckets] = first + np.arange(len(buckets), dtype=np.int32)
    return rows


def _codes(matrix: FastTextCodes) -> Any:
    from embedkit.kernels.classification import Codes

    norms = np.zeros(0, np.float32) if matrix.norms is None else matrix.norms
    codes, centroids, norms = map(_read_only, (matrix.codes, matrix.centroids, norms))
    return Codes(codes, centroids, norms, matrix.part_size, matrix.shape[1])


def _read_only(array: Any) -> np.ndarray:
    """A view that cannot be written, so that arrays and memory maps share one compiled kernel."""
    view = np.asarray(array).view(np.ndarray)[:]
    view.flags.writeable = False
    return view


def best_labels(
    probabilities: np.ndarray, places: Sequence[int], n_texts: int, k: int, threshold: float, known: Sequence[bool]
) -> Predictions:
    """The k likeliest labels by plain probabilities, as `BagClassifier.predict` gives them.

    Parameters
    ----------
    probabilities : float32 (len(places), n_labels)
    places : sequence of int
        Which texts these are; the others have no answer.
    n_texts, k : int
    threshold : float
    known : sequence of bool
        Whether the model knows a word of each of these.
    """
    k = min(k, probabilities.shape[1])
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(probabilities, order, 1)
    labels, values = np.zeros((n_texts, k), np.int32), np.zeros((n_texts, k), np.float32)
    found = np.zeros(n_texts, np.int32)
    labels[places], values[places], found[places] = order, best, (best >= threshold).sum(1)
    knows = np.ones(n_texts, bool)
    knows[places] = known
    return Predictions(labels, values, found, knows)
