"""Pooling and the encoders by value, and masks that hide the padding."""

import numpy as np
import pytest

from embedkit.errors import ConfigError
from embedkit.nn.layers.encoder import MODELS, Encoder
from embedkit.nn.layers.pooling import POOLINGS, Pooling
from tests.nn.gradients import check_layer

MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], bool)


def states(width=6):
    return np.random.default_rng(5).normal(size=(3, 4, width)) * MASK[..., None]


@pytest.mark.parametrize("kind", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling_gradients(kind, bidirectional):
    pooling = Pooling(kind, 6, bidirectional=bidirectional, rng=np.random.default_rng(1), dtype=np.float64)
    h = states()
    check_layer(lambda: pooling.forward(h, MASK), pooling.backward, pooling.parameters, {"h": h})


def test_pooling_by_hand():
    h = states()
    rng = np.random.default_rng(1)
    pool = {kind: Pooling(kind, 6, bidirectional=kind == "last", rng=rng, dtype=np.float64) for kind in POOLINGS}
    np.testing.assert_allclose(pool["max"].forward(h - 9, MASK)[0][1], (h - 9)[1, :2].max(0))
    np.testing.assert_allclose(pool["mean"].forward(h, MASK)[0][1], h[1, :2].mean(0))
    np.testing.assert_allclose(pool["last"].forward(h, MASK)[0][1], [*h[1, 1, :3], *h[1, 0, 3:]])
    np.testing.assert_allclose(pool["first"].forward(h, MASK)[0], h[:, 0])
    y, cache = pool["attention"].forward(h, MASK)
    np.testing.assert_allclose(cache.weights.sum(1), 1)
    assert (cache.weights[~MASK] == 0).all()
    np.testing.assert_allclose(y[1], cache.weights[1, :2] @ h[1, :2])


@pytest.mark.parametrize("kind", POOLINGS)
def test_a_row_without_words_is_zero_and_passes_nothing_back(kind):
    pooling = Pooling(kind, 6, bidirectional=True, rng=np.random.default_rng(1), dtype=np.float64)
    mask = MASK & np.array([[True], [False], [True]])
    h = np.random.default_rng(5).normal(size=(3, 4, 6))
    y, cache = pooling.forward(h, mask)
    np.testing.assert_array_equal(y[1], np.zeros(6))
    assert not pooling.backward(np.ones_like(y), cache)[0][1].any()
    np.testing.assert_allclose(y[[0, 2]], pooling.forward(h[[0, 2]], mask[[0, 2]])[0])
    check_layer(lambda: pooling.forward(h, mask), pooling.backward, pooling.parameters, {"h": h})


@pytest.mark.parametrize("model", MODELS)
def test_encoder_gradients(model):
    encoder = Encoder(model, 5, 4, 2, heads=2, rng=np.random.default_rng(1), dtype=np.float64)
    x = states(5)

    def forward():
        y, cache = encoder.forward(x, MASK)
        return y * MASK[..., None], cache

    zero = tuple(name for name in encoder.parameters if name.endswith("in_proj_bias"))
    options = {"tolerance": 1e-5}
    parameters = {k: v for k, v in encoder.parameters.items() if k not in zero}

    def backward(dy, cache):
        dx, grads = encoder.backward(dy * MASK[..., None], cache)
        return dx, {k: g for k, g in grads.items() if k not in zero}

    check_layer(forward, backward, parameters, {"x": x}, **options)


@pytest.mark.parametrize("model", MODELS)
def test_what_stands_in_the_padding_does_not_matter(model):
    encoder = Encoder(model, 5, 4, heads=2, rng=np.random.default_rng(1), dtype=np.float64)
    x = states(5)
    other = np.where(MASK[..., None], x, 99.0)
    np.testing.assert_allclose(encoder.forward(x, MASK)[0][MASK], encoder.forward(other, MASK)[0][MASK])


def test_unknown_kinds_are_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(ConfigError, match=r"unknown pooling 'sum': choose one of last, max, mean, attention"):
        Pooling("sum", 4, rng=rng)
    with pytest.raises(ConfigError, match=r"unknown model 'cnn'"):
        Encoder("cnn", 4, 4, rng=rng)
    with pytest.raises(ConfigError, match=r"multiple of its heads, got 6 and 4"):
        Encoder("transformer", 4, 6, heads=4, rng=rng)
