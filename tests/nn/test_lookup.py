"""From tokens to rows: whole words, subwords, words that nothing is known of; and the layer over them."""

import unicodedata

import numpy as np
import pytest

from embedkit.errors import FormatError
from embedkit.nn.layers.bag import BagEmbedding
from embedkit.nn.layers.parameters import RowGradient
from embedkit.nn.words.lookup import WordLookup, bucket_lists, build_lookup
from embedkit.nn.words.spelling import SpellingLookup, shape, spelling_features
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords
from tests.nn.gradients import check_gradients

RNG = np.random.default_rng(3)


def subword_vectors(words=("학교", "학교에서", "나무"), kind="chars"):
    subwords = Subwords(kind, 1, 3, 50) if kind == "chars" else Subwords(kind, bucket=50)
    word_rows = RNG.normal(size=(len(words), 4)).astype(np.float32)
    ngrams = RNG.normal(size=(50, 4)).astype(np.float32)
    composed = np.stack(
        [np.vstack([word_rows[i][None], ngrams[subwords.buckets(w)]]).mean(0) for i, w in enumerate(words)]
    )
    return KeyedVectors(list(words), composed, subwords=subwords, ngram_vectors=ngrams, word_rows=word_rows)


def vectors_of(start, tokens):
    layer = BagEmbedding(start.weight)
    types = np.arange(len(tokens))[None]
    return layer.forward(types, np.ones(types.shape, bool), start.lookup.bags(tokens))[0][0]


def test_whole_words_keep_their_vectors_and_the_rest_is_learnt():
    kv = KeyedVectors(["the", "film", "unused"], RNG.normal(size=(3, 4)).astype(np.float32))
    start = build_lookup(kv, ["The", "film", "blurb", "blurb", "once"], rng=RNG)
    assert list(start.lookup.words) == ["the", "film", "unused", "blurb"]
    assert start.learnt.tolist() == [True, False, False, False, True]
    found = vectors_of(start, ["The", "film", "unused"]) / start.scale
    np.testing.assert_allclose(found, kv.vectors, rtol=1e-5)
    assert start.lookup.bags(["once", "blurb", "never"]).rows.tolist() == [0, 4, 0]
    assert start.weight[1:4].std() == pytest.approx(1, rel=0.01)


def test_the_most_frequent_words_come_along():
    kv = KeyedVectors([f"w{i}" for i in range(10)], np.ones((10, 2), np.float32))
    start = build_lookup(kv, ["w9", "w1"], max_words=3, rng=RNG)
    assert list(start.lookup.words) == ["w0", "w1", "w2", "w9"]


@pytest.mark.parametrize("kind", ["chars", "jamo"])
def test_subwords_compose_known_and_unknown_words(kind):
    kv = subword_vectors(kind=kind)
    tokens = ["학교", "학교에서", "나무", "학교는", "학교는"]
    start = build_lookup(kv, tokens, rng=RNG)
    own = np.array([start.lookup.word_row(t) for t in ("학교", "나무", "학교는")])
    assert (own > 0).all() and start.learnt[own].tolist() == [False, False, True]
    # of n-grams, those that several words share: recompute the mean by hand
    for token in ("학교", "학교에", "나무"):
        rows = [start.weight[r] for r in [start.lookup.word_row(token)] if r]
        for bucket in kv.subwords.buckets(token):
            place = np.flatnonzero(start.lookup.buckets == bucket)
            rows += [kv.ngram_vectors[bucket] * start.scale] * len(place)
        np.testing.assert_allclose(vectors_of(start, [token])[0], np.mean(rows, 0), rtol=1e-4, atol=1e-5)
    assert start.lookup.bags(["zzz"]).rows[0] == 0 or len(start.lookup.bags(["zzz"]).rows) > 0


@pytest.mark.parametrize("text", ["NFC", "NFD"])
def test_tokens_are_the_same_however_they_are_composed(text):
    """Decomposed Hangul has other n-grams, of which nothing is known: known words had their own row alone."""
    kv = subword_vectors()
    tokens = ["학교", "학교에서", "나무", "학교는", "학교는"]
    start = build_lookup(kv, [unicodedata.normalize(text, token) for token in tokens], rng=RNG)
    assert list(start.lookup.words) == ["나무", "학교", "학교에서", "학교는"]
    asked = ["학교", "학교는", "학교에", "나무"]
    composed, decomposed = (
        vectors_of(start, [unicodedata.normalize(form, token) for token in asked]) for form in ("NFC", "NFD")
    )
    np.testing.assert_array_equal(composed, decomposed)


def test_words_that_vectors_have_in_the_rarer_form_keep_their_ngrams():
    words = [f"학교{end}" for end in "가는에를도만"] + [unicodedata.normalize("NFD", f"바다{end}") for end in "가는에"]
    subwords = Subwords("chars", 1, 3, 5000)
    rows = np.random.default_rng(1).standard_normal((5000, 3)).astype(np.float32)
    kv = KeyedVectors(words, np.zeros((9, 3), np.float32), subwords=subwords, ngram_vectors=rows)
    lookup = build_lookup(kv, words * 3, rng=RNG).lookup
    assert min(np.diff(lookup.bags(words).offsets)[6:]) > 6  # more than those that both forms have
    asked = [unicodedata.normalize("NFC", word) for word in words]
    np.testing.assert_array_equal(lookup.bags(asked).rows, lookup.bags(words).rows)


def test_many_words_are_hashed_like_few():
    tokens = [f"단어{i}abc" for i in range(2500)]
    for subwords in (Subwords("chars", 2, 4, 1000), Subwords("jamo", bucket=1000)):
        offsets, buckets = bucket_lists(subwords, tokens)
        for i in (0, 7, 2499):
            np.testing.assert_array_equal(buckets[offsets[i] : offsets[i + 1]], subwords.buckets(tokens[i]))


def test_borrowed_vectors_stand_in_for_what_is_unknown():
    kv = KeyedVectors(["a", "b"], np.eye(2, dtype=np.float32))
    start = build_lookup(kv, ["a"], max_words=1, rng=RNG)
    layer = BagEmbedding(start.weight)
    layer.borrowed = start.lookup.borrow(["a", "b", "c"], kv, 3.0)
    y, _ = layer.forward(np.array([[0, 1, 2]]), np.ones((1, 3), bool), start.lookup.bags(["a", "b", "c"]))
    np.testing.assert_allclose(y[0], [start.weight[1], [0, 3], start.weight[0]])


def test_bag_gradients_by_value():
    lookup = build_lookup(subword_vectors(), ["학교", "학교에서", "나무", "학교는"], rng=RNG)
    layer = BagEmbedding(lookup.weight.astype(np.float64))
    bags = lookup.lookup.bags(["학교", "학교에서", "나무"])
    types, mask = np.array([[0, 1, 1], [2, 0, 0]]), np.array([[1, 1, 1], [1, 1, 0]], bool)
    y, cache = layer.forward(types, mask, bags)
    assert (y[1, 2] == 0).all()
    w = RNG.normal(size=y.shape)
    _, grads = layer.backward(w, cache)
    assert isinstance(grads["weight"], RowGradient) and (np.diff(grads["weight"].rows) > 0).all()
    check_gradients(lambda: float((layer.forward(types, mask, bags)[0] * w).sum()), layer.parameters, grads)


def test_frozen_rows_have_no_gradient_but_learnt_ones_have():
    weight = RNG.normal(size=(3, 2))
    layer = BagEmbedding(weight, frozen=True, learnt=np.array([True, False, False]))
    start = WordLookup(["a", "b"])
    y, cache = layer.forward(np.array([[0, 1, 2]]), np.ones((1, 3), bool), start.bags(["a", "?", "b"]))
    assert layer.backward(np.ones_like(y), cache)[1]["weight"].rows.tolist() == [0]
    layer.learnt = None
    assert layer.backward(np.ones_like(y), cache)[1] == {}


def test_lookups_survive_a_file():
    start = build_lookup(subword_vectors(), ["학교", "학교에서", "다른"], rng=RNG)
    again = WordLookup.from_tensors(start.lookup.to_tensors(), start.lookup.subwords.to_config())
    for token in ("학교", "학교는", "없다"):
        np.testing.assert_array_equal(again.bags([token]).rows, start.lookup.bags([token]).rows)
    tensors = start.lookup.to_tensors()
    with pytest.raises(FormatError, match=r"do not cut"):
        WordLookup.from_tensors({**tensors, "word_offsets": tensors["word_offsets"][::-1]}, None)
    with pytest.raises(FormatError, match=r"does not name"):
        WordLookup.from_tensors({**tensors, "word_order": tensors["word_order"] + 9}, None)


def test_spelling_features():
    assert spelling_features("Cats") == ["-s", "-ts", "-ats", "-cats", "c-", "ca-", "cat-", "=cats", "#Xx"]
    assert "-교+ᄂ" not in spelling_features("학교는")  # the initial says nothing
    assert {"-교+ᅳ", "-교+ᆫ", "#가"} <= set(spelling_features("학교는"))
    assert [shape(t) for t in ("U.S.", "iPhone12", "서울GDP", "")] == ["X.X.", "xXx9", "가X", ""]
    lookup = SpellingLookup.from_tokens(["cats", "bats", "dogs"])
    bags = lookup.bags(["rats", "!"])
    assert {lookup.features[r - 1] for r in bags.rows[: bags.offsets[1]]} == {"-s", "-ts", "-ats", "#x"}
    assert bags.rows[bags.offsets[1] :].tolist() == [0]
    again = SpellingLookup.from_tensors(lookup.to_tensors())
    np.testing.assert_array_equal(again.bags(["cats"]).rows, lookup.bags(["cats"]).rows)
