"""Layers, losses and optimisers against files made with PyTorch (tests/golden/make_torch_golden.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedkit.nn.layers.losses import cross_entropy
from embedkit.nn.layers.multihead import MultiheadAttention
from embedkit.nn.layers.parameters import load_state, without_prefix
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN
from embedkit.nn.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
from embedkit.nn.learning.optimizers import SGD, AdaGrad, Adam

FOLDER = Path(__file__).parents[1] / "golden" / "nn"
DTYPES = [("float64", 1e-10), ("float32", 1e-5)]


def golden(name):
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


def rng():
    return np.random.default_rng(0)


def check(found, expected, tolerance):
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


def check_grads(grads, arrays, tolerance):
    expected = without_prefix("dparameter", arrays)
    assert set(grads) == set(expected)
    for name, value in expected.items():
        check(grads[name], value, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize(
    "name, kind, options",
    [("rnn_tanh", RNN, {}), ("rnn_relu", RNN, {"nonlinearity": "relu"}), ("gru", GRU, {}), ("lstm", LSTM, {})],
)
def test_recurrent(name, kind, options, dtype, tolerance):
    arrays = golden(name)
    layer = kind(3, 4, 2, True, rng=rng(), dtype=dtype, **options)
    load_state(layer, without_prefix("parameter", arrays))
    y, cache = layer.forward(arrays["input.x"], arrays["lengths"])
    check(y, arrays["y"], tolerance)
    for i, state in enumerate(cache.state if name == "lstm" else (cache.state,)):
        check(state, arrays[f"state.{i}"], tolerance)
    dx, grads = layer.backward(arrays["dy"], cache)
    assert dx.dtype == dtype
    check(dx, arrays["dinput.x"], tolerance)
    check_grads(grads, arrays, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
def test_multihead_attention(dtype, tolerance):
    arrays = golden("multihead")
    layer = MultiheadAttention(6, 2, rng=rng(), dtype=dtype)
    load_state(layer, without_prefix("parameter", arrays))
    x, memory = arrays["input.x"].astype(dtype), arrays["input.memory"].astype(dtype)
    y, cache = layer.forward(x, memory, mask=arrays["mask"])
    check(y, arrays["y"], tolerance)
    check(cache.weights, arrays["weights"], tolerance)
    (dx, dmemory), grads = layer.backward_memory(arrays["dy"].astype(dtype), cache)
    check(dx, arrays["dinput.x"], tolerance)
    check(dmemory, arrays["dinput.memory"], tolerance)
    check_grads(grads, arrays, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize(
    "name, options", [("encoder_post", {}), ("encoder_pre_gelu", {"norm_first": True, "activation": "gelu"})]
)
def test_encoder_block(name, options, dtype, tolerance):
    arrays = golden(name)
    layer = TransformerEncoderLayer(6, 2, 10, rng=rng(), dtype=dtype, **options)
    load_state(layer, without_prefix("parameter", arrays))
    y, cache = layer.forward(arrays["input.x"].astype(dtype), arrays["mask"], causal=True)
    check(y, arrays["y"], tolerance)
    dx, grads = layer.backward(arrays["dy"].astype(dtype), cache)
    assert dx.dtype == dtype
    check(dx, arrays["dinput.x"], tolerance)
    check_grads(grads, arrays, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("name, norm_first", [("decoder_post", False), ("decoder_pre", True)])
def test_decoder_block(name, norm_first, dtype, tolerance):
    arrays = golden(name)
    layer = TransformerDecoderLayer(6, 2, 10, rng=rng(), dtype=dtype, norm_first=norm_first)
    load_state(layer, without_prefix("parameter", arrays))
    x, memory = arrays["input.x"].astype(dtype), arrays["input.memory"].astype(dtype)
    y, cache = layer.forward(x, memory, memory_mask=arrays["mask"])
    check(y, arrays["y"], tolerance)
    (dx, dmemory), grads = layer.backward(arrays["dy"].astype(dtype), cache)
    check(dx, arrays["dinput.x"], tolerance)
    check(dmemory, arrays["dinput.memory"], tolerance)
    check_grads(grads, arrays, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize(
    "name, make",
    [
        ("sgd", lambda: SGD(0.1)),
        ("momentum", lambda: SGD(0.1, momentum=0.9, weight_decay=0.01)),
        ("nesterov", lambda: SGD(0.1, momentum=0.9, nesterov=True)),
        ("adagrad", lambda: AdaGrad(0.1)),
        ("adam", lambda: Adam(0.01, weight_decay=0.1)),
        ("adamw", lambda: Adam(0.01, weight_decay=0.1, decoupled=True)),
    ],
)
def test_optimizers(name, make, dtype, tolerance):
    arrays = golden("optimizers")
    optimizer, parameters = make(), {"w": arrays["start"].astype(dtype)}
    for gradient, expected in zip(arrays["gradients"], arrays[f"trajectory.{name}"], strict=True):
        optimizer.step(parameters, {"w": gradient.astype(dtype)})
        check(parameters["w"], expected, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("name, smoothing", [("plain", 0.0), ("smooth", 0.1)])
def test_cross_entropy(name, smoothing, dtype, tolerance):
    arrays = golden("cross_entropy")
    loss, dlogits = cross_entropy(arrays["logits"].astype(dtype), arrays["targets"], label_smoothing=smoothing)
    assert abs(loss - arrays[f"loss.{name}"]) < tolerance
    assert dlogits.dtype == dtype
    check(dlogits, arrays[f"dlogits.{name}"], tolerance)
