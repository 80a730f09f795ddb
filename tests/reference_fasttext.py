"""Subword training in float64 and plain loops: what `embedkit.kernels.fasttext` is judged by.

It draws the same random numbers in the same order, so that results can be compared number by number.
"""

import math

import numpy as np

MASK64 = (1 << 64) - 1
POOL = 512
LOSS_EVERY = 16  # centres: the loss is taken from every sixteenth


class Random:
    """SplitMix64 with the draws that the kernels make from it."""

    def __init__(self, state):
        self.state = int(state)

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return z ^ (z >> 31)

    def unit(self):
        return np.float32(self.bits() >> 40) * np.float32(2.0**-24)

    def below(self, n):
        return ((self.bits() >> 32) * n) >> 32

    def draw(self, table):
        bits = self.bits()
        slot = ((bits >> 32) * len(table)) >> 32
        return slot if (bits & 0xFFFFFFFF) < int(table[slot, 0]) else int(table[slot, 1])


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
    random = Random(state)
    kept = [word for word in ids.tolist() if word < 0 or keep[word] >= 1 or random.unit() < keep[word]]
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
                bits, left = random.bits(), 64 // 9
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
        reach = 1 + random.below(settings.window) if settings.shrink else settings.window
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
