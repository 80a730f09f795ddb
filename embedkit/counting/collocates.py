"""The words that a word keeps company with: collocates from co-occurrence counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedkit.counting import association
from embedkit.counting.cooccurrences import Cooccurrences
from embedkit.errors import ConfigError


@dataclass(frozen=True)
class Collocate:
    """One collocate of a word; the measures are those of `embedkit.counting.association`.

    Attributes
    ----------
    word : str
    count : float
        How often it stands in the window.
    expected : float
        How often it would by chance.
    log_likelihood, mi, t, log_dice : float
    """

    word: str
    count: float
    expected: float
    log_likelihood: float
    mi: float
    t: float
    log_dice: float


def collocates(
    counts: Cooccurrences, word: str, *, measure: str = "log-likelihood", min_count: float = 5, topn: int | None = 20
) -> list[Collocate]:
    """The collocates of a word, the strongest first; equal ones by count, then in the vocabulary's order.

    Parameters
    ----------
    counts : Cooccurrences
        With the weighting ``"flat"`` each neighbour counts once, as is usual here.
    word : str
    measure : {"log-likelihood", "mi", "t", "logdice"}
        What they are sorted by.
    min_count : float, default 5
        Leave out words that stand in the window less often.
    topn : int, optional
        How many; all of them for None.

    Raises
    ------
    ConfigError
        For an unknown measure.
    UnknownWordError
        When the word was not counted.

    Notes
    -----
    The 2 x 2 table is one of neighbours: o how often the collocate stands in the word's windows, a all that stands in
    them, b how often the collocate stands in any window, n all that stands in windows (surface co-occurrence, Evert
    2008, "Corpora and collocations", section 3.2, with windows as the sample).
    """
    if measure not in association.MEASURES:
        raise ConfigError(f"`measure` is one of {', '.join(association.MEASURES)}, not {measure!r}")
    matrix, i = counts.matrix, counts.row_of(word)
    cells = slice(matrix.offsets[i], matrix.offsets[i + 1])
    columns, o = matrix.columns[cells], matrix.values[cells]
    kept = o >= min_count
    sums = counts.column_sums
    n, a = float(sums.sum()), float(o.sum())
    columns, o = columns[kept], o[kept]
    b = sums[columns]
    table = (o, a, b, n)
    scores = {
        "log-likelihood": association.log_likelihood(*table),
        "mi": association.mutual_information(*table),
        "t": association.t_score(*table),
        "logdice": association.log_dice(o, a, b),
    }
    order = np.lexsort((columns, -o, -scores[measure]))[:topn]
    chance, words = association.expected(a, b, n), counts.vocabulary.index_to_key
    return [
        Collocate(
            words[int(columns[k])], float(o[k]), float(chance[k]), *(float(score[k]) for score in scores.values())
        )
        for k in order.tolist()
    ]
