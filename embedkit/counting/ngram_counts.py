"""The n-grams of a text as a trie in sorted arrays: counting them, and what their counts of counts say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.errors import FormatError
from embedkit.progress import Progress, ProgressCallback
from embedkit.vocabulary.words import Words


@dataclass(frozen=True)
class Level:
    """The n-grams of one length.

    Attributes
    ----------
    keys : int64 (n,)
        ``prefix · n_symbols + word``, ascending.
    counts : int64 (n,)
        Occurrences.
    continuations : int64 (n,)
        Different words before the n-gram; occurrences where it begins with ``<s>`` and on the highest level.
    """

    keys: np.ndarray
    counts: np.ndarray
    continuations: np.ndarray


def count_levels(
    stream: np.ndarray, order: int, n_symbols: int, progress: ProgressCallback | None = None
) -> list[Level]:
    """Count the n-grams of 1 to `order` symbols in a stream from `symbols`."""
    start = n_symbols - 1
    starts = stream == start
    levels: list[Level] = []
    places = shorter = stream
    for n in range(1, order + 1):
        if progress is not None:
            progress(Progress("counting", n - 1, order, "levels"))
        keys, first, places, occurrences = _next_level(stream, places, starts, n, n_symbols)
        if levels:
            levels[-1] = _with_continuations(levels[-1], shorter[first], _begins(levels, start))
        levels.append(Level(keys, occurrences, occurrences))
        shorter = places
    if progress is not None:
        progress(Progress("counting", order, order, "levels"))
    return levels


def symbols(ids: np.ndarray, n_words: int) -> np.ndarray:
    """Ids with sentence ends as int64 symbols: ``<s>`` before each sentence, ``</s>`` behind it."""
    ends = np.flatnonzero(ids < 0)
    stream = np.insert(ids.astype(np.int64), np.concatenate([[0], ends[:-1] + 1]), n_words + 2)
    stream[stream < 0] = n_words + 1
    return stream


def _next_level(
    stream: np.ndarray, before: np.ndarray, starts: np.ndarray, n: int, n_symbols: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The n-grams of length n: keys, where each first ends in the stream, the place of the one that ends at each
    symbol (-1 where the sentence is too short), and the occurrences. `before` holds the places of length n - 1."""
    if n == 1:
        wanted, valid = stream, np.arange(len(stream))
    else:
        context = np.concatenate([[-1], before[:-1]])
        valid = np.flatnonzero((context >= 0) & ~starts)
        wanted = context[valid] * n_symbols + stream[valid]
    keys, first, inverse, counts = np.unique(wanted, return_index=True, return_inverse=True, return_counts=True)
    places = np.full(len(stream), -1, np.int64)
    places[valid] = inverse
    return keys, valid[first], places, counts.astype(np.int64)


def _begins(levels: Sequence[Level], start: int) -> np.ndarray:
    """Which n-grams of the highest level begin with ``<s>``, bool."""
    n_symbols = start + 1
    marked = levels[0].keys == start
    for level in levels[1:]:
        marked = marked[level.keys // n_symbols]
    return marked


def _with_continuations(level: Level, endings: np.ndarray, begins: np.ndarray) -> Level:
    """Count for each n-gram of a level how many different n-grams, longer by one, end in it.

    `endings` holds, for each longer one, the place of the n-gram that it ends in; `begins` marks those with ``<s>``.
    """
    different = np.bincount(endings, minlength=len(level.keys))
    return Level(level.keys, level.counts, np.where(begins, level.counts, different))


TOO_FEW = np.array([0.0, 0.5, 1.0, 1.5])


def discounts(counts: np.ndarray) -> np.ndarray:
    """The discounts of counts 0, 1, 2 and 3 or more (Chen and Goodman 1999, equation 26), float64 (4,).

    Where a text is too small to estimate them they are 0, ½, 1 and 1½: no n-gram was counted once, twice, ..., or an
    estimate is not above 0, and words that were never seen behind others would be left without a probability.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == c)) for c in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return TOO_FEW.copy()
    y = n1 / (n1 + 2 * n2)
    estimates = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return estimates if (estimates[1:] > 0).all() else TOO_FEW.copy()


def check_levels(name: str, words: Words, levels: Iterable[Level]) -> None:
    """Refuse arrays that do not belong together, before an index runs out of them."""
    n_symbols, n_parents, sound = len(words) + 3, 1, True
    for level in levels:
        sound = sound and all(
            array.dtype == np.int64 and array.shape == level.keys.shape and array.ndim == 1
            for array in (level.keys, level.counts, level.continuations)
        )
        sound = (
            sound
            and len(level.keys) > 0
            and level.keys[0] >= 0
            and level.keys[-1] < n_parents * n_symbols
            and bool((np.diff(level.keys) > 0).all())
            and all((array >= 0).all() and (array <= 1 << 50).all() for array in (level.counts, level.continuations))
        )
        n_parents = len(level.keys) if sound else 1
    if not sound:
        raise FormatError(f"{name}: damaged: the tables of the n-gram model do not belong together")
