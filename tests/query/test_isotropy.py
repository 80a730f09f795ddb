"""Models whose words are all alike are noticed, others are not."""

import numpy as np
import pytest

from embedkit import KeyedVectors
from embedkit.analysis.operations import unit_length
from embedkit.cli import main
from embedkit.query.isotropy import learnt_nothing, mean_cosine

WORDS = [f"w{i}" for i in range(200)]


def vectors(common, **options):
    """Random vectors with a common direction that is `common` times as long as the rest."""
    rows = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, 0] += common
    return KeyedVectors(WORDS, rows, **options)


def test_the_mean_cosine_is_that_of_all_pairs():
    model = vectors(1.0)
    unit = model.vectors / np.linalg.norm(model.vectors, axis=1, keepdims=True)
    exact = (np.sum(unit @ unit.T) - 200) / (200 * 199)
    assert mean_cosine(model, pairs=1600) == pytest.approx(exact, abs=0.01)
    assert abs(mean_cosine(vectors(0.0))) < 0.02
    assert np.isnan(mean_cosine(KeyedVectors(["a"], np.ones((1, 2), np.float32))))
    assert np.isnan(mean_cosine(KeyedVectors(["a", "b"], np.zeros((2, 2), np.float32))))


def test_only_vectors_that_are_all_alike_are_spoken_of():
    assert learnt_nothing(vectors(0.5)) is None
    text = learnt_nothing(vectors(5.0))
    assert "a cosine of 0.96 on average" in text and "more `epochs`" in text and "fewer than" not in text
    seen = vectors(5.0, counts=np.full(200, 7))
    assert "half of them were seen fewer than 36 times" in learnt_nothing(seen, epochs=5)
    assert "fewer than" not in learnt_nothing(seen, epochs=50)
    assert learnt_nothing(vectors(5.0, config={"model": "lsa"})) is None


def test_output_vectors_of_paragraph_vectors_are_not_compared_changed_or_not():
    model = vectors(5.0, config={"model": "doc2vec", "paragraphs": "dbow"})
    assert learnt_nothing(model) is learnt_nothing(unit_length(model)) is None
    with_words = vectors(5.0, config={"model": "doc2vec", "paragraphs": "dbow", "train_words": True})
    assert "hardly told apart" in learnt_nothing(with_words)


def test_a_query_on_such_a_model_warns(tmp_path, capsys):
    for common in (0.5, 5.0):
        vectors(common).save(tmp_path / "m.safetensors")
        assert main(["similar", str(tmp_path / "m.safetensors"), "w1"]) == 0
        told = "embedkit: warning: the words are hardly told apart" in capsys.readouterr().err
        assert told == (common == 5.0)
