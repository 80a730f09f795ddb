"""Texts that are not UTF-8: the same error from a file and through a pipe, and what takes them all the same."""

import random

import pytest

from tests.commands import run_here

LATIN = "un café\nle thé est bon\n".encode("latin-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encodings")
    draw = random.Random(1)
    lines = [" ".join(draw.choices(["un", "le", "est", "bon", "caf"], k=4)) for _ in range(60)]
    (path / "classify.tsv").write_text("".join(f"{x}\t{'pos' if 'bon' in x else 'neg'}\n" for x in lines))
    (path / "tag.tsv").write_text("\n\n".join("\n".join(f"{w}\t{w[0].upper()}" for w in x.split()) for x in lines))
    (path / "seq2seq.tsv").write_text("".join(f"{x}\t{x.upper()}\n" for x in lines))
    (path / "lm.tsv").write_text("\n".join(lines))
    (path / "latin.txt").write_bytes(LATIN)
    small = ["--epochs", "1", "--hidden-size", "4", "--vector-size", "4", "-q"]
    for name in ("classify", "tag", "seq2seq", "lm"):
        kind = ["--model", "gru"]
        run = run_here(name, "train", path / f"{name}.tsv", *kind, "-o", path / f"{name}.safetensors", *small)
        assert run.returncode == 0, run.stderr
    run = run_here("lm", "train", path / "lm.tsv", "--model", "ngram", "-o", path / "ngram.safetensors")
    assert run.returncode == 0, run.stderr
    return path


@pytest.mark.parametrize("command", ["classify", "tag", "seq2seq"])
def test_a_pipe_has_the_error_of_a_file(folder, command):
    model = folder / f"{command}.safetensors"
    of_file = run_here(command, "predict", model, folder / "latin.txt")
    of_pipe = run_here(command, "predict", model, stdin=LATIN)
    assert of_file.returncode == of_pipe.returncode == 1 and not of_pipe.stdout
    assert of_pipe.stderr == of_file.stderr.replace(str(folder / "latin.txt"), "standard input")
    assert "standard input, line 1: byte 0xe9 at offset 6" in of_pipe.stderr and "--encoding-errors" in of_pipe.stderr


@pytest.mark.parametrize("model", ["lm", "ngram"])
def test_beginnings_through_a_pipe(folder, model):
    run = run_here("lm", "predict", folder / f"{model}.safetensors", stdin=LATIN)
    assert run.returncode == 1 and "line 1: byte 0xe9 at offset 6" in run.stderr and not run.stdout


@pytest.mark.parametrize("command", ["classify", "tag", "seq2seq", "lm", "lm ngram"])
def test_other_ways_to_take_them(folder, command):
    command, model = command.split()[0], folder / f"{command.split()[-1]}.safetensors"
    for way, text in (("replace", "un caf\ufffd\nle th\ufffd est bon\n"), ("ignore", "un caf\nle th est bon\n")):
        run = run_here(command, "predict", model, "--encoding-errors", way, stdin=LATIN)
        assert run.returncode == 0, run.stderr
        assert run.stdout == run_here(command, "predict", model, stdin=text).stdout


@pytest.mark.parametrize("command", ["classify", "tag", "seq2seq", "lm"])
def test_data_that_is_not_utf8_is_read_where_asked_for(folder, command, tmp_path):
    data = tmp_path / "data.tsv"
    data.write_bytes((folder / f"{command}.tsv").read_bytes().replace(b"bon", b"b\xe9n"))
    evaluate = command, "evaluate", folder / f"{command}.safetensors", data
    assert "--encoding-errors replace or ignore" in run_here(*evaluate).stderr
    assert run_here(*evaluate, "--encoding-errors", "ignore").returncode == 0


def test_an_n_gram_model_measures_them_where_asked_for(folder):
    evaluate = "lm", "evaluate", folder / "ngram.safetensors", folder / "latin.txt"
    assert "is not UTF-8; --encoding-errors" in run_here(*evaluate).stderr
    for options in ([], ["--sentences"]):
        assert run_here(*evaluate, "--encoding-errors", "replace", *options).returncode == 0


def test_offsets_and_lines_count_on(folder):
    lines = b"bon\n" * 40_000
    run = run_here("classify", "predict", folder / "classify.safetensors", stdin=lines + LATIN)
    assert f"line 40001: byte 0xe9 at offset {len(lines) + 6}" in run.stderr
