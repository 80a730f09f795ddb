"""The plain layers: `Linear`, `Dropout`, `LayerNorm`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, floats, uniform, vectors_of


class Linear:
    """y = x Wᵀ + b, as ``torch.nn.Linear``.

    Parameters
    ----------
    n_in, n_out : int
        Widths of x and y.
    rng : numpy.random.Generator
        First values, uniform within 1/√n_in.
    bias : bool
        Whether there is a b.
    dtype : float32 or float64
    """

    def __init__(
        self, n_in: int, n_out: int, *, rng: np.random.Generator, bias: bool = True, dtype: DTypeLike = np.float32
    ) -> None:
        bound = 1.0 / np.sqrt(n_in)
        self.parameters: Parameters = {"weight": uniform(rng, (n_out, n_in), bound, dtype)}
        if bias:
            self.parameters["bias"] = uniform(rng, (n_out,), bound, dtype)

    def forward(self, x: Array) -> tuple[Array, Array]:
        """x : float (..., n_in) → y : float (..., n_out)."""
        weight = self.parameters["weight"]
        x = vectors_of(x, weight.shape[1], weight)
        y = x.reshape(-1, weight.shape[1]) @ weight.T  # one product, whatever the shape of x
        if "bias" in self.parameters:
            y += self.parameters["bias"]
        return y.reshape(*x.shape[:-1], weight.shape[0]), x

    def backward(self, dy: Array, cache: Array) -> tuple[Array, Gradients]:
        """dy : float (..., n_out) → dx : float (..., n_in)."""
        x, weight = cache, self.parameters["weight"]
        flat = vectors_of(dy, len(weight), weight, "dy").reshape(-1, weight.shape[0])
        grads: Gradients = {"weight": flat.T @ x.reshape(-1, weight.shape[1])}
        if "bias" in self.parameters:
            grads["bias"] = flat.sum(axis=0)
        return (flat @ weight).reshape(x.shape), grads


class TiedLinear:
    """y = x Eᵀ + b with the rows E of an embedding: what a word is read as and guessed as is one vector.

    Press and Wolf 2017, "Using the output embedding to improve language models".

    Parameters
    ----------
    weight : float (n_out, n_in)
        The embedding's own array; it is no parameter of this layer.
    """

    def __init__(self, weight: Array) -> None:
        self.weight = weight
        self.parameters: Parameters = {"bias": np.zeros(len(weight), weight.dtype)}

    def forward(self, x: Array) -> tuple[Array, Array]:
        """x : float (..., n_in) → y : float (..., n_out)."""
        x = floats(x, self.weight)
        return x @ self.weight.T + self.parameters["bias"], x

    def backward(self, dy: Array, cache: Array) -> tuple[Array, Gradients]:
        """dy : float (..., n_out) → dx; `grads` also has ``weight``, the embedding's gradient."""
        dy = floats(dy, self.weight)
        flat = dy.reshape(-1, len(self.weight))
        grads: Gradients = {"weight": flat.T @ cache.reshape(-1, self.weight.shape[1]), "bias": flat.sum(axis=0)}
        return dy @ self.weight, grads


class Dropout:
    """Sets each value to zero with probability `rate` and scales the others by 1 / (1 − rate), in training only.

    Srivastava et al. 2014, "inverted" as everywhere today.
    """

    def __init__(self, rate: float) -> None:
        if not 0.0 <= rate < 1.0:
            raise ConfigError(f"dropout must be at least 0 and below 1, not {rate}")
        self.rate = rate
        self.parameters: Parameters = {}

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[Array, Array | None]:
        """x and y of one shape; `rng` draws what is dropped while training."""
        if not training or self.rate == 0.0:
            return x, None
        if rng is None:
            raise ConfigError("dropout in training draws at random: hand in rng, a numpy.random.Generator")
        x = floats(x)
        scale = (rng.random(x.shape, dtype=np.float32) >= self.rate).astype(x.dtype)
        scale *= x.dtype.type(1.0 / (1.0 - self.rate))
        return x * scale, scale

    def backward(self, dy: Array, cache: Array | None) -> tuple[Array, Gradients]:
        return (dy if cache is None else dy * cache), {}


class LayerNormCache(NamedTuple):
    """What `LayerNorm.forward` leaves for its backward: (x − mean) / √(variance + eps), and 1 / that root."""

    normal: Array
    inverse: Array


class LayerNorm:
    """y = (x − mean) / √(variance + eps) · weight + bias over the last axis, as ``torch.nn.LayerNorm``.

    Ba et al. 2016, "Layer normalization".
    """

    def __init__(self, width: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float32) -> None:
        self.eps = eps
        self.parameters: Parameters = {"weight": np.ones(width, dtype), "bias": np.zeros(width, dtype)}

    def forward(self, x: Array) -> tuple[Array, LayerNormCache]:
        """x and y : float (..., width)."""
        x = vectors_of(x, len(self.parameters["weight"]), self.parameters["weight"])
        centred = x - x.mean(axis=-1, keepdims=True)
        inverse = 1.0 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(self.eps))
        normal = centred * inverse
        return normal * self.parameters["weight"] + self.parameters["bias"], LayerNormCache(normal, inverse)

    def backward(self, dy: Array, cache: LayerNormCache) -> tuple[Array, Gradients]:
        normal, inverse = cache
        dy = floats(dy, normal)
        width = dy.shape[-1]
        grads: Gradients = {
            "weight": (dy * normal).reshape(-1, width).sum(axis=0),
            "bias": dy.reshape(-1, width).sum(axis=0),
        }
        dnormal = dy * self.parameters["weight"]
        dx = dnormal - dnormal.mean(axis=-1, keepdims=True)  # through the mean
        dx -= normal * (dnormal * normal).mean(axis=-1, keepdims=True)  # through the variance
        dx *= inverse
        return dx, grads
