"""Neighbours among some words, within a radius, and the place of a word among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import ConfigError, UnknownWordError, check_several
from embedkit.query import neighbours

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


def rows_among(model: KeyedVectors, words: Iterable[str], limit: int) -> np.ndarray:
    """The rows below `limit` of some words of the vocabulary, in its order: int64 (n,).

    Raises
    ------
    UnknownWordError
        For a word that is not in the vocabulary.
    ConfigError
        For no words, or one that is not in a list.
    """
    check_several(words, "among")
    rows = []
    for word in words:
        row = model.row(word)
        if row < 0:
            raise UnknownWordError(word, model.close_spellings(word))
        rows.append(row)
    if not rows:
        raise ConfigError("`among`: expected at least one word to choose from")
    found = np.unique(np.array(rows, np.int64))
    return found[found < limit]


def search(
    model: KeyedVectors,
    rows: slice | np.ndarray,
    queries: np.ndarray,
    topn: int,
    metric: str,
    skip: Sequence[Sequence[int]],
    above: float | None = None,
) -> list[neighbours.Hits]:
    """The nearest of some rows of a model, first ones or chosen ones in order; see `neighbours.nearest`."""
    vectors, norms = model.vectors[rows], model.norms[rows]
    if isinstance(rows, np.ndarray):
        places = {row: place for place, row in enumerate(rows.tolist())}
        skip = [[places[row] for row in left_out if row in places] for left_out in skip]
    if above is None:
        hits = neighbours.nearest(vectors, norms, queries, topn, metric, skip)
    else:
        hits = within(vectors, norms, queries, topn, metric, skip, above)
    return [(rows[found], values) for found, values in hits] if isinstance(rows, np.ndarray) else hits


def within(
    vectors: np.ndarray,
    norms: np.ndarray,
    queries: np.ndarray,
    topn: int,
    metric: str,
    skip: Sequence[Sequence[int]],
    above: float,
) -> list[neighbours.Hits]:
    """The rows whose value is `above` or more, at most `topn` for each query; see `neighbours.nearest`.

    The radius is looked at before anything is sorted.

    Raises
    ------
    ConfigError
        For l2, whose values are distances, and for an `above` that is no number.
    """
    neighbours.check_metric(metric)
    if metric == "l2":
        raise ConfigError("`above` is for `metric` cosine and dot; l2 is a distance, smaller is nearer")
    if not np.isfinite(above):
        raise ConfigError(f"`above` must be a finite number, not {above!r}")
    prepared = neighbours.unit(queries) if metric == "cosine" else queries
    hits: list[neighbours.Hits] = []
    step = max(1, neighbours.COSINES_PER_BLOCK // max(1, len(vectors)))
    for low in range(0, len(prepared), step):
        block = neighbours.scores_of(vectors, norms, prepared[low : low + step], metric)
        for query, scores, left_out in zip(prepared[low:], block, skip[low : low + len(block)], strict=False):
            rows = np.flatnonzero(scores >= above - 1e-4)  # products of blocks differ in the last digits
            rows = rows[~np.isin(rows, left_out)]
            found = neighbours.values(vectors[rows], norms[rows], query, metric)
            rows, found = rows[found >= above], found[found >= above]
            order = np.lexsort((rows, -found))[:topn]
            hits.append((rows[order], found[order]))
    return hits


def rank(
    model: KeyedVectors,
    query: np.ndarray,
    word: str,
    own: Sequence[str],
    metric: str = "cosine",
    restrict_vocab: int | None = None,
) -> tuple[int, float]:
    """The place of a word among the neighbours of a vector, 1 for the nearest, and its value.

    Parameters
    ----------
    model : KeyedVectors
    query : float (vector_size,)
    word : str
    own : sequence of str
        The question's own words, which take no place.
    metric : {"cosine", "l2", "dot"}
    restrict_vocab : int, optional

    Raises
    ------
    UnknownWordError
        For a word that is not in the vocabulary.
    ConfigError
        For a word of the question itself, or one that is not among the first `restrict_vocab`.
    """
    neighbours.check_metric(metric)
    limit = neighbours.rows_searched(restrict_vocab, len(model))
    row = model.row(word)
    if row < 0:
        raise UnknownWordError(word, model.close_spellings(word))
    skip = [found for found in map(model.row, own) if found >= 0]
    if row in skip:
        raise ConfigError(f"{word} is a word of the question, it has no place among the answers")
    if row >= limit:
        raise ConfigError(f"{word} is not among the first {limit:,} words")
    asked = neighbours.unit(query) if metric == "cosine" else np.asarray(query, np.float32)
    scores = neighbours.scores_of(model.vectors[:limit], model.norms[:limit], asked[None], metric)[0]
    before = (scores > scores[row]) | ((scores == scores[row]) & (np.arange(limit) < row))
    before[[found for found in skip if found < limit]] = False
    value = neighbours.values(model.vectors[[row]], model.norms[[row]], asked, metric)[0]
    return int(np.count_nonzero(before)) + 1, float(value)
