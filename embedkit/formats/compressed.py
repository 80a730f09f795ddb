"""Files compressed with gzip, bzip2, xz or zstd: told by their first bytes, unpacked beside to a temporary file.

Unpacking streams, so memory stays small; what a small file may unpack to is bounded, so that an archive bomb ends in
an error instead of a full disk.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from embedkit.errors import EmbedkitError, FormatError

MAGICS = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}
CHUNK = 1 << 20
ALWAYS_FINE = 256 << 20  # bytes
LARGEST_RATIO = 100  # vectors as text shrink to a third or so


def compression_of(head: bytes) -> str | None:
    """gzip, bzip2, xz or zstd by the first bytes of a file; None for anything else."""
    for name, magic in MAGICS.items():
        if head.startswith(magic) and (name != "bzip2" or head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")):
            return name
    return None


@contextlib.contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path itself, or that of a temporary unpacked copy, which is removed afterwards.

    Raises
    ------
    FormatError
        When the file is cut off or damaged, or unpacks to more than `LARGEST_RATIO` times its size.
    """
    with open(path, "rb") as stream:
        kind = compression_of(stream.read(16))
    if kind is None:
        yield Path(path)
        return
    handle, copy = tempfile.mkstemp(prefix="embedkit-")
    try:
        with os.fdopen(handle, "wb") as out:
            _unpack(path, kind, out)
        yield Path(copy)
    finally:
        # Windows keeps a file that is still mapped; its temporary folder is swept by the system.
        with contextlib.suppress(OSError):
            os.unlink(copy)


def peek(path: str | os.PathLike[str], n: int) -> bytes:
    """The first `n` bytes of a file, unpacked where it is compressed."""
    with open(path, "rb") as stream:
        head = stream.read(n)
    kind = compression_of(head)
    if kind is None:
        return head
    with _errors(path, kind), _opened(path, kind) as unpacking:
        head = b""
        while len(head) < n and (chunk := unpacking.read(n - len(head))):
            head += chunk
        return head


def _unpack(path: str | os.PathLike[str], kind: str, out: IO[bytes]) -> None:
    limit = max(ALWAYS_FINE, os.path.getsize(path) * LARGEST_RATIO)
    written = 0
    with _errors(path, kind), _opened(path, kind) as stream:
        while chunk := stream.read(CHUNK):
            written += len(chunk)
            if written > limit:
                raise FormatError(f"{path}: unpacks to more than {LARGEST_RATIO} times its size, which no vectors do; "
                                  "unpack it yourself if you trust it")
            _store(out, chunk, path)
    _store(out, b"", path)


def _store(out: IO[bytes], chunk: bytes, path: str | os.PathLike[str]) -> None:
    try:
        out.write(chunk) if chunk else out.flush()
    except OSError as error:
        raise EmbedkitError(f"cannot unpack {path} into {tempfile.gettempdir()}: {error.strerror or error}; set "
                            "TMPDIR to a folder with room") from error


@contextlib.contextmanager
def _errors(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    import lzma

    try:
        yield
    except EmbedkitError:
        raise
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise FormatError(f"{path}: cut off or damaged {kind} data: {error}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise FormatError(f"{path}: cut off or damaged zstd data: {error}") from error


def _opened(path: str | os.PathLike[str], kind: str) -> Any:
    if kind == "gzip":
        import gzip

        return gzip.open(path, "rb")
    if kind == "bzip2":
        import bz2

        return bz2.open(path, "rb")
    if kind == "xz":
        import lzma

        return lzma.open(path, "rb")
    try:
        import zstandard
    except ImportError as error:
        raise EmbedkitError(f"{path} is compressed with zstd: pip install 'embedkit[zstd]', or unpack "
                            "it first") from error
    return zstandard.open(path, "rb")
