"""Lengths of vectors, and vectors of unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embedkit.errors import EmbedkitError
from embedkit.rows.protocol import EncodedRows, Rows

ROWS_PER_BLOCK = 16384


def row_norms(vectors: np.ndarray) -> np.ndarray:
    """Euclidean lengths of the rows of float32 (n, d): float32 (n,)."""
    norms = np.empty(len(vectors), np.float32)
    for low in range(0, len(vectors), ROWS_PER_BLOCK):
        block = vectors[low : low + ROWS_PER_BLOCK]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", block, block)
            suspect = ~((squares > 1e-30) & (squares < 1e38))
            norms[low : low + len(block)] = np.sqrt(squares)
            if suspect.any():  # float32 squares over- or underflow where the length itself does not
                wide = block[suspect].astype(np.float64)
                norms[low : low + len(block)][suspect] = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return norms


def require_finite(words: Sequence[str], vectors: np.ndarray) -> None:
    """Refuse vectors of unknown words, float32 (n_words, vector_size), that are not finite.

    Raises
    ------
    EmbedkitError
        It names the first of these words.
    """
    finite = np.isfinite(row_norms(vectors))
    if not finite.all():
        bad = words[int(np.argmin(finite))][:60]
        raise EmbedkitError(
            f"the n-grams of {bad!r}: expected finite numbers, found NaN, an infinity or values too large for float32; "
            "the file of the model is damaged"
        )


def unit(vector: ArrayLike | Rows) -> np.ndarray:
    """A vector divided by its length, along the last axis: float32; zero vectors stay zero."""
    given: Any = vector if isinstance(vector, EncodedRows) else np.asarray(vector)
    found = np.empty(given.shape, np.float32)
    for low in range(0, len(found) if found.ndim > 1 else 1, ROWS_PER_BLOCK):  # float64 of some rows at a time
        block = (slice(low, low + ROWS_PER_BLOCK),) if found.ndim > 1 else ()
        rows = np.asarray(given[block])
        lengths = np.sqrt(np.sum(np.square(rows, dtype=np.float64), axis=-1, keepdims=True))
        found[block] = rows / np.where(lengths > 0, lengths, 1.0)
    return found


def safe_norms(norms: np.ndarray) -> np.ndarray:
    """Norms to divide by: 1 in place of 0."""
    return np.where(norms > 0, norms, np.float32(1)) if not norms.all() else norms


def not_written(word: str, row: int) -> EmbedkitError:
    """The error of a vector that no reader would take."""
    return EmbedkitError(
        f"not written: the vector of {word[:60]!r} (row {row}) holds NaN, an infinity or values too large for float32"
    )
