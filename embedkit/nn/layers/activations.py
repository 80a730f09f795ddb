"""max(0, x) and x Φ(x) with their derivatives."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from embedkit.nn.layers.parameters import Array

STEP, LIMIT = 1.0 / 64.0, 6.0  # erf(6) is 1 to the last bit of float64
SQRT_HALF, INVERSE_SQRT_TWO_PI = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)


@functools.cache
def _erf_table(dtype: np.dtype[Any], order: int) -> Array:
    """Taylor coefficients of erf about each multiple of STEP: float (nodes, order + 1).

    The derivatives are erf⁽ᵏ⁺¹⁾(x) = 2/√π (−1)ᵏ H_k(x) exp(−x²) with Hermite's H_k.
    """
    nodes = np.arange(0.0, LIMIT + STEP, STEP)
    table = np.empty((len(nodes), order + 1))
    table[:, 0] = [math.erf(x) for x in nodes]
    scale = 2.0 / math.sqrt(math.pi) * np.exp(-nodes * nodes)
    before, hermite = np.zeros_like(nodes), np.ones_like(nodes)
    for k in range(order):
        table[:, k + 1] = (-1) ** k * hermite * scale / math.factorial(k + 1)
        before, hermite = hermite, 2.0 * nodes * hermite - 2.0 * k * before
    return table.astype(dtype)


def erf(x: Array) -> Array:
    """The error function, which NumPy lacks, to the precision of x's dtype: a short Taylor series about the
    nearest of 384 points."""
    order = 3 if x.dtype == np.float32 else 6
    size = np.minimum(np.abs(x), x.dtype.type(LIMIT))
    node = np.rint(size * x.dtype.type(1.0 / STEP)).astype(np.int64)
    coefficients = _erf_table(x.dtype, order)[node]
    distance = size - node.astype(x.dtype) * x.dtype.type(STEP)
    y = coefficients[..., order]
    for k in range(order - 1, -1, -1):
        y = y * distance + coefficients[..., k]
    return np.copysign(y, x)


def relu(x: Array) -> Array:
    """max(0, x)."""
    return np.maximum(x, 0)


def relu_backward(dy: Array, x: Array) -> Array:
    return dy * (x > 0)


def gelu(x: Array) -> Array:
    """x Φ(x) with the normal distribution's Φ (Hendrycks and Gimpel 2016), exact as ``torch.nn.GELU()``."""
    return 0.5 * x * (1 + erf(x * x.dtype.type(SQRT_HALF)))


def gelu_backward(dy: Array, x: Array) -> Array:
    """The derivative is Φ(x) + x φ(x)."""
    density = np.exp(-0.5 * x * x) * x.dtype.type(INVERSE_SQRT_TWO_PI)
    return dy * (0.5 * (1 + erf(x * x.dtype.type(SQRT_HALF))) + x * density)


ACTIVATIONS = {"relu": (relu, relu_backward), "gelu": (gelu, gelu_backward)}
