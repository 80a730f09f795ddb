"""Checking a backward by value: the derivative along random directions, in float64, against central
differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from embedkit.nn.layers.parameters import RowGradient


def directional(loss: Callable[[], float], array: np.ndarray, direction: np.ndarray, step: float = 1e-5) -> float:
    """The derivative of `loss` as `array` moves along `direction` (fourth-order central difference)."""
    start = array.copy()

    def at(distance: float) -> float:
        array[...] = start + distance * direction
        return loss()

    slope = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
    array[...] = start
    return slope


def check_gradients(
    loss: Callable[[], float],
    arrays: Mapping[str, np.ndarray],
    grads: Mapping[str, object],
    *,
    tolerance: float = 1e-6,
    directions: int = 3,
    seed: int = 0,
    zero: tuple[str, ...] = (),
) -> None:
    """Compare every gradient with the change of `loss` along random directions, and see that it is not zero.

    Parameters
    ----------
    loss : callable
        Computes the loss anew from `arrays`, which are changed in place.
    arrays : mapping of str to float64 array
        Parameters and inputs.
    grads : mapping of str to array or RowGradient
        What backward says, under the same names.
    zero : tuple of str
        Names whose gradient must be zero for a reason, e.g. the bias of attention's keys.

    """
    assert set(arrays) == set(grads), set(arrays) ^ set(grads)
    rng = np.random.default_rng(seed)
    for name, array in arrays.items():
        assert array.dtype == np.float64, name
        gradient = grads[name]
        if isinstance(gradient, RowGradient):
            gradient = gradient.dense(len(array))
        assert gradient.shape == array.shape, (name, gradient.shape, array.shape)
        assert gradient.dtype == np.float64, name
        if name in zero:
            assert np.abs(gradient).max() < 1e-12, name
        else:
            assert np.abs(gradient).max() > 1e-8, f"the gradient of {name} is zero"
        for _ in range(directions):
            direction = rng.standard_normal(array.shape)
            expected = directional(loss, array, direction)
            found = float((gradient * direction).sum())
            assert abs(found - expected) <= tolerance * max(1.0, abs(expected)), (name, found, expected)


def check_layer(
    forward: Callable[[], tuple[np.ndarray, object]],
    backward: Callable[..., tuple[object, dict]],
    parameters: Mapping[str, np.ndarray],
    inputs: Mapping[str, np.ndarray],
    **options: object,
) -> None:
    """`check_gradients` for a layer under the loss Σ y · w with random w.

    `forward()` gives (y, cache); `backward(dy, cache)` gives (dx, grads), dx a single array or a tuple in the
    order of `inputs`.
    """
    y, cache = forward()
    weights = np.random.default_rng(7).standard_normal(y.shape)
    dx, grads = backward(weights, cache)
    parts = dx if isinstance(dx, tuple) else (dx,)
    if inputs:
        grads = {**grads, **dict(zip(inputs, parts, strict=True))}
    check_gradients(lambda: float((forward()[0] * weights).sum()), {**parameters, **inputs}, grads, **options)
