"""Options found by trying, models in few bytes, thresholds by precision: the library and the commands."""

import json
import math
import random
import re

import numpy as np
import pytest

from embedkit.classification import autotuning
from embedkit.classification.autotuning import autotune
from embedkit.classification.linear import train_linear
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.quantising import fitting_cutoff, quantise_bag, quantiser
from embedkit.classification.scores import thresholds_at
from embedkit.classification.storing import load_bag, save_bag
from embedkit.classification.training import train_bag
from embedkit.cli import main
from embedkit.errors import ConfigError
from tests.classification.test_bag import texts_and_labels

SMALL = {"bucket": 2000, "workers": 1}


@pytest.fixture(scope="module")
def models():
    texts, labels = texts_and_labels(300)
    bag = BagOptions(**SMALL, vector_size=7, epochs=20, learning_rate=0.3, min_n=1, max_n=3)
    return {
        "fasttext": train_bag(texts, labels, bag),
        "linear": train_linear(texts, labels, LinearOptions(**SMALL, cost=3.0), held_out=0).model,
    }


def accuracy(model):
    texts, labels = texts_and_labels(200, seed=9)
    given = [model.labels[i] for i in model.predict(texts).labels[:, 0]]
    return np.mean([a == b[0] for a, b in zip(given, labels, strict=True)])


@pytest.mark.parametrize("kind", ["fasttext", "linear"])
@pytest.mark.parametrize("cutoff", [None, 40])
def test_few_bytes_say_nearly_the_same(kind, cutoff, models, tmp_path):
    small = quantise_bag(models[kind], cutoff=cutoff)
    assert accuracy(small) > 0.97
    assert cutoff is None or len(small.rows) == cutoff
    save_bag(small, tmp_path / "m.ftz")
    again = load_bag(tmp_path / "m.ftz")
    texts = texts_and_labels(50, seed=5)[0]
    apart = np.abs(again.predict(texts, 3).probabilities - small.predict(texts, 3).probabilities)
    assert apart.max() <= (1.01e-5 if kind == "linear" else 0)  # a fastText file says 1e-5 more, as the program does


def test_without_pruning_the_rows_are_close(models):
    model = models["fasttext"]
    rows = np.asarray(model.rows)
    lost = np.linalg.norm(quantise_bag(model).rows[:] - rows) / np.linalg.norm(rows)
    assert lost < 0.1


@pytest.mark.parametrize("n_bytes", [9_000, 10_000])
def test_a_file_fits_its_size(n_bytes, models, tmp_path):
    cutoff = fitting_cutoff(models["fasttext"], n_bytes)
    save_bag(quantise_bag(models["fasttext"], cutoff=cutoff), tmp_path / "m.ftz")
    assert n_bytes - 300 < (tmp_path / "m.ftz").stat().st_size <= n_bytes


def noisy(n, seed):
    """Long texts of words that say little, most of them rare, a third of the labels by chance."""
    draw = random.Random(seed)
    labels = [draw.choice("ab") for _ in range(n)]
    texts = [
        " ".join(f"{label if draw.random() < 0.6 else 'c'}{int(draw.paretovariate(0.3)) % 3000}" for _ in range(12))
        for label in labels
    ]
    return texts, [[label if draw.random() < 0.7 else draw.choice("ab")] for label in labels]


def sure_and_right(model):
    texts, labels = noisy(1000, 2)
    p = model.probabilities(texts)
    p /= p.sum(1, keepdims=True)
    right = [model.labels[i] == wanted[0] for i, wanted in zip(p.argmax(1), labels, strict=True)]
    return p.max(1).mean(), np.mean(right)


@pytest.mark.parametrize("loss", ["softmax", "ova"])
@pytest.mark.parametrize("held_out", [0.1, 0])
def test_a_small_linear_model_is_as_sure_as_it_is_right(loss, held_out):
    options = LinearOptions(**SMALL, loss=loss, max_n=0, cost=10.0)
    texts, labels = noisy(1500, 1)
    small = train_linear(texts, labels, options, held_out=held_out, finish=quantiser(cutoff=150)).model
    sure, right = sure_and_right(small)
    assert len(small.rows) == 150 and right > 0.6
    assert abs(sure - right) < (0.05 if held_out else 0.12)
    whole = train_linear(texts, labels, options, held_out=held_out).model
    sure, right = sure_and_right(quantise_bag(whole, cutoff=150))
    assert sure - right > 0.13


@pytest.mark.parametrize("kind", ["softmax", "hs", "ns", "ova", "linear", "linear ova"])
def test_the_threshold_told_leaves_the_texts_that_it_counted(kind):
    texts, labels = noisy(600, 1)
    if kind.startswith("linear"):
        options = LinearOptions(**SMALL, max_n=0, cost=1.0, loss="ova" if "ova" in kind else "softmax")
        model = train_linear(texts, labels, options, held_out=0).model
    else:
        model = train_bag(texts, labels, BagOptions(**SMALL, vector_size=5, epochs=20, learning_rate=0.3, loss=kind))
    rows = thresholds_at(model.compared(texts), model.labels, labels, 0.9)
    assert all(row.recall > 0.1 for row in rows)
    for i, row in enumerate(rows):
        found = model.predict(texts, len(model.labels), row.threshold)
        given = [i in each[:n] for each, n in zip(found.labels, found.found, strict=True)]
        right = [a and model.labels[i] in wanted for a, wanted in zip(given, labels, strict=True)]
        assert (sum(right) / sum(given), sum(right) / row.count) == (row.precision, row.recall)


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_probabilities_of_a_linear_model_are_plain(loss):
    texts, labels = texts_and_labels(100)
    model = train_linear(texts, labels, LinearOptions(**SMALL, cost=100.0, loss=loss), held_out=0).model
    p = model.probabilities(texts)
    assert p.max() <= 1
    assert loss == "ova" or np.abs(p.sum(1) - 1).max() < 1e-6
    best = model.predict(texts, threshold=float(p.max()))
    assert best.found.any() and best.probabilities[best.found == 1].max() == p.max()


@pytest.mark.parametrize("model", ["linear", "fasttext"])
def test_the_accuracy_told_is_of_what_is_written(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("train.tsv", 1), ("valid.tsv", 2)):
        pairs = zip(*noisy(800, seed), strict=True)
        (tmp_path / name).write_text("".join(f"{text}\t{each[0]}\n" for text, each in pairs))
    train = ["classify", "train", "train.tsv", "--valid", "valid.tsv", "--model", model, "--bucket", "2000"]
    told = []
    for options in (["-o", "m.safetensors"], ["--quantize", "--cutoff", "12", "-o", "m.ftz"]):
        assert main([*train, "--thread", "1", *options]) == 0
        told.append(re.search(r"accuracy ([\d.]+) on 800", capsys.readouterr().err).group(1))
        assert main(["classify", "evaluate", options[-1], "valid.tsv", "--json"]) == 0
        assert f"{json.loads(capsys.readouterr().out)['accuracy']:.4f}" == told[-1]
    assert told[0] != told[1]


def test_a_size_alone_quantises_and_says_so(data, capsys):
    out = data / "m.ftz"
    train = ["classify", "train", str(data / "train.tsv"), "--model", "fasttext", "--dim", "4", "--bucket", "2000"]
    assert main([*train, "--max-size", "8k", "-o", str(out)]) == 0
    assert (
        "note: with --max-size the model is quantised and pruned to fit, as with --quantize" in capsys.readouterr().err
    )
    assert out.stat().st_size <= 8_192 and load_bag(out).pruned


def test_without_texts_held_out_a_note_says_what_made_a_small_model_sure(data, capsys):
    train = ["classify", "train", str(data / "train.tsv"), "--bucket", "2000", "--thread", "1"]
    assert main([*train, "--quantize", "-o", str(data / "m.ftz")]) == 0
    assert "note: no texts are held out: the small model is made as sure of its training" in capsys.readouterr().err
    assert main([*train, "-o", str(data / "m.safetensors")]) == 0
    assert "no texts are held out" not in capsys.readouterr().err


def test_what_cannot_be_quantised_is_refused(models):
    with pytest.raises(ConfigError, match="as small as 100 bytes: the least is"):
        fitting_cutoff(models["fasttext"], 100)
    with pytest.raises(ConfigError, match="quantised already"):
        quantise_bag(quantise_bag(models["linear"]))
    with pytest.raises(ConfigError, match="`cutoff` must be at least 1"):
        quantise_bag(models["linear"], cutoff=0)


class Clock:
    """A second passes with every look."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1
        return self.now


def tune(**options):
    train, valid = texts_and_labels(200), texts_and_labels(60, seed=4)
    return autotune(*train, *valid, **{**SMALL, "clock": Clock(), **options})


def test_trials_end_with_the_time():
    tuned = tune(seconds=12)
    assert tuned.n_trials == 3
    assert tuned.best.f1 > 0.97
    assert tune(seconds=1e-6).n_trials == 1


def test_given_options_stay_and_choose_the_model():
    tuned = tune(seconds=12, epochs=4, max_n=0)
    assert isinstance(tuned.best.options, BagOptions)
    assert (tuned.best.options.epochs, tuned.best.options.max_n) == (4, 0)
    assert isinstance(tune(seconds=1, model="linear").best.options, LinearOptions)
    with pytest.raises(ConfigError, match="`epochs`"):
        tune(seconds=1, model="linear", epochs=4)
    with pytest.raises(ConfigError, match="linear has no `epochs`; fasttext has no `cost`"):
        tune(seconds=1, cost=3.0, epochs=4)
    with pytest.raises(ConfigError, match="fasttext has no `across_words`"):
        tune(seconds=1, model="fasttext", across_words=True)
    assert tune(seconds=40, across_words=True).best.options.across_words
    with pytest.raises(ConfigError, match="`seconds` must be above 0"):
        tune(seconds=0)
    with pytest.raises(ConfigError, match="`across_words` has no effect with `size`"):
        tune(seconds=1, size=20_000, across_words=True)


def test_what_needs_ngrams_of_characters_is_never_tried_without():
    given, rng = {"word_strength": 2.0}, np.random.default_rng(1)
    tried = [autotuning._changed(LinearOptions(**given), given, rng, 1.0) for _ in range(100)]
    assert {options.word_strength for options in tried} == {2.0}
    assert {options.max_n for options in tried} == {None, 4, 5, 6}


def test_several_labels_are_each_a_yes_or_no_however_many_there_are():
    texts = [f"w{i % 7} x{i}" for i in range(180)]
    labels = [(f"l{i % 60}", f"k{i % 2}") for i in range(180)]
    for model in ("linear", "fasttext"):
        found = autotune(texts, labels, texts, labels, seconds=0.01, model=model, bucket=100)
        assert found.best.options.loss == "ova"


def test_a_size_is_kept_by_every_trial(tmp_path):
    tuned = tune(seconds=12, size=20_000)
    save_bag(tuned.model, tmp_path / "m.ftz")
    assert (tmp_path / "m.ftz").stat().st_size <= 20_000


def test_a_model_that_is_never_so_small_is_passed_over():
    assert isinstance(tune(seconds=9, size=5_000).best.options, LinearOptions)
    with pytest.raises(ConfigError, match="the least is"):
        tune(seconds=9, size=500)


def test_thresholds_are_the_lowest_of_enough_precision():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.6, 0.4]])
    wanted = [["a"], ["a"], ["b"], ["a"], ["a"]]
    first, second = thresholds_at(p, ["a", "b"], wanted, 0.8)
    assert (first.threshold, first.precision, first.recall, first.count) == (0.6, 0.8, 1.0, 4)
    assert math.isnan(second.threshold)
    assert thresholds_at(p, ["a", "b"], wanted, 0.9)[0].threshold == 0.8


@pytest.fixture
def data(tmp_path):
    for name, seed in (("train.tsv", 1), ("valid.tsv", 2)):
        pairs = zip(*texts_and_labels(120, seed=seed), strict=True)
        (tmp_path / name).write_text("".join(f"{t}\t{each[0]}\n" for t, each in pairs), encoding="utf-8")
    return tmp_path


def test_the_commands(data, capsys):
    out, valid = str(data / "m.ftz"), str(data / "valid.tsv")
    train = ["classify", "train", str(data / "train.tsv"), "--bucket", "2000", "--thread", "1", "-o", out]
    assert main([*train, "--autotune", valid, "--seconds", "0.1", "--max-size", "20k"]) == 0
    err = capsys.readouterr().err
    assert re.match(r"best of (1 trial|\d+ trials): --model", err)
    assert f"on {valid}; saved to {out}" in err
    assert main([*train, "--quantize", "--cutoff", "50"]) == 0
    assert len(load_bag(out).rows) == 50
    capsys.readouterr()
    assert main(["classify", "evaluate", out, valid, "--precision", "0.9", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(row["precision"] >= 0.9 and row["count"] for row in rows)
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quantize", "-o", "m.bin"], "a quantised classifier is written as .ftz, not as m.bin"),
        (["--cutoff", "5", "-o", "m.ftz"], "--cutoff has no effect without --quantize"),
        (["--seconds", "5", "-o", "m.ftz"], "--seconds has no effect without --autotune"),
        (["--model", "gru", "--quantize", "-o", "m.ftz"], "--quantize has no effect with --model gru"),
        (["-o", "m.ftz"], "a .ftz is a quantised file: --quantize writes one"),
        (["-o", "m.vec"], "a model of this kind is written as .safetensors, .bin, .ftz, not as .vec"),
        (["--model", "gru", "-o", "m.bin"], "a model of this kind is written as .safetensors, not as .bin"),
    ],
)
def test_what_would_do_nothing_is_refused(options, message, data, monkeypatch, capsys):
    monkeypatch.chdir(data)
    assert main(["classify", "train", "train.tsv", *options]) == 2
    assert message in capsys.readouterr().err
