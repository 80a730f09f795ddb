"""Counts as a ``.safetensors`` file that carries its vocabulary; other tools open it with one line.

Tensors (`embedkit.files.safetensors` has the layout of the bytes):

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

In SciPy: ``csr_matrix((values, columns, row_offsets))``. The metadata holds ``format``
("embedkit-cooccurrences"), ``format_version`` ("2"), ``vocabulary`` (`Vocabulary.digest`) and ``window`` (JSON).
In version 1 the counts of a one-sided window were transposed; they are turned when they are read.

Values come first, so that the file can be written in a stream; columns wait in a second temporary file meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np

from embedkit.counting.cooccurrences import Cooccurrences, Window
from embedkit.counting.rows import RowBlock, check_values
from embedkit.counting.sparse import SparseMatrix
from embedkit.errors import ConfigError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.locations import open_location
from embedkit.files.outputs import spill_folder
from embedkit.files.safetensors import COUNTS, SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import SafetensorsWriter
from embedkit.files.temporary import nameless_file
from embedkit.options import for_json
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.words import Words

_LAYOUT = {
    "values": ("F64", 1),
    "columns": ("I32", 1),
    "words": ("U8", 1),
    "word_offsets": ("I64", 1),
    "word_counts": ("I64", 1),
    "row_offsets": ("I64", 1),
}
_CHECKED = 1 << 22  # cells at a time


def write(
    path: str | os.PathLike[str], vocabulary: Vocabulary, blocks: Iterable[RowBlock], window: Window | None = None
) -> int:
    """Write counts as their rows come; the old file stays until the new one is whole. Returns the number of cells."""
    metadata = metadata_of(
        COUNTS, vocabulary=vocabulary.digest(), window=json.dumps(window and window.to_dict(), default=for_json)
    )
    with atomic_open(path) as stream, nameless_file(spill_folder(path), 1 << 20) as columns:
        file = SafetensorsWriter(stream, metadata, len(_LAYOUT))
        lengths = [np.zeros(0, np.int64)]
        for block in blocks:
            file.append(block.values, "<f8")
            columns.write(np.ascontiguousarray(block.columns, "<i4").data)
            lengths.append(block.lengths)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        n_cells = int(offsets[-1])
        file.close("values", "<f8", (n_cells,))
        columns.seek(0)
        shutil.copyfileobj(columns, stream, 1 << 20)
        file.close("columns", "<i4", (n_cells,))
        words = vocabulary.index_to_key
        file.pad("words", words.blob[words.offsets[0] : words.offsets[-1]])
        file.tensor("word_offsets", words.offsets - words.offsets[0], "<i8")
        file.tensor("word_counts", vocabulary.counts, "<i8")
        file.tensor("row_offsets", offsets, "<i8")
        file.finish()
    return n_cells


def is_native(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as one of these does.

    Raises
    ------
    FormatError
        When it cannot be read.
    """
    try:
        with open_location(path) as stream:
            return COUNTS.name.encode() in stream.read(8 + 200)
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
    file = SafetensorsFile(path, expected=f"{COUNTS.what} (counts in GloVe's format are read with `vocabulary`)")
    file.require(COUNTS)
    arrays = file.tensors(_LAYOUT, _LAYOUT)
    words, n_words = Words(arrays["words"], arrays["word_offsets"]), len(arrays["word_counts"])
    _check_words(file.name, arrays, n_words)
    held = Vocabulary(words, arrays["word_counts"])
    if held.digest() != file.metadata.get("vocabulary"):
        raise FormatError(f"{file.name}: damaged: the words do not match their digest")
    if vocabulary is not None and vocabulary.digest() != held.digest():
        raise ConfigError(
            f"{file.name}: counted with another vocabulary ({len(held):,} words, the one given has "
            f"{len(vocabulary):,}); counts fit the vocabulary they were made with only"
        )
    _check_cells(file.name, arrays, n_words)
    window = _window(file.name, file.metadata.get("window"))
    cells = SparseMatrix(arrays["row_offsets"], arrays["columns"], arrays["values"], n_words)
    if file.metadata.get("format_version") == "1" and window is not None and not window.symmetric:
        cells = cells.transpose()
    return Cooccurrences(
        held,
        cells.offsets,
        cells.columns,
        cells.values,
        window,
    )


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
        check_values(name, "cell", values, low)


def _window(name: str, text: Any) -> Window | None:
    try:
        fields = json.loads(text)
        return None if fields is None else Window(**fields)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{name}: damaged: the window reads {str(text)[:200]}") from error
