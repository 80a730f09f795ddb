"""floret's ``.bin``: fastText's layout with two more int32, mode and hashCount, behind maxn.

Mode 2, *floret*: a word has no row of its own; its pieces (`embedkit.formats.floret`) are hashed into the ``bucket``
rows that stand behind ``nwords`` unused ones, by MurmurHash3 with seed 2166136261; ``</s>`` has no pieces and is zero.
floret's own program adds an unused row to the first word; here it has its pieces alone, as in its .floret files.
Mode 1, *fasttext*: rows and hash as in `embedkit.formats.fasttext`. The words are those of the dictionary, or a list.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from embedkit.errors import FormatError
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks
from embedkit.formats.fasttext_parts import MAGIC, Reader, read_dictionary, read_matrix
from embedkit.formats.floret_hash import Table
from embedkit.formats.npy import read_words
from embedkit.rows.composed import mean_in_order
from embedkit.rows.protocol import Rows
from embedkit.rows.subwords import SENTENCE_MARKER, Subwords

SEED = 2166136261
FLORET = 2
ROWS = 4096


def blocks(path: str | os.PathLike[str], name: str | None = None, words: str | None = None) -> Blocks:
    """Compose the vectors of the dictionary's words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    words : path, optional
        Other words, one a line.

    Raises
    ------
    FormatError
        When the file is cut off or damaged.
    """
    reader = Reader(MappedFile(path, name))
    magic, _ = reader.take("2i", "the magic number")
    size, _, _, _, _, _, _, model, bucket, min_n, max_n, mode, hash_count, _, _ = reader.take("14id", "the arguments")
    if magic != MAGIC or size < 1 or bucket < 0 or not 1 <= hash_count <= 4 or not 0 <= min_n <= max_n < 1000 + min_n:
        raise reader.damaged("its arguments contradict each other")
    dictionary = read_dictionary(reader, False)
    reader.at = dictionary.end
    matrix = read_matrix(reader, False, "the input matrix")
    n_words = len(dictionary.words)
    if matrix.shape != (n_words + bucket, size) or (mode == FLORET and bucket == 0):
        raise reader.damaged(f"expected {n_words:,} + {bucket:,} rows of {size} values, found {matrix.shape}")
    known = {word.decode("utf-8", "surrogateescape"): row for row, word in enumerate(dictionary.words)}
    listed = list(known) if words is None else [word for word in read_words(words) if word]
    if mode == FLORET:
        table = Table(bucket, size, min_n, max_n, hash_count, SEED, "<", ">")
        rows = _floret_rows(np.asarray(matrix[n_words:]), table, listed)
    else:
        shortest = max(1, min_n)
        subwords = Subwords("chars", shortest, max_n, bucket) if bucket and max_n >= shortest else None
        rows = _fasttext_rows(matrix, subwords, known, listed)
    counts = dictionary.counts if words is None else None
    config = {
        "tool": "floret",
        "mode": "floret" if mode == FLORET else "fasttext",
        "model": {1: "cbow", 2: "skipgram"}.get(model),
    }
    return Blocks(reader.file.name, size, len(listed), rows, counts=counts, config=config)


def _floret_rows(matrix: np.ndarray, table: Table, words: list[str]) -> Iterator[tuple[list[bytes], np.ndarray]]:
    for low in range(0, len(words), ROWS):
        part = words[low : low + ROWS]
        vectors = np.zeros((len(part), table.vector_size), np.float32)
        for i, word in enumerate(part):
            if word != SENTENCE_MARKER:
                vectors[i] = mean_in_order(matrix[table.rows_of(word)], table.vector_size)
        yield [word.encode("utf-8", "surrogateescape") for word in part], vectors


def _fasttext_rows(
    matrix: Rows, subwords: Subwords | None, known: dict[str, int], words: list[str]
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    for low in range(0, len(words), ROWS):
        part = words[low : low + ROWS]
        vectors = np.zeros((len(part), matrix.shape[1]), np.float32)
        for i, word in enumerate(part):
            rows = [known[word]] if word in known else []
            rows += [] if subwords is None else [len(known) + bucket for bucket in subwords.buckets(word)]
            if not rows:
                raise FormatError(f"the word {word!r} has neither a row nor pieces in the model")
            vectors[i] = mean_in_order(matrix[np.array(rows)], matrix.shape[1])
        yield [word.encode("utf-8", "surrogateescape") for word in part], vectors
