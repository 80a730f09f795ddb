"""``embedkit vocab``."""

import json
import os

import pytest

from embedkit.vocabulary import Vocabulary
from tests.commands import run_here


def run(*arguments, stdin=b""):
    return run_here("vocab", *arguments, stdin=stdin)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("the cat the dog\n왕 the cat\n".encode())
    return path


def test_words_and_counts_as_tsv(text):
    done = run(text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the\t3", "cat\t2", "dog\t1", "왕\t1"]
    assert run("-", "--min-count", "2", stdin=text.read_bytes()).stdout == "the\t3\ncat\t2\n"


def test_json_and_max_vocab(text):
    lines = run(text, "--json", "--max-vocab", "1").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [{"word": "the", "count": 3}]


def test_a_file_that_others_load(text, tmp_path):
    done = run(text, "-o", tmp_path / "vocab.txt")
    assert done.stdout == ""
    assert "4 words, 7 tokens" in done.stderr
    assert Vocabulary.load(tmp_path / "vocab.txt") == Vocabulary(["the", "cat", "dog", "왕"], [3, 2, 1, 1])
    assert (tmp_path / "vocab.txt").read_bytes().startswith(b"the\t3\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--min-count", "9"], 1, "4 distinct words and the most frequent one occurs 3 times"),
        (["-o", os.path.join("none", "such", "vocab.txt")], 1, "does not exist"),
        (["--tokenizer", "letters"], 2, "letters"),
        (["--min-count", "0"], 2, "min-count"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_status(text, arguments, status, message):
    done = run(text, *arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert status == 2 or done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_binary_input(tmp_path):
    (tmp_path / "model.bin").write_bytes(bytes(range(256)) * 4)
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"embedkit: error: {tmp_path / 'model.bin'}: this is not text")
