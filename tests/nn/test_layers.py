"""Plain layers, embedding, loss, optimisers, schedules and early stopping."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from embedkit import nn
from embedkit.errors import ConfigError, TrainingError
from embedkit.kernels import thresholds
from embedkit.nn.layers.bag import BagEmbedding, Bags
from embedkit.nn.layers.dense import Dropout, LayerNorm, Linear
from embedkit.nn.layers.embedding import Embedding
from embedkit.nn.layers.losses import cross_entropy, softmax
from embedkit.nn.layers.parameters import RowGradient, add_gradients, merge_gradients
from embedkit.nn.layers.pooling import POOLINGS
from embedkit.nn.learning.optimizers import SGD, AdaGrad, Adam, EarlyStopping, clip_gradients
from embedkit.nn.learning.schedules import get_schedule
from tests.nn.gradients import check_gradients, check_layer


def rng(seed=1):
    return np.random.default_rng(seed)


class Vectors:
    """What `Embedding.from_vectors` asks of word vectors."""

    vector_size = 3

    def has_vector(self, word):
        return word in {"a", "b", "a-b"}

    def get_vectors(self, words):
        return np.array([[ord(c) for c in (word * 3)[:3]] for word in words], np.float32)


@pytest.mark.parametrize("bias", [True, False])
def test_linear_gradients(bias):
    layer = Linear(4, 3, rng=rng(), bias=bias, dtype=np.float64)
    x = rng().standard_normal((2, 5, 4))
    np.testing.assert_allclose(layer.forward(x)[0], x @ layer.parameters["weight"].T + layer.parameters.get("bias", 0))
    check_layer(lambda: layer.forward(x), layer.backward, layer.parameters, {"x": x})


def test_layer_norm_gradients():
    layer = LayerNorm(6, dtype=np.float64)
    layer.parameters["weight"][...] = rng().standard_normal(6)
    x = rng().standard_normal((2, 3, 6))
    check_layer(lambda: layer.forward(x), layer.backward, layer.parameters, {"x": x})


def test_dropout_keeps_the_mean_and_has_the_gradient_of_what_it_kept():
    layer = Dropout(0.3)
    x = np.ones((200, 300))
    y, cache = layer.forward(x, training=True, rng=rng())
    assert abs(y.mean() - 1) < 0.01
    assert abs((y == 0).mean() - 0.3) < 0.01
    np.testing.assert_array_equal(layer.backward(x, cache)[0], y)
    assert layer.forward(x)[0] is x
    with pytest.raises(ConfigError, match=r"below 1, not 1\.0"):
        Dropout(1.0)


def test_embedding_gradient_adds_up_repeated_words():
    layer = Embedding(rng().standard_normal((6, 3)))
    ids = np.array([[1, 4, 1], [5, 1, 4]])
    w = rng(2).standard_normal((2, 3, 3))
    _, cache = layer.forward(ids)
    _, grads = layer.backward(w, cache)
    assert grads["weight"].rows.tolist() == [1, 4, 5]
    check_gradients(lambda: float((layer.forward(ids)[0] * w).sum()), layer.parameters, grads)


def test_embedding_from_vectors_frozen_learns_only_unknown_words():
    layer = Embedding.from_vectors(Vectors(), ["<pad>", "a", "zzz", "a-b"], rng=rng(), frozen=True, padding=0)
    assert layer.parameters["weight"][1].tolist() == [97, 97, 97]
    assert layer.parameters["weight"][3].tolist() == [97, 45, 98]
    assert layer.parameters["weight"][2].any()
    assert not layer.parameters["weight"][0].any()
    y, cache = layer.forward(np.array([[0, 1, 2, 3]]))
    dy = np.ones_like(y)
    assert layer.backward(dy, cache)[1]["weight"].rows.tolist() == [2]
    layer.frozen = False
    assert layer.backward(dy, cache)[1]["weight"].rows.tolist() == [1, 2, 3]
    with pytest.raises(ConfigError, match=r"0\.\.3, found 0\.\.4"):
        layer.forward(np.array([0, 4]))


def test_cross_entropy_gradient_and_mask():
    logits, targets = rng().standard_normal((2, 4, 5)), np.array([[0, 4, 2, -100], [1, 1, 3, 0]])
    mask = np.array([[True, True, True, True], [True, False, True, True]])
    _, dlogits = cross_entropy(logits, targets, mask, label_smoothing=0.1)
    check_gradients(
        lambda: cross_entropy(logits, targets, mask, label_smoothing=0.1)[0], {"logits": logits}, {"logits": dlogits}
    )
    assert not dlogits[0, 3].any()
    assert not dlogits[1, 1].any()
    mean, _ = cross_entropy(logits, targets, mask)
    total, _ = cross_entropy(logits, targets, mask, reduction="sum")
    assert total == pytest.approx(6 * mean)
    loss, nothing = cross_entropy(logits, targets, np.zeros_like(mask))
    assert loss == 0.0
    assert not nothing.any()
    for wrong, options, message in (
        (np.where(mask, -1, targets), {}, r"targets must lie in 0..4, found -1.."),
        (targets + 1, {}, r"targets must lie in 0..4, found -99..5"),
        (targets, {"reduction": "none"}, "`reduction` must be mean or sum"),
        (targets, {"label_smoothing": 1.5}, "`label_smoothing` from 0 to 1, got 'mean' and 1.5"),
    ):
        with pytest.raises(ConfigError, match=message):
            cross_entropy(logits, wrong, mask, **options)


def test_softmax_survives_large_and_masked_values():
    inf = np.inf
    y = softmax(np.array([[1e4, 1e4, -1e4], [-inf, 0.0, -inf], [-inf, -inf, -inf]]))
    np.testing.assert_array_equal(y, [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "make",
    [lambda: SGD(0.1), lambda: AdaGrad(0.1), lambda: Adam(0.1), lambda: Adam(0.1, weight_decay=0.1, decoupled=True)],
)
def test_a_step_by_rows_is_the_dense_step_on_these_rows(make):
    start, values = rng().standard_normal((5, 2)), rng(2).standard_normal((2, 2))
    by_rows, dense = {"w": start.copy()}, {"w": start.copy()}
    sparse = RowGradient(np.array([1, 3]), values)
    make().step(by_rows, {"w": sparse})
    make().step(dense, {"w": sparse.dense(5)})
    np.testing.assert_allclose(by_rows["w"][[1, 3]], dense["w"][[1, 3]])
    np.testing.assert_array_equal(by_rows["w"][[0, 2, 4]], start[[0, 2, 4]])


@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("above", [0, 1 << 60])
@pytest.mark.parametrize("d", [1, 7, 100])
def test_gradients_of_the_same_row_are_added_up(monkeypatch, places, above, d):
    monkeypatch.setattr(thresholds, "SUMMED_VALUES", above)
    ids, dy = rng().integers(0, 40, 300) * 3, rng(2).standard_normal((300, d)).astype(np.float32)
    order = rng(3).permutation(300) if places else None
    found = RowGradient.from_lookups(ids, dy, order)
    wanted = np.zeros((120, d))
    np.add.at(wanted, ids, dy.astype(np.float64) if order is None else dy[order].astype(np.float64))
    np.testing.assert_array_equal(found.rows, np.unique(ids))
    np.testing.assert_allclose(found.dense(120), wanted, atol=1e-5)
    monkeypatch.setattr(thresholds, "SUMMED_VALUES", 1 << 60)
    np.testing.assert_array_equal(found.values, RowGradient.from_lookups(ids, dy, order).values)
    empty = RowGradient.from_lookups(ids[:0], dy, None if order is None else order[:0])
    assert empty.rows.shape == (0,) and empty.values.shape == (0, d)


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled": True}])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("by_rows", [False, True])
def test_the_kernel_of_adam_steps_as_numpy_does(monkeypatch, settings, by_rows, order):
    found = []
    for above in (0, 1 << 60):
        monkeypatch.setattr(thresholds, "MOVED_VALUES", above)
        rng = np.random.default_rng(0)
        parameters = {"w": rng.standard_normal((7, 5)).astype(np.float32, order=order)}
        adam = Adam(0.05, **settings)
        for step in range(4):
            values = rng.standard_normal((3 if by_rows else 7, 5)).astype(np.float32)
            gradient = RowGradient(np.array([1, 2 + step % 2, 6]), values) if by_rows else values
            adam.step(parameters, {"w": gradient}, 0.5)
        found.append([parameters["w"], *adam.state.values()])
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("above", [0, 10**9])
def test_gradients_that_do_not_fit_are_refused_before_a_step(monkeypatch, above):
    monkeypatch.setattr(thresholds, "MOVED_VALUES", above)
    monkeypatch.setattr(thresholds, "SUMMED_VALUES", above)
    weight = np.ones((4, 2), np.float32)
    for gradient, message in (
        (np.ones((2, 2), np.float32), r"must have shape \(4, 2\), found \(2, 2\)"),
        (RowGradient(np.array([1, 4]), np.ones((2, 2), np.float32)), r"of the rows 0..3, found 1..4"),
        (RowGradient(np.array([-1]), np.ones((1, 2), np.float32)), r"of the rows 0..3, found -1..-1"),
        (RowGradient(np.array([1]), np.ones((1, 3), np.float32)), r"must have shape \(1, 2\), found \(1, 3\)"),
    ):
        optimizer = Adam(0.1)
        with pytest.raises(ConfigError, match=message):
            optimizer.step({"weight": weight}, {"weight": gradient})
        assert (weight == 1).all() and optimizer.steps == 0
    bags = Bags(np.array([0, 2]), np.array([0, 4]))
    with pytest.raises(ConfigError, match=r"rows must lie in 0..3, found 0..4"):
        BagEmbedding(weight).forward(np.zeros((1, 1), np.int64), np.ones((1, 1), bool), bags)


def test_gradients_of_shared_parameters_add_up():
    a, b = RowGradient(np.array([0, 2]), np.ones((2, 2))), RowGradient(np.array([2]), np.full((1, 2), 3.0))
    both = add_gradients(a, b)
    np.testing.assert_array_equal(both.dense(3), a.dense(3) + b.dense(3))
    np.testing.assert_array_equal(add_gradients(a, np.ones((3, 2))), a.dense(3) + 1)
    assert merge_gradients({"x": np.ones(2)}, {"x": np.ones(2), "y": np.zeros(1)})["x"].tolist() == [2, 2]


def test_clipping_by_the_joint_norm():
    grads = {"a": np.array([3.0, 0.0]), "b": RowGradient(np.array([7]), np.array([[0.0, 4.0]]))}
    assert clip_gradients(grads, 10.0) == 5.0
    assert grads["a"][0] == 3.0
    assert clip_gradients(grads, 1.0) == 5.0
    np.testing.assert_allclose([grads["a"][0], grads["b"].values[0, 1]], [0.6, 0.8], rtol=1e-6)
    for norm in (0.0, -1.0, np.nan):
        with pytest.raises(ConfigError, match="the largest norm must be above 0"):
            clip_gradients(grads, norm)
    with pytest.raises(TrainingError, match="the gradient of a is not finite"):
        clip_gradients({"a": np.array([np.nan]), "b": np.ones(1)}, 1.0)


def test_schedules():
    linear, cosine = get_schedule("linear", 110, 10), get_schedule("cosine", 110, 10)
    assert [linear(0), linear(9), linear(60), linear(110)] == pytest.approx([0.1, 1.0, 0.5, 0.0])
    assert [cosine(0), cosine(10), cosine(60), cosine(110)] == pytest.approx([0.1, 1.0, 0.5, 0.0])
    noam = get_schedule("noam", 1000, 100)
    assert [noam(49), noam(99), noam(399)] == pytest.approx([0.5, 1.0, 0.5])
    assert get_schedule("constant", 5)(3) == 1.0
    with pytest.raises(ConfigError, match="linear, cosine, noam"):
        get_schedule("step", 10)
    with pytest.raises(ConfigError, match="warm-up takes 11 steps"):
        get_schedule("linear", 10, 11)


@pytest.mark.parametrize("higher, scores", [(True, [0.1, 0.5, 0.4, float("nan")]), (False, [3, 1, 2, 2])])
def test_early_stopping_restores_the_best(higher, scores):
    parameters, stopping = {"w": np.zeros(1)}, EarlyStopping(2, higher)
    for epoch, score in enumerate(scores, 1):
        assert not stopping.should_stop
        parameters["w"][0] = epoch
        assert stopping.update(score, parameters) == (epoch <= 2)
    assert stopping.should_stop
    stopping.restore(parameters)
    assert parameters["w"][0] == 2
    assert stopping.best_score == scores[1]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SGD(0.0), "learning rate must be above 0"),
        (lambda: SGD(0.1, momentum=1.0), "momentum"),
        (lambda: Adam(betas=(0.9, 1.0)), "betas"),
        (lambda: AdaGrad(weight_decay=-1.0), "weight decay"),
        (lambda: EarlyStopping(0), "patience must be at least 1"),
    ],
)
def test_options_that_cannot_work(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


LAYERS = {
    **{kind.__name__: partial(kind, 4, 3) for kind in (nn.RNN, nn.GRU, nn.LSTM, nn.Linear)},
    "LayerNorm": lambda rng: nn.LayerNorm(4),
    **{kind: partial(nn.Pooling, kind, 4) for kind in POOLINGS},
    "MultiheadAttention": partial(nn.MultiheadAttention, 4, 2),
    "TransformerEncoderLayer": partial(nn.TransformerEncoderLayer, 4, 2, 8),
    "DotAttention": partial(nn.DotAttention, 4, 4),
    "AdditiveAttention": partial(nn.AdditiveAttention, 4, 4, 3),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("shape", [(0, 5), (2, 0), (0, 0), (1, 1)])
def test_a_batch_may_be_empty_and_so_may_its_texts(name, shape):
    layer, x = LAYERS[name](rng=np.random.default_rng(0)), np.ones((*shape, 4), np.float32)
    others = (
        [np.ones(shape, bool)] if name in POOLINGS else [x] if name in ("DotAttention", "AdditiveAttention") else []
    )
    y, cache = layer.forward(x, *others)
    assert len(y) == shape[0] and np.isfinite(y).all()
    dx, grads = layer.backward(np.ones_like(y), cache)
    assert (dx[0] if isinstance(dx, tuple) else dx).shape == x.shape
    assert {key: value.shape for key, value in grads.items()} == {
        key: value.shape for key, value in layer.parameters.items()
    }
    ids = np.zeros(shape, np.int64)
    rows, seen = (table := nn.Embedding(np.ones((5, 4), np.float32))).forward(ids)
    assert len(table.backward(np.ones_like(rows), seen)[1]["weight"].rows) == min(1, ids.size)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_computes_in_the_dtype_of_its_parameters(name, dtype):
    layer = LAYERS[name](rng=np.random.default_rng(0))
    for value in layer.parameters.values():
        value[...] = np.arange(value.size).reshape(value.shape) % 5 - 2
    given = np.array([[[1, 2, 0, 3], [0, 5, 1, 1]]])
    found = []
    for x in (given, given.astype(dtype), given.astype(np.float32)):
        others = {"DotAttention": [x], "AdditiveAttention": [x]}.get(
            name, [np.ones((1, 2), bool)] if name in POOLINGS else []
        )
        y, cache = layer.forward(x, *others)
        dx, grads = layer.backward(np.ones(y.shape), cache)
        assert not layer.parameters or {y.dtype, *(value.dtype for value in grads.values())} == {np.dtype(np.float32)}
        found.append((y, dx[0] if isinstance(dx, tuple) else dx))
    for y, dx in found[:2]:
        np.testing.assert_allclose(y, found[2][0], rtol=1e-6)
        np.testing.assert_allclose(dx, found[2][1], rtol=1e-5, atol=1e-6)


def test_whole_numbers_are_computed_with_as_floats():
    logits = np.array([[1, 2, 3]])
    np.testing.assert_allclose(softmax(logits), softmax(logits.astype(float)))
    loss, dlogits = cross_entropy(logits, np.array([0]))
    assert loss == pytest.approx(cross_entropy(logits.astype(float), np.array([0]))[0])
    np.testing.assert_allclose(dlogits, softmax(logits.astype(float)) - [[1, 0, 0]])
    y, _ = Dropout(0.6).forward(np.ones((50, 50), int), training=True, rng=rng())
    assert {*np.unique(y).round(6)} == {0.0, 2.5}
    crf = nn.ConditionalRandomField(3, rng())
    tags, mask, emissions = np.array([[0, 2]]), np.ones((1, 2), bool), np.array([[[1, 0, 2], [0, 3, 1]]])
    np.testing.assert_allclose(crf.forward(emissions, tags, mask)[0], crf.forward(emissions * 1.0, tags, mask)[0])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: nn.Linear(4, 3, rng=rng()).forward(np.ones((4, 2))), "x must have 4 values in its last axis, found"),
        (lambda: nn.LayerNorm(3).forward(np.ones((2, 1))), r"x must have 3 values .* found shape \(2, 1\)"),
        (lambda: nn.MultiheadAttention(4, 2, rng=rng()).forward(np.ones((1, 2, 6))), "x must have 4 values"),
        (
            lambda: nn.MultiheadAttention(4, 2, rng=rng()).forward(np.ones((1, 2, 4)), np.ones((1, 2, 3))),
            "memory must have 4 values",
        ),
        (
            lambda: nn.AdditiveAttention(4, 5, 3, rng=rng()).forward(np.ones((1, 2, 4)), np.ones((1, 2, 4))),
            "keys must have 5 values",
        ),
        (
            lambda: nn.DotAttention(4, 4, general=False, rng=rng()).forward(np.ones((1, 2, 3)), np.ones((1, 2, 3))),
            "query must have 4 values",
        ),
        (lambda: nn.Embedding(np.eye(3)).forward([0.5]), "word ids must be whole numbers, found float64"),
        (
            lambda: nn.Pooling("mean", 4, rng=rng()).forward(np.ones((1, 2, 4)), np.ones((2, 1))),
            r"a mask \(batch, time\), found",
        ),
    ],
)
def test_inputs_of_another_shape_are_told(ask, message):
    with pytest.raises(ConfigError, match=message):
        ask()
    np.testing.assert_array_equal(nn.Embedding(np.eye(3)).forward([2, 0])[0], np.eye(3)[[2, 0]])
