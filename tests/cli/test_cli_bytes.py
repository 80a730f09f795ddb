"""Bytes that are not UTF-8: in texts that are asked about, in lists, and what the error advises."""

import pytest

from embedkit.cli import main
from tests.commands import run_here

LATIN = "le roi\nun café noir\n".encode("latin-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "t.txt").write_text("le roi noir\nun café noir\n" * 20, encoding="utf-8")
    (folder / "latin.txt").write_bytes(LATIN)
    small = ["--vector-size", "4", "--epochs", "1", "--min-count", "1", "-q"]
    assert main(["train", str(folder / "t.txt"), "-o", str(folder / "m.safetensors"), "--keep-output", *small]) == 0
    assert (
        main(["train", str(folder / "t.txt"), "-o", str(folder / "d.safetensors"), "--model", "doc2vec", *small]) == 0
    )
    assert main(["index", "--documents", str(folder / "t.txt"), "-o", str(folder / "t.index"), "-q"]) == 0
    return folder


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("infer d.safetensors", "--encoding-errors replace or ignore reads on"),
        ("search t.txt", "--encoding-errors replace or ignore reads on"),
        ("search t.index", "write it in UTF-8"),
        ("fill m.safetensors", "write it in UTF-8"),
        ("vectors m.safetensors --mean", "write it in UTF-8"),
        ("vectors m.safetensors --sif", "write it in UTF-8"),
        ("similarity m.safetensors --wmd", "write it in UTF-8"),
    ],
)
def test_texts_through_a_pipe_are_read_by_the_rule_of_files(line, advice, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = run_here(*line.split(), stdin=LATIN)
    assert (found.returncode, found.stdout) == (1, "")
    assert f"standard input, line 2: byte 0xe9 at offset 13 is not UTF-8; {advice}\n" in found.stderr


def test_texts_on_the_command_line_are_read_by_it_too(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for line in ("infer d.safetensors", "search t.txt --query", "fill m.safetensors", "vectors m.safetensors --mean"):
        found = run_here(*line.split(), "caf\udce9 ___")
        assert found.returncode == 1 and "text on the command line, line 1: byte 0xe9 at offset 3" in found.stderr, line


@pytest.mark.parametrize("line", ["infer d.safetensors", "search t.txt"])
def test_other_ways_to_take_them(line, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for way, text in (("replace", "le roi\nun caf\ufffd noir\n"), ("ignore", "le roi\nun caf noir\n")):
        found = run_here(*line.split(), "--encoding-errors", way, stdin=LATIN)
        assert found.returncode == 0
        assert found.stdout == run_here(*line.split(), stdin=text).stdout


def test_vectors_of_the_training_text_infer_nothing_from_bytes(folder):
    found = run_here("infer", folder / "d.safetensors", "--trained", "--encoding-errors", "replace")
    assert found.returncode == 2 and "--encoding-errors has no effect with --trained" in found.stderr


def test_words_may_hold_any_bytes(folder):
    found = run_here("vectors", folder / "m.safetensors", stdin=b"roi\ncaf\xe9\n")
    assert found.returncode == 1 and found.stdout.startswith("roi ") and "unknown word" in found.stderr


@pytest.mark.parametrize(
    "line",
    [
        "vectors m.safetensors --sif --fit latin.txt roi",
        "evaluate m.safetensors --pairs latin.txt",
        "evaluate m.safetensors --analogies latin.txt",
        "evaluate m.safetensors --categories latin.txt",
        "evaluate m.safetensors --outliers latin.txt",
        "align m.safetensors m.safetensors --dictionary latin.txt",
        "similar m.safetensors roi --among latin.txt",
        "convert m.safetensors x.safetensors --keep-words latin.txt",
        "train t.txt -o x.safetensors --vocab latin.txt",
        "tfidf t.txt -o x.npz --stop-words latin.txt",
        "plot --cooccurrences latin.txt -o x.svg",
        "plot m.safetensors -o x.html --colour latin.txt",
    ],
)
def test_lists_and_texts_without_a_choice_advise_none(line, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = run_here(*line.split())
    assert found.returncode == 1
    assert "latin.txt, line 2: byte 0xe9 at offset 13 is not UTF-8; write it in UTF-8\n" in found.stderr
