"""What stands between the words' vectors and a task's output: nothing, a recurrent layer, or a Transformer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.parameters import Gradients, Parameters
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN, RecurrentCache
from embedkit.nn.layers.stacks import CELLS, TransformerStack, TransformerStackCache
from embedkit.threads import SharedSetting

Array = np.ndarray
EncoderCache = RecurrentCache | TransformerStackCache | None
MODELS = ("mean", *CELLS, "transformer")
LONGEST_ATTENTION = 512  # words; the memory of self-attention grows with their square


class Encoder:
    """Vectors of words to vectors of words in their sentence.

    Parameters
    ----------
    model : {"mean", "rnn", "gru", "lstm", "transformer"}
        ``mean`` passes the vectors through: averaged, they are the baseline.
    input_size : int
        Width of the words' vectors.
    hidden_size : int
        Width of one direction's state; of the Transformer's vectors.
    num_layers : int
    bidirectional : bool
        Recurrent models only.
    dropout : float
        Between layers.
    heads : int
        Of the Transformer; must divide `hidden_size`.
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def __init__(
        self,
        model: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        heads: int = 4,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if model not in MODELS:
            raise ConfigError(f"unknown model {model!r}: choose one of {', '.join(MODELS)}")
        self.model = model
        self.parameters: Parameters = {}
        self.output_size = input_size
        self.both_ways = bidirectional and model in CELLS
        self.max_length: int | None = None
        self._layer: RNN | GRU | LSTM | TransformerStack | None = None
        if model in CELLS:
            self._layer = CELLS[model](
                input_size, hidden_size, num_layers, bidirectional, dropout, rng=rng, dtype=dtype
            )
        elif model == "transformer":
            if hidden_size % heads:
                raise ConfigError(
                    f"the Transformer's hidden size must be a multiple of its heads, got {hidden_size} and {heads}"
                )
            self._layer = TransformerStack(
                input_size, hidden_size, num_layers, heads, dropout, causal=False, rng=rng, dtype=dtype
            )
            self.max_length = LONGEST_ATTENTION
        if self._layer is not None:
            self.output_size = self._layer.output_size
            self.parameters = self._layer.parameters
        self._workers = SharedSetting(self._put_workers) if isinstance(self._layer, RNN | GRU | LSTM) else None

    @contextlib.contextmanager
    def on_one_thread(self) -> Iterator[None]:
        """Within it a recurrent layer takes one thread, so that several callers can share it: the same result."""
        if self._workers is None:
            yield
            return
        with self._workers.at(1):
            yield

    def _put_workers(self, workers: int) -> int:
        assert isinstance(self._layer, RNN | GRU | LSTM)
        before, self._layer.workers = self._layer.workers, workers
        return before

    def forward(
        self, x: Array, mask: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[Array, EncoderCache]:
        """x : float (batch, time, input_size), mask : bool (batch, time) → float (batch, time, output_size)."""
        if self._layer is None:
            return x, None
        if isinstance(self._layer, TransformerStack):
            outputs, stack_cache = self._layer.forward(x, mask, training=training, rng=rng)
            return outputs[-1], stack_cache
        return self._layer.forward(x, mask.sum(1), training=training, rng=rng)

    def backward(self, dy: Array, cache: EncoderCache) -> tuple[Array, Gradients]:
        """dy : float (batch, time, output_size) → dx : float (batch, time, input_size)."""
        if isinstance(self._layer, TransformerStack) and isinstance(cache, TransformerStackCache):
            return self._layer.backward(dy, cache)
        if isinstance(self._layer, RNN | GRU | LSTM) and isinstance(cache, RecurrentCache):
            return self._layer.backward(dy, cache)
        return dy, {}

    def attention(self, cache: EncoderCache) -> Array | None:
        """The Transformer's last layer's weights, mean of the heads, float (batch, time, time); else None."""
        if isinstance(self._layer, TransformerStack) and isinstance(cache, TransformerStackCache):
            return self._layer.attention(cache)
        return None
