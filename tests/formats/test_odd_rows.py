"""One odd row does not make the good ones unreachable: encodings, limits, rows left out and told of."""

import time

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.kernels import thresholds
from embedkit.query.storing import convert

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
        (b"x 1 nan\n", r"row 2 \('x'\): expected finite numbers"),
        (b"\xff\xfe 1 2\n", "line 3: expected (UTF-8|utf-8)"),
    ],
)
@pytest.mark.parametrize("header", [b"", b"4 2\n"])
def test_a_bad_row_is_refused_with_the_way_on(bad, told, header, kernel, tmp_path):
    told = told.replace("line 3", "line 4") if header else told
    path = put(tmp_path, header + b"the 1 2\ncat 3 4\n" + bad + "여왕 5 6\n".encode())
    with pytest.raises(FormatError, match=told):
        load(path)
    with pytest.warns(UserWarning, match=rf"1 rows left out: .*{told}"):
        model = load(path, skip_bad_rows=True)
    assert list(model) == ["the", "cat", "여왕"]
    np.testing.assert_array_equal(model.vectors, [[1, 2], [3, 4], [5, 6]])


def test_the_message_names_the_option(tmp_path):
    with pytest.raises(FormatError, match="`skip_bad_rows` leaves such rows out"):
        load(put(tmp_path, GOOD + "x 1\n"))


@pytest.mark.parametrize("header", ["2 2\n", "4 2\n"])
def test_a_header_that_is_off_by_one(header, tmp_path):
    path = put(tmp_path, header + GOOD)
    with pytest.raises(FormatError, match="`skip_bad_rows` takes"):
        load(path)
    assert len(load(path, skip_bad_rows=True)) == 3


def test_rows_of_nan_in_binaries(tmp_path):
    KeyedVectors(["a", "b", "c"], np.ones((3, 4), np.float32)).save(tmp_path / "m.bin")
    content = bytearray((tmp_path / "m.bin").read_bytes())
    at = content.index(b"b ") + 2
    content[at : at + 4] = np.float32(np.nan).tobytes()
    path = put(tmp_path, bytes(content), "bad.bin")
    with pytest.raises(FormatError, match=r"row 1 .*`skip_bad_rows`"):
        load(path)
    with pytest.warns(UserWarning, match="1 rows left out"):
        assert list(load(path, skip_bad_rows=True)) == ["a", "c"]


@pytest.mark.parametrize("name, word", [("latin-1", "naïve"), ("cp949", "여왕")])
def test_other_encodings(name, word, tmp_path):
    path = put(tmp_path, b"the 1 2\n" + word.encode(name) + b" 3 4\n")
    with pytest.raises(FormatError):
        load(path, "glove-text")
    assert list(load(path, "glove-text", encoding=name)) == ["the", word]
    KeyedVectors(["a"], np.ones((1, 2), np.float32)).save(tmp_path / "n.safetensors")
    with pytest.raises(ConfigError, match="takes no option 'encoding'"):
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
        with pytest.raises(ConfigError, match="native is not read row by row"):
            load(tmp_path / "m.safetensors", skip_bad_rows=True)
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
    assert "1 rows left out: line 4" in err
    assert main(["similar", str(path), "the", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    korean = put(tmp_path, "왕 1 2\n여왕 3 4\n".encode("cp949"), "k.txt")
    assert main(["vectors", str(korean), "여왕", "--encoding", "cp949", "--from", "glove-text"]) == 0
    assert capsys.readouterr().out.startswith("여왕")
    to = ["--from", "glove-text", "--encoding", "cp949", "--limit", "1"]
    assert main(["convert", str(korean), str(tmp_path / "k.safetensors"), *to]) == 0
    assert list(load(tmp_path / "k.safetensors")) == ["왕"]
