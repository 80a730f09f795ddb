import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.rows import norms
from embedkit.rows.norms import ROWS_PER_BLOCK, unit


@given(
    shape=st.sampled_from([(1,), (7,), (0, 5), (1, 4), (33, 3), (17, 3, 5)]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_vectors_are_divided_by_their_length_whatever_the_blocks(shape, dtype, seed):
    rows = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    if rows.ndim > 1:
        rows[:1] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(norms, "ROWS_PER_BLOCK", 4)
        found = unit(rows)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=-1, keepdims=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rows / np.where(lengths > 0, lengths, 1), rtol=1e-6)
    np.testing.assert_array_equal(found, unit(rows))


def test_lengths_that_float32_cannot_square_are_right():
    np.testing.assert_allclose(unit(np.array([[3e-30, 4e-30], [3e30, 4e30]], np.float32)), [[0.6, 0.8]] * 2, rtol=1e-6)


def test_units_take_no_float64_copy():
    rows = np.ones((4 * ROWS_PER_BLOCK, 20), np.float32)
    tracemalloc.start()
    try:
        unit(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * rows.nbytes


def test_lists_are_vectors_too():
    np.testing.assert_allclose(unit([3.0, 4.0]), [0.6, 0.8])
    np.testing.assert_allclose(unit([[3, 4], [0, 0], [0, -2]]), [[0.6, 0.8], [0, 0], [0, -1]])
