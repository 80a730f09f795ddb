"""A tagger's batches in shares on threads: the same loss and gradients, the same bits on any number of cores."""

import numpy as np
import pytest

from embedkit.nn.layers.parameters import RowGradient
from embedkit.nn.learning import one_thread
from embedkit.nn.learning.one_thread import products_on_one_thread
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models import tagger, tagger_training
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import suited_epochs, suited_fraction, train_tagger
from embedkit.text.tagged import TaggedSentences
from tests.nn.test_tagger import sentences, vectors


@pytest.mark.parametrize("output", ["crf", "linear"])
def test_shares_of_a_batch_add_up_to_the_batch(output, monkeypatch):
    data, found, tasks = sentences(12), {}, []
    monkeypatch.setattr(tagger_training, "fit", lambda task, options, **_: tasks.append(task))
    config = TaggerConfig("gru", hidden_size=5, dropout=0.0, output=output, wide=False, spelling_size=3)
    for n in (1, 3):
        monkeypatch.setattr(tagger_training, "N_SHARES", n)
        train_tagger(data, config=config, options=TrainingOptions(epochs=1), vector_size=4)
        loss, grads = tasks[-1].loss_and_gradients(np.arange(8), np.random.default_rng(1))
        rows = {name: len(array) for name, array in tasks[-1].parameters.items()}
        dense = {name: g.dense(rows[name]) if isinstance(g, RowGradient) else g for name, g in grads.items()}
        found[n] = loss, dense
    assert found[1][0] == pytest.approx(found[3][0], rel=1e-5)
    assert found[1][1].keys() == found[3][1].keys()
    for name, expected in found[1][1].items():
        np.testing.assert_allclose(found[3][1][name], expected, atol=2e-6, err_msg=name)


def test_the_same_bits_on_one_core_and_on_three(monkeypatch):
    models = []
    for cores in (1, 3):
        for module in (tagger, tagger_training):
            monkeypatch.setattr(module, "usable_cores", lambda most, n=cores: min(n, most))
        options = TrainingOptions(epochs=2, batch_size=4)
        models.append(
            train_tagger(sentences(20), config=TaggerConfig(hidden_size=6), options=options, vector_size=5)[0]
        )
    for name, array in models[0].parameters.items():
        assert np.array_equal(array, models[1].parameters[name]), name


def test_products_take_one_thread_within_and_as_many_as_before_behind():
    found = one_thread._openblas()
    if found is None:
        pytest.skip("NumPy came without OpenBLAS of its own")
    before = found[0]()
    with products_on_one_thread():
        assert found[0]() == 1
    assert found[0]() == before


def test_groups_of_vectors_are_found_on_one_thread(monkeypatch):
    found = one_thread._openblas()
    if found is None:
        pytest.skip("NumPy came without OpenBLAS of its own")
    threads = []

    def groups(vectors, seed):
        threads.append(found[0]())

    monkeypatch.setattr(tagger_training.WordGroups, "of_vectors", groups)
    options = TrainingOptions(epochs=1, batch_size=4)
    train_tagger(sentences(20), vectors(5), config=TaggerConfig(hidden_size=6), options=options)
    assert threads == [1]


def test_a_short_text_is_read_more_often():
    def epochs(n_words):
        return suited_epochs(TaggedSentences([["a"] * n_words], [["X"] * n_words], ["x:1"]))

    assert [epochs(n) for n in (0, 10, 50_000, 99_000, 205_000)] == [10, 10, 8, 4, 4]


def test_of_a_long_text_no_more_is_held_out_than_is_looked_at():
    def held(n_words):
        return suited_fraction(TaggedSentences([["a"] * n_words], [["X"] * n_words], ["x:1"]))

    assert [held(n) for n in (0, 10, 50_000, 200_000)] == [0.1, 0.1, 0.1, 0.025]


def test_tags_are_the_same_however_batches_are_shared_out(monkeypatch):
    data = sentences(30)
    model, _ = train_tagger(data, config=TaggerConfig(hidden_size=6), options=TrainingOptions(epochs=1), vector_size=5)
    expected = model.answers(data.sentences)
    monkeypatch.setattr("embedkit.nn.models.tagger.PREDICT_BATCH", 4)
    assert isinstance(model, Tagger)
    for one, other in zip(expected, model.answers(data.sentences), strict=True):
        assert one.tags == other.tags
        np.testing.assert_allclose(one.confidences, other.confidences, atol=1e-5)
