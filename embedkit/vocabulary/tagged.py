"""Words with their part of speech behind them: 학교/NNG, as the tokenizer morphemes writes them, 학교/Noun, walk/VB."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

LOOKED_AT = 5000  # words, the most frequent
_TAG = re.compile("(?<=.)/([A-Za-z][A-Za-z0-9+_-]*)$")


def tags_of(words: Iterable[str]) -> tuple[str, ...]:
    """The tags behind the words of a vocabulary, in their order; none where most words have none.

    >>> tags_of(["이/VCP", "년/NNB", "월/NNB", "2"]), tags_of(["and/or", "a", "b"])
    (('VCP', 'NNB'), ())
    """
    looked_at = list(islice(words, LOOKED_AT))
    found = [match[1] for word in looked_at if (match := _TAG.search(word))]
    return tuple(dict.fromkeys(found)) if 2 * len(found) > len(looked_at) else ()
