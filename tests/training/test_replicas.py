"""Replicas: the vectors depend on their number and the seed, never on threads, stops or the order of work."""

import signal
import subprocess
import sys

import numpy as np
import pytest

import embedkit
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.kernels.replicas import mark_entries, mark_words, merge_rows
from embedkit.training import merging, replicas, schedule, seat, subword_layout
from embedkit.training.merging import Merging, scales_of
from embedkit.training.node import Node
from embedkit.training.options import TrainingConfig
from embedkit.training.replicas import in_order
from embedkit.training.resuming import VERSION
from embedkit.training.run import Run
from embedkit.training.suiting import suited
from embedkit.training.word2vec import Word2Vec
from embedkit.vocabulary.corpus import Corpus

MODELS = {
    "skipgram": {"model": "skipgram"},
    "cbow": {"model": "cbow"},
    "hs": {"model": "skipgram", "loss": "hs"},
    "softmax": {"model": "cbow", "loss": "softmax"},
    "fasttext": {"model": "fasttext", "bucket": 500},
    "fasttext-hs": {"model": "fasttext", "bucket": 500, "loss": "hs"},
}
SMALL = {"vector_size": 10, "epochs": 2}


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    return Corpus.from_sentences(
        [[f"w{int(x)}" for x in np.minimum(rng.exponential(12, rng.integers(2, 30)), 80)] for _ in range(600)],
        min_count=1,
    )


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setattr(schedule, "SHORTEST_STAGE", 60)
    monkeypatch.setattr(schedule, "STAGES_AN_EPOCH", 30)
    monkeypatch.setattr(schedule, "FEWEST_ROUNDS", 8)
    monkeypatch.setattr(seat, "OWNED_AT_ONCE", 3)  # all threads merge
    seat.owned_rows.cache_clear()
    monkeypatch.setattr(subword_layout, "EAGER_ROWS", 40)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    seat.owned_rows.cache_clear()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n", [1, 3])
def test_the_same_bits_from_any_number_of_threads(corpus, name, n):
    first, second = (embedkit.train(corpus, replicas=n, workers=workers, **SMALL, **MODELS[name]) for workers in (1, 4))
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert np.isfinite(first.vectors).all()
    assert first.config["replicas"] == n


def press_once(patch):
    """Ctrl-C at the twentieth stage."""
    original, steps = seat.Seat.merge, []

    def merge(self, *arguments):
        steps.append(1)
        if len(steps) == 20:
            signal.raise_signal(signal.SIGINT)
        return original(self, *arguments)

    patch.setattr(seat.Seat, "merge", merge)


@pytest.mark.parametrize("name", ["skipgram", "fasttext"])
def test_the_same_bits_after_a_stop_under_other_threads(corpus, tmp_path, monkeypatch, name):
    options = {**SMALL, **MODELS[name], "replicas": 3}
    whole = embedkit.train(corpus, workers=2, **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        press_once(patch)
        embedkit.train(corpus, workers=1, checkpoint=tmp_path, **options)
    resumed = embedkit.train(corpus, workers=3, checkpoint=tmp_path, resume=True, **options)
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)


def test_every_word_is_trained_in_every_epoch(corpus):
    reports = []
    embedkit.train(corpus, replicas=3, progress=reports.append, **SMALL)
    assert reports[-1].done == 2 * corpus.n_tokens


def test_the_number_and_the_seed_matter(corpus):
    def vectors(n, seed):
        return embedkit.train(corpus, replicas=n, seed=seed, **SMALL).vectors

    assert not np.array_equal(vectors(2, 1), vectors(3, 1))
    assert not np.array_equal(vectors(2, 1), vectors(2, 2))


def test_deterministic_means_four_replicas(corpus):
    asked = embedkit.train(corpus, deterministic=True, workers=2, **SMALL)
    np.testing.assert_array_equal(asked.vectors, embedkit.train(corpus, replicas=4, workers=1, **SMALL).vectors)
    assert asked.config["replicas"] == 4
    assert TrainingConfig.create("skipgram", deterministic=True, replicas=2).replicas == 2
    embedkit.train(corpus, model="glove", deterministic=True, vector_size=4, epochs=1)  # which always is


@pytest.mark.parametrize("name", MODELS)
def test_rows_that_change_are_marked(corpus, name):
    """Whatever is not marked has not changed: else replicas would drift apart unseen."""
    from embedkit.training.fitting import family

    asked = TrainingConfig.create(replicas=2, **SMALL, **MODELS[name])
    config = suited(asked, corpus.vocabulary, corpus.n_tokens, Run())
    module = family(config)
    model = (Word2Vec if module.__name__.endswith("word2vec") else module.FastText)(corpus, config, Run())
    model.start(None)
    matrices, touched = Node.of_threads(model.matrices, 1, 2).of(1)
    ids = np.ascontiguousarray(corpus.ids[:120])
    ids.flags.writeable = False
    state, control = np.array([3], np.uint64), np.zeros(1, np.int64)
    for _ in range(3):  # the first outputs are zero, and so are the first changes of inputs
        model.step_on(matrices, ids, np.float32(0.1), state, control, touched)
    for base, matrix, marks in zip(model.matrices, matrices, touched, strict=True):
        changed = (base != matrix).any(axis=1)
        assert changed.any()
        assert not (changed & (marks == 0)).any()
        if name != "softmax" and matrix is matrices[0]:
            assert (marks == 0).any()


def test_merging_adds_the_scaled_sum_and_leaves_all_equal():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(9, 16)).astype(np.float32)
    copies = np.repeat(base[None], 3, axis=0)
    touched = (rng.random((3, 9)) < 0.6).astype(np.uint8)
    touched[:, 4], touched[:, 8] = 0, 1
    copies += (rng.normal(size=copies.shape) * touched[:, :, None]).astype(np.float32)
    rows, scales = np.array([1, 4, 8]), np.array([1.0, 0.4, 0.7], np.float32)
    expected = base.astype(np.float64)
    expected[rows] += scales[:, None] * (copies.astype(np.float64) - base)[:, rows].sum(axis=0)
    before, marks = copies.copy(), touched.copy()
    merge_rows(base, copies, touched, rows, scales, False)
    marks[:, rows] = 0
    np.testing.assert_array_equal(touched, marks)
    np.testing.assert_allclose(base, expected, rtol=1e-5, atol=1e-6)
    for copy, old in zip(copies, before, strict=True):
        np.testing.assert_array_equal(copy[rows], base[rows])
        others = np.setdiff1d(np.arange(9), rows)
        np.testing.assert_array_equal(copy[others], old[others])


def test_scales_go_from_the_sum_to_the_mean():
    updates = np.array([0.0, 0.001, 1e2, 1e6])
    scales = scales_of(updates, 8, 0.001)
    assert scales[0] == 1
    assert scales[1] == pytest.approx(1, abs=1e-4)
    assert 1 / 8 < scales[2] < 1
    assert scales[3] == pytest.approx(1 / 8)
    # n updates that each go the share c of the way, in N replicas at once, are to be N n updates in a row
    c, n, count = 0.01, 4, 30
    distance = 1.0
    in_one = distance - distance * (1 - c) ** count
    in_a_row = distance - distance * (1 - c) ** (n * count)
    assert float(scales_of(np.array([count]), n, c)[0]) * n * in_one == pytest.approx(in_a_row, rel=1e-5)


def test_entries_of_words_are_marked():
    touched = np.zeros(6, np.uint8)
    mark_entries(np.array([1, -1, 2], np.int32), np.array([0, 2, 3, 5]), np.array([0, 5, 3, 1, 3], np.int32), touched)
    assert touched.tolist() == [0, 1, 0, 1, 0, 0]
    mark_words(np.array([5, -1, 1, 5], np.int32), touched)
    assert touched.tolist() == [0, 1, 0, 1, 0, 1]


def test_too_many_replicas_and_models_without(corpus, tmp_path):
    with pytest.raises(ConfigError, match="`replicas` 601 are more than the corpus has sentences, 600"):
        embedkit.train(corpus, replicas=601, **SMALL)
    with pytest.raises(ConfigError, match="`replicas` must be"):
        embedkit.train(corpus, replicas=0, **SMALL)
    for model in ("svd", "lsa"):
        with pytest.raises(ConfigError, match=f"model {model} has no option `replicas`"):
            embedkit.train(corpus, model=model, replicas=2)
    text = tmp_path / "t.txt"
    text.write_text("a b c\n" * 9)
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", "train", text, "-o", tmp_path / "m.safetensors", "--replicas", "90"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "--replicas 90 are more than the corpus has sentences, 9" in done.stderr


def test_the_most_used_rows_meet_more_often_and_scales_know_since_when(corpus, monkeypatch):
    monkeypatch.setattr(merging, "TIERS", ((1, 2), (3, 5)))
    config = suited(TrainingConfig.create(replicas=2, **SMALL), corpus.vocabulary, corpus.n_tokens, Run())
    model = Word2Vec(corpus, config, Run())
    rule = Merging(model, config)
    n_rows, stages = len(corpus.vocabulary), 7
    rows, since = np.arange(n_rows), np.zeros(n_rows)
    met = []
    for stage in range(stages):
        since += 1
        part = rule.meeting(0, n_rows, stage, stages)
        met.append(part.stop)
        expected = scales_of(rule.uses[0][part] * since[part] * 50.0, 2, 0.1 * merging.CONTRACTION)
        np.testing.assert_allclose(rule.scales(0, rows[part], 50.0, 0.1, stage), expected)
        since[part] = 0
    assert met == [2, 2, 5, 2, 2, 5, n_rows]


@pytest.mark.parametrize(
    ("began", "goes_on", "refusal"),
    [(1, 2, "trained by another rule"), (VERSION + 1, 2, "install a newer embedkit")],
)
def test_a_run_goes_on_by_the_rule_it_began_with(corpus, tmp_path, monkeypatch, began, goes_on, refusal):
    options = {**SMALL, "replicas": 3, "workers": 1, "checkpoint": tmp_path}
    monkeypatch.setattr(replicas, "RULE", began)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        press_once(patch)
        embedkit.train(corpus, **options)
    monkeypatch.setattr(replicas, "RULE", goes_on)
    with pytest.raises(EmbedkitError, match=refusal) as refused:
        embedkit.train(corpus, resume=True, **options)
    assert "damaged" not in str(refused.value)


def test_progress_is_told_within_a_round_and_changes_no_bit(corpus, monkeypatch):
    rounds = []
    monkeypatch.setattr(replicas, "in_order", lambda found: rounds.append(len(found[0])) or in_order(found))
    vectors = []
    for ids in (10**9, 1):
        monkeypatch.setattr(replicas, "TOLD_IDS", ids)
        vectors.append(embedkit.train(corpus, **SMALL, replicas=3, workers=2).vectors)
    assert rounds[0] > 1 and rounds[-1] == 1  # stages at once
    np.testing.assert_array_equal(*vectors)
