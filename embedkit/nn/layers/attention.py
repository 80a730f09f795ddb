"""Attention: additive (Bahdanau et al. 2015), dot-product and general (Luong et al. 2015), scaled dot-product
and multi-head (Vaswani et al. 2017), pooling, masks and positions.

A mask is True where a key may be looked at. A query with no key to look at gets zeros, not NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.losses import softmax, softmax_backward
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, uniform, with_prefix, xavier


def padding_mask(lengths: Array, time: int) -> Array:
    """lengths : int (batch,) → bool (batch, time), True on real tokens."""
    return np.arange(time) < np.asarray(lengths)[:, None]


def causal_mask(time: int) -> Array:
    """bool (time, time): row t may look at the columns up to t."""
    return np.tri(time, dtype=bool)


def positions(time: int, width: int, dtype: Any = np.float32) -> Array:
    """Sinusoids float (time, width): sin(t / 10000^(2i/width)) in column 2i, cos in 2i + 1 (Vaswani et al.
    2017, section 3.5)."""
    angle = np.arange(time)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)
    table = np.zeros((time, width), dtype)
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle)[:, : width // 2]
    return table


@dataclass
class AttentionCache:
    """What attention leaves for its backward; ``weights`` (…, queries, keys) is what a picture shows."""

    weights: Array
    rest: tuple[Any, ...]


def _masked_softmax(scores: Array, mask: Array | None) -> Array:
    return softmax(scores if mask is None else np.where(mask, scores, scores.dtype.type(-np.inf)))


def _keys_mask(mask: Array | None) -> Array | None:
    """(batch, keys) → (batch, 1, keys): the same for every query."""
    return None if mask is None else mask[:, None, :]


class AdditiveAttention:
    """score(q, k) = vᵀ tanh(W_q q + W_k k + b): Bahdanau et al. 2015, appendix A.1.2.

    Parameters
    ----------
    query_size, key_size, hidden_size : int
        Widths of queries, of keys, and inside.
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def __init__(
        self, query_size: int, key_size: int, hidden_size: int, *, rng: np.random.Generator, dtype: Any = np.float32
    ) -> None:
        self.parameters: Parameters = {
            "weight_query": xavier(rng, (hidden_size, query_size), dtype),
            "weight_key": xavier(rng, (hidden_size, key_size), dtype),
            "bias": np.zeros(hidden_size, dtype),
            "v": uniform(rng, (hidden_size,), float(1.0 / np.sqrt(hidden_size)), dtype),
        }

    def forward(self, query: Array, keys: Array, mask: Array | None = None) -> tuple[Array, AttentionCache]:
        """query : float (batch, queries, query_size), keys : float (batch, keys, key_size), mask : bool
        (batch, keys) → y : float (batch, queries, key_size), the mean of the keys by weight."""
        p = self.parameters
        inside = (query @ p["weight_query"].T)[:, :, None] + (keys @ p["weight_key"].T)[:, None] + p["bias"]
        np.tanh(inside, out=inside)  # (batch, queries, keys, hidden)
        weights = _masked_softmax(inside @ p["v"], _keys_mask(mask))
        return weights @ keys, AttentionCache(weights, (query, keys, inside))

    def backward(self, dy: Array, cache: AttentionCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dquery, dkeys), grads)."""
        p, (query, keys, inside) = self.parameters, cache.rest
        dscores = softmax_backward(dy @ keys.swapaxes(1, 2), cache.weights)
        hidden = inside.shape[-1]
        grads: Gradients = {"v": inside.reshape(-1, hidden).T @ dscores.reshape(-1)}
        dinside = dscores[..., None] * p["v"] * (1 - inside * inside)
        of_query, of_keys = dinside.sum(axis=2), dinside.sum(axis=1)
        grads["weight_query"] = of_query.reshape(-1, hidden).T @ query.reshape(-1, query.shape[-1])
        grads["weight_key"] = of_keys.reshape(-1, hidden).T @ keys.reshape(-1, keys.shape[-1])
        grads["bias"] = of_query.reshape(-1, hidden).sum(axis=0)
        dkeys = cache.weights.swapaxes(1, 2) @ dy + of_keys @ p["weight_key"]
        return (of_query @ p["weight_query"], dkeys), {name: grads[name] for name in p}


class DotAttention:
    """score(q, k) = qᵀ k, or qᵀ W k with ``general=True``: Luong et al. 2015, section 3.1.

    With `general` queries and keys may have different widths.
    """

    def __init__(
        self, query_size: int, key_size: int, *, general: bool = True, rng: np.random.Generator, dtype: Any = np.float32
    ) -> None:
        if not general and query_size != key_size:
            raise ConfigError(
                f"dot-product attention needs queries and keys of one width, not {query_size} and "
                f"{key_size}: use the general form"
            )
        self.parameters: Parameters = {"weight": xavier(rng, (query_size, key_size), dtype)} if general else {}

    def forward(self, query: Array, keys: Array, mask: Array | None = None) -> tuple[Array, AttentionCache]:
        """Shapes as in `AdditiveAttention.forward`."""
        turned = query @ self.parameters["weight"] if self.parameters else query
        weights = _masked_softmax(turned @ keys.swapaxes(1, 2), _keys_mask(mask))
        return weights @ keys, AttentionCache(weights, (query, keys, turned))

    def backward(self, dy: Array, cache: AttentionCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dquery, dkeys), grads)."""
        query, keys, turned = cache.rest
        dscores = softmax_backward(dy @ keys.swapaxes(1, 2), cache.weights)
        dkeys = cache.weights.swapaxes(1, 2) @ dy + dscores.swapaxes(1, 2) @ turned
        dturned = dscores @ keys
        if not self.parameters:
            return (dturned, dkeys), {}
        weight = self.parameters["weight"]
        grads = {"weight": query.reshape(-1, weight.shape[0]).T @ dturned.reshape(-1, weight.shape[1])}
        return (dturned @ weight.T, dkeys), grads


class AttentionPooling:
    """One vector for a sequence: its steps by weight, score(x) = vᵀ tanh(W x + b) (Yang et al. 2016, eq.
    5–7)."""

    def __init__(self, width: int, hidden_size: int, *, rng: np.random.Generator, dtype: Any = np.float32) -> None:
        self.inner = Linear(width, hidden_size, rng=rng, dtype=dtype)
        self.parameters: Parameters = {
            **self.inner.parameters,
            "v": uniform(rng, (hidden_size,), float(1.0 / np.sqrt(hidden_size)), dtype),
        }

    def forward(self, x: Array, mask: Array | None = None) -> tuple[Array, AttentionCache]:
        """x : float (batch, time, width) → y : float (batch, width); ``cache.weights`` is (batch, time)."""
        inside = np.tanh(self.inner.forward(x)[0])
        weights = _masked_softmax(inside @ self.parameters["v"], mask)
        return (weights[:, None] @ x)[:, 0], AttentionCache(weights, (x, inside))

    def backward(self, dy: Array, cache: AttentionCache) -> tuple[Array, Gradients]:
        x, inside = cache.rest
        dscores = softmax_backward((x @ dy[:, :, None])[:, :, 0], cache.weights)
        dv = inside.reshape(-1, inside.shape[-1]).T @ dscores.reshape(-1)
        dinside = dscores[:, :, None] * self.parameters["v"] * (1 - inside * inside)
        dx, grads = self.inner.backward(dinside, x)
        return dx + cache.weights[:, :, None] * dy[:, None], {**grads, "v": dv}


def scaled_dot_product(
    query: Array, keys: Array, values: Array, mask: Array | None = None
) -> tuple[Array, AttentionCache]:
    """softmax(q kᵀ / √d) v (Vaswani et al. 2017, eq. 1).

    query : float (..., queries, d), keys : float (..., keys, d), values : float (..., keys, e), mask : bool,
    broadcast to (..., queries, keys) → y : float (..., queries, e).
    """
    scale = query.dtype.type(1.0 / np.sqrt(query.shape[-1]))
    scores = query @ keys.swapaxes(-1, -2)
    scores *= scale
    weights = _masked_softmax(scores, mask)
    return weights @ values, AttentionCache(weights, (query, keys, values, scale))


def scaled_dot_product_backward(
    dy: Array, cache: AttentionCache, drop: Array | None = None
) -> tuple[Array, Array, Array]:
    """→ dquery, dkeys, dvalues; `drop` is what scaled the weights after the softmax, if anything did."""
    query, keys, values, scale = cache.rest
    weights = cache.weights if drop is None else cache.weights * drop
    dvalues = weights.swapaxes(-1, -2) @ dy
    dweights = dy @ values.swapaxes(-1, -2)
    if drop is not None:
        dweights *= drop
    dscores = softmax_backward(dweights, cache.weights)
    dscores *= scale
    return dscores @ keys, dscores.swapaxes(-1, -2) @ query, dvalues


class MultiheadAttention:
    """Several attentions beside each other, each on its share of the width: ``torch.nn.MultiheadAttention``'s
    weights (``in_proj_weight`` (3 width, width): queries, keys, values).

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
        self, width: int, heads: int, *, dropout: float = 0.0, rng: np.random.Generator, dtype: Any = np.float32
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
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, AttentionCache]:
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
        training, rng
            Whether to drop out weights, and what draws.

        Returns
        -------
        y : float (batch, time, width)
        cache : AttentionCache
            Its ``weights`` are (batch, heads, time, keys).
        """
        p, keys = self.parameters, x if memory is None else memory
        weight, bias, n = p["in_proj_weight"], p["in_proj_bias"], self.width
        if memory is None:
            q, k, v = (self._split(part) for part in np.split(x @ weight.T + bias, 3, axis=-1))
        else:
            q = self._split(x @ weight[:n].T + bias[:n])
            k, v = (self._split(part) for part in np.split(memory @ weight[n:].T + bias[n:], 2, axis=-1))
        allowed = None if mask is None else mask[:, None, None, :]
        if causal:
            lower = causal_mask(x.shape[1])
            allowed = lower if allowed is None else allowed & lower
        heads, inner = scaled_dot_product(q, k, v, allowed)
        drop = None
        if training and self.dropout.rate:
            dropped, drop = self.dropout.forward(inner.weights, training=True, rng=rng)
            heads = dropped @ v
        joined = self._join(heads)
        y, _ = self.out_proj.forward(joined)
        return y, AttentionCache(inner.weights, (x, keys, memory is None, inner, drop, joined))

    def backward(self, dy: Array, cache: AttentionCache) -> tuple[Any, Gradients]:
        """→ (dx, grads), or ((dx, dmemory), grads) where there was a memory."""
        x, keys, itself, inner, drop, joined = cache.rest
        weight, n = self.parameters["in_proj_weight"], self.width
        djoined, out_grads = self.out_proj.backward(dy, joined)
        dq, dk, dv = (self._join(d) for d in scaled_dot_product_backward(self._split(djoined), inner, drop))
        dkv = np.concatenate([dk, dv], axis=-1)
        flat_q, flat_kv = dq.reshape(-1, n), dkv.reshape(-1, 2 * n)
        grads = {
            "in_proj_weight": np.concatenate([flat_q.T @ x.reshape(-1, n), flat_kv.T @ keys.reshape(-1, n)]),
            "in_proj_bias": np.concatenate([flat_q.sum(axis=0), flat_kv.sum(axis=0)]),
            **with_prefix("out_proj", out_grads),
        }
        dx, dmemory = dq @ weight[:n], dkv @ weight[n:]
        return (dx + dmemory if itself else (dx, dmemory)), grads

    def _split(self, x: Array) -> Array:
        """(batch, time, width) → (batch, heads, time, width / heads)."""
        return np.ascontiguousarray(x.reshape(*x.shape[:2], self.heads, -1).transpose(0, 2, 1, 3))

    def _join(self, x: Array) -> Array:
        """The inverse of `_split`."""
        return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(x.shape[0], x.shape[2], -1)
