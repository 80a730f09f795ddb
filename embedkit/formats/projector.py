"""TensorFlow's Embedding Projector: ``vectors.tsv`` (values parted by tabs) and ``metadata.tsv`` (a word a line).

The words of ``X.tsv`` are in ``X.metadata.tsv``, those of ``vectors.tsv`` in ``metadata.tsv``; ``words`` names another
file. A metadata file of one column has no header; one of several has, and its column ``word``, ``label`` or else the
first holds the words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from embedkit.errors import EmbedkitError, FormatError, counted
from embedkit.files.atomic import atomic_pair
from embedkit.files.magic import BOM
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, decoded, show
from embedkit.formats.text_rows import (
    WRITE_ROWS,
    check_plain,
    check_shape,
    format_rows,
    line_end,
    lines_at,
    place,
    refuse_cr_only,
)
from embedkit.kernels import thresholds
from embedkit.rows.table import EmbeddingTable

ROWS = 4096


def companion(path: str | os.PathLike[str]) -> Path:
    """Where the words of a file of vectors are written."""
    path = Path(path)
    return path.with_name("metadata.tsv") if path.name == "vectors.tsv" else path.with_suffix(".metadata.tsv")


def blocks(path: str | os.PathLike[str], name: str | None = None, words: str | None = None) -> Blocks:
    """Read vectors and words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    words : path, optional
        The words' file, where it is not the one that the name of the vectors leads to.

    Raises
    ------
    FormatError
        When the metadata file is missing or has another number of words, or a value is not a number.
    """
    file = MappedFile(path, name)
    metadata = Path(words) if words else companion(file.name)
    if not metadata.is_file():
        # A metadata.tsv beside it may be of another model: which one it is must be said.
        raise FormatError(
            f"{file.name}: expected the words in {metadata}, found no such file; give `words`, their file"
        )
    listed = _read_words(metadata)
    start = len(BOM) if file.bytes[:3] == BOM else 0
    first = lines_at(file, start, 1)
    size = len(first[0].split(b"\t")) if first else 0
    return Blocks(file.name, size, len(listed), _rows(file, start, size, listed, str(metadata)))


def _read_words(path: Path) -> list[bytes]:
    content = path.read_bytes().removeprefix(BOM)
    refuse_cr_only(str(path), content)
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    lines = [line.removesuffix(b"\r") for line in lines]
    header = lines[0].split(b"\t") if lines else []
    if len(header) > 1:
        names = [field.strip().lower() for field in header]
        column = next((names.index(known) for known in (b"word", b"label") if known in names), 0)
        fields = [line.split(b"\t") for line in lines[1:]]
        short = next((i for i, row in enumerate(fields) if len(row) <= column), None)
        if short is not None:
            raise FormatError(
                f"{path}, line {short + 2}: expected {counted(len(header), 'column')}, found {len(fields[short])}"
            )
        lines = [row[column] for row in fields]
    return decoded(lines, lambda i: f"{path}, word {i + 1}")


def _rows(
    file: MappedFile, start: int, size: int, words: list[bytes], metadata: str
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    rows: list[list[float]] = []
    done = 0
    while start < file.size:
        end = line_end(file, start, start)
        line = file.bytes[start:end].rstrip(b"\r\t ")
        if line:
            fields = line.split(b"\t")
            if len(fields) != size or b"_" in line:
                raise FormatError(
                    f"{place(file, start)}: expected {counted(size, 'value')} parted by tabs, found {len(fields)}"
                )
            try:
                rows.append(list(map(float, fields)))
            except ValueError as error:
                raise FormatError(f"{place(file, start)}: expected numbers, found {error}") from error
        start = end + 1
        if len(rows) == ROWS:
            yield words[done : done + ROWS], _block(rows, done, words, metadata)
            done += ROWS
            rows = []
    if rows:
        yield words[done : done + len(rows)], _block(rows, done, words, metadata)
    if done + len(rows) != len(words):
        raise FormatError(
            f"{file.name}: expected {counted(len(words), 'vector')}, one for each word in {metadata}, found "
            f"{done + len(rows):,}"
        )


def _block(rows: list[list[float]], done: int, words: list[bytes], metadata: str) -> np.ndarray:
    if done + len(rows) > len(words):
        raise FormatError(
            f"{metadata}: expected a word for each vector, found {counted(len(words), 'word')} and more vectors"
        )
    with np.errstate(over="ignore"):
        return np.array(rows, np.float64).astype(np.float32)


def are_a_pair(path: str | os.PathLike[str], metadata: Path) -> bool:
    """Whether there are as many words as vectors; False where either cannot be read."""
    try:
        with open(path, "rb") as stream:
            return sum(1 for line in stream if line.strip()) == len(_read_words(metadata))
    except (EmbedkitError, OSError):
        return False


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write the pair of files; a word with a tab or the end of a line is refused."""
    words = table.packed_words.to_bytes()
    check_shape(table, "projector")
    for row, word in enumerate(words):
        check_plain(word, "projector", first=row == 0)
        if not word or any(byte in word for byte in b"\t\n\r"):
            what = "is empty" if not word else "holds a tab or the end of a line"
            raise EmbedkitError(
                f"cannot write projector: the word {show(word)} {what}; convert to native, npz, "
                "parquet or sqlite instead"
            )
    beside = companion(path)

    def unchanged() -> bool:
        return beside.exists() and _read_words(beside) == words

    with atomic_pair(path, beside, lambda: are_a_pair(path, beside), unchanged) as (stream, metadata):
        for low in range(0, len(table), WRITE_ROWS):
            block = table.vectors[low : low + WRITE_ROWS]
            for text in format_rows(block, len(table) * table.vector_size >= thresholds.PRINTED_NUMBERS):
                stream.write(text[1:].replace(b" ", b"\t") + b"\n")
        metadata.writelines(word + b"\n" for word in words)
