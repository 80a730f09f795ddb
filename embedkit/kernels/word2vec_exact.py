"""Skip-gram and CBOW with outputs that nothing has to be drawn for: hierarchical softmax and the full softmax.

Hierarchical softmax (Morin and Bengio 2005; Mikolov et al. 2013b, section 2.1) scores a centre word along its path
in a Huffman tree; the output rows are inner nodes. The full softmax scores all words: the plain network of the
textbooks, for small vocabularies. A step takes one centre: its context rows (CBOW: their mean, one row) against its
output rows, with the same three matrix products as `embedkit.kernels.word2vec`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.math import LANES, TILE_COLUMNS, TILE_ROWS, logistic_steps
from embedkit.kernels.rows import aligned_rows
from embedkit.kernels.sampling import subsample, window_bounds
from embedkit.kernels.word2vec import LOSS_EVERY, copy_rows, make_products, pair_loss


class ExactSettings(NamedTuple):
    """What stays the same through a run with ``--loss hs`` or ``softmax``.

    Attributes
    ----------
    window : int
    shrink : bool
        Draw each centre's window from 1..window.
    cbow : bool
        Mean of the context rows instead of each row by itself.
    mean_gradient : bool
        CBOW: divide the gradient by the number of context words.
    softmax : bool
        All words as outputs instead of the path in the tree.
    max_outputs : int
        The longest path, or the number of words, rounded up to a whole tile.
    """

    window: int
    shrink: bool
    cbow: bool
    mean_gradient: bool
    softmax: bool
    max_outputs: int


class Paths(NamedTuple):
    """The way from the root to each word: ``nodes[offsets[w]:offsets[w + 1]]`` and the turns taken there.

    Attributes
    ----------
    offsets : int64 (n_words + 1,)
    nodes : int32 (total,)
        Row of the output matrix, 0 .. n_words - 2.
    labels : float32 (total,)
        1 where the code's bit is 0, as in the word2vec tool.
    """

    offsets: np.ndarray
    nodes: np.ndarray
    labels: np.ndarray


def huffman_paths(counts: np.ndarray) -> Paths:
    """The Huffman tree over words sorted by falling count (Huffman 1952, with two queues: no heap needed).

    Parameters
    ----------
    counts : int64 (n_words,)
        Falling.
    """
    n = len(counts)
    parent = np.zeros(max(2 * n - 1, 1), np.int64)
    turn = np.zeros(max(2 * n - 1, 1), np.int8)
    depth = _join(np.asarray(counts, np.int64), parent, turn)
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(depth[:n], out=offsets[1:])
    nodes = np.zeros(offsets[-1], np.int32)
    labels = np.zeros(offsets[-1], np.float32)
    _walk(parent, turn, offsets, nodes, labels)
    return Paths(offsets, nodes, labels)


@kernel
def _join(counts, parent, turn):
    """Fill `parent` and `turn` of the leaves 0..n-1 and inner nodes n..2n-2; returns each node's depth."""
    n = len(counts)
    weight = np.zeros(2 * n - 1, np.int64)
    weight[:n] = counts
    leaf = n - 1
    inner = n
    for node in range(n, 2 * n - 1):
        for k in range(2):
            if leaf >= 0 and (inner >= node or weight[leaf] < weight[inner]):
                child = leaf
                leaf -= 1
            else:
                child = inner
                inner += 1
            parent[child] = node
            turn[child] = k
            weight[node] += weight[child]
    depth = np.zeros(2 * n - 1, np.int64)
    for node in range(2 * n - 3, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return depth


@kernel
def _walk(parent, turn, offsets, nodes, labels):
    n = len(offsets) - 1
    root = 2 * n - 2
    for word in range(n):
        node = word
        at = offsets[word + 1]
        while node != root:
            at -= 1
            nodes[at] = parent[node] - n
            labels[at] = 1 - turn[node]
            node = parent[node]


@kernel
def softmax_gradients(scores, weights, target, n_rows, n_outputs, n_padded, learning_rate):
    """``weights[r, c] = learning_rate * (1[c = target] - softmax(scores[r])[c])``; returns the summed loss."""
    loss = 0.0
    for r in range(n_rows):
        largest = scores[r, 0]
        for c in range(1, n_outputs):
            largest = max(largest, scores[r, c])
        total = 0.0
        for c in range(n_outputs):
            weights[r, c] = np.exp(scores[r, c] - largest)
            total += np.float64(weights[r, c])
        loss += np.log(total) - np.float64(scores[r, target] - largest)
        for c in range(n_outputs):
            weights[r, c] *= -learning_rate / np.float32(total)
        weights[r, target] += learning_rate
        for c in range(n_outputs, n_padded):
            weights[r, c] = 0.0
    return loss


@functools.cache
def make_exact(row_size):
    """Hierarchical or full softmax for rows of `row_size` float32."""
    scores_of, add_products = make_products(row_size)

    @kernel(fastmath=True)
    def exact(ids, start, stop, keep, paths, settings, w_in, w_out, learning_rate, state, control):
        """Train on ``ids[start:stop]``; arguments as those of skip-gram, with `Paths` for the table.

        Returns
        -------
        n_words : int
            Words seen, left-out ones included.
        loss, n_pairs : float
            Sum of the loss over the steps where it was computed (softmax: all), and its number of predictions.
        """
        max_rows = 2 * settings.window + TILE_ROWS
        kept = np.empty(stop - start, np.int32)
        n, n_words = subsample(ids, start, stop, keep, state, kept)
        rows = np.zeros(max_rows, np.int64)
        iota = np.arange(max(max_rows, settings.max_outputs))
        outputs = np.zeros(settings.max_outputs, np.int64)
        buffer = aligned_rows(settings.max_outputs, row_size)
        hidden = aligned_rows(TILE_ROWS, row_size)
        change = aligned_rows(1, row_size)
        ones = np.ones(max_rows, np.float32)
        width = settings.max_outputs + LANES
        scores = np.zeros((max_rows, width), np.float32)
        weights = np.zeros((max_rows, width), np.float32)
        labels = np.zeros((max_rows, width), np.float32)
        if settings.softmax:
            n_outputs = w_out.shape[0]
            outputs[:n_outputs] = iota[:n_outputs]
        loss = 0.0
        n_pairs = 0.0
        for centre in range(n):
            if control[0] != 0:
                break
            word = kept[centre]
            if word < 0:
                continue
            low, high = window_bounds(kept, n, centre, settings.window, settings.shrink, state)
            n_rows = 0
            for p in range(low, high + 1):
                if p != centre:
                    rows[n_rows] = kept[p]
                    n_rows += 1
            if n_rows == 0:
                continue
            for r in range(n_rows, n_rows + TILE_ROWS):
                rows[r] = rows[n_rows - 1]
            if not settings.softmax:
                first = paths.offsets[word]
                n_outputs = paths.offsets[word + 1] - first
                for k in range(n_outputs):
                    outputs[k] = paths.nodes[first + k]
            n_padded = (n_outputs + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
            copy_rows(w_out, outputs, n_outputs, buffer)
            n_inputs = n_rows
            inputs = w_in
            input_rows = rows
            if settings.cbow:
                ones[:n_rows] = np.float32(1.0) / np.float32(n_rows)
                hidden[0, :] = 0.0
                add_products(hidden, iota, 1, 0, w_in, rows, n_rows, ones, 1)
                n_inputs = 1
                inputs = hidden
                input_rows = iota
            scores_of(inputs, input_rows, n_inputs, buffer, n_padded, scores)
            if settings.softmax:
                loss += softmax_gradients(scores, weights, word, n_inputs, n_outputs, n_padded, learning_rate)
                n_pairs += n_inputs
            else:
                for r in range(n_inputs):
                    for k in range(n_padded):
                        weights[r, k] = np.float32(k < n_outputs)
                        labels[r, k] = paths.labels[first + min(k, n_outputs - 1)]
                if centre % LOSS_EVERY == 0:
                    loss += pair_loss(scores, weights, labels, n_inputs, n_outputs)[0]
                    n_pairs += n_inputs
                for r in range(n_inputs):
                    logistic_steps(scores[r], weights[r], labels[r], n_padded, learning_rate)
            add_products(w_out, outputs, n_outputs, 1, inputs, input_rows, n_inputs, weights, weights.shape[1])
            if settings.cbow:
                change[0, :] = 0.0
                add_products(change, iota, 1, 0, buffer, iota, n_outputs, weights, 1)
                if not settings.mean_gradient:
                    ones[:n_rows] = 1.0
                add_products(w_in, rows, n_rows, 1, change, iota, 1, ones, 1)
            else:
                add_products(w_in, rows, n_rows, weights.shape[1], buffer, iota, n_outputs, weights, 1)
        return n_words, loss, n_pairs

    return exact
