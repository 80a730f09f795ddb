"""Counts of one byte range on the disk of the worker that made them: they take no memory until they are added up."""

from __future__ import annotations

import threading
import weakref
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from embedkit.counting.rows import RowBlock
from embedkit.counting.runs import HeldRun
from embedkit.files.spool import Spool

Mark = tuple[int, int, int]
_WHAT = "the counts of a stretch of text"
_RUNS_A_FILE = 32  # a process may have about a thousand files open


class Stretch(NamedTuple):
    """Some rows of the counts of a range.

    Attributes
    ----------
    run : HeldRun
    words : int64 (n_rows,)
        How often the word of each row stands in the range.
    mark : tuple of int
        Of the whole range, as `KeptRun.mark`.
    """

    run: HeldRun
    words: np.ndarray
    mark: Mark


class KeptRun:
    """Counts of a range in a file without a name.

    Sent to another process they go to a file there.

    Parameters
    ----------
    words : int64 (n_words,)
        How often each stands in the range.
    blocks : iterable of RowBlock
        All rows, in order; none of a range without words.
    apart : bool
        Whether the file is its own, and gone with it: of runs that do not live long.

    Attributes
    ----------
    n_words, n_records : int
    mark : tuple of int
        Checksums of what was counted: a range that is counted again has to have the same.

    Raises
    ------
    EmbedkitError
        When the disk is full or the folder cannot be written.
    """

    def __init__(self, words: np.ndarray, blocks: Iterable[RowBlock], apart: bool = False) -> None:
        self.n_words, self._spool = len(words), Spool(_WHAT) if apart else _Shared.spool()
        columns = values = 0
        ends, lengths = [0], [np.zeros(1, np.int64)]
        self._places: list[tuple[int, int]] = []  # where columns and values of each block begin
        for block in blocks:
            self._places.append((self._spool.add(block.columns), self._spool.add(block.values)))
            columns, values = zlib.crc32(block.columns.data, columns), zlib.crc32(block.values.data, values)
            ends.append(ends[-1] + len(block.columns))
            lengths.append(block.lengths)
        offsets = np.zeros(len(words) + 1, np.int64)
        if self._places:
            np.cumsum(np.concatenate(lengths), out=offsets)
        self._ends, self.n_records = ends, ends[-1]
        self.mark: Mark = columns, values, zlib.crc32(words.data)
        self._offsets, self._words = self._spool.add(offsets), self._spool.add(words)

    def __reduce__(self) -> tuple[Any, ...]:
        columns, values = self.read(0, self.n_records)
        block = RowBlock(0, np.diff(self.offsets(0, self.n_words)), columns, values)
        return KeptRun, (self.words(0, self.n_words), [block])

    def words(self, first: int, last: int) -> np.ndarray:
        """How often words ``first .. last - 1`` stand in the range: int64 (last - first,)."""
        return self._spool.read(np.int64, self._words + 8 * first, last - first)

    def offsets(self, first: int, last: int) -> np.ndarray:
        """Where rows ``first .. last - 1`` start and the last of them ends: int64 (last - first + 1,)."""
        return self._spool.read(np.int64, self._offsets + 8 * first, last - first + 1)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Columns (int32) and values (float64) of records ``start .. stop - 1``."""
        columns, values = [np.empty(0, np.int32)], [np.empty(0)]
        for (begin, end), places in zip(pairwise(self._ends), self._places, strict=True):
            low, high = max(begin, start), min(end, stop)
            if low < high:
                columns.append(self._spool.read(np.int32, places[0] + 4 * (low - begin), high - low))
                values.append(self._spool.read(np.float64, places[1] + 8 * (low - begin), high - low))
        return np.concatenate(columns), np.concatenate(values)

    def stretch(self, first: int, last: int) -> Stretch:
        """Rows ``first .. last - 1``."""
        offsets = self.offsets(first, last)
        run = HeldRun(first, offsets - offsets[0], *self.read(int(offsets[0]), int(offsets[-1])))
        return Stretch(run, self.words(first, last), self.mark)


class _Shared:
    """The file that the next runs of this process go to; it is gone when the last of them is."""

    _lock = threading.Lock()
    _left = 0

    @classmethod
    def _now(cls) -> Spool | None:
        return None

    @classmethod
    def spool(cls) -> Spool:
        with cls._lock:
            found = cls._now() if cls._left else None
            if found is None:
                found, cls._left = Spool(_WHAT), _RUNS_A_FILE
                cls._now = weakref.ref(found)  # type: ignore[method-assign]
            cls._left -= 1
            return found
