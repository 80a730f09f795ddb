"""Attention and Transformer blocks: gradients by value, masks, positions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from embedkit.errors import ConfigError
from embedkit.nn.layers.activations import erf
from embedkit.nn.layers.attention import (
    AdditiveAttention,
    AttentionPooling,
    DotAttention,
    causal_mask,
    padding_mask,
    positions,
)
from embedkit.nn.layers.multihead import MultiheadAttention
from embedkit.nn.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
from tests.nn.gradients import check_layer

MASK = np.array([[True, True, True, False, False], [True] * 5, [False] * 5])


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(
    "layer",
    [
        AdditiveAttention(4, 6, 7, rng=rng(), dtype=np.float64),
        DotAttention(4, 6, general=True, rng=rng(), dtype=np.float64),
        DotAttention(6, 6, general=False, rng=rng()),
    ],
    ids=["additive", "general", "dot"],
)
def test_attention_gradients(layer):
    query, keys = draw(3, 2, 6 if not layer.parameters else 4), draw(3, 5, 6, seed=1)
    check_layer(
        lambda: layer.forward(query, keys, MASK), layer.backward, layer.parameters, {"query": query, "keys": keys}
    )
    y, cache = layer.forward(query, keys, MASK)
    np.testing.assert_allclose(cache.weights[:2].sum(axis=-1), 1.0)
    assert np.all(cache.weights[0, :, 3:] == 0)
    assert np.all(y[2] == 0), "a query with no key to look at gets zeros"


def test_additive_attention_is_what_the_paper_says():
    layer = AdditiveAttention(2, 3, 4, rng=rng(), dtype=np.float64)
    query, keys = draw(1, 1, 2), draw(1, 3, 3, seed=1)
    p = layer.parameters
    of_query = p["weight_query"] @ query[0, 0]
    scores = [p["v"] @ np.tanh(of_query + p["weight_key"] @ key + p["bias"]) for key in keys[0]]
    weights = np.exp(scores) / np.exp(scores).sum()
    expected = sum(w * key for w, key in zip(weights, keys[0], strict=True))
    np.testing.assert_allclose(layer.forward(query, keys)[0][0, 0], expected)


def test_pooling_gradients_and_weights():
    layer = AttentionPooling(4, 3, rng=rng(), dtype=np.float64)
    x = draw(3, 5, 4)
    check_layer(lambda: layer.forward(x, MASK), layer.backward, layer.parameters, {"x": x})
    _, cache = layer.forward(x, MASK)
    np.testing.assert_allclose(cache.weights.sum(axis=1), [1, 1, 0])


def test_self_attention_gradients():
    layer = MultiheadAttention(6, 3, rng=rng(), dtype=np.float64)
    x = draw(3, 5, 6)
    check_layer(lambda: layer.forward(x, mask=MASK), layer.backward, layer.parameters, {"x": x})


def test_cross_attention_gradients():
    layer = MultiheadAttention(6, 2, rng=rng(), dtype=np.float64)
    x, memory = draw(3, 4, 6), draw(3, 5, 6, seed=1)
    check_layer(
        lambda: layer.forward(x, memory, mask=MASK), layer.backward_memory, layer.parameters, {"x": x, "memory": memory}
    )


@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu"}], ids=["post", "pre"])
def test_encoder_block_gradients(options):
    layer = TransformerEncoderLayer(6, 2, 8, rng=rng(), dtype=np.float64, dropout=0.4, **options)
    x = draw(3, 5, 6)

    def forward():
        return layer.forward(x, MASK, causal=True, training=True, rng=np.random.default_rng(5))

    check_layer(forward, layer.backward, layer.parameters, {"x": x})


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_block_gradients(norm_first):
    layer = TransformerDecoderLayer(6, 2, 8, rng=rng(), dtype=np.float64, dropout=0.4, norm_first=norm_first)
    x, memory = draw(3, 4, 6), draw(3, 5, 6, seed=1)

    def forward():
        return layer.forward(x, memory, memory_mask=MASK, training=True, rng=np.random.default_rng(5))

    check_layer(forward, layer.backward, layer.parameters, {"x": x, "memory": memory})


def test_a_causal_block_does_not_see_the_future():
    layer = TransformerEncoderLayer(6, 2, 8, rng=rng(), dtype=np.float64)
    x = draw(1, 5, 6)
    before, cache = layer.forward(x, causal=True)
    x[0, 3:] += 1.0
    after, _ = layer.forward(x, causal=True)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3:], after[:, 3:])
    assert np.all(layer.attention_weights(cache)[0, :, ~causal_mask(5)] == 0)


def test_padding_does_not_change_the_rest():
    layer = TransformerEncoderLayer(6, 2, 8, rng=rng(), dtype=np.float64)
    x = draw(2, 5, 6)
    mask = padding_mask(np.array([3, 5]), 5)
    np.testing.assert_allclose(layer.forward(x, mask)[0][0, :3], layer.forward(x[:1, :3])[0][0], atol=1e-14)


def test_positions_turn_by_a_fixed_rotation():
    table = positions(50, 8, np.float64)
    assert np.abs(table).max() <= 1
    np.testing.assert_allclose(table[3, 0], math.sin(3))
    np.testing.assert_allclose(table[7, 5], math.cos(7 / 10000 ** (4 / 8)))
    # the dot product of two positions depends on their distance alone
    np.testing.assert_allclose(table[3] @ table[10], table[20] @ table[27])
    assert positions(4, 5).shape == (4, 5)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 4e-16), (np.float32, 2e-7)])
def test_erf(dtype, tolerance):
    x = np.concatenate([np.linspace(-7, 7, 10001), [0.0, -0.0, 1e-20, 40.0, -np.inf]]).astype(dtype)
    np.testing.assert_allclose(erf(x), [math.erf(v) for v in x], rtol=0, atol=tolerance)


def test_widths_that_do_not_fit():
    with pytest.raises(ConfigError, match="multiple of the number of heads, 4"):
        MultiheadAttention(6, 4, rng=rng())
    with pytest.raises(ConfigError, match="use the general form"):
        DotAttention(6, 4, general=False, rng=rng())
    with pytest.raises(ConfigError, match="relu, gelu"):
        TransformerEncoderLayer(6, 2, 8, activation="swish", rng=rng())
