"""Blocks of neighbouring centres for skip-gram: their words, windows, contexts and weights.

`embedkit.kernels.word2vec` says what a block is for.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.products import TILE_ROWS
from embedkit.kernels.rng import next_below

BLOCK = 4  # centres in a step; a multiple of TILE_ROWS


@kernel
def take_block(kept, n, position, sentence, settings, state, block, one_sentence=False):
    """The next `BLOCK` centres from `position` on: their words, places and windows go into `block`'s four int64 arrays.

    `sentence` (int64 (3,)) holds the first and the last position of the sentence that `position` is in, and counts
    sentence ends in its last item. With `one_sentence` a block ends where its sentence does.
    Returns the number of centres found and the position behind the last one.
    """
    outputs, places, lows, highs = block
    n_centres = 0
    while n_centres < BLOCK and position < n:
        if position > sentence[1]:
            if one_sentence and n_centres > 0:
                break
            if kept[position] < 0:
                position += 1
                sentence[2] += 1
                continue
            end = position
            while end + 1 < n and kept[end + 1] >= 0:
                end += 1
            sentence[0] = position
            sentence[1] = end
        reach = settings.window
        if settings.shrink:
            reach = 1 + next_below(state, settings.window)
        outputs[n_centres] = kept[position]
        places[n_centres] = position
        lows[n_centres] = max(position - reach, sentence[0])
        highs[n_centres] = min(position + reach, sentence[1])
        n_centres += 1
        position += 1
    for q in range(n_centres, BLOCK):
        outputs[q] = outputs[0]
        places[q] = -1
        lows[q] = lows[0]
        highs[q] = lows[0] - 1
    return n_centres, position


@kernel
def context_rows(kept, places, lows, highs, rows, weights, negative_weight):
    """The words that lie in a window of the block, and in whose: ``weights[r, q]`` is 1 or 0 for q < BLOCK.

    The columns behind, of the shared negatives, get `negative_weight` for each of the row's centres. Returns the
    number of rows; `rows` is filled up with a real row to a whole tile.
    """
    low = lows[0]
    high = highs[0]
    for q in range(1, BLOCK):
        low = min(low, lows[q])
        high = max(high, highs[q])
    n_rows = 0
    for p in range(low, high + 1):
        count = np.float32(0.0)
        for q in range(BLOCK):
            inside = np.float32((lows[q] <= p) & (p <= highs[q]) & (p != places[q]))
            weights[n_rows, q] = inside
            count += inside
        if count > 0:
            for k in range(BLOCK, weights.shape[1]):
                weights[n_rows, k] = count * negative_weight
            rows[n_rows] = kept[p]
            n_rows += 1
    for r in range(n_rows, n_rows + TILE_ROWS):
        rows[r] = rows[max(n_rows - 1, 0)]
    return n_rows


@kernel
def add_document(rows, n_rows, row, n_centres, weights, negative_weight):
    """Put the row of a document, which lies in all windows, behind the words' rows; returns their number."""
    for q in range(BLOCK):
        weights[n_rows, q] = np.float32(q < n_centres)
    for k in range(BLOCK, weights.shape[1]):
        weights[n_rows, k] = np.float32(n_centres) * negative_weight
    for r in range(n_rows, n_rows + 1 + TILE_ROWS):
        rows[r] = row
    return n_rows + 1


@kernel
def drop_targets(outputs, n_rows, weights, negative_weight):
    """A negative equal to the target is dropped: it does not count for the centre whose word it is."""
    for k in range(BLOCK, weights.shape[1]):
        for q in range(BLOCK):
            if outputs[k] == outputs[q]:
                for r in range(n_rows):
                    weights[r, k] -= weights[r, q] * negative_weight


@kernel
def hold_locked(locked, rows, n_rows, weights):
    """Take the weight from every update of a row that is locked."""
    for r in range(n_rows):
        if locked[rows[r]]:
            weights[r, :] = np.float32(0.0)
