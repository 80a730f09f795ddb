"""A ``.safetensors`` file of another program: one matrix of it, and a list of words beside it.

``tensor`` names the matrix where there are several, ``words`` a text file with a word a line, in the rows' order.
float16, bfloat16, float32, float64 and whole numbers are read. embedkit's own files are `native`; a folder in which
``tokenizer.json`` stands beside such a file is `static_embedding`.
"""

from __future__ import annotations

import os
from pathlib import Path

from embedkit.errors import ConfigError, FormatError, counted
from embedkit.files.safetensors import SafetensorsFile
from embedkit.formats.npy import read_words
from embedkit.rows.norms import row_norms
from embedkit.rows.table import EmbeddingTable

MOST_SHOWN = 6


def read(
    path: str | os.PathLike[str], name: str | None = None, tensor: str | None = None, words: str | None = None
) -> EmbeddingTable:
    """Read a matrix and its words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    tensor : str, optional
        The matrix, where the file holds several.
    words : path
        The words, one a line.

    Raises
    ------
    ConfigError
        When there is no such tensor.
    FormatError
        When which tensor, or the words, must be said; when the file is damaged, or has another number of rows than
        there are words.
    """
    file = SafetensorsFile(path, name, expected="word vectors")
    held = file.shown(MOST_SHOWN)
    matrices = file.matrices()
    if tensor is None and len(matrices) != 1:
        raise FormatError(
            f"{file.name}: expected word vectors, found a safetensors file of another program: it holds {held}; give "
            "`tensor`, the name of a matrix, and `words`, a file with a word a line"
        )
    chosen = matrices[0] if tensor is None else tensor
    if chosen not in matrices:
        raise ConfigError(f"{file.name}: there is no matrix {chosen!r} (`tensor`); it holds {held}")
    if words is None:
        beside = Path(file.name).with_name("tokenizer.json")
        more = f", or the folder {beside.parent}, whose tokenizer has the words" if beside.is_file() else ""
        raise FormatError(
            f"{file.name}: expected word vectors, found a safetensors file of another program: it holds {held}; its "
            f"matrix {chosen} has no words: give `words`, a file with a word a line{more}"
        )
    matrix = file.matrix(chosen)
    keys = read_words(words)
    if len(keys) != len(matrix):
        raise FormatError(
            f"{words}: expected {counted(len(matrix), 'word')}, one for each row of {chosen}, found {len(keys):,}"
        )
    return EmbeddingTable(keys, matrix, norms=row_norms(matrix))
