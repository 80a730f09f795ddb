"""What is told of words that are composed, that a model has with a tag behind them, or whose bytes are not UTF-8."""

import numpy as np
import pytest

from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords

WORDS = ["왕", "여왕", "남자", "여자", "공주", "왕자", "학교"]
SETS = ["--targets", "왕,왕자", "여왕,공주님", "--attributes", "남자", "여자"]


def saved(path, words, ngrams=True):
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((len(words), 6)).astype(np.float32)
    subwords = Subwords("chars", bucket=50, min_n=1, max_n=3) if ngrams else None
    pieces = rng.standard_normal((50, 6)).astype(np.float32) if ngrams else None
    KeyedVectors(words, rows, subwords=subwords, ngram_vectors=pieces, word_rows=rows if ngrams else None).save(path)
    return path


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path / "m.safetensors", WORDS)


@pytest.mark.parametrize(
    "line",
    [
        ["similar", "M", "공주님"],
        ["similarity", "M", "공주님", "왕"],
        ["analogy", "M", "왕", "여왕", "공주님"],
        ["odd-one-out", "M", "왕", "여왕", "공주님"],
        ["vectors", "M", "공주님"],
        ["axis", "M", "공주님", "--from", "남자", "--to", "여자"],
        ["axis", "M", "왕", "--from", "공주님", "--to", "여자"],
        ["subwords", "--vectors", "M", "공주님"],
        ["bias", "M", *SETS],
        ["plot", "M", "왕", "여왕", "공주님", "-o", "p.html"],
        ["plot", "M", "왕", "여왕 공주님", "학교", "-o", "p.tsv"],
        ["plot", "M", "학교", "--analogy", "남자", "왕", "여자", "공주님", "-o", "p.html"],
    ],
)
def test_each_command_says_which_words_are_composed(line, ask, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = ask(*[model if part == "M" else part for part in line])
    assert status == 0 and err.count("note: 공주님 is not in the vocabulary; composed from its n-grams\n") == 1


def test_a_word_with_its_tag_is_proposed(ask, tmp_path):
    words = [*(f"{word}/NNG" for word in WORDS), "이/JKS", "이/VCP", "2"]
    whole = saved(tmp_path / "w.safetensors", words, ngrams=False)
    assert "unknown word '학교'; did you mean 학교/NNG?" in ask("similar", whole, "학교")[2]
    assert "unknown word '이'; did you mean 이/JKS, 이/VCP?" in ask("similar", whole, "이")[2]
    composed = saved(tmp_path / "c.safetensors", words)
    note = "note: 학교 is not in the vocabulary; composed from its n-grams; did you mean 학교/NNG?\n"
    assert ask("similar", composed, "학교")[::2] == (0, note)
    assert ask("similar", composed, "학교/NNG")[::2] == (0, "")
    few = saved(tmp_path / "f.safetensors", [*WORDS, "1/n", "학교/NNG"])
    assert "did you mean" not in ask("similar", few, "1")[2]


def test_a_letter_is_not_proposed_for_another(ask, tmp_path):
    path = saved(tmp_path / "m.safetensors", ["1", "a", "ab", "가"], ngrams=False)
    assert ask("similar", path, "\U0001f602")[2] == "embedkit: error: unknown word '\U0001f602'\n"
    assert ask("similar", path, "x")[2] == "embedkit: error: unknown word 'x'\n"
    assert "did you mean a, ab?" in ask("similar", path, "A")[2]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("학교".encode("cp949"), r"'\xc7б\xb3' is not UTF-8; it looks like CP949, where it is 학교"),
        (b"caf\xe9", r"'caf\xe9' is not UTF-8; write it in UTF-8"),
    ],
)
def test_a_word_that_is_not_utf8_is_not_composed(word, told, ask, model):
    typed = word.decode("utf-8", "surrogateescape")
    assert ask("similar", model, typed) == (1, [], f"embedkit: error: unknown word {told}\n")


def test_what_is_invisible_in_a_composed_word_is_shown(ask, model):
    assert r"note: '학\u200b교' is not in the vocabulary; composed" in ask("similar", model, "학\u200b교")[2]


def test_sets_that_unknown_words_leave_too_small_are_a_failure(ask, tmp_path):
    path = saved(tmp_path / "m.safetensors", WORDS, ngrams=False)
    status, _, err = ask("bias", path, *SETS)
    assert status == 1 and "expected 2 words or more in each set of --targets, found 1 in the second: 여왕" in err
    assert ask("bias", path, "--targets", "왕", "여왕,공주", *SETS[3:])[0] == 2


@pytest.mark.parametrize("line", [["train", ""], ["similar", "", "a"], ["vocab", "a.txt", "--user-dictionary", ""]])
def test_the_name_of_a_file_is_not_empty(line, ask):
    assert ask(*line)[::2] == (2, "embedkit: error: expected the name of a file, found an empty one\n")
