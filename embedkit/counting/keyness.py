"""The words that are typical of one corpus against another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedkit.counting.association import log_likelihood
from embedkit.errors import ConfigError
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.words import find_normalised

MEASURES = ("log-likelihood", "log-ratio")
UNSEEN = 0.5  # stands for a count of 0 in ratios (Hardie 2014)


@dataclass(frozen=True)
class Keyword:
    """One word in two corpora.

    Attributes
    ----------
    word : str
    count, reference_count : int
    per_million, reference_per_million : float
    log_likelihood : float
        Dunning's G², negative where the word is rarer than in the reference corpus: how sure the difference is.
    log_ratio : float
        log2 of the ratio of the two relative frequencies: how large it is. A count of 0 counts as 0.5.
    bic : float
        G² less ln of the size of both corpora: above 2 some, above 6 strong, above 10 very strong evidence (Wilson
        2013); unlike a p-value it does not call everything significant in large corpora.
    """

    word: str
    count: int
    reference_count: int
    per_million: float
    reference_per_million: float
    log_likelihood: float
    log_ratio: float
    bic: float


def keyness(
    corpus: Vocabulary,
    reference: Vocabulary,
    *,
    measure: str = "log-likelihood",
    min_count: int = 5,
    topn: int | None = 20,
) -> list[Keyword]:
    """The words that `corpus` has more of than `reference`, the strongest first.

    Parameters
    ----------
    corpus, reference : Vocabulary
        All words of each with their counts.
    measure : {"log-likelihood", "log-ratio"}
        What they are sorted by: how sure the difference is, or how large.
    min_count : int, default 5
        Leave out words that are rarer than this in `corpus`.
    topn : int, optional
        How many; all of them for None.

    Raises
    ------
    ConfigError
        For an unknown measure, or a vocabulary without counts.

    Notes
    -----
    Rayson and Garside 2000, "Comparing corpora using frequency profiling", with Dunning's full table (four cells);
    log ratio: Hardie 2014.
    """
    if measure not in MEASURES:
        raise ConfigError(f"`measure` is one of {', '.join(MEASURES)}, not {measure!r}")
    if not corpus.has_counts or not reference.has_counts:
        raise ConfigError("keyness compares counts: both vocabularies need them")
    words = list(corpus.index_to_key)
    counts = corpus.counts
    known = reference.key_to_index
    rows = np.array([find_normalised(known, word) for word in words], np.int64)
    others = np.where(rows >= 0, reference.counts[rows], 0)
    size, other_size = corpus.total, reference.total
    scores = log_likelihood(counts, size, counts + others, size + other_size)
    ratios = np.log2((np.maximum(counts, UNSEEN) / size) / (np.maximum(others, UNSEEN) / other_size))
    kept = np.flatnonzero((counts >= min_count) & (scores > 0))
    by = scores if measure == "log-likelihood" else ratios
    order = kept[np.lexsort((kept, -scores[kept], -by[kept]))][:topn]
    bic = scores - np.log(size + other_size)
    return [
        Keyword(
            words[i],
            int(counts[i]),
            int(others[i]),
            1e6 * int(counts[i]) / size,
            1e6 * int(others[i]) / other_size,
            float(scores[i]),
            float(ratios[i]),
            float(bic[i]),
        )
        for i in order.tolist()
    ]
