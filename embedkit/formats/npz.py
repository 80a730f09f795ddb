"""NumPy ``.npz``: arrays ``vectors`` (n, d) and ``words`` (n,), the words as unicode, never as objects.

Also read: ``counts`` (n,), word lists under the names ``vocab``, ``labels`` or ``index_to_key``, and arrays of any name
where there is one matrix of numbers and one list of words; ``tensor`` names the matrix where there are several,
``words`` a file with the words where the archive has none. An ``.npz`` is a zip archive of ``.npy`` files; ours is not
compressed. NumPy's unicode arrays give every word the room of the longest and drop NULs at the end of a word, so a word
that ends in NUL, or words longer than `WIDEST_WORDS` bytes all together, are refused on writing.
"""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError, counted
from embedkit.files.atomic import atomic_open
from embedkit.formats.blocks import show
from embedkit.formats.compressed import ALWAYS_FINE, LARGEST_RATIO
from embedkit.formats.npy import as_matrix, read_words
from embedkit.rows.norms import row_norms
from embedkit.rows.protocol import as_array
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words, encode

WORD_NAMES = ("words", "vocab", "labels", "index_to_key")
WIDEST_WORDS = 4 << 30


def read(
    path: str | os.PathLike[str], name: str | None = None, tensor: str | None = None, words: str | None = None
) -> EmbeddingTable:
    """Read vectors and words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    tensor : str, optional
        The name of the matrix, where there are several.
    words : path, optional
        The words, one a line, where the archive has none.

    Raises
    ------
    FormatError
        When the file is damaged, lacks an array, or their lengths differ.
    """
    name = name or os.fspath(path)
    try:
        _check_sizes(path, name)
        with np.load(path, allow_pickle=False) as archive:
            matrix_name, words_name = _names(name, archive, tensor, words is not None)
            vectors = archive[matrix_name]
            listed = archive[words_name] if words_name else None
            counts = archive.get("counts")
    except EmbedkitError:
        raise
    except Exception as error:  # NumPy lets through what tokenize, ast and zipfile raise for damaged headers
        raise FormatError(f"{name}: not an npz file that can be read: {error}") from error
    matrix = as_matrix(vectors, name)
    keys = read_words(words) if words is not None else _listed(name, listed)
    if counts is not None and (counts.shape != (len(keys),) or counts.dtype.kind not in "iu"):
        raise FormatError(
            f"{name}: expected {counted(len(keys), 'whole number')} as counts, found {counts.dtype} {counts.shape}"
        )
    if len(keys) != len(matrix):
        raise FormatError(f"{name}: expected {counted(len(matrix), 'word')}, one for each vector, found {len(keys):,}")
    return EmbeddingTable(keys, matrix, counts=counts, norms=row_norms(matrix))


def _names(name: str, archive: Any, tensor: str | None, has_words: bool) -> tuple[str, str | None]:
    """Which arrays are the matrix and the words."""
    held = ", ".join(archive.files) or "none"
    if {"indices", "indptr", "shape"} <= set(archive.files):
        raise FormatError(
            f"{name}: expected arrays vectors and words, found a sparse matrix of SciPy ({held}); write its rows as "
            "they are: numpy.savez(file, vectors=matrix.toarray(), words=words)"
        )
    headers = {key: _header(archive, key) for key in archive.files}
    matrices = [key for key, (shape, kind) in headers.items() if len(shape) == 2 and kind in "fiu"]
    if tensor is not None and tensor not in headers:
        raise ConfigError(f"{name}: there is no array {tensor!r} (`tensor`), there are {held}")
    lists = [key for key, (shape, kind) in headers.items() if len(shape) == 1 and kind in "US"]
    usual = [key for key in WORD_NAMES if key in headers] or lists[:1]
    matrix = tensor or ("vectors" if "vectors" in headers else matrices[0] if len(matrices) == 1 else None)
    if matrix is None and len(matrices) > 1:
        raise FormatError(f"{name}: holds several matrices, {', '.join(matrices)}: say which with `tensor`")
    if matrix is None or (not has_words and (not usual or (usual == lists[:1] and len(lists) > 1))):
        objects = [key for key, (_, kind) in headers.items() if kind == "O"]
        more = f"; {objects[0]} holds Python objects, which are pickles and never opened" if objects else ""
        give = "" if matrix is None else "; give `words`, a file with a word a line"
        raise FormatError(f"{name}: expected arrays vectors and words, found {held}{more}{give}")
    return matrix, None if has_words else usual[0]


def _header(archive: Any, key: str) -> tuple[tuple[int, ...], str]:
    """Shape and kind of an array, without reading it."""
    with archive.zip.open(f"{key}.npy" if f"{key}.npy" in archive.zip.namelist() else key) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    return shape, dtype.kind


def _listed(name: str, words: Any) -> Words:
    if words.ndim != 1 or words.dtype.kind not in "US":
        raise FormatError(f"{name}: expected a list of words, found {words.dtype} of shape {words.shape}")
    if words.dtype.kind == "S":
        return Words.from_bytes(words.tolist())
    try:
        return Words.from_strings(words.tolist())
    except EmbedkitError as error:
        raise FormatError(f"{name}: {error}") from error


def _check_sizes(path: str | os.PathLike[str], name: str) -> None:
    size = os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
    if total > max(ALWAYS_FINE, size * LARGEST_RATIO):
        raise FormatError(
            f"{name}: {size:,} bytes unpack to {total:,}, which no vectors do; unpack it yourself if you trust it"
        )


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write vectors, words and counts, so that ``numpy.load`` needs no pickle."""
    words = list(table.words)
    for word in words:
        encoded = encode(word)
        if encoded.endswith(b"\0"):
            raise EmbedkitError(
                f"cannot write npz: the word {show(encoded)} ends in NUL, which NumPy drops; convert to native instead"
            )
    longest = max(map(len, words), default=0)
    if 4 * longest * len(words) > WIDEST_WORDS:
        raise EmbedkitError(
            f"cannot write npz: NumPy gives each of {counted(len(words), 'word')} the room of the longest, "
            f"{counted(longest, 'character')}; convert to native, parquet or sqlite instead"
        )
    arrays = {"vectors": as_array(table.vectors), "words": np.array(words, f"U{max(longest, 1)}")}
    if table.counts is not None:
        arrays["counts"] = table.counts
    with atomic_open(path) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
