"""Softmax and cross-entropy, computed together so that nothing overflows."""

from __future__ import annotations

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers.parameters import Array, floats


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / Σ exp(x) along `axis`; where every x is −inf (all masked) or there is none the result is 0, not NaN."""
    x = floats(x)
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)
    y = np.exp(x - np.where(np.isneginf(top), x.dtype.type(0), top))
    total = y.sum(axis=axis, keepdims=True)
    y /= np.where(total == 0, x.dtype.type(1), total)
    return y


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """The gradient of x from that of ``y = softmax(x)``: dx = y · (dy − Σ dy · y)."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int = -1) -> Array:
    """log softmax(x), without the rounding of a small probability to 0."""
    x = floats(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def cross_entropy(
    logits: Array,
    targets: Array,
    mask: Array | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float, Array]:
    """−log softmax(logits)[target], and its gradient, as ``torch.nn.functional.cross_entropy``.

    Parameters
    ----------
    logits : float (..., n_classes)
    targets : int (...)
        The right classes.
    mask : bool (...), optional
        True where a target counts.
    ignore_index : int
        A target of this value does not count either.
    label_smoothing : float
        This share of the target's probability is spread over all classes (Szegedy et al. 2016, section 7).
    reduction : {"mean", "sum"}
        Mean over the targets that count, or their sum. Nothing counts: loss and gradient are 0.

    Returns
    -------
    loss : float
        In nats.
    dlogits : float (..., n_classes)
        The gradient of `loss`; zero where a target does not count.

    Raises
    ------
    ConfigError
        For a target that counts and is no class, and for options that are none of these.
    """
    if reduction not in ("mean", "sum") or not 0 <= label_smoothing <= 1:
        raise ConfigError(
            f"`reduction` must be mean or sum, `label_smoothing` from 0 to 1, got {reduction!r} and {label_smoothing}"
        )
    logits, targets = floats(logits), np.asarray(targets)
    n_classes = logits.shape[-1]
    flat, wanted = logits.reshape(-1, n_classes), targets.reshape(-1)
    counts = wanted != ignore_index
    if mask is not None:
        counts = counts & mask.reshape(-1)
    dlogits = np.zeros_like(flat)
    rows = np.flatnonzero(counts)
    if rows.size == 0:
        return 0.0, dlogits.reshape(logits.shape)
    picked = np.arange(rows.size)
    wanted = wanted[rows]
    if not 0 <= wanted.min() <= wanted.max() < n_classes:
        raise ConfigError(f"targets must lie in 0..{n_classes - 1}, found {wanted.min()}..{wanted.max()}")
    log_p = log_softmax(flat if rows.size == len(flat) else flat[rows])
    weight = 1.0 / rows.size if reduction == "mean" else 1.0
    loss = -(1.0 - label_smoothing) * float(log_p[picked, wanted].sum(dtype=np.float64))
    if label_smoothing:
        loss -= label_smoothing / n_classes * float(log_p.sum(dtype=np.float64))
    dpicked = np.exp(log_p, out=log_p)  # softmax − the smoothed one-hot target
    dpicked[picked, wanted] -= 1.0 - label_smoothing
    if label_smoothing:
        dpicked -= label_smoothing / n_classes
    dpicked *= dpicked.dtype.type(weight)
    dlogits[rows] = dpicked
    return loss * weight, dlogits.reshape(logits.shape)
