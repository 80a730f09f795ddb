"""Skip-gram with negative sampling, several centres at a time; CBOW has the same settings (`embedkit.kernels.cbow`).

One step takes a block of neighbouring centres. Every context row that lies in at least one of their windows meets
every output row of the block (the centres themselves and one set of negatives that all share) in three small
matrix products: scores, the change of the outputs, the change of the inputs (Ji et al. 2016, arXiv:1604.04661,
with the block widened from one centre to several). A pair counts where the context lies in the centre's window; a
shared negative stands for ``negative / n_shared`` negatives of each of the row's pairs, so that a pair is worth as
many negatives as asked for. Both products that update use the values from before the step.

Both matrices are float32 (n_words, row_size), padded by `embedkit.kernels.simd.padded_size`, and are shared by all
threads without locks (Hogwild; Recht et al. 2011), but for the rows of the most frequent words
(`embedkit.kernels.private`). A call works on one slice of the id stream.

What bounds skip-gram (`tests.benchmarks.roofline`; 100 dimensions, 18.6 million words, 75,920 different ones, one
thread, two cores of an EPYC of the fifth generation with AVX-512, 2026-11-29; `sample` .0001): a word takes 11,200
operations and 3.0 kB of rows, read and written, of which 0.5 kB come from the second cache, 1.4 kB from the third and
0.1 kB from memory. The core does 290 Gflop/s, and changes rows at 475 GB/s in the first cache, 230 in the second, 180
in the third and 47 in memory. 9.0 million words a second are 35 % of the peak; the bandwidths ask for 6 % of the time
in the first cache and 11 % further away. With all rows near a word takes 86 % of the time, so instructions bound it,
not memory. Each part left out in turn (`sample` .001, 140 ns a word): the two updating products take 60 ns, two thirds
of what they could do at the peak, the scores 35, drawing negatives and asking for their rows 9 to 22, copying the
outputs 10, finding contexts 8, σ 4, windows and subsampling 12; without asking ahead a word takes 28 more.

What mattered on the way here: rows on cache lines (1.35 times), σ in explicit vectors (a loop over two arrays was not
vectorised: 22 %), windows from the sentence's bounds instead of a walk, the loss on few blocks, contexts and dropped
negatives found four at a time and a copy that knows the length of its rows (a tenth). What did not help: three target
rows at a time in registers (6 % slower), sources four at a time with zeros for the missing ones, output rows copied by
the product that changes them, negatives' rows asked for without a loop (1 %).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.blocks import (
    BLOCK,
    add_document,
    context_rows,
    drop_targets,
    hold_locked,
    take_block,
)
from embedkit.kernels.compiling import kernel
from embedkit.kernels.outputs import logistic_loss
from embedkit.kernels.private import give_back, renumber, take_private
from embedkit.kernels.products import TILE_ROWS, make_products
from embedkit.kernels.rows import fetch_row
from embedkit.kernels.sampling import draw_many, subsample
from embedkit.kernels.simd import aligned_rows, logistic_steps


class Settings(NamedTuple):
    """What stays the same through a training run.

    Attributes
    ----------
    window : int
        Words to each side.
    shrink : bool
        Draw each centre's window from 1..window.
    n_shared : int
        Negatives that a block shares; ``BLOCK + n_shared`` is a multiple of `embedkit.kernels.products.TILE_COLUMNS`.
        For CBOW any number, that `embedkit.kernels.cbow.STREAMS` centres share.
    negative_weight : float32
        ``negative / n_shared``.
    mean_gradient : bool
        CBOW: divide the gradient by the number of context words (İrsoy et al. 2021).
    n_private, private, private_share : int, int, float32
        Number of this thread's own rows, the first of them, and what it gives back (`embedkit.kernels.private`).
    learn_outputs : bool
        Whether the output rows are updated; with those of a compass they stay as they are.
    """

    window: int
    shrink: bool
    n_shared: int
    negative_weight: np.float32
    mean_gradient: bool
    n_private: int = 0
    private: int = 0
    private_share: np.float32 = np.float32(1)
    learn_outputs: bool = True


LOSS_EVERY = 64  # the loss is computed for one block in so many: it costs logarithms, 9 % of the time at 16


@kernel
def pair_loss(scores, weights, labels, n_rows, n_outputs):
    """Sum of ``-w log σ(±score)`` and the number of positive pairs, in float64."""
    loss = 0.0
    pairs = 0.0
    for r in range(n_rows):
        for c in range(n_outputs):
            weight = weights[r, c]
            if weight > 0:
                if labels[r, c] > 0:
                    pairs += weight
                loss += weight * logistic_loss(scores[r, c], labels[r, c])
    return loss, pairs


@kernel
def prefetch_ahead(kept, position, stop, w_in, w_out):
    """Bring the input and output rows of ``kept[position:stop]`` nearer; returns `stop` or `position`."""
    while position < stop:
        if kept[position] >= 0:
            fetch_row(w_in, np.int64(kept[position]))
            fetch_row(w_out, np.int64(kept[position]))
        position += 1
    return position


@kernel(borrows=True)
def draw_negatives(table, state, words, n_private, private, matrix, touched):
    """Fill `words` with draws, as rows of this thread, and prefetch these; `touched` may be None."""
    draw_many(table, state, words)
    for k in range(words.shape[0]):
        word = words[k]
        if word < n_private:
            word += private
            words[k] = word
        fetch_row(matrix, word)
        if touched is not None:
            touched[word] = 1


@functools.cache
def make_skipgram(row_size, documents=False):
    """Skip-gram with negative sampling for rows of `row_size` float32.

    With `documents` sentence i has the row ``document + i`` of `w_in`, a further context of all its centres.
    """
    scores_of, add_products, copy_rows = make_products(row_size)

    @kernel(fastmath=True)
    def skipgram(
        ids, keep, table, settings, w_in, w_out, learning_rate, state, control, touched=None, locked=None, document=0
    ):
        """Train on `ids`, a slice of the stream.

        Parameters
        ----------
        ids : int32 (n,)
            Word ids, negative at sentence ends.
        keep : float32 (n_words,)
            Probability of keeping a word.
        table : uint32 (n_words, 2)
            Alias table of the negatives.
        settings : Settings
        w_in, w_out : float32 (n_words + private rows of all threads, row_size)
            Updated in place.
        learning_rate : float32
        state : uint64 (1,)
            Random state.
        control : int64 (1,)
            Training stops soon after it becomes non-zero.
        touched : uint8 (n_words,), optional
            Gets 1 for each word that was drawn as a negative.
        locked : uint8 (n_words,), optional
            1 for each word whose input row must not change; there are no private rows then.
        document : int
            The row of the first sentence, where sentences have rows.

        Returns
        -------
        n_words : int
            Words seen, left-out ones included.
        loss, n_pairs : float
            Sum of the loss over every `LOSS_EVERY`-th block, and its number of (centre, context) pairs.
        """
        n_outputs = BLOCK + settings.n_shared
        max_rows = BLOCK + 2 * settings.window + 1 + TILE_ROWS
        kept = np.empty(len(ids), np.int32)
        n, n_words = subsample(ids, keep, state, kept)
        renumber(kept, n, settings.n_private, settings.private)
        inputs_before = np.empty((settings.n_private, row_size), np.float32)
        outputs_before = np.empty((settings.n_private, row_size), np.float32)
        take_private(w_in, settings.private, inputs_before)
        take_private(w_out, settings.private, outputs_before)
        rows = np.zeros(max_rows, np.int64)
        outputs = np.zeros(n_outputs, np.int64)
        following = np.zeros(settings.n_shared, np.int64)
        places = np.zeros(BLOCK, np.int64)
        lows = np.zeros(BLOCK, np.int64)
        highs = np.zeros(BLOCK, np.int64)
        block = (outputs, places, lows, highs)
        sentence = np.array([0, -1, document])
        iota = np.arange(max(max_rows, n_outputs))
        buffer = aligned_rows(n_outputs, row_size)
        scores = np.empty((max_rows, n_outputs), np.float32)
        weights = np.zeros((max_rows, n_outputs), np.float32)
        labels = np.zeros((max_rows, n_outputs), np.float32)
        labels[:, :BLOCK] = 1.0
        loss = 0.0
        n_pairs = 0.0
        step = 0
        position = 0
        ahead = 0
        draw_negatives(table, state, following, settings.n_private, settings.private, w_out, touched)
        while position < n and control[0] == 0:
            for k in range(settings.n_shared):
                outputs[BLOCK + k] = following[k]
            n_centres, position = take_block(kept, n, position, sentence, settings, state, block, documents)
            if n_centres == 0:
                break
            draw_negatives(table, state, following, settings.n_private, settings.private, w_out, touched)
            ahead = prefetch_ahead(kept, ahead, min(n, position + 2 * BLOCK + settings.window), w_in, w_out)
            n_rows = context_rows(kept, places, lows, highs, rows, weights, settings.negative_weight)
            if documents:
                n_rows = add_document(rows, n_rows, sentence[2], n_centres, weights, settings.negative_weight)
            if n_rows == 0:
                continue
            drop_targets(outputs, n_rows, weights, settings.negative_weight)
            copy_rows(w_out, outputs, n_outputs, buffer)
            scores_of(w_in, rows, n_rows, buffer, n_outputs, scores)
            if step % LOSS_EVERY == 0:
                block_loss, block_pairs = pair_loss(scores, weights, labels, n_rows, n_outputs)
                loss += block_loss
                n_pairs += block_pairs
            step += 1
            logistic_steps(scores, weights, labels, n_rows * n_outputs, learning_rate)
            if settings.learn_outputs:
                add_products(w_out, outputs, n_outputs, 1, w_in, rows, n_rows, weights, n_outputs)
            if locked is not None:
                hold_locked(locked, rows, n_rows, weights)
            add_products(w_in, rows, n_rows, n_outputs, buffer, iota, n_outputs, weights, 1)
        give_back(w_in, settings.private, inputs_before, settings.private_share)
        give_back(w_out, settings.private, outputs_before, settings.private_share)
        return n_words, loss, n_pairs

    return skipgram
