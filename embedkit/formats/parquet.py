"""Apache Parquet: columns ``word`` (string) and ``vector`` (fixed-size list of float32), through ``pyarrow`` (extra).

Lists of any width and float64 are read too, where every row has the same number of values. Row groups pass by one
after the other, in both directions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.atomic import atomic_path
from embedkit.formats.blocks import Blocks, check_dimensions, decoded, rows_from
from embedkit.rows.table import EmbeddingTable

ROWS = 8192


def blocks(path: str | os.PathLike[str], name: str | None = None) -> Blocks:
    """Read a Parquet file block by block.

    Raises
    ------
    FormatError
        When the file is damaged or its columns are of other kinds.
    EmbedkitError
        When ``pyarrow`` is not installed.
    """
    name = name or os.fspath(path)
    pa = _pyarrow()
    import pyarrow.parquet as pq

    with _errors(pa, name):
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        missing = [column for column in ("word", "vector") if column not in schema.names]
        if missing:
            raise FormatError(f"{name}: expected columns word and vector, found {', '.join(schema.names) or 'none'}")
        kind = schema.field("vector").type
        if not (
            pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)
        ) or not pa.types.is_floating(kind.value_type):
            raise FormatError(f"{name}: expected column vector to be a list of float32, found {kind}")
        first = next(file.iter_batches(1, columns=["vector"]), None)
        size = kind.list_size if pa.types.is_fixed_size_list(kind) else 0
        if not size and first is not None and len(first) and first.column(0)[0].is_valid:
            size = len(first.column(0)[0])
        n_words = file.metadata.num_rows
    if n_words < 0 or n_words > os.path.getsize(path) * 1024:
        raise FormatError(f"{name}: damaged: {os.path.getsize(path):,} bytes cannot hold {n_words:,} rows")
    return Blocks(name, size, min(n_words, os.path.getsize(path)), _rows(pa, file, size, name))


def _rows(pa: Any, file: Any, size: int, name: str) -> Iterator[tuple[list[bytes], np.ndarray]]:
    row = 0
    with _errors(pa, name):
        for batch in file.iter_batches(ROWS, columns=["word", "vector"]):
            words = batch.column(batch.schema.get_field_index("word"))
            lists = batch.column(batch.schema.get_field_index("vector"))
            if words.null_count or lists.null_count:
                raise FormatError(
                    f"{name}: expected a word and a vector in every row, found an empty one in rows "
                    f"{row:,}–{row + len(batch) - 1:,}"
                )
            values = lists.flatten()
            if (
                len(values) != size * len(batch)
                or values.null_count
                or (not pa.types.is_fixed_size_list(lists.type) and (np.diff(lists.offsets.to_numpy()) != size).any())
            ):
                raise FormatError(
                    f"{name}: expected {size} values in every row, found others in rows {row:,}–"
                    f"{row + len(batch) - 1:,}"
                )
            vectors = values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(batch), size)
            encoded = [word.encode() if isinstance(word, str) else bytes(word) for word in words.to_pylist()]
            yield decoded(encoded, "strict", rows_from(name, row)), vectors
            row += len(batch)


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write words and vectors in row groups.

    Raises
    ------
    EmbedkitError
        When a word is not valid Unicode, or ``pyarrow`` is not installed.
    """
    pa = _pyarrow()
    import pyarrow.parquet as pq

    check_dimensions(table.vector_size, "parquet")
    words = table.packed_words
    schema = pa.schema([("word", pa.string()), ("vector", pa.list_(pa.float32(), table.vector_size))])
    with atomic_path(path) as temporary, pq.ParquetWriter(str(temporary), schema) as writer:
        for low in range(0, len(table), ROWS):
            rows = np.ascontiguousarray(table.vectors[low : low + ROWS])
            try:
                texts = [words.encoded(row).decode() for row in range(low, low + len(rows))]
            except UnicodeDecodeError as error:
                raise EmbedkitError(f"cannot write parquet: the word {error.object!r} is not valid Unicode") from error
            lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), table.vector_size)
            writer.write_table(pa.table({"word": pa.array(texts, pa.string()), "vector": lists}, schema=schema))


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise EmbedkitError("Parquet needs pyarrow: pip install 'embedkit[parquet]'") from error
    return pyarrow


class _errors:
    """Turn what pyarrow raises for damaged files into a `FormatError`."""

    def __init__(self, pa: Any, name: str) -> None:
        self.kinds = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError)
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, self.kinds):
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FormatError(f"{self.name}: not a Parquet file that can be read: {reason}") from error
