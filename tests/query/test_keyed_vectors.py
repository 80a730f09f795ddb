"""Look-up, neighbours, analogies, and how unknown words are treated, against plain NumPy."""

import unicodedata

import numpy as np
import pytest

from embedkit.errors import ConfigError, UnknownWordError
from embedkit.kernels import thresholds
from embedkit.query import neighbours
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import best, nearest
from embedkit.rows.composed import ComposedRows, compose_word
from embedkit.rows.norms import row_norms
from embedkit.rows.subwords import Subwords
from embedkit.vocabulary.words import DICT_AFTER, WordIndex, Words
from tests import reference_vectors as reference

WORDS = ["the", "king", "queen", "man", "woman", "서울", "한국", "café", "naïve", "zero"]


@pytest.fixture
def model():
    vectors = np.random.default_rng(5).standard_normal((len(WORDS), 6)).astype(np.float32)
    vectors[-1] = 0
    return KeyedVectors(WORDS, vectors, counts=np.arange(len(WORDS), 0, -1))


@pytest.mark.parametrize("with_kernel", [False, True])
@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
@pytest.mark.parametrize("n", [3, 50])
def test_nearest_agrees_with_the_plain_reference(metric, n, with_kernel, monkeypatch):
    monkeypatch.setattr(thresholds, "SCORES", 0 if with_kernel else 1 << 60)
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((20_000, 8)).astype(np.float32)
    vectors[77] = 0
    queries = rng.standard_normal((5, 8)).astype(np.float32)
    skip = [[], [1, 2], [19_999], [], list(range(30))]
    found = nearest(vectors, row_norms(vectors), queries, n, metric, skip)
    for (rows, values), query, left_out in zip(found, queries, skip, strict=True):
        expected_rows, expected_values = reference.nearest(vectors, query, n, metric, left_out)
        assert rows.tolist() == expected_rows.tolist()
        np.testing.assert_allclose(values, expected_values, rtol=2e-5, atol=2e-6)


def test_the_kernel_keeps_the_best_and_of_equal_ones_the_earlier_row():
    from embedkit.kernels.neighbours import keep_best

    rng = np.random.default_rng(3)
    scores = rng.integers(0, 40, (6, 1000)).astype(np.float32)
    scale, shift = rng.integers(1, 3, 1000).astype(np.float32), rng.integers(-3, 3, 1000).astype(np.float32)
    best_scores, best_rows = np.full((6, 12), -np.inf, np.float32), np.full((6, 12), -1)
    for low in range(0, 1000, 300):
        part = slice(low, low + 300)
        keep_best(np.ascontiguousarray(scores[:, part]), scale[part], shift[part], low, best_scores, best_rows)
    expected_rows, expected_scores = reference.keep_best(scores, scale, shift, 12)
    np.testing.assert_array_equal(best_rows, expected_rows)
    np.testing.assert_array_equal(best_scores, expected_scores)


def test_many_questions_in_blocks_are_answered_by_the_kernel(monkeypatch):
    """As those that come through a pipe: each block alone would not be worth it."""
    monkeypatch.setattr(thresholds, "SCORES", 1000)
    monkeypatch.setattr(neighbours, "_scored", [0])
    used = []
    search = neighbours._search_kernel
    monkeypatch.setattr(neighbours, "_search_kernel", lambda *given: used.append(1) or search(*given))
    vectors = np.random.default_rng(5).standard_normal((60, 6)).astype(np.float32)
    answers = []
    while not used:
        answers.append([rows.tolist() for rows, _ in nearest(vectors, row_norms(vectors), vectors[:4], 3)])
    assert len(answers) == 5  # 1000 scores are reached in the fifth block of 240
    assert all(found == answers[0] for found in answers)


@pytest.mark.parametrize("with_kernel", [False, True])
@pytest.mark.parametrize("n", [5_000, 40_000])
@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
def test_of_equal_rows_the_earlier_ones_are_answers(monkeypatch, with_kernel, n, metric):
    """Whichever way they are searched, which a long stream of questions changes on its way."""
    monkeypatch.setattr(thresholds, "SCORES", 0 if with_kernel else 1 << 60)
    vectors = np.tile(np.float32([[1, 0], [0, 1]]), (n // 2, 1))
    found = nearest(vectors, row_norms(vectors), vectors[:4], 5, metric, [[0], [], [2], []])
    assert [rows.tolist() for rows, _ in found] == [
        [2, 4, 6, 8, 10],
        [1, 3, 5, 7, 9],
        [0, 4, 6, 8, 10],
        [1, 3, 5, 7, 9],
    ]


@pytest.mark.parametrize("with_kernel", [False, True])
def test_none_asked_for(monkeypatch, with_kernel):
    monkeypatch.setattr(thresholds, "SCORES", 0 if with_kernel else 1 << 60)
    model = KeyedVectors(["a", "b", "c"], np.eye(3))
    assert model.most_similar_batch(np.eye(3), 0) == [[], [], []]
    assert model.most_similar(np.ones(3), topn=0) == model.most_similar("a", topn=0) == []
    assert model.analogy("a", "b", "c", topn=0) == model.analogy("a", "b", "c", topn=0, method="3cosmul") == []


def test_fewer_rows_than_asked_for(monkeypatch):
    monkeypatch.setattr(thresholds, "SCORES", 0)
    model = KeyedVectors(["a", "b", "c"], np.eye(3))
    answers = model.most_similar_batch(np.eye(3)[:2], 10, exclude=[["a"], []])
    assert [[word for word, _ in found] for found in answers] == [["b", "c"], ["b", "a", "c"]]


def test_equal_scores_come_in_row_order():
    scores = np.array([1, 3, 3, 2, 3, 3, 0], np.float32)
    assert best(scores, 2).tolist() == [1, 2]
    assert best(scores, 5).tolist() == [1, 2, 4, 5, 3]
    assert best(scores, 99).tolist() == [1, 2, 4, 5, 3, 0, 6]


def test_norms_of_very_small_and_very_large_rows():
    rows = np.array([[3e-30, 4e-30], [3e30, 4e30], [0, 0], [3, 4]], np.float32)
    np.testing.assert_allclose(row_norms(rows), [5e-30, 5e30, 0, 5], rtol=1e-6)


def test_answers_leave_out_the_query_and_what_is_excluded(model):
    words = [word for word, _ in model.most_similar("king", topn=99)]
    assert sorted(words) == sorted(set(WORDS) - {"king"})
    words = [word for word, _ in model.most_similar(["king", "man"], topn=99, exclude=["queen"])]
    assert sorted(words) == sorted(set(WORDS) - {"king", "man", "queen"})
    assert {word for word, _ in model.most_similar("king", topn=99, restrict_vocab=4)} == {"the", "queen", "man"}


def test_a_zero_vector_has_cosine_zero_with_everything(model):
    assert {value for _, value in model.most_similar("zero")} == {0.0}
    assert model.similarity("zero", "king") == 0.0


def test_analogies_agree_with_the_equations(model):
    for method in ("3cosadd", "3cosmul"):
        found = model.analogy("man", "king", "woman", topn=3, method=method)
        expected = reference.analogy(WORDS, model.vectors, "man", "king", "woman", method)[:3]
        assert [word for word, _ in found] == [word for word, _ in expected]
        np.testing.assert_allclose([v for _, v in found], [v for _, v in expected], rtol=1e-5)
    with pytest.raises(ConfigError, match="3cosadd or 3cosmul"):
        model.analogy("man", "king", "woman", method="3cosdiv")


def test_similarity_and_odd_one_out(model):
    a, b = model["king"].astype(float), model["queen"].astype(float)
    assert model.similarity("king", "queen") == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert model.similarity("king", "queen", "dot") == pytest.approx(a @ b)
    assert model.similarity("king", "queen", "l2") == pytest.approx(np.linalg.norm(a - b))
    flat = KeyedVectors(["a", "b", "c"], [[1, 0.1], [1, 0], [-1, 1]])
    assert flat.odd_one_out(["a", "b", "c"]) == "c"
    with pytest.raises(ConfigError, match="at least two"):
        flat.odd_one_out(["a"])


def test_words_are_found_composed_or_decomposed(model):
    for word in ("서울", "café"):
        decomposed = unicodedata.normalize("NFD", word)
        assert decomposed != word
        assert decomposed in model
        np.testing.assert_array_equal(model[decomposed], model[word])


@pytest.mark.parametrize("form, other", [("NFC", "NFD"), ("NFD", "NFC")])
def test_unknown_words_are_composed_of_ngrams_as_the_models_are(form, other):
    """Those of decomposed Hangul are other n-grams: nothing was known of them, or what hashes alike."""
    rng = np.random.default_rng(3)
    words = [unicodedata.normalize(form, word) for word in ("서울", "서점", "울산", "점심")]
    subwords = Subwords("chars", 1, 2, 5000)
    ngrams = np.zeros((5000, 4), np.float32)
    for word in words:
        ngrams[subwords.buckets(word)] = rng.standard_normal((len(subwords.buckets(word)), 4))
    rows = np.ones((4, 4), np.float32)
    model = KeyedVectors(words, rows, subwords=subwords, ngram_vectors=ngrams, word_rows=rows)
    unknown = [
        f"{a}{b}" for a in "서울점산심" for b in "서울점산심" if f"{a}{b}" not in ("서울", "서점", "울산", "점심")
    ]
    asked = [unicodedata.normalize(other, word) for word in unknown]
    expected = np.stack([model[unicodedata.normalize(form, word)] for word in unknown])
    np.testing.assert_array_equal(np.stack([model[word] for word in asked]), expected)
    np.testing.assert_array_equal(model.get_vectors(asked * 20)[: len(asked)], expected)
    assert model.as_spelt(asked[0]) == unicodedata.normalize(form, asked[0])
    assert model.as_spelt(unicodedata.normalize(other, "서울")) == words[0]
    with pytest.raises(UnknownWordError):
        model["xyz"]


@pytest.mark.parametrize("others", [[], ["café", "été"], [unicodedata.normalize("NFD", "서울")]])
@pytest.mark.parametrize(
    "word",
    [
        "\u05e9\u05bc\u05b8\u05dc",  # a dagesh before its vowel: Unicode's forms put it behind
        "\u0645\u0651\u064e\u062f",  # a shadda before its fatha
        "\u0958\u092e",  # a letter that NFC decomposes too
    ],
)
def test_unknown_words_in_neither_form_are_composed_as_they_are_written(word, others):
    """Put in order they were other n-grams, which the model does not have."""
    subwords = Subwords("chars", 1, 3, 5000)
    ngrams = np.random.default_rng(3).standard_normal((5000, 4)).astype(np.float32)
    words = [f"{word}{end}" for end in "ab"] + others
    rows = np.ones((len(words), 4), np.float32)
    model = KeyedVectors(words, rows, subwords=subwords, ngram_vectors=ngrams, word_rows=rows)
    assert not any(unicodedata.is_normalized(form, word) for form in ("NFC", "NFD"))
    np.testing.assert_array_equal(model[word], compose_word(subwords, word, ngrams))
    np.testing.assert_allclose(model.get_vectors([word] * 200)[0], model[word], rtol=1e-6)
    assert model.as_spelt(word) == word


def test_an_unknown_word_names_close_spellings(model):
    with pytest.raises(UnknownWordError, match="queen") as raised:
        model["quene"]
    assert raised.value.suggestions == ("queen",)
    with pytest.raises(UnknownWordError, match="서울"):
        model["서욷"]
    with pytest.raises(UnknownWordError, match=r"unknown word 'xylophone'$"):
        model["xylophone"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_close_spellings_are_found_however_they_are_composed(form):
    words = [unicodedata.normalize(form, word) for word in ("서울", "부산", "café", "été")]
    model = KeyedVectors(words, np.eye(4, dtype=np.float32))
    for other in ("NFC", "NFD"):
        for asked, known in (("서욷", words[0]), ("cafè", words[2])):
            assert model.close_spellings(unicodedata.normalize(other, asked)) == [known]


class TwoPieces:
    """Stands for `embedkit.rows.subwords.Subwords`: a word's n-grams are its first and last letter."""

    n_rows = 7

    def buckets(self, word):
        return np.array([ord(word[0]) % 7, ord(word[-1]) % 7]) if word else np.zeros(0, np.int64)


def test_a_word_none_of_whose_n_grams_is_known_is_unknown():
    subwords = Subwords("chars", min_n=2, max_n=3, bucket=1000)
    ngrams = np.zeros((1000, 4), np.float32)
    ngrams[subwords.buckets("king")] = 1
    model = KeyedVectors(["king"], np.ones((1, 4), np.float32), subwords=subwords, ngram_vectors=ngrams)
    assert model.composes("kin")
    strange = "ζψξ"
    assert not model.composes(strange)
    assert not model.has_vector(strange)
    for words in ([strange], ["king", "kin", strange], ["kin"] * thresholds.HASHED_WORDS + [strange]):
        with pytest.raises(UnknownWordError, match=strange):
            model.get_vectors(words)
    for ask in (model.__getitem__, model.most_similar, lambda word: model.similarity("king", word)):
        with pytest.raises(UnknownWordError, match=strange):
            ask(strange)


def test_unknown_words_are_the_mean_of_their_pieces(monkeypatch):
    monkeypatch.setattr(
        "embedkit.query.word_vectors.as_array", lambda rows: pytest.fail("the whole matrix was composed for one word")
    )
    rows = np.random.default_rng(1).standard_normal((7, 4)).astype(np.float32)
    words = np.random.default_rng(2).standard_normal((2, 4)).astype(np.float32)
    model = KeyedVectors(
        ["ab", "cd"],
        ComposedRows(["ab", "cd"], words, TwoPieces(), rows),
        subwords=TwoPieces(),
        ngram_vectors=rows,
        word_rows=words,
    )
    np.testing.assert_array_equal(model["xy"], (rows[ord("x") % 7] + rows[ord("y") % 7]) * np.float32(0.5))
    known = (words[1] + rows[ord("c") % 7] + rows[ord("d") % 7]) * np.float32(1 / 3)
    np.testing.assert_array_equal(model["cd"], known)
    assert model.has_vector("xy")
    assert "xy" not in model
    with pytest.raises(UnknownWordError):
        model[""]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match=r"expected vectors of shape \(2, vector_size\), found \(3, 2\)"):
        KeyedVectors(["a", "b"], np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="counts has 1 rows for 2 words"):
        KeyedVectors(["a", "b"], np.zeros((2, 2)), counts=[1])
    with pytest.raises(ConfigError, match=r"queries of shape \(q, 2\)"):
        KeyedVectors(["a", "b"], np.zeros((2, 2))).most_similar_batch(np.zeros((1, 3)))


def test_many_lookups_give_the_same_rows_as_the_first_ones():
    words = [f"word{i % 5000}" for i in range(6000)]
    index = WordIndex(Words.from_strings(words))
    before = [index.get(word) for word in words[: DICT_AFTER // 2]]
    after = [index.get(word) for word in words]
    assert before == after[: DICT_AFTER // 2]
    assert after == [i % 5000 for i in range(6000)]
    assert index.get("nothing") is None
    assert "word1" in index


def test_words_keep_bytes_that_are_not_utf8():
    words = Words.from_bytes([b"good", b"\xff\xfe", "한글".encode()])
    assert list(words) == ["good", "\udcff\udcfe", "한글"]
    assert [words.find(word) for word in words] == [0, 1, 2]
    assert words[-1] == "한글"
    assert words[:2] == ["good", "\udcff\udcfe"]
    with pytest.raises(IndexError):
        words[3]
