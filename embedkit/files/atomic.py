"""Files that appear whole or not at all: written under a temporary name, put on the disk, then renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from embedkit.errors import EmbedkitError


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` when the block ends well.

    On any exception, Ctrl-C included, the temporary file is removed and an earlier `target` stays as it was.

    Raises
    ------
    EmbedkitError
        When the folder does not exist or the file cannot be written (a full disk, no permission).
    """
    target = Path(target)
    if target.is_dir():
        raise EmbedkitError(f"cannot write {target}: it is a folder; give a file name")
    if not target.parent.is_dir():
        raise EmbedkitError(f"cannot write {target}: the folder {target.parent} does not exist; create it first")
    temporary = target.with_name(f".{target.name[:80]}.{os.urandom(4).hex()}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        sync_folder(target.parent)
    except OSError as error:
        raise EmbedkitError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Put a folder's entries on the disk, so that a rename outlives a power cut; does nothing where that cannot be."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some network file systems sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def atomic_open(target: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """`atomic_path`, opened for writing bytes (readable and seekable too)."""
    with atomic_path(target) as path, open(path, "wb+", buffering=1 << 20) as stream:
        yield stream
