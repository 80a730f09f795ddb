"""Skip-gram over subwords with negative sampling, several centres at a time.

A step takes a block of neighbouring centres, as skip-gram over words does (`embedkit.kernels.word2vec`; Ji et al. 2016,
arXiv:1604.04661). The hidden vectors of the centres, each the mean of a word's rows, meet all words of their windows
and one set of negatives in three small products: scores, the change of the hidden vectors, the change of the outputs.
So an output row is read and written once a block and not once for each of its pairs. A negative stands for
``negative / n_shared`` negatives of each pair whose target is another word.

All pairs of a centre change it at once, so this is for windows that are not wide: with windows of 50 words and more
training diverged where one pair after the other learns. Negatives grow with the window, so that none weighs more than
one of each pair's own would on average.

A centre meets as many negatives as are shared, so quality depends on their number more than for skip-gram over words.
Means of three seeds on a sixth of en_wiki with the defaults, WS353 and analogies: five negatives for each pair alone,
one centre after the other, .623 and .451 in 12.1 s; 24 shared by four centres .629 and .440; 32, as it is, .631 and
.457 in 8.6 s; 40 .621 and .453. Eight, as many as skip-gram shares, had analogies of .378 (one seed). Picked from a
pool in the second-level cache, 24 had .605 and .438: they save 7 % of the time, and neighbouring blocks meet the same.
"""

from __future__ import annotations

import functools

import numpy as np

from embedkit.kernels.blocks import BLOCK, context_rows, take_block
from embedkit.kernels.compiling import kernel
from embedkit.kernels.fasttext import output_of
from embedkit.kernels.fasttext_rows import ONE, make_word_rows
from embedkit.kernels.private import give_back, take_private
from embedkit.kernels.products import TILE_ROWS, make_products
from embedkit.kernels.rows import fetch_row
from embedkit.kernels.sampling import subsample
from embedkit.kernels.simd import aligned_rows, logistic_steps
from embedkit.kernels.word2vec import LOSS_EVERY, draw_negatives, pair_loss


@kernel(borrows=True)
def add_negatives(rows, n_rows, negatives, weights, negative_weight):
    """Put negatives behind the contexts, with their weights for each centre; returns how many rows there are.

    A negative's weight is that of the centre's pairs whose target is another word.
    """
    n_shared = negatives.shape[0]
    for k in range(n_shared):
        rows[n_rows + k] = negatives[k]
    for q in range(BLOCK):
        pairs = np.float32(0)
        for r in range(n_rows):
            pairs += weights[r, q]
        for k in range(n_rows, n_rows + n_shared):
            weights[k, q] = pairs * negative_weight
    for r in range(n_rows):
        for k in range(n_rows, n_rows + n_shared):
            if rows[r] == rows[k]:
                for q in range(BLOCK):
                    weights[k, q] -= weights[r, q] * negative_weight
    n = n_rows + n_shared
    for r in range(n, n + TILE_ROWS):
        rows[r] = rows[n - 1]
    return n


@functools.cache
def make_train_blocks(row_size):
    """The training kernel for rows of `row_size` float32; takes what those of `embedkit.kernels.fasttext` take."""
    scores_of, add_products, _ = make_products(row_size)
    words = make_word_rows(row_size)
    fetch_word, add_word, move_word = words.fetch, words.add, words.move

    @kernel(borrows=True)
    def fetch_ahead(kept, centres, outputs, settings, model):
        """Ask for the rows of the words at `centres`, and the output rows of those at `outputs`: (first, last + 1)."""
        for p in range(centres[0], centres[1]):
            if kept[p] >= 0:
                fetch_word(settings, model, kept[p])
        for p in range(outputs[0], outputs[1]):
            if kept[p] >= 0:
                fetch_row(model.w_out, np.int64(output_of(settings, kept[p])))

    @kernel(fastmath=True)
    def train(ids, keep, table, settings, model, learning_rate, state, control, touched=None, locked=None):
        """Train on `ids`, a slice of the stream; parameters and result as of `embedkit.kernels.fasttext.make_train`."""
        w_in, w_out = model.w_in, model.w_out
        n_shared = settings.n_shared
        kept = np.empty(len(ids), np.int32)
        n, n_words = subsample(ids, keep, state, kept)
        inputs_before = np.empty((settings.n_inputs, row_size), np.float32)
        outputs_before = np.empty((settings.n_outputs, row_size), np.float32)
        take_private(w_in, settings.inputs, inputs_before)
        take_private(w_out, settings.outputs, outputs_before)
        max_rows = BLOCK + 2 * settings.window + 1 + n_shared + TILE_ROWS
        rows = np.zeros(max_rows, np.int64)
        negatives = np.zeros(n_shared, np.int64)
        following = np.zeros(n_shared, np.int64)
        centres = np.zeros(BLOCK, np.int64)
        places = np.zeros(BLOCK, np.int64)
        lows = np.zeros(BLOCK, np.int64)
        highs = np.zeros(BLOCK, np.int64)
        block = (centres, places, lows, highs)
        sentence = np.array([0, -1, 0])
        iota = np.arange(BLOCK)
        hidden = aligned_rows(BLOCK, row_size)
        change = aligned_rows(BLOCK, row_size)
        scores = np.empty((max_rows, BLOCK), np.float32)
        weights = np.zeros((max_rows, BLOCK), np.float32)
        labels = np.zeros((max_rows, BLOCK), np.float32)
        loss = 0.0
        n_pairs = 0.0
        step = 0
        position = 0
        ahead = 0
        draw_negatives(table, state, following, settings.n_outputs, settings.outputs, w_out, touched)
        while position < n and control[0] == 0:
            negatives, following = following, negatives
            n_centres, position = take_block(kept, n, position, sentence, settings, state, block)
            if n_centres == 0:
                break
            draw_negatives(table, state, following, settings.n_outputs, settings.outputs, w_out, touched)
            reach = max(ahead, min(n, position + BLOCK + settings.window))
            fetch_ahead(kept, (position, min(n, position + BLOCK)), (ahead, reach), settings, model)
            ahead = reach
            n_contexts = context_rows(kept, places, lows, highs, rows, weights, settings.negative_weight)
            if n_contexts == 0:
                continue
            for r in range(n_contexts):
                rows[r] = output_of(settings, rows[r])
            n_rows = add_negatives(rows, n_contexts, negatives, weights, settings.negative_weight)
            for q in range(BLOCK):
                for d in range(row_size):
                    hidden[q, d] = 0.0
                    change[q, d] = 0.0
            for q in range(n_centres):
                scale = ONE / np.float32(add_word(settings, model, centres[q], hidden, q))
                for d in range(row_size):
                    hidden[q, d] *= scale
            for r in range(n_rows):
                for q in range(BLOCK):
                    labels[r, q] = np.float32(r < n_contexts)
            scores_of(w_out, rows, n_rows, hidden, BLOCK, scores)
            if step % LOSS_EVERY == 0:
                block_loss, block_pairs = pair_loss(scores, weights, labels, n_rows, BLOCK)
                loss += block_loss
                n_pairs += block_pairs
            step += 1
            logistic_steps(scores, weights, labels, n_rows * BLOCK, learning_rate)
            add_products(change, iota, BLOCK, 1, w_out, rows, n_rows, weights, BLOCK)
            add_products(w_out, rows, n_rows, BLOCK, hidden, iota, BLOCK, weights, 1)
            for q in range(n_centres):
                move_word(settings, model, centres[q], change, q, locked)
        give_back(w_in, settings.inputs, inputs_before, settings.share)
        give_back(w_out, settings.outputs, outputs_before, settings.share)
        return n_words, loss, n_pairs

    return train
