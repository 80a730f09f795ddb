"""Counts of one byte range in a store: written once by the worker that made them, read by rows by those that add up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from embedkit.counting.runs import HeldRun
from embedkit.errors import EmbedkitError
from embedkit.files.atomic import atomic_open
from embedkit.files.locations import open_location, shown


class StoredRun(NamedTuple):
    """A run in a file: the offsets of its rows (int64), the columns (int32), the values (float64), nothing else.

    Attributes
    ----------
    name : str
        A path or URL that all workers reach.
    n_words, n_records : int
    """

    name: str
    n_words: int
    n_records: int

    @classmethod
    def write(cls, run: HeldRun, name: str) -> StoredRun:
        """Write a run that holds all rows.

        Raises
        ------
        EmbedkitError
            When it cannot be written.
        """
        offsets = run.offsets(0, run.n_words)
        n = int(offsets[-1])
        with atomic_open(name) as stream:
            for array in (offsets, *run.read(0, n)):
                stream.write(np.ascontiguousarray(array).data)
        return cls(name, run.n_words, n)

    def rows(self, first: int, last: int) -> HeldRun:
        """Rows ``first .. last - 1``, the others empty.

        Raises
        ------
        EmbedkitError
            When the file is gone or cut off.
        """
        begin = 8 * (self.n_words + 1)
        offsets = np.zeros(self.n_words + 1, np.int64)
        with open_location(self.name) as stream:
            found = self._read(stream, 8 * first, np.dtype(np.int64), last - first + 1)
            low, n = int(found[0]), int(found[-1] - found[0])
            columns = self._read(stream, begin + 4 * low, np.dtype(np.int32), n)
            values = self._read(stream, begin + 4 * self.n_records + 8 * low, np.dtype(np.float64), n)
        offsets[first : last + 1] = found - low
        offsets[last + 1 :] = n
        return HeldRun(offsets, columns, values)

    def _read(self, stream: Any, start: int, dtype: np.dtype[Any], n: int) -> np.ndarray:
        stream.seek(start)
        data = bytearray()
        while len(data) < n * dtype.itemsize:
            piece = stream.read(n * dtype.itemsize - len(data))
            if not piece:
                raise EmbedkitError(f"{shown(self.name)}: counts that were kept there are cut off; count again")
            data += piece
        return np.frombuffer(bytes(data), dtype)
