"""Lines of text as rows of a model: its words' rows, and behind them the vectors that were composed for other words.

A few lines go through a dictionary, so that a question never imports numba; many go through the byte scanner, 20
million tokens a second.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from embedkit.errors import check_several
from embedkit.kernels import thresholds
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.tokenizers import Tokenizer
from embedkit.vocabulary.words import in_each_form

LEFT_OUT = -2


class Lines(NamedTuple):
    """The words of some lines.

    Attributes
    ----------
    rows : int32 (n,)
        Rows of the model's words, from ``len(model)`` on those of `TokenRows.composed`; words without a vector are
        left out.
    offsets : int64 (n_lines + 1,)
        Line i is ``rows[offsets[i]:offsets[i + 1]]``.
    """

    rows: np.ndarray
    offsets: np.ndarray


class TokenRows:
    """Cuts lines into words and finds their rows.

    Parameters
    ----------
    model : KeyedVectors
    tokenizer : Tokenizer
    stop_words : collection of str
        Tokens that are left out.

    Attributes
    ----------
    composed_words : list of str
        The words that were composed from their n-grams, in the order of their rows.
    """

    def __init__(self, model: KeyedVectors, tokenizer: Tokenizer, stop_words: Collection[str] = ()) -> None:
        check_several(stop_words, "stop_words")
        self.model, self.tokenizer, self.stop_words = model, tokenizer, in_each_form(stop_words)
        self.composed_words: list[str] = []
        self._composed = np.empty((0, model.vector_size), np.float32)
        self._known: dict[str, int] = {}
        self._scanner: _Scanner | None = None
        self._characters = 0

    @property
    def composed(self) -> np.ndarray:
        """The vectors of `composed_words`: float32 (n, vector_size)."""
        return self._composed[: len(self.composed_words)]

    @property
    def scanning(self) -> bool:
        """Whether enough was read for compiled code."""
        return self._scanner is not None

    def word(self, row: int) -> str:
        """The word of a row."""
        n = len(self.model)
        return self.model.index_to_key[row] if row < n else self.composed_words[row - n]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of rows that were given out: float32 (n, vector_size)."""
        n = len(self.model)
        own = rows < n
        if own.all():
            return np.asarray(self.model[rows])
        vectors = np.empty((len(rows), self.model.vector_size), np.float32)
        vectors[own] = self.model[rows[own]]
        vectors[~own] = self.composed[rows[~own] - n]
        return vectors

    def read(self, lines: Sequence[str]) -> Lines:
        """The rows of some lines, an empty run for a line without known words."""
        self._characters += sum(map(len, lines))
        if self._characters >= thresholds.SCANNED_CHARACTERS:
            if self._scanner is None:
                self._scanner = _Scanner(self)
            found = self._scanner.read(lines)
            if found is not None:
                return found
        cut = [self.tokenizer.tokens(line) for line in lines]
        self._meet({token for tokens in cut for token in tokens if token not in self._known})
        rows = [[row for row in map(self._known.__getitem__, tokens) if row >= 0] for tokens in cut]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(line) for line in rows], out=offsets[1:])
        return Lines(np.array([row for line in rows for row in line], np.int32), offsets)

    def _meet(self, words: Collection[str]) -> None:
        """Find the rows of words that were not seen before, and compose those that have none."""
        strangers = []
        for word in sorted(words):
            row = LEFT_OUT if word in self.stop_words else self.model.row(word)
            if row == -1:
                strangers.append(word)
            self._known[word] = row if row >= 0 else LEFT_OUT
        subwords, ngrams = self.model.subwords, self.model.ngram_vectors
        if not strangers or subwords is None or ngrams is None:
            return
        if len(strangers) < thresholds.HASHED_WORDS:
            strangers = [word for word in strangers if self.model.has_vector(word)]
            vectors = self.model.get_vectors(strangers)
        else:
            from embedkit.rows.composing import compose

            vectors, known = compose(subwords, list(map(self.model.as_spelt, strangers)), ngrams)
            vectors = vectors[known]
            strangers = [word for word, is_known in zip(strangers, known.tolist(), strict=True) if is_known]
        first = len(self.composed_words)
        self.composed_words += strangers
        if len(self._composed) < len(self.composed_words):
            larger = np.empty((2 * len(self.composed_words), self.model.vector_size), np.float32)
            larger[:first] = self._composed[:first]
            self._composed = larger
        self._composed[first : len(self.composed_words)] = vectors
        for i, word in enumerate(strangers):
            self._known[word] = len(self.model) + first + i

    def rows_of(self, words: Sequence[str]) -> list[int]:
        """The rows of words, negative for those that are left out."""
        self._meet({word for word in words if word not in self._known})
        return [self._known[word] for word in words]


class _Scanner:
    """The byte scanner over a model's words; words that it meets besides are looked up once."""

    def __init__(self, owner: TokenRows) -> None:
        from embedkit.kernels.tokens import PADDING
        from embedkit.vocabulary.word_table import WordTable

        self._owner = owner
        words = owner.model.table.packed_words
        self._table: Any = WordTable(len(words))
        numbers = self._table.insert(
            np.concatenate([words.blob[: words.offsets[-1]], np.zeros(PADDING, np.uint8)]),
            words.offsets[:-1],
            np.diff(words.offsets),
            np.zeros(len(words), np.int64),
        )
        self._mark = self._table.mark()
        self._mapping = np.full(2 * self._table.n_words, LEFT_OUT, np.int32)
        self._mapping[numbers[::-1]] = np.arange(len(words))[::-1]  # of equal words the first row counts
        for word in owner.stop_words:
            row = owner.model.key_to_index.get(word)
            if row is not None:
                self._mapping[numbers[row]] = LEFT_OUT

    def read(self, lines: Sequence[str]) -> Lines | None:
        """As `TokenRows.read`; None where the lines hold bytes that are not UTF-8."""
        from embedkit.kernels.pooling import split_lines
        from embedkit.vocabulary.scanning import scan_lines

        ids = scan_lines(self._table, self._owner.tokenizer, lines)
        if ids is None:
            return None
        if self._table.n_words > self._mark[0]:
            self._meet()
        rows, offsets = np.empty(len(ids), np.int32), np.zeros(len(lines) + 1, np.int64)
        n_rows = split_lines(ids, self._mapping, rows, offsets)
        return Lines(rows[:n_rows], offsets)

    def _meet(self) -> None:
        data, begins, lengths, _ = self._table.index(self._mark)
        words = [data[a : a + n].tobytes().decode() for a, n in zip(begins.tolist(), lengths.tolist(), strict=True)]
        first, self._mark = self._mark[0], self._table.mark()
        if self._mark[0] > len(self._mapping):
            more = np.full(2 * self._mark[0] - len(self._mapping), LEFT_OUT, np.int32)
            self._mapping = np.concatenate([self._mapping, more])
        self._mapping[first : self._mark[0]] = self._owner.rows_of(words)
