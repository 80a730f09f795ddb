"""BLEU (Papineni et al. 2002), how many n-grams of a translation stand in its references, and exact matches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

Tokens = Sequence[str]


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], max_n: int = 4) -> float:
    """Corpus BLEU, 0–1: the geometric mean of the clipped n-gram precisions, times the brevity penalty.

    Parameters
    ----------
    candidates : sequence of token lists
    references : sequence of lists of token lists
        One or several for each candidate; the length that counts is the closest to the candidate's, the shorter one
        of two equally close ones.
    max_n : int
        The longest n-gram; where every reference is shorter, as captions of three words are, the longest of these.

    Returns
    -------
    float
        0 where some n-gram length never matches: no smoothing.
    """
    max_n = max(1, min(max_n, max((len(text) for texts in references for text in texts), default=1)))
    matched, total = [0] * max_n, [0] * max_n
    length = reference_length = 0
    for candidate, texts in zip(candidates, references, strict=True):
        length += len(candidate)
        reference_length += min((abs(len(text) - len(candidate)), len(text)) for text in texts)[1]
        for n in range(1, max_n + 1):
            allowed: Counter[tuple[str, ...]] = Counter()
            for text in texts:
                allowed |= _ngrams(text, n)  # the maximum over the references
            found = _ngrams(candidate, n)
            matched[n - 1] += (found & allowed).total()
            total[n - 1] += found.total()
    if length == 0 or min(matched) == 0:
        return 0.0
    mean = sum(math.log(m / t) for m, t in zip(matched, total, strict=True)) / max_n
    return math.exp(min(0.0, 1.0 - reference_length / length) + mean)


def exact_matches(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """The share of candidates that are one of their references, which are given as for `bleu`."""
    same = (list(candidate) in map(list, texts) for candidate, texts in zip(candidates, references, strict=True))
    return sum(same) / max(len(candidates), 1)


def _ngrams(tokens: Tokens, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
