"""Subsampling before counting: how many tokens stay, which, and what is counted then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.counting import Window, count_cooccurrences, subsampling
from embedkit.counting.subsampling import subsample
from embedkit.errors import EmptyCorpusError
from embedkit.vocabulary.corpus import SENTENCE_END, Corpus
from tests import reference_counting as reference


def corpus(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    words = np.minimum(rng.exponential(6, (n, 9)), 40).astype(int)
    return Corpus.from_sentences([[f"w{word}" for word in row] for row in words], min_count=1)


def test_each_word_stays_as_often_as_its_probability_says():
    whole = corpus()
    thinner = subsample(whole, 0.01, seed=3)
    before, after = (np.bincount(c.ids[c.ids >= 0], minlength=len(c.vocabulary)) for c in (whole, thinner))
    keep = whole.vocabulary.keep_probabilities(0.01).astype(np.float64)
    spread = np.sqrt(before * keep * (1 - keep))
    assert keep.min() < 0.6 and keep.max() == 1
    assert (np.abs(after - before * keep) <= 4 * spread).all()
    np.testing.assert_array_equal(thinner.vocabulary.counts, whole.vocabulary.counts)


def test_it_depends_on_the_seed_alone(monkeypatch):
    whole = corpus(500)
    first = subsample(whole, 0.01, seed=3).ids
    monkeypatch.setattr(subsampling, "_AT_ONCE", 7)  # blocks draw from one stream, and sentences end across them
    np.testing.assert_array_equal(subsample(whole, 0.01, seed=3).ids, first)
    assert not np.array_equal(subsample(whole, 0.01, seed=4).ids, first)
    assert subsample(whole, 0) is whole


@settings(max_examples=30, deadline=None)
@given(
    sentences=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), min_size=1, max_size=20),
    sample=st.floats(1e-3, 1),
)
def test_no_empty_sentences_and_the_order_stays(sentences, sample):
    if not any(sentences):
        return
    whole = Corpus.from_sentences(sentences, min_count=1)
    try:
        thinner = subsample(whole, sample)
    except EmptyCorpusError:
        return
    assert thinner.ids[0] != SENTENCE_END and thinner.ids[-1] == SENTENCE_END
    assert not ((thinner.ids[1:] == SENTENCE_END) & (thinner.ids[:-1] == SENTENCE_END)).any()
    rest = iter(whole.ids.tolist())
    assert all(token in rest for token in thinner.ids.tolist())


def test_counts_of_what_is_left_are_the_reference_s():
    thinner = subsample(corpus(300), 0.02)
    counts = count_cooccurrences(thinner, Window(4, weighting="linear"))
    expected = np.zeros((len(thinner.vocabulary),) * 2)
    cells = reference.count_cooccurrences([s.tolist() for s in thinner.sentences()], 4, weighting="linear")
    for (row, column), count in cells.items():
        expected[row, column] = count
    np.testing.assert_allclose(counts.table(), expected, rtol=1e-6)


def test_nothing_left_is_an_error():
    with pytest.raises(EmptyCorpusError, match="nothing is left of the corpus with `sample` 1e-30"):
        subsample(corpus(9), 1e-30)
