"""Parameters and their gradients: dictionaries of arrays, and what every layer does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypedDict, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError, FormatError
from embedkit.kernels import thresholds

Array = np.ndarray
V = TypeVar("V")


class RowGradient(NamedTuple):
    """The gradient of a matrix of which few rows were used.

    Attributes
    ----------
    rows : int64 (k,)
        Which rows, ascending, each once.
    values : float (k, d)
        Their gradients.
    """

    rows: Array
    values: Array

    @classmethod
    def from_lookups(cls, ids: Array, dy: Array, places: Array | None = None) -> RowGradient:
        """Add up the gradients of the rows ``ids`` (n,), of which some may be the same: ``dy`` (n, d), or of which row
        each is in ``places`` (n,)."""
        if ids.size == 0:
            return cls(np.zeros(0, np.int64), dy[:0])
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        rows = ordered[starts].astype(np.int64)
        return cls(rows, summed(dy, order if places is None else places[order], starts))

    def dense(self, n_rows: int) -> Array:
        """The same as a matrix (n_rows, d), zero in the rows that were not used."""
        full = np.zeros((n_rows, self.values.shape[1]), self.values.dtype)
        full[self.rows] = self.values
        return full


Gradient = Array | RowGradient
Parameters = dict[str, Array]
Gradients = dict[str, Gradient]


class Draws(TypedDict, total=False):
    """Whether something is drawn at random (dropout), and what draws: keyword arguments of `forward`."""

    training: bool
    rng: np.random.Generator | None


class Layer(Protocol):
    """What every layer and model has."""

    parameters: Parameters


def summed(matrix: Array, rows: Array, starts: Array) -> Array:
    """Sums of rows, by a kernel where they are many.

    Parameters
    ----------
    matrix : float (n, d)
    rows : int64 (m,)
    starts : int64 (n_sums,), ascending
        Sum k is of the rows ``rows[starts[k]:starts[k + 1]]``, at least one, the last of all that are left.

    Returns
    -------
    float (n_sums, d)
    """
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(matrix):
        raise ConfigError(f"rows must lie in 0..{len(matrix) - 1}, found {rows.min()}..{rows.max()}")
    if len(rows) == len(starts):
        return matrix[rows]
    suits = matrix.dtype == np.float32 and matrix.flags.c_contiguous
    if not suits or len(rows) * matrix.shape[1] < thresholds.SUMMED_VALUES:
        # Not np.add.reduceat, which adds in another order: which of both adds must not show in the bits.
        sums = np.zeros((len(starts), matrix.shape[1]), matrix.dtype)
        np.add.at(sums, np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows))), matrix[rows])
        return sums
    from embedkit.kernels.row_sums import sum_rows

    out = np.empty((len(starts), matrix.shape[1]), np.float32)
    sum_rows(matrix, rows.astype(np.int64), np.append(starts, len(rows)).astype(np.int64), out)
    return out


def values_of(gradient: Gradient) -> Array:
    """The values of a gradient, dense or by rows: what norms are taken of and what is scaled in place."""
    return gradient.values if isinstance(gradient, RowGradient) else gradient


def add_gradients(a: Gradient, b: Gradient) -> Gradient:
    """The sum of two gradients of one parameter, dense or by rows (a parameter that was used twice)."""
    if isinstance(a, RowGradient) and isinstance(b, RowGradient):
        return RowGradient.from_lookups(np.r_[a.rows, b.rows], np.concatenate([a.values, b.values]))
    if isinstance(a, RowGradient):
        return add_gradients(b, a)
    if isinstance(b, RowGradient):
        total = a.copy()
        total[b.rows] += b.values
        return total
    return a + b


def merge_gradients(into: Gradients, other: Mapping[str, Gradient]) -> Gradients:
    """Add the gradients of `other` to those of the same name in `into`; returns `into`."""
    for name, gradient in other.items():
        into[name] = add_gradients(into[name], gradient) if name in into else gradient
    return into


def with_prefix(prefix: str, values: Mapping[str, V]) -> dict[str, V]:
    """The same values under ``prefix.name``."""
    return {f"{prefix}.{name}": value for name, value in values.items()}


def without_prefix(prefix: str, values: Mapping[str, V]) -> dict[str, V]:
    """The values whose names start with ``prefix.``, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in values.items() if name.startswith(prefix + ".")}


def load_state(layer: Layer, state: Mapping[str, Array]) -> None:
    """Copy saved values into a layer's parameters, which keep their dtype.

    Parameters
    ----------
    layer : a layer
        Its ``parameters`` say what is expected.
    state : mapping of str to array
        For instance ``{k: v.numpy() for k, v in module.state_dict().items()}`` of the same module of PyTorch.

    Raises
    ------
    FormatError
        When a name is missing or unknown, or a shape differs.
    """
    expected, found = set(layer.parameters), set(state)
    if expected != found:
        differences = [
            f"{what} {', '.join(sorted(names))}"
            for what, names in (("missing", expected - found), ("not expected", found - expected))
            if names
        ]
        raise FormatError(f"the saved parameters are of another kind of layer: {', '.join(differences)}")
    for name, array in layer.parameters.items():
        value = np.asarray(state[name])
        if value.shape != array.shape:
            raise FormatError(
                f"the saved parameter {name} has shape {value.shape}, expected {array.shape}: "
                "was it saved from a layer of another size?"
            )
    for name, array in layer.parameters.items():
        array[...] = state[name]


def floats(x: Array, like: Array | None = None) -> Array:
    """What a layer computes with: `x` in the dtype of a parameter, without one in its own, whole numbers in float64."""
    x = np.asarray(x, None if like is None else like.dtype)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def vectors_of(x: Array, width: int, like: Array | None, name: str = "x") -> Array:
    """`floats` of vectors: float (..., width).

    Raises
    ------
    ConfigError
        For vectors of another width; `name` is what they are called.
    """
    x = floats(x, like)
    if x.ndim == 0 or x.shape[-1] != width:
        raise ConfigError(f"{name} must have {width} values in its last axis, found shape {x.shape}")
    return x


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bound: float, dtype: DTypeLike = np.float32) -> Array:
    """First values, uniform on [−bound, bound)."""
    return rng.uniform(-bound, bound, shape).astype(dtype)


def xavier(rng: np.random.Generator, shape: tuple[int, int], dtype: DTypeLike = np.float32) -> Array:
    """First values uniform within √(6 / (fan in + fan out)) (Glorot and Bengio 2010, eq. 16)."""
    return uniform(rng, shape, float(np.sqrt(6.0 / (shape[0] + shape[1]))), dtype)
