"""What stands near what: the matrix of counts, made from a corpus and looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedkit.counting.rows import RowBlock
from embedkit.counting.sparse import SparseMatrix
from embedkit.counting.window import Window
from embedkit.errors import ConfigError, UnknownWordError, counted
from embedkit.progress import ProgressCallback
from embedkit.threads import usable_cores
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.words import find_normalised

if TYPE_CHECKING:
    from embedkit.vocabulary.corpus import Corpus


class Cooccurrences:
    """A sparse matrix of counts: rows are words, columns their neighbours.

    Parameters
    ----------
    vocabulary : Vocabulary
    offsets : int64 (n_words + 1,)
        Row i is ``columns[offsets[i]:offsets[i + 1]]`` and the same of `values`.
    columns : int32 (n,)
        Ascending in each row.
    values : float64 (n,)
        Above 0.
    window : Window or None
        How they were counted; None where a file does not say.

    Attributes
    ----------
    matrix : SparseMatrix
        The cells, (n_words, n_words).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        offsets: np.ndarray,
        columns: np.ndarray,
        values: np.ndarray,
        window: Window | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.matrix = SparseMatrix(offsets, columns, values, len(vocabulary))
        self.window = window

    @property
    def offsets(self) -> np.ndarray:
        return self.matrix.offsets

    @property
    def columns(self) -> np.ndarray:
        return self.matrix.columns

    @property
    def values(self) -> np.ndarray:
        return self.matrix.values

    def __len__(self) -> int:
        """The number of cells that are not 0."""
        return len(self.columns)

    def __repr__(self) -> str:
        return f"Cooccurrences({counted(len(self.vocabulary), 'word')}, {counted(len(self), 'cell')})"

    @classmethod
    def from_blocks(
        cls, vocabulary: Vocabulary, blocks: Iterable[RowBlock], window: Window | None = None
    ) -> Cooccurrences:
        """Gather blocks of rows, in order; each is let go as it is copied."""
        gathered = list(blocks)
        lengths = np.concatenate([block.lengths for block in gathered])
        offsets = np.zeros(len(vocabulary) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        columns, values = np.empty(offsets[-1], np.int32), np.empty(offsets[-1])
        end = len(columns)
        while gathered:
            block = gathered.pop()
            start = end - len(block.columns)
            columns[start:end], values[start:end] = block.columns, block.values
            end = start
        return cls(vocabulary, offsets, columns, values, window)

    def blocks(self) -> Iterator[RowBlock]:
        """The rows in blocks, for a writer."""
        from embedkit.counting.rows import cut_rows

        lengths = np.diff(self.offsets)
        for first, last in cut_rows(lengths):
            low, high = self.offsets[first], self.offsets[last]
            yield RowBlock(first, lengths[first:last], self.columns[low:high], self.values[low:high])

    def row(self, word: str) -> np.ndarray:
        """The counts of one word's neighbours, float64 (n_words,).

        Raises
        ------
        UnknownWordError
        """
        return self.matrix.row(self.row_of(word))

    def table(self, words: Sequence[str] | None = None) -> np.ndarray:
        """The counts of some words with each other, of all by default: float64 (n_words, n_words).

        Raises
        ------
        ConfigError
            With more than 5000 words, where it would not be a table for anybody.
        UnknownWordError
            For a word that was not counted.
        """
        n = len(self.vocabulary) if words is None else len(words)
        if n > 5000:
            raise ConfigError(
                f"a table of {n} x {n} counts is too large to look at; name some words, or count with `max_vocab` 30"
            )
        if words is None:
            return self.matrix.toarray()
        ids = [self.row_of(word) for word in words]
        return np.stack([self.matrix.row(i)[ids] for i in ids])

    def ratios(self, first: str, second: str, probes: Sequence[str]) -> list[Ratio]:
        """How much more often each probe stands near one word than near another.

        Pennington, Socher and Manning 2014, "GloVe: Global Vectors for Word Representation", table 1.
        """
        rows = self.row(first), self.row(second)
        totals = [float(row.sum()) for row in rows]
        found = []
        for probe in probes:
            k = self.row_of(probe)
            counts = [float(row[k]) for row in rows]
            p, q = (c / total if total else 0.0 for c, total in zip(counts, totals, strict=True))
            found.append(Ratio(probe, counts[0], counts[1], p, q, p / q if p and q else None))
        return found

    @cached_property
    def column_sums(self) -> np.ndarray:
        """How often each word stands near any, float64 (n_words,)."""
        return np.bincount(self.columns, self.values, len(self.vocabulary))

    def row_of(self, word: str) -> int:
        """The row and column of a word, however its Hangul or accents are composed.

        Raises
        ------
        UnknownWordError
            When it was not counted; the error names close spellings.
        """
        row = find_normalised(self.vocabulary.key_to_index, word)
        if row >= 0:
            return row
        from difflib import get_close_matches

        raise UnknownWordError(word, get_close_matches(word, self.vocabulary.index_to_key, 3, 0.75))


@dataclass(frozen=True)
class Ratio:
    """One probe word k beside two words: counts, P(k | first), P(k | second), and their ratio.

    The ratio is None where either count is 0: what was never seen has no ratio.
    """

    probe: str
    count_first: float
    count_second: float
    p_first: float
    p_second: float
    ratio: float | None


def count_cooccurrences(
    corpus: Corpus,
    window: Window | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Cooccurrences:
    """Count a corpus in memory; `embedkit.counting.counting.count_to_file` keeps within a bound.

    Parameters
    ----------
    corpus : Corpus
    window : Window, optional
        By default 15 words to both sides, weighted 1/distance: what GloVe's ``cooccur`` counts.
    workers : int, optional
        Threads; all cores by default. The counts are the same, bit for bit, for any number.
    progress : callable, optional
    """
    from embedkit.counting.counting import count_blocks

    window = window or Window()
    blocks = count_blocks(corpus, window, workers=workers or usable_cores(), progress=progress)
    return Cooccurrences.from_blocks(corpus.vocabulary, blocks, window)


def estimate_cells(
    corpus: Corpus, window: Window, *, workers: int = 1, sample: int = 1_000_000, times: float = 1.0
) -> int:
    """About how many cells counting a corpus comes to, from its first tokens; rather more than too few.

    Cells grow as a power of the tokens, and ever more slowly: the power between half the sample and all of it gives
    83 million for 18.8 M words of English with window 15, which has 66 million.

    Parameters
    ----------
    corpus : Corpus
    window : Window
    workers, sample : int
    times : float
        As long as this corpus is the one that is asked about.
    """
    from embedkit.vocabulary.corpus import Corpus as Part

    n = min(sample, len(corpus.ids))
    half, whole = (
        len(count_cooccurrences(Part(corpus.ids[:k], corpus.vocabulary), window, workers=workers)) for k in (n // 2, n)
    )
    length = len(corpus.ids) * times
    if n == length or half == 0:
        return whole
    return int(whole * (length / n) ** np.log2(whole / half))
