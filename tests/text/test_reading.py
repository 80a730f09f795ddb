"""Reading: what comes in as text, and what is refused in one line that says why."""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.errors import ConfigError, CorpusError
from embedkit.text import reading
from embedkit.text.reading import list_sources, read_blocks, read_chunks, read_lines
from embedkit.text.sniffing import describe_binary

TEXT = "first line\n\n둘째 줄\r\nno end"
LINES = ["first line", "", "둘째 줄\r", "no end"]


def zstd(data):
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdCompressor().compress(data)


COMPRESSORS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_lines_of_a_file(tmp_path):
    path = put(tmp_path / "a.txt", TEXT)
    assert list(read_lines(path)) == LINES
    assert b"".join(read_chunks([str(path), path])) == (TEXT + "\n").encode() * 2


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/b/c.txt", ".hidden", ".git/config", "a/.DS_Store"):
        put(tmp_path / name, name + "\n")
    assert list(read_lines(tmp_path)) == ["b.txt", "a/z.txt", "a/b/c.txt"]
    assert list_sources([tmp_path / "a", tmp_path / ".hidden"])[-1] == str(tmp_path / ".hidden")


@pytest.mark.parametrize(
    "data",
    [
        "안녕하세요 여러분 왕과 여왕\n".encode("utf-16-le"),
        "안녕하세요 여러분 왕과 여왕\n".encode("utf-16-be"),
        "king and queen\n".encode("utf-16-le"),
        "者は王と女王\n".encode("utf-16-be"),  # begins as a pickle does
        "king and queen\n".encode("utf-32-le"),
        b"3 5\nking" + bytes(range(32)),
        b"ID3 is a tree\x00\x00\n" * 3,
        b"RIFF, OggS and PAR1\x00\n",
        bytes(range(32)) * 4,
    ],
)
def test_what_may_be_text_of_another_encoding_is_not_left_out_of_a_folder(tmp_path, data):
    folder = tmp_path / "f"
    put(folder / "a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    put(folder / "ko.txt", data)
    put(folder / "t.txt", "some words\n")
    with (
        pytest.warns(UserWarning, match=r"1 of 3 files is no text and left out: \S*a\.png looks like a PNG image$"),
        pytest.raises(CorpusError, match=r"ko\.txt: this is not text but looks like"),
    ):
        list(read_lines(folder))


def test_each_kind_that_is_left_out_of_a_folder_is_told(tmp_path):
    put(tmp_path / "a.txt", "some words\n")
    put(tmp_path / "b.pdf", b"%PDF-1.7\n")
    put(tmp_path / "c.zip", b"PK\x03\x04")
    with pytest.warns(
        UserWarning, match=r"b\.pdf looks like a PDF document; \S*c\.zip looks like a zip archive [^;]*$"
    ):
        list_sources(tmp_path)
    for i in range(4):
        put(tmp_path / f"{i}.jpg", b"\xff\xd8\xff\xe0")
    told = r"6 of 7 files are .*: \S*0\.jpg looks like a JPEG image, and 3 more do; \S*b\.pdf .*; \S*c\.zip looks[^;]*$"
    with pytest.warns(UserWarning, match=told):
        listed = list_sources(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(read_lines(listed)) == ["some words"]  # nothing is told twice


def test_what_is_no_text_in_a_folder_is_left_out_and_told(tmp_path):
    folder = tmp_path / "f"
    put(folder / "a.txt", "some words\n")
    put(folder / "b" / "picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    put(folder / "c.gz", gzip.compress(b"more words\n"))
    with pytest.warns(UserWarning, match=r"1 of 3 files is no text and left out: .*\.png looks like a PNG"):
        assert list(read_lines(folder)) == ["some words", "more words"]
    with pytest.raises(CorpusError, match="looks like a PNG image"):
        list(read_lines(folder / "b" / "picture.png"))
    with pytest.raises(CorpusError, match=r"the folder holds no text: .*picture\.png looks like"):
        list_sources(folder / "b")


@pytest.mark.parametrize("text", [b"words\x00 and words\n" + b"word " * 99, "wörter\n".encode("utf-16")])
def test_text_that_cannot_be_read_stops_its_folder(tmp_path, text):
    put(tmp_path / "a.txt", "some words\n")
    put(tmp_path / "b.txt", text)
    with pytest.raises(CorpusError, match=r"b\.txt: this is not text but looks like"):
        list(read_lines(tmp_path))


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("named", [True, False])
def test_compression_is_recognised_by_content(tmp_path, suffix, named):
    compress = COMPRESSORS[suffix]
    path = put(tmp_path / (f"a.{suffix}" if named else "a.txt"), compress(TEXT.encode()))
    assert list(read_lines(path)) == LINES
    several = put(tmp_path / "b", compress(b"a\n") + compress(b"b\n"))
    assert list(read_lines(several)) == ["a", "b"]


def test_plain_text_with_a_compressed_name_is_read_as_it_is(tmp_path):
    assert list(read_lines(put(tmp_path / "a.gz", TEXT))) == LINES


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_cut_off_and_damaged_compressed_files(tmp_path, suffix):
    noise = np.random.default_rng(1).integers(97, 122, 200_000).astype(np.uint8).tobytes()
    data = COMPRESSORS[suffix](noise)
    with pytest.raises(CorpusError, match="cut off"):
        list(read_lines(put(tmp_path / "cut", data[: len(data) // 2])))
    damaged = bytearray(data)
    damaged[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    with pytest.raises(CorpusError, match=r"damaged|cut off|UTF-8"):
        list(read_lines(put(tmp_path / "bad", bytes(damaged))))


def test_zst_without_the_package_names_the_extra(tmp_path, monkeypatch):
    path = put(tmp_path / "a.zst", zstd(b"text"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    with pytest.raises(CorpusError, match=r"a\.zst: .*pip install 'embedkit\[zstd\]'"):
        list(read_lines(path))


def test_standard_input(monkeypatch):
    for data in (TEXT.encode(), gzip.compress(TEXT.encode())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert list(read_lines("-")) == LINES


def test_a_byte_order_mark_is_dropped(tmp_path):
    assert list(read_lines(put(tmp_path / "a.txt", b"\xef\xbb\xbfking\n"))) == ["king"]


BINARY = {
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "a zip archive": b"PK\x03\x04\x14\x00",
    "ELF": b"\x7fELF\x02\x01\x01",
    "a PNG image": b"\x89PNG\r\n\x1a\n\x00",
    "a JPEG image": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "NumPy": b"\x93NUMPY\x01\x00v\x00{'descr'",
    "fastText .bin": (793712314).to_bytes(4, "little") + (12).to_bytes(4, "little"),
    "safetensors": (64).to_bytes(8, "little") + b'{"vectors":{"dtype":"F32"',
    "word2vec binary": b"2 3\nking " + np.array([0.1, 2.0, 0.0], "<f4").tobytes(),
    "a Python pickle": b"\x80\x04\x95\x10\x00",
    "UTF-16": "king queen".encode("utf-16"),
    "UTF-16 text": "king and queen\n왕과 여왕\n".encode("utf-16-le"),
    "UTF-32": "king".encode("utf-32"),
    "binary data": b"king\x00queen",
    "control bytes": bytes(range(1, 9)) * 30 + b"text",
}


@pytest.mark.parametrize("what", BINARY)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("policy", ["strict", "ignore"])
def test_what_is_not_text_is_refused_by_name(tmp_path, what, pack, policy):
    path = put(tmp_path / "corpus.txt", pack(BINARY[what]))
    with pytest.raises(CorpusError, match=what) as caught:
        list(read_lines(path, encoding_errors=policy))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\t\n\r\f"), max_size=200))
def test_text_is_never_taken_for_binary(text):
    assert describe_binary(text.encode()) is None


def test_missing_and_empty(tmp_path):
    with pytest.raises(CorpusError, match="no such file or folder"):
        list(read_lines(tmp_path / "none"))
    put(tmp_path / "folder" / ".hidden", "x")
    with pytest.raises(CorpusError, match="no files to read"):
        list(read_lines(tmp_path / "folder"))
    with pytest.raises(CorpusError, match="no corpus given"):
        list(read_lines([]))
    assert list(read_lines(put(tmp_path / "empty", b""))) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path):
    path = put(tmp_path / "a.txt", "x")
    path.chmod(0)
    with pytest.raises(CorpusError, match="cannot be read"):
        list(read_lines(path))


def test_bad_bytes_are_named_by_file_line_and_offset(tmp_path):
    path = put(tmp_path / "a.txt", "good\n한글 ok\nbro\udcffken\n".encode("utf-8", "surrogateescape"))
    place = r"a\.txt, line 3: byte 0xff at offset 18 is not UTF-8; "
    with pytest.raises(CorpusError, match=place + "`encoding_errors`"):
        list(read_lines(path, encoding_errors="strict"))
    with pytest.raises(CorpusError, match=place + "write it in UTF-8"):
        list(read_lines(path))
    assert list(read_lines(path, encoding_errors="replace"))[2] == "bro\ufffdken"
    assert list(read_lines(path, encoding_errors="ignore"))[2] == "broken"
    with pytest.raises(ConfigError, match="encoding_errors"):
        list(read_lines(path, encoding_errors="guess"))


def test_a_legacy_korean_encoding_is_guessed(tmp_path):
    path = put(tmp_path / "a.txt", "대한민국의 수도는 서울이다\n".encode("cp949"))
    with pytest.raises(CorpusError, match="it looks like CP949: iconv -f CP949 -t UTF-8"):
        list(read_lines(path))


@given(st.text(st.sampled_from("ab \n\u3000\u00a0한é\r"), max_size=60), st.integers(4, 12))
def test_blocks_are_cut_behind_white_space_and_lose_nothing(tmp_path_factory, text, block_bytes):
    path = put(tmp_path_factory.mktemp("blocks") / "a.txt", text)
    blocks = list(read_blocks([str(path)], block_bytes=block_bytes))
    assert b"".join(block.bytes for block in blocks) == text.encode()
    assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]
    for block in blocks[:-1]:
        assert block.bytes.decode()[-1].isspace()
    assert [block.offset for block in blocks] == np.cumsum([0] + [block.size for block in blocks[:-1]]).tolist()


def test_json_lines(tmp_path, monkeypatch):
    records = [{"text": "first one", "id": 1}, {"text": "둘째\nsecond half", "meta": {"body": "inner"}}, {"text": ""}]
    path = put(tmp_path / "a.jsonl", "\n".join(json.dumps(r) for r in records) + "\n\n")
    for block_bytes in (8, 1 << 20):
        monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
        assert [line for line in read_lines(path, json_field="text") if line] == ["first one", "둘째", "second half"]
        blocks = read_blocks([str(path)], "text", block_bytes=block_bytes)
        assert b"".join(b.bytes for b in blocks).split() == "first one 둘째 second half".encode().split()
    nested = put(tmp_path / "b.jsonl", json.dumps(records[1]))
    assert list(read_lines(nested, json_field="meta.body")) == ["inner"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "expected a JSON object"),
        ("[1, 2]", "no field 'text'; found list"),
        ('{"body": "x", "id": 1}', "no field 'text'; found body, id"),
        ('{"text": null}', "must be a string or a list of tokens, found null"),
        ('{"text": ["a", 3]}', "must hold tokens, strings without white space, found 3"),
        ('{"text": ["new york"]}', 'must hold tokens, strings without white space, found "new york"'),
        ('{"text": ["a", ""]}', "must hold tokens"),
        ("[" * 100_000, "expected a JSON object"),
        (r'{"text": "\ud800"}', "half a surrogate pair"),
        (b'{"text": "\xff"}', "byte 11 of the line is not UTF-8"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path, line, message):
    line = line if isinstance(line, bytes) else line.encode()
    path = put(tmp_path / "a.jsonl", b'{"text": "good"}\n\n' + line + b"\n")
    with pytest.raises(CorpusError, match=message) as caught:
        list(read_lines(path, json_field="text"))
    assert "a.jsonl, line 3" in str(caught.value)


def test_lists_in_json_are_tokens(tmp_path):
    rows = [{"text": ["New", "York", "왕은"]}, {"text": []}, {"text": "a b"}]
    path = put(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert list(read_lines(path, json_field="text")) == ["New York 왕은", "", "a b"]


def test_half_a_surrogate_pair_in_json_follows_the_policy(tmp_path):
    path = put(tmp_path / "a.jsonl", rb'{"text": "a\ud800b \ud83d\ude00"}')
    assert list(read_lines(path, "text", "replace")) == ["a\ufffdb 😀"]
    assert list(read_lines(path, "text", "ignore")) == ["ab 😀"]
