"""Recurrent layers: gradients by value, lengths, states, and the compiled kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from embedkit.errors import ConfigError, FormatError
from embedkit.kernels import thresholds
from embedkit.nn.layers.parameters import load_state
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN
from tests.nn.gradients import check_gradients

KINDS = {"rnn": (RNN, {}), "relu": (RNN, {"nonlinearity": "relu"}), "gru": (GRU, {}), "lstm": (LSTM, {})}


def make(kind, *sizes, seed=0, **options):
    cell, more = KINDS[kind]
    return cell(*sizes, rng=np.random.default_rng(seed), **more, **options)


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers, both", [(1, False), (2, True)])
def test_gradients_with_lengths_and_states(kind, layers, both):
    rng = np.random.default_rng(3)
    layer = make(kind, 3, 4, layers, both, dtype=np.float64)
    x = rng.standard_normal((4, 6, 3))
    lengths = np.array([6, 2, 0, 5])
    shape = (layers * layer.directions, 4, 4)
    state = tuple(rng.standard_normal(shape) for _ in range(2 if kind == "lstm" else 1))
    w = rng.standard_normal((4, 6, layer.output_size))
    w_state = tuple(rng.standard_normal(shape) for _ in state)

    def run():
        return layer.forward(x, lengths, state if kind == "lstm" else state[0])

    def loss():
        y, cache = run()
        return float((y * w).sum() + sum((s * v).sum() for s, v in zip(as_tuple(cache.state), w_state, strict=True)))

    _, cache = run()
    dx, dstate, grads = layer.backward_state(w, w_state if kind == "lstm" else w_state[0], cache)
    names = [f"state{i}" for i in range(len(state))]
    check_gradients(
        loss,
        {**layer.parameters, "x": x, **dict(zip(names, state, strict=True))},
        {**grads, "x": dx, **dict(zip(names, as_tuple(dstate), strict=True))},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    rng = np.random.default_rng(4)
    layer = make(kind, 3, 5, 2, True, dtype=np.float64)
    x = rng.standard_normal((3, 7, 3))
    lengths = np.array([4, 7, 1])
    y, cache = layer.forward(x, lengths)
    for row, length in enumerate(lengths):
        alone, alone_cache = layer.forward(x[row : row + 1, :length])
        np.testing.assert_allclose(y[row, :length], alone[0], atol=1e-14)
        assert np.all(y[row, length:] == 0)
        for ours, theirs in zip(as_tuple(cache.state), as_tuple(alone_cache.state), strict=True):
            np.testing.assert_allclose(ours[:, row], theirs[:, 0], atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_state_carried_over_is_the_whole_sequence(kind):
    layer = make(kind, 3, 5, 2, dtype=np.float64)
    x = np.random.default_rng(5).standard_normal((2, 9, 3))
    whole, _ = layer.forward(x)
    first, cache = layer.forward(x[:, :4])
    second, _ = layer.forward(x[:, 4:], state=cache.state)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [1, 3])
def test_kernels_agree_with_numpy(kind, workers, monkeypatch):
    rng = np.random.default_rng(6)
    layer = make(kind, 5, 37, 2, True, workers=workers)  # 37: not a multiple of any vector length
    x = rng.standard_normal((11, 8, 5), dtype=np.float32) * 3
    lengths = np.array([8, 3, 8, 0, 5, 7, 1, 8, 2, 6, 4])
    dy = rng.standard_normal((11, 8, 74), dtype=np.float32)
    results = []
    for above in (1 << 62, 0):
        monkeypatch.setattr(thresholds, "RECURRENT_PRODUCTS", above)
        y, cache = layer.forward(x, lengths)
        dx, dstate, grads = layer.backward_state(dy, cache.state, cache)
        results.append([y, *as_tuple(cache.state), dx, *as_tuple(dstate), *grads.values()])
    for ours, plain in zip(*reversed(results), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=2e-5, atol=2e-5 * max(1.0, float(np.abs(plain).max())))


def test_dropout_between_layers_only_in_training():
    layer = make("gru", 3, 6, 2, dropout=0.5)
    x = np.random.default_rng(8).standard_normal((2, 5, 3), dtype=np.float32)
    still, _ = layer.forward(x)
    again, _ = layer.forward(x)
    dropped, _ = layer.forward(x, training=True, rng=np.random.default_rng(1))
    same, _ = layer.forward(x, training=True, rng=np.random.default_rng(1))
    assert np.array_equal(still, again)
    assert np.array_equal(dropped, same)
    assert not np.allclose(still, dropped)


def test_what_cannot_work_is_refused():
    layer = make("lstm", 3, 4)
    x = np.zeros((2, 5, 3), np.float32)
    with pytest.raises(ConfigError, match="lengths must be 2 numbers from 0 to 5"):
        layer.forward(x, np.array([6, 1]))
    with pytest.raises(ConfigError, match=r"x must have shape \(batch, time, 3\), found \(2, 5, 2\)"):
        layer.forward(x[..., :2])
    y, cache = layer.forward(x)
    with pytest.raises(ConfigError, match=r"dy must have the shape of y, \(2, 5, 4\), found \(2, 5, 2\)"):
        layer.backward(y[..., :2], cache)
    with pytest.raises(ConfigError, match=r"the state must have shape \(1, 2, 4\)"):
        layer.forward(x, state=(np.zeros((1, 3, 4)), np.zeros((1, 3, 4))))
    with pytest.raises(ConfigError, match="tanh or relu"):
        RNN(3, 4, rng=np.random.default_rng(0), nonlinearity="sigmoid")
    with pytest.raises(FormatError, match="weight_hh_l0 has shape"):
        load_state(layer, {**layer.parameters, "weight_hh_l0": np.zeros((12, 4))})
    with pytest.raises(FormatError, match="missing bias_hh_l0"):
        load_state(layer, {k: v for k, v in layer.parameters.items() if k != "bias_hh_l0"})
