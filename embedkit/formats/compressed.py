"""Files compressed with gzip, bzip2, xz or zstd, or in a zip archive: unpacked to a temporary file.

All are told by their first bytes. Unpacking streams, so memory stays small; what a small file may unpack to is bounded,
so that an archive bomb ends in an error instead of a full disk.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO

from embedkit.errors import ConfigError, CorpusError, EmbedkitError, FormatError
from embedkit.files import magic
from embedkit.files.copies import named, on_disk
from embedkit.files.locations import files_below
from embedkit.files.remote_folders import brought_here
from embedkit.files.temporary import temporary_path
from embedkit.files.urls import Name, is_url, shown
from embedkit.formats.table import FORMATS, suffix_of

CHUNK = 1 << 20
ZIP = b"PK\x03\x04"
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
    if os.path.isdir(path) or not is_compressed(path):
        yield Path(path)
        return
    with temporary_path(stem="unpacked") as copy:
        with open(copy, "xb", opener=_private) as out, _stream(path) as stream:
            _unpack(path, stream, out)
        yield copy


@contextlib.contextmanager
def at_hand(name: Name, member: str | None = None) -> Iterator[Path]:
    """Yield a path that can be mapped: `name`, or a copy of what is remote, a pipe, ``-`` or in a zip archive.

    Parameters
    ----------
    name : path or URL
    member : str, optional
        Which file of a zip archive, where it holds several.

    Raises
    ------
    ConfigError
        When the archive has no such member, or several and none is named.
    FormatError
        When it is damaged.
    """
    with contextlib.ExitStack() as stack:
        files = files_below(str(name)) if is_url(name) else None
        here = stack.enter_context(on_disk(name) if files is None else brought_here(str(name), files))
        members = _members(here)
        if not members:
            if member is not None:
                raise ConfigError(f"{shown(name)}: is no zip archive of vectors: it has no `member` {member!r}")
            yield here
            return
        if member is None and len(members) > 1:
            raise ConfigError(
                f"{shown(name)}: a zip archive of {len(members):,} files: say which with `member`: {', '.join(members)}"
            )
        if member is not None and member not in members:
            raise ConfigError(
                f"{shown(name)}: there is no file {member!r} in the archive (`member`), there are {', '.join(members)}"
            )
        with temporary_path(stem="unpacked") as copy:
            _extract(here, member or members[0], copy)
            with named(copy, f"{shown(name)}, {member or members[0]}"):
                yield copy


def is_npz(names: Sequence[str]) -> bool:
    """Whether the files of a zip archive are the arrays of an .npz, and not an array beside other files of vectors."""
    others = {suffix for found in FORMATS.values() for suffix in found.suffix.split()} - {".npy"}
    return any(name.endswith(".npy") for name in names) and not any(suffix_of(name) in others for name in names)


def _members(path: Path) -> list[str]:
    """The files of a zip archive that may be vectors; none for other files, an .npz or what PyTorch and Keras write."""
    if not path.is_file():
        return []
    with open(path, "rb") as stream:
        if stream.read(4) != ZIP:
            return []
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []
    if is_npz(names) or any(name.endswith((".pkl", ".h5", "[Content_Types].xml")) for name in names):
        return []
    return [name for name in names if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")]


def _extract(path: Path, member: str, copy: Path) -> None:
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream, open(copy, "xb", opener=_private) as out:
            _unpack(path, stream, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise FormatError(f"{path}: cut off or damaged zip archive: {member}: {error}") from error


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


def _unpack(path: str | os.PathLike[str], stream: IO[bytes], out: IO[bytes]) -> None:
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
