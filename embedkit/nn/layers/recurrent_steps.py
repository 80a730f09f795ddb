"""The recurrences of RNN, GRU and LSTM over time, in NumPy: one direction of one layer, forward and backward.

These serve small inputs (one sentence to predict never imports numba) and float64, and are the plain text of what
`embedkit.kernels.recurrent` computes faster under the same names. Common arguments, for n rows of a batch, T steps,
H hidden units, D directions and G gates:

gates, dgates : float (batch, T, D, G·H)
    Forward: in, what the inputs contribute (both biases included); out, the gates themselves. Backward: dgates
    receives the gradients of the sums that the gates were computed from.
direction : int
    Which of the D this is; direction 1 runs from the last step to the first.
rows : int64 (n,)
    The rows of the batch to work on, longest sequence first.
active : int64 (T,)
    How many of `rows` are longer than t; the others keep their state.
h, c, dh, dc : float (D, batch, H)
    The state, updated in place: forward, from the first to the last; backward, its gradient from the last to the
    first.
y, before, dy : float (batch, T, D, H)
    Outputs, the states before each step, and the gradient of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embedkit.nn.layers.parameters import Array


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(−x)), as ½ + ½ tanh(x / 2), which cannot overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _steps(rows: Array, active: Array, backwards: bool) -> Iterator[tuple[int, slice | Array]]:
    """The times in the order of the walk, each with the rows that are still running then."""
    whole = len(rows) == active.min(initial=len(rows)) and np.array_equal(rows, np.arange(len(rows)))
    for t in range(len(active) - 1, -1, -1) if backwards else range(len(active)):
        if active[t]:
            yield t, slice(0, len(rows)) if whole else rows[: active[t]]


def rnn_forward(
    gates: Array,
    weight_t: Array,
    direction: int,
    rows: Array,
    active: Array,
    h: Array,
    y: Array,
    h_before: Array,
    relu: bool,
) -> None:
    """h' = tanh(gates + h Wᵀ), or max(0, ·); weight_t = W_hhᵀ : (H, H)."""
    d = direction
    for t, r in _steps(rows, active, backwards=d == 1):
        h_before[r, t, d] = h[d, r]
        total = gates[r, t, d] + h[d, r] @ weight_t
        new = np.maximum(total, 0) if relu else np.tanh(total)
        gates[r, t, d] = y[r, t, d] = h[d, r] = new


def rnn_backward(
    gates: Array,
    dgates: Array,
    weight: Array,
    direction: int,
    rows: Array,
    active: Array,
    dh: Array,
    dy: Array,
    relu: bool,
) -> None:
    """The gradient of `rnn_forward`; weight = W_hh : (H, H)."""
    d = direction
    for t, r in _steps(rows, active, backwards=d == 0):
        dnew = dh[d, r] + dy[r, t, d]
        new = gates[r, t, d]
        dtotal = dnew * (new > 0) if relu else dnew * (1 - new * new)
        dgates[r, t, d] = dtotal
        dh[d, r] = dtotal @ weight


def lstm_forward(
    gates: Array,
    weight_t: Array,
    direction: int,
    rows: Array,
    active: Array,
    h: Array,
    c: Array,
    y: Array,
    h_before: Array,
    c_before: Array,
    tanh_c: Array,
) -> None:
    """i, f, g, o = σ, σ, tanh, σ (gates + h Wᵀ); c' = f c + i g; h' = o tanh c'; weight_t = W_hhᵀ : (H, 4H)."""
    d, size = direction, h.shape[2]
    for t, r in _steps(rows, active, backwards=d == 1):
        h_before[r, t, d], c_before[r, t, d] = h[d, r], c[d, r]
        total = gates[r, t, d] + h[d, r] @ weight_t
        i, f = sigmoid(total[:, :size]), sigmoid(total[:, size : 2 * size])
        g, o = np.tanh(total[:, 2 * size : 3 * size]), sigmoid(total[:, 3 * size :])
        c[d, r] = f * c[d, r] + i * g
        tanh_c[r, t, d] = np.tanh(c[d, r])
        y[r, t, d] = h[d, r] = o * tanh_c[r, t, d]
        gates[r, t, d] = np.concatenate([i, f, g, o], axis=1)


def lstm_backward(
    gates: Array,
    dgates: Array,
    weight: Array,
    direction: int,
    rows: Array,
    active: Array,
    dh: Array,
    dc: Array,
    dy: Array,
    c_before: Array,
    tanh_c: Array,
) -> None:
    """The gradient of `lstm_forward`; weight = W_hh : (4H, H)."""
    d, size = direction, dh.shape[2]
    for t, r in _steps(rows, active, backwards=d == 0):
        i, f, g, o = (gates[r, t, d, k * size : (k + 1) * size] for k in range(4))
        dnew = dh[d, r] + dy[r, t, d]
        dcell = dc[d, r] + dnew * o * (1 - tanh_c[r, t, d] ** 2)
        dtotal = np.concatenate(
            [
                dcell * g * i * (1 - i),
                dcell * c_before[r, t, d] * f * (1 - f),
                dcell * i * (1 - g * g),
                dnew * tanh_c[r, t, d] * o * (1 - o),
            ],
            axis=1,
        )
        dgates[r, t, d] = dtotal
        dc[d, r] = dcell * f
        dh[d, r] = dtotal @ weight


def gru_forward(
    gates: Array,
    weight_t: Array,
    bias_n: Array,
    direction: int,
    rows: Array,
    active: Array,
    h: Array,
    y: Array,
    h_before: Array,
    hidden_n: Array,
) -> None:
    """r, z = σ(gates + h Wᵀ); n = tanh(gate + r (h W_nᵀ + b_n)); h' = (1 − z) n + z h.

    weight_t = W_hhᵀ : (H, 3H); hidden_n : float (batch, T, D, H) receives h W_nᵀ + b_n.
    """
    d, size = direction, h.shape[2]
    for t, r in _steps(rows, active, backwards=d == 1):
        h_before[r, t, d] = h[d, r]
        hidden = h[d, r] @ weight_t
        reset = sigmoid(gates[r, t, d, :size] + hidden[:, :size])
        z = sigmoid(gates[r, t, d, size : 2 * size] + hidden[:, size : 2 * size])
        hidden_n[r, t, d] = hidden[:, 2 * size :] + bias_n
        n = np.tanh(gates[r, t, d, 2 * size :] + reset * hidden_n[r, t, d])
        y[r, t, d] = h[d, r] = n + z * (h[d, r] - n)
        gates[r, t, d] = np.concatenate([reset, z, n], axis=1)


def gru_backward(
    gates: Array,
    dgates: Array,
    dhidden: Array,
    weight: Array,
    direction: int,
    rows: Array,
    active: Array,
    dh: Array,
    dy: Array,
    h_before: Array,
    hidden_n: Array,
) -> None:
    """The gradient of `gru_forward`; weight = W_hh : (3H, H).

    dhidden : float (batch, T, D, 3H) receives the gradient of h Wᵀ + b, which differs from dgates in its last third.
    """
    d, size = direction, dh.shape[2]
    for t, r in _steps(rows, active, backwards=d == 0):
        reset, z, n = (gates[r, t, d, k * size : (k + 1) * size] for k in range(3))
        dnew = dh[d, r] + dy[r, t, d]
        dn = dnew * (1 - z) * (1 - n * n)
        dz = dnew * (h_before[r, t, d] - n) * z * (1 - z)
        dreset = dn * hidden_n[r, t, d] * reset * (1 - reset)
        dgates[r, t, d] = np.concatenate([dreset, dz, dn], axis=1)
        dhidden[r, t, d] = np.concatenate([dreset, dz, dn * reset], axis=1)
        dh[d, r] = dnew * z + dhidden[r, t, d] @ weight
