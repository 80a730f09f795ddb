"""The conditional random field against brute force over all tag sequences."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import ConfigError
from embedkit.kernels import thresholds
from embedkit.nn.layers.crf import MOST_APART, ConditionalRandomField, KernelCache
from embedkit.nn.learning.entities import legal


def brute_force(crf, emissions):
    """Every tag sequence of one sentence (time, K) with its score."""
    time, n_tags = emissions.shape
    start, end, transitions = (crf.parameters[name] for name in ("start", "end", "transitions"))
    scores = {}
    for tags in itertools.product(range(n_tags), repeat=time):
        score = start[tags[0]] + end[tags[-1]]
        score += sum(emissions[t, tag] for t, tag in enumerate(tags))
        score += sum(transitions[a, b] for a, b in itertools.pairwise(tags))
        scores[tags] = score
    return scores


def example(seed, lengths=(4, 1, 3), n_tags=3, scale=2.0):
    rng = np.random.default_rng(seed)
    crf = ConditionalRandomField(n_tags, rng, np.float64)
    for name, value in crf.parameters.items():
        crf.parameters[name] = rng.normal(0, scale, value.shape)
    time = max(lengths)
    mask = np.arange(time) < np.array(lengths)[:, None]
    emissions = rng.normal(0, scale, (len(lengths), time, n_tags))
    tags = rng.integers(0, n_tags, (len(lengths), time))
    return crf, emissions, tags, mask


@given(st.integers(0, 2**32), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_loss_decoding_and_marginals_equal_brute_force(seed, lengths, n_tags):
    crf, emissions, tags, mask = example(seed, lengths, n_tags)
    loss, _ = crf.forward(emissions, tags, mask)
    decoded = crf.decode(emissions, mask)
    marginals = crf.marginals(emissions, mask)
    for row, length in enumerate(lengths):
        scores = brute_force(crf, emissions[row, :length])
        log_z = np.logaddexp.reduce(list(scores.values()))
        assert loss[row] == pytest.approx(log_z - scores[tuple(tags[row, :length])], abs=1e-9)
        best = max(scores, key=scores.get)
        assert scores[tuple(decoded[row, :length])] == pytest.approx(scores[best], abs=1e-9)
        assert (decoded[row, length:] == 0).all()
        for t, tag in itertools.product(range(length), range(n_tags)):
            share = sum(np.exp(s - log_z) for sequence, s in scores.items() if sequence[t] == tag)
            assert marginals[row, t, tag] == pytest.approx(share, abs=1e-9)
        assert (marginals[row, length:] == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_gradients_by_value_along_random_directions(seed):
    crf, emissions, tags, mask = example(seed)
    rng = np.random.default_rng(100 + seed)
    dloss = rng.normal(size=len(mask))
    _, cache = crf.forward(emissions, tags, mask)
    demissions, grads = crf.backward(dloss, cache)
    assert (demissions[~mask] == 0).all()

    def total():
        return float(crf.forward(emissions, tags, mask)[0] @ dloss)

    for array, gradient in [(emissions, demissions), *((crf.parameters[n], grads[n]) for n in grads)]:
        assert np.abs(gradient).max() > 1e-3
        direction = rng.normal(size=array.shape)
        array += 1e-5 * direction
        up = total()
        array -= 2e-5 * direction
        down = total()
        array += 1e-5 * direction
        assert (up - down) / 2e-5 == pytest.approx(float((gradient * direction).sum()), rel=1e-6, abs=1e-8)


def test_a_sentence_of_ten_thousand_words_with_huge_scores_stays_finite():
    crf, emissions, tags, mask = example(1, (10_000,), 4, scale=100.0)
    crf.parameters = {name: value.astype(np.float32) for name, value in crf.parameters.items()}
    emissions = emissions.astype(np.float32)
    loss, cache = crf.forward(emissions, tags, mask)
    demissions, grads = crf.backward(np.ones(1, np.float32), cache)
    assert loss.dtype == demissions.dtype == np.float32
    assert np.isfinite(loss).all() and np.isfinite(demissions).all()
    assert all(np.isfinite(g).all() for g in grads.values())
    np.testing.assert_allclose(crf.marginals(emissions, mask).sum(2), 1, atol=1e-6)
    assert crf.decode(emissions, mask).shape == (1, 10_000)


@pytest.mark.parametrize("scheme", [None, "bio"])
def test_the_kernel_says_what_numpy_says(monkeypatch, scheme):
    labels = ["B-A", "B-B", "I-A", "I-B", "O"]
    crf, emissions, tags, mask = example(3, (7, 1, 12), 5)
    if scheme is not None:
        crf = ConditionalRandomField(5, np.random.default_rng(3), np.float64, legal(labels, scheme))
        tags = np.array([[0, 2, 2, 4, 1, 3, 1, 3, 4, 0, 0, 2]] * 3)
    emissions[~mask], tags = 50.0, np.where(mask, tags, -1)  # padding is of no account
    dloss = np.random.default_rng(1).normal(size=3)
    found = []
    for above in (0, 1 << 60):
        monkeypatch.setattr(thresholds, "CHAIN_PRODUCTS", above)
        loss, cache = crf.forward(emissions, tags, mask)
        assert isinstance(cache, KernelCache) == (above == 0)
        demissions, grads = crf.backward(dloss, cache)
        found.append([loss, demissions, *(grads[name] for name in crf.parameters)])
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


def test_scores_far_apart_stay_in_log_space(monkeypatch):
    monkeypatch.setattr(thresholds, "CHAIN_PRODUCTS", 0)
    crf, emissions, tags, mask = example(1, (6, 6), 3)
    emissions[0, 2, 1] += 5 * MOST_APART
    loss, cache = crf.forward(emissions, tags, mask)
    assert not isinstance(cache, KernelCache) and np.isfinite(loss).all()
    emissions[0, 2, 1] = np.nan
    assert not isinstance(crf.forward(emissions, tags, mask)[1], KernelCache)


def test_no_tags_are_refused():
    with pytest.raises(ConfigError, match=r"at least one tag, got 0"):
        ConditionalRandomField(0, np.random.default_rng(0))


@pytest.mark.parametrize("kernel", [True, False])
def test_what_does_not_fit_together_is_refused(monkeypatch, kernel):
    monkeypatch.setattr(thresholds, "CHAIN_PRODUCTS", 0 if kernel else 10**9)
    crf, emissions, tags, mask = example(1)
    crf.forward(emissions, np.where(mask, tags, 99), mask)  # under the padding anything may stand
    hole, empty = mask.copy(), mask.copy()
    hole[0, 1], empty[1] = False, False
    for wrong, message in (
        ((emissions, tags + 3, mask), r"tags must lie in 0..2, found 3.."),
        ((emissions, tags - 3, mask), r"tags must lie in 0..2, found -3.."),
        ((emissions, tags[:, :2], mask), r"found \(3, 4, 3\), \(3, 4\), \(3, 2\)"),
        ((emissions[..., :2], tags, mask), r"emissions must have shape \(batch, time, 3\)"),
        ((emissions, tags, hole), "the mask must be True at the beginning of each row"),
        ((emissions, tags, empty), "a token or more in each row, found none in row 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            crf.forward(*wrong)
    for answer in (crf.decode, crf.marginals):
        with pytest.raises(ConfigError, match="emissions must have shape"):
            answer(emissions[..., :2], mask)


@pytest.mark.parametrize("kernel", [True, False])
def test_tags_may_be_lists(monkeypatch, kernel):
    monkeypatch.setattr(thresholds, "CHAIN_PRODUCTS", 0 if kernel else 10**9)
    crf, emissions, tags, mask = example(1)
    loss, cache = crf.forward(emissions, tags.tolist(), mask)
    expected, other = crf.forward(emissions, tags, mask)
    np.testing.assert_array_equal(loss, expected)
    np.testing.assert_array_equal(crf.backward(loss, cache)[0], crf.backward(loss, other)[0])


def test_a_row_without_a_token_is_zeros_and_changes_no_other():
    crf, emissions, _, mask = example(1)
    some = mask.copy()
    some[1] = False
    for answer in (crf.decode, crf.marginals):
        whole, found = answer(emissions, mask), answer(emissions, some)
        assert not found[1].any()
        np.testing.assert_array_equal(np.delete(found, 1, axis=0), np.delete(whole, 1, axis=0))
        assert answer(emissions[:, :0], mask[:, :0]).shape[:2] == (len(mask), 0)
