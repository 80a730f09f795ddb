"""A linear-chain conditional random field over sparse features, trained sentence by sentence with AdaGrad.

The recursions of Lafferty, McCallum and Pereira (2001) in probabilities that are scaled to a sum of 1 at each word
(Rabiner 1989, section V.A), not in logarithms: three products of a matrix and a vector a word, and no exponential of a
matrix but that of the transitions, once a sentence. Features cost the rest: a word has some sixty of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.copying import copy_row

EPS = 1e-6  # under AdaGrad's root
SMALL = 1e-3  # a word whose marginals are this near to 0 and 1 moves no feature: a third of the time, the same tags


class ChainData(NamedTuple):
    """Sentences, whose words have bags of features.

    Attributes
    ----------
    starts : int64 (n_sentences + 1,)
        The words of sentence s are ``starts[s]`` to ``starts[s + 1] - 1``; each has at least one.
    bags : int32 (n_words, n)
        The bags of a word.
    offsets, rows : int64 (n_bags + 1,), int32
        The features of bag b are ``rows[offsets[b]:offsets[b + 1]]``.
    """

    starts: np.ndarray
    bags: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray


@kernel(error_model="numpy")
def chain_gradient(emissions, chain, tags, demissions, dchain):
    """The negative log-likelihood of a sentence's tags, and its gradients.

    Parameters
    ----------
    emissions : float64 (n, K)
    chain : float64 (K + 2, K)
        Transitions from row to column, then the scores of the first tag, then those of the last.
    tags : int64 (n,)
    demissions, dchain : float64
        Like `emissions` and `chain`; filled.

    Returns
    -------
    float
    """
    n, n_tags = emissions.shape
    steps = np.exp(chain)
    seen = np.empty((n, n_tags))
    alpha = np.empty((n, n_tags))
    beta = np.empty((n, n_tags))
    scales = np.empty(n)
    loss = 0.0
    # 1. forward: what is likely of each word, given the words up to it
    for t in range(n):
        top = emissions[t].max()
        row = alpha[t]
        if t == 0:
            copy_row(steps[n_tags], row)
        else:
            row[:] = 0.0
            for i in range(n_tags):
                before = alpha[t - 1, i]
                for j in range(n_tags):
                    row[j] += before * steps[i, j]
        total = 0.0
        for j in range(n_tags):
            seen[t, j] = np.exp(emissions[t, j] - top)
            row[j] *= seen[t, j]
            total += row[j]
        for j in range(n_tags):
            row[j] /= total
        scales[t] = total
        loss += np.log(total) + top
    total = 0.0
    for j in range(n_tags):
        total += alpha[n - 1, j] * steps[n_tags + 1, j]
    loss += np.log(total)
    # 2. backward
    copy_row(steps[n_tags + 1], beta[n - 1])
    for t in range(n - 2, -1, -1):
        total = 0.0
        for i in range(n_tags):
            value = 0.0
            for j in range(n_tags):
                value += steps[i, j] * seen[t + 1, j] * beta[t + 1, j]
            beta[t, i] = value
            total += value
        for i in range(n_tags):
            beta[t, i] /= total
    # 3. what the model expects, minus what is there
    dchain[:] = 0.0
    for t in range(n):
        total = 0.0
        for j in range(n_tags):
            demissions[t, j] = alpha[t, j] * beta[t, j]
            total += demissions[t, j]
        for j in range(n_tags):
            demissions[t, j] /= total
        if t > 0:
            share = 1.0 / (total * scales[t])
            for i in range(n_tags):
                before = alpha[t - 1, i] * share
                for j in range(n_tags):
                    dchain[i, j] += before * steps[i, j] * seen[t, j] * beta[t, j]
            dchain[tags[t - 1], tags[t]] -= 1.0
            loss -= chain[tags[t - 1], tags[t]]
        demissions[t, tags[t]] -= 1.0
        loss -= emissions[t, tags[t]]
    copy_row(demissions[0], dchain[n_tags])
    copy_row(demissions[n - 1], dchain[n_tags + 1])
    return loss - chain[n_tags, tags[0]] - chain[n_tags + 1, tags[n - 1]]


@kernel(error_model="numpy")
def chain_gradients(emissions, chain, tags, lengths, losses, demissions, dchains):
    """`chain_gradient` of the sentences of a batch.

    Parameters
    ----------
    emissions, demissions : float64 (batch, time, K)
        What stands behind a sentence's words is neither read nor written.
    chain : float64 (K + 2, K)
    tags : int64 (batch, time)
    lengths : int64 (batch,)
        Words of each sentence, at least one.
    losses, dchains : float64 (batch,), (batch, K + 2, K)
        Filled.
    """
    for b in range(len(lengths)):
        n = lengths[b]
        losses[b] = chain_gradient(emissions[b, :n], chain, tags[b, :n], demissions[b, :n], dchains[b])


@kernel(borrows=True)
def _emissions(data, first, last, weights, out):
    """``out[t]``: the sum of the weights of the features of word ``first + t``."""
    for t in range(last - first):
        row = out[t]
        row[:] = 0.0
        for bag in data.bags[first + t]:
            for r in range(data.offsets[bag], data.offsets[bag + 1]):
                source = weights[data.rows[r]]
                for k in range(len(row)):
                    row[k] += source[k]


@kernel(fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy", forceinline=True)
def _move(values, squares, gradient, rate):
    """AdaGrad (Duchi, Hazan and Singer 2011): each value's rate falls with the root of its squared gradients' sum."""
    for k in range(len(values)):
        squares[k] += gradient[k] * gradient[k]
        values[k] -= rate * gradient[k] / np.sqrt(squares[k] + EPS)


@kernel(error_model="numpy")
def train_chains(data, tags, order, weights, squares, chain, chain_squares, rate):
    """Train on the sentences `order`.

    Parameters
    ----------
    data : ChainData
    tags : int64 (n_words,)
    order : int64 (n,)
    weights, squares : float32 (n_features, K)
        Updated in place; `squares` begin with zeros.
    chain, chain_squares : float64 (K + 2, K)
        As in `chain_gradient`; likewise.
    rate : float

    Returns
    -------
    float
        The sum of the sentences' losses.
    """
    n_tags = weights.shape[1]
    longest = 0
    for s in order:
        longest = max(longest, data.starts[s + 1] - data.starts[s])
    emissions = np.empty((longest, n_tags))
    demissions = np.empty((longest, n_tags))
    dchain = np.empty((n_tags + 2, n_tags))
    gradient = np.empty(n_tags, np.float32)
    total = 0.0
    for s in order:
        first, last = data.starts[s], data.starts[s + 1]
        n = last - first
        _emissions(data, first, last, weights, emissions)
        total += chain_gradient(emissions[:n], chain, tags[first:last], demissions[:n], dchain)
        for i in range(n_tags + 2):
            _move(chain[i], chain_squares[i], dchain[i], rate)
        for t in range(n):
            largest = 0.0
            for k in range(n_tags):
                gradient[k] = demissions[t, k]
                largest = max(largest, abs(demissions[t, k]))
            if largest < SMALL:
                continue
            for bag in data.bags[first + t]:
                for r in range(data.offsets[bag], data.offsets[bag + 1]):
                    _move(weights[data.rows[r]], squares[data.rows[r]], gradient, np.float32(rate))
    return total
