"""From the vectors of a sentence's words to one vector: the last state, the maximum, the mean, or attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.losses import softmax, softmax_backward
from embedkit.nn.parameters import Gradients, Parameters, uniform

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

    def __init__(self, kind: str, width: int, *, bidirectional: bool = False, rng: np.random.Generator,
                 dtype: Any = np.float32) -> None:
        if kind not in POOLINGS:
            raise ConfigError(f"unknown pooling {kind!r}: choose one of {', '.join(POOLINGS)}")
        self.kind, self.bidirectional = kind, bidirectional
        self.parameters: Parameters = {}
        if kind == "attention":
            bound = 1.0 / np.sqrt(width)
            self.parameters = {"weight": uniform(rng, (width, width), bound, dtype),
                               "bias": np.zeros(width, dtype), "query": uniform(rng, (width,), bound, dtype)}

    def forward(self, h: Array, mask: Array) -> tuple[Array, Any]:
        """h : float (batch, time, width), mask : bool (batch, time) → y : float (batch, width).

        With attention ``cache[0]`` holds the words' weights, float (batch, time), which sum to 1 in each row.
        """
        if self.kind == "attention":
            # 1. one score a word  2. weights  3. weighted mean
            hidden = np.tanh(h @ self.parameters["weight"].T + self.parameters["bias"])
            scores = np.where(mask, hidden @ self.parameters["query"], h.dtype.type(-np.inf))
            weights = softmax(scores)
            return (weights[:, None] @ h)[:, 0], (weights, h, mask, hidden)
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
            weights, h, mask, hidden = cache
            width = h.shape[2]
            # 3.
            dh = weights[..., None] * dy[:, None]
            dweights = (h @ dy[..., None])[..., 0]
            # 2.
            dscores = softmax_backward(dweights, weights) * mask
            # 1.
            dhidden = dscores[..., None] * self.parameters["query"] * (1 - hidden * hidden)
            dh += dhidden @ self.parameters["weight"]
            flat = dhidden.reshape(-1, width)
            return dh, {"weight": flat.T @ h.reshape(-1, width), "bias": flat.sum(0),
                        "query": dscores.reshape(-1) @ hidden.reshape(-1, width)}
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
