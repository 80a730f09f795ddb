"""Attention: additive, dot-product and general, scaled dot-product and multi-head; pooling, masks and positions.

Additive attention is Bahdanau et al. 2015, dot-product and general Luong et al. 2015, scaled dot-product and multi-head
Vaswani et al. 2017.

A mask is True where a key may be looked at. A query with no key to look at gets zeros, not NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.losses import softmax, softmax_backward
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, uniform, with_prefix, xavier

# Additive attention has a hidden vector for each query and key. Those of so many values are computed at a time, and
# backward computes them again where they do not all fit: 400 words by 400 in a batch of 32 would take 2.6 GB.
VALUES_AT_A_TIME = 1 << 22


def padding_mask(lengths: Array, time: int) -> Array:
    """lengths : int (batch,) → bool (batch, time), True on real tokens."""
    return np.arange(time) < np.asarray(lengths)[:, None]


def causal_mask(time: int) -> Array:
    """bool (time, time): row t may look at the columns up to t."""
    return np.tri(time, dtype=bool)


def positions(time: int, width: int, dtype: DTypeLike = np.float32) -> Array:
    """Sinusoids float (time, width): sin(t / 10000^(2i/width)) in column 2i, cos in 2i + 1.

    Vaswani et al. 2017, section 3.5.
    """
    angle = np.arange(time)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)
    table = np.zeros((time, width), dtype)
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle)[:, : width // 2]
    return table


@dataclass
class AttentionCache:
    """What attention leaves for its backward; ``weights`` (…, queries, keys) is what a picture shows."""

    weights: Array
    query: Array
    keys: Array


def _masked_softmax(scores: Array, mask: Array | None) -> Array:
    return softmax(scores if mask is None else np.where(mask, scores, scores.dtype.type(-np.inf)))


def _keys_mask(mask: Array | None) -> Array | None:
    """(batch, keys) → (batch, 1, keys): the same for every query."""
    return None if mask is None else mask[:, None, :]


@dataclass
class AdditiveCache(AttentionCache):
    """With tanh(W_q q + W_k k + b), float (batch, queries, keys, hidden), where it is small enough to be kept."""

    inside: Array | None


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
        self,
        query_size: int,
        key_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.parameters: Parameters = {
            "weight_query": xavier(rng, (hidden_size, query_size), dtype),
            "weight_key": xavier(rng, (hidden_size, key_size), dtype),
            "bias": np.zeros(hidden_size, dtype),
            "v": uniform(rng, (hidden_size,), float(1.0 / np.sqrt(hidden_size)), dtype),
        }

    def forward(self, query: Array, keys: Array, mask: Array | None = None) -> tuple[Array, AdditiveCache]:
        """Shapes: query (batch, queries, query_size), keys (batch, keys, key_size), mask bool (batch, keys).

        Returns y, float (batch, queries, key_size), the mean of the keys by weight, and the cache.
        """
        p = self.parameters
        of_query, of_keys = query @ p["weight_query"].T, keys @ p["weight_key"].T + p["bias"]
        parts = self._parts(query, keys)
        inside = None
        scores = np.empty((len(query), query.shape[1], keys.shape[1]), of_query.dtype)
        for part in parts:
            inside = self._inside(of_query[:, part], of_keys)
            scores[:, part] = inside @ p["v"]
        weights = _masked_softmax(scores, _keys_mask(mask))
        return weights @ keys, AdditiveCache(weights, query, keys, inside if len(parts) == 1 else None)

    def backward(self, dy: Array, cache: AdditiveCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dquery, dkeys), grads)."""
        p, query, keys = self.parameters, cache.query, cache.keys
        dscores = softmax_backward(dy @ keys.swapaxes(1, 2), cache.weights)
        hidden = len(p["v"])
        of_query, of_keys = query @ p["weight_query"].T, keys @ p["weight_key"].T + p["bias"]
        dv, dof_query, dof_keys = np.zeros_like(p["v"]), np.empty_like(of_query), np.zeros_like(of_keys)
        for part in self._parts(query, keys):
            inside = self._inside(of_query[:, part], of_keys) if cache.inside is None else cache.inside
            dv += inside.reshape(-1, hidden).T @ dscores[:, part].reshape(-1)
            dinside = dscores[:, part, :, None] * p["v"] * (1 - inside * inside)
            dof_query[:, part] = dinside.sum(axis=2)
            dof_keys += dinside.sum(axis=1)
        flat = dof_query.reshape(-1, hidden)
        grads: Gradients = {
            "weight_query": flat.T @ query.reshape(-1, query.shape[-1]),
            "weight_key": dof_keys.reshape(-1, hidden).T @ keys.reshape(-1, keys.shape[-1]),
            "bias": flat.sum(axis=0),
            "v": dv,
        }
        dkeys = cache.weights.swapaxes(1, 2) @ dy + dof_keys @ p["weight_key"]
        return (dof_query @ p["weight_query"], dkeys), grads

    def _parts(self, query: Array, keys: Array) -> list[slice]:
        """Queries whose hidden vectors are computed together; always at least one slice."""
        together = max(1, VALUES_AT_A_TIME // max(1, len(query) * keys.shape[1] * len(self.parameters["v"])))
        return [slice(low, low + together) for low in range(0, max(1, query.shape[1]), together)]

    @staticmethod
    def _inside(of_query: Array, of_keys: Array) -> Array:
        inside = of_query[:, :, None] + of_keys[:, None]
        np.tanh(inside, out=inside)
        return inside


@dataclass
class DotCache(AttentionCache):
    """With qᵀ W, or the queries themselves where there is no W."""

    turned: Array


class DotAttention:
    """score(q, k) = qᵀ k, or qᵀ W k with ``general=True``: Luong et al. 2015, section 3.1.

    With `general` queries and keys may have different widths.
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        *,
        general: bool = True,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not general and query_size != key_size:
            raise ConfigError(
                f"dot-product attention needs queries and keys of one width, not {query_size} and "
                f"{key_size}: use the general form"
            )
        self.parameters: Parameters = {"weight": xavier(rng, (query_size, key_size), dtype)} if general else {}

    def forward(self, query: Array, keys: Array, mask: Array | None = None) -> tuple[Array, DotCache]:
        """Shapes as in `AdditiveAttention.forward`."""
        turned = query @ self.parameters["weight"] if self.parameters else query
        weights = _masked_softmax(turned @ keys.swapaxes(1, 2), _keys_mask(mask))
        return weights @ keys, DotCache(weights, query, keys, turned)

    def backward(self, dy: Array, cache: DotCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dquery, dkeys), grads)."""
        query, keys, turned = cache.query, cache.keys, cache.turned
        dscores = softmax_backward(dy @ keys.swapaxes(1, 2), cache.weights)
        dkeys = cache.weights.swapaxes(1, 2) @ dy + dscores.swapaxes(1, 2) @ turned
        dturned = dscores @ keys
        if not self.parameters:
            return (dturned, dkeys), {}
        weight = self.parameters["weight"]
        grads: Gradients = {"weight": query.reshape(-1, weight.shape[0]).T @ dturned.reshape(-1, weight.shape[1])}
        return (dturned @ weight.T, dkeys), grads


@dataclass
class PoolingWeights:
    """What `AttentionPooling` leaves for its backward: weights (batch, time), x, and tanh(W x + b)."""

    weights: Array
    x: Array
    inside: Array


class AttentionPooling:
    """One vector for a sequence: its steps by weight, score(x) = vᵀ tanh(W x + b) (Yang et al. 2016, eq. 5–7)."""

    def __init__(
        self, width: int, hidden_size: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        self.inner = Linear(width, hidden_size, rng=rng, dtype=dtype)
        self.parameters: Parameters = {
            **self.inner.parameters,
            "v": uniform(rng, (hidden_size,), float(1.0 / np.sqrt(hidden_size)), dtype),
        }

    def forward(self, x: Array, mask: Array | None = None) -> tuple[Array, PoolingWeights]:
        """x : float (batch, time, width) → y : float (batch, width); ``cache.weights`` is (batch, time)."""
        inside = np.tanh(self.inner.forward(x)[0])
        weights = _masked_softmax(inside @ self.parameters["v"], mask)
        return (weights[:, None] @ x)[:, 0], PoolingWeights(weights, x, inside)

    def backward(self, dy: Array, cache: PoolingWeights) -> tuple[Array, Gradients]:
        x, inside = cache.x, cache.inside
        dscores = softmax_backward((x @ dy[:, :, None])[:, :, 0], cache.weights)
        dv = inside.reshape(-1, inside.shape[-1]).T @ dscores.reshape(-1)
        dinside = dscores[:, :, None] * self.parameters["v"] * (1 - inside * inside)
        dx, grads = self.inner.backward(dinside, x)
        return dx + cache.weights[:, :, None] * dy[:, None], {**grads, "v": dv}


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
    weights = _masked_softmax(scores, mask)
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
        return np.ascontiguousarray(x.reshape(*x.shape[:2], self.heads, -1).transpose(0, 2, 1, 3))

    def _join(self, x: Array) -> Array:
        """The inverse of `_split`."""
        return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(x.shape[0], x.shape[2], -1)
