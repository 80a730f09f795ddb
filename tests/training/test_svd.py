import numpy as np
import pytest

from embedkit.cli import main
from embedkit.counting import Window, count_cooccurrences, sparse
from embedkit.counting.files import count_to_file
from embedkit.counting.ppmi import ppmi
from embedkit.counting.sparse import SparseMatrix, orthonormal, truncated_svd
from embedkit.counting.subsampling import subsample
from embedkit.errors import ConfigError, CorpusError
from embedkit.training import svd, train
from embedkit.vocabulary.corpus import Corpus
from tests import reference_counting as reference


def random_matrix(n_rows, n_columns, density=0.2, seed=0, decay=None):
    rng = np.random.default_rng(seed)
    dense = rng.random((n_rows, n_columns)) * (rng.random((n_rows, n_columns)) < density)
    if decay is not None:  # leading directions that stand out, as those of counts do
        dense += (rng.normal(size=(n_rows, 12)) * decay ** np.arange(12)) @ rng.normal(size=(12, n_columns))
    return from_dense(dense.astype(np.float32))


def from_dense(dense):
    rows, columns = np.nonzero(dense)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))])
    return SparseMatrix(offsets, columns.astype(np.int32), dense[rows, columns], dense.shape[1])


def topics(n=400, seed=0):
    """Sentences about two things, with words that belong to one of them and words of both."""
    rng = np.random.default_rng(seed)
    own = (["sea", "ship", "wave", "sail"], ["bread", "flour", "oven", "dough"])
    both = ["the", "a", "is", "of"]
    return [[str(w) for w in rng.choice([*own[k % 2], *both], 9)] for k in range(n)]


def test_products_with_a_dense_matrix():
    matrix = random_matrix(90, 70)
    other = np.random.default_rng(1).normal(size=(70, 24)).astype(np.float32)
    expected = matrix.toarray().astype(np.float64) @ other
    for workers in (1, 3):
        np.testing.assert_allclose(matrix.multiply(other, workers), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(matrix.multiply(other, 1), matrix.multiply(other, 4))


def test_rows_without_cells_and_transposition():
    dense = np.zeros((5, 4), np.float32)
    dense[1, 3], dense[4, 0], dense[4, 3] = 2, 3, 4
    matrix = from_dense(dense)
    np.testing.assert_array_equal(matrix.transpose().toarray(), dense.T)
    np.testing.assert_array_equal(matrix.transpose().transpose().columns, matrix.columns)
    np.testing.assert_array_equal(matrix.multiply(np.ones((4, 2), np.float32))[:, 0], [0, 2, 0, 0, 7])


def test_an_orthonormal_basis_of_what_is_left_of_dependent_columns():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(9000, 12)).astype(np.float32) * 10.0 ** np.linspace(2, -1, 12, dtype=np.float32)
    basis = orthonormal(columns)
    np.testing.assert_allclose(basis.T.astype(np.float64) @ basis, np.eye(12), atol=1e-5)
    np.testing.assert_allclose(basis @ (basis.T @ columns), columns, atol=1e-3)
    assert orthonormal(np.repeat(columns[:, :3], 2, axis=1)).shape == (9000, 3)


@pytest.mark.parametrize("shape", [(400, 300), (300, 400)])
def test_the_random_svd_is_the_exact_one(shape):
    matrix = random_matrix(*shape, decay=0.8)
    u, values, share, error = truncated_svd(matrix, 10, seed=3, exact=False)
    left, exact, _ = np.linalg.svd(matrix.toarray().astype(np.float64))
    np.testing.assert_allclose(values, exact[:10], rtol=1e-4)
    assert share == pytest.approx(np.sum(exact[:10] ** 2) / np.sum(exact**2), rel=1e-4)
    assert np.abs(values / exact[:10] - 1).max() <= error < 0.05
    np.testing.assert_allclose(np.abs(np.sum(u * left[:, :10], axis=0)), 1, atol=1e-3)
    np.testing.assert_allclose(u.T @ u, np.eye(10), atol=1e-4)
    assert (u[np.abs(u).argmax(axis=0), np.arange(10)] > 0).all()


def test_more_power_iterations_come_nearer_and_the_bound_holds():
    matrix = random_matrix(400, 300)  # no direction stands out: the hard case
    exact = truncated_svd(matrix, 10, exact=True)
    assert exact.error == 0
    errors = []
    for iterations in (0, 2, 8):
        found = truncated_svd(matrix, 10, iterations=iterations, exact=False)
        nearest = np.abs(found.singular_values - exact.singular_values) / found.singular_values
        assert nearest.max() <= found.error
        assert found.share <= exact.share * (1 + 1e-5)
        errors.append(found.error)
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("shape", [(90, 70), (70, 90), (5000, 40)])
def test_the_exact_decomposition(shape):
    matrix = random_matrix(*shape)
    found = truncated_svd(matrix, 10, exact=True)
    left, values, _ = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(found.singular_values, values[:10], rtol=1e-10)
    np.testing.assert_allclose(np.abs(np.sum(found.u * left[:, :10], axis=0)), 1, atol=1e-5)


def test_small_matrices_are_decomposed_whole(monkeypatch):
    matrix = random_matrix(60, 50)
    assert truncated_svd(matrix, 5).error == 0
    monkeypatch.setattr(sparse, "EXACT_UP_TO", 49)
    assert truncated_svd(matrix, 5).error > 0


def test_the_svd_does_not_depend_on_threads_but_on_the_seed_only_in_its_last_digits():
    matrix = random_matrix(400, 300, decay=0.8)
    runs = (truncated_svd(matrix, 8, seed=s, workers=w, exact=False) for s, w in ((1, 1), (1, 4), (2, 1)))
    (a, x), (b, y), (c, z) = (found[:2] for found in runs)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(x, y)
    assert not np.array_equal(a, c)
    np.testing.assert_allclose(a, c, atol=1e-3)
    np.testing.assert_allclose(x, z, rtol=1e-4)


def test_low_rank_and_small_matrices(monkeypatch):
    dense = np.outer(np.arange(1, 61), np.arange(1, 51)).astype(np.float32)
    u, values, *_ = truncated_svd(from_dense(dense), 5, exact=False)
    assert u.shape == (60, 1) and values == pytest.approx([np.linalg.norm(dense)], rel=1e-5)
    u, values, *_ = truncated_svd(random_matrix(6, 4, 0.9), 100)
    assert u.shape == (6, 4) and len(values) == 4
    monkeypatch.setattr(sparse, "OVERSAMPLING", 2)
    assert truncated_svd(random_matrix(60, 50), 30, exact=False).u.shape == (60, 30)


@pytest.mark.parametrize(("shift", "smoothing"), [(1.0, 1.0), (1.0, 0.75), (3.0, 0.75)])
def test_ppmi_is_the_definition(shift, smoothing):
    counts = count_cooccurrences(Corpus.from_sentences(topics(60), min_count=1), Window(3, symmetric=False))
    expected = reference.ppmi(counts.table(), shift, smoothing)
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_allclose(ppmi(counts, shift, smoothing).toarray(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["svd", "lsa"])
def test_words_of_one_topic_are_near(model):
    vectors = train(topics(), model=model, vector_size=3, min_count=1, eigenvalue_weighting=0.5)
    inside = vectors.similarity("sea", "ship"), vectors.similarity("oven", "bread")
    across = vectors.similarity("sea", "bread"), vectors.similarity("ship", "oven")
    assert min(inside) > max(across) + 0.2
    again = train(topics(), model=model, vector_size=3, min_count=1, eigenvalue_weighting=0.5, workers=3)
    np.testing.assert_array_equal(vectors.vectors, again.vectors)


def test_the_weighting_of_singular_values():
    models = [
        train(topics(), model="svd", vector_size=4, min_count=1, eigenvalue_weighting=p).vectors
        for p in (0.0, 0.5, 1.0)
    ]
    lengths = [np.linalg.norm(m, axis=0) for m in models]
    np.testing.assert_allclose(lengths[0], 1, rtol=1e-5)
    np.testing.assert_allclose(lengths[1] ** 2, lengths[2], rtol=1e-4)


@pytest.mark.parametrize(("shrink", "weighting"), [(None, "inverse"), (True, "linear"), (False, "flat")])
@pytest.mark.parametrize("sample", [0.0, 0.05])
def test_windows_and_subsampling_are_those_of_the_reference(shrink, weighting, sample):
    corpus = Corpus.from_sentences(topics(), min_count=1)
    options = {"window": 4, "vector_size": 4, "eigenvalue_weighting": 1.0, "sample": sample, "seed": 7}
    found = train(corpus, model="svd", shrink_windows=shrink, **options)
    table = np.zeros((len(corpus.vocabulary),) * 2)
    sentences = [s.tolist() for s in subsample(corpus, sample, 7).sentences()]
    for (row, column), count in reference.count_cooccurrences(sentences, 4, weighting=weighting).items():
        table[row, column] = count
    left, values, _ = np.linalg.svd(reference.ppmi(table, 1.0, 0.75))
    expected = left[:, :4] * values[:4]
    np.testing.assert_allclose(found.vectors @ found.vectors.T, expected @ expected.T, rtol=1e-4, atol=1e-4)


def test_an_exact_svd_and_what_it_says():
    said = []
    exact = train(topics(), model="svd", vector_size=3, min_count=1, exact=True, note=said.append)
    assert exact.config["exact"] is True and "power_iterations" not in exact.config
    assert len(said) == 1 and said[0].startswith("3 directions hold") and said[0].endswith("an exact decomposition")
    with pytest.raises(ConfigError, match="`power_iterations` has no effect with `exact`"):
        train(topics(), model="lsa", min_count=1, exact=True, power_iterations=9)


def test_svd_from_counts_is_svd_of_the_corpus(tmp_path):
    corpus = Corpus.from_sentences(topics(), min_count=1)
    count_to_file(corpus, tmp_path / "counts.safetensors", Window(5))
    options = {"model": "svd", "vector_size": 5}
    one = train(corpus, window=5, **options)
    two = train(cooccurrences=tmp_path / "counts.safetensors", **options)
    np.testing.assert_array_equal(one.vectors, two.vectors)


def test_vectors_behind_the_rank_are_zero():
    vectors = train(topics(), model="svd", vector_size=50, min_count=1)
    assert vectors.vectors.shape == (12, 50) and not vectors.vectors[:, 12:].any()


def test_what_does_not_work_says_so(tmp_path):
    with pytest.raises(ConfigError, match="model svd has no option `keep_output`"):
        train(topics(), model="svd", min_count=1, keep_output=True)
    with pytest.raises(ConfigError, match="`checkpoint` is not for model lsa"):
        train(topics(), model="lsa", min_count=1, checkpoint=tmp_path)
    with pytest.raises(ConfigError, match="`shift` must be a number above 0"):
        train(topics(), model="svd", shift=0.0)
    with pytest.raises(CorpusError, match="lower `shift`"):
        train(topics(), model="svd", min_count=1, shift=1e6)


def test_vectors_of_contexts_on_top_of_those_of_words():
    counts = count_cooccurrences(Corpus.from_sentences(topics(), min_count=1), Window(3))
    u, s, vt = np.linalg.svd(reference.ppmi(counts.table(), 1.0, 0.75))
    options = {"model": "svd", "window": 3, "vector_size": 5, "workers": 1, "eigenvalue_weighting": 0.5}
    found = train(topics(), min_count=1, add_contexts=True, **options)
    expected = (u[:, :5] + vt[:5].T) * s[:5] ** 0.5
    np.testing.assert_allclose(found.vectors @ found.vectors.T, expected @ expected.T, rtol=1e-3, atol=1e-3)
    assert found.config["add_contexts"] is True
    alone = train(topics(), min_count=1, **options)
    assert not np.allclose(alone.vectors @ alone.vectors.T, expected @ expected.T, rtol=0.1)
    with pytest.raises(ConfigError, match="model lsa has no option `add_contexts`"):
        train(topics(), model="lsa", add_contexts=True)


def test_an_exact_decomposition_that_takes_long_says_so_and_one_without_room_is_refused(monkeypatch):
    """It went on for minutes without a word, and asked for 320 GB for 100,000 words."""
    options = {"model": "svd", "vector_size": 3, "workers": 1, "min_count": 1}
    monkeypatch.setattr(svd, "LONG", 0.0)
    said = []
    train(topics(), note=said.append, exact=True, **options)
    assert said[0].startswith("decomposing 12 words exactly takes about 0 s; more `power_iterations` take less")
    said.clear()
    train(topics(), note=said.append, **options)
    assert len(said) == 1
    monkeypatch.setattr(svd, "MOST_EXACT", 11)
    with pytest.raises(ConfigError, match="`exact` decomposes a dense matrix, of 12 words in 0 GB; it is for up to 11"):
        train(topics(), exact=True, **options)


@pytest.mark.parametrize("given", ["text", "counts"])
@pytest.mark.parametrize("suffix", ["npz", "mtx"])
def test_the_weights_themselves_as_a_sparse_file(tmp_path, capsys, given, suffix):
    text, counts, out = tmp_path / "t.txt", tmp_path / "c.safetensors", tmp_path / f"w.{suffix}"
    text.write_text("\n".join(map(" ".join, topics())))
    window = ["--window", "3"]
    assert main(["cooccur", str(text), "-o", str(counts), *window]) == 0
    source = [str(text), *window] if given == "text" else [str(counts)]
    weights = ["--ppmi", "--shift", "1.1", "--cds", "1", "-o", str(out)]
    assert main(["cooccur", *source, *weights]) == 0
    table = count_cooccurrences(Corpus.from_sentences(topics()), Window(3)).table()
    expected = reference.ppmi(table, 1.1, 1.0)
    found = np.zeros_like(expected)
    if suffix == "npz":
        with np.load(out) as arrays:
            rows = np.repeat(np.arange(len(found)), np.diff(arrays["indptr"]))
            found[rows, arrays["indices"]] = arrays["data"]
            assert set(arrays["words"]) == {word for line in topics() for word in line}
    else:
        rows, columns, values = np.loadtxt(out, skiprows=2).T
        found[rows.astype(int) - 1, columns.astype(int) - 1] = values
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert f"{np.count_nonzero(expected):,} of {np.count_nonzero(table):,} cells above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--ppmi", "-o", "w.safetensors"], "w.safetensors: use .mtx (Matrix Market) or .npz (SciPy)"),
        (["--ppmi"], "where to?"),
        (["--ppmi", "--merge", "-o", "w.npz"], "--merge has no effect with --ppmi"),
        (["--ppmi", "--cluster", "local:2", "-o", "w.npz"], "--cluster has no effect with --ppmi"),
        (["--ppmi", "--shift", "0", "-o", "w.npz"], "--shift"),
        (["--shift", "2", "-o", "w.npz"], "--shift has no effect without --ppmi"),
        (["--ppmi", "--shift", "1000", "-o", "w.npz"], "no pair of words stands together more often than by chance"),
    ],
)
def test_what_does_not_go_with_weights(tmp_path, monkeypatch, capsys, options, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.txt").write_text("\n".join(map(" ".join, topics())))
    assert main(["cooccur", "t.txt", *options]) in (1, 2)
    assert told in capsys.readouterr().err
    assert not (tmp_path / "w.npz").exists()
