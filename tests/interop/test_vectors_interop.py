"""gensim, safetensors, NumPy, DuckDB and pyarrow read what embedkit writes, and answer the same."""

import numpy as np
import pytest

import embedkit
from embedkit.query.keyed_vectors import KeyedVectors

N, SIZE = 500, 20


@pytest.fixture(scope="module")
def model():
    vectors = np.random.default_rng(1).standard_normal((N, SIZE)).astype(np.float32)
    return KeyedVectors([f"낱말{i}" if i % 7 == 0 else f"word{i}" for i in range(N)], vectors)


@pytest.fixture(scope="module")
def theirs(model, tmp_path_factory):
    gensim = pytest.importorskip("gensim.models")
    path = tmp_path_factory.mktemp("gensim") / "m.bin"
    model.save(path, "word2vec-binary")
    return gensim.KeyedVectors.load_word2vec_format(str(path), binary=True)


def test_gensim_reads_binary_and_text_bit_for_bit(model, theirs, tmp_path):
    gensim = pytest.importorskip("gensim.models")
    assert theirs.index_to_key == list(model.index_to_key)
    np.testing.assert_array_equal(theirs.vectors, model.vectors)
    model.save(tmp_path / "m.txt")
    text = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "m.txt"))
    np.testing.assert_array_equal(text.vectors, model.vectors)
    model.save(tmp_path / "glove.txt", "glove-text")
    text = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "glove.txt"), no_header=True)
    np.testing.assert_array_equal(text.vectors, model.vectors)


@pytest.mark.parametrize("binary", [True, False])
def test_what_gensim_writes_opens_here(model, theirs, tmp_path, binary):
    theirs.save_word2vec_format(str(tmp_path / "m"), binary=binary)
    again = embedkit.load(tmp_path / "m")
    assert list(again.index_to_key) == list(model.index_to_key)
    np.testing.assert_array_equal(again.vectors, model.vectors)


def same(ours, theirs, tolerance=1e-5):
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([v for _, v in ours], [v for _, v in theirs], rtol=tolerance, atol=tolerance)


def test_the_same_neighbours(model, theirs):
    for i in range(0, N, 17):
        word = model.index_to_key[i]
        same(model.most_similar(word, topn=15), theirs.most_similar(word, topn=15))
    same(
        model.most_similar(["word1", "word2"], ["word3"], restrict_vocab=100),
        theirs.most_similar(["word1", "word2"], ["word3"], restrict_vocab=100),
    )


def test_the_same_analogies(model, theirs):
    for i in range(1, N - 10, 13):
        a, b, c = (model.index_to_key[i + k] for k in (0, 3, 8))
        same(model.analogy(a, b, c), theirs.most_similar(positive=[b, c], negative=[a]))
        same(model.analogy(a, b, c, method="3cosmul"), theirs.most_similar_cosmul(positive=[b, c], negative=[a]))


def test_the_same_odd_one_out_and_similarity(model, theirs):
    for i in range(0, N - 5, 11):
        words = list(model.index_to_key[i : i + 5])
        assert model.odd_one_out(words) == theirs.doesnt_match(words)
        assert model.similarity(*words[:2]) == pytest.approx(float(theirs.similarity(*words[:2])), abs=1e-6)


def test_pickles_of_gensim_are_named(theirs, tmp_path):
    theirs.save(str(tmp_path / "m.kv"))
    with pytest.raises(embedkit.errors.FormatError, match=r"a Python pickle.*save_word2vec_format"):
        embedkit.load(tmp_path / "m.kv")


def test_the_safetensors_package_maps_the_native_file(model, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    model.save(tmp_path / "m.safetensors")
    with safetensors.safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        assert file.metadata()["format"] == "embedkit"
        np.testing.assert_array_equal(file.get_tensor("vectors"), model.vectors)


def test_numpy_reads_npz_and_npy_without_pickles(model, tmp_path):
    model.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert archive["words"].tolist() == list(model.index_to_key)
        np.testing.assert_array_equal(archive["vectors"], model.vectors)
    model.save(tmp_path / "m.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy", mmap_mode="r", allow_pickle=False), model.vectors)


def test_duckdb_questions_parquet(model, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    model.save(tmp_path / "m.parquet")
    rows = duckdb.sql(
        f"SELECT b.word FROM '{tmp_path / 'm.parquet'}' a, '{tmp_path / 'm.parquet'}' b WHERE a.word = 'word1' AND "
        "b.word <> 'word1' ORDER BY list_cosine_similarity(a.vector, b.vector) DESC LIMIT 5"
    ).fetchall()
    assert [word for (word,) in rows] == [word for word, _ in model.most_similar("word1", topn=5)]


def test_pyarrow_writes_what_opens_here(model, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"vector": model.vectors.tolist(), "more": range(N), "word": list(model.index_to_key)})
    parquet.write_table(table, tmp_path / "m.parquet")
    again = embedkit.load(tmp_path / "m.parquet")
    assert list(again.index_to_key) == list(model.index_to_key)
    np.testing.assert_array_equal(again.vectors, model.vectors)


def test_sqlite_by_hand(model, tmp_path):
    import sqlite3

    model.save(tmp_path / "m.sqlite")
    database = sqlite3.connect(tmp_path / "m.sqlite")
    blob = database.execute("SELECT vector FROM vectors WHERE word = 'word1'").fetchone()[0]
    database.close()
    np.testing.assert_array_equal(np.frombuffer(blob, "<f4"), model["word1"])
