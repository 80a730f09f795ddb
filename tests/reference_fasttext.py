"""Subword training in float64 and plain loops: what `embedkit.kernels.fasttext` is judged by.

It draws the same random numbers in the same order, so that results can be compared number by number.
"""

import math

import numpy as np

from tests.reference import SplitMix64, blocks, subsample

POOL = 512
LOSS_EVERY = 16  # centres: the loss is taken from every sixteenth


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logistic_loss(hidden, w_out, outputs, labels):
    """Negative log-likelihood of labels 0 or 1 of some output rows; those below 0 do not count."""
    counts = labels >= 0
    x = w_out[outputs[counts]] @ hidden
    return float(-np.log(np.where(labels[counts] > 0, sigmoid(x), sigmoid(-x))).sum())


def softmax_loss(hidden, w_out, target):
    x = w_out @ hidden
    return float(np.log(np.exp(x).sum()) - x[target])


def learn_logistic(hidden, w_out, outputs, labels, rate):
    """One step against the given outputs, scored before any moves; returns the new hidden vector and the loss."""
    loss = logistic_loss(hidden, w_out, outputs, labels)
    old = w_out.copy()
    new = hidden.copy()
    for output, label in zip(outputs, labels, strict=True):
        if label >= 0:
            g = rate * (label - sigmoid(old[output] @ hidden))
            new += g * w_out[output]
            w_out[output] += g * hidden
    return new, loss


def learn_softmax(hidden, w_out, target, rate):
    loss = softmax_loss(hidden, w_out, target)
    x = w_out @ hidden
    g = -np.exp(x) / np.exp(x).sum()
    g[target] += 1
    new = hidden + rate * g @ w_out
    w_out += rate * np.outer(g, hidden)
    return new, loss


def train(ids, keep, table, settings, rows, w_in, w_out, rate, state, cbow=False, loss="ns"):
    """Train on `ids`; `rows` lists the row numbers of each word.

    Returns the summed loss and its number of predictions.
    """
    random = SplitMix64(state)
    kept = subsample(ids.tolist(), keep, random)
    pool, position = [0] * POOL, 0

    def renew():
        nonlocal position
        for _ in range(settings.n_drawn):
            pool[position % POOL] = random.draw(table)
            position += 1

    def learn(hidden, target):
        if loss == "softmax":
            return learn_softmax(hidden, w_out, target, rate)
        if loss == "hs":
            path = slice(table.indptr[target], table.indptr[target + 1])
            return learn_logistic(hidden, w_out, table.nodes[path], table.labels[path], rate)
        outputs, labels, bits, left = [target], [1], 0, 0
        for _ in range(settings.negative):
            if left == 0:
                bits, left = random.next_uint64(), 64 // 9
            outputs.append(pool[bits % POOL])
            labels.append(-1 if outputs[-1] == target else 0)
            bits, left = bits >> 9, left - 1
        return learn_logistic(hidden, w_out, np.array(outputs), np.array(labels, float), rate)

    if loss == "ns":
        for _ in range(0, POOL, settings.n_drawn):
            renew()
    total, n_pairs = 0.0, 0
    for centre, word in enumerate(kept):
        if loss == "ns":
            renew()
        if word < 0:
            continue
        reach = 1 + random.next_below(settings.window) if settings.shrink else settings.window
        context = []
        for step in (-1, 1):
            p = centre + step
            while 0 <= p < len(kept) and abs(p - centre) <= reach and kept[p] >= 0:
                context.append(p)
                p += step
        context = [kept[p] for p in sorted(context)]
        if not context:
            continue
        inputs = [row for w in (context if cbow else [word]) for row in rows[w]]
        start = hidden = w_in[inputs].mean(axis=0)
        for target in [word] if cbow else context:
            hidden, step_loss = learn(hidden, target)
            assert math.isfinite(step_loss)
            if centre % LOSS_EVERY == 0:
                total += step_loss
                n_pairs += 1
        change = hidden - start
        if cbow and settings.mean_gradient:
            change = change / len(context)
        for row in inputs:
            w_in[row] += change
    return total, n_pairs


def train_blocks(ids, keep, table, settings, rows, w_in, w_out, rate, state, locked=()):
    """Skip-gram with negative sampling, a block of centres at a time; `locked` rows stay as they are."""
    random = SplitMix64(state)
    kept = subsample(ids.tolist(), keep, random)
    total, n_pairs = 0.0, 0
    for block, negatives in blocks(kept, table, settings, random):
        hidden = [w_in[rows[word]].mean(axis=0) for word, _ in block]
        changes, change_out = np.zeros((len(block), w_in.shape[1])), np.zeros_like(w_out)
        for q, (_, context) in enumerate(block):
            for target in (kept[p] for p in context):
                outputs = [(target, 1.0, 1.0)]
                outputs += [(k, 0.0, float(settings.negative_weight)) for k in negatives if k != target]
                for output, label, weight in outputs:
                    score = hidden[q] @ w_out[output]
                    step = rate * weight * (label - sigmoid(score))
                    changes[q] += step * w_out[output]
                    change_out[output] += step * hidden[q]
                    total += weight * np.logaddexp(0, -score if label else score)
                n_pairs += 1
        w_out += change_out
        for (word, _), change in zip(block, changes, strict=True):
            for row in rows[word]:
                if row not in locked:
                    w_in[row] += change
    return total, n_pairs
