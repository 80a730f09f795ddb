"""How words change their company from one period to the next: models of several periods in one space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.analysis.alignment import procrustes
from embedkit.errors import ConfigError, EmbedkitError, counted
from embedkit.progress import Progress, ProgressCallback
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import unit

MIN_COUNT = 50


@dataclass(frozen=True)
class Drift:
    """What `drift` found.

    Attributes
    ----------
    words : list of str
        The words that all periods hold (often enough), in the order of the first.
    steps : float64 (n_periods - 1, n_words)
        Cosine distance of each word between one period and the next, after alignment.
    total : float64 (n_words,)
        Cosine distance between the first and the last period.
    baseline : float64 (n_baseline,) or None
        Distances between two models of the same period, sorted: what is noise.
    counts : int64 (n_periods, n_words) or None
        Where all models have counts.
    min_count : int
        Words rarer than this in any period are left out.
    aligned : bool
        Whether the models were rotated.
    """

    words: list[str]
    steps: np.ndarray
    total: np.ndarray
    baseline: np.ndarray | None
    counts: np.ndarray | None
    min_count: int
    aligned: bool

    def changed(self) -> np.ndarray:
        """Positions of the words, the one that changed most first: int64 (n_words,)."""
        return np.argsort(-self.total, kind="stable")

    def noise(self, distances: np.ndarray) -> np.ndarray:
        """For each distance the share of words that move as far without any time between: float64; NaN unknown."""
        if self.baseline is None:
            return np.full(np.shape(distances), np.nan)
        below = np.searchsorted(self.baseline, distances - 1e-12)
        return 1 - below / len(self.baseline)


def drift(
    periods: Sequence[KeyedVectors],
    *,
    baseline: tuple[KeyedVectors, KeyedVectors] | None = None,
    min_count: int | None = None,
    restrict_vocab: int | None = None,
    align: bool | None = None,
    progress: ProgressCallback | None = None,
) -> Drift:
    """Compare models of several periods word by word.

    Each model is rotated onto the one before (orthogonal Procrustes over all shared words, unit vectors), unless all
    were trained against one compass; a word's change is the cosine distance between its vectors.

    Parameters
    ----------
    periods : sequence of KeyedVectors
        Two or more, in order of time, of one size.
    baseline : (KeyedVectors, KeyedVectors), optional
        Two models of the same period, best of two random halves of its text: their distances are noise alone.
    min_count : int, optional
        Leave out words that are rarer than this in any period: their vectors are noise. By default `MIN_COUNT` where
        all models have counts, else 0.
    restrict_vocab : int, optional
        Only the first so many words of each model take part.
    align : bool, optional
        Rotate the models. By default unless they have a compass in common (`has_compass`).
    progress : callable, optional

    Raises
    ------
    ConfigError
        For fewer than two periods, models of different sizes, or `min_count` where a model has no counts.
    EmbedkitError
        When the periods share fewer words than the models have dimensions.

    Notes
    -----
    Hamilton, Leskovec and Jurafsky 2016, "Diachronic Word Embeddings Reveal Statistical Laws of Semantic Change",
    section 3; the baseline follows Dubossarsky, Grossman and Weinshall 2017, "Outta Control", who show that without
    one the measure reports change where there is none. Models of one compass: Di Carlo, Bianchi and Palmonari 2019,
    "Training Temporal Word Embeddings with a Compass".
    """
    if len(periods) < 2:
        raise ConfigError("drift takes the models of two periods or more")
    if align is None:
        align = not has_compass([*periods, *(baseline or ())])
    if min_count is None:
        all_counted = all(model.counts is not None for model in (*periods, *(baseline or ())))
        min_count = MIN_COUNT if all_counted else 0
    words, rows = _shared(list(periods), min_count, restrict_vocab, align)
    spaces = [unit(model.vectors[part]).astype(np.float64) for model, part in zip(periods, rows, strict=True)]
    steps = np.empty((len(spaces) - 1, len(words)))
    for i in range(1, len(spaces)):
        if align:
            spaces[i] = spaces[i] @ procrustes(spaces[i], spaces[i - 1])
        steps[i - 1] = _distances(spaces[i - 1], spaces[i])
        if progress is not None:
            progress(Progress("aligning", i, len(spaces) - 1, "periods"))
    noise = None
    if baseline is not None:
        _, halves = _shared(list(baseline), min_count, restrict_vocab, align)
        a, b = (unit(model.vectors[part]).astype(np.float64) for model, part in zip(baseline, halves, strict=True))
        noise = np.sort(_distances(a, b @ procrustes(b, a) if align else b))
    known = [model.counts for model in periods]
    counts = None
    if all(of_period is not None for of_period in known):
        counts = np.stack([np.asarray(c)[part] for c, part in zip(known, rows, strict=True)])
    return Drift(words, steps, _distances(spaces[0], spaces[-1]), noise, counts, min_count, align)


def has_compass(models: Sequence[KeyedVectors]) -> bool:
    """Whether all models were trained against the same compass (`embedkit.training.growing`)."""
    compasses = {model.config.get("compass") for model in models}
    return len(compasses) == 1 and None not in compasses


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine distance row by row of unit vectors; 1 for a zero vector."""
    return np.asarray(1 - np.clip((a * b).sum(axis=1), -1, 1))


def _shared(
    models: Sequence[KeyedVectors], min_count: int, restrict_vocab: int | None, align: bool
) -> tuple[list[str], list[np.ndarray]]:
    """The words that all models hold, often enough, and their rows in each."""
    sizes = [model.vector_size for model in models]
    if len(set(sizes)) > 1:
        raise ConfigError(f"periods are compared in models of one size, found {', '.join(map(str, sizes))} dimensions")
    if min_count > 0 and any(model.counts is None for model in models):
        raise ConfigError("`min_count` needs models that carry the counts of their words")
    first = models[0]
    words: list[str] = []
    rows: list[list[int]] = []
    for word in first.index_to_key[:restrict_vocab]:
        found = [model.row(word) for model in models]
        inside = restrict_vocab is None or max(found) < restrict_vocab
        if min(found) >= 0 and inside and _frequent(models, found, min_count):
            words.append(word)
            rows.append(found)
    if not words or (align and len(words) <= sizes[0]):
        takes = f"fewer than it takes to align {sizes[0]} dimensions" if align else "there is nothing to compare"
        raise EmbedkitError(
            f"the periods share {counted(len(words), 'word')}{' of that count (`min_count`)' if min_count else ''}: "
            f"{takes}"
        )
    return words, list(np.array(rows, np.int64).T)


def _frequent(models: Sequence[KeyedVectors], rows: Sequence[int], min_count: int) -> bool:
    if min_count <= 0:
        return True
    return all(
        model.counts is not None and model.counts[row] >= min_count for model, row in zip(models, rows, strict=True)
    )
