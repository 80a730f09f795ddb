"""From the vectors of a sentence's words to one vector: the last state, the maximum, the mean, or attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers.attention import AttentionPooling
from embedkit.nn.layers.parameters import Gradients, Parameters

Array = np.ndarray
POOLINGS = ("last", "max", "mean", "attention")


class Pooling:
    """Many vectors to one.

    ``last`` takes the state after the last word, and of a layer that reads both ways the backward half's state at
    the first word; ``max`` the largest value of each dimension; ``mean`` their mean; ``attention`` the mean weighted
    by softmax(vᵀ tanh(W h + b)) (Yang et al. 2016, "Hierarchical Attention Networks", eq. 5–7).

    Parameters
    ----------
    kind : {"last", "max", "mean", "attention"}
    width : int
        Of the vectors.
    bidirectional : bool
        Whether the second half of each vector was read from the end (``last`` only).
    rng : numpy.random.Generator
        First values of the attention.
    dtype : float32 or float64
    """

    def __init__(
        self, kind: str, width: int, *, bidirectional: bool = False, rng: np.random.Generator, dtype: Any = np.float32
    ) -> None:
        if kind not in POOLINGS:
            raise ConfigError(f"unknown pooling {kind!r}: choose one of {', '.join(POOLINGS)}")
        self.kind, self.bidirectional = kind, bidirectional
        self.parameters: Parameters = {}
        if kind == "attention":
            self._attention = AttentionPooling(width, width, rng=rng, dtype=dtype)
            self.parameters = self._attention.parameters

    def forward(self, h: Array, mask: Array) -> tuple[Array, Any]:
        """h : float (batch, time, width), mask : bool (batch, time) → y : float (batch, width).

        With attention ``cache.weights`` holds the words' weights, float (batch, time), which sum to 1 in each row.
        """
        if self.kind == "attention":
            return self._attention.forward(h, mask)
        if self.kind == "max":
            picked = np.where(mask[..., None], h, h.dtype.type(-np.inf)).argmax(1)
            return np.take_along_axis(h, picked[:, None], 1)[:, 0], (picked, h.shape)
        weights = mask / mask.sum(1, keepdims=True) if self.kind == "mean" else None
        if weights is not None:
            weights = weights.astype(h.dtype)
            return (weights[:, None] @ h)[:, 0], (weights, h.shape)
        rows, last = np.arange(len(h)), mask.sum(1) - 1
        y = h[rows, last]
        if self.bidirectional:
            half = h.shape[2] // 2
            y[:, half:] = h[:, 0, half:]
        return y, (last, h.shape)

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """dy : float (batch, width) → dh : float (batch, time, width)."""
        if self.kind == "attention":
            return self._attention.backward(dy, cache)
        if self.kind == "mean":
            weights, _ = cache
            return weights[..., None] * dy[:, None], {}
        where, shape = cache
        dh = np.zeros(shape, dy.dtype)
        if self.kind == "max":
            np.put_along_axis(dh, where[:, None], dy[:, None], 1)
            return dh, {}
        half = shape[2] // 2 if self.bidirectional else shape[2]
        dh[np.arange(len(dh)), where, :half] = dy[:, :half]
        dh[:, 0, half:] += dy[:, half:]
        return dh, {}
