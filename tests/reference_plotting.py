"""Plain versions of the plotting kernels: loops over pairs, one formula of the paper after the other."""

import math

import numpy as np


def squared_distances(points):
    n = len(points)
    return np.array(
        [[sum((a - b) ** 2 for a, b in zip(points[i], points[j], strict=True)) for j in range(n)] for i in range(n)]
    )


def conditional_affinities(points, sigmas):
    """Equation 1 of van der Maaten and Hinton 2008 for given widths of the Gaussians."""
    n = len(points)
    p = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                p[i, j] = math.exp(-sum((points[i] - points[j]) ** 2) / (2 * sigmas[i] ** 2))
        p[i] /= p[i].sum()
    return p


def perplexity(row):
    """2 to the Shannon entropy in bits."""
    return 2 ** -sum(p * math.log2(p) for p in row if p > 0)


def divergence(affinities, layout):
    """KL(P || Q) with the Student-t affinities of equation 4."""
    n = len(layout)
    q = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                q[i, j] = 1 / (1 + sum((layout[i] - layout[j]) ** 2))
    q /= q.sum()
    return sum(affinities[i, j] * math.log(affinities[i, j] / q[i, j]) for i in range(n) for j in range(n) if i != j)
