"""The plain float64 versions of the kernels, written to be read: what the fast code is judged by.

Each function has the name of the kernel it stands for and draws the same random numbers in the same order.
"""

import numpy as np

from embedkit.kernels.blocks import BLOCK
from embedkit.kernels.cbow import STREAMS
from embedkit.kernels.fours import FOUR

_MASK = 2**64 - 1


class SplitMix64:
    """The kernels' random numbers in Python's integers."""

    def __init__(self, seed):
        self.state = int(seed)

    def next_uint64(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def next_float32(self):
        return np.float32(self.next_uint64() >> 40) * np.float32(2.0**-24)

    def next_below(self, n):
        return ((self.next_uint64() >> 32) * n) >> 32

    def draw(self, table):
        bits = self.next_uint64()
        slot = ((bits >> 32) * len(table)) >> 32
        return slot if (bits & 0xFFFFFFFF) < int(table[slot, 0]) else int(table[slot, 1])


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def subsample(ids, keep, random):
    return [w for w in ids if w < 0 or keep[w] >= 1 or random.next_float32() < keep[w]]


def centres(kept):
    """(position, word, first and last position of its sentence) of every word."""
    found, start = [], 0
    for position, word in enumerate([*kept, -1]):
        if word < 0:
            found += [(p, kept[p], start, position - 1) for p in range(start, position)]
            start = position + 1
    return found


def window(position, first, last, size, shrink, random):
    """The context positions of one centre."""
    reach = 1 + random.next_below(size) if shrink else size
    return [p for p in range(max(first, position - reach), min(last, position + reach) + 1) if p != position]


def blocks(kept, table, settings, random):
    """Blocks of BLOCK centres with their windows and shared negatives, drawn in the kernels' order."""
    todo = centres(kept)
    negatives = [random.draw(table) for _ in range(settings.n_shared)]
    for start in range(0, len(todo), BLOCK):
        block = [
            (word, window(p, first, last, settings.window, settings.shrink, random))
            for p, word, first, last in todo[start : start + BLOCK]
        ]
        following = [random.draw(table) for _ in range(settings.n_shared)]
        yield block, negatives
        negatives = following


def skipgram(ids, keep, table, settings, w_in, w_out, learning_rate, seed):
    """One pass of skip-gram with shared negatives; updates w_in and w_out, returns the summed loss and pairs."""
    random = SplitMix64(seed)
    kept = subsample(ids, keep, random)
    loss = n_pairs = 0.0
    for block, negatives in blocks(kept, table, settings, random):
        change_in, change_out = np.zeros_like(w_in), np.zeros_like(w_out)
        for centre, context in block:
            for p in context:
                x = w_in[kept[p]]
                targets = [(centre, 1.0, 1.0)]
                targets += [(k, 0.0, float(settings.negative_weight)) for k in negatives if k != centre]
                for output, label, weight in targets:
                    score = x @ w_out[output]
                    step = learning_rate * weight * (label - sigmoid(score))
                    change_in[kept[p]] += step * w_out[output]
                    change_out[output] += step * x
                    loss += weight * np.logaddexp(0, -score if label else score)
                n_pairs += 1
        w_in += change_in
        w_out += change_out
    return loss, n_pairs


def positional(ids, keep, table, settings, w_in, w_out, learning_rate, seed):
    """One pass of structured skip-gram; updates w_in and w_out, returns the summed loss and pairs."""
    random, n_words, n_places = SplitMix64(seed), len(keep), 2 * settings.window
    negatives = [random.draw(table) for _ in range(settings.n_shared)]
    negatives = [word + random.next_below(n_places) * n_words for word in negatives]
    loss = n_pairs = 0.0
    block, todo = [], centres(ids)
    while todo:
        p, word, first, last = todo.pop(0)
        if keep[word] >= 1 or random.next_float32() < keep[word]:
            places = window(p, first, last, settings.window, settings.shrink, random)
            block += [(word, [(q, (q - p + settings.window - (q > p)) * n_words + ids[q]) for q in places])] * bool(
                places
            )
        if not block or (len(block) < BLOCK and todo):
            continue
        neighbours = [row for _, places in block for _, row in places]
        following = [random.draw(table) for _ in range(settings.n_shared)]
        following = [word + neighbours[random.next_below(len(neighbours))] // n_words * n_words for word in following]
        change_in, change_out = np.zeros_like(w_in), np.zeros_like(w_out)
        for centre, places in block:
            for _, neighbour in places:
                targets = [(neighbour, 1.0, 1.0)]
                targets += [(k, 0.0, float(settings.negative_weight)) for k in negatives if k != neighbour]
                for output, label, weight in targets:
                    score = w_in[centre] @ w_out[output]
                    step = learning_rate * weight * (label - sigmoid(score))
                    change_in[centre] += step * w_out[output]
                    change_out[output] += step * w_in[centre]
                    loss += weight * np.logaddexp(0, -score if label else score)
                n_pairs += 1
        w_in += change_in
        w_out += change_out
        block, negatives = [], following
    return loss, n_pairs


def cbow(ids, keep, table, settings, w_in, w_out, learning_rate, seed):
    """One pass of CBOW: centres from STREAMS places of the text share negatives, FOUR of them learn at a time."""
    random = SplitMix64(seed)
    kept = subsample(ids, keep, random)
    todo = centres(kept)
    n_steps = -(-len(todo) // STREAMS)
    drawn = [random.draw(table) for _ in range((n_steps + 1) * settings.n_shared)]
    loss = n_pairs = 0.0
    for step in range(n_steps):
        negatives = drawn[step * settings.n_shared :][: settings.n_shared]
        for group in range(0, STREAMS, FOUR):
            places = [(group + q) * n_steps + step for q in range(FOUR)]
            found = [todo[i] for i in places if i < len(todo)]
            windows = [window(p, first, last, settings.window, settings.shrink, random) for p, _, first, last in found]
            pairs = [
                (word, [kept[p] for p in near]) for (_, word, _, _), near in zip(found, windows, strict=True) if near
            ]
            outputs = [[(k, centre, 1.0, 1.0)] for k, (centre, _) in enumerate(pairs)]
            for word in negatives:
                weight = float(settings.negative_weight)
                outputs.append([(k, word, 0.0, weight) for k, (centre, _) in enumerate(pairs) if word != centre])
            hidden = [w_in[words].mean(axis=0) for _, words in pairs]
            changes = [np.zeros_like(h) for h in hidden]
            scores = [[hidden[k] @ w_out[word] for k, word, _, _ in one] for one in outputs]
            for one, their_scores in zip(outputs, scores, strict=True):
                rows = {word: w_out[word].copy() for _, word, _, _ in one}
                for (k, word, label, weight), score in zip(one, their_scores, strict=True):
                    step_size = learning_rate * weight * (label - sigmoid(score))
                    changes[k] += step_size * rows[word]
                    w_out[word] += step_size * hidden[k]
                    loss += weight * np.logaddexp(0, -score if label else score)
            for (_, words), change in zip(pairs, changes, strict=True):
                n_pairs += 1
                np.add.at(w_in, words, change / len(words) if settings.mean_gradient else change)
    return loss, n_pairs


def softmax(ids, keep, paths, settings, w_in, w_out, learning_rate, seed, cbow, loss):
    """One pass of skip-gram or CBOW with loss "hs" or "softmax"; returns the summed loss and predictions."""
    random = SplitMix64(seed)
    kept = subsample(ids, keep, random)
    total = n_pairs = 0.0
    for p, centre, first, last in centres(kept):
        words = [kept[q] for q in window(p, first, last, settings.window, settings.shrink, random)]
        for context in [words] if cbow and words else [[word] for word in words]:
            hidden = w_in[context].mean(axis=0)
            if loss == "softmax":
                outputs = np.arange(len(w_out))
                p_word = np.exp(w_out @ hidden - (w_out @ hidden).max())
                p_word /= p_word.sum()
                total -= np.log(p_word[centre])
                steps = learning_rate * (np.eye(len(w_out))[centre] - p_word)
            else:
                path = slice(paths.indptr[centre], paths.indptr[centre + 1])
                outputs, labels = paths.nodes[path], paths.labels[path]
                scores = w_out[outputs] @ hidden
                total += np.logaddexp(0, np.where(labels > 0, -scores, scores)).sum()
                steps = learning_rate * (labels - sigmoid(scores))
            n_pairs += 1
            change = steps @ w_out[outputs]
            w_out[outputs] += np.outer(steps, hidden)
            np.add.at(w_in, context, change / len(context) if settings.mean_gradient else change)
    return total, n_pairs
