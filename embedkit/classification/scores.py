"""Precision and recall of the k likeliest labels, in all and for each label, as fastText's ``test`` computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.classification.model import Predictions


@dataclass(frozen=True)
class LabelFigures:
    """Precision, recall and F1 (0 where undefined) of one label, and how many texts have it."""

    label: str
    precision: float
    recall: float
    f1: float
    count: int


@dataclass(frozen=True)
class SetScores:
    """Precision (right labels among those given), recall (among those wanted), F1, the texts, each label's figures."""

    precision: float
    recall: float
    f1: float
    count: int
    labels: list[LabelFigures]


def score_sets(predictions: Predictions, names: Sequence[str], wanted: Sequence[Sequence[str]]) -> SetScores:
    """Compare the labels given with those wanted; a wanted label that the classifier does not know is never found."""
    all_names = [*names, *sorted({label for each in wanted for label in each} - set(names))]
    number = {name: i for i, name in enumerate(all_names)}
    n = len(all_names)
    texts = np.repeat(np.arange(len(wanted)), [len(set(each)) for each in wanted])
    flat = np.array([number[label] for each in wanted for label in dict.fromkeys(each)], np.int64)
    places = np.arange(predictions.labels.shape[1]) < predictions.found[:, None]
    given = predictions.labels[places].astype(np.int64)
    given_texts = np.nonzero(places)[0]
    right = given[np.isin(given_texts * n + given, texts * n + flat)]
    right_of, given_of, wanted_of = (np.bincount(labels, minlength=n) for labels in (right, given, flat))
    rows = [
        LabelFigures(name, *_figures(right_of[i], given_of[i], wanted_of[i]), int(wanted_of[i]))
        for i, name in enumerate(all_names)
    ]
    return SetScores(*_figures(len(right), len(given), len(flat)), len(wanted), rows)


def _figures(right: int, given: int, wanted: int) -> tuple[float, float, float]:
    return (
        float(right / given) if given else 0.0,
        float(right / wanted) if wanted else 0.0,
        float(2 * right / (given + wanted)) if given + wanted else 0.0,
    )
