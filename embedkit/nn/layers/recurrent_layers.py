"""What recurrent layers share: layers, directions, lengths, states, threads; the cells are in `recurrent`.

The inputs of all time steps and both directions are projected by one matrix product; only h Wᵀ and the gates go
through time, one call for each direction. Small inputs and float64 run in NumPy, the rest in compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.kernels import thresholds
from embedkit.nn.layers import recurrent_steps
from embedkit.nn.layers.buffers import BufferPool
from embedkit.nn.layers.dense import Dropout
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, uniform
from embedkit.threads import for_each, usable_cores

State = Array | tuple[Array, ...]  # h : float (layers × directions, batch, hidden); for the LSTM (h, c)


@dataclass
class LayerCache:
    """What one layer's forward leaves for its backward; the arrays of `recurrent_steps`."""

    ones: Array  # the inputs with a column of ones behind them: float (batch × time, n_in + 1)
    gates: Array
    h_before: Array
    extra: dict[str, Array]  # LSTM: c_before and tanh_c; GRU: hidden_n
    dropout: Array | None = None


@dataclass
class RecurrentCache:
    """What `forward` leaves for `backward`, and the last state for whoever wants it.

    Attributes
    ----------
    layers : list of LayerCache
    lengths : int64 (batch,)
    states : tuple of float (layers × directions, batch, hidden)
        The last h; of the LSTM the last h and c.
    """

    layers: list[LayerCache]
    lengths: Array
    states: tuple[Array, ...]

    @property
    def state(self) -> State:
        """The last state as PyTorch hands it out: h, or (h, c)."""
        return self.states[0] if len(self.states) == 1 else self.states


class Share(NamedTuple):
    """One direction of one layer over some rows of the batch: what one call of `recurrent_steps` works on."""

    steps: ModuleType  # `recurrent_steps`, or the kernels under the same names
    direction: int
    suffix: str  # of the parameters' names
    rows: Array
    active: Array


class Recurrent:
    """Layers, directions, lengths and states, which the three cells share.

    Parameters
    ----------
    input_size, hidden_size : int
        Width of x, and of one direction's output.
    num_layers : int
        Layers on top of each other.
    bidirectional : bool
        Read each sequence from both ends; the outputs stand beside each other.
    dropout : float
        On the output of every layer but the last, in training.
    rng : numpy.random.Generator
        First values, uniform within 1/√hidden_size.
    dtype : float32 or float64
    workers : int, optional
        Threads; all cores by default. The result does not depend on it.
    """

    GATES = 0
    EXTRA: tuple[str, ...] = ()
    HIDDEN_DIFFERS = False  # whether the gradient of h Wᵀ + b is another one than that of the gates' sums
    N_STATES = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
        workers: int | None = None,
    ) -> None:
        if min(input_size, hidden_size, num_layers) < 1:
            raise ConfigError(
                "input size, hidden size and the number of layers must be at least 1, not "
                f"{input_size}, {hidden_size}, {num_layers}"
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.directions = 2 if bidirectional else 1
        self.dropout = Dropout(dropout)
        self.workers = workers or usable_cores()
        self.dtype = np.dtype(dtype)
        self._pool = BufferPool(dtype)
        self.parameters: Parameters = {}
        width, bound = self.GATES * hidden_size, 1.0 / np.sqrt(hidden_size)
        for layer in range(num_layers):
            n_in = input_size if layer == 0 else hidden_size * self.directions
            shapes = {
                "weight_ih": (width, n_in),
                "weight_hh": (width, hidden_size),
                "bias_ih": (width,),
                "bias_hh": (width,),
            }
            for suffix in self._suffixes(layer):
                for name, shape in shapes.items():
                    self.parameters[name + suffix] = uniform(rng, shape, bound, dtype)

    @property
    def output_size(self) -> int:
        """Width of y: hidden_size × directions."""
        return self.hidden_size * self.directions

    def forward(
        self,
        x: Array,
        lengths: Array | None = None,
        state: State | None = None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, RecurrentCache]:
        """Run all layers over a batch.

        Parameters
        ----------
        x : float (batch, time, input_size)
        lengths : int (batch,), optional
            Real steps of each sequence; all by default. Outputs beyond are zero, and the last state is the one after
            the last real step.
        state : optional
            The first state, zero by default; see the package docstring for its shape.
        training, rng
            Whether to drop out between layers, and what draws.

        Returns
        -------
        y : float (batch, time, output_size)
            The last layer's outputs.
        cache : RecurrentCache
            For `backward`; its ``state`` is the last state.
        """
        x = np.ascontiguousarray(x, self.dtype)
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ConfigError(f"x must have shape (batch, time, {self.input_size}), found {x.shape}")
        batch, time = x.shape[:2]
        lengths = np.full(batch, time, np.int64) if lengths is None else np.asarray(lengths, np.int64)
        if lengths.shape != (batch,) or (batch and (lengths.min() < 0 or lengths.max() > time)):
            raise ConfigError(f"lengths must be {batch} numbers from 0 to {time}, found shape {lengths.shape}")
        states = self._first_states(state, batch)
        caches = []
        for layer in range(self.num_layers):
            dropped = None
            if layer:
                x, dropped = self.dropout.forward(x, training=training, rng=rng)
            part = [s[layer * self.directions : (layer + 1) * self.directions] for s in states]
            x, cache = self._layer_forward(layer, x, lengths, part)
            cache.dropout = dropped
            caches.append(cache)
        return x, RecurrentCache(caches, lengths, tuple(states))

    def backward(self, dy: Array, cache: RecurrentCache) -> tuple[Array, Gradients]:
        """dy : float (batch, time, output_size) → dx : float (batch, time, input_size); no last state was used."""
        dx, _, grads = self.backward_state(dy, None, cache)
        return dx, grads

    def backward_state(
        self, dy: Array | None, dstate: State | None, cache: RecurrentCache
    ) -> tuple[Array, State, Gradients]:
        """`backward` with the gradient of the last state in (None: zero) and of the first state out.

        `dy` may be None where only the last state was used.
        """
        batch, time = cache.layers[0].gates.shape[:2]
        if dy is None:
            dy = np.zeros((batch, time, self.output_size), self.dtype)
        if np.shape(dy) != (batch, time, self.output_size):
            raise ConfigError(f"dy must have the shape of y, {(batch, time, self.output_size)}, found {np.shape(dy)}")
        dstates = self._first_states(dstate, batch)
        grads: Gradients = {}
        for layer in range(self.num_layers - 1, -1, -1):
            part = [s[layer * self.directions : (layer + 1) * self.directions] for s in dstates]
            dy = np.ascontiguousarray(dy, self.dtype)
            dy = self._layer_backward(layer, dy, cache.layers[layer], cache.lengths, part, grads)
            if layer:
                dy, _ = self.dropout.backward(dy, cache.layers[layer].dropout)
        dfirst: State = dstates[0] if self.N_STATES == 1 else tuple(dstates)
        return dy, dfirst, {name: grads[name] for name in self.parameters}

    # One layer

    def _layer_forward(self, layer: int, x: Array, lengths: Array, states: list[Array]) -> tuple[Array, LayerCache]:
        batch, time, n_in = x.shape
        suffixes = self._suffixes(layer)
        # 1. what the inputs contribute, for all steps and directions at once; a column of ones carries the biases
        ones = self._pool.empty((batch * time, n_in + 1))
        ones[:, :n_in] = x.reshape(batch * time, n_in)
        ones[:, n_in] = 1
        weights = [np.column_stack([self.parameters["weight_ih" + s], self._input_bias(s)]) for s in suffixes]
        gates = self._pool.empty((batch, time, self.directions, self.GATES * self.hidden_size))
        np.matmul(ones, np.concatenate(weights).T, out=_steps(gates))
        # 2. through time
        fresh = self._allocator(lengths, time)
        y = fresh(batch, time)
        cache = LayerCache(ones, gates, fresh(batch, time), {name: fresh(batch, time) for name in self.EXTRA})
        transposed = {s: np.ascontiguousarray(self.parameters["weight_hh" + s].T) for s in suffixes}
        self._through_time(
            lambda share: self._steps_forward(share, transposed[share.suffix], states, y, cache),
            suffixes,
            lengths,
            time,
        )
        return y.reshape(batch, time, self.output_size), cache

    def _layer_backward(
        self, layer: int, dy: Array, cache: LayerCache, lengths: Array, dstates: list[Array], grads: Gradients
    ) -> Array:
        batch, time = cache.gates.shape[:2]
        suffixes = self._suffixes(layer)
        dy = dy.reshape(batch, time, self.directions, self.hidden_size)
        # 2. back through time
        fresh = self._allocator(lengths, time)
        dgates = fresh(batch, time, self.GATES)
        dhidden = fresh(batch, time, self.GATES) if self.HIDDEN_DIFFERS else dgates
        self._through_time(
            lambda share: self._steps_backward(share, dstates, dy, dgates, dhidden, cache), suffixes, lengths, time
        )
        # 1. the weights' gradients, as products over all steps at once
        flat = _steps(dgates)
        dinput = flat.T @ cache.ones
        width = self.GATES * self.hidden_size
        for d, suffix in enumerate(suffixes):
            part = slice(d * width, (d + 1) * width)
            ours = _steps(dhidden)[:, part]
            before = _steps(cache.h_before)[:, d * self.hidden_size : (d + 1) * self.hidden_size]
            grads["weight_ih" + suffix] = np.ascontiguousarray(dinput[part, :-1])
            grads["weight_hh" + suffix] = ours.T @ before
            grads["bias_ih" + suffix] = dinput[part, -1].copy()
            grads["bias_hh" + suffix] = ours.sum(axis=0) if self.HIDDEN_DIFFERS else dinput[part, -1].copy()
        weight_ih = np.concatenate([self.parameters["weight_ih" + suffix] for suffix in suffixes])
        return (flat @ weight_ih).reshape(batch, time, weight_ih.shape[1])

    def _through_time(self, run: Callable[[Share], None], suffixes: list[str], lengths: Array, time: int) -> None:
        """Call `run` for every direction and share of the rows, on threads where the work is worth it."""
        steps = self._backend(int(lengths.sum()) * self.GATES * self.hidden_size**2)
        order = np.argsort(-lengths, kind="stable")
        n_shares = max(1, self.workers // self.directions) if steps is not recurrent_steps else 1
        shares = []
        for first in range(min(n_shares, len(order))):
            rows = np.ascontiguousarray(order[first::n_shares])
            active = np.searchsorted(-lengths[rows], -np.arange(time), side="left").astype(np.int64)
            shares += [Share(steps, d, suffix, rows, active) for d, suffix in enumerate(suffixes)]
        alone = steps is recurrent_steps or self.workers == 1
        for_each(run, shares, 1 if alone else len(shares), "recurrent")

    def _backend(self, work: int) -> ModuleType:
        if self.dtype == np.float32 and work > thresholds.RECURRENT_PRODUCTS:
            from embedkit.kernels import recurrent as kernels

            return kernels
        return recurrent_steps

    # Small parts

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    def _input_bias(self, suffix: str) -> Array:
        return self.parameters["bias_ih" + suffix] + self.parameters["bias_hh" + suffix]

    def _allocator(self, lengths: Array, time: int) -> Callable[..., Array]:
        """Arrays (batch, time, directions, gates × hidden), zero where there is padding that is never written."""
        make = np.empty if lengths.min(initial=time) == time else np.zeros
        return lambda batch, time, gates=1: make((batch, time, self.directions, gates * self.hidden_size), self.dtype)

    def _first_states(self, state: State | None, batch: int) -> list[Array]:
        """Fresh arrays of the state given, or zeros; one, or two for the LSTM."""
        shape = (self.num_layers * self.directions, batch, self.hidden_size)
        if state is None:
            return [np.zeros(shape, self.dtype) for _ in range(self.N_STATES)]
        given = (state,) if isinstance(state, np.ndarray) else tuple(state)
        if any(np.shape(s) != shape for s in given) or len(given) != self.N_STATES:
            raise ConfigError(f"the state must have shape {shape}, found {[np.shape(s) for s in given]}")
        return [np.array(s, self.dtype, order="C") for s in given]

    # What the cells differ in

    def _steps_forward(self, share: Share, weight_t: Array, states: list[Array], y: Array, cache: LayerCache) -> None:
        """Run a share from the first step to the last; weight_t is W_hhᵀ."""
        raise NotImplementedError

    def _steps_backward(
        self, share: Share, dstates: list[Array], dy: Array, dgates: Array, dhidden: Array, cache: LayerCache
    ) -> None:
        """Run a share from the last step to the first."""
        raise NotImplementedError


def _steps(x: Array) -> Array:
    """(batch, time, directions, width) → (batch × time, directions × width)."""
    batch, time, directions, width = x.shape
    return x.reshape(batch * time, directions * width)
