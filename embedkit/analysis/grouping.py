"""Vectors against groups of words: does clustering find the categories, does the stranger stand out?

- *Categorisation*: the words of all categories are clustered into as many groups; purity is the share of words that
  are in a cluster whose most frequent category is theirs (Almuhareb and Poesio 2005; Baroni, Dinu and Kruszewski 2014).
- *Outlier detection*: groups of words that belong together and one that does not (Camacho-Collados and Navigli 2016,
  "Find the word that does not belong"): accuracy, how often the stranger is the word least like the others, and OPP,
  how far down it stands on the mean.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedkit.analysis.testsets import separator
from embedkit.errors import FormatError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import unit
from embedkit.text.lines import numbered_lines, plain_lines, shortened
from embedkit.text.reading import short_name

STARTS = 20  # of the clustering; the best one counts
ITERATIONS = 100


@dataclass(frozen=True)
class Categories:
    """A test set of categories: `categories[i]` is that of `words[i]`."""

    name: str
    words: list[str]
    categories: list[str]


@dataclass(frozen=True)
class OutlierGroup:
    """Words that belong together, and some that do not."""

    name: str
    members: list[str]
    outliers: list[str]


@dataclass(frozen=True)
class Outliers:
    """A test set of outliers."""

    name: str
    groups: list[OutlierGroup]


@dataclass(frozen=True)
class PurityResult:
    """Purity, from 0 to 1, of `used` of `total` words; NaN where there are fewer than two."""

    name: str
    purity: float
    used: int
    total: int


@dataclass(frozen=True)
class OutlierResult:
    """Accuracy and outlier position percentage, both from 0 to 1, of `used` of `total` questions; NaN without any."""

    name: str
    accuracy: float
    opp: float
    used: int
    total: int


def read_categories(path: str | os.PathLike[str]) -> Categories:
    """Read lines of a word and its category with a tab, a semicolon, a comma or white space between them.

    It is the first of these that cuts every line in two, or else the first line. Blank lines, those that begin with
    ``#`` and a first line that says ``word`` and ``category`` are passed over.

    Raises
    ------
    FormatError
        With file and line, where a line is not of this form, or fewer than two categories remain.
    """
    lines = [(place, line) for place, line in numbered_lines(path) if line.strip() and not line.startswith("#")]
    split = _separator([line for _, line in lines])
    words: list[str] = []
    categories: list[str] = []
    for n, (place, line) in enumerate(lines):
        columns = [part.strip() for part in split(line)]
        if len(columns) != 2 or not all(columns):
            raise FormatError(f"{place}: expected a word and its category, found {shortened(line)}")
        if n or [column.lower() for column in columns] != ["word", "category"]:
            words.append(columns[0])
            categories.append(columns[1])
    if len(set(categories)) < 2:
        raise FormatError(f"{short_name(path)}: expected words of two categories or more")
    return Categories(Path(path).name, words, categories)


def _separator(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """How to split lines in two."""
    for mark in "\t;, ":
        split = separator(f"word{mark}category", 2)
        if all(len(parts) == 2 and all(map(str.strip, parts)) for parts in map(split, lines)):
            return split
    return separator(lines[0], 2)


def read_outliers(path: str | os.PathLike[str]) -> Outliers:
    """Read a group of words, a word a line, then a blank line, then words that do not belong; or a folder of those.

    The layout of the 8-8-8 set and of WikiSem500.

    Raises
    ------
    FormatError
        Where a file has not two blocks of words.
    """
    files = sorted(file for file in Path(path).iterdir() if file.suffix == ".txt") if os.path.isdir(path) else [path]
    groups = []
    for file in files:
        blocks: list[list[str]] = [[]]
        for line in plain_lines(file):
            if line.strip():
                blocks[-1].append(line.strip())
            elif blocks[-1]:
                blocks.append([])
        blocks = [block for block in blocks if block]
        if len(blocks) != 2 or len(blocks[0]) < 2:
            raise FormatError(
                f"{short_name(file)}: expected words that belong together, a blank line, and words that do not; found "
                f"{len(blocks)} blocks"
            )
        groups.append(OutlierGroup(Path(file).stem, *blocks))
    if not groups:
        raise FormatError(f"{os.fspath(path)}: expected a .txt file for each group of words, found none")
    return Outliers(Path(path).name, groups)


def evaluate_categories(vectors: KeyedVectors, test: Categories, *, seed: int = 1) -> PurityResult:
    """Cluster the words that have vectors into as many groups as there are categories; see the module."""
    known = [i for i, word in enumerate(test.words) if vectors.row(word) >= 0]
    if len(known) < 2:
        return PurityResult(test.name, float("nan"), len(known), len(test.words))
    names, kinds = np.unique([test.categories[i] for i in known], return_inverse=True)
    rows = unit(vectors.get_vectors([test.words[i] for i in known])).astype(np.float64)
    clusters = spherical_k_means(rows, min(len(names), len(rows)), seed=seed)
    return PurityResult(test.name, purity(clusters, kinds), len(known), len(test.words))


def purity(clusters: np.ndarray, categories: np.ndarray) -> float:
    """The share of items that are of the most frequent category of their cluster.

    Parameters
    ----------
    clusters, categories : int (n,)
        Numbers from 0.
    """
    table = np.zeros((int(clusters.max()) + 1, int(categories.max()) + 1), np.int64)
    np.add.at(table, (clusters, categories), 1)
    return float(table.max(axis=1).sum() / len(clusters))


def spherical_k_means(rows: np.ndarray, k: int, *, seed: int = 1) -> np.ndarray:
    """Cluster unit vectors by cosine: the number of each one's cluster, int64 (n,).

    k-means with cosine (Dhillon and Modha 2001), from `STARTS` random choices of first centres spread out as
    k-means++'s; the one with the largest sum of cosines counts. The same for a seed.
    """
    rng = np.random.default_rng(seed)
    best, best_sum = np.zeros(len(rows), np.int64), -np.inf
    for _ in range(STARTS):
        centres = _spread(rows, k, rng)
        clusters = np.full(len(rows), -1)
        for _ in range(ITERATIONS):
            cosines = rows @ centres.T
            new = cosines.argmax(axis=1)
            if (new == clusters).all():
                break
            clusters = new
            for j in range(k):
                if (clusters == j).any():
                    centre = rows[clusters == j].sum(axis=0)
                    centres[j] = centre / max(float(np.linalg.norm(centre)), 1e-12)
        total = float((rows * centres[clusters]).sum())
        if total > best_sum + 1e-12:
            best, best_sum = clusters, total
    return best


def _spread(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    chosen = [int(rng.integers(len(rows)))]
    while len(chosen) < k:
        distances = np.maximum(1 - (rows @ rows[chosen].T).max(axis=1), 0)
        distances[chosen] = 0
        total = distances.sum()
        left = np.setdiff1d(np.arange(len(rows)), chosen)
        chosen.append(int(rng.choice(len(rows), p=distances / total)) if total > 0 else int(left[0]))
    return rows[chosen].copy()


def evaluate_outliers(vectors: KeyedVectors, test: Outliers) -> OutlierResult:
    """Whether the word that does not belong stands out; groups are asked with each of their outliers in turn.

    Words without a vector are left out of a group; a question needs its outlier and two members.
    """
    right, positions, total = 0, [], 0
    for group in test.groups:
        members = [word for word in group.members if vectors.row(word) >= 0]
        total += len(group.outliers)
        for outlier in group.outliers:
            if len(members) < 2 or vectors.row(outlier) < 0:
                continue
            place = outlier_place(vectors, members, outlier)
            right += place == len(members)
            positions.append(place / len(members))
    used = len(positions)
    if not used:
        return OutlierResult(test.name, float("nan"), float("nan"), 0, total)
    return OutlierResult(test.name, right / used, float(np.mean(positions)), used, total)


def outlier_place(vectors: KeyedVectors, members: Sequence[str], outlier: str) -> int:
    """How many members are more like the others than the outlier is (their mean cosine with all other words)."""
    rows = unit(vectors.get_vectors([*members, outlier])).astype(np.float64)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, 0)
    means = cosines.sum(axis=1) / (len(rows) - 1)
    return int((means[:-1] > means[-1]).sum())
