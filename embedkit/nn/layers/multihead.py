"""Scaled dot-product and multi-head attention (Vaswani et al. 2017, sections 3.2.1 and 3.2.2).

A mask is True where a key may be looked at. A query with no key to look at gets zeros, not NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.attention import AttentionCache, causal_mask, masked_softmax
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.losses import softmax_backward
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, vectors_of, with_prefix, xavier


@dataclass
class ScaledDotCache(AttentionCache):
    """With the values, and the 1/√d that scores are multiplied with."""

    values: Array
    scale: np.floating


def scaled_dot_product(
    query: Array, keys: Array, values: Array, mask: Array | None = None
) -> tuple[Array, ScaledDotCache]:
    """softmax(q kᵀ / √d) v (Vaswani et al. 2017, eq. 1).

    query : float (..., queries, d), keys : float (..., keys, d), values : float (..., keys, e), mask : bool, broadcast
    to (..., queries, keys) → y : float (..., queries, e).
    """
    scale = query.dtype.type(1.0 / np.sqrt(query.shape[-1]))
    scores = query @ keys.swapaxes(-1, -2)
    scores *= scale
    weights = masked_softmax(scores, mask)
    return weights @ values, ScaledDotCache(weights, query, keys, values, scale)


def scaled_dot_product_backward(
    dy: Array, cache: ScaledDotCache, drop: Array | None = None
) -> tuple[Array, Array, Array]:
    """→ dquery, dkeys, dvalues; `drop` is what scaled the weights after the softmax, if anything did."""
    query, keys, values = cache.query, cache.keys, cache.values
    weights = cache.weights if drop is None else cache.weights * drop
    dvalues = weights.swapaxes(-1, -2) @ dy
    dweights = dy @ values.swapaxes(-1, -2)
    if drop is not None:
        dweights *= drop
    dscores = softmax_backward(dweights, cache.weights)
    dscores *= cache.scale
    return dscores @ keys, dscores.swapaxes(-1, -2) @ query, dvalues


@dataclass
class MultiheadCache:
    """What `MultiheadAttention.forward` leaves for its backward.

    Attributes
    ----------
    x : float (batch, time, width)
    memory : float (batch, keys, width), optional
        What was attended to, where it was not x itself.
    inner : ScaledDotCache
        Of the heads, float (batch, heads, ...).
    drop : float (batch, heads, time, keys), optional
        What scaled the weights after the softmax.
    joined : float (batch, time, width)
        The heads' outputs beside each other.
    """

    x: Array
    memory: Array | None
    inner: ScaledDotCache
    drop: Array | None
    joined: Array

    @property
    def weights(self) -> Array:
        """float (batch, heads, time, keys)."""
        return self.inner.weights

    @property
    def read(self) -> KeysValues:
        """What was looked at, for the steps that come after."""
        return KeysValues(self.inner.keys, self.inner.values)


class KeysValues(NamedTuple):
    """The keys and values of steps that were read before, float (batch, heads, n, width / heads) each.

    With them a step of decoding need not read those again.
    """

    keys: Array
    values: Array


class MultiheadAttention:
    """Several attentions beside each other, each on its share of the width, as ``torch.nn.MultiheadAttention``.

    ``in_proj_weight`` is (3 width, width): queries, keys, values.

    Parameters
    ----------
    width, heads : int
        Width of inputs and outputs; a multiple of the number of heads.
    dropout : float
        On the attention weights, in training.
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def __init__(
        self, width: int, heads: int, *, dropout: float = 0.0, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        if heads < 1 or width % heads:
            raise ConfigError(f"the width {width} must be a multiple of the number of heads, {heads}")
        self.width, self.heads = width, heads
        self.dropout = Dropout(dropout)
        self.out_proj = Linear(width, width, rng=rng, dtype=dtype)
        self.out_proj.parameters["bias"][...] = 0.0
        self.parameters: Parameters = {
            "in_proj_weight": xavier(rng, (3 * width, width), dtype),
            "in_proj_bias": np.zeros(3 * width, dtype),
            **with_prefix("out_proj", self.out_proj.parameters),
        }

    def forward(
        self,
        x: Array,
        memory: Array | None = None,
        *,
        mask: Array | None = None,
        causal: bool = False,
        before: KeysValues | None = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, MultiheadCache]:
        """Attend from `x` to `memory`, or to `x` itself.

        Parameters
        ----------
        x : float (batch, time, width)
        memory : float (batch, keys, width), optional
            What is attended to.
        mask : bool (batch, keys), optional
            True on real keys.
        causal : bool
            A step looks at itself and at earlier ones only.
        before : KeysValues, optional
            Of the steps before `x`, which may be looked at as well, or with `memory` of the whole memory. Such a
            call has no `backward`.
        training, rng
            Whether to drop out weights, and what draws.

        Returns
        -------
        y : float (batch, time, width)
        cache : MultiheadCache
            Its ``weights`` are (batch, heads, time, keys).
        """
        p = self.parameters
        weight, bias, n = p["in_proj_weight"], p["in_proj_bias"], self.width
        x, memory = vectors_of(x, n, weight), None if memory is None else vectors_of(memory, n, weight, "memory")
        if memory is None:
            q, k, v = (self._split(part) for part in np.split(x @ weight.T + bias, 3, axis=-1))
            if before is not None:
                k, v = (np.concatenate(both, axis=2) for both in zip(before, (k, v), strict=True))
        else:
            q = self._split(x @ weight[:n].T + bias[:n])
            if before is None:
                k, v = (self._split(part) for part in np.split(memory @ weight[n:].T + bias[n:], 2, axis=-1))
            else:
                k, v = before
        n_before = k.shape[2] - x.shape[1] if memory is None else 0
        if mask is not None and n_before:
            mask = np.concatenate([np.ones((len(x), n_before), bool), mask], axis=1)
        allowed = None if mask is None else mask[:, None, None, :]
        if causal:
            lower = causal_mask(x.shape[1], n_before)
            allowed = lower if allowed is None else allowed & lower
        heads, inner = scaled_dot_product(q, k, v, allowed)
        drop = None
        if training and self.dropout.rate:
            dropped, drop = self.dropout.forward(inner.weights, training=True, rng=rng)
            heads = dropped @ v
        joined = self._join(heads)
        y, _ = self.out_proj.forward(joined)
        return y, MultiheadCache(x, memory, inner, drop, joined)

    def backward(self, dy: Array, cache: MultiheadCache) -> tuple[Array, Gradients]:
        """→ (dx, grads), of attention to `x` itself."""
        (dx, dkeys), grads = self.backward_memory(dy, cache)
        return dx + dkeys, grads

    def backward_memory(self, dy: Array, cache: MultiheadCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dx, dmemory), grads), of attention to a memory."""
        x, keys = cache.x, cache.x if cache.memory is None else cache.memory
        weight, n = self.parameters["in_proj_weight"], self.width
        djoined, out_grads = self.out_proj.backward(dy, cache.joined)
        dheads = scaled_dot_product_backward(self._split(djoined), cache.inner, cache.drop)
        dq, dk, dv = (self._join(d) for d in dheads)
        dkv = np.concatenate([dk, dv], axis=-1)
        flat_q, flat_kv = dq.reshape(-1, n), dkv.reshape(-1, 2 * n)
        grads: Gradients = {
            "in_proj_weight": np.concatenate([flat_q.T @ x.reshape(-1, n), flat_kv.T @ keys.reshape(-1, n)]),
            "in_proj_bias": np.concatenate([flat_q.sum(axis=0), flat_kv.sum(axis=0)]),
            **with_prefix("out_proj", out_grads),
        }
        return (dq @ weight[:n], dkv @ weight[n:]), grads

    def _split(self, x: Array) -> Array:
        """(batch, time, width) → (batch, heads, time, width / heads)."""
        return np.ascontiguousarray(x.reshape(*x.shape[:2], self.heads, self.width // self.heads).transpose(0, 2, 1, 3))

    def _join(self, x: Array) -> Array:
        """The inverse of `_split`."""
        return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(x.shape[0], x.shape[2], self.width)
