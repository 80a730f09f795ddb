"""A Transformer encoder over word vectors: a projection, positions, and a stack of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.attention import positions
from embedkit.nn.layers import Dropout, LayerNorm, Linear
from embedkit.nn.parameters import Array, Gradients, Parameters, with_prefix
from embedkit.nn.transformer import TransformerEncoderLayer


class TransformerEncoder:
    """The encoder of Vaswani et al. 2017, section 3.1, normalising before each sublayer, which needs no warm-up.

    Parameters
    ----------
    input_size : int
        Width of the words' vectors, projected to `width`.
    width, num_layers, heads : int
    dropout : float
    rng : numpy.random.Generator
    dtype : float32 or float64
    """

    def __init__(self, input_size: int, width: int, num_layers: int, heads: int, dropout: float, *,
                 rng: np.random.Generator, dtype: Any = np.float32) -> None:
        if width % heads:
            raise ConfigError(f"the Transformer's hidden size must be a multiple of its heads, got {width} and {heads}")
        self.project = Linear(input_size, width, rng=rng, dtype=dtype)
        self.layers = [TransformerEncoderLayer(width, heads, 2 * width, dropout=dropout, norm_first=True, rng=rng,
                                               dtype=dtype) for _ in range(num_layers)]
        self.norm = LayerNorm(width, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.width = width
        self.parameters: Parameters = {}
        for name, part in self._parts().items():
            self.parameters |= with_prefix(name, part.parameters)

    def _parts(self) -> dict[str, Any]:
        return {"project": self.project, **{f"layers.{i}": layer for i, layer in enumerate(self.layers)},
                "norm": self.norm}

    def forward(self, x: Array, mask: Array, *, training: bool = False,
                rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """x : float (batch, time, input_size), mask : bool (batch, time) → float (batch, time, width)."""
        x, projected = self.project.forward(x)
        x = x + positions(x.shape[1], self.width, x.dtype)
        x, dropped = self.dropout.forward(x, training=training, rng=rng)
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, mask, training=training, rng=rng)
            caches.append(cache)
        y, normed = self.norm.forward(x)
        return y, (projected, dropped, caches, normed)

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        projected, dropped, caches, normed = cache
        dx, grads = self.norm.backward(dy, normed)
        grads = with_prefix("norm", grads)
        for i in range(len(self.layers) - 1, -1, -1):
            dx, own = self.layers[i].backward(dx, caches[i])
            grads |= with_prefix(f"layers.{i}", own)
        dx, _ = self.dropout.backward(dx, dropped)
        dx, own = self.project.backward(dx, projected)
        return dx, grads | with_prefix("project", own)

    def attention(self, cache: Any) -> Array:
        """Weights of the last layer, mean of its heads: float (batch, time, time), rows look at columns."""
        weights: Array = self.layers[-1].attention_weights(cache[2][-1]).mean(1)
        return weights
