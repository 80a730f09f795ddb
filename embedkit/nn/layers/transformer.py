"""Transformer blocks (Vaswani et al. 2017): residual sums around attention and a two-layer network.

Parameters are those of ``torch.nn.TransformerEncoderLayer`` and ``TransformerDecoderLayer``. A block normalises after
each sum (as published) or before each sublayer (``norm_first=True``, Xiong et al. 2020, which needs no warm-up).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.activations import ACTIVATIONS
from embedkit.nn.layers.dense import Dropout, LayerNorm, LayerNormCache, Linear
from embedkit.nn.layers.multihead import KeysValues, MultiheadAttention, MultiheadCache
from embedkit.nn.layers.parameters import Array, Draws, Gradients, Layer, Parameters, floats, with_prefix

L = TypeVar("L", bound=Layer)
Sub = TypeVar("Sub")


class FeedForwardCache(NamedTuple):
    """What the two-layer network leaves for its backward: each product's input, and what was activated."""

    x: Array
    before: Array
    dropped: Array | None
    hidden: Array


class ResidualCache(NamedTuple, Generic[Sub]):
    """What a sublayer with its sum, dropout and norm leaves for its backward."""

    norm: LayerNormCache
    sublayer: Sub
    dropped: Array | None


class EncoderBlockCache(NamedTuple):
    """What an encoder block leaves for its backward."""

    attention: ResidualCache[MultiheadCache]
    feedforward: ResidualCache[FeedForwardCache]


class DecoderBlockCache(NamedTuple):
    """What a decoder block leaves for its backward."""

    attention: ResidualCache[MultiheadCache]
    memory: ResidualCache[MultiheadCache]
    feedforward: ResidualCache[FeedForwardCache]

    @property
    def read(self) -> tuple[KeysValues, KeysValues]:
        """What the steps after need not read again: of the steps up to here, and of the memory."""
        return self.attention.sublayer.read, self.memory.sublayer.read


class _Block:
    """What encoder and decoder blocks share: sublayers, each with a residual sum, dropout and a norm."""

    def __init__(
        self,
        width: int,
        heads: int,
        feedforward: int = 2048,
        *,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ConfigError(f"unknown activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}")
        self.width, self.norm_first = width, norm_first
        self.activation, self.activation_backward = ACTIVATIONS[activation]
        self.dropout = Dropout(dropout)
        self.parameters: Parameters = {}
        attentions = self._add_attentions(width, heads, dropout, rng, dtype)
        self.linear1 = self._add("linear1", Linear(width, feedforward, rng=rng, dtype=dtype))
        self.linear2 = self._add("linear2", Linear(feedforward, width, rng=rng, dtype=dtype))
        self.norms = [self._add(f"norm{i}", LayerNorm(width, dtype=dtype)) for i in range(1, attentions + 2)]

    def _add_attentions(
        self, width: int, heads: int, dropout: float, rng: np.random.Generator, dtype: DTypeLike
    ) -> int:
        """Make the block's attentions, and say how many there are."""
        self.self_attn = self._add("self_attn", MultiheadAttention(width, heads, dropout=dropout, rng=rng, dtype=dtype))
        return 1

    def _add(self, name: str, layer: L) -> L:
        self.parameters |= with_prefix(name, layer.parameters)
        return layer

    def _residual(
        self, number: int, x: Array, sublayer: Callable[[Array], tuple[Array, Sub]], draws: Draws
    ) -> tuple[Array, ResidualCache[Sub]]:
        """norm(x + drop(sublayer(x))), or x + drop(sublayer(norm(x))) with `norm_first`."""
        norm = self.norms[number - 1]
        x = floats(x, norm.parameters["weight"])
        if self.norm_first:
            inside, normed = norm.forward(x)
            inside, cache = sublayer(inside)
            inside, dropped = self.dropout.forward(inside, **draws)
            return x + inside, ResidualCache(normed, cache, dropped)
        inside, cache = sublayer(x)
        inside, dropped = self.dropout.forward(inside, **draws)
        y, normed = norm.forward(x + inside)
        return y, ResidualCache(normed, cache, dropped)

    def _residual_backward(
        self,
        number: int,
        dy: Array,
        cache: ResidualCache[Sub],
        sublayer_backward: Callable[[Array, Sub], Array],
        grads: Gradients,
    ) -> Array:
        """`sublayer_backward(dinside, cache)` returns the gradient of its input and fills `grads`."""
        norm, name = self.norms[number - 1], f"norm{number}"
        dy = floats(dy, norm.parameters["weight"])
        if not self.norm_first:
            dy, own = norm.backward(dy, cache.norm)
            grads |= with_prefix(name, own)
        dinside, _ = self.dropout.backward(dy, cache.dropped)
        dinside = sublayer_backward(dinside, cache.sublayer)
        if self.norm_first:
            dinside, own = norm.backward(dinside, cache.norm)
            grads |= with_prefix(name, own)
        return dy + dinside

    def _feedforward(self, x: Array, draws: Draws) -> tuple[Array, FeedForwardCache]:
        """linear2(drop(activation(linear1(x))))."""
        before, _ = self.linear1.forward(x)
        hidden, dropped = self.dropout.forward(self.activation(before), **draws)
        y, _ = self.linear2.forward(hidden)
        return y, FeedForwardCache(x, before, dropped, hidden)

    def _feedforward_backward(self, dy: Array, cache: FeedForwardCache, grads: Gradients) -> Array:
        dhidden, own = self.linear2.backward(dy, cache.hidden)
        grads |= with_prefix("linear2", own)
        dhidden, _ = self.dropout.backward(dhidden, cache.dropped)
        dx, own = self.linear1.backward(self.activation_backward(dhidden, cache.before), cache.x)
        grads |= with_prefix("linear1", own)
        return dx

    def _self_backward(self, dy: Array, cache: MultiheadCache, grads: Gradients) -> Array:
        dx, own = self.self_attn.backward(dy, cache)
        grads |= with_prefix("self_attn", own)
        return dx

    def _ordered(self, grads: Gradients) -> Gradients:
        return {name: grads[name] for name in self.parameters}


class TransformerEncoderLayer(_Block):
    """Self-attention, then a two-layer network.

    Parameters
    ----------
    width, heads, feedforward : int
        Width of inputs and outputs, attention heads, width inside the network.
    dropout : float
        On attention weights, inside the network and on each sublayer, in training.
    activation : {"relu", "gelu"}
    norm_first : bool
        Normalise before each sublayer rather than after the sum.
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def forward(
        self,
        x: Array,
        mask: Array | None = None,
        *,
        causal: bool = False,
        before: KeysValues | None = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, EncoderBlockCache]:
        """x : float (batch, time, width), mask : bool (batch, time) → y of x's shape.

        With `causal` a step sees no later one: a language model, which goes on from the steps `before`.
        ``layer.attention_weights(cache)`` is for pictures.
        """
        draws: Draws = {"training": training, "rng": rng}
        x, attention = self._residual(
            1, x, lambda z: self.self_attn.forward(z, mask=mask, causal=causal, before=before, **draws), draws
        )
        x, feedforward = self._residual(2, x, lambda z: self._feedforward(z, draws), draws)
        return x, EncoderBlockCache(attention, feedforward)

    def backward(self, dy: Array, cache: EncoderBlockCache) -> tuple[Array, Gradients]:
        """dy and dx : float (batch, time, width)."""
        grads: Gradients = {}
        dy = self._residual_backward(
            2, dy, cache.feedforward, lambda dz, c: self._feedforward_backward(dz, c, grads), grads
        )
        dy = self._residual_backward(1, dy, cache.attention, lambda dz, c: self._self_backward(dz, c, grads), grads)
        return dy, self._ordered(grads)

    @staticmethod
    def attention_weights(cache: EncoderBlockCache) -> Array:
        """float (batch, heads, time, time)."""
        return cache.attention.sublayer.weights


class TransformerDecoderLayer(_Block):
    """Causal self-attention, attention to an encoder's outputs, then a two-layer network.

    Parameters as in `TransformerEncoderLayer`.
    """

    def _add_attentions(
        self, width: int, heads: int, dropout: float, rng: np.random.Generator, dtype: DTypeLike
    ) -> int:
        n = super()._add_attentions(width, heads, dropout, rng, dtype)
        self.multihead_attn = self._add(
            "multihead_attn", MultiheadAttention(width, heads, dropout=dropout, rng=rng, dtype=dtype)
        )
        return n + 1

    def forward(
        self,
        x: Array,
        memory: Array,
        *,
        mask: Array | None = None,
        memory_mask: Array | None = None,
        before: tuple[KeysValues, KeysValues] | None = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, DecoderBlockCache]:
        """x : float (batch, time, width), memory : float (batch, keys, width), masks : bool → y of x's shape.

        `before`: keys and values of the steps before, and of the memory (``cache.read``).
        """
        draws: Draws = {"training": training, "rng": rng}
        own, across_before = before or (None, None)
        x, attention = self._residual(
            1, x, lambda z: self.self_attn.forward(z, mask=mask, causal=True, before=own, **draws), draws
        )
        x, across = self._residual(
            2,
            x,
            lambda z: self.multihead_attn.forward(z, memory, mask=memory_mask, before=across_before, **draws),
            draws,
        )
        x, feedforward = self._residual(3, x, lambda z: self._feedforward(z, draws), draws)
        return x, DecoderBlockCache(attention, across, feedforward)

    def backward(self, dy: Array, cache: DecoderBlockCache) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dx, dmemory), grads)."""
        grads: Gradients = {}
        dmemories = []

        def across(dz: Array, c: MultiheadCache) -> Array:
            (dx, dmemory), own = self.multihead_attn.backward_memory(dz, c)
            grads.update(with_prefix("multihead_attn", own))
            dmemories.append(dmemory)
            return dx

        dy = self._residual_backward(
            3, dy, cache.feedforward, lambda dz, c: self._feedforward_backward(dz, c, grads), grads
        )
        dy = self._residual_backward(2, dy, cache.memory, across, grads)
        dy = self._residual_backward(1, dy, cache.attention, lambda dz, c: self._self_backward(dz, c, grads), grads)
        return (dy, dmemories[0]), self._ordered(grads)

    @staticmethod
    def attention_weights(cache: DecoderBlockCache) -> Array:
        """To the memory: float (batch, heads, time, keys)."""
        return cache.memory.sublayer.weights
