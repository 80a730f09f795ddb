"""Small traps of the command line, each with its kind."""

import io
import json
import os
import re
import subprocess
import sys

import click
import numpy as np
import pytest

from embedkit.cli import COMMANDS, cli, main
from embedkit.cli.shared import output, progress
from embedkit.progress import Progress, described
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["man", "king", "woman", "queen", "남자", "왕", "여자", "여왕"]


@pytest.fixture
def model(tmp_path):
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), 6)).astype(np.float32)
    path = tmp_path / "m.safetensors"
    KeyedVectors(WORDS, vectors).save(path)
    return str(path)


def every_command(command=cli, names=()):
    if isinstance(command, click.Group):
        inner = COMMANDS if command is cli else command.commands
        for name in inner:
            yield from every_command(command.get_command(None, name), (*names, name))
    else:
        yield names, command


@pytest.mark.parametrize(
    "arguments", [["--analogy", "man", "king", "woman", "-o"], ["--size", "10", "--dark"], ["--title", "--dark"]]
)
def test_an_option_never_swallows_the_next_one(model, tmp_path, arguments, capsys):
    assert main(["plot", model, *arguments, str(tmp_path / "a.png")]) == 2
    said = capsys.readouterr().err
    assert arguments[0] in said
    assert arguments[-1] in said
    assert "embedkit: error: " in said


@pytest.mark.parametrize("name", ["m.arpa", "m.bin", "m.vec", "m.npy", "m.txt.gz", "m.pt"])
def test_a_trained_model_is_never_called_by_another_formats_name(name, tmp_path, capsys):
    (tmp_path / "t.txt").write_text("a b\nb a\n" * 5)
    for command in (["lm"], ["tag"], ["seq2seq"], ["caption", str(tmp_path / "t.txt")]):
        line = [command[0], "train", *command[1:], str(tmp_path / "t.txt"), "-o", str(tmp_path / name)]
        assert main(line) == 2
        assert "written as .safetensors, not as ." in capsys.readouterr().err
        assert not (tmp_path / name).exists()


def test_commands_of_every_kind_of_language_model_are_prepared(tmp_path, capsys):
    for kind in ("ngram", "gru"):
        assert main(["lm", "train", "--model", kind, "t.txt", "--min-count", "-o", "x.safetensors"]) == 2
        assert "-o" in capsys.readouterr().err
        assert main(["lm", "train", "--model", kind, "--help"]) == 0
        assert "embedkit lm train" in capsys.readouterr().out.splitlines()[-1]
    assert main(["lm", "train", "--model", "gru", "t.txt", "--log", "--resume", "-o", "x.safetensors"]) == 2
    assert "--log takes a value, found the option --resume among them" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "lm generate m --temperature nan",
        "lm train t.txt -o x.safetensors --smoothing add-k --k nan",
        "classify predict m t.txt --threshold nan",
        "classify train t.txt -o x.safetensors --model gru --learning-rate nan",
        "tag train t.txt -o x.safetensors --dropout nan",
        "plot m a b --size nan 3",
        "tfidf t.txt -o x.npz --max-df nan",
    ],
)
def test_nan_is_no_number(line, capsys):
    assert main(line.split()) in (1, 2)
    error = capsys.readouterr().err
    assert "nan" in error or "NaN" in error, error


def test_a_value_that_only_looks_like_an_option_passes(model, capsys):
    assert main(["similar", model, "king", "--exclude", "-zzz"]) == 0
    assert main(["similar", model, "king", "--topn", "2"]) == 0


def test_quoted_analogies(model, capsys):
    assert main(["analogy", model, "남자", "왕", "여자", "-n", "2"]) == 0
    apart = capsys.readouterr().out
    assert main(["analogy", model, "남자 왕 여자", "-n", "2"]) == 0
    assert capsys.readouterr().out == apart
    assert main(["analogy", model, "남자 왕 여자", "man king woman", "-n", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["analogy", model, "남자 왕"]) == 2


def test_text_in_place_of_a_file_is_told_how_to_ask(tmp_path, capsys):
    labelled = tmp_path / "l.tsv"
    labelled.write_text("".join(f"good film {i}\tyes\nbad film {i}\tno\n" for i in range(20)), encoding="utf-8")
    saved = str(tmp_path / "c.safetensors")
    assert main(["classify", "train", str(labelled), "-o", saved, "--model", "mean", "--epochs", "1", "-q"]) == 0
    capsys.readouterr()
    assert main(["classify", "predict", saved, "a good film"]) == 2
    said = capsys.readouterr().err
    assert "echo 'a good film' | embedkit classify predict" in said
    assert said.count("\n") == 1


def test_every_command_spells_its_output_alike():
    for names, command in every_command():
        for option in command.params:
            if "-o" in option.opts:
                assert option.opts[0] == "--output", names


@pytest.mark.parametrize(
    "arguments", [["similar"], ["nosuch"], ["similar", "missing.safetensors", "x"], ["train", "x", "--epochs", "many"]]
)
def test_errors_begin_alike(arguments, capsys):
    assert main(arguments) != 0
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("embedkit: error: ")


def test_an_unknown_word_begins_like_an_error(model, capsys):
    assert main(["similar", model, "kng"]) == 1
    assert capsys.readouterr().err.startswith("embedkit: error: unknown word")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
@pytest.mark.parametrize("arguments", [["similar", "MODEL"], ["vocab", "-"]])
def test_a_command_that_waits_for_the_keyboard_says_so(model, arguments):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "embedkit", *(model if word == "MODEL" else word for word in arguments)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said = process.stderr.readline()
    process.kill()
    process.communicate()
    os.close(ours)
    os.close(theirs)
    assert b"Ctrl-D ends" in said


def test_nothing_is_said_where_input_is_a_pipe(model):
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", "similar", model], input="king\n", capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_plot_says_what_it_wrote(model, tmp_path, capsys):
    page = tmp_path / "p.html"
    assert main(["plot", model, "-o", str(page)]) == 0
    assert capsys.readouterr().err.startswith(f"{page}: 8 of 8 words, PCA")


def test_plot_without_output_is_a_picture_in_characters(model, capsys):
    assert main(["plot", model]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("king", "여왕"))
    assert len(shown.splitlines()) >= 10


def test_compress_names_both_files(model, tmp_path, capsys):
    smaller = tmp_path / "s.safetensors"
    assert main(["compress", model, "-o", str(smaller)]) == 0
    said = capsys.readouterr().err
    assert model in said
    assert str(smaller) in said


def test_evaluate_says_its_protocol_once(model, tmp_path, capsys):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("man\tking\t3\nwoman\tqueen\t4\nking\tqueen\t9\n", encoding="utf-8")
    assert main(["evaluate", model, "--pairs", str(pairs)]) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) < 100
    assert err.count("upper and lower case alike") == 1


def test_long_work_outside_a_terminal_prints_a_line_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    report = progress.lines_now_and_then()
    for second in range(0, 200, 5):
        now[0] = float(second)
        report(Progress("training", second * 1000, 400_000, "words", {"loss": 0.25}))
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 5
    assert re.fullmatch(r"training: \d+%, 1k words/s, loss 0.25, 0:0\d:\d\d left", lines[-1])


def test_short_work_outside_a_terminal_says_nothing(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    report = progress.lines_now_and_then()
    for second in range(10):
        now[0] = float(second)
        report(Progress("training", second, 10))
    assert capsys.readouterr().err == ""


def test_one_of_something_is_no_plural():
    units = ("passes", "words", "batches")
    told = [described(Progress("training", done, None, unit)) for unit in units for done in (1, 2)]
    assert told == ["1 pass", "2 passes", "1 word", "2 words", "1 batch", "2 batches"]


@pytest.mark.parametrize("columns", [40, 100])
def test_the_bar_fits_the_terminal_and_says_what_is_left(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress_bar() as report:
        for done in range(0, 101, 10):
            report(Progress("training", done, 100, "words", {"loss": 0.2, "learning_rate": 0.01, "rate": 1e6}))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "left" in plain
    assert max(len(line) for line in re.split(r"[\r\n]", plain)) <= columns


def test_a_narrow_table_folds_what_is_long_and_cuts_nothing(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    name, value = "config.cooccurrence_learning_rate", "대한민국의수도에서만난사람들의이야기를쓴책"
    with output.Results(["property", "value"]) as results:
        results.row(name, value)
    cells = [line.strip("│").split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(cell[0].strip() for cell in cells) == name
    assert "".join(cell[1].strip() for cell in cells) == value


@pytest.mark.parametrize("columns", [40, 120])
def test_a_table_of_many_columns_is_blocks_where_they_have_no_room(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with output.Results(["word", "collocate", "count", "log_likelihood", "mi", "log_dice"]) as results:
        results.row("king", "throne", 19, 159.5936, 7.4348, 8.7521)
        results.row("king", "royalty", 25, 157.0278, 5.9186, 8.5005)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, shown.splitlines())) <= columns
    for value in ("collocate", "throne", "159.5936", "royalty", "8.5005", "log likelihood"):
        assert value in shown  # none is folded
    assert shown.count("collocate") == (2 if columns == 40 else 1)


def test_note_keyboard_is_quiet_without_a_terminal(capsys):
    output.note_keyboard("text")
    assert capsys.readouterr().err == ""


def test_what_was_written_is_named(model, tmp_path, capsys):
    path = tmp_path / "v.npy"
    assert main(["vectors", model, "king", "queen", "--npy", str(path)]) == 0
    assert f"{path}: 2 rows, 6 dimensions" in capsys.readouterr().err
    assert main(["vectors", model, "king", "--npy", str(path), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_limit_is_told_where_it_ends_the_matches(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("the king\n" * 5)
    assert main(["concordance", str(text), "king", "--limit", "2"]) == 0
    assert "stopped at the limit of 2: 2 matches in 1 file" in capsys.readouterr().err
    assert main(["concordance", str(text), "king"]) == 0
    assert "5 matches in 1 file" in capsys.readouterr().err


def test_key_words_of_equal_texts(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("the king rules\n" * 9)
    assert main(["keyness", str(text), str(text)]) == 0
    assert "note: no word is more frequent" in capsys.readouterr().err


def test_a_table_of_counts_in_json_has_room_for_every_word(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("word king\n" * 9)
    assert main(["cooccur", str(text), "--table", "--words", "king,word", "--json", "--quiet"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        {"word": "king", "values": {"king": 0, "word": 9}},
        {"word": "word", "values": {"king": 9, "word": 0}},
    ]


def test_gaps_of_a_stream(tmp_path, capsys, monkeypatch):
    path = tmp_path / "m.safetensors"
    rows = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    config = {"model": "cbow", "loss": "ns", "window": 2}
    KeyedVectors(["the", "king", "rules"], rows, counts=[9, 8, 7], output_vectors=rows, config=config).save(path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the ___ rules\n\nthe king\nthe ______ rules\n")))
    assert main(["fill", str(path), "--json", "-n", "1"]) == 1
    first, blank, refused, longer = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["text"] == "the ___ rules" and {**longer, "text": "the ___ rules"} == first
    assert blank == {"text": "", "word": None, "probability": None}
    assert {*refused} == {"text", "error"} and refused["text"] == "the king"
    assert "expected one gap" in refused["error"]


def test_all_that_can_be_drawn_is_named(model, tmp_path, capsys):
    assert main(["plot", model, "king", "queen", "-o", str(tmp_path / "a.foo")]) == 2
    assert ".png, .svg, .pdf, or for words .html, .tsv or .parquet" in capsys.readouterr().err


@pytest.mark.parametrize("mark", [",", "\t"])
def test_a_table_of_counts_is_no_text(mark, tmp_path, capsys):
    table = tmp_path / "c.csv"
    table.write_text(mark.join(["word", "neighbour", "count"]) + "\n" + mark.join(["king", "queen", "2"]) + "\n")
    for arguments in (
        ["cooccur", str(table), "--table"],
        ["collocates", str(table), "king"],
        ["plot", "--cooccurrences", str(table), "king", "queen"],
    ):
        assert main(arguments) == 1
        assert "found counts as a table" in capsys.readouterr().err


def test_a_question_among_the_texts(tmp_path, capsys):
    text = tmp_path / "t.txt"
    text.write_text("the king\n")
    assert main(["search", str(text), "the king"]) == 2
    assert "a question goes behind --query: --query 'the king'" in capsys.readouterr().err
    assert main(["search", str(text), str(text), "--query", "king", "--quiet"]) == 0


def test_what_was_written_is_json_where_that_is_asked_for(model, tmp_path, capsys):
    assert main(["convert", model, str(tmp_path / "m.txt"), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(tmp_path / "m.txt") and told["words"] > 0 and told["vector_size"] > 0
    (tmp_path / "t.txt").write_text("a b\na\n")
    assert main(["tfidf", str(tmp_path / "t.txt"), "-o", str(tmp_path / "t.npz"), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["documents"], told["words"], told["cells"]) == (2, 2, 3)
    assert main(["plot", model, "--json", "-q", "--method", "pca"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) > 1 and all({"word", "x", "y"} <= set(row) for row in rows)
    assert main(["plot", model, "-o", str(tmp_path / "m.html"), "--json", "-q", "--method", "pca"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(tmp_path / "m.html")
    assert main(["plot", "--cooccurrences", str(tmp_path / "t.txt"), "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["values"].keys() == {"a", "b"}


def test_small_numbers_have_digits_where_they_are_what_is_asked_for(tmp_path, capsys):
    assert main(["show", "gradients", "--steps", "50", "--forget-bias", "0"]) == 0
    first = capsys.readouterr().out.splitlines()[1].split("\t")
    assert all(0 < float(value) < 1e-6 for value in first[1:])
    (tmp_path / "t.txt").write_text("a b c d\nb c d a\nc d a b\n" * 5)
    assert main(["lm", "train", str(tmp_path / "t.txt"), "-o", str(tmp_path / "m"), "-q"]) == 0
    (tmp_path / "u.txt").write_text("d c b a d c b a d c b a d c b a\n")
    capsys.readouterr()
    assert main(["lm", "evaluate", str(tmp_path / "m"), str(tmp_path / "u.txt"), "--sentences"]) == 0
    assert 0 < float(capsys.readouterr().out.splitlines()[1].split("\t")[1]) < 1e-6


def test_json_and_vectors_do_not_share_standard_output(model, capsys):
    for out in ("-", "/dev/stdout"):
        assert main(["convert", model, out, "--to", "glove-text", "--json"]) == 2
        found = capsys.readouterr()
        assert not found.out and "--json prints on standard output, where OUT goes as well" in found.err
