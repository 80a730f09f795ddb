"""How strongly two words go together, or a word with a corpus: measures of 2 x 2 tables of counts.

A table has the count o of both together, the totals a and b of each, and the total n of all. The count that chance
would give is e = a b / n.

================  =====================================================================================================
log-likelihood    G² = 2 Σ o ln(o / e) over the four cells (Dunning 1993), negative where o < e: how sure it is
mi                log2(o / e) (Church and Hanks 1990): how many times more often than by chance; high for rare words
t                 (o − e) / √o (Church, Gale, Hanks and Hindle 1991): favours frequent pairs
logdice           14 + log2(2 o / (a + b)) (Rychlý 2008): at most 14, comparable between corpora of any size
================  =====================================================================================================
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MEASURES = ("log-likelihood", "mi", "t", "logdice")
Counts = npt.ArrayLike


def expected(a: Counts, b: Counts, n: Counts) -> np.ndarray:
    """The count of both together that chance would give, float64."""
    return np.asarray(np.asarray(a, np.float64) * np.asarray(b, np.float64) / np.asarray(n, np.float64))


def log_likelihood(o: Counts, a: Counts, b: Counts, n: Counts) -> np.ndarray:
    """Dunning's G² of each table, negative where the two are together less often than by chance; float64.

    Parameters
    ----------
    o, a, b, n : arrays that broadcast
        Together, in all of each, in all.
    """
    o, a, b, n = (np.asarray(x, np.float64) for x in (o, a, b, n))
    sums = np.zeros(np.broadcast(o, a, b, n).shape)
    for observed, row, column in ((o, a, b), (a - o, a, n - b), (b - o, n - a, b), (n - a - b + o, n - a, n - b)):
        cells, chance = np.broadcast_arrays(np.maximum(observed, 0), row * column / n)
        held = cells > 0
        sums[held] += cells[held] * np.log(cells[held] / chance[held])
    return np.where(o < expected(a, b, n), -2.0, 2.0) * np.maximum(sums, 0)


def mutual_information(o: Counts, a: Counts, b: Counts, n: Counts) -> np.ndarray:
    """log2(o / e) of each table, float64; −∞ where o is 0."""
    with np.errstate(divide="ignore"):
        return np.log2(np.asarray(o, np.float64) / expected(a, b, n))


def t_score(o: Counts, a: Counts, b: Counts, n: Counts) -> np.ndarray:
    """(o − e) / √o of each table, float64; −∞ where o is 0."""
    o = np.asarray(o, np.float64)
    with np.errstate(divide="ignore"):
        return (o - expected(a, b, n)) / np.sqrt(o)


def log_dice(o: Counts, a: Counts, b: Counts) -> np.ndarray:
    """14 + log2(2 o / (a + b)) of each table, float64; −∞ where o is 0."""
    with np.errstate(divide="ignore"):
        return 14 + np.log2(2 * np.asarray(o, np.float64) / (np.asarray(a, np.float64) + np.asarray(b, np.float64)))
