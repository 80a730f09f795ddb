"""The rows of n-grams where most buckets were never touched.

A trained model uses some hundred thousand of two million, and holds only those, in memory and in its file.
"""

from __future__ import annotations

import functools

import numpy as np

from embedkit.rows.protocol import EncodedRows, Rows, as_array, blocks_of, stored_arrays

_ROWS = 16_384  # rows looked at at once
# A table of all places is made where it has at most so many entries for each row asked for. Of two million rows it took
# 1 ms to make, searching for 30,000 of them 5 ms; by searching alone unknown words in bulk took 2.5 times as long.
_ROWS_A_NUMBER = 64


class SparseRows(EncodedRows):
    """A float32 matrix (n_rows, vector_size) most of whose rows are zero, held as the others.

    Parameters
    ----------
    buckets : int32 or int64 (n_used,)
        The rows that are not zero, ascending.
    values : Rows (n_used, vector_size)
        Those rows.
    n_rows : int
        Rows in all.
    """

    def __init__(self, buckets: np.ndarray, values: Rows, n_rows: int) -> None:
        self.buckets = buckets
        self.values = values
        self.shape = (n_rows, values.shape[1])

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        return [self.buckets, *stored_arrays(self.values)]

    def with_values(self, values: Rows) -> SparseRows:
        """Other rows in the same places."""
        return SparseRows(self.buckets, values, len(self))

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Where in `values` some rows are, -1 for rows of zeros: int32 (k,)."""
        if len(numbers) * _ROWS_A_NUMBER >= len(self):
            return self._every_place[numbers]
        if not len(self.buckets):
            return np.full(len(numbers), -1, np.int32)
        numbers = self._in_their_type(numbers)
        places = np.minimum(np.searchsorted(self.buckets, numbers), len(self.buckets) - 1)
        return np.where(self.buckets[places] == numbers, places, -1).astype(np.int32)

    @functools.cached_property
    def _every_place(self) -> np.ndarray:
        """The place of every row: int32 (n_rows,)."""
        places = np.full(len(self), -1, np.int32)
        places[self.buckets] = np.arange(len(self.buckets), dtype=np.int32)
        return places

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """The rows of a slice or of row numbers, zeros where nothing is held: float32 (k, vector_size)."""
        if isinstance(index, slice):
            low, high, step = index.indices(len(self))
            if step == 1:
                first, last = np.searchsorted(self.buckets, self._in_their_type(np.array([low, max(low, high)])))
                rows = np.zeros((max(0, high - low), self.shape[1]), np.float32)
                rows[self.buckets[first:last] - low] = self.values[first:last]
                return rows
            index = np.arange(low, high, step)
        places = self.places(index)
        rows = np.zeros((len(index), self.shape[1]), np.float32)
        held = places >= 0
        rows[held] = self.values[places[held]]
        return rows

    def _in_their_type(self, numbers: np.ndarray) -> np.ndarray:
        """Row numbers in the type of the buckets, which a search would otherwise copy, all of them."""
        return numbers.astype(self.buckets.dtype, copy=False)


class TakenRows(EncodedRows):
    """Some rows of a matrix, taken from it when they are asked for.

    Parameters
    ----------
    rows : Rows (n, vector_size)
    numbers : int64 (k,)
        Which.
    """

    def __init__(self, rows: Rows, numbers: np.ndarray) -> None:
        self.rows, self.numbers = rows, numbers
        self.shape = (len(numbers), rows.shape[1])

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        return [self.numbers, *stored_arrays(self.rows)]

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """Some rows: float32 (k, vector_size)."""
        return self.rows[self.numbers[index]]


def without_zeros(rows: Rows) -> Rows:
    """The same matrix as `SparseRows` where these take fewer bytes, else all of its rows.

    A row of zeros is one whose bits are all zero. Rows that are decoded stay as they are.
    """
    if isinstance(rows, SparseRows) and isinstance(rows.values, np.ndarray):
        sparse = rows
    elif isinstance(rows, np.ndarray):
        used = np.concatenate([low + _used(block) for low, block in blocks_of(rows, _ROWS)] or [np.zeros(0, np.int64)])
        sparse = SparseRows(used, TakenRows(rows, used), len(rows))
    else:
        return rows
    n_used, size = sparse.values.shape
    if n_used * (size + 1) < len(rows) * size:  # a bucket's number takes the room of one value
        return sparse
    return as_array(rows)


def _used(block: np.ndarray) -> np.ndarray:
    return np.flatnonzero(block.view(np.uint32).any(axis=1))
