"""Neighbours among some words, within a radius, places, phrases and matrices, against plain NumPy."""

import numpy as np
import pytest

from embedkit.errors import ConfigError, UnknownWordError
from embedkit.query.combining import vector_of
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = [f"w{i}" for i in range(40)] + ["zero", "서울"]


@pytest.fixture(scope="module")
def model():
    vectors = np.random.default_rng(11).standard_normal((len(WORDS), 6)).astype(np.float32)
    vectors[40] = 0
    return KeyedVectors(WORDS, vectors)


def cosines(model, query):
    wide = model.vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    return wide @ query / np.where(lengths > 0, lengths, 1) / np.linalg.norm(query)


def test_only_the_words_given_are_answers(model):
    among = ["w7", "서울", "w3", "w5", "w3"]
    every = model.most_similar("w3", topn=None)
    expected = [word for word, _ in every if word in among]
    found = model.most_similar("w3", topn=None, among=among)
    assert [word for word, _ in found] == expected == sorted(expected, key=dict(every).__getitem__, reverse=True)
    assert dict(found) == pytest.approx({word: dict(every)[word] for word in expected}, rel=1e-5)
    assert [word for word, _ in model.most_similar("w0", among=among, restrict_vocab=6, topn=9)] == [
        word for word, _ in model.most_similar("w0", topn=None) if word in ("w3", "w5")
    ]
    with pytest.raises(UnknownWordError):
        model.most_similar("w3", among=["w9", "nowhere"])
    with pytest.raises(ConfigError, match="at least one word"):
        model.most_similar("w3", among=[])


@pytest.mark.parametrize("metric", ["cosine", "dot"])
@pytest.mark.parametrize("above", [0.3, -0.2, 5.0])
def test_a_radius_gives_all_words_inside(model, metric, above):
    every = model.most_similar("w3", topn=None, metric=metric)
    found = model.most_similar("w3", topn=None, metric=metric, above=above)
    assert [word for word, _ in found] == [word for word, value in every if value >= above]
    assert model.most_similar("w3", topn=2, metric=metric, above=above) == found[:2]


def test_a_radius_is_no_distance(model):
    with pytest.raises(ConfigError, match="l2 is a distance"):
        model.most_similar("w3", metric="l2", above=1.0)
    with pytest.raises(ConfigError, match="finite"):
        model.most_similar("w3", above=float("nan"))


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_the_place_of_each_word_is_that_among_all_answers(model, metric):
    order = [word for word, _ in model.most_similar("w3", negative="w4", topn=None, metric=metric)]
    assert [model.rank("w3", word, "w4", metric) for word in order] == list(range(1, len(order) + 1))
    first = [word for word, _ in model.most_similar("w3", topn=None, metric=metric, restrict_vocab=9)]
    assert model.rank("w3", first[4], metric=metric, restrict_vocab=9) == 5


def test_a_word_of_the_question_has_no_place(model):
    with pytest.raises(ConfigError, match="no place"):
        model.rank(["w3", "w4"], "w4")
    with pytest.raises(ConfigError, match="first 5 words"):
        model.rank("w3", "w9", restrict_vocab=5)
    with pytest.raises(UnknownWordError):
        model.rank("w3", "nowhere")


def test_a_phrase_is_the_mean_of_its_words_and_is_left_out_of_the_answers(model):
    a, b = (model[word].astype(np.float64) for word in ("w1", "w2"))
    mean = a / np.linalg.norm(a) + b / np.linalg.norm(b)
    np.testing.assert_allclose(vector_of(model, ("w1", "w2")), mean / np.linalg.norm(mean), rtol=1e-5)
    expected = [WORDS[i] for i in np.argsort(-cosines(model, mean), kind="stable") if WORDS[i] not in ("w1", "w2")]
    assert [word for word, _ in model.most_similar([("w1", "w2")], topn=None)] == expected
    assert model.similarity(("w1", "w2"), "w7") == pytest.approx(cosines(model, mean)[7], rel=1e-5)
    raw = np.stack([a, b]).mean(axis=0)
    assert model.similarity(("w1", "w2"), "w7", "dot") == pytest.approx(raw @ model["w7"], rel=1e-5)
    for method in ("3cosadd", "3cosmul"):
        answers = [word for word, _ in model.analogy("w5", ("w1", "w2"), "w6", topn=None, method=method)]
        assert not {"w1", "w2", "w5", "w6"} & {*answers}
        assert model.analogy("w5", vector_of(model, ("w1", "w2")), "w6", topn=1, method=method)[0][0] in (
            answers[0],
            "w1",
            "w2",
        )


def test_similarities_are_those_of_each_pair(model):
    items = ["w1", "zero", ("w2", "서울"), model["w9"]]
    for metric in ("cosine", "l2", "dot"):
        found = model.similarities(items, metric=metric)
        expected = [[model.similarity(a, b, metric) for b in items] for a in items]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert model.similarities(["w1"], ["w2", "w3"]).shape == (1, 2)


def test_distances_are_one_minus_the_cosine(model):
    np.testing.assert_allclose(model.distances("w3"), 1 - cosines(model, model["w3"].astype(np.float64)), atol=1e-6)
    np.testing.assert_allclose(model.distances("w3", ["w4", "zero"]), [1 - model.similarity("w3", "w4"), 1], atol=1e-6)
