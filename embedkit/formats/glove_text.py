"""GloVe text: lines ``word v1 … vD`` without a header.

The width is what most of the first lines agree on. Words may hold spaces, as some do in the vectors that Stanford
published: values are counted from the right. The C tool appends a row ``<unk>``, a word like any other here.
"""

from __future__ import annotations

import os

from embedkit.errors import FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.magic import BOM
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, Reading
from embedkit.formats.text_rows import SAMPLE_LINES, check_shape, lines_at, read_rows, width_of, write_rows
from embedkit.rows.table import EmbeddingTable


def blocks(path: str | os.PathLike[str], name: str | None = None, reading: Reading | None = None) -> Blocks:
    """Read a GloVe text file block by block.

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
    start = len(BOM) if file.bytes[:3] == BOM else 0
    sample = lines_at(file, start, SAMPLE_LINES)
    size = width_of(sample)
    if not size:
        raise FormatError(
            f"{file.name}, line 1: expected a word and its values, found "
            f"{(sample[0] if sample else b'')[:60].decode('utf-8', 'replace')!r}"
        )
    typical = sum(map(len, sample)) / len(sample) + 1
    estimate = int((file.size - start) / typical * 1.02) + 1
    reading = reading or Reading()
    return Blocks(file.name, size, estimate, read_rows(file, start, size, reading), reading=reading)


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors; a word with white space is refused."""
    check_shape(table, "GloVe text")
    with atomic_open(path, streamed=True) as stream:
        write_rows(table, stream, "GloVe text", header=False)
