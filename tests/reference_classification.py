"""A bag-of-features classifier in plain Python and float64: features as fastText lists them, and its training step."""

import numpy as np

from tests.reference import SplitMix64
from tests.reference_fasttext import learn_logistic, learn_softmax

SPACES = " \n\r\t\v\f\0"


def fnv(data):
    h = 2166136261
    for byte in data:
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return h


def tokens(text):
    """The bytes of the tokens of a line, ``</s>`` last."""
    found, word = [], ""
    for character in text + "\n":
        if character not in SPACES:
            word += character
            continue
        if word:
            found.append(word.encode("utf-8", "surrogateescape"))
            if found[-1] == b"</s>":
                return found
        word = ""
        if character == "\n":
            break
    return [*found, b"</s>"]


def characters(data):
    starts = [i for i, byte in enumerate(data) if byte & 0xC0 != 0x80]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def features(text, words, min_n, max_n, word_ngrams, bucket):
    """Row numbers: words, then ``len(words) + bucket``."""
    rows, hashes = [], []
    for token in tokens(text):
        known = token in words
        if not known and token.startswith(b"__label__"):
            continue
        if known:
            rows.append(words.index(token))
        hashes.append(fnv(token))
        if max_n and token != b"</s>":
            parts = characters(b"<" + token + b">")
            for i in range(len(parts)):
                for n in range(min_n, max_n + 1):
                    if i + n <= len(parts) and not (n == 1 and i in (0, len(parts) - 1)):
                        rows.append(len(words) + fnv(b"".join(parts[i : i + n])) % bucket)
    signed = [h - (1 << 32) if h >= 1 << 31 else h for h in hashes]
    for i, h in enumerate(signed):
        for other in signed[i + 1 : i + word_ngrams]:
            h = (h * 116049371 + other) % (1 << 64)
            rows.append(len(words) + h % bucket)
    return rows


def train(examples, order, labels, paths, w_in, w_out, rate, state, loss):
    """One pass over the examples `order`; returns the summed loss."""
    random = SplitMix64(state)
    total = 0.0
    for example in order:
        rows, wanted = examples[example], labels[example]
        if not rows or not wanted:
            continue
        hidden = sum((w_in[row] for row in rows if row >= 0), np.zeros(w_in.shape[1])) / len(rows)
        if loss == "ova":
            marks = np.isin(np.arange(len(w_out)), wanted).astype(float)
            new, found = learn_logistic(hidden, w_out, np.arange(len(w_out)), marks, rate)
        else:
            target = wanted[random.next_below(len(wanted))]
            if loss == "softmax":
                new, found = learn_softmax(hidden, w_out, target, rate)
            else:
                path = slice(paths.indptr[target], paths.indptr[target + 1])
                new, found = learn_logistic(hidden, w_out, paths.nodes[path], paths.labels[path], rate)
        total += found
        for row in rows:
            if row >= 0:
                w_in[row] += (new - hidden) / len(rows)
    return total
