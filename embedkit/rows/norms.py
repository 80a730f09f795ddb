"""Lengths of vectors, and vectors of unit length."""

from __future__ import annotations

import numpy as np

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


def unit(vector: np.ndarray) -> np.ndarray:
    """A vector divided by its length, along the last axis; zero vectors stay zero."""
    lengths = np.sqrt(np.sum(np.square(vector, dtype=np.float64), axis=-1, keepdims=True))
    return (vector / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def safe_norms(norms: np.ndarray) -> np.ndarray:
    """Norms to divide by: 1 in place of 0."""
    return np.where(norms > 0, norms, np.float32(1)) if not norms.all() else norms
