"""Paragraph vectors: a document predicts its words, alone (PV-DBOW) or together with their neighbours (PV-DM).

Le and Mikolov 2014, "Distributed representations of sentences and documents", with negative sampling. PV-DM is CBOW,
and PV-DBOW with words is skip-gram, with one more context row (`embedkit.kernels.cbow`, `embedkit.kernels.word2vec`).
PV-DBOW alone is here: the document's row meets `WORDS` of its words and the negatives that these share in one step. A
shared negative stands for ``negative / n_shared`` negatives of each word.

Inferring is here too: words stay where they are, only the document's row moves. Its random numbers begin anew with each
document, so that a document gets the same vector whatever else is inferred beside it.

What bounds PV-DBOW (`tests.benchmarks.roofline`; 100 dimensions, 18.6 million words, 75,920 different ones, one
thread, two cores of an EPYC of the fifth generation with AVX-512, 2026-11-29): a word takes 1,070 operations and 1.7
kB of rows, 18 output rows for 8 words, read and written, of which 0.5 kB come from the second cache and 0.9 kB from
the third. The core does 290 Gflop/s, and changes rows at 475 GB/s in the first cache, 230 in the second, 165 in the
third and 47 in memory. 24.6 million words a second are 9 % of the peak; the bandwidths ask for 8 % of the time in the
first cache and 19 % further away. With all rows near a word takes 60 % of the time: instructions, half of it, bound it
before the output rows, which it waits for in the other 40 %. One word with five negatives of its own at a time, six
rows for each word, took twice as long.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.outputs import logistic_loss, make_workspace
from embedkit.kernels.private import give_back, renumber, take_private
from embedkit.kernels.rows import SCORES, TILE, add_row, dot_rows, fetch_row, update_rows
from embedkit.kernels.sampling import draw, subsample, window_bounds
from embedkit.kernels.simd import logistic_steps

WORDS = 8
LOSS_EVERY = 16
ONE = np.float32(1)


class Settings(NamedTuple):
    """What stays the same through a run.

    Attributes
    ----------
    window : int
        Words to each side.
    shrink : bool
        Draw each window from 1..window.
    n_shared : int
        Negatives that the words of a step share; ``WORDS + n_shared`` is a multiple of `embedkit.kernels.rows.TILE`.
    negative_weight : float32
        ``negative / n_shared``.
    mean_gradient : bool
        PV-DM: divide the change by the number of rows that the hidden vector is the mean of.
    n_private, private, private_share : int, int, float32
        Rows of each word matrix that the thread has for itself (`embedkit.kernels.private`).
    """

    window: int
    shrink: bool
    n_shared: int
    negative_weight: np.float32
    mean_gradient: bool
    n_private: int = 0
    private: int = 0
    private_share: np.float32 = ONE


@kernel(borrows=True)
def draw_ahead(table, state, settings, w_out, work):
    """Draw the negatives of the next step into ``work.pool`` and prefetch their rows."""
    for k in range(settings.n_shared):
        word = draw(table, state)
        if word < settings.n_private:
            word += settings.private
        work.pool[k] = word
        fetch_row(w_out, word)


@kernel(borrows=True)
def weigh_outputs(work, n_centres, settings):
    """Put the negatives behind the centres in ``work.rows``, and labels and weights beside; returns how many rows.

    A negative equal to a centre is dropped: it does not count for that centre. The rows are filled up to whole tiles
    with rows that do not count.
    """
    n = n_centres + settings.n_shared
    for o in range((n + TILE - 1) // TILE * TILE):
        at = o // TILE * SCORES + o % TILE
        work.labels[at] = np.float32(o < n_centres)
        work.counted[at] = np.float32(o < n_centres)
        if o >= n:
            work.rows[o] = work.rows[0]
        elif o >= n_centres:
            work.rows[o] = work.pool[o - n_centres]
            count = n_centres
            for q in range(n_centres):
                count -= work.rows[q] == work.rows[o]
            work.counted[at] = np.float32(count) * settings.negative_weight
    return n


@kernel(borrows=True)
def weighted_loss(work, n):
    """The summed loss of a step."""
    loss = 0.0
    for o in range(n):
        at = o // TILE * SCORES + o % TILE
        if work.counted[at] > 0:
            loss += work.counted[at] * logistic_loss(work.scores[at], work.labels[at])
    return loss


@kernel(borrows=True)
def learn(w_out, work, n, rate, frozen):
    """One step from ``work.hidden[0]`` to ``work.hidden[1]``; unless `frozen` the output rows move too."""
    for first in range(0, n, TILE):
        dot_rows(w_out, work.rows, first, work.hidden, 0, work.scores)
    n_places = (n + TILE - 1) // TILE * SCORES
    for k in range(n_places):
        work.gradient[k] = work.counted[k]
    logistic_steps(work.scores, work.gradient, work.labels, n_places, rate)
    if frozen:
        for d in range(work.hidden.shape[1]):
            work.hidden[1, d] = work.hidden[0, d]
        for o in range(n):
            add_row(work.hidden, 1, work.gradient[o // TILE * SCORES + o % TILE], w_out, work.rows[o])
        return
    update_rows(w_out, work.rows, 0, work.gradient, work.hidden, 0, 0, 1)
    for first in range(TILE, n, TILE):
        update_rows(w_out, work.rows, first, work.gradient, work.hidden, 0, 1, 1)


@kernel
def dbow_pass(kept, n, document, table, settings, w_out, documents, rate, state, control, work, frozen):
    """One pass of PV-DBOW over a piece of text that was subsampled; returns (loss, number of its terms)."""
    loss = 0.0
    n_terms = 0.0
    step = 0
    position = 0
    draw_ahead(table, state, settings, w_out, work)
    while position < n and control[0] == 0:
        if kept[position] < 0:
            document += 1
            position += 1
            continue
        n_centres = 0
        while n_centres < WORDS and position < n and kept[position] >= 0:
            work.rows[n_centres] = kept[position]
            n_centres += 1
            position += 1
        n_outputs = weigh_outputs(work, n_centres, settings)
        draw_ahead(table, state, settings, w_out, work)
        for p in range(position, min(n, position + WORDS)):
            if kept[p] >= 0:
                fetch_row(w_out, np.int64(kept[p]))
        for d in range(documents.shape[1]):
            work.hidden[0, d] = documents[document, d]
        learn(w_out, work, n_outputs, rate, frozen)
        if step % LOSS_EVERY == 0 and not frozen:
            loss += weighted_loss(work, n_outputs)
            n_terms += n_centres
        step += 1
        for d in range(documents.shape[1]):
            documents[document, d] = work.hidden[1, d]
    return loss, n_terms


@kernel
def dm_pass(kept, n, document, table, settings, w_in, w_out, documents, rate, state, work):
    """One pass of PV-DM over a new document: only its row changes."""
    hidden, size = work.hidden, documents.shape[1]
    draw_ahead(table, state, settings, w_out, work)
    for centre in range(n):
        low, high = window_bounds(kept, n, centre, settings.window, settings.shrink, state)
        work.rows[0] = kept[centre]
        n_outputs = weigh_outputs(work, 1, settings)
        draw_ahead(table, state, settings, w_out, work)
        for d in range(size):
            hidden[0, d] = documents[document, d]
        for p in range(low, high + 1):
            if p != centre:
                add_row(hidden, 0, ONE, w_in, np.int64(kept[p]))
        share = ONE / np.float32(1 + high - low)
        for d in range(size):
            hidden[0, d] *= share
        learn(w_out, work, n_outputs, rate, True)
        if not settings.mean_gradient:
            share = ONE
        for d in range(size):
            documents[document, d] += share * (hidden[1, d] - hidden[0, d])


@kernel
def train_dbow(ids, keep, table, settings, documents, w_out, rate, state, control, document):
    """Train PV-DBOW on `ids`, a slice of the stream.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids, negative at the end of each document.
    keep : float32 (n_words,)
        Probability of keeping a word.
    table : uint32 (n_words, 2)
        Alias table of the negatives.
    settings : Settings
    documents : float32 (n_documents, row_size)
    w_out : float32 (n_words + private rows of all threads, row_size)
        Updated in place.
    rate : float32
    state : uint64 (1,)
    control : int64 (1,)
        Training stops soon after it becomes non-zero.
    document : int
        The row of the document that the slice begins in.

    Returns
    -------
    n_words : int
        Words seen, left-out ones included.
    loss, n_terms : float
        Sum of the loss over every `LOSS_EVERY`-th step, and the number of its words.
    """
    kept = np.empty(len(ids), np.int32)
    n, n_words = subsample(ids, keep, state, kept)
    renumber(kept, n, settings.n_private, settings.private)
    before = np.empty((settings.n_private, w_out.shape[1]), np.float32)
    take_private(w_out, settings.private, before)
    work = make_workspace(documents.shape[1], w_out.shape[0], WORDS + settings.n_shared)
    loss, n_terms = dbow_pass(kept, n, document, table, settings, w_out, documents, rate, state, control, work, False)
    give_back(w_out, settings.private, before, settings.private_share)
    return n_words, loss, n_terms


@functools.cache
def make_infer(memory):
    """``infer``: vectors of new documents beside words that stay as they are, for PV-DM (`memory`) or PV-DBOW."""

    @kernel
    def infer(ids, offsets, keep, table, settings, w_in, w_out, documents, schedule, seed, control):
        """Infer documents one after the other.

        Parameters
        ----------
        ids : int32 (n,)
        offsets : int64 (n_documents + 1,)
            Document i is ``ids[offsets[i]:offsets[i + 1]]``.
        keep, table, settings, w_out
            As in training; `w_out` is only read.
        w_in : float32 (n_words, row_size)
            The words' rows; of PV-DM.
        documents : float32 (n_documents, row_size)
            First values; updated in place.
        schedule : float32 (epochs,)
            The learning rate of each pass.
        seed : uint64
            Each document's random numbers begin with it.
        control : int64 (1,)
        """
        longest = 0
        for i in range(documents.shape[0]):
            longest = max(longest, offsets[i + 1] - offsets[i])
        kept = np.empty(longest, np.int32)
        state = np.empty(1, np.uint64)
        work = make_workspace(documents.shape[1], w_out.shape[0], WORDS + settings.n_shared)
        for i in range(documents.shape[0]):
            state[0] = seed
            text = ids[offsets[i] : offsets[i + 1]]
            for rate in schedule:
                n, _ = subsample(text, keep, state, kept)
                if memory:
                    dm_pass(kept, n, i, table, settings, w_in, w_out, documents, rate, state, work)
                else:
                    dbow_pass(kept, n, i, table, settings, w_out, documents, rate, state, control, work, True)

    return infer
