"""Transformer blocks (Vaswani et al. 2017) with the parameters of ``torch.nn.TransformerEncoderLayer`` and
``TransformerDecoderLayer``: residual sums around attention and a two-layer network, normalised after each (as
published) or before (``norm_first=True``, Xiong et al. 2020, which needs no warm-up).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers.activations import ACTIVATIONS
from embedkit.nn.layers.attention import MultiheadAttention
from embedkit.nn.layers.dense import Dropout, LayerNorm, Linear
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, with_prefix


class _Block:
    """What encoder and decoder blocks share: sublayers, each with a residual sum, dropout and a norm."""

    ATTENTIONS: tuple[str, ...] = ("self_attn",)

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
        dtype: Any = np.float32,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ConfigError(f"unknown activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}")
        self.width, self.norm_first = width, norm_first
        self.activation, self.activation_backward = ACTIVATIONS[activation]
        self.dropout = Dropout(dropout)
        self.parts: dict[str, Any] = {
            name: MultiheadAttention(width, heads, dropout=dropout, rng=rng, dtype=dtype) for name in self.ATTENTIONS
        }
        self.parts["linear1"] = Linear(width, feedforward, rng=rng, dtype=dtype)
        self.parts["linear2"] = Linear(feedforward, width, rng=rng, dtype=dtype)
        for number in range(1, len(self.ATTENTIONS) + 2):
            self.parts[f"norm{number}"] = LayerNorm(width, dtype=dtype)
        self.parameters: Parameters = {}
        for name, part in self.parts.items():
            self.parameters.update(with_prefix(name, part.parameters))

    def _residual(self, number: int, x: Array, sublayer: Any, draws: dict[str, Any]) -> tuple[Array, Any]:
        """norm(x + drop(sublayer(x))), or x + drop(sublayer(norm(x))) with `norm_first`."""
        norm = self.parts[f"norm{number}"]
        inside, norm_cache = norm.forward(x) if self.norm_first else (x, None)
        inside, sub_cache = sublayer(inside)
        inside, drop_cache = self.dropout.forward(inside, **draws)
        y = x + inside
        if not self.norm_first:
            y, norm_cache = norm.forward(y)
        return y, (norm_cache, sub_cache, drop_cache)

    def _residual_backward(self, number: int, dy: Array, cache: Any, sublayer_backward: Any, grads: Gradients) -> Array:
        """`sublayer_backward(dinside, cache)` returns the gradient of its input and fills `grads`."""
        norm, (norm_cache, sub_cache, drop_cache) = self.parts[f"norm{number}"], cache
        if not self.norm_first:
            dy = self._add(grads, f"norm{number}", norm.backward(dy, norm_cache))
        dinside, _ = self.dropout.backward(dy, drop_cache)
        dinside = sublayer_backward(dinside, sub_cache)
        if self.norm_first:
            dinside = self._add(grads, f"norm{number}", norm.backward(dinside, norm_cache))
        return dy + dinside

    def _feedforward(self, x: Array, draws: dict[str, Any]) -> tuple[Array, Any]:
        """linear2(drop(activation(linear1(x))))."""
        before, cache1 = self.parts["linear1"].forward(x)
        hidden, drop_cache = self.dropout.forward(self.activation(before), **draws)
        y, cache2 = self.parts["linear2"].forward(hidden)
        return y, (cache1, before, drop_cache, cache2)

    def _feedforward_backward(self, dy: Array, cache: Any, grads: Gradients) -> Array:
        cache1, before, drop_cache, cache2 = cache
        dhidden = self._add(grads, "linear2", self.parts["linear2"].backward(dy, cache2))
        dhidden, _ = self.dropout.backward(dhidden, drop_cache)
        dbefore = self.activation_backward(dhidden, before)
        return self._add(grads, "linear1", self.parts["linear1"].backward(dbefore, cache1))

    @staticmethod
    def _add(grads: Gradients, name: str, result: tuple[Any, Gradients]) -> Any:
        """Note a part's gradients under its name; hand on the gradient of its input."""
        grads.update(with_prefix(name, result[1]))
        return result[0]

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
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, Any]:
        """x : float (batch, time, width), mask : bool (batch, time) → y of x's shape.

        With `causal` a step sees no later one: a language model. ``layer.attention_weights(cache)`` is for
        pictures.
        """
        draws = {"training": training, "rng": rng}
        x, cache1 = self._residual(
            1, x, lambda z: self.parts["self_attn"].forward(z, mask=mask, causal=causal, **draws), draws
        )
        x, cache2 = self._residual(2, x, lambda z: self._feedforward(z, draws), draws)
        return x, (cache1, cache2)

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        grads: Gradients = {}
        cache1, cache2 = cache
        dy = self._residual_backward(2, dy, cache2, lambda dz, c: self._feedforward_backward(dz, c, grads), grads)
        dy = self._residual_backward(
            1, dy, cache1, lambda dz, c: self._add(grads, "self_attn", self.parts["self_attn"].backward(dz, c)), grads
        )
        return dy, self._ordered(grads)

    @staticmethod
    def attention_weights(cache: Any) -> Array:
        """float (batch, heads, time, time)."""
        weights: Array = cache[0][1].weights
        return weights


class TransformerDecoderLayer(_Block):
    """Causal self-attention, attention to an encoder's outputs, then a two-layer network.

    Parameters as in `TransformerEncoderLayer`.
    """

    ATTENTIONS = ("self_attn", "multihead_attn")

    def forward(
        self,
        x: Array,
        memory: Array,
        *,
        mask: Array | None = None,
        memory_mask: Array | None = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, Any]:
        """x : float (batch, time, width), memory : float (batch, keys, width), masks : bool → y of x's
        shape."""
        draws = {"training": training, "rng": rng}
        own, other = self.parts["self_attn"], self.parts["multihead_attn"]
        x, cache1 = self._residual(1, x, lambda z: own.forward(z, mask=mask, causal=True, **draws), draws)
        x, cache2 = self._residual(2, x, lambda z: other.forward(z, memory, mask=memory_mask, **draws), draws)
        x, cache3 = self._residual(3, x, lambda z: self._feedforward(z, draws), draws)
        return x, (cache1, cache2, cache3)

    def backward(self, dy: Array, cache: Any) -> tuple[tuple[Array, Array], Gradients]:
        """→ ((dx, dmemory), grads)."""
        grads: Gradients = {}
        dmemories = []
        cache1, cache2, cache3 = cache

        def across(dz: Array, c: Any) -> Array:
            (dx, dmemory) = self._add(grads, "multihead_attn", self.parts["multihead_attn"].backward(dz, c))
            dmemories.append(dmemory)
            return dx

        dy = self._residual_backward(3, dy, cache3, lambda dz, c: self._feedforward_backward(dz, c, grads), grads)
        dy = self._residual_backward(2, dy, cache2, across, grads)
        dy = self._residual_backward(
            1, dy, cache1, lambda dz, c: self._add(grads, "self_attn", self.parts["self_attn"].backward(dz, c)), grads
        )
        return (dy, dmemories[0]), self._ordered(grads)

    @staticmethod
    def attention_weights(cache: Any) -> Array:
        """To the memory: float (batch, heads, time, keys)."""
        weights: Array = cache[1][1].weights
        return weights
