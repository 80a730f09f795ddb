"""Layers on top of each other that hand out what every one of them computes: the bodies of language
models."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.nn.layers.attention import positions
from embedkit.nn.layers.dense import Dropout, LayerNorm, Linear
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, with_prefix
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN
from embedkit.nn.layers.transformer import TransformerEncoderLayer

CELLS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


class RecurrentStack:
    """Recurrent layers that read from left to right, with dropout before each.

    Parameters
    ----------
    cell : {"rnn", "gru", "lstm"}
    input_size, hidden_size, num_layers : int
    dropout : float
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        self.layers = [
            CELLS[cell](input_size if i == 0 else hidden_size, hidden_size, rng=rng, dtype=dtype)
            for i in range(num_layers)
        ]
        self.dropout = Dropout(dropout)
        self.output_size = hidden_size
        self.parameters: Parameters = {}
        for i, layer in enumerate(self.layers):
            self.parameters |= with_prefix(f"layers.{i}", layer.parameters)

    def forward(
        self,
        x: Array,
        mask: Array,
        state: Any = None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[list[Array], Any]:
        """x : float (batch, time, input_size) → every layer's output (batch, time, hidden_size).

        `state` is what ``last_state(cache)`` gave for the steps before.
        """
        outputs, caches = [], []
        lengths = mask.sum(axis=1)
        for i, layer in enumerate(self.layers):
            x, dropped = self.dropout.forward(x, training=training, rng=rng)
            x, cache = layer.forward(x, lengths, None if state is None else state[i])
            outputs.append(x)
            caches.append((dropped, cache))
        return outputs, caches

    @staticmethod
    def last_state(cache: Any) -> list[Any]:
        """Where the next steps go on, layer by layer."""
        return [layer_cache.state for _, layer_cache in cache]

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """dy : float (batch, time, hidden_size), of the last layer's output."""
        grads: Gradients = {}
        for i in range(len(self.layers) - 1, -1, -1):
            dropped, layer_cache = cache[i]
            dy, own = self.layers[i].backward(dy, layer_cache)
            grads |= with_prefix(f"layers.{i}", own)
            dy, _ = self.dropout.backward(dy, dropped)
        return dy, grads


class TransformerStack:
    """Transformer blocks over projected inputs with positions; each normalises before its sublayers.

    Parameters
    ----------
    input_size, width, num_layers, heads : int
    dropout : float
    causal : bool
        A step sees itself and earlier ones only.
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def __init__(
        self,
        input_size: int,
        width: int,
        num_layers: int,
        heads: int,
        dropout: float,
        *,
        causal: bool,
        rng: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        self.causal = causal
        self.output_size = width
        self.project = Linear(input_size, width, rng=rng, dtype=dtype)
        self.layers = [
            TransformerEncoderLayer(width, heads, 4 * width, dropout=dropout, norm_first=True, rng=rng, dtype=dtype)
            for _ in range(num_layers)
        ]
        self.norm = LayerNorm(width, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.parameters: Parameters = with_prefix("project", self.project.parameters)
        for i, layer in enumerate(self.layers):
            self.parameters |= with_prefix(f"layers.{i}", layer.parameters)
        self.parameters |= with_prefix("norm", self.norm.parameters)

    def forward(
        self,
        x: Array,
        mask: Array,
        state: Any = None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[list[Array], Any]:
        """x : float (batch, time, input_size) → every layer's output (batch, time, width), the last one
        normalised.

        There is no state: each call begins at position 0.
        """
        x, projected = self.project.forward(x)
        x = x + positions(x.shape[1], x.shape[2], x.dtype)
        x, dropped = self.dropout.forward(x, training=training, rng=rng)
        outputs, caches = [], []
        for layer in self.layers:
            x, cache = layer.forward(x, mask, causal=self.causal, training=training, rng=rng)
            outputs.append(x)
            caches.append(cache)
        outputs[-1], normed = self.norm.forward(x)
        return outputs, (projected, dropped, caches, normed)

    @staticmethod
    def last_state(cache: Any) -> None:
        """Attention carries nothing over."""

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """dy : float (batch, time, width), of the last output."""
        projected, dropped, caches, normed = cache
        dy, own = self.norm.backward(dy, normed)
        grads = with_prefix("norm", own)
        for i in range(len(self.layers) - 1, -1, -1):
            dy, own = self.layers[i].backward(dy, caches[i])
            grads |= with_prefix(f"layers.{i}", own)
        dy, _ = self.dropout.backward(dy, dropped)
        dy, own = self.project.backward(dy, projected)
        return dy, grads | with_prefix("project", own)

    def attention(self, cache: Any) -> Array:
        """The last layer's weights, mean of the heads: float (batch, time, time)."""
        weights: Array = self.layers[-1].attention_weights(cache[2][-1]).mean(axis=1)
        return weights
