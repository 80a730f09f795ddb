"""`center`: the mean of all vectors is subtracted when training is over, where it was asked for or suits."""

import numpy as np
import pytest

import embedkit
from embedkit.errors import ConfigError
from embedkit.training import suiting

KOREAN = [["해와", "달과", "별과", "혜성"], ["빵과", "우유", "달걀", "밀가루"]] * 20
ENGLISH = [["sun", "moon", "star", "comet", "planet"], ["bread", "milk", "egg", "flour", "butter"]] * 40
SMALL = {"vector_size": 10, "workers": 1, "epochs": 40, "sample": 0}


@pytest.mark.parametrize(
    "options",
    [
        {"model": "skipgram"},
        {"model": "cbow"},
        {"model": "fasttext", "bucket": 100},
        {"model": "fasttext", "bucket": 100, "subwords": "jamo"},
        {"model": "skipgram", "replicas": 2},
    ],
)
def test_the_vectors_are_those_without_it_less_their_mean(options):
    plain = embedkit.train(ENGLISH, center=False, **options, **SMALL)
    centred = embedkit.train(ENGLISH, center=True, **options, **SMALL)
    mean = plain.vectors.mean(axis=0, dtype=np.float64)
    assert np.linalg.norm(mean) > 1e-3
    np.testing.assert_allclose(centred.vectors, plain.vectors - mean, atol=1e-6)
    assert centred.config["center"] is True and plain.config["center"] is False
    if centred.subwords is not None:  # a word made of known n-grams alone is less the mean too
        np.testing.assert_allclose(centred.word_rows, plain.word_rows - mean, atol=1e-6)
        used = plain.ngram_vectors.buckets
        np.testing.assert_allclose(centred.ngram_vectors[used], plain.ngram_vectors[used] - mean, atol=1e-6)


def test_n_grams_that_nothing_is_known_of_stay_zero():
    centred = embedkit.train(ENGLISH, model="fasttext", center=True, **SMALL)
    unknown = np.setdiff1d(np.arange(1000), centred.ngram_vectors.buckets)
    assert len(unknown) and not centred.ngram_vectors[unknown].any()


def test_much_korean_is_centred_and_what_was_asked_for_wins(monkeypatch):
    monkeypatch.setattr(suiting, "MUCH_HANGUL_FROM", 100)
    options = {"model": "fasttext", "bucket": 100, **SMALL}
    assert embedkit.train(KOREAN, **options).config["center"] is True
    assert embedkit.train(KOREAN, center=False, **options).config["center"] is False
    assert embedkit.train(KOREAN, preset="fasttext", **options).config["center"] is False
    assert embedkit.train(KOREAN, subwords="jamo", **options).config["center"] is True
    assert embedkit.train(KOREAN, **{**options, "model": "skipgram", "bucket": None}).config["center"] is False
    assert "center" not in embedkit.train(KOREAN, keep_output=True, **options).config


def test_known_vectors_stand_still_where_they_are_locked(monkeypatch):
    monkeypatch.setattr(suiting, "MUCH_HANGUL_FROM", 100)
    first = embedkit.train(KOREAN, model="fasttext", bucket=100, **SMALL)
    more = [*KOREAN, ["구름", "바람"] * 5]
    on = embedkit.train(more, continue_from=first, lock=True, epochs=2, workers=1)
    np.testing.assert_array_equal(on["해와"], first["해와"])
    with pytest.raises(ConfigError, match="`center` moves every vector and `lock`"):
        embedkit.train(more, continue_from=first, lock=True, center=True, epochs=2, workers=1)
    with pytest.raises(ConfigError, match="`center` has no effect"):
        embedkit.train(KOREAN, center=True, keep_output=True, **SMALL)


def test_centring_does_not_hide_that_nothing_was_learnt():
    words = [f"w{i}" for i in range(120)]
    alike = 3 + np.random.default_rng(1).standard_normal((120, 10)) / 100
    init = embedkit.KeyedVectors(words, alike.astype(np.float32))
    options = {**SMALL, "epochs": 1, "learning_rate": 1e-9, "min_count": 1}
    with pytest.warns(UserWarning, match="learnt next to nothing.*not centred"):
        vectors = embedkit.train([words], init=init, center=True, **options)
    assert vectors.config["center"] is False and vectors.vectors.mean() > 2


def test_a_run_may_be_centred_when_it_goes_on(tmp_path):
    def stop(report):
        if report.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedkit.train(ENGLISH, checkpoint=tmp_path, checkpoint_every=0, progress=stop, center=False, **SMALL)
    on = embedkit.train(ENGLISH, checkpoint=tmp_path, resume=True, center=True, **SMALL)
    whole = embedkit.train(ENGLISH, center=True, **SMALL)
    np.testing.assert_array_equal(on.vectors, whole.vectors)
