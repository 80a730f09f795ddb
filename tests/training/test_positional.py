"""Structured skip-gram: output vectors for each place in the window."""

import numpy as np
import pytest

import embedkit
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.training.options import TrainingConfig
from embedkit.training.plan import plan
from embedkit.vocabulary.corpus import Corpus

OPTIONS = {"vector_size": 16, "window": 1, "epochs": 30, "workers": 1, "min_count": 1, "learning_rate": 0.05}
FIRST, SECOND = [f"a{i}" for i in range(6)], [f"b{i}" for i in range(6)]


@pytest.fixture(scope="module")
def sentences():
    """All words stand between x and y, but x is before some and behind the others."""
    rng = np.random.default_rng(1)
    return [
        ["x", FIRST[rng.integers(6)], "y"] if rng.random() < 0.5 else ["y", SECOND[rng.integers(6)], "x"]
        for _ in range(2000)
    ]


def kinship(model):
    """The mean cosine of words of one kind, less that of words of two."""
    first, second = (model.get_vectors(words) for words in (FIRST, SECOND))
    first, second = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second))
    within = np.mean([(rows @ rows.T)[~np.eye(6, dtype=bool)].mean() for rows in (first, second)])
    return within - (first @ second.T).mean()


def test_only_places_tell_words_apart_that_have_the_same_neighbours(sentences):
    assert kinship(embedkit.train(sentences, positional=True, **OPTIONS)) > 0.3
    assert kinship(embedkit.train(sentences, **OPTIONS)) < 0.1


def test_one_worker_repeats_bit_for_bit_and_two_do_the_work(sentences):
    options = {**OPTIONS, "epochs": 3, "positional": True}
    first, again = (embedkit.train(sentences, **options) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert first.config["positional"] is True
    assert np.isfinite(embedkit.train(sentences, **{**options, "workers": 2}).vectors).all()


def test_it_goes_on_from_vectors_and_holds_locked_ones(sentences):
    known = embedkit.train(sentences[:500], keep_output=True, **OPTIONS)
    on = embedkit.train(sentences, positional=True, init=known, lock=True, **OPTIONS)
    rows = [on.row(word) for word in known.index_to_key]
    np.testing.assert_array_equal(on.vectors[rows], known.vectors)
    plain = embedkit.train(sentences, continue_from=known, positional=True, window=1)  # whose outputs were kept
    assert plain.config["positional"] is True and "keep_output" not in plain.config
    more = embedkit.train([["x", "new", "y"]] * 9, continue_from=embedkit.train(sentences, positional=True, **OPTIONS))
    assert "new" in more and more.config["positional"] is True


@pytest.mark.parametrize(
    "more",
    [{"loss": "hs"}, {"subwords": "chars"}, {"replicas": 2}, {"deterministic": True}],
    ids=str,
)
def test_what_has_no_places_is_refused(more):
    with pytest.raises(ConfigError, match=f"`positional` has no effect with `{next(iter(more))}`"):
        TrainingConfig.create(positional=True, **more)
    with pytest.raises(ConfigError, match="`keep_output` has no effect with `positional`"):
        TrainingConfig.create(positional=True, keep_output=True)
    with pytest.raises(ConfigError, match="model cbow has no option `positional`"):
        TrainingConfig.create("cbow", positional=True)


def test_a_compass_has_no_places(sentences):
    compass = embedkit.train(sentences, keep_output=True, **OPTIONS)
    with pytest.raises(ConfigError, match="one for each place"):
        embedkit.train(sentences, compass=compass, positional=True)


def test_wide_windows_do_not_diverge():
    rng = np.random.default_rng(3)
    lines = [[f"w{min(int(x), 400)}" for x in rng.exponential(40, 300)] for _ in range(300)]
    model = embedkit.train(lines, positional=True, **{**OPTIONS, "window": 50, "epochs": 3, "sample": 0.0})
    assert np.abs(model.vectors).max() < 10


def test_what_needs_output_vectors_says_that_places_have_none(sentences):
    model = embedkit.train(sentences, positional=True, **OPTIONS)
    with pytest.raises(EmbedkitError, match="places in the window"):
        model.fill("x ___ y")


def test_the_plan_counts_the_rows_of_places(sentences):
    corpus = Corpus.from_sentences(sentences, min_count=1)
    plain, places = (
        plan(corpus, TrainingConfig.create(positional=positional, **{**OPTIONS, "window": 5}))
        for positional in (False, True)
    )
    assert places.memory_bytes - plain.memory_bytes == 9 * len(corpus.vocabulary) * 16 * 4
    assert places.disk_bytes == plain.disk_bytes
