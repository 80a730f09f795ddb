"""Counts as a long table, a cell a row: ``word, neighbour, count``, for spreadsheets, pandas, R and SQL.

``.csv`` has commas and ``.tsv`` tabs, in UTF-8 with a header and quotes where a value needs them (RFC 4180);
``.parquet`` has the two words as dictionary columns and the count as double. They are written as the rows come and
not read back as counts: the native format is for that.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator

import numpy as np

from embedkit.counting.rows import RowBlock
from embedkit.errors import ConfigError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.locations import open_location
from embedkit.vocabulary import Vocabulary

SUFFIXES = (".csv", ".tsv", ".parquet")
COLUMNS = ("word", "neighbour", "count")
_ROWS_AT_ONCE = 1 << 18


def refuse(path: str | os.PathLike[str]) -> None:
    """Refuse a table of counts where a text is expected: its cells would be read as words.

    Raises
    ------
    FormatError
    """
    heads = [mark.join(COLUMNS).encode() for mark in (",", "\t")]
    with open_location(path) as stream:
        first = stream.read(len(heads[0]) + 2).partition(b"\n")[0].rstrip(b"\r")
    if first in heads:
        raise FormatError(
            f"{os.fspath(path)}: expected a text or counts, found counts as a table, which is for other programs and "
            "not read back; write the counts to a .safetensors too"
        )


def write(path: str | os.PathLike[str], vocabulary: Vocabulary, blocks: Iterable[RowBlock], format: str) -> int:
    """Write counts as their rows come. Returns the number of cells.

    Parameters
    ----------
    path : path
    vocabulary : Vocabulary
    blocks : iterable of RowBlock
    format : {"csv", "tsv", "parquet"}

    Raises
    ------
    ConfigError
        For Parquet where pyarrow is not installed.
    """
    words = list(vocabulary.index_to_key)
    if format == "parquet":
        return _write_parquet(path, words, blocks)
    n = 0
    with atomic_open(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
        writer = csv.writer(text, delimiter="," if format == "csv" else "\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for rows, columns, values in _cells(blocks):
            cells = zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True)
            writer.writerows((words[i], words[j], int(v) if v.is_integer() else v) for i, j, v in cells)
            n += len(values)
        text.flush()
        text.detach()
    return n


def _cells(blocks: Iterable[RowBlock]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for block in blocks:
        rows = np.repeat(np.arange(block.first, block.first + len(block.lengths)), block.lengths)
        for low in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(low, low + _ROWS_AT_ONCE)
            yield rows[part], block.columns[part], block.values[part]


def _write_parquet(path: str | os.PathLike[str], words: list[str], blocks: Iterable[RowBlock]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError("Parquet needs pyarrow: pip install 'embedkit[parquet]'; .csv needs nothing more") from error
    names = pa.array(words, pa.string())
    kind = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("word", kind), ("neighbour", kind), ("count", pa.float64())])
    n = 0
    with atomic_open(path) as stream, pq.ParquetWriter(stream, schema) as writer:
        for rows, columns, values in _cells(blocks):
            pair = [pa.DictionaryArray.from_arrays(pa.array(ids, pa.int32()), names) for ids in (rows, columns)]
            writer.write_table(pa.table([*pair, pa.array(values)], schema=schema))
            n += len(values)
    return n
