"""Entities in tags: schemes, which tags may follow which, spans, and how many were found.

=========  ========================================================================================================
``bio``    ``B-`` begins an entity, ``I-`` goes on in it, ``O`` is outside (IOB2; Ramshaw and Marcus 1995)
``bioes``  besides, ``E-`` ends an entity of several tokens and ``S-`` is one of a single token (Ratinov and Roth 2009)
``bilou``  the same with ``L-`` for the last token and ``U-`` for a single one; ``bmes`` with ``M-`` in the middle
``io``     ``I-`` inside, ``O`` outside; neighbours of one type are one entity
=========  ========================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from embedkit.classification.figures import LabelFigures, precision_recall_f1
from embedkit.errors import CorpusError

# From few letters to many: tags are of the first that has all of theirs.
SCHEMES = {"io": "I", "bio": "BI", "bioes": "BIES", "bilou": "BILU", "bmes": "BMES"}
_OPEN, _LAST, _SINGLE = "BIM", "EL", "SU"  # what may go on, ends several tokens, is one token


class Span(NamedTuple):
    """Tokens ``start`` .. ``end - 1`` of a sentence and what they are."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class EntityScores:
    """Precision, recall and F1 of whole entities, over all types together and for each."""

    precision: float
    recall: float
    f1: float
    count: int
    labels: list[LabelFigures]


def split_tag(tag: str) -> tuple[str, str]:
    """``"B-PER"`` → ``("B", "PER")``; a tag without a type has the empty one."""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def recognise(tags: Iterable[str]) -> str | None:
    """The scheme that a set of tags is of, None for other tags."""
    found = set(tags)
    prefixes = {split_tag(tag)[0] for tag in found if tag != "O"}
    if not prefixes or not all("-" in tag for tag in found if tag != "O"):
        return None
    return next((scheme for scheme, letters in SCHEMES.items() if prefixes <= set(letters)), None)


def check_scheme(tags: Iterable[str], scheme: str) -> None:
    """Refuse tags that are none of a scheme's.

    Raises
    ------
    CorpusError
    """
    for tag in sorted(set(tags)):
        prefix, kind = split_tag(tag)
        if tag != "O" and (prefix not in tuple(SCHEMES[scheme]) or not kind):
            expected = ", ".join(f"{letter}-TYPE" for letter in SCHEMES[scheme])
            raise CorpusError(f"expected O or {expected} under `scheme` {scheme}, found the tag {tag!r}")


def may_follow(before: str, tag: str, scheme: str) -> bool:
    """Whether `tag` may come after `before` in a scheme; ``"O"`` stands for the ends of a sentence."""
    if scheme == "io":
        return True
    (past, past_kind), (prefix, kind) = split_tag(before), split_tag(tag)
    is_open = past in tuple(_OPEN)
    if prefix in tuple(_OPEN[1:] + _LAST):
        return is_open and past_kind == kind
    return scheme == "bio" or not is_open


def legal(labels: Sequence[str], scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which tags may follow which, begin a sentence and end it: bool (K, K) from row to column, (K,), (K,)."""
    between = np.array([[may_follow(a, b, scheme) for b in labels] for a in labels])
    first = np.array([may_follow("O", tag, scheme) for tag in labels])
    last = np.array([may_follow(tag, "O", scheme) for tag in labels])
    return between, first, last


def check_legal(sentences: Sequence[Sequence[str]], places: Sequence[str], scheme: str) -> None:
    """Refuse sentences whose tags a scheme does not allow.

    Raises
    ------
    CorpusError
        Naming the first place.
    """
    for tags, place in zip(sentences, places, strict=True):
        for before, tag in pairwise(["O", *tags, "O"]):
            if not may_follow(before, tag, scheme):
                raise CorpusError(
                    f"the sentence at {place}: {tag} cannot follow {before} under `scheme` {scheme}; is the data of "
                    "another scheme?"
                )


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities in the tags of a sentence, whatever their scheme, illegal tags read as conlleval does.

    A new entity begins at ``B-`` and where the type changes, at and after one of a single token, and after a last one.
    """
    found: list[Span] = []
    start, past, past_kind = -1, "O", ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, kind = split_tag(tag)
        begins = prefix in ("B", "O", *_SINGLE)
        ends = start >= 0 and (begins or past in tuple(_LAST + _SINGLE) or kind != past_kind)
        if ends:
            found.append(Span(start, i, past_kind))
        if prefix != "O" and (start < 0 or ends):
            start = i
        elif prefix == "O":
            start = -1
        past, past_kind = prefix, kind
    return found


def score_entities(wanted: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> EntityScores:
    """Compare the entities in the right tags of sentences with those in the tags found.

    An entity counts where both ends and the type are right; the totals are micro-averages, as seqeval's.
    """
    right: dict[str, list[int]] = {}
    for ours, theirs in zip(wanted, given, strict=True):
        expected, found = set(spans(ours)), set(spans(theirs))
        for place, several in enumerate((expected & found, found, expected)):
            for span in several:
                right.setdefault(span.label, [0, 0, 0])[place] += 1
    rows = [LabelFigures.of(label, *right[label]) for label in sorted(right)]
    totals = [sum(row[place] for row in right.values()) for place in range(3)]
    return EntityScores(*precision_recall_f1(*totals), totals[2], rows)
