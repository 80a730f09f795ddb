"""Products of a sparse matrix, kept row by row, and its transpose: what a truncated SVD needs."""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import LINE_FLOATS, prefetch

PREFETCH_CELLS = 6


@kernel(fastmath=True)
def multiply_rows(offsets, columns, values, dense, first, last, out):
    """``out[first:last] = sparse[first:last] @ dense``.

    Parameters
    ----------
    offsets : int64 (n_rows + 1,), columns : int32, values : float32
        Row i is ``columns[offsets[i]:offsets[i + 1]]`` and the same of `values`.
    dense : float32 (n_columns, width)
    first, last : int
        The rows.
    out : float32 (n_rows, width)
        The rows are filled.
    """
    width = dense.shape[1]
    flat = dense.reshape(-1)
    for i in range(first, last):
        row = out[i]
        row[:] = np.float32(0.0)
        for k in range(offsets[i], offsets[i + 1]):
            # The rows of `dense` come from the third-level cache in no order: a third of the time without this.
            ahead = np.int64(columns[min(k + PREFETCH_CELLS, offsets[i + 1] - 1)]) * width
            for line in range(0, width, LINE_FLOATS):
                prefetch(flat, ahead + line)
            value, source = values[k], dense[columns[k]]
            for d in range(width):
                row[d] += value * source[d]


@kernel
def transpose(offsets, columns, values, out_offsets, out_columns, out_values):
    """The same cells column by column; rows ascend in each column.

    Parameters
    ----------
    offsets, columns, values
        As in `multiply_rows`.
    out_offsets : int64 (n_columns + 1,)
        Zeros; filled.
    out_columns : int32, out_values : float32
        Filled.
    """
    for column in columns:
        out_offsets[column + 1] += 1
    for j in range(out_offsets.shape[0] - 1):
        out_offsets[j + 1] += out_offsets[j]
    fill = out_offsets[:-1].copy()
    for i in range(offsets.shape[0] - 1):
        for k in range(offsets[i], offsets[i + 1]):
            place = fill[columns[k]]
            fill[columns[k]] = place + 1
            out_columns[place] = i
            out_values[place] = values[k]
