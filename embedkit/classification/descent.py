"""The least value of a smooth convex function: L-BFGS (Liu and Nocedal 1989)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

MEMORY = 6  # pairs of steps and changes of the gradient
SUFFICIENT, SHRINK = 1e-4, 0.4  # Armijo's rule
MOST_CUTS = 25


def minimise(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    *,
    tolerance: float = 1e-3,
    most: int = 60,
) -> np.ndarray:
    """Where `function` is least.

    Parameters
    ----------
    function : callable
        From a point, float (n,), to its value and its gradient.
    start : float (n,)
    tolerance : float
        The gradient's length, as a share of what it was at zero or at the start, whichever is longer, at which to stop.
    most : int
        Steps at most.
    """
    x = start
    value, gradient = function(x)
    enough = tolerance * max(_length(gradient), _length(function(np.zeros_like(x))[1]) if x.any() else 0.0)
    pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=MEMORY)
    for _ in range(most):
        length = _length(gradient)
        if length <= enough:
            break
        direction = _direction(gradient, pairs)
        slope = float(direction @ gradient)
        if slope >= 0:  # rounding has spoilt the memory
            pairs.clear()
            direction, slope = -gradient, -(length**2)
        step = 1.0 if pairs else 1.0 / length
        for _cut in range(MOST_CUTS):
            further = x + np.asarray(step, x.dtype) * direction
            new_value, new_gradient = function(further)
            if new_value <= value + SUFFICIENT * step * slope:
                break
            step *= SHRINK
        else:
            break
        moved, change = further - x, new_gradient - gradient
        product = float(moved @ change)
        if product > 1e-12 * _length(moved) * _length(change):
            pairs.append((moved, change, product))
        x, value, gradient = further, new_value, new_gradient
    return x


def _direction(gradient: np.ndarray, pairs: deque[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """Minus the inverse Hessian's estimate times the gradient: the two loops of the method."""
    q = -gradient
    shares = []
    for moved, change, product in reversed(pairs):
        share = q.dtype.type(float(moved @ q) / product)
        shares.append(share)
        q -= share * change
    if pairs:
        _, change, product = pairs[-1]
        q *= q.dtype.type(product / float(change @ change))
    for (moved, change, product), share in zip(pairs, reversed(shares), strict=True):
        q += (share - q.dtype.type(float(change @ q) / product)) * moved
    return q


def _length(vector: np.ndarray) -> float:
    return float(np.sqrt(vector @ vector))
