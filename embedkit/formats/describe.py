"""Facts about vectors for ``embedkit info``."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.query.keyed_vectors import KeyedVectors


def describe(vectors: KeyedVectors) -> dict[str, Any]:
    """What a model holds.

    Returns
    -------
    dict
        ``words``, ``vector_size``; ``memory_bytes`` of all arrays that are in memory and ``mapped_bytes`` of those that
        are read from the file as they are needed; ``first_words``; ``tokens_seen`` (the sum of the counts) where it
        is known; ``zero_vectors``; ``quantization``, ``subwords`` and ``config`` where there are any.
    """
    matrices = [vectors.word_rows, vectors.ngram_vectors, vectors.output_vectors, vectors.counts, vectors.quantized]
    if vectors.has_matrix:
        matrices += [vectors.vectors, vectors.norms]
    held = {
        id(array): array
        for rows in matrices
        if rows is not None  # packed matrices may share centroids
        for array in getattr(rows, "arrays", [rows])
    }.values()
    facts: dict[str, Any] = {
        "words": len(vectors),
        "vector_size": vectors.vector_size,
        "memory_bytes": sum(array.nbytes for array in held if not _mapped(array)),
        "mapped_bytes": sum(array.nbytes for array in held if _mapped(array)),
        "first_words": list(vectors.index_to_key[:5]),
    }
    if vectors.quantized is not None:
        facts["quantization"] = vectors.quantized.kind
    if vectors.counts is not None:
        facts["tokens_seen"] = int(vectors.counts.sum())
    if vectors.has_matrix:
        facts["zero_vectors"] = int(np.count_nonzero(vectors.norms == 0))
    facts["output_vectors"] = vectors.output_vectors is not None
    if vectors.subwords is not None:
        facts["subwords"] = vectors.subwords.to_config()
    if vectors.config:
        facts["config"] = vectors.config
    return facts


def _mapped(array: np.ndarray) -> bool:
    """Whether an array's bytes are those of a mapped file, read-only and not its own."""
    return not array.flags.writeable and not array.flags.owndata
