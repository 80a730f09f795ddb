"""Distances between texts in float64, by trying everything."""

from collections import Counter
from itertools import combinations

import numpy as np


def transport_cost(supply, demand, costs):
    """The least cost of a linear program by all of its corners: the sets of n + m - 1 ways that fix the amounts."""
    n, m = np.shape(costs)
    sums = np.array([*supply, *demand], np.float64)[:-1]  # the last follows from the others
    ways = np.zeros((n + m, n * m))
    for i in range(n):
        for j in range(m):
            ways[[i, n + j], i * m + j] = 1
    corners = np.array(list(combinations(range(n * m), n + m - 1)))
    systems = ways[:-1, corners].transpose(1, 0, 2)
    sound = np.abs(np.linalg.det(systems)) > 0.5  # such determinants are -1, 0 or 1
    amounts = np.linalg.solve(systems[sound], np.broadcast_to(sums[:, None], (sound.sum(), n + m - 1, 1)))[..., 0]
    possible = (amounts > -1e-9 * max(sums)).all(axis=1)
    return (amounts[possible] * np.ravel(costs)[corners[sound][possible]]).sum(axis=1).min()


def bag(words):
    """The words of a text, each once, and their weights."""
    counts = Counter(words)
    return list(counts), np.array(list(counts.values())) / len(words)


def ground(vectors, a, b, unit=True):
    """The Euclidean distance of each of the words `a` from each of `b`."""
    of_a, of_b = (np.array([vectors[word] for word in words], np.float64) for words in (a, b))
    if unit:
        of_a, of_b = (v / np.linalg.norm(v, axis=1)[:, None] for v in (of_a, of_b))
    return np.linalg.norm(of_a[:, None] - of_b, axis=2)


def wmd(vectors, a, b, unit=True):
    """Word Mover's Distance of two texts, each a list of words."""
    (of_a, weights_a), (of_b, weights_b) = bag(a), bag(b)
    return transport_cost(weights_a, weights_b, ground(vectors, of_a, of_b, unit))


def rwmd(vectors, a, b, unit=True):
    """Its relaxation."""
    (of_a, weights_a), (of_b, weights_b) = bag(a), bag(b)
    costs = ground(vectors, of_a, of_b, unit)
    return max(weights_a @ costs.min(axis=1), weights_b @ costs.min(axis=0))


def wcd(vectors, a, b, unit=True):
    """The distance of the means."""
    means = []
    for words in (a, b):
        rows = np.array([vectors[word] for word in words], np.float64)
        means.append((rows / np.linalg.norm(rows, axis=1)[:, None] if unit else rows).mean(axis=0))
    return float(np.linalg.norm(means[0] - means[1]))
