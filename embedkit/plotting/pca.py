"""Principal components: the directions along which vectors differ most."""

from __future__ import annotations

import numpy as np


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
