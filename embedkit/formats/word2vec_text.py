"""word2vec text, also fastText's ``.vec``: a header line ``V D``, then V lines ``word v1 … vD``.

The C tools leave a space at the end of each line; fastText writes five significant digits, we write as many as give
the float32 back. Read by `embedkit.formats.text_rows`; a byte order mark is passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import numpy as np

from embedkit.errors import FormatError, counted, warn_caller
from embedkit.files.atomic import atomic_open
from embedkit.files.magic import BOM
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, Reading
from embedkit.formats.text_rows import read_rows, write_rows
from embedkit.rows.table import EmbeddingTable

HEADER = re.compile(rb"[ \t]*(\d{1,15})[ \t]+(\d{1,15})[ \t]*\r?\n")


def blocks(path: str | os.PathLike[str], name: str | None = None, reading: Reading | None = None) -> Blocks:
    """Read a word2vec text file block by block.

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
        Naming the file, the line, what was expected and what was found.
    """
    file = MappedFile(path, name)
    n_words, size, start = read_header(file)
    reading = reading or Reading()
    if n_words * (2 * size + 2) - 1 > file.size - start and not reading.skip_bad_rows:
        raise FormatError(
            f"{file.name}: cut off: the header promises {counted(n_words, 'word')} of {counted(size, 'value')}, but "
            f"only {file.size - start:,} bytes follow; `skip_bad_rows` takes the rows that are whole"
        )
    most = min(n_words, (file.size - start) // (2 * size + 2) + 1)
    return Blocks(file.name, size, most, _counted(file, start, n_words, size, reading), reading=reading)


def read_header(file: MappedFile) -> tuple[int, int, int]:
    """V and D of the first line, and where the next one starts."""
    skip = len(BOM) if file.bytes[:3] == BOM else 0
    header = HEADER.match(file.bytes[:200], skip)
    if header is None:
        raise FormatError(
            f"{file.name}, line 1: expected two whole numbers (words and values a word), found "
            f"{file.bytes[skip : skip + 60].split(bytes([10]))[0].decode('utf-8', 'replace')!r}"
        )
    return int(header[1]), int(header[2]), header.end()


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors; a word with white space is refused."""
    with atomic_open(path, streamed=True) as stream:
        stream.write(b"%d %d\n" % (len(table), table.vector_size))
        write_rows(table, stream, "word2vec text")


def _counted(
    file: MappedFile, start: int, n_words: int, size: int, reading: Reading
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    found, before = 0, len(reading.left_out)
    for words, rows in read_rows(file, start, size, reading):
        found += len(words) + len(reading.left_out) - before  # the others are left out by who takes these
        if found > n_words and not reading.skip_bad_rows:
            raise FormatError(
                f"{file.name}: expected {counted(n_words, 'word')} as the header says, found more; `skip_bad_rows` "
                "takes them all"
            )
        yield words, rows
        before = len(reading.left_out)
    if reading.skip_bad_rows:
        found += len(reading.left_out) - before
        if found != n_words and (reading.limit is None or found < reading.limit):
            warn_caller(f"{file.name}: the header promises {counted(n_words, 'word')}, there are {found:,}")
    elif found < n_words:
        raise FormatError(
            f"{file.name}: cut off: expected {counted(n_words, 'word')} as the header says, found {found:,}; "
            "`skip_bad_rows` takes those that are there"
        )
