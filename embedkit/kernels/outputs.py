"""What a hidden vector predicts: negative sampling, hierarchical softmax, full softmax, one against all.

Every family that has one hidden vector at a time shares these steps: the vector in a workspace meets some rows of the
output matrix, and both move. What differs is which rows these are and what their labels say:

- **ns** (Mikolov et al. 2013b, section 2.2): the target and some drawn words.
- **hs** (Morin and Bengio 2005): the inner nodes on the target's way through a Huffman tree.
- **softmax**: all rows; the plain network of the textbooks, for few outputs.
- **ova**: all rows, each a yes or no of its own, for several right answers at once.

Skip-gram and CBOW with negative sampling take several hidden vectors at once (`embedkit.kernels.word2vec`,
`embedkit.kernels.cbow`) and share the loss.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.copying import copy_row
from embedkit.kernels.rng import next_uint64
from embedkit.kernels.rows import SCORES, TILE, dot_rows, fetch_row, update_rows
from embedkit.kernels.sampling import draw
from embedkit.kernels.simd import LANES, aligned_rows, logistic_steps

POOL_BITS = 9
_POOL_MASK = np.int64((1 << POOL_BITS) - 1)
_POOL_SHIFT = np.uint64(POOL_BITS)


class Workspace(NamedTuple):
    """One thread's room for the step of one hidden vector.

    Attributes
    ----------
    hidden : float32 (3, row_size)
        Rows 0 and 1 take turns as the hidden vector before and after a step; row 2 is the caller's.
    rows : int64 (max_outputs,)
        The output rows of the step, whole tiles of `embedkit.kernels.rows.TILE`.
    scores, labels, counted, gradient : float32 (max_outputs / TILE * SCORES + LANES,)
        Of each tile's eight places the last two are unused. `counted` is 0 or 1.
    pool : int64 (2**POOL_BITS,)
        Negatives to choose from.
    """

    hidden: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    counted: np.ndarray
    gradient: np.ndarray
    pool: np.ndarray


@kernel
def make_workspace(row_size, n_outputs, max_outputs):
    """A `Workspace` for steps of up to `max_outputs` of `n_outputs` rows; its rows are 0, 1, 2, … at first."""
    max_outputs = (max_outputs + TILE - 1) // TILE * TILE
    rows = np.empty(max_outputs, np.int64)
    for o in range(max_outputs):
        rows[o] = min(o, n_outputs - 1)
    n_places = max_outputs // TILE * SCORES + LANES
    scores, labels = np.zeros(n_places, np.float32), np.zeros(n_places, np.float32)
    counted, gradient = np.zeros(n_places, np.float32), np.zeros(n_places, np.float32)
    return Workspace(
        aligned_rows(3, row_size), rows, scores, labels, counted, gradient, np.zeros(1 << POOL_BITS, np.int64)
    )


class Paths(NamedTuple):
    """The way from the root to each word: ``nodes[indptr[w]:indptr[w + 1]]`` and the turns taken there.

    Attributes
    ----------
    indptr : int64 (n_words + 1,)
    nodes : int32 (total,)
        Row of the output matrix, 0 .. n_words - 2.
    labels : float32 (total,)
        1 where the code's bit is 0, as in the word2vec tool.
    """

    indptr: np.ndarray
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
    parent, turn, depth = _tree(counts)
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(depth[:n], out=indptr[1:])
    nodes = np.zeros(indptr[-1], np.int32)
    labels = np.zeros(indptr[-1], np.float32)
    _walk(parent, turn, indptr, nodes, labels)
    return Paths(indptr, nodes, labels)


def huffman_tree(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tree itself: parent int64 and turn int8 (0 or 1) of the leaves 0 .. n - 1 and the inner nodes n .. 2n - 2."""
    return _tree(counts)[:2]


def _tree(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(counts)
    parent = np.zeros(max(2 * n - 1, 1), np.int64)
    turn = np.zeros(max(2 * n - 1, 1), np.int8)
    return parent, turn, _join(np.asarray(counts, np.int64), parent, turn)


@kernel
def _join(counts, parent, turn):
    """Fill `parent` and `turn` of the leaves 0..n-1 and inner nodes n..2n-2; returns each node's depth."""
    n = len(counts)
    weight = np.zeros(2 * n - 1, np.int64)
    copy_row(counts, weight[:n])
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
def _walk(parent, turn, indptr, nodes, labels):
    n = len(indptr) - 1
    root = 2 * n - 2
    for word in range(n):
        node = word
        at = indptr[word + 1]
        while node != root:
            at -= 1
            nodes[at] = parent[node] - n
            labels[at] = 1 - turn[node]
            node = parent[node]


class LabelSets(NamedTuple):
    """The right answers of each example, for "ova": ``labels[indptr[i]:indptr[i + 1]]``, ascending, none twice.

    Attributes
    ----------
    indptr : int64 (n_examples + 1,)
    labels : int32 (n,)
    """

    indptr: np.ndarray
    labels: np.ndarray


@kernel(inline="always")
def logistic_loss(score, label):
    """``-log σ(score)`` where label is above 0, else ``-log σ(-score)``, in float64."""
    s = np.float64(score)
    if label > 0:
        s = -s
    return max(s, 0.0) + np.log1p(np.exp(-abs(s)))


@kernel(borrows=True)
def _place(o):
    return o // TILE * SCORES + o % TILE


@kernel(borrows=True)
def _summed_loss(work, n):
    """The summed loss over the outputs that count."""
    loss = 0.0
    for o in range(n):
        at = _place(o)
        if work.counted[at] > 0:
            loss += logistic_loss(work.scores[at], work.labels[at])
    return loss


@kernel(borrows=True, fastmath=True, error_model="numpy", forceinline=True)
def _softmax(scores, gradient, target, n_outputs, rate):
    """Gradients of the full softmax; returns the loss. NaN among the scores makes all of them NaN or infinite."""
    largest = scores[0]
    for o in range(n_outputs):
        largest = max(largest, scores[o // TILE * SCORES + o % TILE])
    total = 0.0
    for o in range(n_outputs):
        at = o // TILE * SCORES + o % TILE
        gradient[at] = np.exp(scores[at] - largest)
        total += np.float64(gradient[at])
    target_at = target // TILE * SCORES + target % TILE
    loss = np.log(total) - np.float64(scores[target_at] - largest)
    scale = -rate / np.float32(total)
    for o in range(n_outputs):
        gradient[o // TILE * SCORES + o % TILE] *= scale
    gradient[target_at] += rate
    return loss


@kernel(borrows=True)
def renew_pool(pool, position, n, table, n_private, first_private, state, w_out, touched=None):
    """Draw n negatives into the pool, as the thread's rows, and prefetch these; returns the next place in it.

    Where `touched`, uint8 (n_outputs,), is given, it gets 1 for each of them.

    The pool keeps the negatives' rows in the second-level cache: it is small and renewed at a steady rate.
    """
    for _ in range(n):
        word = draw(table, state)
        if word < n_private:
            word += first_private
        pool[position & _POOL_MASK] = word
        if touched is not None:
            touched[word] = 1
        position += 1
        fetch_row(w_out, word)
    return position


@kernel(borrows=True)
def _negatives(work, target, negative, state):
    """Put a target and its negatives into the rows; one equal to the target does not count."""
    rows, labels, counted = work.rows, work.labels, work.counted
    rows[0] = target
    labels[0] = 1.0
    counted[0] = 1.0
    bits = np.uint64(0)
    left = 0
    for o in range(1, negative + 1):
        if left == 0:
            bits = next_uint64(state)
            left = 64 // POOL_BITS
        word = work.pool[np.int64(bits) & _POOL_MASK]
        bits >>= _POOL_SHIFT
        left -= 1
        rows[o] = word
        counted[o // TILE * SCORES + o % TILE] = 0.0 if word == target else 1.0
    return negative + 1


@kernel(borrows=True)
def _path(work, paths, target):
    """Put the inner nodes on the way to a target into the rows, with the turns as labels."""
    rows, counted = work.rows, work.counted
    first = paths.indptr[target]
    n = paths.indptr[target + 1] - first
    for o in range(n):
        at = o // TILE * SCORES + o % TILE
        rows[o] = paths.nodes[first + o]
        work.labels[at] = paths.labels[first + o]
        counted[at] = 1.0
    for o in range(n, (n + TILE - 1) // TILE * TILE):
        rows[o] = rows[0]
        counted[o // TILE * SCORES + o % TILE] = 0.0
    return n


@kernel(borrows=True)
def _mark_labels(work, sets, example, n):
    """Put the example's labels into the labels of all n rows."""
    for o in range(n):
        at = o // TILE * SCORES + o % TILE
        work.labels[at] = 0.0
        work.counted[at] = 1.0
    for k in range(sets.indptr[example], sets.indptr[example + 1]):
        work.labels[_place(sets.labels[k])] = 1.0


@kernel(borrows=True)
def _score(w_out, work, n, now):
    for first in range(0, n, TILE):
        dot_rows(w_out, work.rows, first, work.hidden, now, work.scores)


@kernel(borrows=True)
def _update(w_out, work, n, now):
    hidden = work.hidden
    update_rows(w_out, work.rows, 0, work.gradient, hidden, now, now, 1 - now)
    for first in range(TILE, n, TILE):
        update_rows(w_out, work.rows, first, work.gradient, hidden, now, 1 - now, 1 - now)


@functools.cache
def make_steps(loss):
    """``choose`` and ``step``: the outputs of a target, and what one hidden vector learns from them.

    ``choose(w_out, table, work, negative, target, state)`` puts the output rows of a target and their labels into
    `work` and returns how many there are. ``step(w_out, work, n, target, now, rate, with_loss)`` takes the hidden
    vector in ``work.hidden[now]``, leaves the new one in ``work.hidden[1 - now]``, and moves the output rows; it
    returns the loss where `with_loss` is true, else 0. One choice serves any number of steps.

    Parameters
    ----------
    loss : {"ns", "hs", "softmax", "ova"}
        ns: `target` is a row, negatives come from ``work.pool``; `table` is not read here (`renew_pool`).
        hs: `table` is `Paths`. softmax: `table` is not read. ova: `table` is `LabelSets`, `target` an example.
    """
    if loss == "softmax":

        @kernel(borrows=True)
        def choose(w_out, table, work, negative, target, state):
            return w_out.shape[0]

        @kernel(borrows=True)
        def step(w_out, work, n, target, now, rate, with_loss):
            _score(w_out, work, n, now)
            found = _softmax(work.scores, work.gradient, target, n, rate)
            _update(w_out, work, n, now)
            return found if with_loss else 0.0

        return choose, step

    negatives, paths = loss == "ns", loss == "hs"

    @kernel(borrows=True)
    def choose(w_out, table, work, negative, target, state):
        if negatives:
            return _negatives(work, target, negative, state)
        if paths:
            return _path(work, table, target)
        _mark_labels(work, table, target, w_out.shape[0])
        return w_out.shape[0]

    @kernel(borrows=True)
    def step(w_out, work, n, target, now, rate, with_loss):
        _score(w_out, work, n, now)
        n_places = (n + TILE - 1) // TILE * SCORES
        for k in range(n_places):
            work.gradient[k] = work.counted[k]
        logistic_steps(work.scores, work.gradient, work.labels, n_places, rate)
        _update(w_out, work, n, now)
        return _summed_loss(work, n) if with_loss else 0.0

    return choose, step
