"""Drawing words: subsampling of the stream and negatives from an alias table."""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.rng import next_below, next_float32, next_uint64

_S32 = np.uint64(32)
_LOW32 = np.uint64(0xFFFFFFFF)


def alias_table(probabilities: np.ndarray) -> np.ndarray:
    """Walker's alias table, built as by Vose (1991): exact draws from any distribution in one memory access.

    Parameters
    ----------
    probabilities : float64 (n,)
        Non-negative, summing to one.

    Returns
    -------
    table : uint32 (n, 2)
        Column 0: the threshold below which the drawn slot itself is meant (of 2**32), column 1: the other word.
    """
    n = len(probabilities)
    scaled = np.asarray(probabilities, dtype=np.float64) * n
    table = np.empty((n, 2), dtype=np.uint32)
    _fill_alias(scaled, table)
    return table


@kernel
def _fill_alias(scaled, table):
    n = len(scaled)
    small = np.empty(n, np.int64)
    large = np.empty(n, np.int64)
    n_small = n_large = 0
    for i in range(n):
        if scaled[i] < 1.0:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small > 0 and n_large > 0:
        n_small -= 1
        low = small[n_small]
        high = large[n_large - 1]
        table[low, 0] = np.uint32(min(scaled[low] * 4294967296.0, 4294967295.0))
        table[low, 1] = high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            n_large -= 1
            small[n_small] = high
            n_small += 1
    for i in range(n_small):
        table[small[i], 0] = 4294967295
        table[small[i], 1] = small[i]
    for i in range(n_large):
        table[large[i], 0] = 4294967295
        table[large[i], 1] = large[i]


@kernel(inline="always")
def draw(table, state):
    """One index from an `alias_table`: 32 random bits choose the slot, 32 decide between its two words."""
    bits = next_uint64(state)
    slot = np.int64(((bits >> _S32) * np.uint64(table.shape[0])) >> _S32)
    if (bits & _LOW32) < np.uint64(table[slot, 0]):
        return slot
    return np.int64(table[slot, 1])


@kernel(borrows=True)
def draw_many(table, state, words):
    """Fill `words` with draws, the same that `draw` would give one by one.

    Without a branch: a draw that the processor guessed wrong waits for the table, and the next ones with it.
    """
    size = np.uint64(table.shape[0])
    for k in range(len(words)):
        bits = next_uint64(state)
        slot = np.int64(((bits >> _S32) * size) >> _S32)
        threshold, other = np.uint64(table[slot, 0]), np.int64(table[slot, 1])
        words[k] = slot + (other - slot) * np.int64((bits & _LOW32) >= threshold)


@kernel(borrows=True)
def subsample(ids, keep, state, kept):
    """Copy `ids` to `kept`, leaving each word out with probability ``1 - keep[word]``.

    Sentence ends (negative ids) stay. Mikolov et al. 2013b, section 2.3, in the form of the word2vec tool.

    Parameters
    ----------
    ids : int32 (n,)
    keep : float32 (n_words,)
    state : uint64 (1,)
    kept : int32 (at least n,)

    Returns
    -------
    n_kept, n_words : int
        Entries written; words seen, left-out ones included.
    """
    n = 0
    n_words = 0
    for word in ids:
        if word < 0:
            kept[n] = word
            n += 1
        else:
            n_words += 1
            if keep[word] >= np.float32(1.0) or next_float32(state) < keep[word]:
                kept[n] = word
                n += 1
    return n, n_words


@kernel(borrows=True)
def window_bounds(kept, n, centre, window, shrink, state):
    """The first and last position of a centre's window, drawn from 1..window, inside its sentence."""
    reach = window
    if shrink:
        reach = 1 + next_below(state, window)
    low = centre
    while low > 0 and centre - low < reach and kept[low - 1] >= 0:
        low -= 1
    high = centre
    while high < n - 1 and high - centre < reach and kept[high + 1] >= 0:
        high += 1
    return low, high
