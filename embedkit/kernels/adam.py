"""One step of Adam in one pass: NumPy's ten passes over the parameters of a recurrent layer took as long as a
fifth of its products.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel


@kernel(fastmath={"contract", "nsz"}, error_model="numpy", forceinline=True)
def _move_row(values, gradient, mean, square, keep, decay, betas, rate, root, eps):
    """As `move_rows`, of one row."""
    one = np.float32(1.0)
    for j in range(len(values)):
        g = gradient[j] + decay * values[j]
        mean[j] += (one - betas[0]) * (g - mean[j])
        square[j] = betas[1] * square[j] + (one - betas[1]) * (g * g)
        values[j] = values[j] * keep - rate * (mean[j] / (np.sqrt(square[j]) * root + eps))


@kernel
def move_rows(values, rows, gradient, mean, square, keep, decay, betas, rate, root, eps):
    """Change the rows that have a gradient, and their running means.

    Parameters
    ----------
    values, mean, square : float32 (n_rows, d)
        Updated in place.
    rows : int64 (k,)
        Each once.
    gradient : float32 (k, d)
    keep, decay : float32
        What values are multiplied with before the step, and how much of them is added to the gradient.
    betas : (float32, float32)
    rate, root : float32
        The learning rate and the factor on the root of `square`, both corrected for the number of steps.
    eps : float32
    """
    for i in range(len(rows)):
        row = rows[i]
        _move_row(values[row], gradient[i], mean[row], square[row], keep, decay, betas, rate, root, eps)
