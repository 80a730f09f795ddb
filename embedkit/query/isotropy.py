"""Whether vectors tell words apart at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

PAIRS = 1000
# The mean cosine of two words. Skip-gram trained on .5 M words had .97, .74, .33, .18 and .11 with WS353 of .10, .22,
# .39, .46 and .48; models that people use lie below .4.
ALIKE = 0.7
ROSE = 1.05  # times the loss of vectors that know nothing
FEWEST_WORDS = 100  # the few words of a toy corpus may well be alike


def mean_cosine(model: KeyedVectors, pairs: int = PAIRS, seed: int = 0) -> float:
    """The mean cosine of random pairs of words; near 1 where all vectors point the same way. NaN below two words."""
    n = len(model)
    if n < 2:
        return float("nan")
    random = np.random.default_rng(seed)
    first = random.integers(n, size=min(pairs, 8 * n))
    second = (first + random.integers(1, n, size=len(first))) % n
    a, b = (np.asarray(model.vectors[rows], np.float32) for rows in (first, second))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    known = lengths > 0
    return float(np.mean(np.sum(a * b, axis=1)[known] / lengths[known])) if known.any() else float("nan")


def learnt_nothing(model: KeyedVectors, epochs: int | None = None) -> str | None:
    """What to tell about a model whose loss did not fall, or whose words are all alike: why, and what to do.

    Parameters
    ----------
    model : KeyedVectors
    epochs : int, optional
        Passes over the text, where they are known: then the message says how seldom most words were seen.

    Returns
    -------
    str or None
        None for any other model. Its ``config`` has its loss where that did not fall. Where words are compared, latent
        semantic analysis is left out: its first direction is common to all words by construction. So is PV-DBOW
        without words: what it has for vectors of words are those of its output layer.
    """
    if len(model) == 1 and model.config.get("model"):
        return (
            f"{model.index_to_key[0]!r} is the only word, so there was nothing to learn it from; give more text or "
            "lower `min_count`"
        )
    before, now = model.config.get("loss_untrained"), model.config.get("loss_reached")
    if isinstance(before, float) and isinstance(now, float):
        return _not_fallen(before, now, "cost" if model.config.get("model") == "glove" else "loss")
    if not model.table.has_inputs or model.config.get("model") == "lsa" or len(model) < FEWEST_WORDS:
        return None
    alike = mean_cosine(model)
    if not alike > ALIKE:
        return None
    why = ""
    if epochs is not None and model.counts is not None:
        seen = int(np.median(model.counts)) * epochs
        if seen < 50:
            why = f", and half of them were seen fewer than {seen + 1} times in training"
    return (
        f"the words are hardly told apart: two of them have a cosine of {alike:.2f} on average{why}; "
        "train with more `epochs`, a higher `learning_rate` or more text"
    )


def _not_fallen(before: float, now: float, name: str) -> str:
    if now > ROSE * before:
        return (
            f"the {name} rose from {before:.3g} to {now:.3g} in training, where it should fall: "
            "the vectors are of little use; lower `learning_rate`"
        )
    return (
        f"the {name} hardly fell in training: it is {now:.3g} at the end, and {before:.3g} where nothing is known; the "
        "vectors learnt next to nothing: train with more `epochs`, a higher `learning_rate` or more text"
    )
