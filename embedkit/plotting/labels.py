"""Where each label goes so that no two overlap: greedy, in the order given, the same every time."""

from __future__ import annotations

import numpy as np

# Directions to try, the most readable first: right, left, above, below, then the corners.
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
GAPS = (5.0, 12.0, 22.0, 36.0, 52.0)


def place_labels(
    points: np.ndarray, sizes: np.ndarray, bounds: tuple[float, float, float, float], radius: float = 4.0
) -> np.ndarray:
    """Find a place for each label near its point, overlapping no other label, no point and no edge.

    Labels are placed in the order given, so put the important ones first. Each tries eight directions at growing
    distance. A label that only fits across another word's point may cover the point; one that fits nowhere is left
    out.

    Parameters
    ----------
    points : float (n, 2)
        In pixels.
    sizes : float (n, 2)
        Widths and heights of the labels, in pixels.
    bounds : (left, bottom, right, top)
        Where labels may be, in pixels.
    radius : float, default 4
        Of the dots to keep free, in pixels.

    Returns
    -------
    float64 (n, 2)
        Centres of the labels; NaN where one fits nowhere.
    """
    points = np.asarray(points, np.float64)
    sizes = np.asarray(sizes, np.float64)
    centres = np.full((len(points), 2), np.nan)
    placed = np.zeros(len(points), bool)
    for i, size in enumerate(sizes):
        tries = _candidates(points[i], size)
        left, bottom, right, top = bounds
        inside = ((tries - size / 2 >= (left, bottom)) & (tries + size / 2 <= (right, top))).all(axis=1)
        gaps = np.abs(tries[:, None, :] - centres[placed][None, :, :])
        free = inside & ~(gaps < (sizes[placed] + size) / 2).all(axis=2).any(axis=1)
        others = np.delete(points, i, axis=0)
        covers = (np.abs(tries[:, None, :] - others[None, :, :]) < size / 2 + radius).all(axis=2).any(axis=1)
        good = np.flatnonzero(free & ~covers)
        if not len(good):
            good = np.flatnonzero(free)
        if len(good):
            centres[i] = tries[good[0]]
            placed[i] = True
    return centres


def _candidates(point: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Centres to try for a label of this size, the best first: float64 (n_gaps · 8, 2)."""
    directions = np.array(DIRECTIONS, np.float64)
    return np.concatenate([point + directions * (size / 2 + gap * _shrink(directions)) for gap in GAPS])


def _shrink(directions: np.ndarray) -> np.ndarray:
    """Corners stand no farther off than sides."""
    return 1 / np.linalg.norm(directions, axis=1, keepdims=True)
