"""Rows of float32 numbers, however they are stored: what everything that reads a matrix of vectors may rely on.

An array or a memory map is such rows; so are quantised rows, rows most of which are zero, and rows that are composed of
n-grams (`EncodedRows`). Whoever needs some rows asks for them; whoever needs all goes through them block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

BLOCK = 65_536  # rows decoded at once: 26 MB at 100 dimensions, and work for several threads
Index = int | np.integer | slice | np.ndarray | list[int]


class Rows(Protocol):
    """A matrix float32 (n_rows, vector_size) that gives out rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n_rows, vector_size)``."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """What `__getitem__` gives: float32."""

    @property
    def nbytes(self) -> int:
        """Bytes of what is stored."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> np.ndarray:
        """float32 (vector_size,) for a row number, (k, vector_size) for a slice or an array of numbers."""


class EncodedRows:
    """Rows that are decoded when they are asked for.

    A subclass sets `shape` and gives `decode` and `arrays`; indexing, bounds and conversion are here, once for all.

    Attributes
    ----------
    shape : (n_rows, vector_size)
    """

    shape: tuple[int, int]
    dtype = np.dtype(np.float32)

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """The rows of a slice or of int64 (k,) row numbers that are in bounds: float32 (k, vector_size)."""
        raise NotImplementedError

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of what is stored."""
        return sum(array.nbytes for array in self.arrays)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Index) -> np.ndarray:
        """Decode some rows: float32 (vector_size,) for a number, (k, vector_size) for a slice or numbers.

        Raises
        ------
        IndexError
            When a row number is out of bounds.
        """
        if isinstance(index, slice):
            return self.decode(index)
        numbers = np.asarray(index)
        if numbers.dtype == bool:
            numbers = np.flatnonzero(numbers)
        if numbers.size == 0:
            return np.zeros((*numbers.shape, self.shape[1]), np.float32)
        if numbers.dtype.kind not in "iu" or numbers.ndim > 1:
            raise IndexError(f"expected row numbers, found {numbers.dtype} of shape {numbers.shape}")
        numbers = numbers.astype(np.int64, copy=False)
        lowest, highest = numbers.min(), numbers.max()
        if lowest < -len(self) or highest >= len(self):
            raise IndexError(f"rows {lowest} to {highest} of a matrix of {len(self)}")
        if lowest < 0:
            numbers = np.where(numbers < 0, numbers + len(self), numbers)
        return self.decode(numbers) if numbers.ndim else self.decode(numbers[None])[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return as_array(self).astype(dtype or np.float32, copy=False)


def blocks_of(rows: Rows, size: int = BLOCK) -> Iterator[tuple[int, np.ndarray]]:
    """Go through rows block by block: (number of the first row, float32 (k, vector_size))."""
    for low in range(0, len(rows), size):
        yield low, rows[low : low + size]


def as_array(rows: Rows) -> np.ndarray:
    """All rows as one array: an array comes back as it is, others are decoded."""
    if isinstance(rows, np.ndarray):
        return rows
    result = np.empty(rows.shape, np.float32)
    for low, block in blocks_of(rows):
        result[low : low + len(block)] = block
    return result


def stored_arrays(rows: Rows) -> list[np.ndarray]:
    """The arrays that hold these rows."""
    if isinstance(rows, EncodedRows):
        return rows.arrays
    return [np.asarray(rows)]
