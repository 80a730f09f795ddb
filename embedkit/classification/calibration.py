"""Honest probabilities: one number that divides the scores of a model that is too sure of itself, or not enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEMPERATURES = np.geomspace(0.25, 64, 161)


Parts = Sequence[tuple[np.ndarray, np.ndarray]]


def best_temperature(parts: Parts, softmax: bool = True) -> float:
    """The divisor of the scores for which the targets are likeliest (Guo et al. 2017, "On Calibration of Modern Neural
    Networks").

    Parameters
    ----------
    parts : sequence of (float (n, n_labels), float (n, n_labels))
        Scores before softmax, and what share of a text each label has; rows of zeros do not count. Parts may differ in
        their labels.
    softmax : bool
        Else each label is a yes or no of its own.
    """
    losses = [mean_loss(parts, temperature, softmax) for temperature in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def mean_loss(parts: Parts, temperature: float, softmax: bool) -> float:
    """Of a row, its scores divided by a temperature: cross entropy, or the sum of each label's logistic loss."""
    total = 0.0
    for scores, targets in parts:
        scaled = scores.astype(np.float64) / temperature
        if softmax:
            largest = scaled.max(1, keepdims=True)
            logarithms = np.log(np.exp(scaled - largest).sum(1)) + largest[:, 0]
            total += float((logarithms * targets.sum(1) - (scaled * targets).sum(1)).sum())
        else:
            total += float((np.logaddexp(0, scaled) - scaled * targets).sum())
    return total / sum(len(scores) for scores, _ in parts)


def accuracy(parts: Parts) -> float:
    """Of the likeliest label, parts as for `best_temperature`."""
    return float(np.mean(np.concatenate([np.take_along_axis(y, s.argmax(1)[:, None], 1) > 0 for s, y in parts])))


def losses_and_slopes(scores: np.ndarray, targets: np.ndarray, softmax: bool) -> tuple[float, np.ndarray]:
    """The sum of the rows' losses, and its slope by each score, float32 (n, n_labels); `scores` are used up."""
    if softmax:
        scores -= scores.max(1, keepdims=True)
        powers = np.exp(scores)
        totals = powers.sum(1, keepdims=True)
        loss = float(np.log(totals).sum(dtype=np.float64) - (scores * targets).sum(dtype=np.float64))
        return loss, powers / totals - targets
    loss = float((np.logaddexp(0, scores) - scores * targets).sum(dtype=np.float64))
    return loss, 1 / (1 + np.exp(-scores)) - targets
