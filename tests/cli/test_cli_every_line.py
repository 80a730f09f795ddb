"""Each line of a stream keeps its place, and each one without an answer says so: alike in every command."""

import json

import numpy as np
import pytest

from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["king", "queen", "man", "woman", "new_york", "cheese"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    rows = np.random.default_rng(3).standard_normal((len(WORDS), 4)).astype(np.float32)
    KeyedVectors(WORDS, rows, counts=np.full(len(WORDS), 99)).save(path)
    return str(path)


LINES = {  # a command: its options, a line with an answer, a line without one
    "similar": (["-n", "1"], "king", "zzz"),
    "similarity": ([], "king queen", "king zzz"),
    "analogy": (["-n", "1"], "man king woman", "man zzz woman"),
    "odd-one-out": ([], "king queen cheese", "zzz"),
    "axis": (["--from", "man", "--to", "woman"], "king", "zzz"),
}


@pytest.mark.parametrize("command", LINES)
def test_blank_lines_keep_their_place(ask, model, command):
    options, good, _ = LINES[command]
    status, lines, _ = ask(command, model, *options, stdin=f"{good}\n\n{good}\n")
    assert status == 0
    assert len(lines) == 3
    assert lines[0] == lines[2] != ""
    assert lines[1] == ""


@pytest.mark.parametrize("command", LINES)
def test_every_line_is_a_record(ask, model, command):
    options, good, bad = LINES[command]
    status, lines, _ = ask(command, model, *options, "--json", stdin=f"{good}\n\n{bad}\n{good}\n")
    first, blank, refused, last = map(json.loads, lines)
    assert status == 1
    assert first == last
    assert list(blank) == list(first)
    assert not any(blank.values())
    assert refused["query"].split() == bad.split()
    assert refused["error"]


def test_an_axis_without_a_pole_is_a_record(ask, model):
    status, lines, _ = ask("axis", model, "--from", "zzz", "--to", "woman", "king", "--json")
    assert status == 1 and len(lines) == 1
    record = json.loads(lines[0])
    assert record["query"] == "zzz" and "zzz" in record["error"]
    assert ask("axis", model, "--from", "zzz", "--to", "woman", "king")[:2] == (1, [])


def test_subwords_too(ask):
    status, lines, _ = ask("subwords", stdin="king\n\nqueen\n")
    assert status == 0
    assert [line.split("\t")[0] for line in lines] == ["king", "", "queen"]


def test_searches_too(ask, tmp_path):
    (tmp_path / "t.txt").write_text("the king\nthe queen\n")
    status, lines, _ = ask("search", tmp_path / "t.txt", "-q", "-n", 1, stdin="king\n\nzzz\nqueen\n")
    assert status == 1
    assert [line.split("\t")[0] for line in lines] == ["king", "", "queen"]
    _, lines, _ = ask("search", tmp_path / "t.txt", "-q", "-n", 1, "--json", stdin="king\n\nzzz\nqueen\n")
    assert [json.loads(line)["query"] for line in lines] == ["king", "", "zzz", "queen"]
    assert json.loads(lines[2]) == {"query": "zzz", "error": "no document answers 'zzz'"}


@pytest.mark.parametrize("option", ["--plus", "--minus"])
def test_an_unknown_word_to_add_is_told_for_every_question(ask, model, option):
    status, lines, err = ask("similar", model, option, "zzz", "--json", "king", "queen")
    assert status == 1
    assert err.count("zzz") == 1
    assert [json.loads(line) for line in lines] == [
        {"query": word, "error": "unknown word 'zzz'"} for word in ("king", "queen")
    ]


def test_words_without_a_place_are_records(ask, model):
    ranks = [part for word in ("queen", "zzz", "king") for part in ("--rank", word)]
    status, lines, _ = ask("similar", model, "king", *ranks, "--json")
    assert status == 1
    assert ["error" in json.loads(line) for line in lines] == [False, True, True]


def test_words_of_a_matrix_of_drift_and_of_collocates_are_records(ask, model, tmp_path):
    status, lines, _ = ask("similarity", model, "--matrix", "king,zzz,queen", "--json")
    assert status == 1
    assert {"query": "zzz", "error": "unknown word 'zzz'"} in map(json.loads, lines)
    assert len(lines) == 3
    assert ask("similarity", model, "--matrix", "zzz", "--json")[0] == 1
    (tmp_path / "t.txt").write_text("the king rules\n" * 9)
    status, lines, _ = ask("collocates", tmp_path / "t.txt", "zzz", "king", "--json", "-q")
    assert status == 1
    assert json.loads(lines[0]) == {"query": "zzz", "error": "unknown word 'zzz'"}
    status, lines, _ = ask("drift", model, model, "--word", "zzz", "--word", "king", "--json", "-q", "--no-align")
    assert status == 1
    assert json.loads(lines[0])["error"].startswith("unknown word 'zzz'")
    assert json.loads(lines[1])["word"] == "king"


def test_a_sum_that_cancels_out_is_no_question(ask, model):
    status, lines, err = ask("similar", model, "king - king", "0*king", "king", "-n", 1, "--json")
    assert status == 1
    assert ["error" in json.loads(line) for line in lines] == [True, True, False]
    assert "nothing is left of the sum 'king - king'" in err
    assert "nothing is left of the sum '0*king'" in err
    status, _, err = ask("similar", model, "king", "--minus", "king")
    assert (status, "nothing is left of the sum 'king - king'" in err) == (1, True)
    assert ask("similar", model, "king - king", "--metric", "l2", "-n", 1)[0] == 0  # the shortest vector


def test_sums_as_people_type_them(ask, model):
    status, lines, _ = ask("similar", model, "- man + woman", "-n", 1)
    assert (status, lines) == ask("similar", model, "-n", 1, stdin="- man + woman\n")[:2]
    assert lines[0].startswith("- man + woman\t")
    assert status == 0
    status, _, err = ask("similar", model, "king-man+woman")
    assert status == 1
    assert "operators of a sum stand between spaces: 'king - man + woman'" in err
    assert ask("similar", model, "-x")[0] == 2  # still an option, and none that there is


def test_an_answer_of_nothing_is_told(ask, model):
    status, lines, err = ask("similar", model, "king", "--among", "king")
    assert (status, lines) == (0, [])
    assert "no word is left to answer 'king'" in err
    status, lines, err = ask("similar", model, "king", "--among", "zzz")
    assert (status, lines) == (1, [])
    assert "unknown word 'zzz'" in err


def test_a_quoted_pair(ask, model):
    assert ask("similarity", model, "king queen") == ask("similarity", model, "king", "queen")
    assert ask("similarity", model, "king")[0] == 2


@pytest.mark.parametrize(
    "command",
    [["similarity", "--matrix", "king,queen"], ["drift", "MODEL", "--word", "king", "--no-align"]],
    ids=lambda command: command[0],
)
def test_pictures_that_are_drawn_are_named(ask, model, command, tmp_path):
    pytest.importorskip("matplotlib")
    command = [model if part == "MODEL" else part for part in command]
    status, _, err = ask(command[0], model, *command[1:], "-o", tmp_path / "m.svg")
    assert status == 0
    assert f"{tmp_path / 'm.svg'}: " in err
    assert str(tmp_path) not in ask(command[0], model, *command[1:], "-q", "-o", tmp_path / "m.svg")[2]


def test_phrases_in_pictures(ask, model, tmp_path):
    status, _, err = ask("plot", model, "new york", "king queen", "cheese", "-o", tmp_path / "p.tsv")
    assert status == 0
    assert "'new york' is 'new_york' in the vocabulary" in err
    assert "'king queen' stands for the mean of king, queen" in err
    shown = [line.split("\t")[0] for line in (tmp_path / "p.tsv").read_text().splitlines()[1:]]
    assert shown == ["new_york", "king queen", "cheese"]
    status, _, _ = ask("plot", model, "king queen", "--neighbours", 2, "-o", tmp_path / "n.html", "-q")
    assert status == 0
    assert ask("plot", model, "new york", "king zzz")[0] == 1


@pytest.mark.parametrize(("kind", "column"), [("ngram", "next"), ("gru", "next"), ("masked", "word")])
def test_the_beginnings_that_a_language_model_continues(ask, tmp_path, kind, column):
    text, model = tmp_path / "t.txt", str(tmp_path / "m.lm")
    text.write_text("the king rules\nthe queen rules\n" * 5)
    small = [] if kind == "ngram" else ["--epochs", "1", "--hidden-size", "4", "--dim", "4"]
    assert ask("lm", "train", str(text), "--model", kind, *small, "-o", model, "-q")[0] == 0
    first, second = ("the ___ rules", "___ king rules") if kind == "masked" else ("the", "the king")
    _, wanted, _ = ask("lm", "predict", model, first, second, "-n", "2")
    assert [line.split("\t")[0] for line in wanted] == [first, first, second, second]
    for source in ([], ["-"]):
        status, lines, _ = ask("lm", "predict", model, *source, "-n", "2", stdin=f"{first}\n\n{second}\n")
        assert status == 0 and lines == [*wanted[:2], "", *wanted[2:]]
    bad = "no gap" if kind == "masked" else ""
    status, lines, _ = ask("lm", "predict", model, "-n", "1", "--json", stdin=f"{first}\n{bad}\n{second}\n")
    records = [json.loads(line) for line in lines]
    assert list(records[0]) == list(records[2]) == ["text", column, "probability"]
    assert (status, "error" in records[1]) == ((1, True) if kind == "masked" else (0, False))
    assert not ask("lm", "predict", model, "" if kind != "masked" else "___")[0]
