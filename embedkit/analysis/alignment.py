"""Two models in one space: the rotation that brings one onto the other, and how well it finds translations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.analysis.operations import mapped
from embedkit.errors import ConfigError, EmbedkitError, FormatError, counted
from embedkit.progress import Progress, ProgressCallback
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.norms import unit
from embedkit.text.lines import numbered_lines, shortened
from embedkit.text.reading import short_name

RANKS = (1, 5, 10)
RESTRICT_VOCAB = 30_000
CSLS_NEIGHBOURS = 10
_ROWS = 512  # queries of one block of cosines


@dataclass(frozen=True)
class Retrieval:
    """How often a translation of a held-out word is among its nearest `RANKS` words; NaN without held-out words.

    Attributes
    ----------
    method : str
        ``"nearest"`` (cosine) or ``"csls"``.
    precision : tuple of float
        One for each of `RANKS`.
    queries : int
        Words that were looked for.
    """

    method: str
    precision: tuple[float, ...]
    queries: int


@dataclass(frozen=True)
class Alignment:
    """What `align` found.

    Attributes
    ----------
    vectors : KeyedVectors
        The source in the space of the target.
    rotation : float64 (source size, target size)
        ``aligned = source @ rotation``.
    retrieval : list of Retrieval
    used, skipped : int
        Pairs of the dictionary with both words known, and the others.
    """

    vectors: KeyedVectors
    rotation: np.ndarray
    retrieval: list[Retrieval]
    used: int
    skipped: int


def read_dictionary(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """Read a dictionary: a word and its translation a line, separated by a tab or white space.

    A word may have several lines. Blank lines and lines that begin with ``#`` are passed over.

    Raises
    ------
    FormatError
        With file and line, where a line does not hold two words or none remains.
    CorpusError
        When the file cannot be read.
    """
    pairs: list[tuple[str, str]] = []
    for place, line in numbered_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("\t")] if "\t" in line else line.split()
        if len(words) != 2 or not all(words):
            raise FormatError(f"{place}: expected a word and its translation, found {shortened(line)}")
        pairs.append((words[0], words[1]))
    if not pairs:
        raise FormatError(f"{short_name(path)}: expected lines of a word and its translation, found none")
    return pairs


def shared_words(source: KeyedVectors, target: KeyedVectors, most: int = 5000) -> list[tuple[str, str]]:
    """A dictionary of the words that are in both, each with itself: at most `most`, the first ones of `source`."""
    pairs: list[tuple[str, str]] = []
    for word in source.index_to_key:
        if len(pairs) == most:
            break
        if target.row(word) >= 0:
            pairs.append((word, word))
    return pairs


def procrustes(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The orthogonal map W that brings `source` nearest to `target`: the smallest ‖source W − target‖.

    Parameters
    ----------
    source : float (n, d)
    target : float (n, e)
        Row i belongs to row i of `source`.

    Returns
    -------
    float64 (d, e)
        Orthogonal where d = e; with orthonormal columns or rows otherwise.

    Notes
    -----
    W = U Vᵀ with U Σ Vᵀ = sourceᵀ target (Schönemann 1966, "A generalized solution of the orthogonal Procrustes
    problem").
    """
    u, _, vt = np.linalg.svd(source.astype(np.float64).T @ target.astype(np.float64), full_matrices=False)
    return u @ vt


def align(
    source: KeyedVectors,
    target: KeyedVectors,
    dictionary: Sequence[tuple[str, str]],
    *,
    held_out: float = 0.2,
    restrict_vocab: int = RESTRICT_VOCAB,
    seed: int = 1,
    progress: ProgressCallback | None = None,
) -> Alignment:
    """Rotate `source` into the space of `target`.

    The rotation is fitted to unit vectors (Xing et al. 2015) of all pairs of the dictionary. How well such a
    rotation finds translations is measured before that, with one that has not seen the held-out part.

    Parameters
    ----------
    source, target : KeyedVectors
    dictionary : sequence of (word, translation)
    held_out : float
        Share of the dictionary's source words that are kept for measuring, 0 to below 1.
    restrict_vocab : int
        Translations are looked for among the first so many words of the target; CSLS likewise takes the
        neighbourhoods among the first so many words of the source.
    seed : int
        Of the random choice of held-out words.
    progress : callable, optional

    Raises
    ------
    EmbedkitError
        When no pair has both its words in the models.
    """
    if not 0 <= held_out < 1:
        raise ConfigError(f"held_out is a share from 0 to below 1, not {held_out}")
    pairs = np.array([(source.row(a), target.row(b)) for a, b in dictionary], np.int64).reshape(-1, 2)
    known = pairs[(pairs >= 0).all(axis=1)]
    if not len(known):
        raise EmbedkitError(
            f"none of the {counted(len(dictionary), 'pair')} of the dictionary has both its words in the models"
        )
    words = np.unique(known[:, 0])
    chosen = np.random.default_rng(seed).permutation(words)[: int(len(words) * held_out)]
    apart = np.isin(known[:, 0], chosen)
    fitted = _fit(source, target, known[~apart])
    inside = apart & (known[:, 1] < restrict_vocab)
    retrieval = _retrieval(
        unit(source.vectors[:restrict_vocab] @ fitted.astype(np.float32)),
        unit(target.vectors[:restrict_vocab]),
        known[inside],
        unit(source.vectors[np.unique(known[inside, 0])] @ fitted.astype(np.float32)),
        progress,
    )
    rotation = _fit(source, target, known)
    return Alignment(
        mapped(source, lambda rows: rows @ rotation, rotation=source.vector_size <= target.vector_size),
        rotation,
        retrieval,
        len(known),
        len(pairs) - len(known),
    )


def _fit(source: KeyedVectors, target: KeyedVectors, pairs: np.ndarray) -> np.ndarray:
    return procrustes(unit(source.vectors[pairs[:, 0]]), unit(target.vectors[pairs[:, 1]]))


def _retrieval(
    source: np.ndarray, target: np.ndarray, pairs: np.ndarray, queries: np.ndarray, progress: ProgressCallback | None
) -> list[Retrieval]:
    """Nearest neighbours and CSLS of `queries`, the rotated unit vectors of the distinct sources of `pairs`."""
    if not len(pairs):
        return [Retrieval(method, (float("nan"),) * len(RANKS), 0) for method in ("nearest", "csls")]
    crowding = _mean_of_nearest(target, source, progress)
    asked, line = np.unique(pairs[:, 0], return_inverse=True)
    hits = np.zeros((2, len(asked), len(RANKS)), bool)
    for start in range(0, len(asked), _ROWS):
        cosines = queries[start : start + _ROWS] @ target.T
        # CSLS: 2 cos(x, y) − r(x) − r(y); r(x) is the same for all candidates of a query.
        for method, scores in enumerate((cosines, 2 * cosines - crowding)):
            inside = (line >= start) & (line < start + len(scores))
            own = scores[line[inside] - start, pairs[inside, 1]]
            better = np.array(
                [(scores[i] > value).sum() for i, value in zip(line[inside] - start, own, strict=True)], np.int64
            )
            for place, rank in zip(line[inside], better, strict=True):
                hits[method, place] |= rank < np.array(RANKS)
    return [
        Retrieval(name, tuple(float(share) for share in found.mean(axis=0)), len(asked))
        for name, found in zip(("nearest", "csls"), hits, strict=True)
    ]


def _mean_of_nearest(queries: np.ndarray, rows: np.ndarray, progress: ProgressCallback | None) -> np.ndarray:
    """Mean cosine of each query with its `CSLS_NEIGHBOURS` nearest rows: float32 (n_queries,).

    The neighbourhood term r of cross-domain similarity local scaling (Conneau et al. 2018, "Word translation
    without parallel data", section 2.3).
    """
    k = min(CSLS_NEIGHBOURS, len(rows))
    means = np.empty(len(queries), np.float32)
    for start in range(0, len(queries), _ROWS):
        cosines = queries[start : start + _ROWS] @ rows.T
        cosines.partition(cosines.shape[1] - k, axis=1)
        means[start : start + _ROWS] = cosines[:, -k:].mean(axis=1)
        if progress is not None:
            progress(Progress("measuring", min(start + _ROWS, len(queries)), len(queries)))
    return means
