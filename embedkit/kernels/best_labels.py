"""The k likeliest labels of each line, as the fastText program finds them.

It keeps log probabilities, ``log(p + 1e-5)`` in float32, in a binary heap of the C++ library, whose moves decide the
order of labels that are equal: so these are its `push_heap`, `pop_heap` and `sort_heap`, the smallest on top.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel

EPSILON = 1e-5


@kernel(borrows=True)
def _log(x):
    return np.float32(np.log(np.float64(x) + EPSILON))


@kernel(borrows=True)
def _push(values, labels, hole, top, value, label):
    """Move a value up from an empty place until its parent is not greater."""
    parent = (hole - 1) // 2
    while hole > top and values[parent] > value:
        values[hole], labels[hole] = values[parent], labels[parent]
        hole = parent
        parent = (hole - 1) // 2
    values[hole], labels[hole] = value, label


@kernel(borrows=True)
def _pop(values, labels, n):
    """Move the top to place n - 1 and make the others a heap again."""
    n -= 1
    value, label = values[n], labels[n]
    values[n], labels[n] = values[0], labels[0]
    hole = 0
    child = 0
    while child < (n - 1) // 2:
        child = 2 * (child + 1)
        if values[child] > values[child - 1]:
            child -= 1
        values[hole], labels[hole] = values[child], labels[child]
        hole = child
    if n % 2 == 0 and child == (n - 2) // 2:
        child = 2 * (child + 1)
        values[hole], labels[hole] = values[child - 1], labels[child - 1]
        hole = child - 1
    _push(values, labels, hole, 0, value, label)


@kernel(borrows=True)
def _add(values, labels, n, k, value, label):
    """Put a value into a heap of n that holds at most k; returns the new n."""
    _push(values, labels, n, 0, value, label)
    n += 1
    if n > k:
        _pop(values, labels, n)
        n -= 1
    return n


@kernel(borrows=True)
def _finish(values, labels, n):
    """Sort the heap, the greatest first, and turn log probabilities into probabilities."""
    for end in range(n, 1, -1):
        _pop(values, labels, end)
    for i in range(n):
        values[i] = np.exp(values[i])


@kernel
def best_of(probabilities, k, threshold, values, labels, found):
    """The best labels of each row.

    Parameters
    ----------
    probabilities : float32 (n, n_labels)
    k : int
    threshold : float32
    values, labels : float32, int32 (n, k + 1)
        Filled: the first ``found[i]`` of row i, the greatest first.
    found : int32 (n,)
    """
    for i in range(len(probabilities)):
        row, heap, names = probabilities[i], values[i], labels[i]
        n = 0
        for o in range(len(row)):
            if row[o] < threshold:
                continue
            value = _log(row[o])
            if n == k and value < heap[0]:
                continue
            n = _add(heap, names, n, k, value, o)
        _finish(heap, names, n)
        found[i] = n


@kernel
def best_in_tree(scores, left, right, k, threshold, values, labels, found):
    """The best labels of each row by hierarchical softmax: down the tree, leaving out what cannot be among them.

    Parameters
    ----------
    scores : float32 (n, n_labels)
        Of the inner nodes.
    left, right : int32 (2 * n_labels - 1,)
        Children of node ``n_labels + j``, -1 for the leaves 0 .. n_labels - 1; the root is the last.
    k, threshold, values, labels, found
        As those of `best_of`; even a threshold of 0 leaves labels out whose ``log(p)`` is below ``log(1e-5)``, as the
        program does, one below 0 leaves out none.
    """
    n_nodes = len(left)
    n_labels = (n_nodes + 1) // 2
    stack = np.empty(n_nodes + 1, np.int32)
    stack_scores = np.empty(n_nodes + 1, np.float32)
    least = _log(threshold) if threshold >= 0 else np.float32(-np.inf)
    for i in range(len(scores)):
        heap, names = values[i], labels[i]
        n = 0
        depth = 1
        stack[0], stack_scores[0] = n_nodes - 1, np.float32(0.0)
        while depth > 0:
            depth -= 1
            node, score = stack[depth], stack_scores[depth]
            if score < least or (n == k and score < heap[0]):
                continue
            if left[node] < 0:
                n = _add(heap, names, n, k, score, node)
                continue
            f = np.float32(1.0 / np.float64(np.float32(1.0) + np.exp(-scores[i, node - n_labels])))
            stack[depth], stack_scores[depth] = right[node], score + _log(f)
            stack[depth + 1] = left[node]
            stack_scores[depth + 1] = score + _log(np.float32(1.0 - np.float64(f)))
            depth += 2
        _finish(heap, names, n)
        found[i] = n
