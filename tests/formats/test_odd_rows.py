"""One odd row does not make the good ones unreachable: encodings, limits, rows left out and told of."""

import time
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from embedkit import KeyedVectors, load
from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.kernels import thresholds
from embedkit.query.storing import convert
from embedkit.rows.norms import row_norms
from embedkit.rows.subwords import Subwords

GOOD = "the 1 2\ncat 3 4\n여왕 5 6\n"


def put(folder, text, name="m.txt"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(params=[False, True], ids=["python", "kernel"])
def kernel(request, monkeypatch):
    monkeypatch.setattr(thresholds, "PARSED_BYTES", 0 if request.param else 1 << 40)


@pytest.mark.parametrize(
    "bad, told",
    [
        (b"short 1\n", "line 3: expected a word and 2 values"),
        (b" 1 2\n", "line 3: expected a word, found a line that starts with white space"),
        (b"x 1 two\n", "line 3: expected a number as value 2 of 2"),
        (b"x 1 nan\n", r"line 3 \('x'\): expected finite numbers"),
        (b"\xff\xfe 1 2\n", "line 3: expected (UTF-8|utf-8)"),
    ],
)
@pytest.mark.parametrize("header", [b"", b"4 2\n"])
def test_a_bad_row_is_refused_with_the_way_on(bad, told, header, kernel, tmp_path):
    told = told.replace("line 3", "line 4") if header else told
    path = put(tmp_path, header + b"the 1 2\ncat 3 4\n" + bad + "여왕 5 6\n".encode())
    with pytest.raises(FormatError, match=told):
        load(path)
    with pytest.warns(UserWarning, match=rf"1 row left out: .*{told}"):
        model = load(path, skip_bad_rows=True)
    assert list(model) == ["the", "cat", "여왕"]
    np.testing.assert_array_equal(model.vectors, [[1, 2], [3, 4], [5, 6]])


def test_the_message_names_the_option(tmp_path):
    with pytest.raises(FormatError, match="`skip_bad_rows` leaves such rows out"):
        load(put(tmp_path, GOOD + "x 1\n"))


def binary(words, size=4, count=None, end=b"\n"):
    rows = np.random.default_rng(0).normal(size=(len(words), size)).astype("<f4")
    head = b"%d %d\n" % (len(words) if count is None else count, size)
    return rows, head + b"".join(w + b" " + row.tobytes() + end for w, row in zip(words, rows, strict=True))


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("end", [None, b"\n", b""], ids=["text", "binary", "binary of gensim"])
def test_a_header_that_is_off_by_one(count, end, tmp_path):
    content = f"{count} 2\n{GOOD}" if end is None else binary([b"the", b"cat", b"dog"], 9, count, end)[1]
    path = put(tmp_path, content)
    with pytest.raises(FormatError, match="`skip_bad_rows` takes"):
        load(path)
    with pytest.warns(UserWarning, match=f"the header promises {count} words, there are 3"):
        assert len(load(path, skip_bad_rows=True)) == 3
    assert len(load(path, limit=1, skip_bad_rows=True)) == 1  # which looks no further, and warns of nothing


def test_a_binary_file_that_was_cut_off(tmp_path):
    rows, content = binary([b"the", b"cat", b"dog"], 9)
    path = put(tmp_path, content[:-8])
    with pytest.raises(FormatError, match=r"cut off.*`skip_bad_rows` takes the rows that are whole"):
        load(path)
    with pytest.warns(UserWarning, match="1 row left out: cut off or damaged in row 2 of 3"):
        np.testing.assert_array_equal(load(path, skip_bad_rows=True).vectors, rows[:2])


@pytest.mark.parametrize("word", [b" ", b"\n", b""])
@pytest.mark.parametrize("end", [b"\n", b""], ids=["line feeds", "gensim"])
def test_a_word_of_white_space_does_not_shift_the_rows_behind_it(word, end, tmp_path):
    rows, content = binary([b"the", b"cat", word, b"dog", "왕".encode()], 30, end=end)
    path = put(tmp_path, content)
    with pytest.raises(FormatError, match=r"row 2: expected a word, found .*`skip_bad_rows` leaves such rows out"):
        load(path)
    with pytest.warns(UserWarning, match="1 row left out: row 2"):
        model = load(path, skip_bad_rows=True)
    assert list(model) == ["the", "cat", "dog", "왕"]
    np.testing.assert_array_equal(model.vectors, rows[[0, 1, 3, 4]])


def test_words_with_spaces_in_binaries(tmp_path):
    rows, content = binary([b"the", b"new york", b"a b c", b"dog"], 30)
    model = load(put(tmp_path, content))
    assert list(model) == ["the", "new york", "a b c", "dog"]
    np.testing.assert_array_equal(model.vectors, rows)


@pytest.mark.parametrize("kind", ["npz", "npy", "fifu", "safetensors", "foreign", "fasttext"])
def test_rows_of_nan_in_files_that_are_not_parsed(kind, tmp_path):
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    words, options = ["a", "b", "c", "d"], {}
    put(tmp_path, "a\nb\nc\nd\n", "words.txt")
    if kind == "fasttext":
        ngrams = np.zeros((10, 3), np.float32)
        KeyedVectors(words, rows, word_rows=rows, subwords=Subwords("chars", 3, 6, 10), ngram_vectors=ngrams).save(
            tmp_path / "m.bin"
        )
    elif kind == "foreign":
        save_file({"w": rows}, tmp_path / "m.foreign")
        options = {"words": tmp_path / "words.txt"}
    else:
        KeyedVectors(words, rows).save(tmp_path / f"m.{kind}")
    path = tmp_path / f"m.{'bin' if kind == 'fasttext' else kind}"
    unit = rows[1] / np.linalg.norm(rows[1]) if kind == "fifu" else rows[1]
    content = path.read_bytes()
    at = content.index(unit[:1].tobytes()) if kind != "fifu" else content.index(row_norms(rows)[1:2].tobytes())
    content = bytearray(content)
    content[at : at + 4] = np.float32(np.nan).tobytes()
    if kind == "safetensors":  # which stores the lengths
        at = content.index(row_norms(rows)[1:2].tobytes())
        content[at : at + 4] = np.float32(np.nan).tobytes()
    if kind == "npz":
        with np.load(path) as archive:
            arrays = dict(archive)
        arrays["vectors"][1, 0] = np.nan
        np.savez(path, **arrays)
    else:
        path.write_bytes(content)
    with pytest.raises(FormatError, match=r"'b'.*expected finite numbers.*`skip_bad_rows`|'b' \(row 1\)"):
        load(path, **options).vectors[:]
    with pytest.warns(UserWarning, match=r"1 row left out: row 1 \('b'\)"):
        model = load(path, skip_bad_rows=True, **options)
    assert list(model) == ["a", "c", "d"]
    assert np.isfinite(model.vectors[:]).all()
    assert model.row("c") == 1
    assert model.most_similar("a", topn=2)


def test_odd_rows_of_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    lists = [[9.0], [1.0, 2.0], None, [3.0, 4.0], [5.0, None], [5.0, 6.0], [7.0, 8.0]]
    words = ["short", "a", "none", "b", "hole", None, "c"]
    pq.write_table(pa.table({"word": words, "vector": lists}), tmp_path / "m.parquet")
    with pytest.raises(FormatError, match="row 0: expected 2 values, found 1; `skip_bad_rows` leaves"):
        load(tmp_path / "m.parquet")
    with pytest.warns(UserWarning, match="4 rows left out: row 0: expected 2 values, found 1; row 2: .*found none"):
        model = load(tmp_path / "m.parquet", skip_bad_rows=True)
    assert list(model) == ["a", "b", "c"]
    np.testing.assert_array_equal(model.vectors, [[1, 2], [3, 4], [7, 8]])
    wide = pa.table({"token": ["a", None, "c"], "d0": [1.0, 2.0, 3.0], "d1": [4.0, 5.0, None]})
    pq.write_table(wide, tmp_path / "w.parquet")
    with pytest.warns(UserWarning, match="2 rows left out"):
        assert list(load(tmp_path / "w.parquet", skip_bad_rows=True)) == ["a"]


def test_a_number_beside_the_dimensions_is_asked_about(tmp_path):
    path = put(tmp_path, "word,d0,d1,score\na,1.5,2.5,9.5\nb,3.5,4.5,9.5\n", "m.csv")
    with pytest.raises(FormatError, match=r"'score' beside numbered ones.*`column`"):
        load(path)
    np.testing.assert_array_equal(load(path, column=["word", "d*"]).vectors, [[1.5, 2.5], [3.5, 4.5]])


def test_glove_binaries_and_their_words_in_every_command(tmp_path, capsys):
    KeyedVectors(["the", "cat"], np.eye(2, dtype=np.float32)).save(tmp_path / "m.bin", "glove-binary")
    (tmp_path / "vocab.txt").rename(tmp_path / "words.txt")
    named = ["similar", str(tmp_path / "m.bin"), "the", "--from", "glove-binary"]
    assert main(named) == 2
    assert "give --words, a file with lines of word and count" in capsys.readouterr().err
    assert main([*named, "--words", str(tmp_path / "words.txt")]) == 0
    assert capsys.readouterr().out == "the\tcat\t0.0000\n"
    assert main([*named, "--words", str(tmp_path / "none.txt")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_zip_with_an_array_beside_other_files(tmp_path):
    KeyedVectors(["the", "cat"], np.eye(2, dtype=np.float32)).save(tmp_path / "m.csv")
    np.save(tmp_path / "m.npy", np.eye(2))
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.write(tmp_path / "m.csv", "m.csv")
        archive.write(tmp_path / "m.npy", "m.npy")
    assert list(load(tmp_path / "m.zip", member="m.csv")) == ["the", "cat"]
    with pytest.raises(ConfigError, match=r"say which with `member`: m\.csv, m.npy"):
        load(tmp_path / "m.zip")


def test_rows_of_nan_in_binaries(tmp_path):
    KeyedVectors(["a", "b", "c"], np.ones((3, 4), np.float32)).save(tmp_path / "m.bin")
    content = bytearray((tmp_path / "m.bin").read_bytes())
    at = content.index(b"b ") + 2
    content[at : at + 4] = np.float32(np.nan).tobytes()
    path = put(tmp_path, bytes(content), "bad.bin")
    with pytest.raises(FormatError, match=r"row 1 .*`skip_bad_rows`"):
        load(path)
    with pytest.warns(UserWarning, match="1 row left out"):
        assert list(load(path, skip_bad_rows=True)) == ["a", "c"]


@pytest.mark.parametrize("name, word", [("latin-1", "naïve"), ("cp949", "여왕")])
def test_other_encodings(name, word, tmp_path):
    path = put(tmp_path, b"the 1 2\n" + word.encode(name) + b" 3 4\n")
    with pytest.raises(FormatError):
        load(path, "glove-text")
    assert list(load(path, "glove-text", encoding=name)) == ["the", word]
    KeyedVectors(["a"], np.ones((1, 2), np.float32)).save(tmp_path / "n.safetensors")
    with pytest.raises(ConfigError, match="takes no option `encoding`"):
        load(tmp_path / "n.safetensors", encoding=name)
    with pytest.raises(ConfigError, match="unknown encoding 'klingon'"):
        load(path, encoding="klingon")


@pytest.mark.parametrize("suffix", [".txt", ".bin", ".npz", ".safetensors", ".fifu", ".npy", ".sqlite", ".tsv"])
def test_the_first_rows_of_every_format(suffix, tmp_path):
    rows = np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32)
    whole = KeyedVectors([f"w{i}" for i in range(50)], rows, output_vectors=rows, counts=np.arange(50))
    whole.save(tmp_path / f"m{suffix}", words_only=True)
    for n in (1, 7, 50, 99):
        part = load(tmp_path / f"m{suffix}", limit=n)
        assert list(part) == list(whole)[:n]
        np.testing.assert_allclose(part.vectors, rows[:n], rtol=1e-5)
        assert part.most_similar("w0", topn=1) or n == 1
    if suffix == ".safetensors":
        assert load(tmp_path / "m.safetensors", limit=7).output_vectors.shape == (7, 3)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(ConfigError, match="limit must be a whole number from 1 up"):
            load(tmp_path / f"m{suffix}", limit=wrong)


def test_limit_stops_reading(tmp_path):
    line = " ".join(["0.123456"] * 100)
    path = put(tmp_path, "".join(f"w{i} {line}\n" for i in range(60_000)) + "broken 1\n")
    start = time.process_time()
    model = load(path, limit=1000)
    assert len(model) == 1000
    assert time.process_time() - start < 0.5  # all 54 MB take several seconds; the broken line is never reached
    convert(path, tmp_path / "some.safetensors", limit=10)
    assert len(load(tmp_path / "some.safetensors")) == 10


def test_the_command_line(tmp_path, capsys):
    path = put(tmp_path, GOOD + "short 1\n")
    assert main(["similar", str(path), "the"]) == 1
    assert "--skip-bad-rows" in capsys.readouterr().err
    assert main(["similar", str(path), "the", "--skip-bad-rows"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "1 row left out: line 4" in err
    assert main(["similar", str(path), "the", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    korean = put(tmp_path, "왕 1 2\n여왕 3 4\n".encode("cp949"), "k.txt")
    assert main(["vectors", str(korean), "여왕", "--encoding", "cp949", "--from", "glove-text"]) == 0
    assert capsys.readouterr().out.startswith("여왕")
    to = ["--from", "glove-text", "--encoding", "cp949", "--limit", "1"]
    assert main(["convert", str(korean), str(tmp_path / "k.safetensors"), *to]) == 0
    assert list(load(tmp_path / "k.safetensors")) == ["왕"]


def test_words_of_fasttext_files_in_another_encoding(tmp_path):
    rng = np.random.default_rng(0)
    own, ngrams = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(20, 4)).astype(np.float32)
    words = ["the", "여왕".encode("cp949").decode("utf-8", "surrogateescape"), "cat"]
    KeyedVectors(words, own, word_rows=own, subwords=Subwords("chars", 3, 6, 20), ngram_vectors=ngrams).save(
        tmp_path / "m.bin"
    )
    plain = load(tmp_path / "m.bin")
    assert list(plain) == words
    with pytest.warns(UserWarning, match=r"read without its n-grams.*\(cp949, strict\)"):
        named = load(tmp_path / "m.bin", encoding="cp949")
    assert list(named) == ["the", "여왕", "cat"]
    np.testing.assert_array_equal(named.vectors[:], plain.vectors[:])
    assert "여왕의" not in named
    assert named.subwords is None
    assert named.ngram_vectors is None
    with pytest.raises(KeyError):
        named["여왕의"]
    with pytest.raises(FormatError, match="row 1: nothing is left of the word"):
        load(tmp_path / "m.bin", encoding_errors="ignore")
    with pytest.raises(FormatError, match="row 1: expected ASCII, found the word"):
        load(tmp_path / "m.bin", encoding="ascii")
    for name in ("again.bin", "m.safetensors"):
        named.save(tmp_path / name)
        np.testing.assert_array_equal(load(tmp_path / name)["여왕"], plain.vectors[1])
    convert(tmp_path / "m.safetensors", tmp_path / "back.bin")
    with pytest.warns(UserWarning, match="read without its n-grams"):
        convert(tmp_path / "m.bin", tmp_path / "part.bin", encoding="cp949", limit=2)
    for name in ("back.bin", "part.bin"):
        np.testing.assert_array_equal(load(tmp_path / name).vectors[:2], plain.vectors[:2])


def test_a_policy_changes_nothing_in_a_fasttext_file_of_utf8(tmp_path):
    own, ngrams = np.ones((2, 4), np.float32), np.arange(80, dtype=np.float32).reshape(20, 4)
    KeyedVectors(["왕", "여왕"], own, word_rows=own, subwords=Subwords("chars", 3, 6, 20), ngram_vectors=ngrams).save(
        tmp_path / "m.bin"
    )
    convert(tmp_path / "m.bin", tmp_path / "same.bin", encoding_errors="replace")
    assert (tmp_path / "same.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()


def test_words_of_a_fasttext_file_that_become_equal(tmp_path):
    own, ngrams = np.eye(3, 4, dtype=np.float32), np.arange(80, dtype=np.float32).reshape(20, 4)
    words = [word.decode("utf-8", "surrogateescape") for word in (b"a\xff", b"a\xfe", b"b")]
    KeyedVectors(
        words, own, counts=[3, 2, 1], word_rows=own, subwords=Subwords("chars", 3, 6, 20), ngram_vectors=ngrams
    ).save(tmp_path / "m.bin")
    plain = load(tmp_path / "m.bin").vectors[:]
    with pytest.warns(UserWarning, match="1 row repeats a word; the first of each is kept: 'a\ufffd'"):
        model = load(tmp_path / "m.bin", encoding_errors="replace")
    assert list(model) == ["a\ufffd", "b"]
    np.testing.assert_array_equal(model.vectors[:], plain[[0, 2]])
    assert model.counts.tolist() == [3, 1]


@pytest.mark.parametrize("name", ["rot13", "hex", "zlib", "undefined", "a\0"])
def test_codecs_that_are_no_encodings_of_text(tmp_path, name):
    with pytest.raises(ConfigError, match="unknown encoding"):
        load(put(tmp_path, GOOD), "glove-text", encoding=name)


def test_rows_are_numbered_as_in_the_file_behind_rows_left_out(tmp_path):
    path = put(tmp_path, "5 2\nthe 1 2\nshort 1\n여왕 3 4\nx 1 nan\ny 5 6\n")
    with pytest.warns(UserWarning, match=r"line 3: .*; line 5 \('x'\): expected finite"):
        assert list(load(path, skip_bad_rows=True)) == ["the", "여왕", "y"]
    values = [np.array([1, number], "<f4").tobytes() for number in (1, 2, np.nan)]
    words = [b"\xff", b"b", b"c"]
    content = b"".join(word + b" " + row + b"\n" for word, row in zip(words, values, strict=True))
    path = put(tmp_path, b"3 2\n" + content, "m.bin")
    with pytest.warns(UserWarning, match=r"row 0: .*; row 2 \('c'\): expected finite"):
        assert list(load(path, skip_bad_rows=True)) == ["b"]


def test_rows_of_parquet_are_numbered_as_in_the_file(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [[1.0, 2.0], None, [3.0, 4.0], [float("nan"), 1.0]]
    parquet.write_table(pa.table({"word": ["a", "b", "c", "d"], "vector": rows}), tmp_path / "m.parquet")
    with pytest.warns(UserWarning, match=r"row 1: .*; row 3 \('d'\): expected finite"):
        assert list(load(tmp_path / "m.parquet", skip_bad_rows=True)) == ["a", "c"]
