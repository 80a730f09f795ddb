"""NumPy ``.npy``: the matrix alone; the words stand in a text file beside it, one a line, UTF-8.

The words of ``model.npy`` are in ``model.words.txt`` unless ``words`` names another file. Version 1.0 of the format:
``\\x93NUMPY``, two bytes of version, uint16 header length, a Python literal with dtype, order and shape, padded so that
the data start at a multiple of 64. Object arrays hold pickles and are refused. float32 in C order is memory-mapped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError, counted
from embedkit.files.atomic import atomic_pair
from embedkit.files.magic import BOM
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import check_utf8, decoded, show
from embedkit.formats.text_rows import refuse_cr_only
from embedkit.rows.norms import row_norms
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words

HEADER = 128
MAGIC = b"\x93NUMPY"
ROWS = 16384


def companion(path: str | os.PathLike[str]) -> Path:
    """Where the words of a matrix stand unless told otherwise: ``model.words.txt`` beside ``model.npy``."""
    return Path(path).with_suffix(".words.txt")


def read(path: str | os.PathLike[str], name: str | None = None, words: str | None = None) -> EmbeddingTable:
    """Map a matrix and read its words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    words : path, optional
        The words, one a line.

    Raises
    ------
    FormatError
        When the file is damaged, not a matrix of floats, or has another number of rows than there are words.
    """
    name = name or os.fspath(path)
    vectors = read_matrix(path, name)
    source = Path(words) if words else companion(name)
    if words and not source.exists():
        raise FormatError(f"no such file: {source} (`words`)")
    if not source.exists():
        raise ConfigError(
            f"{name} holds a matrix without words: give `words`, a file with a word a line (looked for {source})"
        )
    keys = read_words(source)
    if len(keys) != len(vectors):
        raise FormatError(
            f"{source}: expected {counted(len(vectors), 'word')}, one for each row of {name}, found {len(keys):,}"
        )
    return EmbeddingTable(keys, vectors, norms=row_norms(vectors))


def read_words(path: str | os.PathLike[str]) -> Words:
    """The words of a text file, one a line."""
    if os.path.getsize(path) == 0:
        return Words.from_bytes([])
    file = MappedFile(path)
    refuse_cr_only(file.name, file.bytes[:])
    lines = file.bytes[:].removeprefix(BOM).split(b"\n")
    if not lines[-1]:
        lines.pop()
    lines = [line.removesuffix(b"\r") for line in lines]
    return Words.from_bytes(decoded(lines, lambda i: f"{file.name}, line {i + 1}"))


def read_matrix(path: str | os.PathLike[str], name: str) -> np.ndarray:
    """A matrix of floats as float32 (n, d), mapped where it is stored so."""
    return as_matrix(load_array(path, name, "a matrix"), name)


def load_array(path: str | os.PathLike[str], name: str, what: str) -> Any:
    """What NumPy finds in an .npy file, mapped; nothing is unpickled.

    Raises
    ------
    FormatError
        "expected `what` in an .npy file" where that is not there.
    """
    with open(path, "rb") as stream:
        head = stream.read(len(MAGIC))
    if head != MAGIC and not head.startswith(b"PK"):  # np.load opens .npz too, and takes all else for a pickle
        raise FormatError(f"{name}: expected {what} of numbers in an .npy file, found another kind of file")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy lets through what tokenize, ast and zipfile raise for damaged headers
        found = "Python objects" if "allow_pickle" in str(error) else str(error)
        raise FormatError(f"{name}: expected {what} of numbers in an .npy file, found {found}") from error


def as_matrix(vectors: np.ndarray, name: str) -> np.ndarray:
    """Check that an array is a matrix of numbers and bring it to float32 in C order."""
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        what = type(vectors).__name__
        if isinstance(vectors, np.ndarray):
            what = f"{vectors.dtype} of shape {vectors.shape}"
        raise FormatError(f"{name}: expected a matrix of numbers, found {what}")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(vectors, np.float32).view(np.ndarray)


def write(table: EmbeddingTable, path: str | os.PathLike[str], words: str | None = None) -> None:
    """Write the matrix, and the words beside it; a word with a line feed is refused."""
    keys = table.packed_words
    lines = keys.to_bytes()
    for row, word in enumerate(lines):
        check_utf8(word, "npy", first=row == 0)
        if b"\n" in word or word.endswith(b"\r"):
            raise EmbedkitError(
                f"cannot write npy: the word {show(word)} holds the end of a line; convert to native, "
                "npz, parquet or sqlite instead"
            )
    beside = Path(words) if words else companion(path)

    def unchanged() -> bool:
        return beside.exists() and read_words(beside).to_bytes() == lines

    with atomic_pair(path, beside, lambda: are_a_pair(path, beside), unchanged) as (stream, list_of_words):
        writer = NpyWriter(stream, table.vector_size)
        for low in range(0, len(table), ROWS):
            writer.add(table.vectors[low : low + ROWS])
        writer.finish()
        list_of_words.writelines(word + b"\n" for word in lines)


def are_a_pair(path: str | os.PathLike[str], words: Path) -> bool:
    """Whether there are as many words as the matrix has rows; False where either cannot be read."""
    try:
        return len(read_matrix(path, os.fspath(path))) == len(read_words(words))
    except (EmbedkitError, OSError):
        return False


class NpyWriter:
    """Writes a float32 matrix row by row, its header last."""

    def __init__(self, stream: BinaryIO, vector_size: int) -> None:
        self.stream = stream
        self.vector_size = vector_size
        self.n_rows = 0
        stream.seek(HEADER)

    def add(self, rows: np.ndarray) -> None:
        """Append float32 (k, vector_size)."""
        self.stream.write(np.ascontiguousarray(rows, "<f4").tobytes())
        self.n_rows += len(rows)

    def finish(self) -> None:
        """Write the header."""
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self.n_rows}, {self.vector_size}), }}"
        self.stream.seek(0)
        self.stream.write(
            b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + text.encode().ljust(HEADER - 11) + b"\n"
        )
        self.stream.seek(0, os.SEEK_END)
