"""Word vectors that are composed of n-grams when they are asked for, as fastText's files store them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import FormatError
from embedkit.kernels import thresholds
from embedkit.rows.norms import require_finite, row_norms
from embedkit.rows.protocol import EncodedRows, Rows, stored_arrays

if TYPE_CHECKING:
    from embedkit.rows.subwords import Subwords


class ComposedRows(EncodedRows):
    """The mean of each word's own row and the rows of its n-grams: what fastText computes, bit for bit.

    Parameters
    ----------
    words : sequence of str
    word_rows : Rows (n_words, vector_size)
        The words' own rows.
    subwords : Subwords, optional
        How words are split; without it the words' own rows are the vectors.
    ngram_vectors : Rows (n_ngrams, vector_size), optional
    name : str
        What messages call the file, where a vector turns out not to be finite.
    """

    def __init__(
        self,
        words: Sequence[str],
        word_rows: Rows,
        subwords: Subwords | None = None,
        ngram_vectors: Rows | None = None,
        name: str = "the model",
    ) -> None:
        self.words = words
        self.word_rows = word_rows
        self.subwords = subwords
        self.ngram_vectors = ngram_vectors
        self.name = name
        self.shape = (len(words), word_rows.shape[1])

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        return stored_arrays(self.word_rows) + ([] if self.ngram_vectors is None else stored_arrays(self.ngram_vectors))

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """Compose some rows, many by a kernel in several threads: float32 (k, vector_size).

        Raises
        ------
        FormatError
            When a vector is not finite; it names the word.
        """
        numbers = np.arange(*index.indices(len(self))) if isinstance(index, slice) else index
        own = self.word_rows[index]
        if self.subwords is None or self.ngram_vectors is None:
            vectors = np.array(own, np.float32)
        elif len(numbers) < thresholds.HASHED_WORDS:
            vectors = np.empty((len(numbers), self.shape[1]), np.float32)
            for place, row in enumerate(numbers.tolist()):
                ngrams = self.ngram_vectors[self.subwords.buckets(self.words[row])]
                vectors[place] = mean_in_order([own[place], *ngrams], self.shape[1])
        else:
            from embedkit.rows.composing import compose

            words = [self.words[row] for row in numbers.tolist()]
            vectors, _ = compose(self.subwords, words, self.ngram_vectors, own)
        finite = np.isfinite(row_norms(vectors))
        if not finite.all():
            row = int(numbers[np.argmin(finite)])
            raise FormatError(
                f"{self.name}: the vector of {self.words[row][:60]!r} (row {row}): expected finite "
                "numbers, found NaN, an infinity or values too large for float32"
            )
        return vectors


def compose_word(subwords: Subwords, word: str, ngram_vectors: Rows) -> np.ndarray | None:
    """The vector of an unknown word, the mean of its n-grams' rows: float32 (vector_size,).

    None where it has no n-grams, or nothing is known of any of them, whose rows are zeros then: that is no answer.

    Raises
    ------
    EmbedkitError
        When it is not finite.
    """
    buckets = subwords.buckets(word)
    if not len(buckets):
        return None
    vector = mean_in_order(ngram_vectors[buckets], ngram_vectors.shape[1])
    require_finite([word], vector[None])
    return vector if vector.any() else None


def mean_in_order(rows: Sequence[np.ndarray] | np.ndarray, size: int) -> np.ndarray:
    """The mean of some rows, summed one after the other in float32 and then multiplied, as fastText does."""
    total = np.zeros(size, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for row in rows:
            total += row
        return total * np.float32(1.0 / max(len(rows), 1))
