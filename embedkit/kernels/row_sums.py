"""Sums of some rows of a matrix: a bag's vectors, or the gradients that one row has from several places.

Each sum is added up in order, as ``np.add.at`` does, which takes ten times as long.
"""

from __future__ import annotations

from embedkit.kernels.compiling import kernel


@kernel
def sum_rows(matrix, rows, starts, out):
    """``out[k]``: the sum of the rows of a matrix that ``rows[starts[k]:starts[k + 1]]`` names.

    Parameters
    ----------
    matrix : float32 (n, d)
    rows, starts : int64 (m,), (n_sums + 1,)
    out : float32 (n_sums, d)
        Of which each row is written; that of a sum of no rows is left.
    """
    for k in range(len(out)):
        for at in range(starts[k], starts[k + 1]):
            row = rows[at]
            if at == starts[k]:
                for j in range(out.shape[1]):
                    out[k, j] = matrix[row, j]
            else:
                for j in range(out.shape[1]):
                    out[k, j] += matrix[row, j]
