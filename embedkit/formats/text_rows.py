"""Lines ``word v1 … vd``, the body of word2vec, GloVe and fastText text files.

Values are parted by single spaces or tabs; a word may hold spaces itself, since the values are counted from the right;
spaces at the end of a line, carriage returns and empty lines are passed over. A large file is parsed by a kernel in
several threads (`embedkit.kernels.text_floats`); lines that are not plain, and small files, by Python.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from embedkit.errors import EmbedkitError, FormatError, counted
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Reading, check_utf8, show
from embedkit.kernels import thresholds
from embedkit.rows.table import EmbeddingTable

SEGMENT = 4 << 20
LIMITED_SEGMENT = 256 << 10  # where only the first rows are wanted
LONGEST_LINE = 64 << 20
WRITE_ROWS = 4096
SAMPLE_LINES = 100
GAPS = re.compile(rb"[ \t]+")
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)$", re.IGNORECASE)
CR_ONLY = (
    "lines that end in a carriage return alone, as old Macs wrote; convert the file with: tr '\\r' '\\n' < IN > OUT"
)
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f]")  # a file that holds them is taken for binary
LONGEST_WORD = 1 << 15  # bytes; the first line must show its values where formats are told apart


def lines_at(file: MappedFile, start: int, n: int) -> list[bytes]:
    """At most `n` lines from byte `start` on that are not empty."""
    found: list[bytes] = []
    while len(found) < n and start < file.size:
        end = line_end(file, start, start)
        line = file.bytes[start:end].rstrip(b" \t\r")
        if line:
            found.append(line)
        start = end + 1
    return found


def width_of(lines: Sequence[bytes]) -> int:
    """How many numbers stand at the end of most of these lines, not counting the first field: 0 for none."""
    widths: Counter[int] = Counter()
    for line in lines:
        fields = GAPS.split(line)
        run = itertools.takewhile(lambda field: NUMBER.match(field) or NOT_FINITE.match(field), reversed(fields[1:]))
        widths[sum(1 for _ in run)] += 1
    return min(widths, key=lambda width: (-widths[width], width)) if widths else 0


def read_rows(
    file: MappedFile, start: int, size: int, reading: Reading | None = None
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Blocks of words and float32 (k, size) from byte `start` to the end of the file."""
    reading = reading or Reading()
    refuse_cr_only(file.name, file.bytes[start : start + SEGMENT])
    wanted = file.size - start
    if reading.limit is not None:  # what the first rows take, by the width of the first ones
        sample = lines_at(file, start, SAMPLE_LINES)
        wanted = min(wanted, reading.limit * (max(map(len, sample), default=0) + 1))
    large = wanted >= thresholds.PARSED_BYTES
    parts = segments(file, start, SEGMENT if large or reading.limit is None else LIMITED_SEGMENT)
    if not large:
        for low, high in parts:
            yield _finish(file, *_parse_python(file, low, high, size, reading), reading)
        return  # a small file: its pages are not worth giving back
    from embedkit.threads import ordered_map, usable_cores

    def parse(segment: tuple[int, int]) -> tuple[int, tuple[list[bytes], np.ndarray, np.ndarray]]:
        return segment[0], _parse_kernel(file, *segment, size, reading)

    for low, found in ordered_map(parse, parts, usable_cores(16), "parse"):
        yield _finish(file, *found, reading)
        file.forget(low)


def refuse_cr_only(name: str, text: bytes) -> None:
    """Refuse lines that end in a carriage return alone: all of them would be one word.

    Raises
    ------
    FormatError
    """
    if b"\n" not in text and text.rstrip(b"\r").count(b"\r"):
        raise FormatError(f"{name}: expected lines, found {CR_ONLY}")


def parse_line(file: MappedFile, start: int, end: int, size: int) -> tuple[int, list[float]] | None:
    """One line in Python: where its word ends and its values; None for an empty line.

    Raises
    ------
    FormatError
        Naming the line, what was expected and what was found.
    """
    text = file.bytes[start:end].rstrip(b" \t\r")
    if not text:
        return None
    fields = text.split(b" ")
    if len(fields) == size + 1 and fields[0] and b"_" not in text[len(fields[0]) :]:
        try:
            return start + len(fields[0]), list(map(float, fields[1:]))
        except ValueError:
            pass
    gaps = list(GAPS.finditer(text))
    if gaps and gaps[0].start() == 0:
        raise FormatError(f"{place(file, start)}: expected a word, found a line that starts with white space")
    if len(gaps) < size:
        raise FormatError(
            f"{place(file, start)}: expected a word and {counted(size, 'value')}, found {counted(len(gaps), 'value')} "
            f"after {show(text.split()[0])}"
        )
    cut = len(gaps) - size
    word_end = gaps[cut].start() if size else len(text)
    values = (
        [
            text[gap.end() : after]
            for gap, after in zip(gaps[cut:], [*(gap.start() for gap in gaps[cut + 1 :]), len(text)], strict=True)
        ]
        if size
        else []
    )
    for n, value in enumerate(values, 1):
        if not NUMBER.match(value) and not NOT_FINITE.match(value):
            raise FormatError(f"{place(file, start)}: expected a number as value {n} of {size}, found {show(value)}")
    before = text[gaps[cut - 1].end() : word_end] if cut else b""
    if NUMBER.match(before) and b"." in before:
        run = size + sum(1 for _ in itertools.takewhile(NUMBER.match, reversed(GAPS.split(text[:word_end])[1:])))
        raise FormatError(
            f"{place(file, start)}: expected {counted(size, 'value')} after {show(text[: gaps[0].start()])}, found "
            f"{run}"
        )
    return start + word_end, [float(value) for value in values]


def place(file: MappedFile, position: int) -> str:
    """``file, line n`` for a byte position."""
    line = 1
    for low in range(0, position, SEGMENT):
        line += file.bytes[low : min(low + SEGMENT, position)].count(b"\n")
    return f"{file.name}, line {line:,}"


def segments(file: MappedFile, start: int, step: int) -> Iterator[tuple[int, int]]:
    """Where parts of about `step` bytes begin and end, from byte `start` on; each ends behind a line."""
    while start < file.size:
        end = min(start + step, file.size)
        if end < file.size:
            end = min(line_end(file, start, end) + 1, file.size)
        yield start, end
        start = end


def line_end(file: MappedFile, start: int, seen: int) -> int:
    """Where the line ends that byte `seen` belongs to.

    Raises
    ------
    FormatError
        When there is no line feed within `LONGEST_LINE` bytes; it names the line that starts at byte `start`.
    """
    end = file.bytes.find(b"\n", seen, seen + LONGEST_LINE)
    if end < 0 and seen + LONGEST_LINE < file.size:
        raise FormatError(
            f"{place(file, start)}: expected lines of words and values, found none that ends within "
            f"{LONGEST_LINE >> 20} MB"
        )
    return file.size if end < 0 else end


def _parse(file: MappedFile, start: int, end: int, size: int, reading: Reading) -> tuple[int, list[float]] | None:
    """`parse_line`; a bad line is noted where bad ones are left out."""
    try:
        return parse_line(file, start, end, size)
    except FormatError as error:
        reading.leave_out(str(error))
        return None


def _parse_python(
    file: MappedFile, start: int, stop: int, size: int, reading: Reading
) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    words: list[bytes] = []
    places: list[int] = []
    rows: list[list[float]] = []
    most = None if reading.skip_bad_rows else reading.limit  # rows may still fall away where bad ones do
    while start < stop and (most is None or len(words) < most):
        end = file.bytes.find(b"\n", start, stop)
        end = stop if end < 0 else end
        parsed = _parse(file, start, end, size, reading)
        if parsed is not None:
            words.append(file.bytes[start : parsed[0]])
            places.append(start)
            rows.append(parsed[1])
        start = end + 1
    with np.errstate(over="ignore"):
        vectors = np.array(rows, np.float64).reshape(len(rows), size).astype(np.float32)
    return words, vectors, np.array(places, np.int64)


def _parse_kernel(
    file: MappedFile, start: int, stop: int, size: int, reading: Reading
) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    from embedkit.kernels.text_floats import parse_lines

    data = np.frombuffer(file.bytes, np.uint8)
    most = (stop - start) // (2 * size + 2) + 1
    vectors = np.empty((most, size), np.float32)
    bounds = np.empty((most, 2), np.int64)
    row = 0
    while True:
        row, start = parse_lines(data, start, stop, vectors, bounds, row)
        if start >= stop:
            break
        end = file.bytes.find(b"\n", start, stop)
        end = stop if end < 0 else end
        parsed = _parse(file, start, end, size, reading)
        if parsed is not None:
            with np.errstate(over="ignore"):
                vectors[row] = np.array(parsed[1], np.float64)
            bounds[row] = start, parsed[0]
            row += 1
        start = end + 1
    words = [file.bytes[low:high] for low, high in bounds[:row].tolist()]
    return words, vectors[:row], bounds[:row, 0]


def _finish(
    file: MappedFile, words: list[bytes], vectors: np.ndarray, places: np.ndarray, reading: Reading
) -> tuple[list[bytes], np.ndarray]:
    return reading.decoded(words, vectors, lambda i: place(file, int(places[i])))


def write_rows(table: EmbeddingTable, stream: BinaryIO, format: str, header: bool = True) -> None:
    """Write every row as a line, behind a header or at the start; the digits give the float32 back exactly.

    Raises
    ------
    EmbedkitError
        When a word cannot stand in such a line: it is empty or holds a space, a tab or a line feed.
    """
    words = table.packed_words
    for low in range(0, len(table), WRITE_ROWS):
        encoded = [words.encoded(row) for row in range(low, min(low + WRITE_ROWS, len(table)))]
        for row, word in enumerate(encoded, low):
            check_word(word, format, first=row == 0 and not header)
        with_kernel = len(table) * table.vector_size >= thresholds.PRINTED_NUMBERS
        texts = format_rows(table.vectors[low : low + WRITE_ROWS], with_kernel)
        stream.writelines(word + text + b"\n" for word, text in zip(encoded, texts, strict=True))


def check_word(word: bytes, format: str, first: bool = False) -> None:
    """Check that a word can stand at the start of a line of values and is found there again.

    Parameters
    ----------
    word : bytes
    format : str
        For messages.
    first : bool
        It is the first thing in the file, where a byte order mark is passed over.

    Raises
    ------
    EmbedkitError
    """
    if not word or any(byte in word for byte in b" \t\n\r"):
        what = "is empty" if not word else "holds white space"
        raise EmbedkitError(
            f"cannot write {format}: the word {show(word)} {what}; convert to native, npz, parquet or sqlite instead"
        )
    check_plain(word, format, first)


def check_plain(word: bytes, format: str, first: bool = False) -> None:
    """Check what no file of text gives back: control characters, a very long word, bytes that are not UTF-8."""
    what = ""
    if CONTROL.search(word):
        what = "holds a control character"
    elif len(word) > LONGEST_WORD:
        what = f"takes more than {LONGEST_WORD:,} bytes"
    if what:
        raise EmbedkitError(f"cannot write {format}: the word {show(word)} {what}; convert to native instead")
    check_utf8(word, format, first)


def check_shape(table: EmbeddingTable, format: str) -> None:
    """Check that there is something to write, for a format whose file says its shape by its content alone.

    Raises
    ------
    EmbedkitError
    """
    if not len(table) or not table.vector_size:
        raise EmbedkitError(
            f"cannot write {format}: it cannot say that there are {counted(len(table), 'word')} of "
            f"{table.vector_size} dimensions; convert to native instead"
        )


def format_rows(rows: np.ndarray, with_kernel: bool = False) -> list[bytes]:
    """Each row of float32 (n, d) as text, a space in front of each value, digits that give it back exactly."""
    if not rows.size or not with_kernel:
        return [b"".join(b" %s" % str(value).encode() for value in row) for row in rows]
    from embedkit.kernels.text_floats import WIDEST, write_rows

    out = np.empty(rows.size * WIDEST, np.uint8)
    ends = np.empty(len(rows), np.int64)
    write_rows(np.ascontiguousarray(rows), out, ends)
    text = out[: ends[-1]].tobytes()
    return [text[low:high] for low, high in itertools.pairwise([0, *ends.tolist()])]
