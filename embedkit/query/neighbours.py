"""Exact nearest neighbours: one matrix-vector product for one query, blocked matrix products for many.

Three metrics. ``cosine`` and ``dot``: larger is nearer. ``l2``: the Euclidean distance, smaller is nearer. A zero
vector has cosine 0 with everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from embedkit.errors import ConfigError
from embedkit.kernels import thresholds
from embedkit.rows.norms import safe_norms, unit
from embedkit.threads import for_each, usable_cores

METRICS = ("cosine", "l2", "dot")
ROWS_PER_BLOCK = 16384
QUERIES_PER_BLOCK = 1024
KERNEL_ROWS = 4096
KERNEL_TOPN = 128  # its insertions are not made for more
COSINES_PER_BLOCK = 1 << 24
MOST_COMPARED = 16
# Added to the denominator of 3CosMul, whose cosines are moved to 0..1: gensim's value, so that answers are the same.
# Levy and Goldberg 2014, equation 4, write 0.001.
COSMUL_EPSILON = 1e-6

Hits = tuple[np.ndarray, np.ndarray]
_scored = [0]  # scores of many queries, in this process


def check_metric(metric: str) -> None:
    """Raise `ConfigError` for anything but cosine, l2 and dot."""
    if metric not in METRICS:
        raise ConfigError(f"unknown metric {metric!r}: expected one of {', '.join(METRICS)}")


def answers_wanted(topn: int | None, n: int) -> int:
    """How many of `n` rows are asked for: all for None.

    Raises
    ------
    ConfigError
        For anything but None and a whole number from 0 up.
    """
    if topn is None:
        return n
    if isinstance(topn, bool) or not isinstance(topn, int | np.integer) or topn < 0:
        raise ConfigError(f"topn must be a whole number from 0 up, or None for all, got {topn!r}")
    return min(int(topn), n)


def rows_searched(restrict_vocab: int | None, n: int) -> int:
    """How many of `n` rows are searched: all for None.

    Raises
    ------
    ConfigError
        For anything but None and a whole number from 1 up.
    """
    if restrict_vocab is None:
        return n
    if isinstance(restrict_vocab, bool) or not isinstance(restrict_vocab, int | np.integer) or restrict_vocab < 1:
        raise ConfigError(f"restrict_vocab must be a whole number from 1 up, or None, got {restrict_vocab!r}")
    return min(int(restrict_vocab), n)


def best(scores: np.ndarray, n: int) -> np.ndarray:
    """Positions of the `n` largest of float32 (m,), largest first, equal ones by position."""
    if n == 0:
        return np.empty(0, np.int64)
    if n < len(scores):
        chosen = np.argpartition(scores, len(scores) - n)[len(scores) - n :]
        lowest = scores[chosen].min()
        ties = np.flatnonzero(scores == lowest)
        if len(ties) > 1:
            above = chosen[scores[chosen] > lowest]
            chosen = np.concatenate([above, ties[: n - len(above)]])
    else:
        chosen = np.arange(len(scores))
    return chosen[np.lexsort((chosen, -scores[chosen]))]


def nearest(
    vectors: np.ndarray,
    norms: np.ndarray,
    queries: np.ndarray,
    topn: int,
    metric: str = "cosine",
    skip: Sequence[Sequence[int]] | None = None,
) -> list[Hits]:
    """The `topn` nearest rows of each query.

    Parameters
    ----------
    vectors : float32 (n, d)
        Where to search.
    norms : float32 (n,)
        The rows' lengths.
    queries : float32 (q, d)
    topn : int
        How many for each query; fewer come back where there are fewer rows.
    metric : str
        ``cosine``, ``dot`` or ``l2``.
    skip : sequence of sequences of int, optional
        For each query the rows that must not be among its answers.

    Returns
    -------
    list of (rows int64 (k,), values float32 (k,))
        One pair for each query, the nearest first, equal ones by row.
    """
    check_metric(metric)
    skipped = [sorted(set(rows)) for rows in skip] if skip is not None else [[] for _ in queries]
    prepared = unit(queries) if metric == "cosine" else np.asarray(queries, np.float32)
    if topn == 0:
        return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in prepared]
    hits: list[Hits] = []
    for low in range(0, len(prepared), QUERIES_PER_BLOCK):
        part = prepared[low : low + QUERIES_PER_BLOCK]
        wanted = [topn + len(rows) for rows in skipped[low : low + len(part)]]
        found = _search(vectors, norms, part, wanted, metric)
        for query, candidates, left_out in zip(part, found, skipped[low : low + len(part)], strict=True):
            rows = without(candidates, left_out)[:topn]
            found_values = values(vectors[rows], norms[rows], query, metric)
            order = np.lexsort((rows, found_values if metric == "l2" else -found_values))
            hits.append((rows[order], found_values[order]))
    return hits


def nearest_3cosmul(
    vectors: np.ndarray, norms: np.ndarray, triples: np.ndarray, topn: int, skip: Sequence[Sequence[int]]
) -> list[Hits]:
    """The rows v that maximise cos(v, b) · cos(v, c) / (cos(v, a) + ε), cosines moved to [0, 1].

    Parameters
    ----------
    vectors : float32 (n, d)
    norms : float32 (n,)
    triples : float32 (q, 3, d)
        The vectors of a, b and c of each question.
    topn : int
    skip : sequence of sequences of int
        For each question the rows that must not be among its answers.

    Returns
    -------
    list of (rows int64 (k,), values float32 (k,))
        Equation 4 of Levy and Goldberg 2014 with `COSMUL_EPSILON`.
    """
    hits: list[Hits] = []
    step = max(1, COSINES_PER_BLOCK // (3 * len(vectors) or 1))
    for low in range(0, len(triples), step):
        block = unit(triples[low : low + step])
        cosines = scores_of(vectors, norms, block.reshape(-1, block.shape[-1]), "cosine")
        cosines += 1
        cosines /= 2
        cosines = cosines.reshape(len(block), 3, len(vectors))
        scores = cosines[:, 1] * cosines[:, 2] / (cosines[:, 0] + np.float32(COSMUL_EPSILON))
        for row_scores, left_out in zip(scores, skip[low : low + len(block)], strict=True):
            rows = best(row_scores, topn + len(left_out))
            rows = without(rows, left_out)[:topn]
            hits.append((rows, row_scores[rows]))
    return hits


def values(rows: np.ndarray, norms: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    """What the metric says of float32 (k, d) against one query (of unit length for cosine): float32 (k,)."""
    if metric == "l2":
        return np.sqrt(np.sum(np.square(rows - query, dtype=np.float64), axis=1)).astype(np.float32)
    products = rows @ query
    return products / safe_norms(norms) if metric == "cosine" else products


def scores_of(vectors: np.ndarray, norms: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """Scores that order rows as the metric does, larger is nearer: float32 (q, n)."""
    products = queries @ vectors.T if len(queries) > 1 else (vectors @ queries[0])[None, :]
    if metric == "cosine":
        products /= safe_norms(norms)
    elif metric == "l2":  # |q|² is the same for all rows: 2 q·v − |v|² orders as −|q − v|²
        products *= 2
        products -= np.square(norms)
    return products


def without(rows: np.ndarray, left_out: Sequence[int]) -> np.ndarray:
    """Those of `rows` that are not in `left_out`, mostly a word or two, where comparing beats sorting."""
    if len(left_out) > MOST_COMPARED:
        return rows[~np.isin(rows, left_out)]
    for one in left_out:
        rows = rows[rows != one]
    return rows


def _compiled_pays(n_scores: int) -> bool:
    """Whether so many scores, with those before in this process, are worth a kernel: many questions come in blocks."""
    _scored[0] += n_scores
    return _scored[0] >= thresholds.SCORES


def _search(
    vectors: np.ndarray, norms: np.ndarray, queries: np.ndarray, wanted: Sequence[int], metric: str
) -> list[np.ndarray]:
    """Rows of the best scores of each query, by blocks of vectors.

    Once a query has its first candidates, only scores above the worst of them are looked at: one comparison a score
    instead of a partition.
    """
    if len(queries) == 1:
        return [best(scores_of(vectors, norms, queries, metric)[0], wanted[0])]
    most = max(wanted)
    if most <= KERNEL_TOPN and _compiled_pays(len(queries) * len(vectors)):
        return _search_kernel(vectors, norms, queries, wanted, metric)
    rows = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for low in range(0, len(vectors), ROWS_PER_BLOCK):
        high = low + ROWS_PER_BLOCK
        if metric == "cosine":  # dividing vectors costs less than dividing the scores of many queries
            block = queries @ (vectors[low:high] / safe_norms(norms[low:high])[:, None]).T
        else:
            block = scores_of(vectors[low:high], norms[low:high], queries, metric)
        if rows.shape[1] < most:
            columns = np.broadcast_to(np.arange(block.shape[1]), block.shape)
            rows, scores = _best_columns(
                np.concatenate([rows, columns + low], axis=1), np.concatenate([scores, block], axis=1), most
            )
        else:
            rows, scores = _merge(rows, scores, block, low)
    return [found[np.lexsort((found, -values))][:n] for found, values, n in zip(rows, scores, wanted, strict=True)]


def _search_kernel(
    vectors: np.ndarray, norms: np.ndarray, queries: np.ndarray, wanted: Sequence[int], metric: str
) -> list[np.ndarray]:
    """`_search` with a kernel that looks at each score once, in several threads; the blocks stay in the cache."""
    from embedkit.kernels.neighbours import keep_best

    scale, shift = np.ones(len(vectors), np.float32), np.zeros(len(vectors), np.float32)
    if metric == "cosine":
        scale /= safe_norms(norms)
    elif metric == "l2":
        scale, shift = scale * 2, -np.square(norms)
    scores = np.full((len(queries), max(wanted)), -np.inf, np.float32)
    rows = np.full(scores.shape, -1, np.int64)
    workers = max(1, usable_cores(min(16, len(queries))))
    cuts = np.linspace(0, len(queries), workers + 1).astype(int).tolist()
    product = np.empty((len(queries), KERNEL_ROWS), np.float32)
    for low in range(0, len(vectors), KERNEL_ROWS):
        high = min(low + KERNEL_ROWS, len(vectors))
        out = product if high - low == KERNEL_ROWS else np.empty((len(queries), high - low), np.float32)
        block = np.matmul(queries, vectors[low:high].T, out=out)

        def keep(part: tuple[int, int], block: np.ndarray = block, low: int = low, high: int = high) -> None:
            a, b = part
            keep_best(block[a:b], scale[low:high], shift[low:high], low, scores[a:b], rows[a:b])

        for_each(keep, pairwise(cuts), workers, "neighbours")
    return [found[found >= 0][:n] for found, n in zip(rows, wanted, strict=True)]


def _merge(rows: np.ndarray, scores: np.ndarray, block: np.ndarray, low: int) -> tuple[np.ndarray, np.ndarray]:
    """Take into the best `rows` and `scores` (q, k) what is better in a block of scores (q, m), rows from `low` on."""
    queries, columns = np.nonzero(block > scores.min(axis=1)[:, None])
    if not len(queries):
        return rows, scores
    counts = np.bincount(queries, minlength=len(rows))
    places = np.arange(len(queries)) - np.repeat(np.cumsum(counts) - counts, counts)
    more = np.full((len(rows), counts.max()), -np.inf, np.float32)
    more[queries, places] = block[queries, columns]
    more_rows = np.zeros(more.shape, np.int64)
    more_rows[queries, places] = columns + low
    return _best_columns(
        np.concatenate([rows, more_rows], axis=1), np.concatenate([scores, more], axis=1), rows.shape[1]
    )


def _best_columns(rows: np.ndarray, scores: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    if scores.shape[1] <= n:
        return rows, scores
    chosen = np.argpartition(scores, scores.shape[1] - n, axis=1)[:, -n:]
    best_rows, best_scores = (np.take_along_axis(array, chosen, axis=1) for array in (rows, scores))
    lowest = best_scores.min(axis=1, keepdims=True)
    for query in np.flatnonzero((scores == lowest).sum(axis=1) > (best_scores == lowest).sum(axis=1)):
        first = np.lexsort((rows[query], -scores[query]))[:n]  # of equal ones the earlier rows
        best_rows[query], best_scores[query] = rows[query, first], scores[query, first]
    return best_rows, best_scores
