"""Files as other tools write them: gensim and NumPy (golden files), the word2vec and GloVe C tools (by layout)."""

import struct
from pathlib import Path

import numpy as np
import pytest

from embedkit.errors import ConfigError, FormatError
from embedkit.formats.floret_hash import Table, murmur3
from embedkit.query import storing

GOLDEN = Path(__file__).parents[1] / "golden"
WORDS = ["the", "naïve", "여왕", "new_york", "x"]
VECTORS = np.array(
    [
        [0.1, -2.5, 3e-8],
        [1 / 3, 123456.789, -0.0],
        [1.1754944e-38, 3.4028235e38, 1e-45],
        [16777216, 0.30000001, -7],
        [0, 0, 0],
    ],
    np.float32,
)


@pytest.mark.parametrize("name", ["gensim_vectors.txt", "gensim_vectors.bin", "gensim_glove.txt", "numpy_vectors.npz"])
def test_golden_files(name):
    model = storing.load(GOLDEN / name)
    assert list(model.index_to_key) == WORDS
    np.testing.assert_array_equal(model.vectors.view(np.uint32), VECTORS.view(np.uint32))


@pytest.mark.parametrize("start, end", [(b"", b"\n"), (b"", b""), (b"\n", b"")])
def test_word2vec_binary_with_and_without_line_feeds(tmp_path, start, end):
    rows = b"".join(
        start + word.encode() + b" " + row.tobytes() + end for word, row in zip(WORDS, VECTORS, strict=True)
    )
    (tmp_path / "m").write_bytes(b"5 3\n" + rows)
    model = storing.load(tmp_path / "m")
    assert list(model.index_to_key) == WORDS
    np.testing.assert_array_equal(model.vectors, VECTORS)
    (tmp_path / "m").write_bytes(b"4 3\n" + rows)
    with pytest.raises(FormatError, match="expected the end of the file after 4 words"):
        storing.load(tmp_path / "m")


@pytest.mark.parametrize("n", [2, 3, 50])
def test_word2vec_binary_whose_first_word_holds_spaces(tmp_path, n):
    rows = np.random.default_rng(0).standard_normal((n, 5)).astype("<f4")
    words = ["x y z", *(f"w{i}" for i in range(1, n))]
    content = b"".join(word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(words, rows, strict=True))
    (tmp_path / "m").write_bytes(b"%d 5\n" % n + content)
    model = storing.load(tmp_path / "m")
    assert list(model.index_to_key) == words
    np.testing.assert_array_equal(model.vectors, rows)


@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_word2vec_binary_without_line_feeds_whose_values_hold_spaces_and_line_feeds(tmp_path, n):
    for seed in range(20):
        values = np.random.default_rng(seed).choice(np.frombuffer(b" \n@=", np.uint8), (n, 20))
        content = b"".join(b"w%d " % i + row.tobytes() for i, row in enumerate(values))
        (tmp_path / "m").write_bytes(b"%d 5\n" % n + content)
        model = storing.load(tmp_path / "m")
        assert list(model.index_to_key) == [f"w{i}" for i in range(n)]
        np.testing.assert_array_equal(model.vectors, values.view("<f4"))


def test_a_word_cut_inside_a_syllable_is_named_or_mended(tmp_path):
    cut = ("가" * 33).encode()[:98]
    (tmp_path / "m").write_bytes(b"2 1\nthe " + bytes(4) + b"\n" + cut + b" " + bytes(4) + b"\n")
    with pytest.raises(FormatError, match=r"row 1: expected UTF-8, found the word .* `encoding_errors`"):
        storing.load(tmp_path / "m")
    assert storing.load(tmp_path / "m", encoding_errors="ignore").index_to_key[1] == "가" * 32
    assert storing.load(tmp_path / "m", encoding_errors="replace").index_to_key[1] == "가" * 32 + "\ufffd"


def glove_files(folder):
    rng = np.random.default_rng(6)
    matrix = rng.standard_normal((6, 5))
    matrix.astype("<f8").tofile(folder / "vectors.bin")
    (folder / "vocab.txt").write_text("the 100\n여왕 50\nking 7\n", encoding="utf-8")
    return folder / "vectors.bin", matrix


@pytest.mark.parametrize("which", ["sum", "word", "context"])
def test_glove_binary(tmp_path, which):
    path, matrix = glove_files(tmp_path)
    model = storing.load(path, "glove-binary", vocab=tmp_path / "vocab.txt", glove_vectors=which)
    expected = {"sum": matrix[:3] + matrix[3:], "word": matrix[:3], "context": matrix[3:]}[which][:, :4]
    np.testing.assert_array_equal(model.vectors, expected.astype(np.float32))
    assert list(model.index_to_key) == ["the", "여왕", "king"]
    assert model.counts.tolist() == [100, 50, 7]


def test_glove_binary_with_another_vocabulary(tmp_path):
    path, _ = glove_files(tmp_path)
    (tmp_path / "vocab.txt").write_text("a 1\nb 1\nc 1\nd 1\n")
    with pytest.raises(FormatError, match="as many as there are words in"):
        storing.load(path, "glove-binary")
    (tmp_path / "vocab.txt").write_text("a 1\nb\n")
    with pytest.raises(FormatError, match="line 2: expected a word and its count, found 'b'"):
        storing.load(path, "glove-binary")
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(ConfigError, match="give `words`, a file"):
        storing.load(path, "glove-binary")


def finalfusion(words, rows, norms, listed=None):
    """A file as the specification has it, put together by hand."""
    vocabulary = struct.pack("<Q", len(words)) + b"".join(struct.pack("<I", len(w)) + w for w in words)
    content = b"FiFu" + struct.pack("<I", 0) + struct.pack("<4I", 3, 1, 2, 6)
    if listed:
        content = b"FiFu" + struct.pack("<I", 0) + struct.pack(f"<{1 + len(listed)}I", len(listed), *listed)
    content += struct.pack("<IQ", 1, len(vocabulary)) + vocabulary
    for kind, shape, values in ((2, struct.pack("<QI", *rows.shape), rows), (6, struct.pack("<Q", len(rows)), norms)):
        head = shape + struct.pack("<I", 10)
        padding = 4 - (len(content) + 12 + len(head)) % 4
        content += struct.pack("<IQ", kind, len(head) + padding + values.nbytes) + head + bytes(padding)
        content += values.tobytes()
    return content


@pytest.mark.parametrize("listed", [None, (1, 2)])
@pytest.mark.parametrize("word", [b"w", b"ww", b"www", b"wwww"])
def test_finalfusion_restores_lengths(tmp_path, word, listed):
    rows = np.array([[0.6, 0.8], [1, 0]], np.float32)
    norms = np.array([5, 2], np.float32)
    (tmp_path / "m").write_bytes(finalfusion([word, "여왕".encode()], rows, norms, listed))
    model = storing.load(tmp_path / "m")
    np.testing.assert_allclose(model.vectors, [[3, 4], [2, 0]], rtol=1e-6)
    model.save(tmp_path / "back.fifu")
    if listed is None:
        assert (tmp_path / "back.fifu").read_bytes() == (tmp_path / "m").read_bytes()


def test_projector_metadata_with_several_columns(tmp_path):
    (tmp_path / "vectors.tsv").write_text("1\t2\n3\t4\n")
    (tmp_path / "metadata.tsv").write_text("Count\tWord\n10\tthe\n5\tking\n")
    model = storing.load(tmp_path / "vectors.tsv")
    assert list(model.index_to_key) == ["the", "king"]
    (tmp_path / "metadata.tsv").write_text("the\n")
    with pytest.raises(FormatError, match="expected a word for each vector, found 1"):
        storing.load(tmp_path / "vectors.tsv")
    (tmp_path / "metadata.tsv").unlink()
    with pytest.raises(FormatError, match="expected the words in"):
        storing.load(tmp_path / "vectors.tsv")


def test_murmur_hash_against_published_values():
    assert murmur3(b"", 0) == (0, 0, 0, 0)
    text = b"The quick brown fox jumps over the lazy dog"
    digest = struct.pack("<4I", *murmur3(text, 0))
    assert digest.hex() == "6c1b07bc7bbc4be347939ac4a93c437a"


def test_floret_words_are_the_mean_of_their_pieces_rows(tmp_path):
    path, words = tmp_path / "m.floret", tmp_path / "words.txt"
    table = np.random.default_rng(2).standard_normal((7, 3)).astype(np.float32)
    path.write_text(
        "7 3 2 3 2 2166136261 < >\n"
        + "".join(f"{i} {' '.join(map(str, row.tolist()))}\n" for i, row in enumerate(table))
    )
    words.write_text("학교\nking\n", encoding="utf-8")
    model = storing.load(path, words=words)
    ngrams = ["<학교>", "<학", "학교", "교>", "<학교", "학교>"]
    rows = [h % 7 for ngram in ngrams for h in murmur3(ngram.encode(), 2166136261)[:2]]
    np.testing.assert_allclose(model["학교"], table[rows].mean(axis=0), rtol=1e-6)
    assert Table(7, 3, 2, 3, 2, 2166136261, "<", ">").rows_of("학교") == rows
    with pytest.raises(ConfigError, match="give `words`, a file"):
        storing.load(path)
    (tmp_path / "short.floret").write_text(path.read_text()[: path.read_text().rindex("6 ")])
    with pytest.raises(FormatError, match="expected a word and 3 values"):
        storing.load(tmp_path / "short.floret", words=words)


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"word": ["a"]}, "expected columns word and vector, found word"),
        ({"word": ["a"], "vector": ["x"]}, "expected column vector to be a list of float32"),
        ({"word": ["a", "b"], "vector": [[1.0, 2.0], [1.0]]}, "row 1: expected 2 values, found 1"),
        ({"word": ["a", None], "vector": [[1.0], [2.0]]}, "row 1: expected a word, found none"),
    ],
)
def test_parquet_of_other_shapes(tmp_path, columns, message):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    with pytest.raises(FormatError, match=message):
        storing.load(tmp_path / "m.parquet")


def test_a_database_with_a_view_in_place_of_the_table_is_refused(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "m.sqlite") as database:
        database.execute(
            "CREATE VIEW vectors AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT 'w' AS word, x'00000000' AS vector FROM n"
        )
    database.close()
    with pytest.raises(FormatError, match=r"expected a table vectors\(word, vector\), found vectors"):
        storing.load(tmp_path / "m.sqlite")
