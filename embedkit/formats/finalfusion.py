"""finalfusion (``.fifu``), version 0, after the specification at finalfusion.github.io/spec.

``FiFu``, uint32 version, uint32 number of chunks, their uint32 identifiers; then the chunks, each uint32 identifier,
uint64 length, content. Vocabularies: *simple* (1): uint64 number of words, each uint32 length and UTF-8 bytes;
*bucket* (3) and *fastText* (7): uint64 words, uint32 shortest and longest n-gram, uint32 buckets (bucket: their
logarithm), then the words; *explicit* (8) likewise with n-grams and rows behind. *NdArray* (2): uint64 rows, uint32
columns, uint32 type (10 is float32), one to four bytes of padding so that the values start at a multiple of four, the
values. *NdNorms* (6): uint64 rows, uint32 type, padding, values. *Metadata* (5): TOML.

The rows are of unit length by convention, their lengths are the norms: read here, they are multiplied back; written
here, they are divided, so that programs that take a product for a cosine find the same neighbours. That costs the last
bit of some values. Of a vocabulary with n-grams the words' rows are read and the n-grams' left alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import decoded
from embedkit.rows.norms import row_norms, safe_norms
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words

SIMPLE, NDARRAY, BUCKET, QUANTIZED, METADATA, NORMS, FASTTEXT, EXPLICIT = 1, 2, 3, 4, 5, 6, 7, 8
FLOAT32 = 10
MOST_CHUNKS = 64
ROWS = 16384


def read(path: str | os.PathLike[str], name: str | None = None) -> EmbeddingTable:
    """Read words, vectors and norms.

    Raises
    ------
    FormatError
        When the file is cut off or damaged, or holds quantised vectors.
    """
    file = MappedFile(path, name)
    chunks = dict(_chunks(file))
    vocabulary = next((kind for kind in (SIMPLE, FASTTEXT, BUCKET, EXPLICIT) if kind in chunks), None)
    if QUANTIZED in chunks:
        raise FormatError(f"{file.name}: expected plain vectors, found quantised ones; turn them back with finalfusion")
    if vocabulary is None or NDARRAY not in chunks:
        raise FormatError(f"{file.name}: expected a vocabulary and vectors, found chunks {sorted(chunks)}")
    words, buckets = _words(file, vocabulary, *chunks[vocabulary])
    rows = _matrix(file, *chunks[NDARRAY])
    if len(rows) != len(words) + buckets if vocabulary in (SIMPLE, FASTTEXT) else len(rows) < len(words):
        raise FormatError(f"{file.name}: damaged: {len(rows):,} rows for {len(words):,} words and {buckets:,} buckets")
    vectors = rows[: len(words)]
    if NORMS in chunks:
        norms = _norms(file, *chunks[NORMS])
        if len(norms) < len(words):
            raise FormatError(f"{file.name}: damaged: {len(norms):,} norms for {len(words):,} words")
        with np.errstate(over="ignore", invalid="ignore"):
            vectors = vectors * norms[: len(words), None]
    return EmbeddingTable(words, vectors, norms=row_norms(vectors))


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words, unit vectors and norms.

    Raises
    ------
    EmbedkitError
        When a word is not valid Unicode.
    """
    words = table.packed_words.to_bytes()
    try:
        decoded(words, lambda i: f"cannot write finalfusion: row {i}")
    except FormatError as error:
        raise EmbedkitError(str(error)) from error
    n, size = len(table), table.vector_size
    with atomic_open(path) as stream:
        stream.write(b"FiFu" + struct.pack("<5I", 0, 3, SIMPLE, NDARRAY, NORMS))
        stream.write(struct.pack("<IQQ", SIMPLE, 8 + sum(4 + len(word) for word in words), n))
        stream.writelines(struct.pack("<I", len(word)) + word for word in words)
        _start(stream, NDARRAY, struct.pack("<QII", n, size, FLOAT32), 4 * n * size)
        for low in range(0, n, ROWS):
            norms = safe_norms(table.lengths()[low : low + ROWS])
            stream.write((table.vectors[low : low + ROWS] / norms[:, None]).astype("<f4").tobytes())
        _start(stream, NORMS, struct.pack("<QI", n, FLOAT32), 4 * n)
        stream.write(table.lengths().astype("<f4").tobytes())


def _start(stream: BinaryIO, kind: int, head: bytes, n_bytes: int) -> None:
    padding = 4 - (stream.tell() + 12 + len(head)) % 4
    stream.write(struct.pack("<IQ", kind, len(head) + padding + n_bytes) + head + bytes(padding))


def _chunks(file: MappedFile) -> Iterator[tuple[int, tuple[int, int]]]:
    """Identifiers of the chunks and where their contents start and end."""
    version, n = _unpack(file, "<II", 4, "the header")
    if version != 0:
        raise FormatError(f"{file.name}: expected finalfusion version 0, found {version}")
    if not 0 < n <= MOST_CHUNKS:
        raise FormatError(f"{file.name}: damaged: {n:,} chunks")
    listed = _unpack(file, f"<{n}I", 12, "the list of chunks")
    position = 12 + 4 * n
    while position < file.size or listed:  # some writers leave norms out of the list
        kind, length = _unpack(file, "<IQ", position, "the start of a chunk")
        if listed and kind != listed[0]:
            raise FormatError(f"{file.name}: damaged: expected chunk {listed[0]} at byte {position:,}, found {kind}")
        listed = listed[1:]
        position += 12
        if position + length > file.size:
            raise FormatError(
                f"{file.name}: cut off or damaged: chunk {kind} should end at byte "
                f"{position + length:,}, the file has {file.size:,}"
            )
        yield kind, (position, position + length)
        position += length


def _unpack(file: MappedFile, layout: str, position: int, what: str) -> tuple[int, ...]:
    if position + struct.calcsize(layout) > file.size:
        raise FormatError(f"{file.name}: cut off in {what} at byte {position:,}")
    return struct.unpack_from(layout, file.bytes, position)


def _words(file: MappedFile, kind: int, start: int, stop: int) -> tuple[Words, int]:
    n = _unpack(file, "<Q", start, "the vocabulary")[0]
    position, buckets = start + 8, 0
    if kind in (FASTTEXT, BUCKET):
        buckets = _unpack(file, "<3I", position, "the vocabulary")[2] if kind == FASTTEXT else 0
        position += 12
    elif kind == EXPLICIT:
        position += 16  # number of n-grams, shortest and longest
    words = []
    for row in range(n):
        length = _unpack(file, "<I", position, f"word {row}")[0] if position + 4 <= stop else stop
        position += 4 + length
        if position > stop:
            raise FormatError(f"{file.name}: damaged: word {row} of {n:,} goes beyond the vocabulary")
        words.append(file.bytes[position - length : position])
    return Words.from_bytes(decoded(words, lambda i: f"{file.name}, word {i}")), buckets


def _matrix(file: MappedFile, start: int, stop: int) -> np.ndarray:
    rows, columns, kind = _unpack(file, "<QII", start, "the vectors")
    _check_values(file, "vectors", kind, rows * columns, stop - start - 16)
    return file.array("<f4", stop - 4 * rows * columns, rows * columns, "the vectors").reshape(rows, columns)


def _norms(file: MappedFile, start: int, stop: int) -> np.ndarray:
    rows, kind = _unpack(file, "<QI", start, "the norms")
    _check_values(file, "norms", kind, rows, stop - start - 12)
    return file.array("<f4", stop - 4 * rows, rows, "the norms")


def _check_values(file: MappedFile, what: str, kind: int, n: int, room: int) -> None:
    if kind != FLOAT32:
        raise FormatError(f"{file.name}: expected {what} of type {FLOAT32} (float32), found type {kind}")
    if not 0 <= room - 4 * n <= 4:
        raise FormatError(f"{file.name}: damaged: {n:,} {what} cannot take {room:,} bytes")
