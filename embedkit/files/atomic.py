"""Files that appear whole or not at all: written under a temporary name, put on the disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from embedkit.errors import EmbedkitError
from embedkit.files.locations import kept_unless_sent, upload
from embedkit.files.outputs import is_standard_output, is_stream, open_stream, settled
from embedkit.files.temporary import temporary_name, temporary_path
from embedkit.files.urls import is_url, plain, shown

Name = str | os.PathLike[str]


class NotWritten(EmbedkitError):
    """The system did not take a file: a full disk, no permission."""


@contextlib.contextmanager
def atomic_path(target: Name) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` when the block ends well.

    On any exception, Ctrl-C included, the temporary file is removed and an earlier `target` stays as it was. A
    symbolic link stays one: the file that it leads to is replaced. Where `target` is a pipe, a device or ``-``, the
    file that was written is copied into it.

    Raises
    ------
    EmbedkitError
        When the folder does not exist or the file cannot be written (a full disk, no permission).
    """
    target = plain(os.fspath(target))
    with _writing(target):
        if is_stream(target):
            with temporary_path(stem="output") as temporary:
                yield temporary
                with open(temporary, "rb") as source, open_stream(target) as stream:
                    while chunk := source.read(1 << 20):
                        stream.write(chunk)
            return
        if is_url(target):
            with temporary_path(stem="output") as temporary:
                yield temporary
                with kept_unless_sent(temporary, target):
                    upload(temporary, target)
            return
        final, folder = settled(target)
        temporary = temporary_name(folder, final.name)
        try:
            yield temporary
            _finish(temporary, final)
            os.replace(temporary, final)
            sync_folder(folder)
        finally:
            _discard(temporary)


@contextlib.contextmanager
def atomic_open(target: Name, *, streamed: bool = False) -> Iterator[BinaryIO]:
    """`atomic_path`, opened for writing bytes (readable and seekable too).

    Parameters
    ----------
    target : path
    streamed : bool
        The bytes are written from front to back: into a pipe they go at once.
    """
    if streamed and is_stream(target):
        with _writing(target), open_stream(target) as stream:
            yield stream
        return
    with atomic_path(target) as path, open(path, "wb+", buffering=1 << 20) as stream:
        yield stream


@contextlib.contextmanager
def atomic_pair(
    target: Name, companion: Name, belongs: Callable[[], bool], unchanged: Callable[[], bool]
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Write a file and a second one that is worthless without it, such as a matrix and the list of its words.

    Two files cannot be renamed in one step. So that no reader ever takes the new one with the old one of the other,
    whenever the process dies: both are written and put on the disk first; then the old companion is removed, the
    target replaced, and the new companion takes its place. In between the target has no companion, and does not open.

    Parameters
    ----------
    target, companion : path
    belongs : callable
        Whether the companion that exists is the target's that exists; asked when both do.
    unchanged : callable
        Whether the companion that exists says the same as the new one; it is then left as it is.

    Raises
    ------
    EmbedkitError
        When the companion exists and belongs to something else, or one of the two cannot be written.
    """
    if is_url(target) or is_stream(target) or is_stream(companion):
        raise EmbedkitError(
            f"cannot write {shown(target)}: this format is a pair of files, which go neither into a pipe nor to a "
            "URL; name a file on disk"
        )
    check_pair(target, companion, belongs, unchanged)
    with _writing(target):
        (first, folder), (second, _) = settled(target), settled(companion)
        temporaries = temporary_name(folder, first.name), temporary_name(second.parent, second.name)
        try:
            with open(temporaries[0], "wb+", buffering=1 << 20) as main, open(temporaries[1], "wb+") as beside:
                yield main, beside
            _finish(temporaries[0], first)
            _finish(temporaries[1], second)
            if second.exists() and unchanged():
                os.replace(temporaries[0], first)
            else:
                if first.exists():
                    second.unlink(missing_ok=True)
                    sync_folder(second.parent)
                os.replace(temporaries[0], first)
                sync_folder(folder)
                os.replace(temporaries[1], second)
            sync_folder(second.parent)
        finally:
            for temporary in temporaries:
                _discard(temporary)


def check_pair(
    target: Name, companion: Name, belongs: Callable[[], bool], unchanged: Callable[[], bool] = lambda: False
) -> None:
    """Refuse to overwrite a companion that is not the target's; parameters as in `atomic_pair`.

    Raises
    ------
    EmbedkitError
    """
    if os.path.exists(companion) and not (os.path.exists(target) and belongs()) and not unchanged():
        raise EmbedkitError(
            f"cannot write {os.fspath(target)}: {os.fspath(companion)}, which goes with it, exists and belongs to "
            "something else; name another file to write, or move that one away"
        )


def sync_folder(folder: Name) -> None:
    """Put a folder's entries on the disk, so that a rename outlives a power cut; does nothing where that cannot be."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some network file systems sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _writing(target: Name) -> Iterator[None]:
    """Name the file in what the system says about writing it."""
    try:
        yield
    except OSError as error:
        refuse_unwritten(target, error)


@contextlib.contextmanager
def named(target: Name) -> Iterator[None]:
    """Name `target` where one of the files of hidden names that the block writes for it cannot be written."""
    try:
        yield
    except NotWritten as error:
        if not isinstance(error.__cause__, OSError):
            raise
        refuse_unwritten(target, error.__cause__)


def refuse_unwritten(target: Name, error: OSError) -> NoReturn:
    """Raise, for what the system says when `target` is written, an error that names it.

    Raises
    ------
    BrokenPipeError
        As it came: nobody reads any more, which is no failure.
    NotWritten
    """
    if isinstance(error, BrokenPipeError):
        raise error
    place = "standard output" if is_standard_output(target) else shown(target)
    raise NotWritten(f"cannot write {place}: {error.strerror or error}") from error


def _finish(temporary: Path, final: Path) -> None:
    """Put the file's bytes on the disk, with the permissions of the file that it will replace."""
    with open(temporary, "rb+") as stream:
        os.fsync(stream.fileno())
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(final.stat().st_mode))


def _discard(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
