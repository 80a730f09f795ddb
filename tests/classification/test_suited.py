"""Training without a choice of model: options by script, the part held out, calibration, and what the command says."""

import numpy as np
import pytest

from embedkit.classification.storing import load_bag
from embedkit.classification.suited import best_temperature, suited_options, train_suited
from embedkit.cli import main
from tests.classification.test_bag import texts_and_labels


def test_ngrams_suit_the_script():
    assert suited_options(["영화가 정말 재미있다", "the"]).max_n == 5
    letters = suited_options(["a moving film"], epochs=3)
    assert (letters.max_n, letters.word_ngrams, letters.epochs) == (0, 2, 3)


def test_the_temperature_undoes_a_known_scale():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(20_000, 3)) * 1.5
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    targets = (p.cumsum(1) < rng.random((len(p), 1))).sum(1)
    too_sure = np.exp(3 * scores) / np.exp(3 * scores).sum(1, keepdims=True)
    assert best_temperature(too_sure, targets) == pytest.approx(3, rel=0.1)
    assert best_temperature(p, targets) == pytest.approx(1, rel=0.1)


def test_the_model_is_divided_by_its_temperature():
    texts, labels = texts_and_labels(400)
    noisy = [each if i % 5 else ["산"] for i, each in enumerate(labels)]
    plain = train_suited(texts, noisy, held_out=0, workers=1, epochs=20)
    found = train_suited(texts, noisy, workers=1, epochs=20)
    assert (plain.n_held_out, plain.temperature) == (0, 1)
    assert found.n_held_out == 40
    assert 0.5 < found.accuracy < 1
    assert found.temperature != 1
    probabilities = found.model.probabilities(texts)
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-3)


def test_the_command_says_what_it_chose(tmp_path, capsys):
    texts, labels = texts_and_labels(300)
    data = tmp_path / "data.tsv"
    data.write_text("".join(f"{text}\t{each[0]}\n" for text, each in zip(texts, labels, strict=True)), encoding="utf-8")
    assert main(["classify", "train", str(data), "-o", str(tmp_path / "m.bin"), "--epochs", "20", "--thread", "1"]) == 0
    err = capsys.readouterr().err
    assert "note: without --vectors and --model: a bag of n-grams of" in err
    assert "on 30 texts held out; saved to" in err
    assert load_bag(tmp_path / "m.bin").config["epochs"] == 20
