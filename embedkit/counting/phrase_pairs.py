"""Pairs of neighbours in a text of ids, with the connector words that may stand between the two.

A connector word (of, the, and) neither begins nor ends a phrase, but may stand inside: bank of america. A pair is a
number, ``a * n_words + b``, and a link, which tells what stands between its words: 0 for nothing, otherwise the digits
of the connector words, 1 and up, in the base of one more than there are. Both hold for every part of a text alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from embedkit.errors import check_several
from embedkit.vocabulary.words import Words

BLOCK_IDS = 1 << 22
LONGEST_LINK = 8

# Articles, prepositions and conjunctions that stand inside of English names and terms.
ENGLISH = ("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with", "without")


class Pairs(NamedTuple):
    """Pairs, ascending.

    Attributes
    ----------
    keys : int64 (n,)
        ``a * n_words + b``.
    links : int64 (n,), optional
        What stands between; None where there are no connector words.
    counts : int64 (n,)
        How often each stands in the text.
    """

    keys: np.ndarray
    links: np.ndarray | None
    counts: np.ndarray

    def chosen(self, chosen: np.ndarray) -> Pairs:
        """Some of the pairs, by a mask."""
        return Pairs(self.keys[chosen], None if self.links is None else self.links[chosen], self.counts[chosen])


@dataclass(frozen=True)
class Connectors:
    """Connector words.

    Attributes
    ----------
    words : tuple of str
        Each once, ascending.
    """

    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Sequence[str]) -> Connectors:
        """Those of a list in any order."""
        check_several(words, "connector_words")
        return cls(tuple(sorted(set(words))))

    @property
    def longest(self) -> int:
        """The most that may stand between two words, so that a link is one number."""
        return min(LONGEST_LINK, int(62 // math.log2(len(self.words) + 1))) if self.words else 0

    def among(self, words: Words) -> Gaps | None:
        """What `pair_counts` and `join` need to know of a text's words; None where there are no connector words."""
        if not self.words:
            return None
        digits = np.zeros(len(words) + 1, np.int64)
        for digit, word in enumerate(self.words, 1):
            row = words.find(word)
            if row >= 0:
                digits[row] = digit
        return Gaps(digits, len(self.words) + 1, self.longest)

    def link(self, between: Sequence[str]) -> int | None:
        """The link of some words; None where one is no connector word, or they are too many."""
        if len(between) > self.longest or not set(between) <= set(self.words):
            return None
        found = 0
        for word in between:
            found = found * (len(self.words) + 1) + self.words.index(word) + 1
        return found

    def between(self, link: int) -> tuple[str, ...]:
        """The words of a link."""
        found = []
        while link:
            link, digit = divmod(link, len(self.words) + 1)
            found.append(self.words[digit - 1])
        return tuple(reversed(found))


class Gaps(NamedTuple):
    """Which words of a text may stand inside of a phrase.

    Attributes
    ----------
    digits : int64 (n_words + 1,)
        The digit of each connector word, 0 for others; the last entry stands for ends of sentences.
    base : int
    longest : int
        The most that may stand between two words.
    """

    digits: np.ndarray
    base: int
    longest: int


def pair_counts(ids: np.ndarray, frequent: np.ndarray, gaps: Gaps | None = None) -> Pairs:
    """The pairs of neighbours of a text and their counts.

    Parameters
    ----------
    ids : int32 (n,)
        With a negative id after each sentence.
    frequent : bool (n_words,)
        Both words of a pair must be.
    gaps : Gaps, optional
        Where connector words may stand between.
    """
    n_words, more = len(frequent), 0 if gaps is None else gaps.longest
    empty = np.empty(0, np.int64)
    found = Pairs(empty, None if gaps is None else empty, empty)
    for start in range(0, len(ids), BLOCK_IDS):
        piece = ids[start : start + BLOCK_IDS + 1 + more]
        first, second, links = _neighbours(piece, gaps)
        a, b = piece[first], piece[second]
        both = (a >= 0) & (b >= 0)
        if links is not None and not isinstance(first, slice):
            both &= (first < BLOCK_IDS) & (links >= 0)
        both[both] = frequent[a[both]] & frequent[b[both]]
        keys = a[both].astype(np.int64) * n_words + b[both]
        if links is None:
            keys, counts = np.unique(keys, return_counts=True)
            found = add_pairs([found, Pairs(keys, None, counts)])
        else:
            found = add_pairs([found, Pairs(keys, links[both], np.ones(len(keys), np.int64))])
    return found


def add_pairs(parts: Sequence[Pairs]) -> Pairs:
    """The sum of several results of `pair_counts`."""
    keys, counts = (np.concatenate([getattr(part, name) for part in parts]) for name in ("keys", "counts"))
    if parts[0].links is None:
        keys, where = np.unique(keys, return_inverse=True)
        sums = np.zeros(len(keys), np.int64)
        np.add.at(sums, where, counts)
        return Pairs(keys, None, sums)
    links = np.concatenate([part.links for part in parts if part.links is not None])
    order = np.lexsort((links, keys))
    keys, links = keys[order], links[order]
    begins = np.flatnonzero((np.diff(keys, prepend=-1) != 0) | (np.diff(links, prepend=-1) != 0))
    sums = np.add.reduceat(counts[order], begins) if len(keys) else counts
    return Pairs(keys[begins], links[begins], sums)


def join(ids: np.ndarray, pairs: Pairs, new_ids: np.ndarray, n_words: int, gaps: Gaps | None = None) -> np.ndarray:
    """Replace pairs (ascending), with what stands between, by `new_ids`, from left to right, without overlaps."""
    begins, follows = np.zeros(n_words, dtype=bool), np.zeros(n_words, dtype=bool)
    begins[pairs.keys // n_words] = follows[pairs.keys % n_words] = True
    first, second, links = _neighbours(ids, gaps)
    a, b = ids[first], ids[second]
    at = np.flatnonzero((a >= 0) & (b >= 0) & begins[a] & follows[b])
    keys = a[at].astype(np.int64) * n_words + b[at]
    place, match = _places(pairs, keys, None if links is None else links[at])
    at, place = at[match], place[match]
    # Of a run of overlapping pairs every second one is taken, the first of the run included.
    starts = np.concatenate([[True], np.diff(at) != 1])
    run_start = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))[: len(at)]
    taken = (np.arange(len(at)) - run_start) % 2 == 0
    at, place = at[taken], place[taken]
    begin, end = (at, at + 1) if isinstance(first, slice) or isinstance(second, slice) else (first[at], second[at])
    result = np.array(ids)
    result[begin] = new_ids[place]
    keep = np.ones(len(ids), dtype=bool)
    for step in range(1, 2 if gaps is None else gaps.longest + 2):
        keep[begin[begin + step <= end] + step] = False
    return result[keep]


def _neighbours(ids: np.ndarray, gaps: Gaps | None) -> tuple[np.ndarray | slice, np.ndarray | slice, np.ndarray | None]:
    """Positions of each two ids with at most connector words between them, and their links.

    The link is -1 where there are too many of them.
    """
    if gaps is None:
        return slice(0, -1), slice(1, None), None
    content = np.flatnonzero(gaps.digits[ids] == 0)
    first, second = content[:-1], content[1:]
    links = np.where(second - first - 1 > gaps.longest, -1, 0)
    for step in range(1, gaps.longest + 1):
        inside = np.flatnonzero((first + step < second) & (links >= 0))
        links[inside] = links[inside] * gaps.base + gaps.digits[ids[first[inside] + step]]
    return first, second, links


def _places(pairs: Pairs, keys: np.ndarray, links: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Where the pairs of a text stand among others, and which do stand there."""
    if pairs.links is None or links is None:
        place = np.minimum(np.searchsorted(pairs.keys, keys), len(pairs.keys) - 1)
        return place, pairs.keys[place] == keys
    known_keys, known_links = np.unique(pairs.keys), np.unique(pairs.links)

    def code(keys: np.ndarray, links: np.ndarray) -> np.ndarray:
        return np.searchsorted(known_keys, keys) * (len(known_links) + 1) + np.searchsorted(known_links, links)

    place = np.minimum(np.searchsorted(code(pairs.keys, pairs.links), code(keys, links)), len(pairs.keys) - 1)
    return place, (pairs.keys[place] == keys) & (pairs.links[place] == links)
