"""The rows of n-grams where most buckets were never touched.

A trained model uses some hundred thousand of two million, and holds only those.
"""

from __future__ import annotations

import numpy as np

from embedkit.rows.protocol import EncodedRows


class SparseRows(EncodedRows):
    """A float32 matrix (n_rows, vector_size) most of whose rows are zero, held as the others.

    Parameters
    ----------
    buckets : int64 (n_used,)
        The rows that are not zero, ascending.
    values : float32 (n_used, vector_size)
        Those rows.
    n_rows : int
        Rows in all.
    """

    def __init__(self, buckets: np.ndarray, values: np.ndarray, n_rows: int) -> None:
        self.buckets = buckets
        self.values = values
        self.shape = (n_rows, values.shape[1])

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        return [self.buckets, self.values]

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """The rows of a slice or of row numbers, zeros where nothing is held: float32 (k, vector_size)."""
        if isinstance(index, slice):
            low, high, step = index.indices(len(self))
            if step == 1:
                first, last = np.searchsorted(self.buckets, (low, max(low, high)))
                rows = np.zeros((max(0, high - low), self.shape[1]), np.float32)
                rows[self.buckets[first:last] - low] = self.values[first:last]
                return rows
            index = np.arange(low, high, step)
        places = np.searchsorted(self.buckets, index)
        found = places < len(self.buckets)
        found[found] = self.buckets[places[found]] == index[found]
        rows = np.zeros((len(index), self.shape[1]), np.float32)
        rows[found] = self.values[places[found]]
        return rows
