"""Words in groups of like vectors: what an unknown word has in common with known ones, as features of a linear model.

The words of a file of vectors are clustered by their directions, coarsely and finely, as Brown clusters are cut at
several depths (Miller, Guinness and Zamanian 2004, "Name tagging with word clusters and discriminative training";
Turian, Ratinov and Bengio 2010, "Word representations").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import FormatError
from embedkit.nn.words.lookup import find_cased
from embedkit.rows.k_means import closest, k_means
from embedkit.rows.norms import unit
from embedkit.vocabulary.words import WordIndex, Words

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

SIZES = (100, 1000)  # how many groups, coarse and fine
WORDS_A_GROUP = 10  # on the mean at least; there are no smaller groups
FITTED_WORDS, MOST_WORDS = 20_000, 200_000  # of the most frequent
PIECE = 1 << 14  # words compared with the centroids at once
PREFIX = "groups"


class WordGroups:
    """The groups that words are in.

    Parameters
    ----------
    words : sequence of str
    numbers : uint16 (n_words, n_sizes)
        The group of each word, the coarse one first.
    """

    def __init__(self, words: Sequence[str], numbers: np.ndarray) -> None:
        self.words, self.numbers = words, numbers
        self._index = WordIndex(words)

    @classmethod
    def of_vectors(cls, vectors: KeyedVectors, seed: int) -> WordGroups | None:
        """Those of the most frequent words of some vectors, the same for a seed; None where these are too few."""
        words = list(vectors.index_to_key[:MOST_WORDS])
        sizes = [size for size in SIZES if size * WORDS_A_GROUP <= len(words)]
        if not sizes:
            return None
        rows = unit(vectors.vectors[: len(words)])
        rng = np.random.default_rng(np.random.SeedSequence((seed, 4 << 20)))
        numbers = np.empty((len(words), len(sizes)), np.uint16)
        for column, size in enumerate(sizes):
            centroids = k_means(rows[:FITTED_WORDS], size, rng)
            for low in range(0, len(words), PIECE):
                numbers[low : low + PIECE, column] = closest(rows[low : low + PIECE], centroids)[0]
        return cls(words, numbers)

    def features(self, tokens: Sequence[str]) -> list[list[str]]:
        """The groups of each token, the coarse one first; none of those that no vector is known of."""
        rows = [find_cased(self._index, token) for token in tokens]
        return [[] if row < 0 else [f"%{i}:{n}" for i, n in enumerate(self.numbers[row].tolist())] for row in rows]

    def to_tensors(self) -> dict[str, np.ndarray]:
        """What a model file stores; `from_tensors` is the inverse."""
        packed = Words.from_strings(self.words)
        parts = {"words": packed.blob, "word_offsets": packed.offsets, "word_order": packed.order}
        return {f"{PREFIX}.{name}": array for name, array in {**parts, "numbers": self.numbers}.items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> WordGroups:
        """Build them again.

        Raises
        ------
        FormatError
            When an array is of another shape or kind.
        """
        parts = (tensors[f"{PREFIX}.{name}"] for name in ("words", "word_offsets", "word_order"))
        words, numbers = Words.checked(*parts), tensors[f"{PREFIX}.numbers"]
        if numbers.dtype != np.uint16 or numbers.ndim != 2 or len(numbers) != len(words):
            raise FormatError(
                f"expected the groups of {len(words)} words as rows of uint16, found {numbers.dtype} {numbers.shape}"
            )
        return cls(words, numbers)
