"""One of n parts of a corpus, cut at line ends by bytes, so that many machines can count one corpus."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from embedkit.errors import ConfigError
from embedkit.text.reading import STDIN, Sources, list_sources

_COPIED = 1 << 22


def parse_shard(text: str) -> tuple[int, int]:
    """``"2/5"`` as (2, 5): the second of five parts.

    Raises
    ------
    ConfigError
    """
    part, slash, parts = text.partition("/")
    if not slash or not part.isdigit() or not parts.isdigit() or not 1 <= int(part) <= int(parts):
        raise ConfigError(f"--shard takes I/N, the I-th of N parts, e.g. 2/5; got {text!r}")
    return int(part), int(parts)


@contextlib.contextmanager
def shard(sources: Sources, part: int, parts: int, folder: str | os.PathLike[str] | None = None) -> Iterator[list[str]]:
    """Yield a list with one temporary file that holds part `part` (from 1) of `parts` of the sources.

    A line belongs to the part in which its first byte lies, so that every line belongs to exactly one. The list is
    empty where no line begins in the part.

    Raises
    ------
    ConfigError
        For standard input and compressed files, which cannot be cut without reading all of them.
    """
    files = list_sources(sources)
    for file in files:
        if file == STDIN:
            raise ConfigError("--shard cannot cut standard input; give files")
        with open(file, "rb") as stream:
            if _compressed(stream.read(6)):
                raise ConfigError(
                    f"{file}: --shard cannot cut a compressed file by bytes; unpack it, or count each "
                    "file by itself and add the counts up with --merge"
                )
    sizes = [os.path.getsize(file) for file in files]
    total = sum(sizes)
    low, high = total * (part - 1) // parts, total * part // parts
    with tempfile.TemporaryDirectory(prefix="embedkit-shard-", dir=folder) as held:
        target = Path(held) / "part.txt"
        begin = 0
        with open(target, "wb") as out:
            for file, size in zip(files, sizes, strict=True):
                first, last = max(low - begin, 0), min(high - begin, size)
                if first < last:
                    with open(file, "rb") as stream:
                        _copy(stream, _line_start(stream, first), _line_start(stream, last), out)
                begin += size
        yield [os.fspath(target)] if target.stat().st_size else []


def _line_start(stream: BinaryIO, at: int) -> int:
    """The first byte, `at` or behind it, at which a line begins."""
    if at == 0:
        return 0
    stream.seek(at - 1)
    stream.readline()
    return stream.tell()


def _copy(stream: BinaryIO, first: int, last: int, out: BinaryIO) -> None:
    stream.seek(first)
    left, data = last - first, b"\n"
    while left > 0 and (data := stream.read(min(left, _COPIED))):
        out.write(data)
        left -= len(data)
    if last > first and not data.endswith(b"\n"):  # the next file's first line is a line of its own
        out.write(b"\n")


def _compressed(head: bytes) -> bool:
    return head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"))
