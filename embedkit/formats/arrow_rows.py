"""Words and vectors from Arrow's record batches and into them, for `parquet` and `arrow`."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.formats.blocks import Blocks, Reading, check_dimensions, rows_at
from embedkit.formats.columns import Columns, choose_columns
from embedkit.formats.compressed import ALWAYS_FINE, LARGEST_RATIO
from embedkit.rows.table import EmbeddingTable

ROWS = 8192
SAMPLE_ROWS = 100


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
    reading: Reading,
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
            size = _usual_width(lists[0]) if lists else 0
    unpacked = os.path.getsize(path) * LARGEST_RATIO
    if not 0 <= 4 * size <= max(ALWAYS_FINE, unpacked):
        raise FormatError(f"{name}: damaged: {os.path.getsize(path):,} bytes cannot hold rows of {size:,} values")
    rows = _rows(pa, name, itertools.chain(started, iterator), columns, size, reading)
    return Blocks(name, size, min(n_words, unpacked // max(4, 4 * size) + 1), rows, reading=reading)


def _usual_width(lists: Any) -> int:
    """The number of values that most of the first rows have."""
    widths = Counter(len(row) for row in lists[:SAMPLE_ROWS] if row.is_valid)
    return widths.most_common(1)[0][0] if widths else 0


def _rows(
    pa: Any, name: str, batches: Iterable[Any], columns: Columns, size: int, reading: Reading
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    row = 0
    with errors(pa, name):
        for whole in batches:
            for low in range(0, len(whole), ROWS):
                batch = whole.slice(low, ROWS)
                numbers = np.arange(row, row + len(batch))
                row += len(batch)
                words, parts = _columns(batch, columns)
                if not _all_whole(pa, words, parts, size if columns.lists else None):
                    whole_ones = _whole_rows(name, words, parts, size if columns.lists else None, numbers, reading)
                    numbers = numbers[whole_ones]
                    words, parts = _columns(batch.take(pa.array(whole_ones, pa.int64())), columns)
                if pa.types.is_dictionary(words.type):
                    words = words.dictionary_decode()
                vectors = _float32(parts[0].flatten()).reshape(len(words), size) if columns.lists else _wide(parts)
                encoded = [word.encode() if isinstance(word, str) else bytes(word) for word in words.to_pylist()]
                yield reading.decoded(encoded, vectors, rows_at(name, numbers))


def _columns(batch: Any, columns: Columns) -> tuple[Any, list[Any]]:
    """The words of a batch, and the columns of its vectors."""
    indices = [batch.schema.get_field_index(column) for column in (columns.word, *columns.vector)]
    words, *parts = [batch.column(index) for index in indices]
    return words, parts


def _all_whole(pa: Any, words: Any, parts: Sequence[Any], size: int | None) -> bool:
    """Whether every row has a word and all its values; `size` where they stand in lists."""
    if words.null_count or any(part.null_count for part in parts):
        return False
    if size is None:
        return True
    lists = parts[0]
    values = lists.flatten()
    if len(values) != size * len(lists) or values.null_count:
        return False
    return pa.types.is_fixed_size_list(lists.type) or bool((np.diff(lists.offsets.to_numpy()) == size).all())


def _whole_rows(
    name: str, words: Any, parts: Sequence[Any], size: int | None, numbers: np.ndarray, reading: Reading
) -> list[int]:
    """The rows of a batch that have a word and all their values; the others are errors, or left out."""
    kept = []
    for i, word in enumerate(words):
        found = parts[0][i].as_py() if size is not None else [part[i].as_py() for part in parts]
        missing = None if word.is_valid else "a word"
        if found is None or None in found or len(found) != (len(parts) if size is None else size):
            missing = f"{len(parts) if size is None else size} values"
        if missing is None:
            kept.append(i)
        else:
            what = "none" if found is None or not word.is_valid else f"{len(found) - found.count(None)}"
            reading.leave_out(f"{name}, row {numbers[i]}: expected {missing}, found {what}")
    return kept


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
