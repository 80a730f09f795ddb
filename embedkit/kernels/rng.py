"""One uint64 of random state per thread: SplitMix64 (Steele, Lea and Flood 2014), good enough to draw
negatives, windows and subsampling from, and three instructions deep."""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1 = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S40, S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(40), np.uint64(32)
TWO_TO_MINUS_24 = np.float32(1.0 / (1 << 24))


@kernel(inline="always")
def next_uint64(state):
    """Advance ``state`` (uint64 (1,)) and return 64 random bits."""
    z = state[0] + GOLDEN
    state[0] = z
    z = (z ^ (z >> S30)) * MIX1
    z = (z ^ (z >> S27)) * MIX2
    return z ^ (z >> S31)


@kernel(inline="always")
def next_float32(state):
    """A float32 uniform on [0, 1) with 24 random bits."""
    return np.float32(next_uint64(state) >> S40) * TWO_TO_MINUS_24


@kernel(inline="always")
def next_below(state, n):
    """An int64 uniform on 0 .. n - 1, for n < 2**32 (multiply-shift, Lemire 2019, without the rejection)."""
    return np.int64(((next_uint64(state) >> S32) * np.uint64(n)) >> S32)
