"""Texts in columns of tables and fields of JSON lines, against the csv module and by hand."""

import csv
import io
import json
import warnings

import pytest

from embedkit import load
from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError
from embedkit.text.fields import TextField
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import list_sources, read_blocks, read_lines
from embedkit.vocabulary.corpus import Corpus, count_words

TEXTS = ["plain words", 'said "no", then', "왕은; 여왕과, 함께", "two\nlines", "", "tab\there", '"quoted"']


def table(delimiter, **options):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, **options)
    writer.writerow(["id", "text", "label"])
    for i, text in enumerate(TEXTS):
        writer.writerow([i, text, i % 2])
    return stream.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("block_bytes", [16, 1 << 20])
def test_a_column_of_a_quoted_table(tmp_path, delimiter, block_bytes):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf" + table(delimiter).encode())
    expected = [" ".join(text.splitlines()) for text in TEXTS]
    blocks = read_blocks(list_sources(path), "column:text", block_bytes=block_bytes)
    assert b"".join(block.bytes for block in blocks).decode().split("\n")[: len(expected)] == expected
    assert list(read_lines(path, "column:2"))[1:] == list(read_lines(path, "column:text"))


def test_a_table_with_tabs_keeps_stray_quotes(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('text\tlabel\nsay "hi" to\t1\n"open and\t0\n"he ""said"" it"\t1\r\n\n', encoding="utf-8")
    assert list(read_lines(path, "column:text")) == ['say "hi" to', '"open and', 'he "said" it']


def test_a_number_names_a_column_of_a_table_without_header(tmp_path):
    path = tmp_path / "r.tsv"
    path.write_text("재미있다\t1\n별로\t0\n", encoding="utf-8")
    assert list(read_lines(path, "column:1")) == ["재미있다", "별로"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "line 1: no column 'text'; found a, b"),
        ("a" * 60 + "\n1\n", "line 1: no column 'text'; found " + "a" * 37 + r"\.\.\.$"),
        ("a,,c,d,e,f,g,h,i\n", r"found a, '', c, d, e, f, g, h, … \(9 in all\)$"),
        ("id,text\n1,x\n2\n", "line 3: expected 2 columns as in the first row, found 1"),
        ('id,text\n1,"open\n', "the table cannot be read"),
    ],
)
def test_a_broken_table_is_one_line(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        list(read_lines(path, "column:text"))


def test_bytes_that_are_not_utf8_and_parts_of_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"id,text\n1,good\n2,b\xffd\n")
    with pytest.raises(CorpusError, match="line 3: byte 4 of the line is not UTF-8"):
        list(read_lines(path, "column:text"))
    assert list(read_lines(path, "column:text", "ignore")) == ["good", "bd"]
    with pytest.raises(ConfigError, match="cannot be cut into parts"):
        list(read_blocks([ByteRange(str(path), 0, 5)], "column:text"))


def test_json_lines_without_a_text_are_blank_lines_when_asked_for(tmp_path):
    path = tmp_path / "t.jsonl"
    records = [{"text": "a b"}, {"text": None}, {"other": 1}, {"text": ["c", "d"]}, None]
    path.write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"line 2: .*null; `json_missing` skip"):
        list(read_lines(path, "text"))
    with pytest.warns(UserWarning, match="3 lines have no text in 'text': taken for blank"):
        assert list(read_lines(path, "skip:text")) == ["a b", "", "", "c d", ""]
    path.write_text('{"text": 5}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="must be a string or a list"):
        list(read_lines(path, "skip:text"))
    path.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="no field 'text'; found list"):
        list(read_lines(path, "skip:text"))


def test_the_string_form_says_it_all():
    for field in (TextField("a.b"), TextField("x", "skip"), TextField("my text", "column")):
        assert TextField.parse(str(field)) == field
    assert TextField.parse("ns:name") == TextField("ns:name")


def test_a_corpus_from_a_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(table(","), encoding="utf-8")
    found = count_words(path, json_field="column:text", min_count=1)
    assert sorted(found) == sorted({word for text in TEXTS for word in text.split()})
    corpus = Corpus.from_text(path, json_field="column:text", min_count=1)
    assert corpus.n_sentences == sum(bool(text) for text in TEXTS)


def test_commands_take_columns_and_skip(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text('id,text\n1,"왕이, 빵을"\n2,왕이 왔다\n', encoding="utf-8")
    (tmp_path / "t.jsonl").write_text('{"text": "왕이 빵을"}\n{"text": null}\n', encoding="utf-8")
    assert main(["vocab", "t.csv", "--column", "text", "--tokenizer", "words"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "왕이\t2"
    assert main(["concordance", "t.csv", "왕이", "--column", "text", "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["vocab", "t.jsonl", "--json-field", "text"]) == 1
    assert "--json-missing skip passes over null" in capsys.readouterr().err
    assert main(["vocab", "t.jsonl", "--json-field", "text", "--json-missing", "skip"]) == 0
    assert "1 line has no text in 'text': taken for blank" in capsys.readouterr().err
    assert main(["vocab", "t.jsonl", "--json-missing", "skip"]) == 2
    assert "--json-missing has no effect without --json-field" in capsys.readouterr().err
    assert main(["vocab", "t.csv", "--column", "text", "--json-field", "text"]) == 2
    capsys.readouterr()
    words = [
        "train",
        "t.csv",
        "-o",
        "m.safetensors",
        "--column",
        "text",
        "--min-count",
        "1",
        "--epochs",
        "1",
        "-q",
        "-t",
        "0",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main([*words, "--workers", "1", "--dim", "10", "--tokenizer", "words"]) == 0
    assert main(["similar", "m.safetensors", "왕이", "-n", "1"]) == 0


def test_a_byte_order_mark_does_not_end_a_long_text(tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"two words\n" * 300_000)
    assert sum(1 for _ in read_lines(path)) == 300_000
    assert count_words(path, min_count=1).total == 600_000


UNITS = "\ufeffthe king\nof france \n\n\na queen\r\n \t\n\n왕이\n빵을 먹는다"


@pytest.mark.parametrize("block_bytes", [8, 1 << 20])
def test_paragraphs_and_files_are_texts(tmp_path, block_bytes):
    (tmp_path / "a.txt").write_text(UNITS, encoding="utf-8", newline="")
    (tmp_path / "b.txt").write_text("one more\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("\n \n")

    def texts(unit):
        blocks = read_blocks(list_sources(str(tmp_path)), f"unit:{unit}", block_bytes=block_bytes)
        return b"".join(block.bytes for block in blocks).decode().splitlines()

    paragraphs = ["the king of france", "a queen", "왕이 빵을 먹는다", "one more"]
    assert texts("paragraph") == paragraphs
    assert texts("file") == [" ".join(paragraphs[:3]), "one more"]
    with pytest.raises(ConfigError, match="paragraphs and files are read whole"):
        list(read_blocks([ByteRange(str(tmp_path / "a.txt"), 0, 5)], "unit:paragraph"))


def test_commands_take_blank_lines_as_borders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(UNITS, encoding="utf-8", newline="")
    (tmp_path / "joined.txt").write_text("the king of france\na queen\n왕이 빵을 먹는다\n", encoding="utf-8")
    for command in (
        ["tfidf", "-o", "o.mtx", "--weighting", "count"],
        ["cooccur", "-o", "o.csv", "--min-count", "1"],
        ["collocates", "king", "--window", "2", "--min-count", "1"],
        ["phrases", "--threshold", "0"],
        ["train", "-o", "o.txt", "--min-count", "1", "--vector-size", "10", "--workers", "1", "--sample", "0"],
    ):
        found = []
        for more in (["a.txt", "--unit", "paragraph"], ["joined.txt"], ["a.txt"]):
            assert main([command[0], more[0], *command[1:], *more[1:]]) == 0, capsys.readouterr().err
            output = next((name for name in ("o.mtx", "o.csv", "o.txt") if name in command), None)
            found.append((capsys.readouterr().out, (tmp_path / output).read_bytes() if output else b""))
        assert found[0] == found[1] != found[2], command[0]
    assert main(["tfidf", "a.txt", "-o", "o.mtx", "--unit", "file", "--json-field", "x"]) == 2
    assert "--unit file is for plain text" in capsys.readouterr().err
    options = ["--model", "doc2vec", "--min-count", "1", "--vector-size", "10", "--sample", "0", "--unit", "paragraph"]
    assert main(["train", "a.txt", "-o", "d.safetensors", *options]) == 0
    model = load("d.safetensors")
    assert model.table.document_vectors.shape == (3, 10) and model.config["json_field"] == "unit:paragraph"


def test_lines_that_were_looked_at_first_keep_their_places(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,text\n" + "1,x\n" * 3 + "2\n" + "1,x\n" * 40, encoding="utf-8")
    with pytest.raises(CorpusError, match="line 5: expected 2 columns as in the first row, found 1"):
        list(read_lines(path, "column:text"))
    path.write_text("id,text\n" + "1,x\n" * 30 + "2\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="line 32: expected 2 columns"):
        list(read_lines(path, "column:text"))
