"""Texts of which a model knows no word: answered, and told in one line for the whole command."""

import pytest

from embedkit.cli import main

KNOWN, UNKNOWN = "the cat runs", "zzz qqq"
SMALL = ["--epochs", "1", "--vector-size", "4", "-q"]
NETWORK = [*SMALL, "--hidden-size", "4"]


def run(capsys, *arguments):
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().err


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labelled.tsv").write_text(f"{KNOWN}\tgood\na dog sleeps\tbad\n" * 20)
    (tmp_path / "tagged.tsv").write_text("the\tDET\ncat\tNOUN\nruns\tVERB\n\na\tDET\ndog\tNOUN\n\n" * 20)
    (tmp_path / "pairs.tsv").write_text("".join(f"{KNOWN} {i}\tle chat court {i}\n" for i in range(40)))
    (tmp_path / "text.txt").write_text(f"{KNOWN}\na dog sleeps\n" * 20)
    (tmp_path / "asked.txt").write_text(f"{KNOWN}\n{UNKNOWN}\n\n{UNKNOWN} again\n")
    (tmp_path / "asked.tsv").write_text(f"{KNOWN}\tgood\n{UNKNOWN}\tgood\n")


WORDS = ["classify", "train", "labelled.tsv", "--model", "fasttext", "--word-ngrams", "2", "--bucket", "100", *SMALL]
LABELS = ["classify", "train", "labelled.tsv"]
BLIND = ["tag", "train", "tagged.tsv", "--no-wide", "--spelling-size", "0", *NETWORK]
PAIRS = ["seq2seq", "train", "pairs.tsv", *NETWORK]


@pytest.mark.parametrize(
    ("train", "ask", "noun", "so"),
    [
        (WORDS, ["predict"], "texts", "their answers are guesses"),
        (WORDS, ["predict", "--explain"], "texts", "their answers are guesses"),
        ([*LABELS, "--model", "gru", *NETWORK], ["predict"], "texts", "their answers are guesses"),
        ([*LABELS, "--model", "mean", *SMALL], ["predict", "--all"], "texts", "their answers are guesses"),
        (BLIND, ["predict"], "sentences", "their answers are guesses"),
        (PAIRS, ["translate"], "texts", "their answers are guesses"),
        (["lm", "train", "text.txt", "--model", "elmo", *NETWORK], ["vectors"], "texts", "their vectors say nothing"),
    ],
)
def test_texts_of_unknown_words_are_counted(train, ask, noun, so, files, capsys):
    run(capsys, *train, "-o", "m.safetensors")
    command, *options = ask
    err = run(capsys, train[0], command, "m.safetensors", *options, "asked.txt")
    assert err.count("no word that the model knows") == 1
    assert f"note: 2 of 3 {noun} hold no word that the model knows: {so}" in err
    assert "no word" not in run(capsys, train[0], command, "m.safetensors", *options, "asked.txt", "-q")


@pytest.mark.parametrize("model", ["ngram", "gru"])
def test_a_beginning_of_unknown_words_is_told(model, files, capsys):
    run(
        capsys, "lm", "train", "text.txt", "--model", model, "-o", "m.safetensors", *(NETWORK if model == "gru" else [])
    )
    one = "note: 1 of 2 texts holds no word that the model knows: its answer is a guess\n"
    assert run(capsys, "lm", "predict", "m.safetensors", UNKNOWN, KNOWN) == one
    assert "no word" not in run(capsys, "lm", "predict", "m.safetensors", "")
    assert "no word" not in run(capsys, "lm", "predict", "m.safetensors", "___")
    assert "1 of 1 prompt holds no word" in run(capsys, "lm", "generate", "m.safetensors", "--prompt", UNKNOWN)
    assert "no word" not in run(capsys, "lm", "generate", "m.safetensors")


def test_a_text_that_gets_an_error_has_no_guess(files, capsys):
    run(capsys, "lm", "train", "text.txt", "--model", "masked", "-o", "m.safetensors", *NETWORK)
    assert main(["lm", "predict", "m.safetensors", UNKNOWN]) == 1
    err = capsys.readouterr().err
    assert "expected one gap" in err and "no word that the model knows" not in err
    assert "1 of 1 text holds" in run(capsys, "lm", "predict", "m.safetensors", f"{UNKNOWN} ___")


def test_evaluating_tells_it_too(files, capsys):
    one = "note: 1 of 2 {} holds no word that the model knows: its answer is a guess\n"
    run(capsys, *WORDS, "-o", "c.safetensors")
    assert one.format("texts") in run(capsys, "classify", "evaluate", "c.safetensors", "asked.tsv")
    run(capsys, *PAIRS, "-o", "s.safetensors")
    assert one.format("sources") in run(capsys, "seq2seq", "evaluate", "s.safetensors", "asked.tsv")
    run(capsys, *BLIND, "-o", "t.safetensors")
    with open("asked.tags", "w") as stream:
        stream.write("zzz\tNOUN\n\nthe\tDET\n")
    assert one.format("sentences") in run(capsys, "tag", "evaluate", "t.safetensors", "asked.tags")


@pytest.mark.parametrize(
    "train",
    [
        [*LABELS, "--model", "linear", "-q"],
        [*WORDS, "--min-n", "2", "--max-n", "3"],
        ["tag", "train", "tagged.tsv", *NETWORK],
    ],
)
def test_of_characters_every_model_knows_something(train, files, capsys):
    run(capsys, *train, "-o", "m.safetensors")
    assert "no word" not in run(capsys, train[0], "predict", "m.safetensors", "asked.txt")
