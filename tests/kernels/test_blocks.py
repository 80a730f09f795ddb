"""Blocks of centres: which context lies in whose window, and negatives that are a target, against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.kernels.blocks import BLOCK, any_target, context_rows, drop_targets
from embedkit.kernels.compiling import kernel

WEIGHT = np.float32(0.625)


@kernel
def is_target(outputs):
    return any_target(outputs, len(outputs))


def contexts(kept, places, lows, highs):
    """Rows and marks by the definition."""
    rows, marks = [], []
    for p in range(min(lows), max(highs) + 1):
        inside = [low <= p <= high and p != place for place, low, high in zip(places, lows, highs, strict=True)]
        if any(inside):
            rows.append(kept[p])
            marks.append(inside)
    return rows, np.array(marks, np.float32).reshape(-1, BLOCK)


@given(st.data(), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_contexts_and_their_weights(data, fours):
    kept = np.array(data.draw(st.lists(st.integers(-1, 5), min_size=4, max_size=30)), np.int32)
    places = sorted(data.draw(st.lists(st.integers(0, len(kept) - 1), min_size=BLOCK, max_size=BLOCK)))
    reach = [data.draw(st.integers(0, 5)) for _ in range(BLOCK)]
    lows = [max(place - r, 0) for place, r in zip(places, reach, strict=True)]
    highs = [min(place + r, len(kept) - 1) for place, r in zip(places, reach, strict=True)]
    if data.draw(st.booleans()):  # the last centre is missing, as at the end of the text
        places[-1], lows[-1], highs[-1] = -1, lows[0], lows[0] - 1
    rows, weights = np.zeros(64, np.int64), np.full((64, BLOCK * (1 + fours)), np.nan, np.float32)
    n = context_rows(kept, *(np.array(x, np.int64) for x in (places, lows, highs)), rows, weights, WEIGHT)
    expected, marks = contexts(kept, places, lows, highs)
    assert rows[:n].tolist() == expected
    np.testing.assert_array_equal(weights[:n, :BLOCK], marks)
    shared = marks.sum(axis=1, keepdims=True) * WEIGHT
    np.testing.assert_array_equal(weights[:n, BLOCK:], np.repeat(shared, BLOCK * fours, axis=1))


@pytest.mark.parametrize("fours", [0, 1, 2, 3])
def test_each_negative_is_held_against_each_target(fours):
    outputs = np.arange(BLOCK * (1 + fours), dtype=np.int64)
    assert not is_target(outputs)
    for k in range(BLOCK, len(outputs)):
        for q in range(BLOCK):
            same = outputs.copy()
            same[k] = same[q]
            assert is_target(same)


def test_a_negative_that_is_a_target_does_not_count_for_its_centre():
    outputs = np.array([7, 8, 9, 7, 1, 7, 2, 9], np.int64)
    marks = np.array([[1, 0, 1, 1], [1, 1, 0, 0]], np.float32)
    weights = np.hstack([marks, np.repeat(marks.sum(axis=1, keepdims=True), BLOCK, axis=1)])
    drop_targets(outputs, 2, weights, np.float32(1))
    np.testing.assert_array_equal(weights[:, :BLOCK], marks)
    np.testing.assert_array_equal(weights[:, BLOCK:], [[3, 1, 3, 2], [2, 1, 2, 2]])
