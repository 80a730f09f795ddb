"""Facts about vectors for ``embedkit info``."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.rows.protocol import stored_arrays
from embedkit.rows.quantization import QuantizedRows
from embedkit.rows.sparse import SparseRows
from embedkit.rows.table import EmbeddingTable


def describe(table: EmbeddingTable) -> dict[str, Any]:
    """What a file of vectors holds.

    Returns
    -------
    dict
        ``words``, ``vector_size``; ``memory_bytes`` of all arrays that are in memory and ``mapped_bytes`` of those that
        are read from the file as they are needed; ``first_words``; ``tokens_seen`` (the sum of the counts) where it
        is known; ``zero_vectors`` where the lengths are; ``ngram_rows`` (how many buckets have a row; the others'
        are zero); ``quantization``, ``subwords``, ``config`` and ``not_read`` (what the file holds besides) where there
        are any.
    """
    matrices = [table.vectors, table.word_rows, table.ngram_vectors, table.output_vectors, table.document_vectors]
    held = [array for rows in matrices if rows is not None for array in stored_arrays(rows)]
    held += [array for array in (table.counts, table.norms) if array is not None]
    distinct = {(array.ctypes.data, array.nbytes): array for array in held}.values()  # packed matrices share centroids
    facts: dict[str, Any] = {
        "words": len(table),
        "vector_size": table.vector_size,
        "memory_bytes": sum(array.nbytes for array in distinct if not _mapped(array)),
        "mapped_bytes": sum(array.nbytes for array in distinct if _mapped(array)),
        "first_words": list(table.words[:5]),
    }
    if isinstance(table.vectors, QuantizedRows):
        facts["quantization"] = table.vectors.kind
    if table.counts is not None:
        facts["tokens_seen"] = int(table.counts.sum())
    if table.norms is not None:
        facts["zero_vectors"] = int(np.count_nonzero(table.norms == 0))
    facts["output_vectors"] = table.output_vectors is not None
    if table.document_vectors is not None:
        facts["documents"] = len(table.document_vectors)
    ngrams = table.ngram_vectors
    if ngrams is not None:
        facts["ngram_rows"] = len(ngrams.values if isinstance(ngrams, SparseRows) else ngrams)
    if table.subwords is not None:
        facts["subwords"] = {**table.subwords.to_config()}
        if table.subwords.kept is not None:
            facts["subwords"]["kept"] = f"{len(table.subwords.kept):,} entries"
    if table.left_behind:
        facts["not_read"] = list(table.left_behind)
    if table.config:
        facts["config"] = table.config
    return facts


def _mapped(array: np.ndarray) -> bool:
    """Whether an array's bytes are those of a mapped file, read-only and not its own."""
    return not array.flags.writeable and not array.flags.owndata
