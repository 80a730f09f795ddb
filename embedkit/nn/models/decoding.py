"""From a decoder's next-word probabilities to whole texts: greedy and by beam search.

``step(ids, state) -> (log_p, state, weights)`` reads one token per row, int64 (n,), and gives the log-probabilities
float (n, n_tokens) of the next one, the state after it, a tuple of arrays with n rows, and what was attended to, float
(n, n_source) or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from embedkit.nn.layers.parameters import Array
from embedkit.nn.words.token_table import END_ID

Step = Callable[[Array, tuple[Array, ...]], tuple[Array, tuple[Array, ...], Array | None]]


class Decoded(NamedTuple):
    """One text.

    Attributes
    ----------
    ids : list of int
        Without ``</s>``.
    score : float
        Its log-probability, for beam search divided by its length as Wu et al. 2016, eq. 14, do.
    weights : list of float (n_source,)
        What was attended to for each token and for ``</s>``; empty without attention.
    """

    ids: list[int]
    score: float
    weights: list[Array]


def greedy(step: Step, state: tuple[Array, ...], max_tokens: int) -> list[Decoded]:
    """The likeliest token each time, for all rows of `state` beside each other."""
    n = len(state[0])
    texts = [Decoded([], 0.0, []) for _ in range(n)]
    scores = np.zeros(n)
    running = np.arange(n)
    ids = np.full(n, END_ID)
    for _ in range(max_tokens + 1):
        log_p, state, weights = step(ids, state)
        ids = log_p.argmax(axis=1)
        scores[running] += log_p[np.arange(len(ids)), ids]
        for place, row in enumerate(running):
            if weights is not None:
                texts[row].weights.append(weights[place])
            if ids[place] != END_ID:
                texts[row].ids.append(int(ids[place]))
        on = ids != END_ID
        if not on.any():
            break
        if not on.all():
            running, ids, state = running[on], ids[on], tuple(part[on] for part in state)
    return [
        Decoded(text.ids[:max_tokens], float(score), text.weights) for text, score in zip(texts, scores, strict=True)
    ]


def beam_search(
    step: Step, state: tuple[Array, ...], max_tokens: int, beam: int, length_penalty: float = 0.6
) -> Decoded:
    """The best text for the one row of `state`, keeping `beam` beginnings at each length.

    Parameters
    ----------
    length_penalty : float
        α of ((5 + length) / 6)^α, by which log-probabilities are divided; 0 favours short texts.
    """
    state = tuple(np.repeat(part, beam, axis=0) for part in state)
    scores = np.full(beam, -np.inf)
    scores[0] = 0.0  # all rows are the same as yet
    ids = np.full(beam, END_ID)
    texts: list[tuple[list[int], list[Array]]] = [([], [])] * beam
    finished: list[Decoded] = []

    def normal(score: float, length: int) -> float:
        return score / ((5.0 + length) / 6.0) ** length_penalty

    for length in range(1, max_tokens + 2):
        log_p, state, weights = step(ids, state)
        total = scores[:, None] + log_p
        best = np.argsort(-total, axis=None, kind="stable")[: 2 * beam]
        kept: list[tuple[int, int, float]] = []
        for row, token in zip(*np.unravel_index(best, total.shape), strict=True):
            score = float(total[row, token])
            if score == -np.inf or len(kept) == beam:
                break
            seen = [*texts[row][1], weights[row]] if weights is not None else []
            if token == END_ID or length > max_tokens:
                finished.append(Decoded(texts[row][0], normal(score, length), seen))
            else:
                kept.append((int(row), int(token), score))
        # a score only falls as a text grows, so the best beginning bounds what can still come
        if not kept or (len(finished) >= beam and normal(kept[0][2], max_tokens + 1) <= max(f.score for f in finished)):
            break
        rows = np.array([row for row, _, _ in kept])
        texts = [
            ([*texts[row][0], token], [*texts[row][1], weights[row]] if weights is not None else [])
            for row, token, _ in kept
        ]
        scores, ids = np.array([s for _, _, s in kept]), np.array([token for _, token, _ in kept])
        state = tuple(part[rows] for part in state)
    return max(finished, key=lambda text: text.score)
