"""Precision and recall of the k likeliest labels, in all and for each label, as fastText's ``test`` computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.classification.figures import LabelFigures, precision_recall_f1
from embedkit.classification.model import Predictions
from embedkit.text.labelled import check_sets


@dataclass(frozen=True)
class SetScores:
    """Precision (right labels among those given), recall (among those wanted), F1, the texts, each label's figures."""

    precision: float
    recall: float
    f1: float
    count: int
    labels: list[LabelFigures]


def score_sets(predictions: Predictions, names: Sequence[str], wanted: Sequence[Sequence[str]]) -> SetScores:
    """Compare the labels given with those wanted; a wanted label that the classifier does not know is never found.

    Raises
    ------
    ConfigError
        When there is not a list of wanted labels for each text.
    """
    check_sets(predictions.found, wanted, ("predictions", "wanted"))
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
    rows = [LabelFigures.of(name, right_of[i], given_of[i], wanted_of[i]) for i, name in enumerate(all_names)]
    return SetScores(*precision_recall_f1(len(right), len(given), len(flat)), len(wanted), rows)


@dataclass(frozen=True)
class LabelThreshold:
    """The least probability from which on a label is right often enough, with the recall that is left.

    The figures are NaN, NaN and 0 where no threshold is high enough.
    """

    label: str
    threshold: float
    precision: float
    recall: float
    count: int


def thresholds_at(
    probabilities: np.ndarray, names: Sequence[str], wanted: Sequence[Sequence[str]], precision: float
) -> list[LabelThreshold]:
    """For each label the threshold of the greatest recall among those of at least this precision.

    Parameters
    ----------
    probabilities : float (n_texts, n_labels)
        0 is no answer.
    names : sequence of str
    wanted : sequence of sequences of str
    precision : float

    Raises
    ------
    ConfigError
        When there is not a list of wanted labels for each text.
    """
    check_sets(probabilities, wanted, ("probabilities", "wanted"))
    having: dict[str, list[int]] = {name: [] for name in names}
    for text, each in enumerate(wanted):
        for label in each:
            if label in having:
                having[label].append(text)
    rows = []
    for i, name in enumerate(names):
        right = np.zeros(len(wanted), bool)
        right[having[name]] = True
        order = np.argsort(-probabilities[:, i], kind="stable")
        values = probabilities[order, i]
        found = np.cumsum(right[order])
        reached = found / np.arange(1, len(order) + 1)
        last_of_equals = np.append(values[1:] != values[:-1], True)
        good = np.flatnonzero((reached >= precision) & last_of_equals & (found > 0) & (values > 0))
        n = int(right.sum())
        if len(good):
            k = good[-1]
            rows.append(LabelThreshold(name, float(values[k]), float(reached[k]), float(found[k] / n), n))
        else:
            rows.append(LabelThreshold(name, float("nan"), float("nan"), 0.0, n))
    return rows
