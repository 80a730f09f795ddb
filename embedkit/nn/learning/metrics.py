"""How good labels are: accuracy, and precision, recall and F1 of each label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.classification.figures import LabelFigures

NO_ANSWER = -1  # in the place of a label found


@dataclass(frozen=True)
class Scores:
    """Accuracy over all items, the labels' mean F1, and each label's scores."""

    accuracy: float
    macro_f1: float
    count: int
    labels: list[LabelFigures]


def with_unseen(labels: Iterable[str], names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Numbers of labels, int64 (n,), and all names: those never seen in training come behind, so that they count.

    An answer can only be one of `names`, so an unseen label is always wrong.
    """
    names = list(names)
    index = {name: i for i, name in enumerate(names)}
    numbers = []
    for label in labels:
        if label not in index:
            index[label] = len(names)
            names.append(label)
        numbers.append(index[label])
    return np.array(numbers, np.int64), names


def score_labels(targets: np.ndarray, found: np.ndarray, names: Sequence[str]) -> Scores:
    """Compare labels found, or `NO_ANSWER`, with the right ones, both int (n,).

    The mean F1 is over the labels that occur among the targets or the answers.
    """
    n = len(names)
    right, given = (np.bincount(labels, minlength=n) for labels in (found[found == targets], found[found >= 0]))
    wanted = np.bincount(targets, minlength=n)
    rows = [LabelFigures.of(name, right[i], given[i], wanted[i]) for i, name in enumerate(names)]
    f1 = [row.f1 for row, seen in zip(rows, given + wanted > 0, strict=True) if seen]
    return Scores(float(right.sum() / max(len(targets), 1)), float(np.mean(f1)) if f1 else 0.0, len(targets), rows)
