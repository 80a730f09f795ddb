"""From many dimensions to two."""

from __future__ import annotations

import numpy as np

from embedkit.errors import ConfigError
from embedkit.neighbours import unit
from embedkit.progress import ProgressCallback

METHODS = ("pca", "tsne")


def project(vectors: np.ndarray, method: str = "pca", perplexity: float = 30.0,
            progress: ProgressCallback | None = None) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Project word vectors, brought to unit length first, onto a plane.

    Parameters
    ----------
    vectors : float (n, d)
    method : {"pca", "tsne"}
    perplexity : float, default 30
        Of t-SNE.
    progress : callable, optional

    Returns
    -------
    points : float64 (n, 2)
    shares : (float, float) or None
        With PCA: the share of the variance, 0 to 1, along each axis.

    Raises
    ------
    ConfigError
        For an unknown method, fewer than two vectors, or vectors that are not finite.
    """
    if len(vectors) < 2:
        raise ConfigError(f"a picture needs at least two words, found {len(vectors)}")
    if not np.isfinite(vectors).all():
        raise ConfigError("the vectors hold a NaN or an infinity: these words have no place in a picture")
    if method == "pca":
        return pca(unit(vectors))
    if method == "tsne":
        from embedkit.plotting.tsne import tsne

        return tsne(unit(vectors), perplexity, progress=progress), None
    raise ConfigError(f"unknown method {method!r}: expected one of {', '.join(METHODS)}")


def pca(vectors: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The two directions of largest variance.

    The sign of an axis is chosen so that its largest component is positive, so that a picture repeats.

    Parameters
    ----------
    vectors : float (n, d)

    Returns
    -------
    points : float64 (n, 2)
    shares : (float, float)
        The share of the variance, 0 to 1, along each axis.
    """
    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    values = np.maximum(values[::-1], 0)
    axes = axes[:, ::-1][:, :2]
    if axes.shape[1] < 2:
        axes = np.pad(axes, ((0, 0), (0, 1)))
        values = np.append(values, 0.0)
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.where(axes[largest, [0, 1]] < 0, -1.0, 1.0)
    total = max(float(values.sum()), 1e-300)
    return centred @ axes, (float(values[0]) / total, float(values[1]) / total)
