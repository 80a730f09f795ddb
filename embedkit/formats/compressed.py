"""Files compressed with gzip, bzip2, xz or zstd: told by their first bytes, unpacked to a temporary file.

Unpacking streams, so memory stays small; what a small file may unpack to is bounded, so that an archive bomb ends in
an error instead of a full disk.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from embedkit.errors import CorpusError, EmbedkitError, FormatError
from embedkit.files import magic
from embedkit.files.temporary import temporary_path

CHUNK = 1 << 20
ALWAYS_FINE = 256 << 20  # bytes
LARGEST_RATIO = 100  # vectors as text shrink to a third or so


def is_compressed(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts like one that gzip, bzip2, xz or zstd wrote."""
    with open(path, "rb") as stream:
        head = stream.read(10)
    return magic.is_compressed(head)


@contextlib.contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path itself, or that of a temporary unpacked copy, which is removed afterwards.

    Raises
    ------
    FormatError
        When the file is cut off or damaged, or unpacks to more than `LARGEST_RATIO` times its size.
    """
    if not is_compressed(path):
        yield Path(path)
        return
    with temporary_path(stem="unpacked") as copy:
        with open(copy, "xb", opener=_private) as out, _stream(path) as stream:
            _unpack(path, stream, out)
        yield copy


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def peek(path: str | os.PathLike[str], n: int) -> bytes:
    """The first `n` bytes of a file, unpacked where it is compressed."""
    if not is_compressed(path):
        with open(path, "rb") as plain:
            return plain.read(n)
    with _stream(path) as stream:
        head = b""
        while len(head) < n and (chunk := stream.read(n - len(head))):
            head += chunk
        return head


@contextlib.contextmanager
def _stream(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    from embedkit.files.compression import damaged_errors, decompressed

    try:
        with open(path, "rb") as raw, damaged_errors(str(path)):
            yield decompressed(io.BufferedReader(raw), str(path))
    except CorpusError as error:
        raise FormatError(str(error)) from error


def _unpack(path: str | os.PathLike[str], stream: BinaryIO, out: IO[bytes]) -> None:
    limit = max(ALWAYS_FINE, os.path.getsize(path) * LARGEST_RATIO)
    written = 0
    while chunk := stream.read(CHUNK):
        written += len(chunk)
        if written > limit:
            raise FormatError(
                f"{path}: unpacks to more than {LARGEST_RATIO} times its size, which no vectors do; "
                "unpack it yourself if you trust it"
            )
        try:
            out.write(chunk)
        except OSError as error:
            import tempfile

            raise EmbedkitError(
                f"cannot unpack {path} into {tempfile.gettempdir()}: {error.strerror or error}; set "
                "TMPDIR to a folder with room"
            ) from error
