"""Which texts a linear classifier is not fitted to, so that they can choose and measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from embedkit.errors import check_texts
from embedkit.text.labelled import check_sets, check_valid_labels

FEWEST_HELD_OUT = 20
Labelled = tuple[Sequence[str | bytes], Sequence[Sequence[str]]]  # texts and the labels of each


def parts_of(n_texts: int, held_out: float, seed: int, most: int) -> list[np.ndarray]:
    """The texts to hold out in turn, int (n,) each: at most so many parts, none where they would be too small."""
    size = int(held_out * n_texts)
    if size < FEWEST_HELD_OUT:
        return []
    order = np.random.default_rng(np.random.SeedSequence((seed, 1 << 20))).permutation(n_texts)
    return [np.sort(order[i * size : (i + 1) * size]) for i in range(min(most, n_texts // size))]


def teaches(labels: Sequence[Sequence[str]], part: np.ndarray, min_count_label: int) -> bool:
    """Whether two labels are left without the texts of a part."""
    held = set(part.tolist())
    return len(kept_labels((each for i, each in enumerate(labels) if i not in held), min_count_label)) >= 2


def kept_labels(labels: Iterable[Sequence[str]], min_count_label: int) -> set[str]:
    """The labels that occur often enough to be learnt."""
    counts = Counter(label for each in labels for label in each)
    return {label for label, n in counts.items() if n >= min_count_label}


def without(texts: Sequence[str | bytes], labels: Sequence[Sequence[str]], part: np.ndarray) -> Labelled:
    """The texts that are not in a part, with their labels."""
    rows = np.setdiff1d(np.arange(len(texts)), part).tolist()
    return [texts[i] for i in rows], [labels[i] for i in rows]


def check_valid(valid: Labelled, labels: Sequence[Sequence[str]], min_count_label: int) -> None:
    """Refuse texts that can measure nothing of a classifier of these labels.

    Raises
    ------
    ConfigError
        When there is not a list of labels for each text.
    CorpusError
        When no label is one that is learned.
    """
    check_texts(valid[0])
    check_sets(*valid, ("valid texts", "valid labels"))
    check_valid_labels(kept_labels(labels, min_count_label), kept_labels(valid[1], 1))
