"""Rows of a plain table: a word, then all of its values, a record a line.

A kernel in several threads (`embedkit.kernels.text_floats`) reads what is plain; records with quotation marks, blank
lines and odd values go through Python's `csv`, so that both ways give the same. Where a quotation mark stays open at
the end of some line, a word may hold that end, and the file cannot be parted there: one thread reads it.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Iterator

import numpy as np

from embedkit.errors import FormatError, counted
from embedkit.files.magic import BOM
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Reading
from embedkit.formats.text_rows import SEGMENT, line_end, place, segments

MOST_QUOTED_LINES = 10_000
PLAIN_ENCODINGS = ("utf-8", "iso8859", "cp125", "cp949", "euc")  # whose bytes of commas and quotes are nothing else
_Parsed = tuple[list[bytes], np.ndarray, list[int], int]


def is_plain(encoding: str) -> bool:
    """Whether a table in this encoding can be read byte by byte."""
    return encoding.startswith(PLAIN_ENCODINGS)


def number(field: str, delimiter: str) -> float:
    """A value; with semicolons between the fields its comma may be a decimal one.

    Raises
    ------
    ValueError
    """
    if "_" in field:  # which Python allows between digits
        raise ValueError(f"could not convert string to float: {field!r}")
    return float(field.replace(",", ".") if delimiter == ";" else field)


def plain_rows(
    file: MappedFile, header: bool, size: int, delimiter: str, reading: Reading
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Blocks of words and float32 (k, size) of a file, behind its header where it has one."""
    from embedkit.threads import ordered_map, usable_cores

    start = len(BOM) if file.bytes[: len(BOM)] == BOM else 0
    if header:
        _, start = _record(file, start, delimiter, reading.encoding)

    def parse(segment: tuple[int, int]) -> _Parsed:
        return _parse(file, *segment, size, delimiter, reading)

    workers = usable_cores(16)
    parsed = ordered_map(parse, segments(file, start, SEGMENT), workers, "parse")
    if not _can_be_parted(file, start, delimiter, reading.encoding):
        parsed = _one_by_one(file, start, parse)
    for words, vectors, starts, end in parsed:
        yield reading.decoded(words, vectors, functools.partial(_place, file, starts))
        file.forget(end)


def _place(file: MappedFile, starts: list[int], row: int) -> str:
    return place(file, starts[row])


def _one_by_one(file: MappedFile, start: int, parse: Callable[[tuple[int, int]], _Parsed]) -> Iterator[_Parsed]:
    while start < file.size:
        found = parse(next(segments(file, start, SEGMENT)))
        start = found[3]
        yield found


def _can_be_parted(file: MappedFile, start: int, delimiter: str, encoding: str) -> bool:
    """Whether each line closes the quotation marks that it opens."""
    found = file.bytes.find(b'"', start)
    for _ in range(MOST_QUOTED_LINES):
        if found < 0:
            return True
        begin = max(file.bytes.rfind(b"\n", start, found) + 1, start)
        end = line_end(file, begin, found)
        try:
            list(csv.reader([file.bytes[begin:end].decode(encoding, "replace")], delimiter=delimiter, strict=True))
        except csv.Error:  # in strict mode an open quotation mark is one
            return False
        found = file.bytes.find(b'"', end)
    return False


def _parse(file: MappedFile, start: int, stop: int, size: int, delimiter: str, reading: Reading) -> _Parsed:
    """The records that begin from byte `start` up to `stop`: words, values, where they begin, where the last ends."""
    from embedkit.kernels.text_floats import parse_records

    data = np.frombuffer(file.bytes, np.uint8)
    most = (stop - start) // (2 * size + 1) + 1
    vectors, bounds = np.empty((most, size), np.float32), np.empty((most, 2), np.int64)
    quoted: dict[int, bytes] = {}
    row = 0
    while start < stop:  # the last record may end behind it
        row, start = parse_records(data, start, stop, vectors, bounds, row, ord(delimiter))
        if start >= stop:
            break
        begin = start
        fields, start = _record(file, start, delimiter, reading.encoding)
        if not fields:
            continue
        try:
            if len(fields) != size + 1:
                raise ValueError(counted(len(fields), "field"))
            with np.errstate(over="ignore"):
                vectors[row] = np.array([number(field, delimiter) for field in fields[1:]], np.float64)
        except ValueError as error:
            wanted = f"expected {counted(size + 1, 'field')} with {counted(size, 'value')}"
            reading.leave_out(f"{place(file, start - 1)}: {wanted}, found {error}")
            continue
        quoted[row] = fields[0].encode(reading.encoding, "surrogateescape")
        bounds[row] = begin, begin
        row += 1
    words = [file.bytes[low:high] for low, high in bounds[:row].tolist()]
    for at, word in quoted.items():
        words[at] = word
    return words, vectors[:row], bounds[:row, 0].tolist(), start


def _record(file: MappedFile, start: int, delimiter: str, encoding: str) -> tuple[list[str], int]:
    """The fields of the record at byte `start`, none for a blank line, and where it ends."""
    end = start

    def lines() -> Iterator[str]:
        nonlocal end
        while end < file.size:
            low, end = end, min(line_end(file, start, end) + 1, file.size)
            yield file.bytes[low:end].decode(encoding, "surrogateescape")

    try:
        return next(csv.reader(lines(), delimiter=delimiter), []), end
    except csv.Error as error:
        raise FormatError(f"{place(file, start)}: not a table that can be read: {error}") from error
