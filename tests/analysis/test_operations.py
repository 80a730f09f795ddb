"""Operations on vectors against plain float64 NumPy, and what they do to subwords."""

import numpy as np
import pytest

from embedkit.analysis import operations
from embedkit.cli import main
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.storing import load
from embedkit.rows.sparse import SparseRows
from embedkit.rows.subwords import Subwords


def model(n=50, size=6, seed=0):
    rng = np.random.default_rng(seed)
    rows = (rng.standard_normal((n, size)) * np.arange(1, size + 1) + 3).astype(np.float32)
    return KeyedVectors(
        [f"w{i}" for i in range(n)],
        rows,
        counts=np.arange(n, 0, -1),
        config={"window": 3},
        output_vectors=rows[::-1].copy(),
    )


def subword_model():
    rng = np.random.default_rng(1)
    subwords = Subwords("chars", 2, 3, bucket=40)
    words = ["서울", "부산", "king"]
    own, ngrams = rng.standard_normal((3, 5)).astype(np.float32), rng.standard_normal((40, 5)).astype(np.float32)
    composed = np.array([np.mean([own[i], *ngrams[subwords.buckets(word)]], axis=0) for i, word in enumerate(words)])
    return KeyedVectors(words, composed.astype(np.float32), subwords=subwords, ngram_vectors=ngrams, word_rows=own)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(operations, "_ROWS", 7)


def test_centering_takes_the_mean_away():
    vectors = model()
    before = vectors.vectors.copy()
    centred = operations.center(vectors)
    wide = before.astype(np.float64)
    np.testing.assert_allclose(centred.vectors, wide - wide.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(vectors.vectors, before)
    assert list(centred.index_to_key) == list(vectors.index_to_key)
    np.testing.assert_array_equal(centred.counts, vectors.counts)
    assert centred.output_vectors is None


def test_n_grams_that_nothing_is_known_of_stay_zero():
    vectors = subword_model()
    ngrams = vectors.ngram_vectors
    ngrams[::2] = 0
    used = np.flatnonzero(ngrams.any(axis=1))
    sparse = KeyedVectors(
        list(vectors.index_to_key),
        vectors.vectors,
        subwords=vectors.subwords,
        ngram_vectors=SparseRows(used, ngrams[used], len(ngrams)),
    )
    doubled = operations.mapped(sparse, lambda rows: 2 * rows)
    assert isinstance(doubled.ngram_vectors, SparseRows)
    np.testing.assert_array_equal(np.asarray(doubled.ngram_vectors), 2 * ngrams)
    moved = operations.mapped(sparse, lambda rows: rows + 1)
    np.testing.assert_array_equal(moved.ngram_vectors[used], ngrams[used] + np.float32(1))
    assert not moved.ngram_vectors[np.arange(0, len(ngrams), 2)].any()
    np.testing.assert_array_equal(operations.mapped(vectors, lambda rows: rows + 1).ngram_vectors, moved.ngram_vectors)


def test_an_affine_map_composes_unknown_words_as_before():
    vectors = subword_model()
    mean = vectors.vectors.astype(np.float64).mean(axis=0)
    centred = operations.center(vectors)
    for word in ("서울", "서울시", "kings"):
        np.testing.assert_allclose(centred[word], vectors[word] - mean, atol=1e-6)
    np.testing.assert_allclose(centred.word_rows, vectors.word_rows - mean, atol=1e-6)


def test_unit_length_and_zero_vectors():
    vectors = model()
    vectors.vectors[4] = 0
    result = operations.unit_length(vectors)
    lengths = np.linalg.norm(result.vectors.astype(np.float64), axis=1)
    np.testing.assert_allclose(np.delete(lengths, 4), 1, atol=1e-6)
    assert not result.vectors[4].any()
    assert result.similarity("w1", "w2") == pytest.approx(vectors.similarity("w1", "w2"), abs=1e-6)


def test_unit_length_keeps_the_direction_of_unknown_words():
    vectors = subword_model()
    result = operations.unit_length(vectors)
    assert result.similarity("서울시", "king") == pytest.approx(vectors.similarity("서울시", "king"), abs=1e-6)
    assert result.word_rows is None


@pytest.mark.parametrize("n", [0, 1, 3])
def test_all_but_the_top_removes_the_strongest_directions(n):
    vectors = model()
    wide = vectors.vectors.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:n]
    expected = centred - centred @ directions.T @ directions
    result = operations.all_but_the_top(vectors, n)
    np.testing.assert_allclose(result.vectors, expected, atol=1e-4)
    assert np.linalg.matrix_rank(result.vectors, tol=1e-3) == 6 - n


def test_all_but_the_top_takes_a_hundredth_of_the_dimensions_by_default():
    rng = np.random.default_rng(3)
    vectors = KeyedVectors([str(i) for i in range(400)], rng.standard_normal((400, 250)).astype(np.float32))
    assert np.linalg.matrix_rank(operations.all_but_the_top(vectors).vectors, tol=1e-3) == 248


@pytest.mark.parametrize("n", [-1, 6, 7])
def test_all_but_the_top_must_leave_something(n):
    with pytest.raises(ConfigError, match="6 dimensions"):
        operations.all_but_the_top(model(), n)


def test_keeping_the_top_and_a_list_of_words():
    vectors = model()
    cut = operations.keep_words(vectors, ["w9", "w2", "absent", "w30", "w2"], top=2)
    assert list(cut.index_to_key) == ["w2", "w9"]
    np.testing.assert_array_equal(cut.vectors, vectors.vectors[[2, 9]])
    np.testing.assert_array_equal(cut.output_vectors, vectors.output_vectors[[2, 9]])
    np.testing.assert_array_equal(cut.counts, [48, 41])
    assert cut.config == {"window": 3}
    assert list(operations.keep_words(vectors, top=3).index_to_key) == ["w0", "w1", "w2"]
    with pytest.raises(EmbedkitError, match="none of the words"):
        operations.keep_words(vectors, ["absent"])


def test_a_cut_subword_model_composes_what_was_cut():
    vectors = subword_model()
    cut = operations.keep_words(vectors, ["king"])
    np.testing.assert_array_equal(cut["king"], vectors["king"])
    assert "서울" not in cut and cut.has_vector("서울")


def test_concatenation_joins_the_words_of_both():
    first, second = model(5), model(7, size=2, seed=9)
    second = operations.keep_words(second, ["w1", "w3", "w6"])
    joined = operations.concatenate(first, second)
    assert list(joined.index_to_key) == ["w1", "w3"]
    np.testing.assert_array_equal(joined["w3"], np.concatenate([first["w3"], second["w3"]]))
    np.testing.assert_array_equal(joined.counts, [4, 2])
    with pytest.raises(EmbedkitError, match="no word in common"):
        operations.concatenate(first, operations.keep_words(second, ["w6"]))


# ---- options of embedkit convert


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model().save("m.txt")
    model(30, 2, seed=5).save("other.safetensors")
    (tmp_path / "words.txt").write_text("w3\nw20\nabsent\nw40\nw9\n")
    return tmp_path


def test_convert_changes_vectors_on_the_way_in_the_stated_order(files):
    assert (
        main(
            [
                "convert",
                "m.txt",
                "out.safetensors",
                "--quiet",
                "--unit",
                "--all-but-the-top",
                "1",
                "--concat",
                "other.safetensors",
                "--top-words",
                "3",
                "--keep-words",
                "words.txt",
            ]
        )
        == 0
    )
    kept = operations.keep_words(load("m.txt"), ["w3", "w20", "w40", "w9"], 3)
    joined = operations.concatenate(kept, load("other.safetensors"))
    expected = operations.unit_length(operations.all_but_the_top(joined, 1))
    found = load("out.safetensors")
    assert list(found.index_to_key) == ["w3", "w9", "w20"]
    np.testing.assert_array_equal(found.vectors, expected.vectors)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--center"],
        ["--unit"],
        ["--top-words", "9"],
        ["--all-but-the-top", "0"],
        ["--keep-words", "words.txt"],
        ["--concat", "other.safetensors"],
    ],
)
def test_each_option_alone_does_something(files, arguments):
    assert main(["convert", "m.txt", "plain.safetensors", "--quiet"]) == 0
    assert main(["convert", "m.txt", "changed.safetensors", "--quiet", *arguments]) == 0
    plain, changed = load("plain.safetensors"), load("changed.safetensors")
    assert plain.vectors.shape != changed.vectors.shape or not np.allclose(plain.vectors, changed.vectors)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--keep-words", "words.txt"], "1 word of --keep-words left out, which the vocabulary lacks: absent"),
        (["--concat", "other.safetensors"], "20 words that other.safetensors lacks left out"),
    ],
)
def test_words_that_are_left_out_are_told(files, arguments, told, capsys):
    for quiet, times in (([], 1), (["--quiet"], 0)):
        assert main(["convert", "m.txt", "changed.safetensors", *arguments, *quiet]) == 0
        assert capsys.readouterr().err.count(f"note: {told}\n") == times


def test_a_word_list_without_known_words_is_one_line(files, capsys):
    (files / "words.txt").write_text("absent\n")
    assert main(["convert", "m.txt", "out.txt", "--keep-words", "words.txt"]) == 1
    assert "none of the words" in capsys.readouterr().err
    assert main(["convert", "m.txt", "out.txt", "--keep-words", "no-such-file"]) == 1
    assert not (files / "out.txt").exists()
