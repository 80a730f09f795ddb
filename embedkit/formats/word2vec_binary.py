"""word2vec binary: ``V D`` and a line feed, then V times: word, space, D little-endian float32, line feed.

gensim writes no line feed behind a row; leading ones are taken off a word, so both are read. The C tool cuts words at
98 bytes, which can split a character: see `encoding_errors`. We write as the C tool does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, Reading, rows_from, show
from embedkit.formats.text_rows import check_plain
from embedkit.formats.word2vec_text import read_header
from embedkit.rows.table import EmbeddingTable

ROWS = 8192
LONGEST_WORD = 1 << 16  # bytes; a search for the space ends there in a damaged file


def blocks(path: str | os.PathLike[str], name: str | None = None, reading: Reading | None = None) -> Blocks:
    """Read a word2vec binary file block by block.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    reading : Reading, optional
        The words' encoding, and what to do with odd rows.

    Raises
    ------
    FormatError
        Naming the row, what was expected and what was found.
    """
    file = MappedFile(path, name)
    n_words, size, start = read_header(file)
    if n_words * (4 * size + 1) > file.size - start:
        raise FormatError(
            f"{file.name}: cut off: the header promises {n_words:,} words of {size:,} values, but only "
            f"{file.size - start:,} bytes follow"
        )
    reading = reading or Reading()
    return Blocks(file.name, size, n_words, _rows(file, start, n_words, size, reading), reading=reading)


def _rows(
    file: MappedFile, start: int, n_words: int, size: int, reading: Reading
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    width = 4 * size
    for low in range(0, n_words, ROWS):
        n = min(ROWS, n_words - low)
        words, rows = [], np.empty((n, size), np.float32)
        for i in range(n):
            space = file.bytes.find(b" ", start, start + LONGEST_WORD)
            if space < 0 or space + 1 + width > file.size:
                raise FormatError(
                    f"{file.name}: cut off or damaged in row {low + i} of {n_words:,}: expected a word, "
                    f"a space and {size} float32 from byte {start:,} on"
                )
            words.append(file.bytes[start:space].lstrip(b"\n"))
            rows[i] = np.frombuffer(file.bytes, "<f4", size, space + 1)
            start = space + 1 + width
        yield reading.decoded(words, rows, rows_from(file.name, low))
        file.forget(start)
    if file.bytes[start:].strip(b"\n"):
        raise FormatError(
            f"{file.name}: expected the end of the file after {n_words:,} words, found {file.size - start:,} bytes more"
        )


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors; a word with a space or line feed is refused, and so are vectors without numbers."""
    if table.vector_size == 0:
        raise EmbedkitError(
            "cannot write word2vec binary: vectors of 0 dimensions look like text there; convert to native instead"
        )
    words = table.packed_words
    with atomic_open(path, streamed=True) as stream:
        stream.write(b"%d %d\n" % (len(table), table.vector_size))
        for low in range(0, len(table), ROWS):
            rows = np.ascontiguousarray(table.vectors[low : low + ROWS], "<f4")
            for row, values in enumerate(rows, low):
                word = words.encoded(row)
                if b" " in word or b"\n" in word:
                    raise EmbedkitError(
                        f"cannot write word2vec binary: the word {show(word)} holds a space or a line "
                        "feed; convert to native, npz, parquet or sqlite instead"
                    )
                check_plain(word, "word2vec binary")
                stream.write(word + b" " + values.tobytes() + b"\n")
