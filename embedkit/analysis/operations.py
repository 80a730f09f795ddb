"""Vectors made from vectors: centred, of unit length, without their common directions, cut to some words, joined.

Each function returns new `KeyedVectors` and leaves its argument as it was. What is affine (centring, removing
directions) is done to the rows of subwords too, so that unknown words are composed as before; what a result can no
longer stand for (output vectors and documents of changed vectors) is left out, and told by whoever writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, check_several
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.composing import compose
from embedkit.rows.norms import unit
from embedkit.rows.protocol import Rows
from embedkit.rows.sparse import SparseRows
from embedkit.rows.table import OUTPUTS_LEFT_OUT, EmbeddingTable

_ROWS = 16_384  # rows worked on at once


def center(vectors: KeyedVectors) -> KeyedVectors:
    """Subtract the mean vector from every vector."""
    mean = _mean(vectors.vectors)
    return mapped(vectors, lambda rows: rows - mean)


def unit_length(vectors: KeyedVectors) -> KeyedVectors:
    """Divide every vector by its Euclidean length; zero vectors stay.

    Rows of subwords stay as they are, for the mean of unit vectors has no unit length: words that are composed from
    them keep their direction, not length one. The words' own rows are left out.
    """
    return _made(
        vectors,
        EmbeddingTable(
            vectors.index_to_key,
            unit(vectors.vectors),
            counts=vectors.counts,
            subwords=vectors.subwords,
            ngram_vectors=vectors.ngram_vectors,
            config=_changed(vectors.config),
        ),
    )


def all_but_the_top(vectors: KeyedVectors, n_components: int | None = None) -> KeyedVectors:
    """Centre the vectors and remove their strongest common directions.

    Parameters
    ----------
    vectors : KeyedVectors
    n_components : int, optional
        How many principal components are removed; one for every hundred dimensions, at least one, by default.

    Returns
    -------
    KeyedVectors

    Raises
    ------
    ConfigError
        When not fewer components than dimensions are to be removed.

    Notes
    -----
    Mu and Viswanath 2018, "All-but-the-Top: Simple and Effective Postprocessing for Word Representations",
    algorithm 1; d/100 components as their section 2.
    """
    size = vectors.vector_size
    n = max(1, size // 100) if n_components is None else n_components
    if not 0 <= n < size:
        raise ConfigError(f"all-but-the-top removes fewer components than the {size} dimensions, not {n}")
    mean = _mean(vectors.vectors)
    covariance = np.zeros((size, size), np.float64)
    for start in range(0, len(vectors), _ROWS):
        rows = vectors.vectors[start : start + _ROWS] - mean
        covariance += rows.T @ rows
    top = np.linalg.eigh(covariance)[1][:, size - n :]  # eigenvalues ascend

    def remove(rows: np.ndarray) -> np.ndarray:
        centred = rows - mean
        return centred - (centred @ top) @ top.T

    return mapped(vectors, remove)


def keep_words(vectors: KeyedVectors, words: Iterable[str] | None = None, top: int | None = None) -> KeyedVectors:
    """Cut the vocabulary to some words.

    Parameters
    ----------
    vectors : KeyedVectors
    words : iterable of str, optional
        The words to keep, those that the vectors hold; their order in the vectors stays.
    top : int, optional
        Keep at most so many words, the first ones.

    Raises
    ------
    EmbedkitError
        When no word remains.
    """
    check_several(() if words is None else words, "words")
    if words is None:
        rows = np.arange(len(vectors))
    else:
        found = {vectors.row(word) for word in words}
        rows = np.array(sorted(found - {-1}), np.int64)
    rows = rows[:top]
    if not len(rows):
        raise EmbedkitError("none of the words to keep is in the vocabulary")
    return _made(vectors, vectors.table.take(rows))


def concatenate(first: KeyedVectors, second: KeyedVectors) -> KeyedVectors:
    """Put the vectors of the words that both hold side by side, in the order of `first`.

    The lengths stay, so the one with the longer vectors weighs more in cosines; bring both to unit length before
    where they should weigh the same (Yin and Schütze 2016, "Learning Word Meta-Embeddings", section 4.1).

    Raises
    ------
    EmbedkitError
        When they have no word in common.
    """
    rows = np.array([second.row(word) for word in first.index_to_key], np.int64)
    shared = np.flatnonzero(rows >= 0)
    if not len(shared):
        raise EmbedkitError("nothing to concatenate: the two have no word in common")
    joined = np.empty((len(shared), first.vector_size + second.vector_size), np.float32)
    joined[:, : first.vector_size] = first.vectors[shared]
    joined[:, first.vector_size :] = second.vectors[rows[shared]]
    return _made(
        first,
        EmbeddingTable(
            [first.index_to_key[row] for row in shared.tolist()],
            joined,
            counts=None if first.counts is None else first.counts[shared],
            config=_changed(first.config),
        ),
    )


def mapped(vectors: KeyedVectors, affine: Callable[[np.ndarray], np.ndarray], rotation: bool = False) -> KeyedVectors:
    """Apply an affine map to the vectors and to the rows that unknown words are composed from.

    Parameters
    ----------
    vectors : KeyedVectors
    affine : callable
        float (n, vector_size) → float (n, new size).
    rotation : bool
        The map keeps dot products: map the vectors of outputs and documents too, rather than leave them out.
    """
    rotated = (vectors.output_vectors, vectors.table.document_vectors) if rotation else (None, None)
    output, documents = (None if rows is None else _map(rows, affine) for rows in rotated)
    ngrams = None if vectors.ngram_vectors is None else _map_ngrams(vectors.ngram_vectors, affine)
    own = None if vectors.word_rows is None else _map(vectors.word_rows, affine)
    if vectors.subwords is None or ngrams is None or own is None:
        mapped_vectors = _map(vectors.vectors, affine)
    else:  # to the last bit what its rows make of a word
        mapped_vectors = compose(vectors.subwords, vectors.index_to_key, ngrams, own)[0]
    return _made(
        vectors,
        EmbeddingTable(
            vectors.index_to_key,
            mapped_vectors,
            counts=vectors.counts,
            subwords=vectors.subwords,
            ngram_vectors=ngrams,
            word_rows=own,
            output_vectors=output,
            config=vectors.config if rotation else _changed(vectors.config),
            document_vectors=documents,
        ),
    )


def _made(vectors: KeyedVectors, result: EmbeddingTable) -> KeyedVectors:
    return KeyedVectors.from_table(result.made_of(vectors.table))


def _changed(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of changed vectors; those of paragraph vectors' words are no output vectors any more."""
    return {**config, OUTPUTS_LEFT_OUT: True} if "paragraphs" in config else config


def _map_ngrams(rows: Rows, affine: Callable[[np.ndarray], np.ndarray]) -> Rows:
    """The rows mapped; those of n-grams that nothing is known of stay zero."""
    if isinstance(rows, SparseRows):
        return SparseRows(rows.buckets, _map(rows.values, affine), len(rows))
    return _map(rows, lambda block: affine(block) * block.any(axis=1, keepdims=True))


def _map(rows: Rows, affine: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    width = affine(np.zeros((1, rows.shape[1]))).shape[1]
    result = np.empty((len(rows), width), np.float32)
    for start in range(0, len(rows), _ROWS):
        result[start : start + _ROWS] = affine(rows[start : start + _ROWS])
    return result


def _mean(rows: np.ndarray) -> np.ndarray:
    return rows.mean(axis=0, dtype=np.float64)
