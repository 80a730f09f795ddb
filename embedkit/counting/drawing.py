"""Drawing the next word: temperature, the likeliest k, the likeliest share."""

from __future__ import annotations

import numpy as np

from embedkit.errors import ConfigError


def draw(p: np.ndarray, temperature: float, topk: int | None, top_p: float | None, rng: np.random.Generator) -> int:
    """A word by probability p ** (1 / temperature).

    Parameters
    ----------
    p : float (n,)
        Not negative, in any scale; where it is 0 nothing is drawn.
    temperature : float
        0 takes the likeliest.
    topk : int or None
        Draw among so many likeliest words.
    top_p : float or None
        Draw among the fewest words that together have this probability (Holtzman et al. 2020, section 3.1).
    rng : Generator

    Raises
    ------
    ConfigError
        For a temperature, a `topk` or a `top_p` that makes no sense.
    """
    if not 0 <= temperature < np.inf:
        raise ConfigError(f"`temperature` must be a number from 0 up, got {temperature}")
    if topk is not None and topk < 1:
        raise ConfigError(f"`topk` must be at least 1, got {topk}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(f"`top_p` must be above 0 and at most 1, got {top_p}")
    if temperature == 0:
        return int(p.argmax())
    with np.errstate(divide="ignore", over="ignore"):  # beyond the largest number is as unlikely as 0
        scores = np.log(p / p.max()) / temperature
    if topk is not None and topk < len(scores):
        scores[np.argsort(-scores, kind="stable")[topk:]] = -np.inf
    if top_p is not None:
        scores[beyond(_shares(scores), top_p)] = -np.inf
    return int(rng.choice(len(scores), p=_shares(scores)))


def beyond(p: np.ndarray, top_p: float) -> np.ndarray:
    """The words outside of the fewest that together have probability `top_p`, at least one: int64 (n,)."""
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    return order[before >= top_p]


def _shares(scores: np.ndarray) -> np.ndarray:
    parts = np.exp(scores - scores.max())
    return parts / parts.sum()
