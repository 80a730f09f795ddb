"""From a decoder's next-word probabilities to whole texts: greedy and by beam search.

``step(ids, state) -> (log_p, state, weights)`` reads one token per row, int64 (n,), and gives the log-probabilities
float (n, n_tokens) of the next one, the state after it, a tuple of arrays with n rows, and what was attended to, float
(n, n_source) or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from embedkit.errors import ConfigError
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


@dataclass(frozen=True)
class Search:
    """How the best texts are searched for.

    Attributes
    ----------
    beam : int
        Beginnings kept in beam search; 1 takes the likeliest token each time.
    max_tokens : int
        The longest text.
    length_penalty, n_best, no_repeat
        As in `beam_search`.
    """

    beam: int = 1
    max_tokens: int = 100
    length_penalty: float = 0.6
    n_best: int = 1
    no_repeat: int = 0

    def __post_init__(self) -> None:
        if self.beam < 1 or not 1 <= self.n_best <= self.beam:
            raise ConfigError(f"`n_best` must be between 1 and `beam`, {self.beam}, not {self.n_best}")
        if self.max_tokens < 1 or self.no_repeat < 0 or not self.length_penalty >= 0:
            raise ConfigError(
                "`max_tokens` must be at least 1, `no_repeat` and `length_penalty` at least 0, not "
                f"{self.max_tokens}, {self.no_repeat} and {self.length_penalty}"
            )

    def run(self, step: Step, state: tuple[Array, ...]) -> list[list[Decoded]]:
        """The best texts for each row of `state`."""
        if self.beam == 1:
            return [[text] for text in greedy(step, state, self.max_tokens, self.no_repeat)]
        options = (self.max_tokens, self.beam, self.length_penalty, self.n_best, self.no_repeat)
        return [
            beam_search(step, tuple(part[row : row + 1] for part in state), *options) for row in range(len(state[0]))
        ]


def greedy(step: Step, state: tuple[Array, ...], max_tokens: int, no_repeat: int = 0) -> list[Decoded]:
    """The likeliest token each time, for all rows of `state` beside each other.

    A text ends with ``</s>`` after at most `max_tokens` tokens; `no_repeat` as in `beam_search`.
    """
    n = len(state[0])
    texts = [Decoded([], 0.0, []) for _ in range(n)]
    scores = np.zeros(n)
    running = np.arange(n)
    ids = np.full(n, END_ID)
    for length in range(max_tokens + 1):
        log_p, state, weights = step(ids, state)
        for place, row in enumerate(running):
            log_p[place, repeating(texts[row].ids, no_repeat)] = -np.inf
        ids = log_p.argmax(axis=1) if length < max_tokens else np.full(len(running), END_ID)
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
    return [Decoded(text.ids, float(score), text.weights) for text, score in zip(texts, scores, strict=True)]


def beam_search(
    step: Step,
    state: tuple[Array, ...],
    max_tokens: int,
    beam: int,
    length_penalty: float = 0.6,
    n_best: int = 1,
    no_repeat: int = 0,
) -> list[Decoded]:
    """The best texts for the one row of `state`, keeping `beam` beginnings at each length.

    A text is at most `max_tokens` tokens and the ``</s>`` after them. With a beam as wide as there are beginnings the
    answer is that of an exhaustive search.

    Parameters
    ----------
    length_penalty : float
        α of ((5 + length) / 6)^α, by which log-probabilities are divided (Wu et al. 2016, eq. 14), at least 0; 0
        favours short texts.
    n_best : int
        How many texts, at most `beam`.
    no_repeat : int
        No n-gram of so many tokens is in a text twice; 0 allows all.

    Returns
    -------
    list of Decoded
        The best first; fewer than `n_best` where there are no more.
    """
    scores = np.zeros(1)  # all beginnings are the same as yet
    ids = np.full(1, END_ID)
    texts: list[tuple[list[int], list[Array]]] = [([], [])]
    finished: list[Decoded] = []

    def normal(score: float, length: int) -> float:
        return score / ((5.0 + length) / 6.0) ** length_penalty

    for length in range(1, max_tokens + 2):
        log_p, state, weights = step(ids, state)
        seen = [[*past, weights[row]] if weights is not None else [] for row, (_, past) in enumerate(texts)]
        total = scores[:, None] + log_p
        finished += [
            Decoded(text, normal(float(total[row, END_ID]), length), seen[row]) for row, (text, _) in enumerate(texts)
        ]
        finished = sorted(finished, key=lambda text: -text.score)[:n_best]
        total[:, END_ID] = -np.inf
        for row, (text, _) in enumerate(texts):
            total[row, repeating(text, no_repeat)] = -np.inf
        best = np.argsort(-total, axis=None, kind="stable")[:beam]
        best = best[total.reshape(-1)[best] > -np.inf]
        # a score only falls as a text grows, so the best beginning bounds what can still come
        hopeless = len(finished) == n_best and (
            not len(best) or normal(float(total.reshape(-1)[best[0]]), max_tokens + 1) <= finished[-1].score
        )
        if length > max_tokens or hopeless or not len(best):
            break
        rows, ids = np.unravel_index(best, total.shape)
        scores = total[rows, ids]
        texts = [([*texts[row][0], int(token)], seen[row]) for row, token in zip(rows, ids, strict=True)]
        state = tuple(part[rows] for part in state)
    return finished


def repeating(ids: list[int], n: int) -> list[int]:
    """The tokens that would end an n-gram which `ids` holds already."""
    if n < 1 or len(ids) < n:
        return []
    last = ids[len(ids) - n + 1 :]
    return [ids[i + n - 1] for i in range(len(ids) - n + 1) if ids[i : i + n - 1] == last]
