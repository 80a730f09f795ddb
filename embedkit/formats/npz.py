"""NumPy ``.npz``: arrays ``vectors`` (n, d) and ``words`` (n,), the words as unicode, never as objects.

Also read: ``counts`` (n,), and word lists under the names ``vocab``, ``labels`` or ``index_to_key``. An ``.npz`` is a
zip archive of ``.npy`` files; ours is not compressed. NumPy's unicode arrays give every word the room of the longest
and drop NULs at the end of a word, so a word that ends in NUL, or words longer than `WIDEST_WORDS` bytes all together,
are refused on writing.
"""

from __future__ import annotations

import os
import zipfile

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.formats.blocks import show
from embedkit.formats.compressed import ALWAYS_FINE, LARGEST_RATIO
from embedkit.formats.npy import as_matrix, finite_norms
from embedkit.rows.protocol import as_array
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words, encode

WORD_NAMES = ("words", "vocab", "labels", "index_to_key")
WIDEST_WORDS = 4 << 30


def read(path: str | os.PathLike[str], name: str | None = None) -> EmbeddingTable:
    """Read vectors and words.

    Raises
    ------
    FormatError
        When the file is damaged, lacks an array, or their lengths differ.
    """
    name = name or os.fspath(path)
    try:
        _check_sizes(path, name)
        with np.load(path, allow_pickle=False) as archive:
            keys = next((key for key in WORD_NAMES if key in archive), None)
            if "vectors" not in archive or keys is None:
                held = ", ".join(archive.files) or "none"
                raise FormatError(f"{name}: expected arrays vectors and words, found {held}")
            vectors, words = archive["vectors"], archive[keys]
            counts = archive.get("counts")
    except FormatError:
        raise
    except Exception as error:  # NumPy lets through what tokenize, ast and zipfile raise for damaged headers
        raise FormatError(f"{name}: not an npz file that can be read: {error}") from error
    matrix = as_matrix(vectors, name)
    if words.ndim != 1 or words.dtype.kind not in "US":
        raise FormatError(f"{name}: expected a list of words, found {words.dtype} of shape {words.shape}")
    if counts is not None and (counts.shape != words.shape or counts.dtype.kind not in "iu"):
        raise FormatError(f"{name}: expected {len(words)} whole numbers as counts, found {counts.dtype} {counts.shape}")
    if len(words) != len(matrix):
        raise FormatError(f"{name}: expected {len(matrix):,} words, one for each vector, found {len(words):,}")
    if words.dtype.kind == "S":
        keys_list = Words.from_bytes(words.tolist())
    else:
        try:
            keys_list = Words.from_strings(words.tolist())
        except EmbedkitError as error:
            raise FormatError(f"{name}: {error}") from error
    return EmbeddingTable(keys_list, matrix, counts=counts, norms=finite_norms(matrix, keys_list, name))


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
        if word.endswith("\0"):
            raise EmbedkitError(
                f"cannot write npz: the word {show(encode(word))} ends in NUL, which NumPy drops; "
                "convert to native instead"
            )
    longest = max(map(len, words), default=0)
    if 4 * longest * len(words) > WIDEST_WORDS:
        raise EmbedkitError(
            f"cannot write npz: NumPy gives each of {len(words):,} words the room of the longest, "
            f"{longest:,} characters; convert to native, parquet or sqlite instead"
        )
    arrays = {"vectors": as_array(table.vectors), "words": np.array(words, f"U{max(longest, 1)}")}
    if table.counts is not None:
        arrays["counts"] = table.counts
    with atomic_open(path) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
