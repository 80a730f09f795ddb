"""Exact t-SNE for up to a few thousand points.

van der Maaten and Hinton 2008, "Visualizing Data using t-SNE", JMLR 9. Every pair of points is looked at in each
step: n² work and memory, and no approximation to doubt. The start is PCA and not random, so a picture repeats.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from embedkit.errors import ConfigError
from embedkit.plotting.pca import pca
from embedkit.progress import Progress, ProgressCallback
from embedkit.threads import usable_cores

MAX_POINTS = 5000
EXAGGERATION = 12.0
EXAGGERATED_STEPS = 250
EARLY_MOMENTUM, LATE_MOMENTUM = 0.5, 0.8
SMALLEST_GAIN = 0.01
TINY = 1e-12
FAST_FROM = 1000  # points, from which openTSNE is used where it is installed
COMPARED = 10_000  # points, up to which all pairs are compared: for 5,000 that takes a fifth of the time of trees
# A layout of 5,000 words keeps as many of the ten nearest neighbours after 100 and 150 or 125 and 250 such steps (.375
# and .376) as after the usual 250 and 500 (.376). Forces by interpolation take half the time of those by trees.
FAST_EXAGGERATED_STEPS, FAST_STEPS = 100, 200


def tsne(
    vectors: np.ndarray, perplexity: float = 30.0, steps: int = 1000, progress: ProgressCallback | None = None
) -> np.ndarray:
    """Lay points out in two dimensions so that neighbours stay neighbours.

    Parameters
    ----------
    vectors : float (n, d)
        At least 3 and at most `MAX_POINTS` points; any number where openTSNE is installed.
    perplexity : float, default 30
        About how many neighbours each point should keep; lowered to (n - 1) / 3 for few points.
    steps : int, default 1000
        Of gradient descent, the first 250 of them with the affinities exaggerated (section 3.4 of the paper, with
        the factor 12 that later became usual). openTSNE takes 300, the first 100 exaggerated.
    progress : callable, optional

    Returns
    -------
    float64 (n, 2)

    Raises
    ------
    ConfigError
        For too few or too many points, or a perplexity that is not above 1.
    """
    n = len(vectors)
    if n >= FAST_FROM and has_fast_tsne():
        return _interpolated(vectors, perplexity)
    if not 3 <= n <= MAX_POINTS:
        raise ConfigError(
            f"t-SNE looks at every pair and takes 3 to {MAX_POINTS} words, found {n}; "
            "use the method pca, or fewer words"
        )
    if not perplexity > 1:
        raise ConfigError(f"expected a perplexity above 1, found {perplexity}")
    affinities = joint_affinities(squared_distances(vectors), min(perplexity, max((n - 1) / 3, 1.01)))
    layout = pca(vectors)[0]
    layout *= 1e-4 / max(float(layout[:, 0].std()), TINY)
    velocity = np.zeros_like(layout)
    gains = np.ones_like(layout)
    rate = max(n / EXAGGERATION / 4, 50.0)  # Belkina et al. 2019, divided by the 4 of the gradient
    for step in range(steps):
        early = step < min(EXAGGERATED_STEPS, steps // 2)
        slope = gradient(affinities * EXAGGERATION if early else affinities, layout)
        gains = np.where(np.sign(slope) != np.sign(velocity), gains + 0.2, gains * 0.8).clip(SMALLEST_GAIN)
        velocity = (EARLY_MOMENTUM if early else LATE_MOMENTUM) * velocity - rate * gains * slope
        layout += velocity
        layout -= layout.mean(axis=0)
        if progress is not None and step % 20 == 19:
            progress(Progress("laying out", step + 1, steps, "steps"))
    return layout


def has_fast_tsne() -> bool:
    """Whether openTSNE is installed."""
    return find_spec("openTSNE") is not None


def squared_distances(points: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances between all pairs: float64 (n, n), zero on the diagonal."""
    points = np.asarray(points, np.float64)
    squares = np.einsum("ij,ij->i", points, points)
    distances = squares[:, None] + squares[None, :] - 2 * (points @ points.T)
    np.maximum(distances, 0, out=distances)
    np.fill_diagonal(distances, 0)
    return distances


def conditional_affinities(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """How likely each point would pick each other as its neighbour (equation 1): float64 (n, n), rows sum to 1.

    The width of each point's Gaussian is found by bisection, for all rows at once, so that the row's perplexity
    2^H is the one asked for.
    """
    n = len(distances)
    off_diagonal = ~np.eye(n, dtype=bool)
    nearest = np.where(off_diagonal, distances, np.inf).min(axis=1, keepdims=True)
    shifted = distances - nearest  # the same probabilities, and no underflow of a whole row
    scale = max(float(np.median(shifted[off_diagonal])), TINY)
    precision = np.full((n, 1), 1.0 / scale)
    low, high = np.zeros((n, 1)), np.full((n, 1), np.inf)
    for _ in range(100):
        weights = np.where(off_diagonal, np.exp(-shifted * precision), 0.0)
        sums = weights.sum(axis=1, keepdims=True)
        entropy = np.log(sums) + precision * (weights * shifted).sum(axis=1, keepdims=True) / sums
        error = entropy - np.log(perplexity)
        if np.abs(error).max() < 1e-6:
            break
        low = np.where(error > 0, precision, low)
        high = np.where(error > 0, high, precision)
        precision = np.where(np.isinf(high), np.minimum(precision * 2, 1e12 / scale), (low + high) / 2)
    return weights / sums


def joint_affinities(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """Symmetric affinities of the high-dimensional points (section 3.1): float64 (n, n), summing to 1."""
    conditional = conditional_affinities(distances, perplexity)
    return np.maximum((conditional + conditional.T) / (2 * len(distances)), TINY)


def gradient(affinities: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """The slope of KL(P || Q) at a layout, with Student-t affinities Q (equations 4 and 5): float64 (n, 2)."""
    weights = 1.0 / (1.0 + squared_distances(layout))
    np.fill_diagonal(weights, 0)
    pull = (affinities - weights / weights.sum()) * weights
    return 4 * (pull.sum(axis=1)[:, None] * layout - pull @ layout)


def _interpolated(vectors: np.ndarray, perplexity: float) -> np.ndarray:
    """Any number of points by openTSNE: forces by interpolation (Linderman et al. 2019)."""
    from openTSNE import TSNE

    method = TSNE(
        perplexity=min(perplexity, (len(vectors) - 1) / 3),
        initialization="pca",
        negative_gradient_method="fft",
        ints_in_interval=2,  # two thirds of the time of 1; .353 and .518 of ten neighbours kept, not .353 and .527
        neighbors="exact" if len(vectors) <= COMPARED else "auto",
        early_exaggeration_iter=FAST_EXAGGERATED_STEPS,
        n_iter=FAST_STEPS,
        random_state=1,
        n_jobs=usable_cores(),
    )
    found = method.fit(np.asarray(vectors))
    return np.asarray(found, np.float64)
