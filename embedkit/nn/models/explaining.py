"""What each word of a text contributes to its label, for any classifier: the text is asked about without the word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice

import numpy as np

from embedkit.nn.layers.parameters import Array

TOKENS_AT_ONCE = 1 << 20  # of the texts that are asked about: those of a text of n words have n² in all


def word_weights(
    log_odds: Callable[[list[Sequence[str]]], Array], tokens: Sequence[str], label: int | None = None
) -> Array:
    """Leave each word out in turn.

    Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation erasure".

    Parameters
    ----------
    log_odds : callable
        Takes tokenised texts, gives the log odds of each label: float (n_texts, n_labels). It is called once,
        for a long text more often.
    tokens : sequence of str
    label : int, optional
        By default the likeliest of the whole text.

    Returns
    -------
    float64 (n_tokens,)
        By how much the log odds of the label fall without each word: above 0 it speaks for the label.
    """
    texts: Iterator[Sequence[str]] = chain([tokens], ([*tokens[:i], *tokens[i + 1 :]] for i in range(len(tokens))))
    together = max(1, TOKENS_AT_ONCE // max(1, len(tokens)))
    found = np.concatenate(
        [np.asarray(log_odds(part), np.float64) for part in iter(lambda: list(islice(texts, together)), [])]
    )
    odds = found[:, found[0].argmax() if label is None else label]
    return np.asarray(odds[0] - odds[1:])
