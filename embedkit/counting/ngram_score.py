"""What an n-gram model says of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Score:
    """How well a model predicts a text.

    Attributes
    ----------
    log_probability : float
        Natural logarithm, ``</s>`` of each sentence included; -inf where something has probability 0.
    n_predicted : int
        Tokens and sentence ends.
    n_unknown : int
        Tokens outside the vocabulary, predicted as ``<unk>``.
    known_log_probability : float
        Of the others alone.
    """

    log_probability: float
    n_predicted: int
    n_unknown: int
    known_log_probability: float

    @property
    def perplexity(self) -> float:
        """``exp(-log_probability / n_predicted)``; infinity where something has probability 0."""
        return float(np.exp(-self.log_probability / self.n_predicted))

    @property
    def known_perplexity(self) -> float:
        """The same without tokens outside the vocabulary, as KenLM's "excluding OOVs"; NaN where nothing is left."""
        n = self.n_predicted - self.n_unknown
        return float(np.exp(-self.known_log_probability / n)) if n else float("nan")
