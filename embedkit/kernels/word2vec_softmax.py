"""Skip-gram and CBOW with hierarchical softmax or the full softmax: nothing is drawn, all outputs are exact.

One hidden vector at a time, a context word's row or, for CBOW, the mean of the window's, meets its outputs
(`embedkit.kernels.outputs`) and moves by their gradient.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.outputs import make_steps, make_workspace
from embedkit.kernels.rows import add_row, fetch_row
from embedkit.kernels.sampling import subsample, window_bounds

ONE = np.float32(1.0)
LOSS_EVERY = 64  # hierarchical softmax: the loss is computed for one centre in so many, it costs logarithms


class SoftmaxSettings(NamedTuple):
    """What stays the same through a run.

    Attributes
    ----------
    window : int
    shrink : bool
        Draw each centre's window from 1..window.
    mean_gradient : bool
        CBOW: divide the gradient by the number of context words.
    max_outputs : int
        The longest path, or the number of words.
    """

    window: int
    shrink: bool
    mean_gradient: bool
    max_outputs: int


@functools.cache
def make_softmax(cbow, loss):
    """The training kernel.

    Parameters
    ----------
    cbow : bool
        The mean of the window's words predicts the centre, instead of each of them.
    loss : {"hs", "softmax"}
    """
    choose, step = make_steps(loss)
    tree = loss == "hs"
    loss_every = LOSS_EVERY if tree else 1

    @kernel(fastmath=True)
    def train(ids, keep, paths, settings, w_in, w_out, learning_rate, state, control, locked=None):
        """Train on `ids`; arguments as those of skip-gram, with `embedkit.kernels.outputs.Paths` for the table;
        nothing is drawn, so there is no `touched`.

        Returns
        -------
        n_words : int
            Words seen, left-out ones included.
        loss, n_pairs : float
            Sum of the loss over the steps where it was computed (softmax: all), and its number of predictions.
        """
        kept = np.empty(len(ids), np.int32)
        n, n_words = subsample(ids, keep, state, kept)
        work = make_workspace(w_in.shape[1], w_out.shape[0], settings.max_outputs)
        hidden, size = work.hidden, w_in.shape[1]
        total = 0.0
        n_pairs = 0.0
        for centre in range(n):
            if control[0] != 0:
                break
            ahead = centre + settings.window + 1
            if ahead < n and kept[ahead] >= 0:
                fetch_row(w_in, np.int64(kept[ahead]))
            if tree and centre + 1 < n and kept[centre + 1] >= 0:
                for k in range(paths.indptr[kept[centre + 1]], paths.indptr[kept[centre + 1] + 1]):
                    fetch_row(w_out, np.int64(paths.nodes[k]))
            word = np.int64(kept[centre])
            if word < 0:
                continue
            low, high = window_bounds(kept, n, centre, settings.window, settings.shrink, state)
            if low == high:
                continue
            with_loss = centre % loss_every == 0
            n_outputs = choose(w_out, paths, work, 0, word, state)
            if cbow:
                hidden[0, :] = 0.0
                for p in range(low, high + 1):
                    if p != centre:
                        add_row(hidden, 0, ONE / np.float32(high - low), w_in, kept[p])
                total += step(w_out, work, n_outputs, word, 0, learning_rate, with_loss)
                n_pairs += with_loss
                add_row(hidden, 1, -ONE, hidden, 0)
                share = ONE / np.float32(high - low) if settings.mean_gradient else ONE
                for p in range(low, high + 1):
                    if p != centre and (locked is None or locked[kept[p]] == 0):
                        add_row(w_in, kept[p], share, hidden, 1)
                continue
            for p in range(low, high + 1):
                if p != centre:
                    context = kept[p]
                    for d in range(size):
                        hidden[0, d] = w_in[context, d]
                    total += step(w_out, work, n_outputs, word, 0, learning_rate, with_loss)
                    n_pairs += with_loss
                    if locked is not None and locked[context]:
                        continue
                    for d in range(size):
                        w_in[context, d] += hidden[1, d] - hidden[0, d]
        return n_words, total, n_pairs

    return train
