"""Log odds of labels from a classifier's scores: they stay apart where probabilities have become 0 or 1."""

from __future__ import annotations

import numpy as np

LARGEST = float(np.finfo(np.float32).max)  # of a label without another


def log_odds(scores: np.ndarray, loss: str, label_counts: np.ndarray) -> np.ndarray:
    """``log(p / (1 - p))`` of each label, float64 (n, n_labels).

    Parameters
    ----------
    scores : float (n, n_labels)
        Of the labels, or with "hs" of the inner nodes of the tree over them.
    loss : {"softmax", "hs", "ns", "ova"}
    label_counts : int64 (n_labels,)
        The tree's.
    """
    if loss == "softmax":
        return softmax_log_odds(scores)
    if loss == "hs":
        logarithms = _of_leaves(scores, label_counts)
        with np.errstate(divide="ignore"):
            return np.minimum(logarithms - np.log(-np.expm1(logarithms)), LARGEST)
    return scores.astype(np.float64)


def softmax_log_odds(scores: np.ndarray) -> np.ndarray:
    """A label's score less the logarithm of the others' powers together, float64 (n, n_labels)."""
    scores = scores.astype(np.float64)
    best = scores.argmax(1)[:, None]
    largest = np.take_along_axis(scores, best, 1)
    powers = np.exp(scores - largest)
    others = np.log(np.maximum(powers.sum(1, keepdims=True) - powers, 0.5))  # the best is 1 of them, but for itself
    np.put_along_axis(scores, best, -np.inf, 1)
    of_best = np.logaddexp.reduce(scores, axis=1)[:, None]
    odds = scores - largest - others
    np.put_along_axis(odds, best, np.minimum(largest - of_best, LARGEST), 1)
    return np.asarray(odds)


def _of_leaves(scores: np.ndarray, label_counts: np.ndarray) -> np.ndarray:
    """Log probability of each label by hierarchical softmax, float64 (n, n_labels), of the inner nodes' scores."""
    from embedkit.kernels.outputs import huffman_tree

    parent, turn = huffman_tree(label_counts)
    n_labels = len(label_counts)
    scores = scores.T.astype(np.float64)
    found = np.zeros((2 * n_labels - 1, scores.shape[1]))
    for node in range(2 * n_labels - 3, -1, -1):
        score = scores[parent[node] - n_labels]
        found[node] = found[parent[node]] - np.logaddexp(0, -score if turn[node] else score)
    return found[:n_labels].T
