"""How a token is written, as features for tagging: its ends, its beginning, its shape.

Each feature is a string with a row of its own in a `BagEmbedding` (the mean of a token's rows is its spelling's
vector): suffixes of 1 to 4 characters and prefixes of 1 to 3, lower-cased; the last jamo of a Hangul token, which
tells whether a particle or an ending can follow; the whole token; and its shape, with runs of capitals, small
letters, digits and Hangul written as X, x, 9 and 가 (Collobert et al. 2011, section 3.1, use the case alone).
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from embedkit.nn.layers.bag import Bags
from embedkit.vocabulary.words import WordIndex, Words

SUFFIXES, PREFIXES = 4, 3
MIN_COUNT = 2
HANGUL = "가"  # in a shape


def spelling_features(token: str) -> list[str]:
    """The features of one token.

    Examples
    --------
    >>> spelling_features("Cats")
    ['-s', '-ts', '-ats', '-cats', 'c-', 'ca-', 'cat-', '=cats', '#Xx']
    """
    lower = unicodedata.normalize("NFC", token).lower()
    features = ["-" + lower[-n:] for n in range(1, min(SUFFIXES, len(lower)) + 1)]
    features += [lower[:n] + "-" for n in range(1, min(PREFIXES, len(lower)) + 1)]
    if lower and "가" <= lower[-1] <= "힣":
        features += [f"-{lower[-2:-1]}+{jamo}" for jamo in unicodedata.normalize("NFD", lower[-1])[1:]]
    return [*features, "=" + lower, "#" + shape(token)]


@functools.lru_cache(1 << 16)
def shape(token: str) -> str:
    """Runs of capitals, small letters, digits and Hangul as X, x, 9 and 가, everything else as it is: "U.S." → X.X."""
    return "".join(mark for mark, _ in itertools.groupby(map(_mark, unicodedata.normalize("NFC", token))))


def _mark(character: str) -> str:
    if character.isdigit():
        return "9"
    if "가" <= character <= "힣":
        return HANGUL
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return character


class SpellingLookup:
    """Rows of spelling features: row 0 for those never seen, 1 + i for feature i.

    Parameters
    ----------
    features : sequence of str
    """

    def __init__(self, features: Sequence[str]) -> None:
        self.features = features
        self._index = WordIndex(features)

    @classmethod
    def from_tokens(cls, tokens: Iterable[str]) -> SpellingLookup:
        """The features that at least two tokens of the training text have."""
        counts: Counter[str] = Counter()
        for token, n in Counter(tokens).items():
            for feature in set(spelling_features(token)):
                counts[feature] += n
        return cls(sorted(feature for feature, n in counts.items() if n >= MIN_COUNT))

    @property
    def n_rows(self) -> int:
        return 1 + len(self.features)

    def bags(self, tokens: Sequence[str]) -> Bags:
        """The rows of each token's features, at least row 0."""
        rows: list[int] = []
        offsets = np.zeros(len(tokens) + 1, np.int64)
        for i, token in enumerate(tokens):
            known = [1 + row for f in spelling_features(token) if (row := self._index.get(f)) is not None]
            rows += known or [0]
            offsets[i + 1] = len(rows)
        return Bags(offsets, np.array(rows, np.int64))

    def to_tensors(self) -> dict[str, np.ndarray]:
        """What a model file stores; `from_tensors` is the inverse."""
        packed = Words.from_strings(self.features)
        return {
            "features.words": packed.blob,
            "features.word_offsets": packed.offsets,
            "features.word_order": packed.order,
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> SpellingLookup:
        parts = (tensors[f"features.{name}"] for name in ("words", "word_offsets", "word_order"))
        return cls(Words.checked(*parts))
