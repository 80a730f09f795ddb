"""Training without a choice of model: which one it is, with which options, and what the command says."""

import json

import pytest

from embedkit.classification import suited
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.storing import load_bag
from embedkit.classification.suited import suited_options, train_suited
from embedkit.cli import main
from tests.classification.test_bag import texts_and_labels

TWO = [["a"], ["b"]]


def test_few_labels_get_a_linear_model(monkeypatch):
    assert isinstance(suited_options(["x", "y"], TWO, min_n=2), LinearOptions)
    monkeypatch.setattr(suited, "MOST_LABELS", 1)
    assert isinstance(suited_options(["x", "y"], TWO), BagOptions)


def test_options_of_fasttext_get_fasttext_with_ngrams_that_suit():
    assert suited_options(["영화가 정말 재미있다", "the"], TWO, epochs=3).max_n == 5
    letters = suited_options(["a moving film"], TWO, epochs=3)
    assert (letters.max_n, letters.word_ngrams, letters.epochs) == (0, 2, 3)
    assert isinstance(suited_options(["x", "y"], TWO, loss="hs"), BagOptions)


@pytest.mark.parametrize(
    ("text", "given", "lengths"),
    [
        ("영화", {"max_n": 0}, (0, 0)),
        ("영화", {"min_n": 7}, (7, 7)),
        ("film", {"min_n": 2}, (2, 6)),
        ("film", {}, (0, 0)),
    ],
)
def test_a_given_length_moves_the_other(text, given, lengths):
    found = suited_options([text], TWO, epochs=3, **given)
    assert (found.min_n, found.max_n) == lengths


def test_several_labels_are_each_a_yes_or_no():
    assert suited_options(["x", "y"], [["a", "b"], ["b"]]).loss == "ova"
    assert suited_options(["x", "y"], [["a", "b"], ["b"]], loss="softmax").loss == "softmax"


def test_either_model_is_measured_or_says_that_it_is_not():
    texts, labels = texts_and_labels(300)
    found = train_suited(texts, labels, workers=1, bucket=2000)
    assert found.n_held_out == 150
    assert found.accuracy > 0.95
    found = train_suited(texts, labels, workers=1, bucket=2000, epochs=20)
    assert (found.n_held_out, found.temperature) == (0, 1)


@pytest.mark.parametrize(("options", "kind"), [([], "linear"), (["--epochs", "20"], "fasttext")])
def test_the_command_says_what_it_chose(options, kind, tmp_path, capsys):
    texts, labels = texts_and_labels(300)
    data = tmp_path / "data.tsv"
    data.write_text("".join(f"{text}\t{each[0]}\n" for text, each in zip(texts, labels, strict=True)), encoding="utf-8")
    options = ["--thread", "1", "--bucket", "2000", *options]
    assert main(["classify", "train", str(data), "-o", str(tmp_path / "m.bin"), *options]) == 0
    err = capsys.readouterr().err
    assert f"(--model {kind})" in err
    assert ("on 150 texts held out; saved to" in err) == (kind == "linear")
    assert len(load_bag(tmp_path / "m.bin").labels) == 3


def test_linear_by_name(tmp_path, capsys):
    texts, labels = texts_and_labels(200)
    data, out = tmp_path / "data.tsv", tmp_path / "m.safetensors"
    data.write_text("".join(f"{text}\t{each[0]}\n" for text, each in zip(texts, labels, strict=True)), encoding="utf-8")
    options = ["--model", "linear", "--cost", "3", "--thread", "1", "--bucket", "2000"]
    assert main(["classify", "train", str(data), *options, "-o", str(out)]) == 0
    assert "on 100 texts held out" in capsys.readouterr().err
    assert main(["classify", "evaluate", str(out), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.98
    assert main(["classify", "train", str(data), *options, "--epochs", "3", "-o", str(out)]) == 2
    assert "--epochs has no effect with --model linear" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "across"), [("m.safetensors", True), ("m.bin", False)])
def test_the_file_decides_whether_ngrams_run_across_words(name, across, tmp_path, capsys):
    data = tmp_path / "data.tsv"
    data.write_text("정말 재미 있다\t1\n너무 재미 없다\t0\n" * 20, encoding="utf-8")
    options = ["classify", "train", str(data), "-o", str(tmp_path / name), "--thread", "1", "--bucket", "2000"]
    assert main(options) == 0
    assert (", across words" in capsys.readouterr().err) == across
    assert bool(load_bag(tmp_path / name).config.get("across_words")) == across
    assert main([*options, "--across-words"]) == (0 if across else 2)
    assert across or "fastText's files" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--across-words"], ["--cost", "3"]])
def test_options_of_two_models_are_told_apart(option, tmp_path, capsys):
    data = tmp_path / "data.tsv"
    data.write_text("정말 재미 있다\t1\n너무 재미 없다\t0\n" * 20, encoding="utf-8")
    line = ["classify", "train", str(data), "-o", str(tmp_path / "m.safetensors")]
    assert main([*line, *option, "--epochs", "3"]) == 2
    assert f"no model has all of these options: linear has no --epochs; fasttext has no {option[0]}" in (
        capsys.readouterr().err
    )


def test_a_model_without_such_ngrams_takes_no_notice():
    assert isinstance(suited_options(["x", "y"], TWO, loss="hs", across_words=False), BagOptions)
    assert isinstance(suited_options(["x", "y"], TWO, across_words=True), LinearOptions)
