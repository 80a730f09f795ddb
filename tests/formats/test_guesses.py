"""Guesses about foreign files: what was guessed wrong is read right, or refused with a word."""

import sqlite3

import numpy as np
import pytest

from embedkit import load
from embedkit.errors import FormatError
from embedkit.formats import sniff

ROWS = np.random.default_rng(1).normal(0, 0.1, (3, 4))


def database(path, rows=ROWS, table="CREATE TABLE vectors(word TEXT PRIMARY KEY, vector BLOB)", meta=()):
    with sqlite3.connect(path) as base:
        base.execute(table)
        base.executemany(
            "INSERT INTO vectors VALUES (?, ?)", [(w, r.tobytes()) for w, r in zip("cab", rows, strict=True)]
        )
        if meta:
            base.execute("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT)")
            base.executemany("INSERT INTO meta VALUES (?, ?)", meta)
    base.close()
    return path


def test_rows_still_in_the_write_ahead_log_are_read(tmp_path):
    path = database(tmp_path / "m.sqlite", ROWS.astype("f4"))
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("INSERT INTO vectors VALUES ('late', ?)", (np.ones(4, "f4").tobytes(),))
    writer.commit()
    try:
        assert list(load(path)) == ["c", "a", "b", "late"]
    finally:
        writer.close()


def test_float64_blobs_are_read_as_such_or_told(tmp_path):
    path = database(tmp_path / "told.sqlite", meta=[("vector_size", "4")])
    np.testing.assert_array_equal(load(path).vectors, ROWS.astype(np.float32))
    with pytest.raises(FormatError, match=r"look like float64 \(4 numbers\), expected float32"):
        load(database(tmp_path / "untold.sqlite"))
    with pytest.raises(FormatError, match=r"expected blobs of float32 \(5 numbers\), found 16 bytes"):
        load(database(tmp_path / "wrong.sqlite", ROWS.astype("f4"), meta=[("vector_size", "5")]))


def test_ordinary_float32_is_never_taken_for_float64(tmp_path):
    rng = np.random.default_rng(2)
    for scale in (1e-3, 0.1, 1, 100):
        rows = rng.normal(0, scale, (3, 300)).astype(np.float32)
        path = database(tmp_path / f"{scale}.sqlite", rows)
        np.testing.assert_array_equal(load(path).vectors, rows)


def test_a_table_without_rowid(tmp_path):
    table = "CREATE TABLE vectors(word TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID"
    model = load(database(tmp_path / "m.sqlite", ROWS.astype("f4"), table))
    assert list(model) == ["a", "b", "c"]
    np.testing.assert_array_equal(model["c"], ROWS[0].astype("f4"))


def test_other_columns_are_named(tmp_path):
    table = "CREATE TABLE vectors(token TEXT PRIMARY KEY, embedding BLOB)"
    with pytest.raises(FormatError, match="columns word and vector, found embedding, token"):
        load(database(tmp_path / "m.sqlite", table=table))


def test_the_words_of_another_model_are_not_taken(tmp_path):
    (tmp_path / "vectors.tsv").write_text("1.5\t2.5\n3\t4\n")
    (tmp_path / "metadata.tsv").write_text("a\nb\n")
    (tmp_path / "other.tsv").write_text("5\t6\n7\t8\n")
    assert list(load(tmp_path / "vectors.tsv")) == ["a", "b"]
    with pytest.raises(
        FormatError, match=r"expected the words in .*other\.metadata\.tsv, found no such file; give `words`"
    ):
        load(tmp_path / "other.tsv")
    assert list(load(tmp_path / "other.tsv", words=tmp_path / "metadata.tsv")) == ["a", "b"]


@pytest.mark.parametrize("first", ["1", "nan", "-2.5"])
def test_a_first_word_that_reads_like_a_number(first, tmp_path):
    (tmp_path / "m.tsv").write_text(f"{first}\t0.5\t1.5\nthe\t2\t3\n")
    assert sniff(tmp_path / "m.tsv") == "glove-text"
    assert list(load(tmp_path / "m.tsv")) == [first, "the"]


@pytest.mark.parametrize("name", [None, "glove-text", "word2vec-text"])
def test_lines_that_end_in_a_carriage_return_alone(name, tmp_path):
    (tmp_path / "m.txt").write_bytes(b"the 1 2\rcat 3 4\rdog 5 6\r")
    with pytest.raises(FormatError, match=r"carriage return alone.*tr|line 1: expected two whole numbers"):
        load(tmp_path / "m.txt", name)


def test_lists_of_words_that_end_in_a_carriage_return_alone(tmp_path):
    np.save(tmp_path / "m.npy", np.ones((2, 2), np.float32))
    (tmp_path / "m.words.txt").write_bytes(b"the\rcat\r")
    with pytest.raises(FormatError, match="carriage return alone"):
        load(tmp_path / "m.npy")
