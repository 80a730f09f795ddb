"""Byte ranges of files: a corpus in parts that can be read apart, each line in exactly one of them.

A line belongs to the range in which its first byte lies, so a reader goes on to the end of the line that its range
ends in and passes over a line that began before. Nobody needs to read the file to cut it, and all ranges together
give the lines of the whole file, whatever their size. Compressed files cannot be entered in the middle: each is a
range of its own.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from embedkit.errors import ConfigError
from embedkit.files.locations import open_location, size_of
from embedkit.files.magic import is_compressed
from embedkit.files.urls import shown

_READ_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class ByteRange:
    """The lines of a file whose first byte is one of ``start .. stop - 1``.

    Attributes
    ----------
    path : str
    start, stop : int
        Bytes.
    """

    path: str
    start: int
    stop: int

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


def byte_ranges(files: Sequence[str], size: int) -> list[str | ByteRange]:
    """Cut `files` into ranges of about `size` bytes; compressed files stay whole.

    The cuts depend on the files' sizes and `size` only.

    Raises
    ------
    ConfigError
        For standard input, which can be read only once and from its start.
    """
    found: list[str | ByteRange] = []
    for file in files:
        length = _length(file)
        n = max(1, -(-length // size))
        if n == 1 or _compressed(file):
            found.append(file)
        else:
            found += [ByteRange(file, length * i // n, length * (i + 1) // n) for i in range(n)]
    return found


def part_of(files: Sequence[str], part: int, parts: int) -> list[ByteRange]:
    """The ranges that make up part `part` (from 1) of `parts` equal parts of all files together.

    Raises
    ------
    ConfigError
        For standard input and compressed files, which cannot be cut without reading all of them.
    """
    for file in files:
        if file != "-" and _compressed(file):
            raise ConfigError(
                f"{shown(file)}: a compressed file cannot be cut by bytes; unpack it, or count each file by itself "
                "and add the counts up"
            )
    sizes = [_length(file) for file in files]
    total = sum(sizes)
    low, high = total * (part - 1) // parts, total * part // parts
    found, begin = [], 0
    for file, size in zip(files, sizes, strict=True):
        first, last = max(low - begin, 0), min(high - begin, size)
        if first < last:
            found.append(ByteRange(file, first, last))
        begin += size
    return found


class RangeStream(io.RawIOBase):
    """The lines of a range as a raw stream.

    Parameters
    ----------
    stream : binary stream
        The range's file; seekable.
    span : ByteRange

    Attributes
    ----------
    start : int
        The first byte of the range's first line.
    """

    def __init__(self, stream: BinaryIO, span: ByteRange) -> None:
        self.start, stop = _line_start(stream, span.start), _line_start(stream, span.stop)
        stream.seek(self.start)
        self._stream = stream
        self._left = stop - self.start

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        data = self._stream.read(min(len(target), self._left))
        target[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _line_start(stream: BinaryIO, at: int) -> int:
    """The first byte, `at` or behind it, at which a line begins, or the end of the file."""
    if at == 0:
        return 0
    stream.seek(at - 1)
    place = at - 1
    while data := stream.read(_READ_AT_ONCE):
        end = data.find(b"\n")
        if end >= 0:
            return place + end + 1
        place += len(data)
    return place


def _length(file: str) -> int:
    if file == "-":
        raise ConfigError("cannot cut standard input into parts: give files")
    size = size_of(file)
    if size is None:
        raise ConfigError(f"{shown(file)}: the server does not tell its size, so it cannot be cut into parts")
    return size


def _compressed(file: str) -> bool:
    with open_location(file) as stream:
        return is_compressed(stream.read(10))
