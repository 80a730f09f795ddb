"""Skip-gram and CBOW over subwords (Bojanowski et al. 2017): negative sampling, hierarchical and full softmax.

The hidden vector is the mean of the rows of a word and its n-grams (CBOW: of all words in the window), and each of
these rows receives the same gradient, undivided, as in the fastText tool. So the hidden vector moves by exactly that
gradient: it is gathered once for each centre, and the whole change is added to the rows once at the end. The
mathematics are the tool's; the rows are read and written a window's worth less often. Skip-gram with negative sampling
takes several centres at a time (`embedkit.kernels.fasttext_blocks`); with the other losses, in CBOW and where windows
are wide the hidden vector moves after every target.

What bounded it was memory, in three places (18.8 million English words, vector_size 100: 20.5 rows a word, 400,000
rows in use, an L2 cache of 2 MB):

**N-gram rows.** Half of the reads go to a few thousand rows, which are numbered first so that they lie together in
the cache. The others are read once in thousands of words. They are updated *lazily*: a frequent word keeps the sum of
its lazy rows in a cache, updated with its own gradients, and the update that is pending for each of them. After
`interval` uses the pending update is flushed into the rows and the sum read anew. The interval is a fortieth of the
word's uses in an epoch (`embedkit.training.subword_layout.FLUSHES`), so no lazy row is behind by more than that. Rare
words are handled row by row. Until a flush, other words that share a lazy row do not see the pending
update: for them this is a delay, as between threads. With 40 flushes an epoch
86 % of the uses are of cached words, and 2.5 of 20.5 rows a use are lazy ones of rare words; with 100 it was 77 % and
4.1. On all of en_wiki 40 had WS353 .696 and analogies .461, 100 .692 and .460, 20 .690 and .448 (one seed); 20 with 500
rows that are never lazy in the place of 2,000 .635 and .384.

**Negatives.** Beside blocks they are drawn from a pool of 512 words that is renewed at a steady rate, so that their
rows are in the L2 cache.

**Rows that all threads write.** Each thread has the 256 most used input rows and the 64 most frequent words' output
rows for itself during a slice (`embedkit.kernels.private`): 6 % faster with two threads, and better, since two threads'
steps on a frequent n-gram no longer add up (WS353 .686 instead of .678, analogies .562 instead of .552, six seeds
against three).

**Order.** Rows for the next centre are asked for while the current one is at work.

What bounds skip-gram now (`tests.benchmarks.roofline`; 100 dimensions, 18.6 million words, 75,920 different ones, one
thread, two cores of an EPYC of the fifth generation with AVX-512, 2026-11-29): a word takes 16,500 operations and 12.3
kB of rows, read and written, of which 2.2 kB come from the second cache, 6.6 kB from the third and 2.5 kB from memory.
The core does 290 Gflop/s, and changes rows at 475 GB/s in the first cache, 230 in the second, 165 in the third and 47
in memory. 2.66 million words a second are 15 % of the peak; the bandwidths ask for 7 % of the time in the first cache
and 26 % further away. With all rows near a word takes 68 % of the time: instructions bound it first, then the rows of
n-grams, 180 MB. Before a word's sum and its change stayed in registers while its rows pass by, it was 2.41 million,
and of jamo, 32 rows a word, a sixth less. Then, each part left out in turn (two threads): of 620 ns of the processor
for a centre, gathering its rows took 160, asking for them before 160, adding to them 85, products, negatives and all
else 270. When each pair had its own negatives and products it was 1,000 ns. Counting references to the arrays that the
small functions here are given, atomically and on lines that both threads share, once took 38 %; they borrow them now.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.fasttext_rows import ONE, make_word_rows
from embedkit.kernels.outputs import POOL_BITS, make_steps, make_workspace, renew_pool
from embedkit.kernels.private import give_back, take_private
from embedkit.kernels.rows import fetch_row
from embedkit.kernels.sampling import subsample, window_bounds

LOSS_EVERY = 16  # the loss is computed for one centre in so many: it costs logarithms


class Settings(NamedTuple):
    """What stays the same through a run.

    Attributes
    ----------
    window : int
    shrink : bool
        Draw each centre's window from 1..window.
    negative : int
        Negatives a target; 0 with the other losses.
    n_drawn : int
        Negatives newly drawn into the pool at each centre.
    mean_gradient : bool
        CBOW: divide the gradient by the number of context words.
    max_outputs : int
        Output rows of one target at most.
    n_inputs, inputs, n_outputs, outputs : int
        How many rows of `w_in` (the most used ones) and of `w_out` the thread has for itself, and the first of its own
        (`embedkit.kernels.private`).
    share : float32
        What it gives back of their change.
    n_shared, negative_weight : int, float32
        Negatives that a block of centres shares, and ``negative / n_shared`` (`embedkit.kernels.fasttext_blocks`).
    """

    window: int
    shrink: bool
    negative: int
    n_drawn: int
    mean_gradient: bool
    max_outputs: int
    n_inputs: int = 0
    inputs: int = 0
    n_outputs: int = 0
    outputs: int = 0
    share: np.float32 = ONE
    n_shared: int = 0
    negative_weight: np.float32 = ONE


@kernel(borrows=True)
def output_of(settings, word):
    return word + settings.outputs if word < settings.n_outputs else word


@kernel(borrows=True)
def _draw_pool(settings, table, position, pool, state, w_out, touched):
    return renew_pool(
        pool, position, settings.n_drawn, table, settings.n_outputs, settings.outputs, state, w_out, touched
    )


@functools.cache
def make_train(row_size, cbow, loss):
    """The training kernel: ``train(ids, keep, table, settings, model, learning_rate, state, control)``.

    Skip-gram with negative sampling in windows that are not wide is `embedkit.kernels.fasttext_blocks`.

    Parameters
    ----------
    row_size : int
        From `padded_size`.
    cbow : bool
        The window's words predict the centre, instead of the centre each of them.
    loss : {"ns", "hs", "softmax"}
        `table` is an alias table, `embedkit.kernels.outputs.Paths`, or for softmax whatever, it is not read.
    """
    choose, step = make_steps(loss)
    words = make_word_rows(row_size)
    fetch_word, add_word, move_word = words.fetch, words.add, words.move
    negatives = loss == "ns"

    @kernel
    def train(ids, keep, table, settings, model, learning_rate, state, control, touched=None, locked=None):
        """Train on `ids`, a slice of the stream.

        Where `touched`, uint8 (n_words,), is given, it gets 1 for each word that was drawn as a negative. Rows of w_in
        whose `locked`, uint8 (n_rows,), is 1 stay as they are; with it there are no cached words and no private inputs.

        Returns
        -------
        n_words : int
            Words seen, left-out ones included.
        loss, n_pairs : float
            Sum of the loss over the centres where it was computed, and its number of predictions.
        """
        w_in, w_out = model.w_in, model.w_out
        window, negative = settings.window, settings.negative
        kept = np.empty(len(ids), np.int32)
        n, n_words = subsample(ids, keep, state, kept)
        size = w_in.shape[1]
        inputs_before = np.empty((settings.n_inputs, size), np.float32)
        outputs_before = np.empty((settings.n_outputs, size), np.float32)
        take_private(w_in, settings.inputs, inputs_before)
        take_private(w_out, settings.outputs, outputs_before)
        work = make_workspace(size, w_out.shape[0], settings.max_outputs)
        hidden = work.hidden
        position = np.int64(0)
        if negatives:
            for _ in range(0, 1 << POOL_BITS, settings.n_drawn):
                position = _draw_pool(settings, table, position, work.pool, state, w_out, touched)
        total = 0.0
        n_pairs = 0.0
        for centre in range(n):
            if control[0] != 0:
                break
            if negatives:
                position = _draw_pool(settings, table, position, work.pool, state, w_out, touched)
            ahead = centre + (window + 1 if cbow else 1)
            if ahead < n and kept[ahead] >= 0:
                fetch_word(settings, model, kept[ahead])
            ahead = centre + 1 + (0 if cbow else window)
            if negatives and ahead < n and kept[ahead] >= 0:
                fetch_row(w_out, np.int64(output_of(settings, kept[ahead])))
            word = np.int64(kept[centre])
            if word < 0:
                continue
            low, high = window_bounds(kept, n, centre, window, settings.shrink, state)
            if low == high:
                continue
            for d in range(size):
                hidden[0, d] = 0.0
            n_rows = 0
            for p in range(low if cbow else centre, (high if cbow else centre) + 1):
                if not cbow or p != centre:
                    n_rows += add_word(settings, model, kept[p], hidden, 0)
            scale = np.float32(1.0) / np.float32(n_rows)
            for d in range(size):
                hidden[0, d] *= scale
                hidden[2, d] = hidden[0, d]
            now = 0
            with_loss = centre % LOSS_EVERY == 0
            for p in range(centre if cbow else low, (centre if cbow else high) + 1):
                if not cbow and p == centre:
                    continue
                target = np.int64(output_of(settings, kept[p]))
                n_outputs = choose(w_out, table, work, negative, target, state)
                total += step(w_out, work, n_outputs, target, now, learning_rate, with_loss)
                n_pairs += with_loss
                now = 1 - now
            share = np.float32(1.0)
            if cbow and settings.mean_gradient:
                share = np.float32(1.0) / np.float32(high - low)
            for d in range(size):
                hidden[2, d] = share * (hidden[now, d] - hidden[2, d])
            for p in range(low if cbow else centre, (high if cbow else centre) + 1):
                if not cbow or p != centre:
                    move_word(settings, model, kept[p], hidden, 2, locked)
        give_back(w_in, settings.inputs, inputs_before, settings.share)
        give_back(w_out, settings.outputs, outputs_before, settings.share)
        return n_words, total, n_pairs

    return train
