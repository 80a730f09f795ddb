"""Words along a direction with a name: projections on an axis, and the association test of word embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from embedkit.errors import ConfigError, check_several, counted, few_names
from embedkit.query.combining import Item, units
from embedkit.query.keyed_vectors import KeyedVectors

EXACT_UP_TO = 100_000  # divisions of the targets; beyond that they are drawn
PERMUTATIONS = 10_000
Phrase = str | tuple[str, ...]
_AT_ONCE = 1 << 22  # numbers of one block of permutations


def axis(vectors: KeyedVectors, start: Iterable[Item], stop: Iterable[Item]) -> np.ndarray:
    """The direction from some words to others, float64 (vector_size,), of length 1.

    The mean of `stop` minus the mean of `start`, every word at unit length first (An, Kwak and Ahn 2018, "SemAxis").

    Raises
    ------
    UnknownWordError
        For a word without a vector.
    ConfigError
        When a side has no word, or both have the same mean.
    """
    sides = [units(vectors, words).astype(np.float64) for words in (start, stop)]
    if not all(map(len, sides)):
        raise ConfigError("an axis takes one word or more on each side")
    means = [side.mean(axis=0) for side in sides]
    direction = means[1] - means[0]
    length = float(np.linalg.norm(direction))
    if length < 1e-6:
        raise ConfigError("both sides of the axis have the same mean: there is no direction between them")
    return np.asarray(direction / length)


def projections(vectors: KeyedVectors, direction: np.ndarray, words: Iterable[Item]) -> np.ndarray:
    """Where words stand on an axis, float64 (n_words,): their cosine with it, from −1 to 1; 0 for a zero vector."""
    return np.asarray(units(vectors, words).astype(np.float64) @ direction)


@dataclass(frozen=True)
class Association:
    """The outcome of `weat`.

    Attributes
    ----------
    effect_size : float
        d: the difference of the targets' mean associations in standard deviations, from −2 to 2; above 0 the first
        targets go with the first attributes. NaN where all associations are equal.
    p_value : float
        Share of the divisions of the targets into two such sets whose difference is at least as large (one-sided).
    statistic : float
        The sum of the first targets' associations minus that of the second.
    divisions : int
        How many were tried.
    exact : bool
        Whether these were all of them.
    associations : dict of str to float
        Of each target: mean cosine with the first attributes minus that with the second.
    """

    effect_size: float
    p_value: float
    statistic: float
    divisions: int
    exact: bool
    associations: dict[str, float]


def weat(
    vectors: KeyedVectors,
    targets: Iterable[Iterable[Phrase]],
    attributes: Iterable[Iterable[Phrase]],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 1,
) -> Association:
    """The word embedding association test (Caliskan, Bryson and Narayanan 2017).

    Parameters
    ----------
    vectors : KeyedVectors
    targets, attributes : (words, words)
        Two words or more in each set of targets, one or more in each of attributes; a tuple of words is a phrase.
    permutations : int, default 10000
        How many divisions are drawn where there are more than `EXACT_UP_TO`; else all are tried.
    seed : int

    Raises
    ------
    UnknownWordError
        For a word without a vector.
    ConfigError
        For sets that are too small or share a word.

    Notes
    -----
    s(w) = mean cos(w, a) − mean cos(w, b); d = (mean s(x) − mean s(y)) / std of s over all targets (with n − 1, as the
    authors' own figures); p over equal divisions, with the observed one counted.
    """
    first, second = _two_sets(targets, "targets", 2)
    sides = _two_sets(attributes, "attributes", 1)
    if set(first) & set(second):
        raise ConfigError(f"{sorted(set(first) & set(second))[0]!r} stands in both sets of targets")
    together = [*first, *second]
    cosines = units(vectors, together).astype(np.float64)
    means = [units(vectors, side).astype(np.float64).mean(axis=0) for side in sides]
    s = cosines @ (means[0] - means[1])
    n = len(first)
    observed = float(s[:n].sum() - s[n:].sum())
    spread = float(s.std(ddof=1))
    effect = float(s[:n].mean() - s[n:].mean()) / spread if spread > 1e-12 else float("nan")
    exact = comb(len(together), n) <= EXACT_UP_TO
    sums = _all_sums(s, n) if exact else _drawn_sums(s, n, permutations, seed)
    differences = 2 * sums - s.sum()
    as_large = int((differences >= observed - 1e-9).sum())
    tried = len(sums) if exact else len(sums) + 1
    return Association(
        effect,
        (as_large if exact else as_large + 1) / tried,
        observed,
        tried,
        exact,
        dict(zip([word if isinstance(word, str) else " ".join(word) for word in together], s.tolist(), strict=True)),
    )


def _two_sets(sides: Iterable[Iterable[Phrase]], name: str, fewest: int) -> list[list[Phrase]]:
    """The words of two sets, refused where a side is one string or has too few, or there are not two."""
    found = []
    for words in sides:
        check_several(words, name)
        found.append(list(words))
    if len(found) != 2:
        raise ConfigError(f"`{name}` must be two sets of words, got {len(found)}")
    for words, which in zip(found, ("first", "second"), strict=True):
        if len(words) < fewest:
            names = [word if isinstance(word, str) else " ".join(word) for word in words]
            shown = f": {few_names(names)}" if names else ""
            raise ConfigError(
                f"expected {counted(fewest, 'word')} or more in each set of `{name}`, "
                f"found {len(words)} in the {which}{shown}"
            )
    return found


def _all_sums(s: np.ndarray, n: int) -> np.ndarray:
    """The sum of every choice of n of the values."""
    return np.array([s[list(chosen)].sum() for chosen in combinations(range(len(s)), n)])


def _drawn_sums(s: np.ndarray, n: int, permutations: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sums = []
    step = max(1, _AT_ONCE // len(s))
    for low in range(0, permutations, step):
        order = rng.random((min(step, permutations - low), len(s))).argsort(axis=1)[:, :n]
        sums.append(s[order].sum(axis=1))
    return np.concatenate(sums)
