"""Attention: additive, dot-product and general; pooling, masks and positions.

Additive attention is Bahdanau et al. 2015, dot-product and general Luong et al. 2015; scaled dot-product and
multi-head are in `embedkit.nn.layers.multihead`.

A mask is True where a key may be looked at. A query with no key to look at gets zeros, not NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.dense import Linear
from embedkit.nn.layers.losses import softmax, softmax_backward
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, floats, uniform, vectors_of, xavier

# Additive attention has a hidden vector for each query and key. Those of so many values are computed at a time, and
# backward computes them again where they do not all fit: 400 words by 400 in a batch of 32 would take 2.6 GB.
VALUES_AT_A_TIME = 1 << 22


def padding_mask(lengths: Array, time: int) -> Array:
    """lengths : int (batch,) → bool (batch, time), True on real tokens."""
    return np.arange(time) < np.asarray(lengths)[:, None]


def causal_mask(time: int, before: int = 0) -> Array:
    """bool (time, before + time): row t may look at the columns of the steps before and at those up to its own."""
    return np.tri(time, before + time, before, dtype=bool)


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


def masked_softmax(scores: Array, mask: Array | None) -> Array:
    return softmax(scores if mask is None else np.where(mask, scores, scores.dtype.type(-np.inf)))


def keys_mask(mask: Array | None) -> Array | None:
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
        of_query, of_keys = self.parameters["weight_query"], self.parameters["weight_key"]
        query = vectors_of(query, of_query.shape[1], of_query, "query")
        keys = vectors_of(keys, of_keys.shape[1], of_keys, "keys")
        scores, inside = self._scored(query, keys)
        weights = masked_softmax(scores, keys_mask(mask))
        return weights @ keys, AdditiveCache(weights, query, keys, inside)

    def scores(self, query: Array, keys: Array) -> Array:
        """What `forward` puts through the softmax: float (batch, queries, keys)."""
        return self._scored(query, keys)[0]

    def _scored(self, query: Array, keys: Array) -> tuple[Array, Array | None]:
        """The scores, and the hidden vectors where they are small enough to be kept."""
        p = self.parameters
        of_query, of_keys = query @ p["weight_query"].T, keys @ p["weight_key"].T + p["bias"]
        parts = self._parts(query, keys)
        inside = None
        scores = np.empty((len(query), query.shape[1], keys.shape[1]), of_query.dtype)
        for part in parts:
            inside = self._inside(of_query[:, part], of_keys)
            scores[:, part] = inside @ p["v"]
        return scores, inside if len(parts) == 1 else None

    def backward(self, dy: Array, cache: AdditiveCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dquery, dkeys), grads)."""
        p, query, keys = self.parameters, cache.query, cache.keys
        dy = floats(dy, keys)
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
        self.widths = query_size, key_size
        self.parameters: Parameters = {"weight": xavier(rng, (query_size, key_size), dtype)} if general else {}

    def forward(self, query: Array, keys: Array, mask: Array | None = None) -> tuple[Array, DotCache]:
        """Shapes as in `AdditiveAttention.forward`."""
        like = self.parameters.get("weight")
        query, keys = vectors_of(query, self.widths[0], like, "query"), vectors_of(keys, self.widths[1], like, "keys")
        turned = self._turned(query)
        weights = masked_softmax(turned @ keys.swapaxes(1, 2), keys_mask(mask))
        return weights @ keys, DotCache(weights, query, keys, turned)

    def scores(self, query: Array, keys: Array) -> Array:
        """What `forward` puts through the softmax: float (batch, queries, keys)."""
        return self._turned(query) @ keys.swapaxes(1, 2)

    def _turned(self, query: Array) -> Array:
        return query @ self.parameters["weight"] if self.parameters else query

    def backward(self, dy: Array, cache: DotCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dquery, dkeys), grads)."""
        query, keys, turned = cache.query, cache.keys, cache.turned
        dy = floats(dy, keys)
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
        x = floats(x, self.parameters["v"])
        inside = np.tanh(self.inner.forward(x)[0])
        weights = masked_softmax(inside @ self.parameters["v"], mask)
        return (weights[:, None] @ x)[:, 0], PoolingWeights(weights, x, inside)

    def backward(self, dy: Array, cache: PoolingWeights) -> tuple[Array, Gradients]:
        x, inside = cache.x, cache.inside
        dy = floats(dy, x)
        dscores = softmax_backward((x @ dy[:, :, None])[:, :, 0], cache.weights)
        dv = inside.reshape(-1, inside.shape[-1]).T @ dscores.reshape(-1)
        dinside = dscores[:, :, None] * self.parameters["v"] * (1 - inside * inside)
        dx, grads = self.inner.backward(dinside, x)
        return dx + cache.weights[:, :, None] * dy[:, None], {**grads, "v": dv}
