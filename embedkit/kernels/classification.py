"""Training and prediction of a bag of features: fastText's classifier (Joulin et al. 2017, arXiv:1607.01759).

The hidden vector is the mean of the rows of a line's features, one linear layer gives the labels
(`embedkit.kernels.outputs`), and each row gets its share of the hidden vector's gradient.

Prediction computes what the fastText program does, in its order of operations and its float widths, so that the
probabilities are the same bits: hidden vectors are summed row by row in float32; the output matrix comes transposed, so
that the loop over labels is the one that becomes vectors while each label's sum keeps its order; probabilities pass
through ``log(p + 1e-5)`` and back; labels go through the same heap, which decides between equal ones.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.bag_rows import add_to_bag, sum_bag, vectors_at_once
from embedkit.kernels.compiling import kernel
from embedkit.kernels.outputs import POOL_BITS, make_steps, make_workspace, renew_pool
from embedkit.kernels.private import give_back, take_private
from embedkit.kernels.rng import next_below
from embedkit.kernels.rows import add_row, fetch_row
from embedkit.kernels.simd import LINE_FLOATS, prefetch

ONE = np.float32(1.0)
SOFTMAX, HIERARCHICAL, LOGISTIC = 0, 1, 2
SIGMOID_SIZE, SIGMOID_LIMIT = 512, 8


class ClassifierSettings(NamedTuple):
    """What stays the same through a run of one thread.

    Attributes
    ----------
    max_outputs : int
        Output rows of one step at most.
    negative, n_drawn : int
        Negatives of a step, and those drawn into the pool for each; only with "ns".
    n_inputs, inputs, n_outputs, outputs, share
        The thread's private rows (`embedkit.kernels.private`): the first n rows of both matrices have copies from
        `inputs` and `outputs` on.
    """

    max_outputs: int
    negative: int = 0
    n_drawn: int = 1
    n_inputs: int = 0
    inputs: int = 0
    n_outputs: int = 0
    outputs: int = 0
    share: np.float32 = ONE


@functools.cache
def make_classifier(loss):
    """The training kernel for loss "softmax", "hs", "ns" or "ova"."""
    choose, step = make_steps(loss)
    negatives, all_labels = loss == "ns", loss == "ova"

    @kernel
    def train(examples, order, labels, table, settings, w_in, w_out, learning_rate, state, control):
        """Train on the examples `order`.

        Parameters
        ----------
        examples : (indptr int64 (n_examples + 1,), rows int32)
            The features of each example; -1 is a row of zeros.
        order : int32 (n,)
        labels : LabelSets
            With several labels one is drawn for each visit, but for "ova".
        table
            Paths ("hs"), an alias table ("ns"), or whatever.
        w_in, w_out : float32 (n_rows, row_size)
            Updated in place.
        learning_rate : float32
        state : uint64 (1,)
        control : int64 (1,)

        Returns
        -------
        loss, n : float
            Summed, and over how many examples.
        """
        indptr, rows = examples
        size = w_in.shape[1]
        n_outputs = settings.n_outputs if settings.n_outputs > 0 else w_out.shape[0]
        own_outputs = w_out[settings.outputs : settings.outputs + n_outputs]
        inputs_before = np.empty((settings.n_inputs, size), np.float32)
        outputs_before = np.empty((settings.n_outputs, size), np.float32)
        take_private(w_in, settings.inputs, inputs_before)
        take_private(w_out, settings.outputs, outputs_before)
        work = make_workspace(size, n_outputs, settings.max_outputs)
        hidden = work.hidden
        width = vectors_at_once(size)
        position = np.int64(0)
        if negatives:
            for _ in range(0, 1 << POOL_BITS, settings.n_drawn):
                position = renew_pool(work.pool, position, settings.n_drawn, table, 0, 0, state, own_outputs)
        total = 0.0
        n_steps = 0.0
        for k in range(len(order)):
            if control[0] != 0:
                break
            example = order[k]
            first, last = indptr[example], indptr[example + 1]
            n_labels = labels.indptr[example + 1] - labels.indptr[example]
            if first == last or n_labels == 0:
                continue
            sum_bag(w_in, rows, first, last, settings.n_inputs, settings.inputs, width, hidden, 2)
            hidden[0, :] = 0.0
            share = ONE / np.float32(last - first)
            add_row(hidden, 0, share, hidden, 2)
            target = np.int64(example)
            if not all_labels:
                target = np.int64(labels.labels[labels.indptr[example] + next_below(state, n_labels)])
            if negatives:
                position = renew_pool(work.pool, position, settings.n_drawn, table, 0, 0, state, own_outputs)
            if all_labels:
                n = choose(own_outputs, labels, work, settings.negative, target, state)
            else:
                n = choose(own_outputs, table, work, settings.negative, target, state)
            total += step(own_outputs, work, n, target, 0, learning_rate, True)
            n_steps += 1
            add_row(hidden, 1, -ONE, hidden, 0)
            following = indptr[order[k + 1]] if k + 1 < len(order) else last
            n_following = indptr[order[k + 1] + 1] - following if k + 1 < len(order) else 0
            add_to_bag(
                *(w_in, rows, first, last, settings.n_inputs, settings.inputs),
                *(width, share, hidden, 1, following, n_following),
            )
            for r in range(following + last - first, following + n_following):
                if rows[r] >= settings.n_inputs:
                    fetch_row(w_in, np.int64(rows[r]))
        give_back(w_in, settings.inputs, inputs_before, settings.share)
        give_back(w_out, settings.outputs, outputs_before, settings.share)
        return total, n_steps

    return train


class Codes(NamedTuple):
    """A product-quantised matrix as fastText stores it.

    Attributes
    ----------
    codes : uint8 (n_rows, n_parts)
    centroids : float32 (256 * n_columns,)
    norms : float32 (n_rows or 0,)
    part_size, n_columns : int
    """

    codes: np.ndarray
    centroids: np.ndarray
    norms: np.ndarray
    part_size: int
    n_columns: int


@kernel(borrows=True)
def _add_codes(matrix, row, out):
    parts = matrix.codes.shape[1]
    scale = matrix.norms[row] if len(matrix.norms) > 0 else ONE
    for m in range(parts):
        width = matrix.part_size
        if m == parts - 1:
            width = matrix.n_columns - m * matrix.part_size
        start = 256 * m * matrix.part_size + np.int64(matrix.codes[row, m]) * width
        for d in range(width):
            out[m * matrix.part_size + d] += scale * matrix.centroids[start + d]


@kernel
def hidden_of_codes(indptr, rows, matrix, out):
    """`hidden_of_rows` for a quantised matrix."""
    for i in range(len(indptr) - 1):
        vector = out[i]
        vector[:] = 0.0
        for r in range(indptr[i], indptr[i + 1]):
            if rows[r] >= 0:
                _add_codes(matrix, np.int64(rows[r]), vector)
        scale = np.float32(1.0 / max(indptr[i + 1] - indptr[i], 1))
        for d in range(len(vector)):
            vector[d] *= scale


@kernel
def hidden_of_rows(indptr, rows, matrix, out):
    """``out[i]``: the mean of the rows of line i, float32 (n_lines, n_columns); -1 counts as a row of zeros."""
    size = matrix.shape[1]
    n = len(indptr) - 1
    for i in range(n):
        if i + 1 < n:
            for r in range(indptr[i + 1], indptr[i + 2]):
                if rows[r] >= 0:
                    for d in range(0, size, LINE_FLOATS):
                        prefetch(matrix, np.int64(rows[r]) * size + d)
        vector = out[i]
        vector[:] = 0.0
        for r in range(indptr[i], indptr[i + 1]):
            if rows[r] >= 0:
                source = matrix[rows[r]]
                for d in range(size):
                    vector[d] += source[d]
        scale = np.float32(1.0 / max(indptr[i + 1] - indptr[i], 1))
        for d in range(size):
            vector[d] *= scale


@kernel
def scores_of_codes(hidden, matrix, out):
    """``out[i, o]``: the product of hidden vector i and quantised row o, summed in fastText's order."""
    parts = matrix.codes.shape[1]
    for i in range(len(hidden)):
        for o in range(matrix.codes.shape[0]):
            total = np.float32(0.0)
            for m in range(parts):
                width = matrix.part_size
                if m == parts - 1:
                    width = matrix.n_columns - m * matrix.part_size
                start = 256 * m * matrix.part_size + np.int64(matrix.codes[o, m]) * width
                for d in range(width):
                    total += hidden[i, m * matrix.part_size + d] * matrix.centroids[start + d]
            out[i, o] = total * (matrix.norms[o] if len(matrix.norms) > 0 else ONE)


@kernel
def scores_of_rows(hidden, transposed, out):
    """``out[i, o]``: the product of hidden vector i and column o of `transposed`, summed in the order of its rows."""
    for i in range(len(hidden)):
        scores = out[i]
        scores[:] = 0.0
        for d in range(transposed.shape[0]):
            value = hidden[i, d]
            row = transposed[d]
            for o in range(transposed.shape[1]):
                scores[o] += row[o] * value


@kernel(error_model="numpy")
def softmax_of(scores):
    """Probabilities in place of each row of scores, float32 (n, n_labels)."""
    for i in range(len(scores)):
        row = scores[i]
        largest = row[0]
        for o in range(len(row)):
            largest = max(largest, row[o])
        total = np.float32(0.0)
        for o in range(len(row)):
            row[o] = np.float32(np.exp(np.float64(row[o] - largest)))
            total += row[o]
        for o in range(len(row)):
            row[o] /= total


@kernel
def sigmoid_table():
    """fastText's 513 values of σ on -8 .. 8, float32."""
    table = np.empty(SIGMOID_SIZE + 1, np.float32)
    for i in range(SIGMOID_SIZE + 1):
        x = np.float32(i * 2 * SIGMOID_LIMIT) / np.float32(SIGMOID_SIZE) - np.float32(SIGMOID_LIMIT)
        table[i] = np.float32(1.0 / (1.0 + np.float64(np.exp(-x))))
    return table


@kernel
def sigmoids_of(scores, table):
    """σ by table in place of each score."""
    for i in range(len(scores)):
        row = scores[i]
        for o in range(len(row)):
            x = row[o]
            if x < -SIGMOID_LIMIT:
                row[o] = 0.0
            elif x > SIGMOID_LIMIT:
                row[o] = 1.0
            else:
                place = (x + np.float32(SIGMOID_LIMIT)) * np.float32(SIGMOID_SIZE) / np.float32(SIGMOID_LIMIT)
                row[o] = table[np.int64(place / np.float32(2.0))]
