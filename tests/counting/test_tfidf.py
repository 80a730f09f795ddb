import subprocess
import sys
from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.counting import tfidf as module
from embedkit.counting.tfidf import bag_of_words, document_counts, save_matrix, tfidf
from embedkit.counting.tfidf_model import TfidfModel, TfidfSettings
from embedkit.errors import ConfigError, CorpusError, FormatError

DOCUMENTS = ["the cat sat on the mat", "", "the dog sat", "cats"]


def written(tmp_path, lines):
    path = tmp_path / "text.txt"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def embedkit(*arguments, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def by_hand(documents, words, sublinear, smooth, unit):
    """TF-IDF as the formulas stand in the books, dense."""
    bags = [Counter(d.split()) for d in documents]
    matrix = np.zeros((len(documents), len(words)))
    for i, bag in enumerate(bags):
        for j, word in enumerate(words):
            df = sum(word in other for other in bags)
            idf = log((1 + len(bags)) / (1 + df)) + 1 if smooth else log(len(bags) / df)
            if bag[word]:
                matrix[i, j] = (1 + log(bag[word]) if sublinear else bag[word]) * idf
        length = sqrt((matrix[i] ** 2).sum())
        if unit and length:
            matrix[i] /= length
    return matrix


def test_rows_are_lines_and_columns_are_words(tmp_path):
    counts, vocabulary = bag_of_words(written(tmp_path, DOCUMENTS))
    assert vocabulary.index_to_key[:2] == ["the", "sat"]
    expected = [[Counter(d.split())[w] for w in vocabulary.index_to_key] for d in DOCUMENTS]
    np.testing.assert_array_equal(counts.toarray(), expected)


@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("idf", ["smooth", "plain"])
@pytest.mark.parametrize("norm", ["l2", "none"])
def test_weights_are_the_formulas(tmp_path, sublinear, idf, norm):
    counts, vocabulary = bag_of_words(written(tmp_path, DOCUMENTS))
    found = tfidf(counts, sublinear=sublinear, idf=idf, norm=norm).toarray()
    expected = by_hand(DOCUMENTS, vocabulary.index_to_key, sublinear, idf == "smooth", norm == "l2")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(-2, 5).filter(lambda i: i != -1), max_size=12), min_size=1, max_size=12),
    at_once=st.integers(1, 30),
)
def test_documents_are_counted_whatever_the_block_size(documents, at_once):
    ids = np.array([i for d in documents for i in [*d, -1]], np.int32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_TOKENS_AT_ONCE", at_once)
        counts = document_counts(ids, 6)
    expected = [[Counter(d)[word] for word in range(6)] for d in documents]
    np.testing.assert_array_equal(counts.toarray(), expected)


def test_vocabulary_limits(tmp_path):
    path = written(tmp_path, DOCUMENTS)
    counts, vocabulary = bag_of_words(path, min_count=2)
    assert sorted(vocabulary.index_to_key) == ["sat", "the"] and counts.shape == (4, 2)
    again, _ = bag_of_words(path, vocabulary=vocabulary)
    np.testing.assert_array_equal(again.toarray(), counts.toarray())
    assert bag_of_words(path, max_vocab=1)[1].index_to_key == ["the"]
    with pytest.raises(CorpusError):
        bag_of_words(path, min_count=9)


def test_npz_is_scipy_s(tmp_path):
    counts, vocabulary = bag_of_words(written(tmp_path, DOCUMENTS))
    matrix = tfidf(counts)
    save_matrix(matrix, tmp_path / "m.npz", vocabulary.index_to_key)
    stored = np.load(tmp_path / "m.npz", allow_pickle=False)
    assert bytes(stored["format"].item()) == b"csr" and stored["shape"].tolist() == [4, 7]
    assert stored["words"].tolist() == list(vocabulary.index_to_key)
    sparse = pytest.importorskip("scipy.sparse")
    np.testing.assert_array_equal(sparse.load_npz(tmp_path / "m.npz").toarray(), matrix.toarray())


@pytest.mark.parametrize("weighting", ["count", "tfidf"])
def test_matrix_market_line_by_line(tmp_path, weighting):
    counts, vocabulary = bag_of_words(written(tmp_path, DOCUMENTS))
    matrix = counts if weighting == "count" else tfidf(counts)
    save_matrix(matrix, tmp_path / "m.mtx", vocabulary.index_to_key)
    lines = (tmp_path / "m.mtx").read_text(encoding="ascii").splitlines()
    field = "integer" if weighting == "count" else "real"
    assert lines[0] == f"%%MatrixMarket matrix coordinate {field} general"
    assert lines[1] == f"4 7 {len(matrix.values)}" and len(lines) == 2 + len(matrix.values)
    dense = np.zeros((4, 7), np.float32)
    for line in lines[2:]:
        row, column, value = line.split()
        dense[int(row) - 1, int(column) - 1] = np.float32(value)
    np.testing.assert_array_equal(dense, matrix.toarray())


def test_command(tmp_path):
    path = written(tmp_path, DOCUMENTS)
    embedkit("tfidf", path, "-o", tmp_path / "m.npz", "--save-vocab", tmp_path / "words.txt", "--weighting", "count")
    stored = np.load(tmp_path / "m.npz")
    assert stored["data"].sum() == 10 and stored["shape"].tolist() == [4, 7]
    assert (tmp_path / "words.txt").read_text(encoding="utf-8").splitlines()[0] == "the 3"


def test_wrong_usage(tmp_path):
    path = written(tmp_path, DOCUMENTS)
    assert ".mtx (Matrix Market) or .npz" in embedkit("tfidf", path, "-o", tmp_path / "m.csv", status=2).stderr
    assert (
        "--min-count must be a whole number of at least 1, got 0"
        in embedkit("tfidf", path, "-o", tmp_path / "m.npz", "--min-count", 0, status=2).stderr
    )
    assert (
        "no word occurs 9 times" in embedkit("tfidf", path, "-o", tmp_path / "m.npz", "--min-count", 9, status=1).stderr
    )
    assert not (tmp_path / "m.npz").exists()
    counts, _ = bag_of_words(path)
    with pytest.raises(ConfigError):
        tfidf(counts, idf="other")


TEXTS = ["the cat sat on the mat", "the dog sat", "cats and the dogs", "the mat", "서울 의 밤", "서울 의 아침"]
OTHERS = ["the cat and the cat", "nothing here", "서울 의 cat"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ngrams": (1, 2), "sublinear": True},
        {"ngrams": (2, 3), "norm": "none"},
        {"stop_words": ("the", "의"), "ngrams": (1, 2)},
        {"max_df": 0.5, "min_df": 2},
        {"max_df": 3},
        {"weighting": "count", "min_df": 2},
    ],
)
def test_what_was_learnt_is_applied_as_scikit_learn_does(tmp_path, options):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    settings_ = TfidfSettings(**options)
    kind = text.CountVectorizer if settings_.weighting == "count" else text.TfidfVectorizer
    norm = {} if settings_.weighting == "count" else {
        "norm": None if settings_.norm == "none" else "l2", "sublinear_tf": settings_.sublinear}  # fmt: skip
    theirs = kind(
        tokenizer=str.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=settings_.ngrams,
        stop_words=list(settings_.stop_words) or None,
        min_df=settings_.min_df,
        max_df=settings_.max_df,
        **norm,
    ).fit(TEXTS)
    model, matrix = TfidfModel.fit(written(tmp_path, TEXTS), settings_)
    assert set(model.vocabulary) == set(theirs.get_feature_names_out())
    columns = [theirs.vocabulary_[term] for term in model.vocabulary]
    np.testing.assert_allclose(matrix.toarray(), theirs.transform(TEXTS).toarray()[:, columns], rtol=1e-6)
    model.save(tmp_path / "model.safetensors")
    again = TfidfModel.load(tmp_path / "model.safetensors")
    assert again.settings == settings_ and again.vocabulary == model.vocabulary
    applied = again.transform(written(tmp_path, OTHERS))
    np.testing.assert_allclose(applied.toarray(), theirs.transform(OTHERS).toarray()[:, columns], rtol=1e-6)


def test_a_model_of_another_kind_or_a_damaged_one(tmp_path):
    model, _ = TfidfModel.fit(written(tmp_path, TEXTS))
    model.save(tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    for cut in (0, 7, 60, len(data) - 3):
        (tmp_path / "cut").write_bytes(data[:cut])
        with pytest.raises(FormatError):
            TfidfModel.load(tmp_path / "cut")
    with pytest.raises(CorpusError, match="leave out all"):
        TfidfModel.fit(written(tmp_path, TEXTS), TfidfSettings(min_df=99))
    for wrong in ({"ngrams": (2, 1)}, {"max_df": 1.5}, {"min_df": -1}):
        with pytest.raises(ConfigError):
            TfidfSettings(**wrong)


def test_the_command_learns_and_applies(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"{line}\n" for line in TEXTS), encoding="utf-8")
    (tmp_path / "b.txt").write_text("".join(f"{line}\n" for line in OTHERS), encoding="utf-8")
    options = ["--ngrams", 1, 2, "--max-df", 0.5, "--stop-words", "on,의", "--save-model", tmp_path / "m"]
    embedkit("tfidf", tmp_path / "a.txt", "-o", tmp_path / "a.npz", *options)
    done = embedkit("tfidf", tmp_path / "b.txt", "-o", tmp_path / "b.npz", "--apply", tmp_path / "m")
    assert "no term of the model in 1 of 3 documents" in done.stderr
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        assert a["words"].tolist() == b["words"].tolist() and "서울 밤" in a["words"]
        assert (b["shape"] == [3, len(a["words"])]).all()
    arguments = ["tfidf", tmp_path / "b.txt", "-o", tmp_path / "b.npz", "--apply", tmp_path / "m", "--norm", "none"]
    assert "no effect" in embedkit(*arguments, status=2).stderr
    embedkit("tfidf", tmp_path / "b.txt", "-o", tmp_path / "b.npz", "--max-df", 1.5, status=2)
