"""Counts, TF-IDF and the truncated SVD against SciPy and scikit-learn."""

import numpy as np
import pytest

from embedkit.counting import count_cooccurrences, native
from embedkit.counting.sparse import SparseMatrix, truncated_svd
from embedkit.counting.tfidf import bag_of_words, save_matrix, tfidf
from embedkit.vocabulary.corpus import Corpus

sparse = pytest.importorskip("scipy.sparse")
LINES = ["the cat sat on the mat", "the dog sat", "cats and dogs", "the mat"]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("sublinear", [True, False])
def test_tfidf_is_scikit_learn_s(text, sublinear):
    sklearn_text = pytest.importorskip("sklearn.feature_extraction.text")
    counts, vocabulary = bag_of_words(text)
    theirs = sklearn_text.TfidfVectorizer(
        tokenizer=str.split, token_pattern=None, sublinear_tf=sublinear, vocabulary=list(vocabulary.index_to_key)
    ).fit_transform(LINES)
    np.testing.assert_allclose(tfidf(counts, sublinear=sublinear).toarray(), theirs.toarray(), rtol=1e-6)


@pytest.mark.parametrize("name", ["m.npz", "m.mtx"])
def test_scipy_reads_our_matrices(tmp_path, text, name):
    scipy_io = pytest.importorskip("scipy.io")
    counts, vocabulary = bag_of_words(text)
    matrix = tfidf(counts)
    save_matrix(matrix, tmp_path / name, vocabulary.index_to_key)
    theirs = sparse.load_npz(tmp_path / name) if name.endswith("npz") else scipy_io.mmread(tmp_path / name)
    np.testing.assert_array_equal(theirs.toarray().astype(np.float32), matrix.toarray())


def test_counts_are_a_csr_matrix(tmp_path):
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    corpus = Corpus.from_sentences([line.split() for line in LINES], min_count=1)
    counts = count_cooccurrences(corpus)
    native.write(tmp_path / "c.safetensors", corpus.vocabulary, counts.blocks())
    held = safetensors_numpy.load_file(tmp_path / "c.safetensors")
    theirs = sparse.csr_matrix((held["values"], held["columns"], held["row_offsets"]))
    np.testing.assert_array_equal(theirs.toarray(), counts.table())


def test_the_svd_is_arpack_s():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    rng = np.random.default_rng(0)
    theirs = sparse.random(3000, 2000, 0.01, "csr", np.float32, random_state=rng)
    theirs = sparse.csr_matrix(theirs.multiply(0.99 ** np.arange(2000)[None]), dtype=np.float32)
    theirs.sort_indices()
    ours = SparseMatrix(theirs.indptr.astype(np.int64), theirs.indices.astype(np.int32), theirs.data, 2000)
    _, values, *_ = truncated_svd(ours, 20, iterations=30)
    expected = np.sort(linalg.svds(theirs.astype(np.float64), 20)[1])[::-1]
    np.testing.assert_allclose(values, expected, rtol=1e-3)
