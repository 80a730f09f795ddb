"""Comma-separated values: a header ``word,v1,…,vd``, then a word and its values a line (RFC 4180).

Read are also tables without a header (the word first), with columns of other names or one column of lists
(`embedkit.formats.columns`), with semicolons (and then decimal commas) or tabs between the fields. A word with a comma,
a quotation mark or the end of a line stands in quotation marks.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from embedkit.errors import FormatError, counted
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks, Reading, check_dimensions
from embedkit.formats.columns import WORD_NAMES, Columns, choose_columns
from embedkit.formats.csv_rows import is_plain, number, plain_rows
from embedkit.formats.text_rows import WRITE_ROWS, check_plain, format_rows
from embedkit.kernels import thresholds
from embedkit.rows.table import EmbeddingTable

ROWS = 4096
SAMPLE_ROWS = 20
NO_VALUES = ("count", "counts", "freq", "frequency", "id", "index", "n", "rank", "row")
DELIMITERS = (",", ";", "\t")
QUOTED = re.compile(rb'[,;"\r\n\t]')  # what a word must stand in quotation marks for


def looks_like_csv(head: str, cut: bool = False) -> bool:
    """Whether the first lines of a file, perhaps `cut` anywhere, are a table of words and values."""
    first, whole, _ = head.partition("\n")
    if _is_own(first.rstrip("\r").split(",")[: None if whole else -1]):  # of a line that is cut, but for its last field
        return True
    delimiter = _delimiter(head)
    try:
        rows = [row for row in csv.reader(_lines(head, SAMPLE_ROWS), delimiter=delimiter) if row]
    except csv.Error:
        return False
    if cut and len(rows) < SAMPLE_ROWS:
        rows.pop()
    if not rows or delimiter == "\t" or len({len(row) for row in rows}) > 1 or len(rows[0]) < 2:
        return False
    for row in rows[1:] or rows:
        numbers = [field for field in row if _is_number(field, delimiter)]
        lists = any(field.startswith("[") and field.endswith("]") for field in row)
        if not lists and (len(numbers) < (len(row) - 1) / 2 or (len(numbers) < 2 and "." not in "".join(numbers))):
            return False
    return True


def blocks(
    path: str | os.PathLike[str],
    name: str | None = None,
    column: str | Sequence[str] = (),
    reading: Reading | None = None,
) -> Blocks:
    """Read a table block by block.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    column : str or sequence of str
        The words' column, then those of the vectors; by their names and kinds otherwise.
    reading : Reading, optional
        The words' encoding, and what to do with odd rows.

    Raises
    ------
    FormatError
        Naming the file, the line, what was expected and what was found.
    """
    name, reading = name or os.fspath(path), reading or Reading()
    with _open(path, reading) as stream:
        text = stream.read(1 << 20)
    if not text.strip():
        raise FormatError(f"{name}: expected a table of words and values, found an empty file")
    delimiter = _delimiter(text)
    sample = list(_records(_lines(text, SAMPLE_ROWS + 1), delimiter, name))
    header = _header(sample[0][1], delimiter)
    body = sample[1:] if header else sample
    if not body:
        if header is None or not _is_own(header):
            raise FormatError(f"{name}: expected rows of a word and its values, found a header alone")
        return Blocks(name, len(header) - 1, 0, [], reading=reading)
    names = header or ["word", *(f"v{i}" for i in range(1, len(sample[0][1])))]
    first = body[0][1] + [""] * len(names)
    kinds = {field: _kind(field, first[i], delimiter) for i, field in enumerate(names)}
    kinds |= {field: "text" for field in names if field.lower() in WORD_NAMES}  # also where the first word is 1984
    columns = choose_columns(name, kinds, column)
    size = len(_list(first[names.index(columns.vector[0])])) if columns.lists else len(columns.vector)
    typical = max(1, len(text.encode("utf-8", "surrogateescape")) // max(1, text.count("\n")))
    estimate = os.path.getsize(path) // typical + 1
    wanted = estimate if reading.limit is None else min(estimate, reading.limit)
    plain = columns == Columns(names[0], tuple(names[1:]), False) and is_plain(reading.encoding)
    if plain and wanted * typical >= thresholds.PARSED_BYTES:
        rows = plain_rows(MappedFile(path, name), header is not None, size, delimiter, reading)
    else:
        rows = _rows(path, name, delimiter, header is not None, names, columns, size, reading)
    return Blocks(name, size, estimate, rows, reading=reading)


def _open(path: str | os.PathLike[str], reading: Reading) -> Any:
    encoding = "utf-8-sig" if reading.encoding == "utf-8" else reading.encoding
    return open(path, encoding=encoding, errors="surrogateescape", newline="")


def _lines(text: str, most: int) -> Iterator[str]:
    """The first lines as a file gives them; `str.splitlines` also ends one at U+0085 or U+2028, inside of a word."""
    return islice(io.StringIO(text, newline=""), most)


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(DELIMITERS, key=lambda mark: (first.count(mark), -DELIMITERS.index(mark)))


def _records(lines: Any, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The number of its last line and the fields of every row that is not blank."""
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise FormatError(f"{name}, line {reader.line_num}: not a table that can be read: {error}") from error


def _header(fields: list[str], delimiter: str) -> list[str] | None:
    """The names of the columns, where the first row holds them: no numbers, or those of the dimensions."""
    counted = fields[1:] in ([str(i) for i in range(len(fields) - 1)], [str(i + 1) for i in range(len(fields) - 1)])
    if counted and (len(fields) > 3 or fields[0].lower() in WORD_NAMES):
        return fields
    if any(_is_number(field, delimiter) or field.startswith("[") for field in fields[1:]):
        return None
    return fields


def _is_own(fields: list[str]) -> bool:
    """Whether a row is the header that `write` writes."""
    return len(fields) > 1 and fields == ["word", *(f"v{i}" for i in range(1, len(fields)))]


def _kind(name: str, field: str, delimiter: str) -> str:
    """What a column holds: of numbers the name tells whether they are values, for 1.0 may be written 1."""
    if field.startswith("[") and field.endswith("]"):
        return "lists"
    if not _is_number(field, delimiter):
        return "text"
    return "integers" if name.lower() in NO_VALUES else "floats"


def _is_number(field: str, delimiter: str) -> bool:
    try:
        number(field, delimiter)
    except ValueError:
        return False
    return True


def _list(field: str) -> list[str]:
    return field.strip("[] \r\n").replace(",", " ").split()


def _rows(
    path: str | os.PathLike[str],
    name: str,
    delimiter: str,
    header: bool,
    names: list[str],
    columns: Columns,
    size: int,
    reading: Reading,
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    place = {field: i for i, field in reversed(list(enumerate(names)))}  # the first of that name
    word_at, vector_at = place[columns.word], [place[column] for column in columns.vector]
    words: list[bytes] = []
    rows: list[list[float]] = []
    lines: list[int] = []
    with _open(path, reading) as stream:
        records = _records(stream, delimiter, name)
        if header:
            next(records)
        for line, fields in records:
            try:
                if len(fields) != len(names):
                    raise ValueError(counted(len(fields), "field"))
                values = _list(fields[vector_at[0]]) if columns.lists else [fields[i] for i in vector_at]
                if len(values) != size:
                    raise ValueError(counted(len(values), "value"))
                rows.append([number(value, delimiter) for value in values])
            except ValueError as error:
                reading.leave_out(
                    f"{name}, line {line}: expected {counted(len(names), 'field')} with {counted(size, 'value')}, "
                    f"found {error}"
                )
                continue
            words.append(fields[word_at].encode(reading.encoding, "surrogateescape"))
            lines.append(line)
            if len(rows) == ROWS:
                yield _block(words, rows, lines, name, reading)
                words, rows, lines = [], [], []
    if rows:
        yield _block(words, rows, lines, name, reading)


def _block(
    words: list[bytes], rows: list[list[float]], lines: list[int], name: str, reading: Reading
) -> tuple[list[bytes], np.ndarray]:
    with np.errstate(over="ignore"):
        vectors = np.array(rows, np.float64).astype(np.float32)
    return reading.decoded(words, vectors, lambda i: f"{name}, line {lines[i]}")


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write the table with its header; the digits give the float32 back exactly."""
    check_dimensions(table.vector_size, "csv")
    words = table.packed_words
    with atomic_open(path, streamed=True) as stream:
        stream.write(b",".join([b"word", *(b"v%d" % i for i in range(1, table.vector_size + 1))]) + b"\n")
        for low in range(0, len(table), WRITE_ROWS):
            block = table.vectors[low : low + WRITE_ROWS]
            with_kernel = len(table) * table.vector_size >= thresholds.PRINTED_NUMBERS
            for row, text in enumerate(format_rows(block, with_kernel), low):
                word = words.encoded(row)
                check_plain(word, "csv")
                stream.write(_quoted(word) + text.replace(b" ", b",") + b"\n")


def _quoted(word: bytes) -> bytes:
    if not word or QUOTED.search(word):
        return b'"' + word.replace(b'"', b'""') + b'"'
    return word
