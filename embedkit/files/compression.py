"""Compression on the fly: gzip, bzip2, xz and Zstandard, told apart by first bytes or, to be written, by the suffix."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from embedkit.errors import CorpusError, EmbedkitError
from embedkit.files.magic import GZIP, XZ, ZSTD, is_bzip2


def decompressed(raw: io.BufferedReader, name: str) -> BinaryIO:
    """`raw`, unpacked where it starts like a compressed file; otherwise `raw` itself."""
    head = raw.peek(10)[:10]
    stream: Any = raw
    if head.startswith(GZIP):
        stream = gzip.GzipFile(fileobj=raw)
    elif is_bzip2(head):
        stream = bz2.BZ2File(raw)
    elif head.startswith(XZ):
        stream = lzma.LZMAFile(raw)  # noqa: SIM115
    elif head.startswith(ZSTD):
        stream = _zstd(raw, name)
    unpacked: BinaryIO = stream
    return unpacked


@contextmanager
def packed(raw: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    """A stream whose bytes reach `raw` compressed as one of `SUFFIXES` says; the same bytes from the same input.

    Raises
    ------
    EmbedkitError
        When the package for .zst is not installed.
    """
    stream: Any
    if suffix == ".gz":
        stream = gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0)
    elif suffix == ".bz2":
        stream = bz2.BZ2File(raw, "wb")
    elif suffix == ".xz":
        stream = lzma.LZMAFile(raw, "wb")  # noqa: SIM115
    else:
        stream = _zstd_writer(raw)
    with stream:
        yield stream


def _zstd_writer(raw: BinaryIO) -> Any:
    try:
        from compression.zstd import ZstdFile  # Python 3.14

        return ZstdFile(raw, "w")
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise EmbedkitError("writing .zst needs the package zstandard: pip install 'embedkit[zstd]'") from None
    return zstandard.ZstdCompressor().stream_writer(raw, closefd=False)


def _zstd(raw: io.BufferedReader, name: str) -> io.BufferedIOBase:
    try:
        from compression.zstd import ZstdFile  # Python 3.14
    except ImportError:
        pass
    else:
        stream: io.BufferedIOBase = ZstdFile(raw)
        return stream
    try:
        import zstandard
    except ImportError:
        raise CorpusError(f"{name}: reading .zst needs the package zstandard: pip install 'embedkit[zstd]'") from None
    return io.BufferedReader(_ZstdReader(raw, zstandard), 1 << 17)


class _ZstdReader(io.RawIOBase):
    """Frames one behind the other; unlike zstandard's own reader it notices that the last one is cut off."""

    def __init__(self, raw: BinaryIO, zstandard: Any) -> None:
        self._raw = raw
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._pending:
            data = (self._frame.unused_data if self._frame is not None and self._frame.eof else b"") or self._raw.read(
                1 << 17
            )
            if not data:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("the file ends inside a frame")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new()
            self._pending = memoryview(self._frame.decompress(data))
        size = min(len(target), len(self._pending))
        target[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size


@contextmanager
def damaged_errors(name: str) -> Iterator[None]:
    """Turn what a decompressor or the system raises while reading into one `CorpusError` line."""
    try:
        yield
    except EOFError as error:
        raise CorpusError(f"{name}: the compressed file is cut off; get it again") from error
    except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise CorpusError(f"{name}: the compressed file is damaged: {error}") from error
    except OSError as error:
        if error.errno is None:  # bz2 raises a bare OSError for bad data
            raise CorpusError(f"{name}: the compressed file is damaged: {error}") from error
        raise CorpusError(f"{name}: cannot be read: {error.strerror}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise CorpusError(f"{name}: the compressed file is damaged: {error}") from error
