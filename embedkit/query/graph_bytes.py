"""The bytes in which ``usearch`` keeps its graph, checked before the package reads them: it trusts what it is given.

Layout (usearch 2, ``index_dense.hpp`` and ``index.hpp``; all little-endian): uint32 rows, uint32 bytes of a row, the
rows; a head of 64 bytes (``usearch``, three uint16 of the version, the kinds of metric, scalar, key and slot, uint64
present, deleted, dimensions, one byte whether a key may come twice); uint64 nodes, connectivity, connectivity of the
lowest level, highest level, entry slot; int16 level of each node; the nodes.
"""

from __future__ import annotations

import struct

import numpy as np

from embedkit.kernels.graphs import HEAD, first_bad_node

_KINDS = (105, 12, 14, 15)  # inner product, float16, uint64 keys, uint32 slots
_HEAD = struct.Struct("<7sHHH4BQQQB")
_HEAD_BYTES = 64
_GRAPH = struct.Struct("<5Q")
_BLOCK = 1 << 22  # values whose being finite is looked at in one go


def fault_of(payload: bytes, words: int, vector_size: int, connectivity: int) -> str | None:
    """What is wrong with a saved graph of `words` float16 vectors, in a few words; None when it can be walked."""
    row_bytes = 2 * vector_size
    after_rows = 8 + words * row_bytes
    after_levels = after_rows + _HEAD_BYTES + _GRAPH.size + 2 * words
    if len(payload) < after_levels or struct.unpack_from("<II", payload) != (words, row_bytes):
        return f"it does not hold {words:,} vectors of {vector_size}"
    mark, major, _, _, *kinds, present, deleted, dimensions, several = _HEAD.unpack_from(payload, after_rows)
    if mark != b"usearch" or major != 2:
        return "it is not of usearch 2"
    if (*kinds, present, deleted, dimensions, several) != (*_KINDS, words, 0, vector_size, 0):
        return "its kind or size is another"
    rows = np.frombuffer(payload, "<f2", words * vector_size, 8)
    if not all(np.isfinite(rows[start : start + _BLOCK]).all() for start in range(0, rows.size, _BLOCK)):
        return "a value is not finite"
    nodes, upper, base, highest, entry = _GRAPH.unpack_from(payload, after_rows + _HEAD_BYTES)
    levels = np.frombuffer(payload, "<i2", words, after_rows + _HEAD_BYTES + _GRAPH.size)
    if (nodes, upper, base) != (words, connectivity, 2 * connectivity) or entry >= words or levels.min() < 0:
        return "its sizes do not agree"
    if highest != levels.max() or levels[entry] != highest:
        return "its levels do not agree"
    sizes = HEAD + 4 * (1 + base) + 4 * (1 + upper) * levels.astype(np.int64)
    ends = np.cumsum(sizes)
    if len(payload) != after_levels + ends[-1]:
        return "its nodes do not fill it"
    content = np.frombuffer(payload, np.uint8, offset=after_levels)
    bad = first_bad_node(content, levels, ends - sizes, base, upper, np.zeros(words, bool))
    return None if bad < 0 else f"its node {bad:,} points where nothing is"
