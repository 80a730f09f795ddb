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
        theirs = fasttext.train_supervised(str(path), **{"dim": 12, "thread": 11, "verbose": 0, **options})
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
    for text, row in zip(texts, ours.probabilities(texts), strict=True):
        wanted = {label: p for p, label in theirs.f.predict(text + "\n", len(ours.labels), 0.0, "strict")}
        mine = {f"__label__{label}": p for label, p in zip(ours.labels, row.tolist(), strict=True)}
        assert {label: mine[label] for label in wanted} == wanted
        assert all(p < 2e-5 for label, p in mine.items() if label not in wanted) or not wanted


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


@pytest.mark.parametrize("ngrams", [{"word_ngrams": 2, "min_n": 1, "max_n": 3}, {}])
@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_our_models_predict_the_same_bits_there(loss, ngrams, corpus, tmp_path):
    _, texts = corpus
    labels = [[str(i % 30), f"x{len(text) % 7}"] for i, text in enumerate(texts)]
    options = BagOptions(loss=loss, vector_size=12, bucket=5000, **ngrams, epochs=3, workers=1)
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


def test_a_linear_model_gives_the_same_labels_there(corpus, tmp_path):
    from embedkit.classification.linear import train_linear
    from embedkit.classification.options import LinearOptions

    _, texts = corpus
    labels = [["even" if len(text) % 2 == 0 else "odd", "long" if len(text) > 30 else "short"] for text in texts]
    options = LinearOptions(bucket=5000, min_n=2, max_n=3, workers=1, cost=3.0)
    model = train_linear(texts, [each[1:] for each in labels], options, held_out=0).model
    save_bag(model, tmp_path / "m.bin")
    there = fasttext.load_model(str(tmp_path / "m.bin"))
    mine = model.predict(texts[:300])
    for text, label in zip(texts[:300], mine.labels[:, 0], strict=True):
        assert there.f.predict(text + "\n", 1, 0.0, "strict")[0][1] == f"__label__{model.labels[label]}"


def test_a_linear_model_is_scikit_learns_logistic_regression():
    linear_model = pytest.importorskip("sklearn.linear_model")
    from embedkit.classification.descent import minimise
    from embedkit.classification.linear_problem import Problem
    from embedkit.classification.options import LinearOptions

    draw = random.Random(3)
    texts = [" ".join(draw.choices("abcdefghij", k=6)) for _ in range(200)]
    labels = [[str((text.count("a") + text.count("b")) % 3)] for text in texts]
    given = {"min_n": 0, "max_n": 0, "word_ngrams": 1, "min_count": 1, "bucket": 2000, "word_strength": 1.0}
    options = LinearOptions(workers=1, **given)
    problem = Problem(texts, labels, options)
    point = minimise(problem.loss(10.0), np.zeros(problem.size, np.float32), tolerance=1e-4, most=500)
    lines = np.zeros((len(texts), len(problem._strengths)))
    np.add.at(lines, (np.repeat(np.arange(len(texts)), np.diff(problem._lines[0])), problem._lines[1]), 1)
    lines *= problem._shares[:, None] * problem._strengths
    theirs = linear_model.LogisticRegression(C=10.0, max_iter=5000, tol=1e-8).fit(lines, [each[0] for each in labels])
    mine = lines @ point.reshape(-1, 3)[:-1] + problem._known[:, None] * problem._bias * point.reshape(-1, 3)[-1]
    wanted = theirs.decision_function(lines)
    order = [problem.names.index(name) for name in theirs.classes_]
    mine = mine[:, order] - mine.mean(1, keepdims=True)
    assert np.abs(mine - (wanted - wanted.mean(1, keepdims=True))).max() < 0.02


@pytest.mark.parametrize("cutoff", [None, 500])
def test_our_quantised_models_predict_the_same_bits_there(cutoff, corpus, tmp_path):
    from embedkit.classification.quantising import quantise_bag

    _, texts = corpus
    labels = [[str(i % 5), str(len(text) % 3)] for i, text in enumerate(texts)]
    options = BagOptions(vector_size=11, bucket=5000, word_ngrams=2, min_n=1, max_n=3, epochs=2, workers=1)
    model = quantise_bag(train_bag(texts, labels, options), cutoff=cutoff)
    save_bag(model, tmp_path / "m.ftz")
    compare(fasttext.load_model(str(tmp_path / "m.ftz")), model, texts[:200] + ODD)
