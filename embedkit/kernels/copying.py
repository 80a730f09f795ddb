"""Copies of rows in kernels that are compiled soon.

``target[:] = source`` of numba may fail with a message that tells both shapes. What writes it takes four seconds to
compile, once in each process that compiles a kernel with such a line: a loop does without.
"""

from __future__ import annotations

from embedkit.kernels.compiling import kernel


@kernel(borrows=True)
def copy_row(source, target):
    """``target[:] = source`` of arrays with one axis; `source` may be longer."""
    for i in range(len(target)):
        target[i] = source[i]
