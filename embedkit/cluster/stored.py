"""Counts of one byte range in a store: written once by the worker that made them, read by rows by those that add up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.kept import KeptRun, Mark, Stretch
from embedkit.counting.runs import HeldRun
from embedkit.errors import EmbedkitError
from embedkit.files.atomic import atomic_open
from embedkit.files.locations import open_location
from embedkit.files.urls import shown

_AT_ONCE = 1 << 20  # records


class StoredRun(NamedTuple):
    """Counts of a range in a file: the offsets of its rows, how often their words stand in it (int64), the columns
    (int32), the values (float64), nothing else.

    Attributes
    ----------
    name : str
        A path or URL that all workers reach.
    n_words, n_records : int
    mark : tuple of int
        As `KeptRun.mark`.
    """

    name: str
    n_words: int
    n_records: int
    mark: Mark

    @classmethod
    def write(cls, run: KeptRun, name: str) -> StoredRun:
        """Write the counts of a range.

        Raises
        ------
        EmbedkitError
            When they cannot be written.
        """
        offsets = run.offsets(0, run.n_words)
        n = int(offsets[-1])
        with atomic_open(name) as stream:
            stream.write(offsets.data)
            stream.write(run.words(0, run.n_words).data)
            for which in (0, 1):
                for start in range(0, n, _AT_ONCE):
                    stream.write(run.read(start, min(n, start + _AT_ONCE))[which].data)
        return cls(name, run.n_words, n, run.mark)

    def stretch(self, first: int, last: int) -> Stretch:
        """Rows ``first .. last - 1``.

        Raises
        ------
        EmbedkitError
            When the file is gone or cut off.
        """
        words = 8 * (self.n_words + 1)
        columns = words + 8 * self.n_words
        with open_location(self.name) as stream:
            offsets = self._read(stream, 8 * first, np.dtype(np.int64), last - first + 1)
            low, n = int(offsets[0]), int(offsets[-1] - offsets[0])
            return Stretch(
                HeldRun(
                    first,
                    offsets - low,
                    self._read(stream, columns + 4 * low, np.dtype(np.int32), n),
                    self._read(stream, columns + 4 * self.n_records + 8 * low, np.dtype(np.float64), n),
                ),
                self._read(stream, words + 8 * first, np.dtype(np.int64), last - first),
                self.mark,
            )

    def _read(self, stream: Any, start: int, dtype: np.dtype[Any], n: int) -> np.ndarray:
        stream.seek(start)
        data = bytearray()
        while len(data) < n * dtype.itemsize:
            piece = stream.read(n * dtype.itemsize - len(data))
            if not piece:
                raise EmbedkitError(f"{shown(self.name)}: counts that were kept there are cut off; count again")
            data += piece
        return np.frombuffer(bytes(data), dtype)
