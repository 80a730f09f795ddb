"""Apache Parquet: columns ``word`` (string) and ``vector`` (fixed-size list of float32), through ``pyarrow`` (extra).

Read are also lists of any width and float64, where every row has the same number of values, columns of other names and
wide tables of a column a dimension (`embedkit.formats.columns`). Row groups pass by one after the other, in both
directions.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

from embedkit.errors import FormatError
from embedkit.files.atomic import atomic_path
from embedkit.formats.arrow_rows import ROWS, batches_of, blocks_of_batches, columns_of, errors, pyarrow
from embedkit.formats.blocks import Blocks, Reading
from embedkit.rows.table import EmbeddingTable


def blocks(
    path: str | os.PathLike[str],
    name: str | None = None,
    column: str | Sequence[str] = (),
    reading: Reading | None = None,
) -> Blocks:
    """Read a Parquet file block by block.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    column : str or sequence of str
        The words' column, then those of the vectors; by their names and kinds otherwise.
    reading : Reading, optional
        The words' encoding, where the column holds bytes, and what to do with odd rows.

    Raises
    ------
    FormatError
        When the file is damaged or its columns are of other kinds.
    EmbedkitError
        When ``pyarrow`` is not installed.
    """
    name = name or os.fspath(path)
    pa = pyarrow("Parquet")
    import pyarrow.parquet as pq

    with errors(pa, name):
        file = pq.ParquetFile(path)
        columns = columns_of(pa, file.schema_arrow, name, column)
        n_words = file.metadata.num_rows
    if n_words < 0 or n_words > os.path.getsize(path) * 1024:
        raise FormatError(f"{name}: damaged: {os.path.getsize(path):,} bytes cannot hold {n_words:,} rows")
    held = [columns.word, *columns.vector]
    # One group at a time: asked for all, pyarrow keeps the bytes of those that have passed.
    groups = (file.iter_batches(ROWS, row_groups=[group], columns=held) for group in range(file.num_row_groups))
    batches = itertools.chain.from_iterable(groups) if n_words else []
    return blocks_of_batches(pa, name, path, file.schema_arrow, batches, columns, n_words, reading or Reading())


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors in row groups.

    Raises
    ------
    EmbedkitError
        When a word is not valid Unicode, or ``pyarrow`` is not installed.
    """
    pa = pyarrow("Parquet")
    import pyarrow.parquet as pq

    schema, tables = batches_of(pa, table, "parquet")
    with atomic_path(path) as temporary, pq.ParquetWriter(str(temporary), schema) as writer:
        for part in tables:
            writer.write_table(part)
