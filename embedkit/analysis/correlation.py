"""Correlations of two lists of numbers with their bootstrap intervals, in float64 and without SciPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BLOCK_VALUES = 4_000_000  # resampled values held at once: 32 MB an array


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient with its bootstrap interval; NaN where it is not defined.

    Attributes
    ----------
    value : float
        Between -1 and 1.
    low, high : float
        Ends of the 95 % percentile interval.
    """

    value: float
    low: float
    high: float


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of the ranks that they occupy.

    Parameters
    ----------
    values : float (n,)

    Returns
    -------
    float64 (n,)
    """
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return (last - (sizes - 1) / 2)[group]


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's product-moment correlation of two float (n,) arrays.

    NaN for fewer than two values or where all values of one side are equal.
    """
    if len(x) < 2 or np.all(x == x[0]) or np.all(y == y[0]):
        return float("nan")
    x = np.asarray(x, np.float64) - np.mean(x, dtype=np.float64)
    y = np.asarray(y, np.float64) - np.mean(y, dtype=np.float64)
    value = float((x / np.linalg.norm(x)) @ (y / np.linalg.norm(y)))
    return min(1.0, max(-1.0, value))


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of two float (n,) arrays: Pearson's of their `ranks`, ties included."""
    return pearson(ranks(np.asarray(x)), ranks(np.asarray(y)))


def bootstrap(x: np.ndarray, y: np.ndarray, resamples: int = 1000, seed: int = 1) -> tuple[Correlation, Correlation]:
    """Spearman's and Pearson's correlation, each with a 95 % interval.

    The interval is the percentile bootstrap over pairs (Efron and Tibshirani 1993, section 13.3): the pairs are
    drawn with replacement, as many as there are, and the 2.5th and 97.5th percentiles of the correlations of
    those samples are its ends. Samples whose correlation is not defined are left out.

    Parameters
    ----------
    x, y : float (n,)
    resamples : int
        How many samples are drawn.
    seed : int
        Of the random numbers.

    Returns
    -------
    spearman, pearson : Correlation
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    points = spearman(x, y), pearson(x, y)
    if any(np.isnan(point) for point in points):
        return Correlation(points[0], np.nan, np.nan), Correlation(points[1], np.nan, np.nan)
    rng = np.random.default_rng(seed)
    n, block = len(x), max(1, _BLOCK_VALUES // len(x))
    samples: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
        samples[0].append(_weighted_pearson(_weighted_ranks(x, times), _weighted_ranks(y, times), times))
        samples[1].append(_weighted_pearson(x[None, :], y[None, :], times))
    return _interval(points[0], samples[0]), _interval(points[1], samples[1])


def _interval(point: float, samples: list[np.ndarray]) -> Correlation:
    low, high = np.nanpercentile(np.concatenate(samples), [2.5, 97.5])
    return Correlation(point, float(low), float(high))


def _weighted_ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Ranks of float (n,) values in samples that hold value i `times[s, i]` times: float64 (samples, n)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.add.reduceat(times[:, order], starts, axis=1)
    return (np.cumsum(sizes, axis=1) - (sizes - 1) / 2)[:, group]


def _weighted_pearson(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Pearson's correlation in each sample; x, y float64 (samples or 1, n), times float64 (samples, n)."""
    total = times.sum(axis=1, keepdims=True)
    x = x - (x * times).sum(axis=1, keepdims=True) / total
    y = y - (y * times).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((x * x * times).sum(axis=1) * (y * y * times).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, (x * y * times).sum(axis=1) / spread, np.nan)
