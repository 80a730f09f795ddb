"""Plain float64 versions of `embedkit.analysis.correlation` and `evaluation`, one pair and one question at a time."""

import numpy as np


def ranks(values):
    return np.array(
        [sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2 for value in values]
    )


def pearson(x, y):
    dx, dy = x - np.mean(x), y - np.mean(y)
    return (dx * dy).sum() / np.sqrt((dx * dx).sum() * (dy * dy).sum())


def spearman(x, y):
    return pearson(ranks(x), ranks(y))


def unit(v):
    length = np.linalg.norm(v)
    return v / length if length > 0 else v


def answer(words, vectors, question, method, fold=str.upper):
    """The best word for (a, b, c), which are already folded; the first row of equal folded words counts."""
    rows = {}
    for word, vector in zip(words, vectors, strict=True):
        rows.setdefault(fold(word), unit(vector.astype(np.float64)))
    a, b, c = (rows[word] for word in question[:3])
    scores = {}
    for word, vector in zip(words, vectors, strict=True):
        if fold(word) in question[:3] or not vector.any():
            continue
        v = unit(vector.astype(np.float64))
        if method == "3cosadd":
            score = v @ unit(b + c - a)
        else:
            score = (1 + v @ b) / 2 * ((1 + v @ c) / 2) / ((1 + v @ a) / 2 + 1e-6)
        scores[word] = score
    return max(scores, key=scores.get)
