"""Recurrent layers, with the equations, names and weight layouts of PyTorch.

`RNN` (Elman 1990), `GRU` (Cho et al. 2014), `LSTM` (Hochreiter and Schmidhuber 1997, with forget gates); what they
share is in `recurrent_layers`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.parameters import Array
from embedkit.nn.layers.recurrent_layers import LayerCache, Recurrent, RecurrentCache, Share, State

__all__ = ["GRU", "LSTM", "RNN", "LayerCache", "RecurrentCache", "State"]


class RNN(Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), as ``torch.nn.RNN``; with ``nonlinearity="relu"`` max(0, ·)."""

    GATES = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        nonlinearity: str = "tanh",
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
        workers: int | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bidirectional, dropout, rng=rng, dtype=dtype, workers=workers
        )
        if nonlinearity not in {"tanh", "relu"}:
            raise ConfigError(f"the nonlinearity of a simple RNN is tanh or relu, not {nonlinearity!r}")
        self.relu = nonlinearity == "relu"

    def _steps_forward(self, share: Share, weight_t: Array, states: list[Array], y: Array, cache: LayerCache) -> None:
        steps, d, _, rows, active = share
        steps.rnn_forward(cache.gates, weight_t, d, rows, active, states[0], y, cache.h_before, self.relu)

    def _steps_backward(
        self, share: Share, dstates: list[Array], dy: Array, dgates: Array, dhidden: Array, cache: LayerCache
    ) -> None:
        steps, d, suffix, rows, active = share
        weight = self.parameters["weight_hh" + suffix]
        steps.rnn_backward(cache.gates, dgates, weight, d, rows, active, dstates[0], dy, self.relu)


class LSTM(Recurrent):
    """i, f, g, o = σ, σ, tanh, σ (W_ih x + b_ih + W_hh h + b_hh); c' = f c + i g; h' = o tanh c'.

    As ``torch.nn.LSTM``.
    """

    GATES = 4
    EXTRA = ("c_before", "tanh_c")
    N_STATES = 2

    def _steps_forward(self, share: Share, weight_t: Array, states: list[Array], y: Array, cache: LayerCache) -> None:
        steps, d, _, rows, active = share
        (h, c), extra = states, cache.extra
        steps.lstm_forward(
            cache.gates, weight_t, d, rows, active, h, c, y, cache.h_before, extra["c_before"], extra["tanh_c"]
        )

    def _steps_backward(
        self, share: Share, dstates: list[Array], dy: Array, dgates: Array, dhidden: Array, cache: LayerCache
    ) -> None:
        steps, d, suffix, rows, active = share
        (dh, dc), extra, weight = dstates, cache.extra, self.parameters["weight_hh" + suffix]
        steps.lstm_backward(
            cache.gates, dgates, weight, d, rows, active, dh, dc, dy, extra["c_before"], extra["tanh_c"]
        )


class GRU(Recurrent):
    """r, z = σ(W_ih x + b_ih + W_hh h + b_hh); n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 − z) n + z h.

    As ``torch.nn.GRU``.
    """

    GATES = 3
    EXTRA = ("hidden_n",)
    HIDDEN_DIFFERS = True

    def _input_bias(self, suffix: str) -> Array:
        bias = super()._input_bias(suffix)
        last = slice(2 * self.hidden_size, None)  # b_hn stands inside r (·), so it is added there
        bias[last] = self.parameters["bias_ih" + suffix][last]
        return bias

    def _steps_forward(self, share: Share, weight_t: Array, states: list[Array], y: Array, cache: LayerCache) -> None:
        steps, d, suffix, rows, active = share
        bias_n = self.parameters["bias_hh" + suffix][2 * self.hidden_size :]
        hidden_n = cache.extra["hidden_n"]
        steps.gru_forward(cache.gates, weight_t, bias_n, d, rows, active, states[0], y, cache.h_before, hidden_n)

    def _steps_backward(
        self, share: Share, dstates: list[Array], dy: Array, dgates: Array, dhidden: Array, cache: LayerCache
    ) -> None:
        steps, d, suffix, rows, active = share
        weight, (dh,), hidden_n = self.parameters["weight_hh" + suffix], dstates, cache.extra["hidden_n"]
        steps.gru_backward(cache.gates, dgates, dhidden, weight, d, rows, active, dh, dy, cache.h_before, hidden_n)
