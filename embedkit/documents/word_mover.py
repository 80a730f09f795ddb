"""Distances between texts by the distances of their words: Word Mover's Distance and its lower bounds.

A text is a bag of words with weights d_w, the share of each in its known words; c(v, w) is the Euclidean distance of
two words' vectors. Kusner, Sun, Kolkin and Weinberger (2015), "From word embeddings to document distances":

========  ===========================================================================================================
exact     the least Σ T_vw c(v, w) of all ways T ≥ 0 to carry one text's weights to the other's
relaxed   the larger of the costs when each word of one text goes to its nearest of the other (section 3.2, RWMD)
centroid  the distance of the two weighted means (WCD)
========  ===========================================================================================================

The last two are never above the first. The relaxed distances of one text from many need one matrix product with the
words that occur in them (Atasu et al. 2017, "Linear-complexity relaxed Word Mover's Distance"); exact ones are worked
out only where that bound leaves a text in the running ("prefetch and prune", section 3.3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from math import inf, isnan
from typing import NamedTuple

import numpy as np

from embedkit.documents.token_rows import Lines, TokenRows
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.tokenizers import get_tokenizer

KINDS = ("exact", "relaxed", "centroid")
Text = str | Sequence[str]
_NUMBERS_AT_ONCE = 1 << 21
_ROUNDING = 1e-9  # between a bound and a distance that are the same


class Bags(NamedTuple):
    """Texts as bags of words.

    Attributes
    ----------
    rows : int64 (n,)
        Of the model's words, ascending in each text.
    counts : int64 (n,)
        How often the text holds each.
    offsets : int64 (n_texts + 1,)
        Text i is ``rows[offsets[i]:offsets[i + 1]]``; empty where no word is known.
    """

    rows: np.ndarray
    counts: np.ndarray
    offsets: np.ndarray


class WordMover:
    """Distances between texts.

    Parameters
    ----------
    model : KeyedVectors
        The words' vectors; unknown words are composed where the model can, otherwise left out.
    unit : bool
        Set the lengths of the vectors to 1, as gensim's ``wmdistance`` does; the paper takes them as they are.
    stop_words : sequence of str
        Words that are left out, as in the paper.

    Notes
    -----
    A text is a str, cut as the text of the model's training was, or a sequence of words. The distance from a text
    without a known word is infinite.

    Examples
    --------
    >>> mover = WordMover(embedkit.load("demo/en.safetensors"))  # doctest: +SKIP
    >>> mover.distance("the king rules", "the queen reigns")     # doctest: +SKIP
    """

    def __init__(self, model: KeyedVectors, *, unit: bool = True, stop_words: Sequence[str] = ()) -> None:
        tokenizer = model.table.setting("tokenizer", "whitespace")
        lowercase = model.table.setting("lowercase", False)
        self.model, self.unit = model, unit
        self._tokens = TokenRows(model, get_tokenizer(tokenizer, lowercase), stop_words)

    def bags(self, texts: Sequence[Text]) -> Bags:
        """Some texts as bags of words."""
        texts = list(texts)
        if all(isinstance(text, str) for text in texts):
            lines = self._tokens.read([str(text) for text in texts])
        else:
            found = list(map(self._rows, texts))
            lines = Lines(np.fromiter(chain.from_iterable(found), np.int32), np.cumsum([0, *map(len, found)]))
        n_texts = len(lines.offsets) - 1
        n_rows = len(self.model) + len(self._tokens.composed_words)
        first_keys = np.arange(n_texts + 1) * n_rows
        keys, counts = np.unique(
            np.repeat(first_keys[:-1], lines.offsets[1:] - lines.offsets[:-1]) + lines.rows, return_counts=True
        )
        return Bags(keys % n_rows, counts, np.searchsorted(keys, first_keys))

    def unknown(self, text: Text) -> list[str]:
        """The words of a text that have no vector, each once; stop words are not among them."""
        words = [word for word in dict.fromkeys(self._words(text)) if word not in self._tokens.stop_words]
        return [word for word, row in zip(words, self._tokens.rows_of(words), strict=True) if row < 0]

    def _words(self, text: Text) -> list[str]:
        return self._tokens.tokenizer.tokens(text) if isinstance(text, str) else list(text)

    def _rows(self, text: Text) -> list[int]:
        return [row for row in self._tokens.rows_of(self._words(text)) if row >= 0]

    def distance(self, a: Text, b: Text, kind: str = "exact") -> float:
        """The distance of two texts, see `distances`; infinite where one has no known word.

        Raises
        ------
        ConfigError
            For an unknown kind, or vectors that are not finite.
        """
        if kind != "exact":
            return float(self.distances(a, [b], kind)[0])
        from embedkit.kernels.transport import movers_distance

        words_a, words_b = Counter(self._rows(a)), Counter(self._rows(b))
        if not words_a or not words_b:
            return inf
        vectors = self._tokens.vectors(np.array([*words_a, *words_b], np.int64))
        counts = np.array([*words_a.values(), *words_b.values()], np.int64)
        found = float(movers_distance(vectors, counts, len(words_a), self.unit))
        if isnan(found):
            raise _not_finite()
        return found

    def distances(self, query: Text, texts: Sequence[Text] | Bags, kind: str = "exact") -> np.ndarray:
        """The distances of one text from others.

        Parameters
        ----------
        query : str or sequence of str
        texts : sequence of texts, or Bags
        kind : {"exact", "relaxed", "centroid"}
            See the module's table.

        Returns
        -------
        float64 (n,)
            Infinite where one of the two has no known word.

        Raises
        ------
        ConfigError
            For another `kind`, or vectors that are not finite.
        """
        return self._task(query, texts).answers(kind)

    def nearest(self, query: Text, texts: Sequence[Text] | Bags, topn: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The texts nearest to one by exact distance, of which as few as possible are worked out.

        Parameters
        ----------
        query : str or sequence of str
        texts : sequence of texts, or Bags
        topn : int

        Returns
        -------
        numbers : int64 (k,), distances : float64 (k,)
            The nearest first, of equal ones the first; texts without a known word are not among them.
        """
        task = self._task(query, texts)
        bounds = task.relaxed()
        best: list[tuple[float, int]] = []
        for number in np.argsort(bounds, kind="stable").tolist():
            if np.isinf(bounds[number]) or (len(best) >= topn and bounds[number] > best[-1][0] + _ROUNDING):
                break
            best = sorted([*best, (task.exact(number), number)])[:topn]
        return np.array([number for _, number in best], np.int64), np.array([value for value, _ in best], np.float64)

    def _task(self, query: Text, texts: Sequence[Text] | Bags) -> _Task:
        return _Task(self, self.bags([query]), texts if isinstance(texts, Bags) else self.bags(texts))

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of rows that `bags` gave out: float64 (n, vector_size)."""
        vectors = self._tokens.vectors(rows).astype(np.float64)
        if self.unit:
            lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
            vectors /= np.where(lengths > 0, lengths, 1.0)[:, None]
        return vectors


class _Task:
    """One text and those it is compared with; what their words are apart is worked out once."""

    def __init__(self, mover: WordMover, query: Bags, texts: Bags) -> None:
        self.mover, self.query, self.texts = mover, query, texts
        self.n_texts = len(texts.offsets) - 1
        sums = np.zeros(len(texts.counts) + 1, np.int64)
        np.cumsum(texts.counts, out=sums[1:])
        self.sizes = sums[texts.offsets[1:]] - sums[texts.offsets[:-1]]
        self.known = self.sizes.nonzero()[0] if len(query.rows) else np.empty(0, np.int64)
        self._rows, self._places = np.unique(texts.rows, return_inverse=True)
        self._costs = self._ground() if len(self.known) else np.empty((len(query.rows), 0))

    def _ground(self) -> np.ndarray:
        """The distance of each word of the query from each word of the texts: float64 (m, n)."""
        asked = self.mover.vectors(self.query.rows)
        squares = np.einsum("ij,ij->i", asked, asked)[:, None]
        costs = np.empty((len(asked), len(self._rows)))
        step = max(_NUMBERS_AT_ONCE // asked.shape[1], 1)
        for low in range(0, len(self._rows), step):
            others = self.mover.vectors(self._rows[low : low + step])
            found = squares + np.einsum("ij,ij->i", others, others) - 2 * asked @ others.T
            costs[:, low : low + step] = np.sqrt(np.maximum(found, 0))
        costs[self.query.rows[:, None] == self._rows] = 0
        if not np.isfinite(costs).all():
            raise _not_finite()
        return costs

    def answers(self, kind: str) -> np.ndarray:
        """The distance of each text: float64 (n_texts,), infinite where no word is known.

        Raises
        ------
        ConfigError
            For an unknown kind.
        """
        if kind not in KINDS:
            raise ConfigError(f"`kind` must be one of {', '.join(KINDS)}, got {kind!r}")
        if kind != "exact":
            return self.centroid() if kind == "centroid" else self.relaxed()
        found = np.full(self.n_texts, np.inf)
        for number in self.known.tolist():
            found[number] = self.exact(number)
        return found

    def exact(self, number: int) -> float:
        """The exact distance of one of the known texts."""
        from embedkit.kernels.transport import transport_cost

        held = slice(*self.texts.offsets[number : number + 2].tolist())
        n, m = int(self.query.counts.sum()), int(self.sizes[number])
        costs = np.ascontiguousarray(self._costs[:, self._places[held]])
        return float(transport_cost(self.query.counts * m, self.texts.counts[held] * n, costs)) / (n * m)

    def relaxed(self) -> np.ndarray:
        """The relaxed distance of each text."""
        found = np.full(self.n_texts, np.inf)
        if not len(self.known):
            return found
        weights = self.query.counts / self.query.counts.sum()
        nearest = self._costs.min(axis=0)
        for texts, held, starts in self._blocks(len(weights)):
            places = self._places[held]
            there = weights @ np.minimum.reduceat(self._costs[:, places], starts, axis=1)
            back = np.add.reduceat(nearest[places] * self.texts.counts[held], starts) / self.sizes[texts]
            found[texts] = np.maximum(there, back)
        return found

    def centroid(self) -> np.ndarray:
        """The distance of the weighted means of each text and of the query."""
        found = np.full(self.n_texts, np.inf)
        if not len(self.known):
            return found
        mean = self.query.counts @ self.mover.vectors(self.query.rows) / self.query.counts.sum()
        for texts, held, starts in self._blocks(len(mean)):
            vectors = self.mover.vectors(self.texts.rows[held]) * self.texts.counts[held][:, None]
            means = np.add.reduceat(vectors, starts, axis=0) / self.sizes[texts][:, None]
            found[texts] = np.sqrt(np.square(means - mean).sum(axis=1))
        return found

    def _blocks(self, numbers_a_word: int) -> Iterator[tuple[np.ndarray, slice, np.ndarray]]:
        """The known texts some at a time: their numbers, the slice of their words, and where each begins in it."""
        most = max(_NUMBERS_AT_ONCE // numbers_a_word, 1)
        begins, ends = self.texts.offsets[self.known], self.texts.offsets[self.known + 1]
        low = 0
        while low < len(self.known):
            high = max(int(np.searchsorted(ends, begins[low] + most, side="right")), low + 1)
            yield self.known[low:high], slice(int(begins[low]), int(ends[high - 1])), begins[low:high] - begins[low]
            low = high


def _not_finite() -> ConfigError:
    return ConfigError("the vectors of some words hold NaN or an infinity: nothing is at a distance from them")
