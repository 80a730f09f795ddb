"""Files that can be mapped: those that are here, and temporary copies of what is remote or comes through a pipe."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from embedkit.errors import EmbedkitError
from embedkit.files.locations import CHUNK, STDIN, called, open_location
from embedkit.files.temporary import temporary_path
from embedkit.files.urls import Name, is_url


class _Kept(contextlib.ExitStack):
    """Copies of pipes, by name, until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: dict[str, Path] = {}

    def copy(self, name: str) -> Path:
        if name not in self.copies:
            self.copies[name] = self.enter_context(_copied(name))
        return self.copies[name]


_keeping: list[_Kept] = []


@contextlib.contextmanager
def pipes_kept() -> Iterator[None]:
    """Within it what comes through a pipe is copied by the first that opens it, and found again by the next.

    A program that looks what a file is before it knows who reads it opens it twice; a pipe gives its bytes once.
    """
    with _Kept() as kept:
        _keeping.append(kept)
        try:
            yield
        finally:
            _keeping.pop()


@contextlib.contextmanager
def on_disk(name: Name) -> Iterator[Path]:
    """Yield a path that can be mapped: `name` itself, or a temporary copy of what is remote, a pipe or ``-``.

    Errors speak of `name`, not of the copy.
    """
    if not is_url(name) and not is_pipe(name):
        yield Path(name)
        return
    with contextlib.ExitStack() as stack:
        keep = _keeping and not is_url(name)
        copy = _keeping[-1].copy(os.fspath(name)) if keep else stack.enter_context(_copied(name))
        with named(copy, name):
            yield copy


def is_pipe(name: Name) -> bool:
    """Whether a name is ``-`` or that of a pipe or the like, which is read from front to back, once."""
    return os.fspath(name) == STDIN or (
        not is_url(name) and os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)
    )


@contextlib.contextmanager
def _copied(name: Name) -> Iterator[Path]:
    with temporary_path(stem="copy") as copy:
        with (
            open(copy, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out,
            open_location(name) as raw,
        ):
            while chunk := raw.read(CHUNK):
                out.write(chunk)
        yield copy


@contextlib.contextmanager
def named(copy: Path, name: Name) -> Iterator[None]:
    """What errors say of a temporary copy is said of the file that it was made from."""
    try:
        yield
    except EmbedkitError as error:
        error.args = tuple(
            one.replace(os.fspath(copy), called(name)) if isinstance(one, str) else one for one in error.args
        )
        raise
