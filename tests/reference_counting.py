"""Plain float64 versions of the counting kernels and models, to hold the fast ones against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

START, END, UNKNOWN = "<s>", "</s>", "<unk>"


def count_cooccurrences(
    sentences: Sequence[Sequence[int]], window: int, symmetric: bool = True, weighting: str = "inverse"
) -> dict[tuple[int, int], float]:
    """What stands how often near what: ``{(row, column): weight}``, from both sides when `symmetric`.

    Otherwise as GloVe's ``cooccur -symmetric 0``: its inner loop adds to row ``w1``, a word of the left context, and
    column ``w2``, the current word.
    """
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for sentence in sentences:
        for i, row in enumerate(sentence):
            for distance in range(1, min(window, i) + 1):
                weight = {"inverse": 1 / distance, "flat": 1.0, "linear": (window + 1 - distance) / window}[weighting]
                counts[sentence[i - distance], row] += weight
                if symmetric:
                    counts[row, sentence[i - distance]] += weight
    return dict(counts)


class KneserNey:
    """Interpolated modified Kneser-Ney straight from the definitions (Chen and Goodman 1999, section 3)."""

    def __init__(self, sentences: Sequence[Sequence[str]], order: int) -> None:
        self.order = order
        self.vocabulary = [*sorted({word for sentence in sentences for word in sentence}), UNKNOWN, END]
        raw: Counter[tuple[str, ...]] = Counter()
        for sentence in sentences:
            marked = (START, *sentence, END)
            for n in range(1, order + 1):
                raw.update(marked[i : i + n] for i in range(len(marked) - n + 1))
        self.counts: list[dict[tuple[str, ...], int]] = []
        for n in range(1, order + 1):
            of_length = {gram: count for gram, count in raw.items() if len(gram) == n}
            if n < order:
                before = Counter(gram[1:] for gram in raw if len(gram) == n + 1)
                of_length = {gram: count if gram[0] == START else before[gram] for gram, count in of_length.items()}
            of_length.pop((START,), None)
            self.counts.append(of_length)

    def discount(self, n: int, count: int) -> float:
        of_counts = Counter(self.counts[n - 1].values())
        n1, n2, n3, n4 = (of_counts[c] for c in (1, 2, 3, 4))
        if 0 in (n1, n2, n3, n4):
            return min(count, 3) / 2
        y = n1 / (n1 + 2 * n2)
        ratios = {1: 2 * y * n2 / n1, 2: 3 * y * n3 / n2, 3: 4 * y * n4 / n3}
        if any(ratios[c] >= c for c in ratios):  # no discount, or a negative one: there is too little text
            return min(count, 3) / 2
        c = min(count, 3)
        return c - ratios[c]

    def probability(self, word: str, context: tuple[str, ...]) -> float:
        """P(word | context), the context being a sentence so far, ``<s>`` included."""
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        return self._probability(word, context)

    def _probability(self, word: str, context: tuple[str, ...]) -> float:
        n = len(context) + 1
        lower = self._probability(word, context[1:]) if context else 1 / len(self.vocabulary)
        following = {gram: count for gram, count in self.counts[n - 1].items() if gram[:-1] == context}
        total = sum(following.values())
        if total == 0:
            return lower
        taken = sum(self.discount(n, count) for count in following.values())
        here = following.get((*context, word), 0)
        return (here - (self.discount(n, here) if here else 0.0) + taken * lower) / total


@dataclass
class GloveState:
    """GloVe's parameters and sums of squared gradients, float64, and its step a record at a time."""

    w: np.ndarray
    c: np.ndarray
    b: np.ndarray
    c_b: np.ndarray
    w_sums: np.ndarray
    c_sums: np.ndarray
    b_sums: np.ndarray
    c_b_sums: np.ndarray

    @classmethod
    def from_rows(cls, words: np.ndarray, contexts: np.ndarray, size: int) -> GloveState:
        """From rows ``[b, 1, w... | sums]`` and ``[1, c_b, c... | sums]``."""
        half = words.shape[1] // 2
        w, c = words.astype(np.float64), contexts.astype(np.float64)
        return cls(
            w[:, 2 : 2 + size],
            c[:, 2 : 2 + size],
            w[:, 0],
            c[:, 1],
            w[:, half + 2 : half + 2 + size],
            c[:, half + 2 : half + 2 + size],
            w[:, half],
            c[:, half + 1],
        )

    def cost(self, i: int, j: int, x: float) -> float:
        difference = self.w[i] @ self.c[j] + self.b[i] + self.c_b[j] - np.log(x)
        return float(0.5 * min(1, (x / 100) ** 0.75) * difference**2)

    def step(self, i: int, j: int, x: float, rate: float) -> float:
        """AdaGrad as in the authors' program; returns the cost before the step."""
        cost = self.cost(i, j, x)
        weighted = min(1, (x / 100) ** 0.75) * (self.w[i] @ self.c[j] + self.b[i] + self.c_b[j] - np.log(x))
        changes = [
            (self.w, self.w_sums, i, weighted * self.c[j]),
            (self.c, self.c_sums, j, weighted * self.w[i]),
            (self.b, self.b_sums, i, weighted),
            (self.c_b, self.c_b_sums, j, weighted),
        ]
        for values, sums, row, gradient in changes:
            gradient = rate * np.clip(gradient, -100, 100)
            values[row] = values[row] - gradient / np.sqrt(sums[row])
            sums[row] = sums[row] + gradient**2
        return cost


def glove_gradient(state: GloveState, name: str, x: float, h: float = 1e-6) -> np.ndarray:
    """The derivative of the cost of record (0, 0, x) by one of the parameters, by central differences."""
    values = getattr(state, name)
    flat = np.atleast_1d(values[0])
    gradient = np.zeros(len(flat))
    for k in range(len(flat)):
        costs = []
        for sign in (1, -1):
            changed = values.copy()
            if values.ndim == 2:
                changed[0, k] += sign * h
            else:
                changed[0] += sign * h
            costs.append(replace(state, **{name: changed}).cost(0, 0, x))
        gradient[k] = (costs[0] - costs[1]) / (2 * h)
    return gradient


def ppmi(table: np.ndarray, shift: float, smoothing: float) -> np.ndarray:
    """Shifted positive PMI of a dense table (Levy, Goldberg and Dagan 2015, equations 3, 4 and section 3.2)."""
    joint = table / table.sum()
    words = joint.sum(axis=1, keepdims=True)
    contexts = table.sum(axis=0) ** smoothing
    contexts = contexts / contexts.sum()
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(joint / (words * contexts)) - np.log(shift), 0.0)
