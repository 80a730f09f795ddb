"""What a name given as output leads to, and what must not be written: a file that is read as well.

Regular files are replaced as a whole (`embedkit.files.atomic`). ``-``, ``/dev/stdout``, pipes and devices are written
to as they are and never replaced; of a symbolic link the file that it leads to is replaced.
"""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.files.locations import beneath, has_glob, overwrites, reach
from embedkit.files.temporary import temporary_name
from embedkit.files.urls import is_url, plain, shown

STDOUT = "-"
_DESCRIPTOR = re.compile(r"/dev/(?:(stdin|stdout|stderr)|fd/(\d+))|/proc/(?:self|\d+|thread-self)/fd/(\d+)")
_MOST_LINKS = 40
Name = str | os.PathLike[str]


def is_stream(target: Name) -> bool:
    """Whether a name stands for something that takes bytes one after the other: standard output, a pipe, a device.

    Raises
    ------
    EmbedkitError
        For what cannot be written to like that: a disk, a socket.
    """
    if is_url(target):
        return False
    if os.fspath(target) == STDOUT or _descriptor(target) is not None:
        return True
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return False
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        what = "a disk" if stat.S_ISBLK(mode) else "a socket"
        raise EmbedkitError(f"cannot write {os.fspath(target)}: it is {what}; give a file name")
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def is_standard_output(target: Name) -> bool:
    """Whether a name stands for standard output."""
    return not is_url(target) and (os.fspath(target) == STDOUT or _descriptor(target) == 1)


@contextlib.contextmanager
def open_stream(target: Name) -> Iterator[BinaryIO]:
    """Open what `is_stream` says yes to, for writing from front to back."""
    descriptor = 1 if os.fspath(target) == STDOUT else _descriptor(target)
    if descriptor == 1:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    raw = io.FileIO(target, "w") if descriptor is None else io.FileIO(os.dup(descriptor), "w")
    with io.BufferedWriter(raw, 1 << 20) as stream:
        yield stream


def _descriptor(target: Name) -> int | None:
    """The number of the open file that a name such as ``/dev/fd/3`` stands for, also through links."""
    path = os.path.abspath(target)
    for _ in range(_MOST_LINKS):
        match = _DESCRIPTOR.fullmatch(path)
        if match:
            return {"stdin": 0, "stdout": 1, "stderr": 2}[match[1]] if match[1] else int(match[2] or match[3])
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            return None
    return None


def check_output(target: Name) -> None:
    """Find out before the work whether its result could be written.

    Raises
    ------
    EmbedkitError
        When the folder does not exist, nothing may be written into it, or the name is that of a folder.
    """
    target = plain(os.fspath(target))
    if is_url(target):
        if target.endswith("/"):
            raise EmbedkitError(f"cannot write {shown(target)}: it is a folder; give a file name")
        reach(target)
        return
    if is_stream(target):
        return
    final, folder = settled(target)
    if os.path.exists(final) and not os.access(final, os.W_OK):
        raise EmbedkitError(f"cannot write {os.fspath(target)}: the file is read-only; change that or name another")
    probe = temporary_name(folder, final.name)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise EmbedkitError(
            f"cannot write {os.fspath(target)}: nothing can be written into {folder}: {error.strerror}"
        ) from error


def settled(target: Name) -> tuple[Path, Path]:
    """The regular file that a name leads to, links followed, and its folder.

    Raises
    ------
    EmbedkitError
        When the folder does not exist, or the name is that of a folder.
    """
    if os.path.isdir(target):
        raise EmbedkitError(f"cannot write {os.fspath(target)}: it is a folder; give a file name")
    if not os.path.basename(os.fspath(target)):
        raise EmbedkitError(f"cannot write {os.fspath(target)!r}: give a file name")
    final = Path(os.path.realpath(target))
    if not final.parent.is_dir():
        folder = Path(target).parent if not os.path.islink(target) else final.parent
        raise EmbedkitError(f"cannot write {os.fspath(target)}: the folder {folder} does not exist; create it first")
    return final, final.parent


def same_file(a: Name, b: Name) -> bool:
    """Whether two names lead to one regular file, whether it exists or not."""
    a, b = plain(os.fspath(a)), plain(os.fspath(b))
    if is_url(a) or is_url(b):
        return is_url(a) and is_url(b) and overwrites(a, b)
    return not (is_stream(a) or is_stream(b)) and os.path.realpath(a) == os.path.realpath(b)


def spill_folder(target: Name) -> Path | None:
    """Where files for a moment are kept while `target` is written: beside it; None, the system's, for a stream."""
    if is_stream(target) or is_url(target):
        return None
    return Path(os.path.realpath(target)).parent if os.path.isdir(target) else settled(target)[1]


def refuse_overwriting(output: Name, inputs: Iterable[Name], what: str = "an input") -> None:
    """Refuse to write a file that is read as well.

    Parameters
    ----------
    output : path
    inputs : iterable of paths
        Files, folders whose files are read, or URLs, chained ones too: an archive is read as a whole.
    what : str
        What the inputs are, for the message.

    Raises
    ------
    ConfigError
        When `output` is one of them or lies in one of them, also through links.
    """
    output, sources = beneath(plain(os.fspath(output))), [beneath(plain(os.fspath(source))) for source in inputs]
    if is_url(output):
        for source in sources:
            if overwrites(output, source):
                raise ConfigError(f"{shown(output)} is {what} as well; writing would destroy it: name another")
        return
    if is_stream(output):
        return
    try:
        found = os.stat(output)
    except OSError:
        return
    for source in sources:
        for file in _files_of(source):
            with contextlib.suppress(OSError):  # what is missing is the reader's to tell
                if os.path.samestat(found, os.stat(file)):
                    raise ConfigError(
                        f"{os.fspath(output)} is {what} as well ({os.fspath(file)}); writing would destroy it: "
                        "name another file to write"
                    )


def _files_of(source: Name) -> Iterator[Name]:
    if os.fspath(source) == STDOUT:  # as an input: standard input
        return
    if not os.path.isdir(source):
        yield from glob.glob(os.fspath(source), recursive=True) if has_glob(source) else [source]
        return
    for folder, _, names in os.walk(source):
        for name in names:
            yield os.path.join(folder, name)
