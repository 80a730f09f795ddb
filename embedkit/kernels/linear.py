"""Sums of rows, and the columns of a sparse matrix: the two products that fit a linear model."""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel


@kernel
def sum_rows(indptr, rows, matrix, scales, first, last, out):
    """``out[i] = scales[i] * sum of matrix[rows[indptr[i]:indptr[i + 1]]]`` for `first` ≤ i < `last`.

    Parameters
    ----------
    indptr, rows : int64 (n + 1,), int32
    matrix : float32 (n_rows, n_columns)
    scales : float32 (n,)
    first, last : int
    out : float32 (n, n_columns)
    """
    for i in range(first, last):
        sums = out[i]
        sums[:] = 0.0
        for r in range(indptr[i], indptr[i + 1]):
            row = matrix[rows[r]]
            for c in range(len(sums)):
                sums[c] += row[c]
        for c in range(len(sums)):
            sums[c] *= scales[i]


@kernel
def columns_of(indptr, rows, n_rows):
    """The same entries by their row: (starts int64 (n_rows + 1,), lines int32), the lines of each row ascending."""
    starts = np.zeros(n_rows + 1, np.int64)
    for row in rows:
        starts[row + 1] += 1
    for row in range(n_rows):
        starts[row + 1] += starts[row]
    place = starts[:-1].copy()
    lines = np.empty(len(rows), np.int32)
    for i in range(len(indptr) - 1):
        for r in range(indptr[i], indptr[i + 1]):
            lines[place[rows[r]]] = i
            place[rows[r]] += 1
    return starts, lines
