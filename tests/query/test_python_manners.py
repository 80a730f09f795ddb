"""KeyedVectors among Python's own things: pickled, copied, iterated, sliced, sent to other processes; odd arguments."""

import copy
import io
import multiprocessing
import pickle

import numpy as np
import pytest

import embedkit
from embedkit import KeyedVectors
from embedkit.analysis.compression import compress
from embedkit.analysis.directions import axis
from embedkit.analysis.operations import keep_words
from embedkit.documents.word_mover import WordMover
from embedkit.errors import ConfigError, UnknownWordError
from embedkit.rows.sparse import SparseRows
from embedkit.rows.subwords import Subwords

WORDS = ["왕", "여왕", "남자", "여자", "naïve"]


def plain():
    rows = np.random.default_rng(1).standard_normal((5, 4)).astype(np.float32)
    return KeyedVectors(WORDS, rows, counts=np.arange(5, 0, -1), config={"window": 5})


def with_subwords():
    rng = np.random.default_rng(2)
    rows, values = rng.standard_normal((5, 4), np.float32), rng.standard_normal((9, 4), np.float32)
    ngrams = SparseRows(np.arange(0, 27, 3), values, 30)
    return KeyedVectors(
        WORDS, rows, subwords=Subwords("chars", 1, 3, 30), ngram_vectors=ngrams, word_rows=rows, output_vectors=rows
    )


def mapped(folder):
    plain().save(folder / "m.safetensors")
    return embedkit.load(folder / "m.safetensors")


def fasttext(folder):
    with_subwords().save(folder / "m.bin")
    return embedkit.load(folder / "m.bin")


def quantised(folder):
    compress(with_subwords(), "pq", subvectors=2).save(folder / "q.safetensors")
    return embedkit.load(folder / "q.safetensors")


KINDS = [lambda _: plain(), lambda _: with_subwords(), mapped, fasttext, quantised]
NAMES = ["array", "subwords", "mapped", "fastText", "quantised"]


def same(found, expected):
    assert list(found.index_to_key) == list(expected.index_to_key)
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    np.testing.assert_array_equal(found.norms, expected.norms)
    assert found.config == expected.config
    assert found.most_similar("왕") == expected.most_similar("왕")
    assert found.row("여왕") == 1
    if expected.subwords is not None:
        np.testing.assert_array_equal(found["여학생"], expected["여학생"])


@pytest.mark.parametrize("make", KINDS, ids=NAMES)
def test_pickled_and_copied_models_answer_alike(make, tmp_path):
    model = make(tmp_path)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        same(pickle.loads(pickle.dumps(model, protocol)), model)
    same(copy.copy(model), model)
    again = copy.deepcopy(model)
    same(again, model)
    if again.vectors.flags.writeable:
        again.vectors[0] = 0
        assert model.vectors[0].any()  # nothing shared


@pytest.mark.parametrize("make", KINDS, ids=NAMES)
def test_joblib_stores_models(make, tmp_path):
    joblib = pytest.importorskip("joblib")
    model, stream = make(tmp_path), io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    same(joblib.load(stream), model)


def nearest_word(model, word):
    return model.most_similar(word, topn=1)[0]


def test_spawned_processes_get_a_mapped_model(tmp_path):
    model = mapped(tmp_path)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(nearest_word, (model, "왕")) == nearest_word(model, "왕")


@pytest.mark.parametrize("make", KINDS, ids=NAMES)
def test_words_rows_and_slices(make, tmp_path):
    model = make(tmp_path)
    assert list(model) == WORDS
    assert list(zip(model, range(2), strict=False)) == [("왕", 0), ("여왕", 1)]
    expected = model.vectors
    np.testing.assert_array_equal(model[["여왕", "왕"]], expected[[1, 0]])
    np.testing.assert_array_equal(model["여왕", "왕"], expected[[1, 0]])
    np.testing.assert_array_equal(model[1:3], expected[1:3])
    np.testing.assert_array_equal(model[-1], expected[-1])
    np.testing.assert_array_equal(model[np.array([4, 0])], expected[[4, 0]])
    assert model[[]].shape == (0, 4)
    with pytest.raises(IndexError):
        model[5]
    for wrong in (1.5, None, True, ["왕", 3], b"king"[:0].decode):
        with pytest.raises(ConfigError, match="expected a word, several words, row numbers or a slice"):
            model[wrong]
    if model.subwords is None:
        with pytest.raises(UnknownWordError):
            model[["왕", "없는말"]]


def test_every_answer_and_none():
    model = plain()
    everything = model.most_similar("왕", topn=None)
    assert sorted(word for word, _ in everything) == sorted(WORDS[1:])
    assert everything[:2] == model.most_similar("왕", topn=2)
    assert model.most_similar("왕", topn=0) == []
    assert len(model.analogy("왕", "여왕", "남자", topn=None)) == 2
    assert len(model.analogy("왕", "여왕", "남자", topn=None, method="3cosmul")) == 2
    assert model.analogy_batch([]) == []
    assert model.most_similar("왕", topn=99) == everything


@pytest.mark.parametrize("topn", [-1, 1.5, True, "10"])
def test_impossible_numbers_of_answers(topn):
    model = plain()
    for ask in (
        lambda: model.most_similar("왕", topn=topn),
        lambda: model.analogy("왕", "여왕", "남자", topn=topn),
        lambda: model.fill("왕 ___", topn=topn),
    ):
        with pytest.raises(ConfigError, match="topn must be a whole number from 0 up, or None for all, got"):
            ask()


@pytest.mark.parametrize("limit", [-3, 0, 2.5, True])
def test_impossible_restrictions(limit):
    for ask in (
        lambda: plain().most_similar("왕", restrict_vocab=limit),
        lambda: plain().analogy("왕", "여왕", "남자", restrict_vocab=limit),
    ):
        with pytest.raises(ConfigError, match="restrict_vocab must be a whole number from 1 up"):
            ask()


def test_queries_that_are_not_finite():
    model = plain()
    for value in (np.nan, np.inf):
        query = np.ones((3, 4), np.float32)
        query[1, 2] = value
        with pytest.raises(ConfigError, match="NaN or an infinity in query 1"):
            model.most_similar_batch(query)
        with pytest.raises(ConfigError, match="found NaN or an infinity"):
            model.most_similar(query[1])
        with pytest.raises(ConfigError, match="finite weight"):
            model.most_similar([("왕", value)])
    with pytest.raises(ConfigError, match="`queries` must be vectors, which get_vectors gives of words"):
        model.most_similar_batch(["king"])


def test_negative_alone_and_weights():
    model = plain()
    alone = model.most_similar(negative=["왕"])
    unit = model["왕"] / np.linalg.norm(model["왕"])
    expected = model.most_similar(-unit, exclude=["왕"])
    assert [word for word, _ in alone] == [word for word, _ in expected]
    np.testing.assert_allclose([value for _, value in alone], [value for _, value in expected], atol=1e-6)
    pairs = model.most_similar([("왕", 2), "여왕"], ["남자"])
    parts = [model[word] / np.linalg.norm(model[word]) for word in WORDS[:3]]
    by_hand = model.most_similar(2 * parts[0] + parts[1] - parts[2], exclude=WORDS[:3])
    assert [word for word, _ in pairs] == [word for word, _ in by_hand]
    assert model.most_similar(("왕", 2)) == model.most_similar(["왕"])
    assert model.most_similar([("왕", -1)]) == alone
    with pytest.raises(ConfigError, match="at least one word or vector"):
        model.most_similar()


def test_the_package_shows_its_functions():
    assert {"train", "load", "save", "KeyedVectors"} <= set(dir(embedkit))
    assert not {"os", "Any", "import_module"} & set(dir(embedkit))


def test_one_string_is_not_taken_for_several_words():
    """Its characters would be: `exclude` left nothing out, and a subword model made vectors of letters."""
    model = KeyedVectors(["king", "queen", "k"], np.eye(3, dtype=np.float32))
    calls = (
        lambda: model.get_vectors("king"),
        lambda: model.most_similar("king", exclude="queen"),
        lambda: model.most_similar_batch(model.vectors[:1], exclude=["queen"]),
        lambda: model.most_similar("king", among="queen"),
        lambda: model.analogy("king", "queen", "k", exclude="queen"),
        lambda: model.odd_one_out("king queen k"),
        lambda: model.similarities("king", ["queen"]),
        lambda: model.distances("king", "queen"),
        lambda: keep_words(model, "king"),
        lambda: WordMover(model, stop_words="king"),
        lambda: KeyedVectors("abc", model.vectors),
    )
    for call in calls:
        with pytest.raises(ConfigError, match="must be a list of strings, got the string"):
            call()
    np.testing.assert_array_equal(model.combine("king"), model["king"])
    with pytest.raises(ConfigError, match="found b'king'"):
        model[b"king"]
    with pytest.raises(ConfigError, match="`words` must be strings, found int 1"):
        KeyedVectors([1, 2, 3], model.vectors)
    with pytest.raises(ConfigError, match="`queries` and `exclude` must be as many"):
        model.most_similar_batch(model.vectors, exclude=[["king"]])


def test_what_can_be_gone_through_but_once_is_taken_whole():
    vectors = np.eye(3, dtype=np.float32)
    for words in ((word for word in WORDS[:3]), map(str, WORDS[:3])):
        model = KeyedVectors(words, vectors)
        assert list(model.index_to_key) == list(WORDS[:3])
    expected = model.most_similar_batch(vectors[:2], exclude=[[WORDS[0]], []])
    assert model.most_similar_batch(vectors[:2], exclude=map(list, [[WORDS[0]], []])) == expected
    assert model.most_similar_batch(vectors[:2], exclude=(iter(each) for each in [[WORDS[0]], []])) == expected
    with pytest.raises(ConfigError, match="`words` must be strings, found int 1"):
        KeyedVectors(iter([1, 2, 3]), vectors)
    model, three = KeyedVectors(WORDS[:3], vectors), WORDS[:3]
    assert model.odd_one_out(iter(three)) == model.odd_one_out(three)
    np.testing.assert_array_equal(model.similarities(iter(three), iter(three)), np.eye(3))
    np.testing.assert_array_equal(axis(model, iter(three[:1]), iter(three[1:])), axis(model, three[:1], three[1:]))
    assert model.analogy_batch(iter([three])) == model.analogy_batch([three])


@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
def test_nothing_is_compared_with_nothing(metric):
    model = KeyedVectors(["king", "queen"], np.eye(2, dtype=np.float32))
    assert model.similarities([], metric=metric).shape == (0, 0)
    assert model.similarities(["king"], [], metric=metric).shape == (1, 0)
    assert model.similarities([], ["king"], metric=metric).shape == (0, 1)
    assert model.distances("king", []).shape == (0,)
