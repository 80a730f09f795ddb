"""Points in cells around centroids: what product quantisation and groups of words are made of."""

from __future__ import annotations

import numpy as np

ITERATIONS = 12


def k_means(points: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Lloyd's algorithm from random points: float32 (at most k, width); empty cells move to the farthest points."""
    centroids = points[rng.permutation(len(points))[:k]].copy()
    for _ in range(ITERATIONS if len(points) > k else 0):
        cell, squared = closest(points, centroids)
        sizes = np.bincount(cell, minlength=len(centroids))
        for column in range(points.shape[1]):
            sums = np.bincount(cell, points[:, column], minlength=len(centroids))
            centroids[:, column] = sums / np.maximum(sizes, 1)
        empty = np.flatnonzero(sizes == 0)
        centroids[empty] = points[np.argsort(-squared)[: len(empty)]]
    return centroids


def closest(points: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centroid of each point, and the squared distance to it."""
    scores = points @ (2 * centroids.T)
    scores -= (centroids * centroids).sum(axis=1)
    cell = scores.argmax(axis=1)
    return cell, (points * points).sum(axis=1) - scores[np.arange(len(points)), cell]
