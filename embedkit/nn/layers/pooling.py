"""From the vectors of a sentence's words to one vector: the last state, the maximum, the mean, or attention."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.attention import AttentionPooling, PoolingWeights
from embedkit.nn.layers.parameters import Gradients, Parameters, floats

Array = np.ndarray
POOLINGS = ("last", "max", "mean", "attention", "first")


class PoolingCache(NamedTuple):
    """What `Pooling.forward` leaves for its backward.

    Attributes
    ----------
    shape : (int, int, int)
        Of the vectors pooled.
    picked : int64 (batch, width) or (batch,), optional
        Which word each value came from: of ``max``, a word a dimension, of ``last`` the last one.
    weights : float (batch, time), optional
        Of each word, which sum to 1: of ``mean`` and ``attention``.
    attention : PoolingWeights, optional
        The attention's own cache.
    full : bool (batch,), optional
        Which rows have words; None where all do.
    """

    shape: tuple[int, ...]
    picked: Array | None = None
    weights: Array | None = None
    attention: PoolingWeights | None = None
    full: Array | None = None


class Pooling:
    """Many vectors to one.

    ``last`` takes the state after the last word, and of a layer that reads both ways the backward half's state at
    the first word; ``max`` the largest value of each dimension; ``mean`` their mean; ``attention`` the mean weighted
    by softmax(vᵀ tanh(W h + b)) (Yang et al. 2016, "Hierarchical Attention Networks", eq. 5–7); ``first`` the first
    word's vector, which a model that looks both ways can make say something of them all (Devlin et al. 2019).

    Parameters
    ----------
    kind : {"last", "max", "mean", "attention", "first"}
    width : int
        Of the vectors.
    bidirectional : bool
        Whether the second half of each vector was read from the end (``last`` only).
    rng : numpy.random.Generator
        First values of the attention.
    dtype : float32 or float64
    """

    def __init__(
        self,
        kind: str,
        width: int,
        *,
        bidirectional: bool = False,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if kind not in POOLINGS:
            raise ConfigError(f"unknown pooling {kind!r}: choose one of {', '.join(POOLINGS)}")
        self.kind, self.bidirectional = kind, bidirectional
        self.parameters: Parameters = {}
        if kind == "attention":
            self._attention = AttentionPooling(width, width, rng=rng, dtype=dtype)
            self.parameters = self._attention.parameters

    def forward(self, h: Array, mask: Array) -> tuple[Array, PoolingCache]:
        """h : float (batch, time, width), mask : bool (batch, time) → y : float (batch, width), 0 where no word is.

        ``cache.weights`` holds the words' weights of mean and attention, float (batch, time).
        """
        h, mask = floats(h), np.asarray(mask, bool)
        if h.ndim != 3 or mask.shape != h.shape[:2]:
            raise ConfigError(f"expected h (batch, time, width), a mask (batch, time), found {h.shape}, {mask.shape}")
        if self.kind == "attention":
            y, looked = self._attention.forward(h, mask)
            return y, PoolingCache(h.shape, weights=looked.weights, attention=looked)
        full = np.asarray(mask.any(1))
        if not full.any():
            return np.zeros((len(h), h.shape[2]), h.dtype), PoolingCache(h.shape, full=full)
        y, cache = self._pooled(h, mask)
        if full.all():
            return y, cache
        return np.where(full[:, None], y, h.dtype.type(0)), cache._replace(full=full)

    def _pooled(self, h: Array, mask: Array) -> tuple[Array, PoolingCache]:
        """`forward` of rows that have words; others are as they may be."""
        if self.kind == "max":
            picked = np.where(mask[..., None], h, h.dtype.type(-np.inf)).argmax(1)
            return np.take_along_axis(h, picked[:, None], 1)[:, 0], PoolingCache(h.shape, picked)
        if self.kind == "mean":
            weights = (mask / np.maximum(mask.sum(1, keepdims=True), 1)).astype(h.dtype)
            return (weights[:, None] @ h)[:, 0], PoolingCache(h.shape, weights=weights)
        if self.kind == "first":
            return h[:, 0], PoolingCache(h.shape, np.zeros(len(h), np.int64))
        rows, last = np.arange(len(h)), mask.sum(1) - 1
        y = h[rows, last]
        if self.bidirectional:
            half = h.shape[2] // 2
            y[:, half:] = h[:, 0, half:]
        return y, PoolingCache(h.shape, last)

    def backward(self, dy: Array, cache: PoolingCache) -> tuple[Array, Gradients]:
        """dy : float (batch, width) → dh : float (batch, time, width)."""
        if cache.attention is not None:
            return self._attention.backward(dy, cache.attention)
        dy = floats(dy)
        if cache.full is not None:
            dy = np.where(cache.full[:, None], dy, dy.dtype.type(0))
        if cache.weights is not None:
            return cache.weights[..., None] * dy[:, None], {}
        dh = np.zeros(cache.shape, dy.dtype)
        if cache.picked is None:
            return dh, {}
        if self.kind == "max":
            np.put_along_axis(dh, cache.picked[:, None], dy[:, None], 1)
            return dh, {}
        half = cache.shape[2] // 2 if self.bidirectional and self.kind == "last" else cache.shape[2]
        dh[np.arange(len(dh)), cache.picked, :half] = dy[:, :half]
        dh[:, 0, half:] += dy[:, half:]
        return dh, {}
