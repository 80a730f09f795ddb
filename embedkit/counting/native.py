"""Counts as a ``.safetensors`` file that carries its vocabulary; other tools open it with one line.

Layout, little-endian: uint64 ``n``; ``n`` bytes of JSON, padded with spaces; then the tensors without gaps:

================  =======  =============  =========================================================================
tensor            dtype    shape          content
================  =======  =============  =========================================================================
``values``        float64  n_cells        the counts, row after row
``columns``       int32    n_cells        their columns, ascending in a row
``words``         uint8    n_bytes        the words' UTF-8 bytes, zeros up to a multiple of 8
``word_offsets``  int64    n_words + 1    word ``i`` is ``words[word_offsets[i]:word_offsets[i + 1]]``
``word_counts``   int64    n_words        how often each word occurs in the corpus
``row_offsets``   int64    n_words + 1    row ``i`` is cells ``row_offsets[i] .. row_offsets[i + 1] - 1``
================  =======  =============  =========================================================================

In SciPy: ``csr_matrix((values, columns, row_offsets))``. The header's ``__metadata__`` holds ``format``
("embedkit-cooccurrences"), ``format_version`` ("1"), ``vocabulary`` (`Vocabulary.digest`) and ``window`` (JSON).

Values come first, so that the file can be written in a stream; columns wait in a second temporary file meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from embedkit.counting.cooccurrences import Cooccurrences, Window
from embedkit.counting.rows import RowBlock
from embedkit.errors import ConfigError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.words import Words

FORMAT, VERSION = "embedkit-cooccurrences", "1"
_DTYPES = {
    "values": "<f8",
    "columns": "<i4",
    "words": "|u1",
    "word_offsets": "<i8",
    "word_counts": "<i8",
    "row_offsets": "<i8",
}
_NAMES = {"<f8": "F64", "<i4": "I32", "|u1": "U8", "<i8": "I64"}
_HEADER_BYTES = 4096 - 8
_CHECKED = 1 << 22  # cells at a time


def write(
    path: str | os.PathLike[str], vocabulary: Vocabulary, blocks: Iterable[RowBlock], window: Window | None = None
) -> int:
    """Write counts as their rows come; the old file stays until the new one is whole. Returns the number of cells."""
    with atomic_open(path) as stream, tempfile.TemporaryFile(dir=Path(path).parent, buffering=1 << 20) as columns:
        stream.seek(8 + _HEADER_BYTES)
        lengths = []
        for block in blocks:
            stream.write(np.ascontiguousarray(block.values, "<f8").data)
            columns.write(np.ascontiguousarray(block.columns, "<i4").data)
            lengths.append(block.lengths)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        columns.seek(0)
        shutil.copyfileobj(columns, stream, 1 << 20)
        shapes = {"values": int(offsets[-1]), "columns": int(offsets[-1])}
        words = vocabulary.index_to_key
        blob = words.blob[words.offsets[0] : words.offsets[-1]]
        blob = np.concatenate([blob, np.zeros(-(stream.tell() + len(blob)) % 8, np.uint8)])
        for name, array in (
            ("words", blob),
            ("word_offsets", words.offsets - words.offsets[0]),
            ("word_counts", vocabulary.counts),
            ("row_offsets", offsets),
        ):
            stream.write(np.ascontiguousarray(array, _DTYPES[name]).data)
            shapes[name] = len(array)
        _write_header(stream, shapes, vocabulary, window)
    return int(offsets[-1])


def _write_header(stream: BinaryIO, shapes: dict[str, int], vocabulary: Vocabulary, window: Window | None) -> None:
    header: dict[str, Any] = {
        "__metadata__": {
            "format": FORMAT,
            "format_version": VERSION,
            "vocabulary": vocabulary.digest(),
            "window": json.dumps(window and window.to_dict()),
        }
    }
    place = 0
    for name, n in shapes.items():
        size = n * np.dtype(_DTYPES[name]).itemsize
        header[name] = {"dtype": _NAMES[_DTYPES[name]], "shape": [n], "data_offsets": [place, place + size]}
        place += size
    stream.seek(0)
    stream.write(_HEADER_BYTES.to_bytes(8, "little") + json.dumps(header).encode().ljust(_HEADER_BYTES))
    stream.seek(0, os.SEEK_END)


def is_native(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as one of these does.

    Raises
    ------
    FormatError
        When it cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return FORMAT.encode() in stream.read(8 + 200)
    except OSError as error:
        raise FormatError(f"{os.fspath(path)}: cannot be read: {error.strerror or error}") from error


def read(path: str | os.PathLike[str], vocabulary: Vocabulary | None = None) -> Cooccurrences:
    """Open a file of counts, memory-mapped, and check it.

    Parameters
    ----------
    path : path
    vocabulary : Vocabulary, optional
        The one that the counts must have.

    Raises
    ------
    FormatError
        When the file is cut off, damaged or of another kind.
    ConfigError
        When the counts have another vocabulary.
    """
    file = MappedFile(path)
    header, start = _header(file)
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise FormatError(
            f"{file.name}: expected counts of embedkit cooccur, found a file of another kind; "
            "counts in GloVe's format are read with --vocab FILE"
        )
    if metadata.get("format_version") != VERSION:
        raise FormatError(
            f"{file.name}: counts in version {metadata.get('format_version')}, this embedkit reads "
            f"version {VERSION}; install a newer embedkit"
        )
    arrays = {name: _tensor(file, start, header, name) for name in _DTYPES}
    words, n_words = Words(arrays["words"], arrays["word_offsets"]), len(arrays["word_counts"])
    _check_words(file.name, arrays, n_words)
    held = Vocabulary(words, arrays["word_counts"])
    if held.digest() != metadata.get("vocabulary"):
        raise FormatError(f"{file.name}: damaged: the words do not match their digest")
    if vocabulary is not None and vocabulary.digest() != held.digest():
        raise ConfigError(
            f"{file.name}: counted with another vocabulary ({len(held):,} words, the one given has "
            f"{len(vocabulary):,}); counts fit the vocabulary they were made with only"
        )
    _check_cells(file.name, arrays, n_words)
    return Cooccurrences(
        held, arrays["row_offsets"], arrays["columns"], arrays["values"], _window(file.name, metadata.get("window"))
    )


def _header(file: MappedFile) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(file.bytes[:8], "little")
    if file.size < 8 or length > min(file.size - 8, 1 << 20):
        raise FormatError(
            f"{file.name}: expected counts of embedkit cooccur, found a file of another kind or one that is cut off"
        )
    try:
        header = json.loads(file.bytes[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{file.name}: damaged: the header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise FormatError(f"{file.name}: damaged: the header is not a JSON object")
    return header, 8 + length


def _tensor(file: MappedFile, start: int, header: dict[str, Any], name: str) -> np.ndarray:
    entry: Any = header.get(name)
    dtype = _DTYPES[name]
    try:
        (n,), (low, high) = entry["shape"], entry["data_offsets"]
        sound = (
            type(n) is type(low) is type(high) is int
            and n >= 0
            and low >= 0
            and entry["dtype"] == _NAMES[dtype]
            and high - low == n * np.dtype(dtype).itemsize
        )
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        raise FormatError(f"{file.name}: damaged: the entry of tensor {name} reads {str(entry)[:200]}")
    return file.array(dtype, start + low, n, f"tensor {name}")


def _check_words(name: str, arrays: dict[str, np.ndarray], n_words: int) -> None:
    for tensor in ("word_offsets", "row_offsets"):
        offsets = arrays[tensor]
        end = len(arrays["words" if tensor == "word_offsets" else "columns"])
        if len(offsets) != n_words + 1 or offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] > end:
            raise FormatError(f"{name}: damaged: {tensor} do not cut {end:,} items into {n_words:,} words")
    if len(arrays["columns"]) != len(arrays["values"]) or arrays["row_offsets"][-1] != len(arrays["columns"]):
        raise FormatError(
            f"{name}: damaged: {len(arrays['columns']):,} columns and {len(arrays['values']):,} values "
            f"for {arrays['row_offsets'][-1]:,} cells"
        )
    try:
        list(Words(arrays["words"], arrays["word_offsets"]))
    except UnicodeDecodeError as error:
        raise FormatError(f"{name}: damaged: a word is not UTF-8 ({error})") from error


def _check_cells(name: str, arrays: dict[str, np.ndarray], n_words: int) -> None:
    for low in range(0, len(arrays["columns"]), _CHECKED):
        columns, values = arrays["columns"][low : low + _CHECKED], arrays["values"][low : low + _CHECKED]
        if columns.min() < 0 or columns.max() >= n_words:
            raise FormatError(
                f"{name}: damaged: cell {low + int(np.argmax((columns < 0) | (columns >= n_words))):,} "
                f"names a column outside 0–{n_words - 1}"
            )
        if not (values > 0).all() or not np.isfinite(values).all():
            bad = int(np.argmin((values > 0) & np.isfinite(values)))
            raise FormatError(f"{name}: cell {low + bad:,} counts {values[bad]}; counts are finite and above 0")


def _window(name: str, text: Any) -> Window | None:
    try:
        fields = json.loads(text)
        return None if fields is None else Window(**fields)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{name}: damaged: the window reads {str(text)[:200]}") from error
