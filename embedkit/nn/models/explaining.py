"""What each word of a text contributes to its label, for any classifier: the text is asked about without the word."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedkit.nn.layers.parameters import Array

SMALLEST = 1e-9  # probabilities are kept this far from 0 and 1, so that log odds stay numbers


def word_weights(probabilities: Callable[[list[Sequence[str]]], Array], tokens: Sequence[str]) -> tuple[Array, Array]:
    """Leave each word out in turn.

    Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation erasure".

    Parameters
    ----------
    probabilities : callable
        Takes tokenised texts, gives the probability of each label: float (n_texts, n_labels). It is called once.
    tokens : sequence of str

    Returns
    -------
    weights : float64 (n_tokens,)
        By how much the log odds of the likeliest label fall without each word: above 0 it speaks for the label.
    row : float (n_labels,)
        The probabilities of the whole text.
    """
    texts = [tokens, *([*tokens[:i], *tokens[i + 1 :]] for i in range(len(tokens)))]
    found = np.asarray(probabilities(texts))
    p = np.clip(found[:, found[0].argmax()].astype(np.float64), SMALLEST, 1 - SMALLEST)
    odds = np.log(p / (1 - p))
    return odds[0] - odds[1:], found[0]
