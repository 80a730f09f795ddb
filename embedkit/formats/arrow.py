"""Apache Arrow's own files (``.arrow``, ``.feather``): columns as in `parquet`, through ``pyarrow`` (extra).

Read are the file format (Feather 2; begins with ``ARROW1``), compressed with lz4 or zstd or not, and the stream format
(begins with ``ff ff ff ff``), as Hugging Face's datasets keep it. Written is the file format, not compressed, so that
it can be mapped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from embedkit.files.atomic import atomic_path
from embedkit.formats.arrow_rows import batches_of, blocks_of_batches, columns_of, errors, pyarrow
from embedkit.formats.blocks import Blocks, Reading
from embedkit.rows.table import EmbeddingTable

MAGIC = b"ARROW1"


def blocks(
    path: str | os.PathLike[str],
    name: str | None = None,
    column: str | Sequence[str] = (),
    reading: Reading | None = None,
) -> Blocks:
    """Read an Arrow file batch by batch; parameters and errors as those of `embedkit.formats.parquet.blocks`."""
    name = name or os.fspath(path)
    pa = pyarrow("Arrow")
    with errors(pa, name):
        source = pa.memory_map(os.fspath(path), "r")
        is_file = source.read(len(MAGIC)) == MAGIC
        source.seek(0)
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        columns = columns_of(pa, reader.schema, name, column)
        batches = _batches(reader) if is_file else iter(reader)
    size = os.path.getsize(path)
    return blocks_of_batches(pa, name, path, reader.schema, batches, columns, size // 64 + 1, reading or Reading())


def _batches(reader: Any) -> Iterator[Any]:
    for i in range(reader.num_record_batches):
        batch = reader.get_batch(i)
        batch.validate(full=True)
        yield batch


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors, a record batch a block; raises as `embedkit.formats.parquet.write`."""
    pa = pyarrow("Arrow")
    schema, tables = batches_of(pa, table, "arrow")
    with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
        for part in tables:
            writer.write_table(part)
