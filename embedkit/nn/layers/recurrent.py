"""Recurrent layers: `RNN` (Elman 1990), `GRU` (Cho et al. 2014), `LSTM` (Hochreiter and Schmidhuber 1997,
with forget gates), with the equations, names and weight layouts of PyTorch.

The inputs of all time steps and both directions are projected by one matrix product; only h Wᵀ and the gates
go through time, one call for each direction. Small inputs and float64 run in NumPy, the rest in compiled
kernels.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers import recurrent_steps
from embedkit.nn.layers.buffers import BufferPool
from embedkit.nn.layers.dense import Dropout
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, uniform
from embedkit.threads import for_each

State = Any  # h : float (layers × directions, batch, hidden); for the LSTM (h, c)

# Multiplications of one direction of one layer above which starting numba pays: a sentence stays in NumPy.
KERNELS_ABOVE = 1 << 22


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
    """What `forward` leaves for `backward`, and the last state for whoever wants it."""

    layers: list[LayerCache]
    lengths: Array
    state: State


class _Recurrent:
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

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
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
        self.workers = workers or os.cpu_count() or 1
        self.dtype = np.dtype(dtype)
        self._pool = BufferPool(dtype)
        self.parameters: Parameters = {}
        width, bound = self.GATES * hidden_size, 1.0 / np.sqrt(hidden_size)
        for layer in range(num_layers):
            n_in = input_size if layer == 0 else hidden_size * self.directions
            for suffix in self._suffixes(layer):
                for name, shape in (
                    ("weight_ih", (width, n_in)),
                    ("weight_hh", (width, hidden_size)),
                    ("bias_ih", (width,)),
                    ("bias_hh", (width,)),
                ):
                    self.parameters[name + suffix] = uniform(rng, shape, bound, dtype)

    @property
    def output_size(self) -> int:
        """Width of y: hidden_size × directions."""
        return self.hidden_size * self.directions

    def forward(
        self,
        x: Array,
        lengths: Array | None = None,
        state: State = None,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, RecurrentCache]:
        """Run all layers over a batch.

        Parameters
        ----------
        x : float (batch, time, input_size)
        lengths : int (batch,), optional
            Real steps of each sequence; all by default. Outputs beyond are zero, and the last state is the
            one after the last real step.
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
        batch, time = x.shape[:2]
        lengths = np.full(batch, time, np.int64) if lengths is None else np.asarray(lengths, np.int64)
        if lengths.shape != (batch,) or (batch and (lengths.min() < 0 or lengths.max() > time)):
            raise ConfigError(f"lengths must be {batch} numbers from 0 to {time}, the shape of x")
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
        return x, RecurrentCache(caches, lengths, self._joined(states))

    def backward(self, dy: Array, cache: RecurrentCache) -> tuple[Array, Gradients]:
        """dy : float (batch, time, output_size) → dx : float (batch, time, input_size); the last state is
        unused."""
        dx, _, grads = self.backward_state(dy, None, cache)
        return dx, grads

    def backward_state(self, dy: Array | None, dstate: State, cache: RecurrentCache) -> tuple[Array, State, Gradients]:
        """`backward` with the gradient of the last state in (None: zero) and of the first state out.

        `dy` may be None where only the last state was used.
        """
        batch, time = cache.layers[0].gates.shape[:2]
        if dy is None:
            dy = np.zeros((batch, time, self.output_size), self.dtype)
        dstates = self._first_states(dstate, batch)
        grads: Gradients = {}
        for layer in range(self.num_layers - 1, -1, -1):
            part = [s[layer * self.directions : (layer + 1) * self.directions] for s in dstates]
            dy = self._layer_backward(
                layer, np.ascontiguousarray(dy, self.dtype), cache.layers[layer], cache.lengths, part, grads
            )
            if layer:
                dy, _ = self.dropout.backward(dy, cache.layers[layer].dropout)
        return dy, self._joined(dstates), {name: grads[name] for name in self.parameters}

    # One layer

    def _layer_forward(self, layer: int, x: Array, lengths: Array, states: list[Array]) -> tuple[Array, LayerCache]:
        batch, time, n_in = x.shape
        suffixes = self._suffixes(layer)
        # 1. what the inputs contribute, for all steps and directions at once; a column of ones carries the biases
        ones = self._pool.empty((batch * time, n_in + 1))
        ones[:, :n_in] = x.reshape(batch * time, n_in)
        ones[:, n_in] = 1
        weight = np.concatenate(
            [np.column_stack([self.parameters["weight_ih" + s], self._input_bias(s)]) for s in suffixes]
        )
        gates = self._pool.empty((batch, time, self.directions, self.GATES * self.hidden_size))
        np.matmul(ones, weight.T, out=gates.reshape(batch * time, -1))
        # 2. through time
        fresh = self._allocator(lengths, time)
        y, h_before = fresh(batch, time), fresh(batch, time)
        extra = {name: fresh(batch, time) for name in self.EXTRA}
        weights_t = [np.ascontiguousarray(self.parameters["weight_hh" + s].T) for s in suffixes]
        cache = LayerCache(ones, gates, h_before, extra)

        def run(steps: Any, direction: int, rows: Array, active: Array) -> None:
            self._steps_forward(steps, layer, direction, weights_t[direction], rows, active, states, y, cache)

        self._through_time(run, lengths, time)
        return y.reshape(batch, time, -1), cache

    def _layer_backward(
        self, layer: int, dy: Array, cache: LayerCache, lengths: Array, dstates: list[Array], grads: Gradients
    ) -> Array:
        batch, time = cache.gates.shape[:2]
        suffixes = self._suffixes(layer)
        dy = dy.reshape(batch, time, self.directions, -1)
        # 2. back through time
        fresh = self._allocator(lengths, time)
        dgates = fresh(batch, time, self.GATES)
        dhidden = fresh(batch, time, self.GATES) if self.HIDDEN_DIFFERS else dgates

        def run(steps: Any, direction: int, rows: Array, active: Array) -> None:
            weight_hh = self.parameters["weight_hh" + suffixes[direction]]
            self._steps_backward(steps, direction, weight_hh, rows, active, dstates, dy, dgates, dhidden, cache)

        self._through_time(run, lengths, time)
        # 1. the weights' gradients, as products over all steps at once
        flat = dgates.reshape(batch * time, -1)
        dinput = flat.T @ cache.ones
        width = self.GATES * self.hidden_size
        for d, suffix in enumerate(suffixes):
            part = slice(d * width, (d + 1) * width)
            ours = dhidden.reshape(batch * time, -1)[:, part]
            before = cache.h_before.reshape(batch * time, -1)[:, d * self.hidden_size : (d + 1) * self.hidden_size]
            grads["weight_ih" + suffix] = np.ascontiguousarray(dinput[part, :-1])
            grads["weight_hh" + suffix] = ours.T @ before
            grads["bias_ih" + suffix] = dinput[part, -1].copy()
            grads["bias_hh" + suffix] = ours.sum(axis=0) if self.HIDDEN_DIFFERS else dinput[part, -1].copy()
        return (flat @ self._stacked("weight_ih", suffixes)).reshape(batch, time, -1)

    def _through_time(self, run: Callable[[Any, int, Array, Array], None], lengths: Array, time: int) -> None:
        """Call `run` for every direction and share of the rows, on threads where the work is worth it."""
        work = int(lengths.sum()) * self.GATES * self.hidden_size**2
        steps = self._backend(work)
        order = np.argsort(-lengths, kind="stable")
        shares = max(1, self.workers // self.directions) if steps is not recurrent_steps else 1
        jobs = []
        for share in range(min(shares, len(order))):
            rows = np.ascontiguousarray(order[share::shares])
            active = np.searchsorted(-lengths[rows], -np.arange(time), side="left").astype(np.int64)
            jobs += [(steps, direction, rows, active) for direction in range(self.directions)]
        alone = steps is recurrent_steps or self.workers == 1
        for_each(lambda job: run(*job), jobs, 1 if alone else len(jobs), "recurrent")

    def _backend(self, work: int) -> Any:
        if self.dtype == np.float32 and work > KERNELS_ABOVE:
            from embedkit.kernels import recurrent as kernels

            return kernels
        return recurrent_steps

    # Small pieces

    EXTRA: tuple[str, ...] = ()
    HIDDEN_DIFFERS = False  # whether the gradient of h Wᵀ + b is another one than that of the gates' sums
    TWO_STATES = False

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    def _stacked(self, name: str, suffixes: list[str]) -> Array:
        parts = [self.parameters[name + suffix] for suffix in suffixes]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _input_bias(self, suffix: str) -> Array:
        return self.parameters["bias_ih" + suffix] + self.parameters["bias_hh" + suffix]

    def _allocator(self, lengths: Array, time: int) -> Callable[..., Array]:
        """Arrays (batch, time, directions, gates × hidden), zero where there is padding that is never
        written."""
        make = np.empty if lengths.min(initial=time) == time else np.zeros
        return lambda batch, time, gates=1: make((batch, time, self.directions, gates * self.hidden_size), self.dtype)

    def _first_states(self, state: State, batch: int) -> list[Array]:
        """Fresh arrays of the state given, or zeros; one, or two for the LSTM."""
        shape = (self.num_layers * self.directions, batch, self.hidden_size)
        given = (state if self.TWO_STATES else (state,)) if state is not None else ()
        if any(np.shape(s) != shape for s in given) or len(given) not in {0, 1 + self.TWO_STATES}:
            raise ConfigError(f"the state must have shape {shape}, found {[np.shape(s) for s in given]}")
        if given:
            return [np.array(s, self.dtype, order="C") for s in given]
        return [np.zeros(shape, self.dtype) for _ in range(1 + self.TWO_STATES)]

    def _joined(self, states: list[Array]) -> State:
        return tuple(states) if self.TWO_STATES else states[0]

    def _steps_forward(
        self,
        steps: Any,
        layer: int,
        direction: int,
        weight_t: Array,
        rows: Array,
        active: Array,
        states: list[Array],
        y: Array,
        cache: LayerCache,
    ) -> None:
        raise NotImplementedError

    def _steps_backward(
        self,
        steps: Any,
        direction: int,
        weight: Array,
        rows: Array,
        active: Array,
        dstates: list[Array],
        dy: Array,
        dgates: Array,
        dhidden: Array,
        cache: LayerCache,
    ) -> None:
        raise NotImplementedError


class RNN(_Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), as ``torch.nn.RNN``; with ``nonlinearity="relu"`` max(0,
    ·)."""

    GATES = 1

    def __init__(self, *args: Any, nonlinearity: str = "tanh", **options: Any) -> None:
        super().__init__(*args, **options)
        if nonlinearity not in {"tanh", "relu"}:
            raise ConfigError(f"the nonlinearity of a simple RNN is tanh or relu, not {nonlinearity!r}")
        self.relu = nonlinearity == "relu"

    def _steps_forward(
        self,
        steps: Any,
        layer: int,
        direction: int,
        weight_t: Array,
        rows: Array,
        active: Array,
        states: list[Array],
        y: Array,
        cache: LayerCache,
    ) -> None:
        steps.rnn_forward(cache.gates, weight_t, direction, rows, active, states[0], y, cache.h_before, self.relu)

    def _steps_backward(
        self,
        steps: Any,
        direction: int,
        weight: Array,
        rows: Array,
        active: Array,
        dstates: list[Array],
        dy: Array,
        dgates: Array,
        dhidden: Array,
        cache: LayerCache,
    ) -> None:
        steps.rnn_backward(cache.gates, dgates, weight, direction, rows, active, dstates[0], dy, self.relu)


class LSTM(_Recurrent):
    """i, f, g, o = σ, σ, tanh, σ (W_ih x + b_ih + W_hh h + b_hh); c' = f c + i g; h' = o tanh c', as
    ``torch.nn.LSTM``."""

    GATES = 4
    EXTRA = ("c_before", "tanh_c")
    TWO_STATES = True

    def _steps_forward(
        self,
        steps: Any,
        layer: int,
        direction: int,
        weight_t: Array,
        rows: Array,
        active: Array,
        states: list[Array],
        y: Array,
        cache: LayerCache,
    ) -> None:
        steps.lstm_forward(
            cache.gates,
            weight_t,
            direction,
            rows,
            active,
            *states,
            y,
            cache.h_before,
            cache.extra["c_before"],
            cache.extra["tanh_c"],
        )

    def _steps_backward(
        self,
        steps: Any,
        direction: int,
        weight: Array,
        rows: Array,
        active: Array,
        dstates: list[Array],
        dy: Array,
        dgates: Array,
        dhidden: Array,
        cache: LayerCache,
    ) -> None:
        steps.lstm_backward(
            cache.gates,
            dgates,
            weight,
            direction,
            rows,
            active,
            *dstates,
            dy,
            cache.extra["c_before"],
            cache.extra["tanh_c"],
        )


class GRU(_Recurrent):
    """r, z = σ(W_ih x + b_ih + W_hh h + b_hh); n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 − z) n +
    z h, as
    ``torch.nn.GRU``."""

    GATES = 3
    EXTRA = ("hidden_n",)
    HIDDEN_DIFFERS = True

    def _input_bias(self, suffix: str) -> Array:
        bias = super()._input_bias(suffix)
        last = slice(2 * self.hidden_size, None)  # b_hn stands inside r (·), so it is added there
        bias[last] = self.parameters["bias_ih" + suffix][last]
        return bias

    def _steps_forward(
        self,
        steps: Any,
        layer: int,
        direction: int,
        weight_t: Array,
        rows: Array,
        active: Array,
        states: list[Array],
        y: Array,
        cache: LayerCache,
    ) -> None:
        bias_n = self.parameters["bias_hh" + self._suffixes(layer)[direction]][2 * self.hidden_size :]
        steps.gru_forward(
            cache.gates,
            weight_t,
            bias_n,
            direction,
            rows,
            active,
            states[0],
            y,
            cache.h_before,
            cache.extra["hidden_n"],
        )

    def _steps_backward(
        self,
        steps: Any,
        direction: int,
        weight: Array,
        rows: Array,
        active: Array,
        dstates: list[Array],
        dy: Array,
        dgates: Array,
        dhidden: Array,
        cache: LayerCache,
    ) -> None:
        steps.gru_backward(
            cache.gates,
            dgates,
            dhidden,
            weight,
            direction,
            rows,
            active,
            dstates[0],
            dy,
            cache.h_before,
            cache.extra["hidden_n"],
        )
