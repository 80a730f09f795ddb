"""Layers on top of each other that hand out what every one of them computes: the bodies of language models."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import DTypeLike

from embedkit.nn.layers.attention import positions
from embedkit.nn.layers.dense import Dropout, LayerNorm, LayerNormCache, Linear
from embedkit.nn.layers.multihead import KeysValues
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, with_prefix
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN, RecurrentCache, State
from embedkit.nn.layers.transformer import EncoderBlockCache, TransformerEncoderLayer

StackState = list[State] | None
CELLS: dict[str, type[RNN] | type[GRU] | type[LSTM]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


class RecurrentStackCache(NamedTuple):
    """What `RecurrentStack.forward` leaves for its backward: layer by layer, what was dropped and the layer's own."""

    dropped: list[Array | None]
    layers: list[RecurrentCache]

    @property
    def state(self) -> list[State]:
        """Where the next steps go on, layer by layer."""
        return [layer.state for layer in self.layers]

    def after(self, most: int) -> StackState:
        """`state`: a recurrent layer reads on, however long the text."""
        return self.state


class TransformerStackCache(NamedTuple):
    """What `TransformerStack.forward` leaves for its backward."""

    x: Array
    dropped: Array | None
    blocks: list[EncoderBlockCache]
    norm: LayerNormCache

    @property
    def state(self) -> None:
        """What is read in pieces is read piece by piece: attention carries nothing over."""

    def after(self, most: int) -> StackState:
        """The keys and values of each layer, from which the next step goes on; None where it sees no more than `most`
        steps, so that the last of them are to be read anew, from position 0."""
        read: list[State] = [block.attention.sublayer.read for block in self.blocks]
        return read if read[0][0].shape[2] < most else None


StackCache = RecurrentStackCache | TransformerStackCache


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
        dtype: DTypeLike = np.float32,
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
        state: StackState = None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[list[Array], RecurrentStackCache]:
        """x : float (batch, time, input_size) → every layer's output (batch, time, hidden_size).

        `state` is the ``cache.state`` of the steps before.
        """
        outputs: list[Array] = []
        cache = RecurrentStackCache([], [])
        lengths = mask.sum(axis=1)
        for i, layer in enumerate(self.layers):
            x, dropped = self.dropout.forward(x, training=training, rng=rng)
            x, own = layer.forward(x, lengths, None if state is None else state[i])
            outputs.append(x)
            cache.dropped.append(dropped)
            cache.layers.append(own)
        return outputs, cache

    def backward(self, dy: Array, cache: StackCache) -> tuple[Array, Gradients]:
        """dy : float (batch, time, hidden_size), of the last layer's output."""
        cache = cast(RecurrentStackCache, cache)
        grads: Gradients = {}
        for i in range(len(self.layers) - 1, -1, -1):
            dy, own = self.layers[i].backward(dy, cache.layers[i])
            grads |= with_prefix(f"layers.{i}", own)
            dy, _ = self.dropout.backward(dy, cache.dropped[i])
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
        dtype: DTypeLike = np.float32,
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
        state: StackState = None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[list[Array], TransformerStackCache]:
        """x : float (batch, time, input_size) → every layer's output (batch, time, width), the last one normalised.

        Without `state`, the ``cache.after`` of the steps before, a call begins at position 0.
        """
        inputs = x
        x, _ = self.project.forward(x)
        before = [None] * len(self.layers) if state is None else [KeysValues(*kept) for kept in state]
        n_before = before[0].keys.shape[2] if before[0] is not None else 0
        x = x + positions(n_before + x.shape[1], x.shape[2], x.dtype)[n_before:]
        x, dropped = self.dropout.forward(x, training=training, rng=rng)
        outputs, blocks = [], []
        for layer, kept in zip(self.layers, before, strict=True):
            x, block = layer.forward(x, mask, causal=self.causal, before=kept, training=training, rng=rng)
            outputs.append(x)
            blocks.append(block)
        outputs[-1], normed = self.norm.forward(x)
        return outputs, TransformerStackCache(inputs, dropped, blocks, normed)

    def backward(self, dy: Array, cache: StackCache) -> tuple[Array, Gradients]:
        """dy : float (batch, time, width), of the last output."""
        cache = cast(TransformerStackCache, cache)
        dy, own = self.norm.backward(dy, cache.norm)
        grads = with_prefix("norm", own)
        for i in range(len(self.layers) - 1, -1, -1):
            dy, own = self.layers[i].backward(dy, cache.blocks[i])
            grads |= with_prefix(f"layers.{i}", own)
        dy, _ = self.dropout.backward(dy, cache.dropped)
        dy, own = self.project.backward(dy, cache.x)
        return dy, grads | with_prefix("project", own)

    def attention(self, cache: TransformerStackCache) -> Array:
        """The last layer's weights, mean of the heads: float (batch, time, time)."""
        weights: Array = self.layers[-1].attention_weights(cache.blocks[-1]).mean(axis=1)
        return weights
