"""CBOW with negative sampling: centres from eight places of the text at a time.

The mean of a centre's context rows meets the centre and some negatives; what it learns goes to each of the context
rows (Mikolov et al. 2013a, 2013b). Negatives that several centres share are read once and make matrix products of it
(Ji et al. 2016, arXiv:1604.04661), but neighbouring centres have nearly the same contexts: with shared negatives these
meet few different ones. So a step takes `STREAMS` centres that stand an eighth of the slice apart. They share as many
negatives as each would have had for itself, and a centre's neighbours meet others. Each centre's contexts learn before
the next step, as one after the other.

The eight are two groups of four, as many as registers hold (`embedkit.kernels.fours`). Each group sees the outputs as
the first has left them.

What bounds it (`tests.benchmarks.roofline`; 100 dimensions, 18.6 million words, 75,920 different ones, one thread, two
cores of an EPYC of the fifth generation with AVX-512, 2026-11-29): a word takes 3,650 operations and 5.5 kB of rows,
read and written, of which 0.6 kB come from the second cache, 1.0 kB from the third and 0.1 kB from memory. The core
does 290 Gflop/s, and changes rows at 475 GB/s in the first cache, 230 in the second, 165 in the third and 47 in
memory. 11.7 million words a second are 15 % of the peak; the bandwidths ask for 14 % of the time in the first cache
and 13 % further away. With all rows near a word takes 80 % of the time, so instructions bound it. PV-DM is the same
with one more row: 3,800 operations, 6.2 kB, 11.1 million words a second, the same shares.

With AVX2 (5 negatives, windows of 1 to 5, 28,700 words, a Zen 1 at 2.45 GHz that does one operation on eight floats a
cycle) a centre takes 18 multiply-adds and 12 additions of rows, 160 ns at that peak, and takes 550 ns, 29 % of it.
Each part left out in turn, with all rows in the cache: adding to the contexts 105 ns, learning 102, means 75, scores
60, σ 9; subsampling, windows, weights and draws 55. The additions to six context rows are bound by stores: a row of
416 bytes takes 38 cycles to read and write in the first cache, 26 if only instructions counted. What is missing to 550
ns are rows from memory: a context, a target and five eighths of a negative, 2.2 kB read and written.

What mattered on the way from 940 ns: products that do not multiply by zeros; negatives that are drawn ahead for a
whole slice without a branch, so that no draw waits for the table of the last; asking for rows a few at a time while
others are written; rows of 104 floats instead of 112. Five negatives for eight centres far apart reach what eight for
four neighbours did (3 million words, means of four and three seeds: WS353 .478 and .472, analogies .105 and .100).

What did not help: sums that slide, by count. Windows being drawn, neighbouring ones of six words on average differ by
four; with windows of one size sums and changes could slide, but take as many loads and stores for their rings. Four
neighbouring centres in a group write a context row once for two centres, 13.8 cycles a vector and centre instead of 19,
but multiply with zeros elsewhere or need eight negatives for the same quality: 640 ns.
"""

from __future__ import annotations

import functools

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.fours import FOUR, dot_pairs, learn_four
from embedkit.kernels.private import give_back, renumber, take_private
from embedkit.kernels.products import TILE_ROWS, make_products
from embedkit.kernels.rng import next_below
from embedkit.kernels.rows import add_row, fetch_row
from embedkit.kernels.sampling import draw_many, subsample
from embedkit.kernels.simd import aligned_rows, logistic_steps
from embedkit.kernels.windows import add_to_window, window_mean
from embedkit.kernels.word2vec import LOSS_EVERY, pair_loss

STREAMS = 8
AHEAD = 2  # steps before a row is needed that it is asked for
ONE = np.float32(1)


@kernel(borrows=True)
def find_centres(kept, n, centres, firsts, lasts, texts):
    """Where the words stand, and the first and last place of their sentences; returns their number.

    Parameters
    ----------
    kept : int32
        Words, negative at sentence ends.
    n : int
    centres, firsts, lasts : int32 (n,)
    texts : int32 (n or 0,)
        The number of sentence ends before; where it is empty it is left out.
    """
    n_centres = start = ends = 0
    for p in range(n):
        if kept[p] < 0:
            for i in range(n_centres - 1, -1, -1):
                if firsts[i] != start:
                    break
                lasts[i] = p - 1
            start = p + 1
            ends += 1
            continue
        centres[n_centres] = p
        firsts[n_centres] = start
        lasts[n_centres] = n - 1
        if len(texts) > 0:
            texts[n_centres] = ends
        n_centres += 1
    return n_centres


@kernel(borrows=True)
def hold_back(matrix, locked, kept, low, centre, high, further, changes, q):
    """`embedkit.kernels.windows.add_to_window` for the rows that are not locked."""
    for p in range(low, high + 1):
        if p != centre and not locked[kept[p]]:
            add_row(matrix, np.int64(kept[p]), ONE, changes, q)
    if further >= 0:
        add_row(matrix, further, ONE, changes, q)


@kernel(borrows=True)
def draw_all(table, state, drawn, settings, touched):
    """Draw the negatives of a slice, as rows of this thread; `touched` may be None."""
    draw_many(table, state, drawn)
    if touched is not None:
        for k in range(len(drawn)):
            touched[drawn[k]] = 1
    renumber(drawn, len(drawn), settings.n_private, settings.private)


@functools.cache
def make_cbow(row_size, documents=False):
    """CBOW with negative sampling for rows of `row_size` float32.

    With `documents` sentence i has the row ``document + i`` of `w_in`, a further context of all its centres.
    """
    scores_of, _, _ = make_products(row_size)

    @kernel(fastmath=True)
    def cbow(
        ids, keep, table, settings, w_in, w_out, learning_rate, state, control, touched=None, locked=None, document=0
    ):
        """Train on `ids`; arguments and result as those of `embedkit.kernels.word2vec.make_skipgram`'s kernel.

        ``settings.n_shared`` negatives are shared by `STREAMS` centres.
        """
        kept = np.empty(len(ids), np.int32)
        n, n_words = subsample(ids, keep, state, kept)
        renumber(kept, n, settings.n_private, settings.private)
        inputs_before = np.empty((settings.n_private, row_size), np.float32)
        outputs_before = np.empty((settings.n_private, row_size), np.float32)
        take_private(w_in, settings.private, inputs_before)
        take_private(w_out, settings.private, outputs_before)
        centres, firsts, lasts = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
        texts = np.empty(n if documents else 0, np.int32)
        n_centres = find_centres(kept, n, centres, firsts, lasts, texts)
        n_steps = (n_centres + STREAMS - 1) // STREAMS
        n_negatives = settings.n_shared
        drawn = np.empty((n_steps + 1) * n_negatives, np.int32)
        draw_all(table, state, drawn, settings, touched)
        n_tiles = (n_negatives + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
        negatives = np.zeros(n_tiles, np.int64)
        targets, places = np.zeros(FOUR, np.int64), np.zeros(FOUR, np.int64)
        lows, highs, further = np.zeros(FOUR, np.int64), np.zeros(FOUR, np.int64), np.full(FOUR, -1, np.int64)
        hidden, changes = aligned_rows(FOUR, row_size), aligned_rows(FOUR, row_size)
        scores = np.zeros((n_tiles + FOUR, FOUR), np.float32)
        weights = np.zeros((n_tiles + FOUR, FOUR), np.float32)
        labels = np.zeros((n_tiles + FOUR, FOUR), np.float32)
        labels[n_negatives] = 1.0
        shares = np.ones(FOUR, np.float32)
        loss = 0.0
        n_pairs = 0.0
        for step in range(n_steps):
            if control[0] != 0:
                break
            first_drawn = step * n_negatives
            for k in range(n_negatives):
                negatives[k] = drawn[first_drawn + k]
            for group in range(0, STREAMS, FOUR):
                for q in range(FOUR):
                    i = (group + q) * n_steps + step
                    targets[q], places[q], lows[q], highs[q] = 0, 0, 0, 0
                    if i < n_centres:
                        place = np.int64(centres[i])
                        reach = settings.window
                        if settings.shrink:
                            reach = 1 + next_below(state, settings.window)
                        targets[q], places[q] = kept[place], place
                        lows[q] = max(place - reach, np.int64(firsts[i]))
                        highs[q] = min(place + reach, np.int64(lasts[i]))
                    count = highs[q] - lows[q]
                    if documents:
                        further[q] = document + texts[i] if i < n_centres else -1
                        count += np.int64(i < n_centres)
                    counts = np.float32(count > 0)
                    share = ONE / np.float32(max(count, 1))
                    if settings.mean_gradient:
                        shares[q] = share
                    for k in range(n_negatives):
                        weights[k, q] = np.float32(negatives[k] != targets[q]) * counts * settings.negative_weight
                    weights[n_negatives, q] = counts
                    if i + AHEAD < n_centres:
                        fetch_row(w_out, np.int64(kept[centres[i + AHEAD]]))
                    window_mean(w_in, kept, lows[q], places[q], highs[q], further[q], share, hidden, q, row_size)
                scores_of(w_out, negatives, n_negatives, hidden, FOUR, scores)
                dot_pairs(w_out, targets, hidden, scores, n_negatives * FOUR, row_size)
                if step % LOSS_EVERY == 0:
                    step_loss, step_pairs = pair_loss(scores, weights, labels, n_negatives + 1, FOUR)
                    loss += step_loss
                    n_pairs += step_pairs
                logistic_steps(scores, weights, labels, (n_negatives + 1) * FOUR, learning_rate)
                if not settings.learn_outputs:
                    hidden[:, :] = 0.0
                learn_four(w_out, negatives, n_negatives, targets, hidden, weights, shares, changes, row_size)
                for q in range(FOUR):
                    stream = group + q
                    i = stream * n_steps + step + AHEAD + settings.window
                    if i < n_centres:
                        fetch_row(w_in, np.int64(kept[centres[i]]))
                    for k in range(stream, n_negatives, STREAMS):
                        fetch_row(w_out, np.int64(drawn[first_drawn + n_negatives + k]))
                    if locked is None:
                        add_to_window(w_in, kept, lows[q], places[q], highs[q], further[q], changes, q, row_size)
                    else:
                        hold_back(w_in, locked, kept, lows[q], places[q], highs[q], further[q], changes, q)
        give_back(w_in, settings.private, inputs_before, settings.private_share)
        give_back(w_out, settings.private, outputs_before, settings.private_share)
        return n_words, loss, n_pairs

    return cbow
