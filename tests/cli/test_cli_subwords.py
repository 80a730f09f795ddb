"""``embedkit subwords``, and training and asking subword models as somebody types it."""

import io
import json
import sys

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.query.storing import load


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8"))))
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, [line.split("\t") for line in out.splitlines()], err

    return run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "ko.txt"
    lines = ["학교에서 책을 읽는다", "학교는 크다", "바다에서 논다", "바다는 넓다"] * 30
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture(scope="module")
def model(corpus):
    path = corpus.with_name("m.safetensors")
    assert (
        main(
            [
                "train",
                str(corpus),
                "-o",
                str(path),
                "--model",
                "fasttext",
                "--bucket",
                "3000",
                "--dim",
                "8",
                "--epochs",
                "2",
                "--workers",
                "1",
                "--quiet",
            ]
        )
        == 0
    )
    return path


def test_sinabro(run):
    status, rows, err = run("subwords", "시나브로", "--min-n", 3, "--max-n", 3)
    assert (status, err) == (0, "")
    assert rows == [["시나브로", "<시나 시나브 나브로 브로> <시나브로>"]]


def test_lengths_suit_the_words_script(run):
    _, rows, _ = run("subwords", stdin="학교\nsea\n")
    assert rows == [
        ["학교", "<학 <학교 <학교> 학 학교 학교> 교 교> <학교>"],
        ["sea", "<se <sea <sea> sea sea> ea> <sea>"],
    ]


def test_jamo_pieces_are_shown_as_hangul(run):
    _, rows, _ = run(
        "subwords",
        "학교",
        "--subwords",
        "jamo",
        "--min-syllables",
        2,
        "--max-syllables",
        2,
        "--min-jamo",
        3,
        "--max-jamo",
        3,
    )
    assert rows == [["학교", "<학 학교 교> <하~ 학 ㅏㄱㄱ ㄱ교~ 교 ㅛ> <학교>"]]


def test_the_other_end_of_lengths_gives_way(run):
    _, rows, _ = run("subwords", "학교", "--subwords", "jamo", "--max-jamo", 3, "--min-syllables", 3)
    assert rows == [["학교", "<학교 학교> <하~ 학 ㅏㄱㄱ ㄱ교~ 교 ㅛ> <학교>"]]


def test_json_lists_the_pieces(run, capsys):
    main(["subwords", "ab", "--min-n", "2", "--max-n", "2", "--json"])
    assert json.loads(capsys.readouterr().out) == {"word": "ab", "subwords": ["<a", "ab", "b>", "<ab>"]}


def test_shares_of_a_model_add_up_to_one(run, model):
    status, rows, err = run("subwords", "학교에서", "학교만", "--vectors", model)
    assert status == 0
    assert "학교만 is not in the vocabulary" in err
    vectors = load(model)
    for word in ("학교에서", "학교만"):
        mine = [row for row in rows if row[0] == word]
        known = [f"<{word}>"] if word in vectors else []
        assert [row[1] for row in mine] == vectors.subwords.ngrams(word) + known
        assert sum(float(row[2]) for row in mine) == pytest.approx(1, abs=1e-2)
    unseen = next(row for row in rows if row[1] == "교만>")
    assert (float(unseen[2]), float(unseen[3])) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message", "expected"),
    [
        (["subwords", ""], "empty", 2),
        (["subwords", "a", "--min-n", 4, "--max-n", 3], "--min-n must not be above --max-n, got 4 and 3", 2),
        (["subwords", "a", "--vectors", "MODEL", "--min-n", 2], "--min-n has no effect with --vectors", 2),
        (["train", "CORPUS", "-o", "x.bin", "--model", "fasttext", "--subwords", "jamo"], "no place for jamo", 1),
        (["train", "CORPUS", "-o", "x.vec", "--format", "fasttext", "--subwords", "jamo"], "no place for jamo", 1),
        (["train", "CORPUS", "-o", "x.bin", "--model", "fasttext", "--bucket", 0], "bucket", 2),
        (["train", "CORPUS", "-o", "x.bin", "--model", "fasttext", "--min-n", 4, "--max-n", 3], "--min-n", 2),
    ],
)
def test_what_cannot_work_is_one_line(run, corpus, model, tmp_path, monkeypatch, arguments, message, expected):
    monkeypatch.chdir(tmp_path)
    known = {"CORPUS": corpus, "MODEL": model}
    status, rows, err = run(*(known.get(a, a) for a in arguments))
    assert (status, rows) == (expected, [])
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_pieces_says_so(run, tmp_path):
    from embedkit.query.keyed_vectors import KeyedVectors

    path = tmp_path / "plain.safetensors"
    KeyedVectors(["a"], np.ones((1, 2), "f4")).save(path)
    status, _, err = run("subwords", "a", "--vectors", path)
    assert status == 1
    assert "has no vectors of n-grams; train with --model fasttext" in err


def test_training_says_which_lengths_it_took(run, corpus, tmp_path):
    status, _, err = run(
        "train", corpus, "-o", tmp_path / "m.bin", "--model", "fasttext", "--bucket", 100, "--dim", 8, "--epochs", 1
    )
    assert status == 0
    assert "n-grams of 1 to 4 characters (most of the vocabulary's characters are Hangul)" in err
    assert load(tmp_path / "m.bin").subwords.max_n == 4


def test_an_unknown_word_is_answered_and_said_to_be_one(run, model):
    status, rows, err = run("similar", model, "학교만", "--topn", 2)
    assert status == 0
    assert "학교만 is not in the vocabulary" in err
    assert len(rows) == 2
    assert all(row[1] in load(model) for row in rows)


def test_ten_thousand_characters(run, model):
    status, rows, _ = run("similar", model, "학" * 10_000, "--topn", 1)
    assert status == 0
    assert len(rows) == 1


def test_a_model_in_the_place_of_a_word_is_refused(tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    model.touch()
    assert main(["subwords", str(model), "학교"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{model} is a file, and stands where the words do; a model is named by --vectors" in told.err
