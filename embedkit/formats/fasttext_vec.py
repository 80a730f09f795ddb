"""fastText ``.vec``: the words' vectors as text, ``V D`` and then lines ``word v1 … vD`` with five significant digits.

The same lines as word2vec text (`embedkit.formats.word2vec_text`, which reads them); fastText ends each with a space.
Digits beyond the fifth are lost, and with them the last bits of a float32; ``word2vec-text`` keeps them.
"""

from __future__ import annotations

import os

import numpy as np

from embedkit.files.atomic import atomic_open
from embedkit.formats.text_rows import check_word
from embedkit.formats.word2vec_text import blocks
from embedkit.rows.table import EmbeddingTable

__all__ = ["blocks", "write"]

ROWS = 4096


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors as fastText does; a word with white space is refused."""
    words = table.packed_words
    line = b" ".join([b"%.5g"] * table.vector_size) + b" \n"
    with atomic_open(path, streamed=True) as stream:
        stream.write(b"%d %d\n" % (len(table), table.vector_size))
        for low in range(0, len(table), ROWS):
            values = np.asarray(table.vectors[low : low + ROWS]).tolist()
            for row, row_values in enumerate(values, low):
                word = words.encoded(row)
                check_word(word, "fastText .vec")
                stream.write(word + b" " + line % tuple(row_values))
