"""Classifiers of the fasttext package here, and ours there: the same labels and the same bits."""

import random

import numpy as np
import pytest

fasttext = pytest.importorskip("fasttext")

from embedkit.classification.options import BagOptions  # noqa: E402
from embedkit.classification.storing import load_bag, save_bag  # noqa: E402
from embedkit.classification.training import train_bag  # noqa: E402

ODD = ["", "a\0b c", "x </s> y", "__label__1 foo", "__label__zz bar", "  ", "the w1 " * 30, "é ü\u3000樂 x\u00a0y"]
KINDS = {
    "softmax": {"wordNgrams": 2},
    "many words": {"wordNgrams": 5, "minn": 1, "maxn": 4},
    "hs": {"loss": "hs", "lr": 0.01},
    "ova": {"loss": "ova", "minn": 2, "maxn": 3},
    "ns": {"loss": "ns"},
    "no n-grams": {"bucket": 0},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """(file, texts): 300 labels, so that output matrices can be quantised too."""
    draw = random.Random(2)
    words = [f"w{i}" for i in range(400)] + ["영화", "바다가", "재미있다", "é"]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(1500)]
    path = tmp_path_factory.mktemp("corpus") / "train.txt"
    path.write_text(
        "".join(f"__label__{i % 300} __label__x{len(text) % 7} {text}\n" for i, text in enumerate(texts)),
        encoding="utf-8",
    )
    return path, texts


def train_theirs(path, out, quantised=None, **options):
    """Train with the package and save the model.

    Ten threads: version 0.9.3 gives first values to as many tenths of the input matrix as it has threads, and leaves
    the others as the memory was.
    """
    for attempt in range(8):
        theirs = fasttext.train_supervised(str(path), **{"dim": 12, "thread": 10, "verbose": 0, **options})
        if quantised is None:
            break
        try:
            theirs.quantize(input=str(path), verbose=0, **quantised)
            break
        except RuntimeError as error:  # what the memory held may be NaN
            if "NaN" not in str(error) or attempt == 7:
                raise
    theirs.save_model(str(out))
    return theirs


def compare(theirs, ours, texts):
    for k, threshold in ((1, 0.0), (5, 0.0), (len(ours.labels), 0.001)):
        found = ours.predict(texts, k, threshold)
        for i, text in enumerate(texts):
            wanted = theirs.f.predict(text + "\n", k, threshold, "strict")
            mine = [
                (float(found.probabilities[i, j]), f"__label__{ours.labels[found.labels[i, j]]}")
                for j in range(found.found[i])
            ]
            assert mine == wanted, (k, threshold, text)


@pytest.mark.parametrize("kind", KINDS)
def test_their_models_predict_the_same_bits_here(kind, corpus, tmp_path):
    path, texts = corpus
    theirs = train_theirs(path, tmp_path / "m.bin", **{"bucket": 5000, "epoch": 2, **KINDS[kind]})
    compare(theirs, load_bag(tmp_path / "m.bin"), texts[:300] + ODD)


@pytest.mark.parametrize(
    "quantised", [{}, {"qnorm": True}, {"qnorm": True, "qout": True}, {"cutoff": 600, "retrain": True}]
)
def test_their_quantised_models_predict_the_same_bits_here(quantised, corpus, tmp_path):
    path, texts = corpus
    options = {"bucket": 5000, "dim": 11, "epoch": 2, "wordNgrams": 2, "minn": 1, "maxn": 3}
    theirs = train_theirs(path, tmp_path / "m.ftz", quantised, **options)
    ours = load_bag(tmp_path / "m.ftz")
    compare(theirs, ours, texts[:300] + ODD)
    save_bag(ours, tmp_path / "again.ftz")
    compare(fasttext.load_model(str(tmp_path / "again.ftz")), ours, texts[:100] + ODD)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_our_models_predict_the_same_bits_there(loss, corpus, tmp_path):
    _, texts = corpus
    labels = [[str(i % 30), f"x{len(text) % 7}"] for i, text in enumerate(texts)]
    options = BagOptions(loss=loss, vector_size=12, bucket=5000, word_ngrams=2, min_n=1, max_n=3, epochs=3, workers=1)
    ours = train_bag(texts, labels, options)
    save_bag(ours, tmp_path / "m.bin")
    compare(fasttext.load_model(str(tmp_path / "m.bin")), ours, texts[:300] + ODD)


def test_their_figures_are_ours(corpus, tmp_path):
    path, _ = corpus
    theirs = train_theirs(path, tmp_path / "m.bin", bucket=0, epoch=30, lr=0.5)
    ours = load_bag(tmp_path / "m.bin")
    from embedkit.classification.scores import score_sets
    from embedkit.text.labelled import read_label_sets

    data = read_label_sets(path)
    for k in (1, 3):
        n, precision, recall = theirs.test(str(path), k=k)
        scores = score_sets(ours.predict(data.texts, k), ours.labels, data.labels)
        assert (scores.count, scores.precision, scores.recall) == (n, pytest.approx(precision), pytest.approx(recall))
    by_label = theirs.test_label(str(path), k=1)
    scores = score_sets(ours.predict(data.texts, 1), ours.labels, data.labels)
    assert len(scores.labels) == len(by_label)
    for row in scores.labels:
        wanted = by_label[f"__label__{row.label}"]
        assert row.recall == pytest.approx(wanted["recall"])
        if np.isfinite(wanted["precision"]):
            assert row.precision == pytest.approx(wanted["precision"])
