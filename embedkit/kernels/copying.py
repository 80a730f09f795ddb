"""Copies of rows in kernels that are compiled soon, and rows that change places.

``target[:] = source`` of numba may fail with a message that tells both shapes. What writes it takes four seconds to
compile, once in each process that compiles a kernel with such a line: a loop does without.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel


@kernel(borrows=True)
def copy_row(source, target):
    """``target[:] = source`` of arrays with one axis; `source` may be longer."""
    for i in range(len(target)):
        target[i] = source[i]


@kernel
def order_in_place(matrix, order, size):
    """Bring row ``order[i]`` to place i, without its padding: then it is ``matrix.flat[i * size : (i + 1) * size]``.

    Parameters
    ----------
    matrix : float32 (n, row_size), C order
        Afterwards the last ``n * (row_size - size)`` numbers mean nothing.
    order : int32 (n,)
        A permutation; becomes 0 .. n - 1.
    size : int
        Numbers of a row that count.
    """
    n, row_size = matrix.shape
    spare = np.empty(size, matrix.dtype)
    for first in range(n):
        copy_row(matrix[first], spare)
        place = first
        while order[place] != first:
            source = order[place]
            copy_row(matrix[source], matrix[place, :size])
            order[place] = place
            place = source
        copy_row(spare, matrix[place, :size])
        order[place] = place
    flat = matrix.reshape(n * row_size)
    for row in range(n):
        for d in range(size):
            flat[row * size + d] = flat[row * row_size + d]
