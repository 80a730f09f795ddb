"""Skip-gram whose output vectors are those of a word at a place: two words before, one word behind.

Structured skip-gram (Ling, Dyer, Black and Trancoso 2015, "Two/Too Simple Adaptations of Word2Vec for Syntax Problems",
section 3.1). A window of w words to each side has 2w places, each with a row for every word; the pair of a centre and
a neighbour meets the row of the neighbour's place. Negatives are words at places: those of neighbours of the block
before, since windows that shrink and ends of sentences make near places more frequent. So a row learns the same
association of its word and place with the centre as where each place draws negatives of its own.

One step takes `BLOCK` centres. Their neighbours' rows and one set of negatives that all share meet the centres in three
small products, as in `embedkit.kernels.word2vec`, where contexts and centres change sides; of the cells of a neighbour
one in `BLOCK` counts. Subsampling leaves out centres alone, so that every neighbour is at its place.
"""

from __future__ import annotations

import functools

import numpy as np

from embedkit.kernels.blocks import BLOCK, hold_locked
from embedkit.kernels.compiling import kernel
from embedkit.kernels.products import TILE_COLUMNS, make_products
from embedkit.kernels.rng import next_below, next_float32
from embedkit.kernels.rows import fetch_row
from embedkit.kernels.sampling import draw_many, window_bounds
from embedkit.kernels.simd import LANES, aligned_rows, logistic_steps
from embedkit.kernels.word2vec import LOSS_EVERY, pair_loss


@kernel
def take_neighbours(ids, position, keep, settings, state, centres, outputs, weights):
    """The next `BLOCK` centres that have neighbours: the rows of these stand in `outputs` behind the negatives.

    Returns the number of centres, of outputs, of words passed, and the position behind the last centre.
    """
    n_centres = 0
    n_words = 0
    n_outputs = settings.n_shared
    weights[:BLOCK, :] = np.float32(0)
    while n_centres < BLOCK and position < len(ids):
        word = ids[position]
        if word >= 0:
            n_words += 1
            if keep[word] >= np.float32(1.0) or next_float32(state) < keep[word]:
                low, high = window_bounds(ids, len(ids), position, settings.window, settings.shrink, state)
                for p in range(low, high + 1):
                    if p != position:
                        place = p - position + settings.window - (p > position)
                        outputs[n_outputs] = place * len(keep) + ids[p]
                        weights[n_centres, n_outputs] = np.float32(1)
                        n_outputs += 1
                if high > low:
                    for k in range(settings.n_shared):
                        weights[n_centres, k] = np.float32(high - low) * settings.negative_weight
                    centres[n_centres] = word
                    n_centres += 1
        position += 1
    for q in range(n_centres, BLOCK):
        centres[q] = centres[0]
    return n_centres, n_outputs, n_words, position


@kernel
def drop_neighbours(outputs, n_outputs, n_shared, n_centres, weights, negative_weight):
    """A negative equal to a neighbour's row does not count for the pair with that neighbour."""
    for k in range(n_shared):
        for c in range(n_shared, n_outputs):
            if outputs[k] == outputs[c]:
                for q in range(n_centres):
                    weights[q, k] -= weights[q, c] * negative_weight


@functools.cache
def make_positional(row_size):
    """Structured skip-gram with negative sampling for rows of `row_size` float32."""
    scores_of, add_products, copy_rows = make_products(row_size)

    @kernel(fastmath=True)
    def positional(ids, keep, table, settings, w_in, w_out, learning_rate, state, control, locked=None):
        """Train on `ids`, a slice of the stream.

        Parameters
        ----------
        w_out : float32 (2 * window * n_words, row_size)
            Of the farthest place before a centre first, of the farthest behind it last; updated in place.
        locked : uint8 (n_words,), optional
            1 for each word whose row of `w_in` must not change.
        ids, keep, table, settings, w_in, learning_rate, state, control
            As of `embedkit.kernels.word2vec.make_skipgram`, without private rows.

        Returns
        -------
        n_words : int
            Words seen, left-out ones included.
        loss, n_pairs : float
            Sum of the loss over every `LOSS_EVERY`-th block, and its number of (centre, neighbour) pairs.
        """
        n_shared = settings.n_shared
        most = n_shared + 2 * settings.window * BLOCK
        outputs = np.zeros(most, np.int64)
        following = np.zeros(n_shared, np.int64)
        centres = np.zeros(BLOCK, np.int64)
        iota = np.arange(most)
        buffer = aligned_rows(most, row_size)
        scores = np.zeros((BLOCK + 1, most + LANES), np.float32)
        weights = np.zeros((BLOCK + 1, most + LANES), np.float32)
        labels = np.ones((BLOCK + 1, most + LANES), np.float32)
        labels[:, :n_shared] = np.float32(0)
        loss = 0.0
        n_pairs = 0.0
        n_words = 0
        step = 0
        position = 0
        draw_many(table, state, following)
        for k in range(n_shared):
            following[k] += next_below(state, 2 * settings.window) * len(keep)
        while position < len(ids) and control[0] == 0:
            for k in range(n_shared):
                outputs[k] = following[k]
            n_centres, n_outputs, passed, position = take_neighbours(
                ids, position, keep, settings, state, centres, outputs, weights
            )
            n_words += passed
            if n_centres == 0:
                break
            for c in range(n_shared, n_outputs):
                fetch_row(w_out, outputs[c])
            draw_many(table, state, following)
            for k in range(n_shared):
                like = outputs[n_shared + next_below(state, n_outputs - n_shared)]
                following[k] += like - like % len(keep)
                fetch_row(w_out, following[k])
            drop_neighbours(outputs, n_outputs, n_shared, n_centres, weights, settings.negative_weight)
            while n_outputs % TILE_COLUMNS:
                outputs[n_outputs] = outputs[0]
                n_outputs += 1
            copy_rows(w_out, outputs, n_outputs, buffer)
            scores_of(w_in, centres, BLOCK, buffer, n_outputs, scores)
            if step % LOSS_EVERY == 0:
                block_loss, block_pairs = pair_loss(scores, weights, labels, n_centres, n_outputs)
                loss += block_loss
                n_pairs += block_pairs
            step += 1
            logistic_steps(scores, weights, labels, BLOCK * weights.shape[1], learning_rate)
            add_products(w_out, outputs, n_outputs, 1, w_in, centres, n_centres, weights, weights.shape[1])
            if locked is not None:
                hold_locked(locked, centres, n_centres, weights)
            add_products(w_in, centres, n_centres, weights.shape[1], buffer, iota, n_outputs, weights, 1)
        return n_words, loss, n_pairs

    return positional
