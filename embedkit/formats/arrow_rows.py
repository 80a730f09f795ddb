"""Words and vectors from Arrow's record batches and into them, for `parquet` and `arrow`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.formats.blocks import Blocks, check_dimensions, decoded, rows_from
from embedkit.formats.columns import Columns, choose_columns
from embedkit.formats.compressed import ALWAYS_FINE, LARGEST_RATIO
from embedkit.rows.table import EmbeddingTable

ROWS = 8192


def pyarrow(what: str) -> Any:
    """The package, or one line that says how to get it."""
    try:
        import pyarrow
    except ImportError as error:
        raise EmbedkitError(f"{what} needs pyarrow: pip install 'embedkit[parquet]'") from error
    return pyarrow


def columns_of(pa: Any, schema: Any, name: str, wanted: str | Sequence[str]) -> Columns:
    """The columns of a schema that hold words and vectors; see `choose_columns`."""
    kinds = {field.name: _kind(pa, field.type) for field in schema}
    if not wanted and "vector" in kinds and "word" in kinds and kinds["vector"] != "lists":
        raise FormatError(
            f"{name}: expected column vector to be a list of float32, found {schema.field('vector').type}"
        )
    return choose_columns(name, kinds, wanted)


def _kind(pa: Any, kind: Any) -> str:
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        return "lists" if types.is_floating(kind.value_type) else "other"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        return "text"
    if types.is_floating(kind):
        return "floats"
    return "integers" if types.is_integer(kind) else "other"


def blocks_of_batches(
    pa: Any,
    name: str,
    path: str | os.PathLike[str],
    schema: Any,
    batches: Iterable[Any],
    columns: Columns,
    n_words: int,
) -> Blocks:
    """The rows of record batches; where the schema does not tell the width of lists, the first of them does."""
    iterator, size = iter(batches), len(columns.vector)
    started: list[Any] = []
    kind = schema.field(columns.vector[0]).type
    if columns.lists and pa.types.is_fixed_size_list(kind):
        size = kind.list_size
    elif columns.lists:
        with errors(pa, name):
            started = [
                batch for batch in [next((batch for batch in iterator if len(batch)), None)] if batch is not None
            ]
            lists = [batch.column(batch.schema.get_field_index(columns.vector[0])) for batch in started]
            size = len(lists[0][0]) if lists and lists[0][0].is_valid else 0
    unpacked = os.path.getsize(path) * LARGEST_RATIO
    if not 0 <= 4 * size <= max(ALWAYS_FINE, unpacked):
        raise FormatError(f"{name}: damaged: {os.path.getsize(path):,} bytes cannot hold rows of {size:,} values")
    rows = _rows(pa, name, itertools.chain(started, iterator), columns, size)
    return Blocks(name, size, min(n_words, unpacked // max(4, 4 * size) + 1), rows)


def _rows(
    pa: Any, name: str, batches: Iterable[Any], columns: Columns, size: int
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    row = 0
    with errors(pa, name):
        for whole in batches:
            for low in range(0, len(whole), ROWS):
                batch = whole.slice(low, ROWS)
                place = f"rows {row:,}–{row + len(batch) - 1:,}"
                words = batch.column(batch.schema.get_field_index(columns.word))
                parts = [batch.column(batch.schema.get_field_index(column)) for column in columns.vector]
                if words.null_count or any(part.null_count for part in parts):
                    raise FormatError(
                        f"{name}: expected a word and a vector in every row, found an empty one in {place}"
                    )
                if pa.types.is_dictionary(words.type):
                    words = words.dictionary_decode()
                vectors = _lists(pa, name, parts[0], size, place) if columns.lists else _wide(parts)
                encoded = [word.encode() if isinstance(word, str) else bytes(word) for word in words.to_pylist()]
                yield decoded(encoded, "strict", rows_from(name, row)), vectors
                row += len(batch)


def _lists(pa: Any, name: str, lists: Any, size: int, place: str) -> np.ndarray:
    values = lists.flatten()
    if (
        len(values) != size * len(lists)
        or values.null_count
        or (not pa.types.is_fixed_size_list(lists.type) and (np.diff(lists.offsets.to_numpy()) != size).any())
    ):
        raise FormatError(f"{name}: expected {size} values in every row, found others in {place}")
    return _float32(values).reshape(len(lists), size)


def _wide(parts: Sequence[Any]) -> np.ndarray:
    rows = np.empty((len(parts[0]), len(parts)), np.float32)
    for i, part in enumerate(parts):
        rows[:, i] = _float32(part)
    return rows


def _float32(values: Any) -> np.ndarray:
    with np.errstate(over="ignore"):
        array: np.ndarray = values.to_numpy(zero_copy_only=False).astype(np.float32)
    return array


def batches_of(pa: Any, table: EmbeddingTable, format: str) -> tuple[Any, Iterator[Any]]:
    """The schema (``word`` string, ``vector`` fixed-size list of float32) and the tables of rows to write.

    Raises
    ------
    EmbedkitError
        For vectors of no dimensions; from the iterator, when a word is not valid Unicode.
    """
    check_dimensions(table.vector_size, format)
    schema = pa.schema([("word", pa.string()), ("vector", pa.list_(pa.float32(), table.vector_size))])
    return schema, _tables(pa, table, schema, format)


def _tables(pa: Any, table: EmbeddingTable, schema: Any, format: str) -> Iterator[Any]:
    words = table.packed_words
    for low in range(0, len(table), ROWS):
        rows = np.ascontiguousarray(table.vectors[low : low + ROWS])
        try:
            texts = [words.encoded(row).decode() for row in range(low, low + len(rows))]
        except UnicodeDecodeError as error:
            raise EmbedkitError(f"cannot write {format}: the word {error.object!r} is not valid Unicode") from error
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), table.vector_size)
        yield pa.table({"word": pa.array(texts, pa.string()), "vector": lists}, schema=schema)


class errors:
    """Turn what pyarrow raises for damaged files into a `FormatError`."""

    def __init__(self, pa: Any, name: str, what: str = "Parquet or Arrow") -> None:
        self.kinds = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError)
        self.name = name
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, self.kinds) and not isinstance(error, EmbedkitError):
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FormatError(f"{self.name}: not a file of {self.what} that can be read: {reason}") from error
