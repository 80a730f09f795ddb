"""Temporary files and folders: all have one kind of name, and what dead runs left is swept at the next start.

A name is ``.STEM.HOST-PID-RANDOM.part``: hidden, so that a folder of text can be read while something is written into
it; HOST stands for the machine and its process numbers (a container has its own), PID for the process. What is left
when a process is killed is recognised by that name: `sweep` removes it when it is this user's and the process is gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

_NAME = re.compile(r"\..*\.([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}\.part", re.DOTALL)
FRESH = 10.0  # seconds: younger ones are left alone, whatever their process number says
OLD = 7 * 86400.0  # seconds: of other machines, whose processes cannot be asked for
_swept: set[str] = set()


def temporary_name(folder: str | os.PathLike[str], stem: str) -> Path:
    """A name in `folder` that nothing has yet; `sweep` knows whose it is."""
    _sweep_once(folder)
    return Path(folder) / f".{stem[:40]}.{_host()}-{os.getpid()}-{os.urandom(4).hex()}.part"


@contextlib.contextmanager
def temporary_path(folder: str | os.PathLike[str] | None = None, stem: str = "embedkit") -> Iterator[Path]:
    """Yield such a name, in the system's folder for temporary files by default; the file is removed afterwards."""
    path = temporary_name(folder or _system_folder(), stem)
    try:
        yield path
    finally:
        # Windows keeps a file that is still mapped; a later sweep takes it.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder(folder: str | os.PathLike[str] | None = None, stem: str = "embedkit") -> Iterator[Path]:
    """Make a folder in `folder`, for this user alone, and remove it with what is in it afterwards."""
    path = temporary_name(folder or _system_folder(), stem)
    import shutil

    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def nameless_file(folder: str | os.PathLike[str] | None = None, buffering: int = -1) -> BinaryIO:
    """A file that no name leads to: the system frees it when the process ends, however that comes about."""
    import tempfile

    return tempfile.TemporaryFile(dir=folder, buffering=buffering)  # type: ignore[return-value]


def sweep(folder: str | os.PathLike[str]) -> int:
    """Remove what dead runs of this user left in `folder`; returns how many files and folders that were."""
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and _is_dead(entry, match[1], int(match[2])):
                removed += _remove(entry)
    return removed


def _system_folder() -> str:
    import tempfile  # brings the random module along: 5 ms that a query on a plain file has no use for

    return tempfile.gettempdir()


def _sweep_once(folder: str | os.PathLike[str]) -> None:
    place = os.path.realpath(folder)
    if place not in _swept:
        _swept.add(place)
        sweep(place)


def _is_dead(entry: os.DirEntry[str], host: str, pid: int) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return False
    age = time.time() - status.st_mtime
    if host != _host():
        return age > OLD
    return age > FRESH and not _runs(pid)


def _remove(entry: os.DirEntry[str]) -> bool:
    try:
        if entry.is_dir(follow_symlinks=False):
            import shutil

            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    except OSError:  # still open on Windows, or somebody else was faster
        return False
    return True


def _runs(pid: int) -> bool:
    if os.name == "nt":  # where os.kill ends a process; a file that is open cannot be removed there anyway
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@cache
def _host() -> str:
    import hashlib
    import platform

    try:
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        processes = ""
    return hashlib.sha256(f"{platform.node()} {processes}".encode()).hexdigest()[:8]
