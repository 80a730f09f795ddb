"""Folders that are written as one thing: they appear whole, and never take the place of something else."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.files.atomic import named, refuse_unwritten, sync_folder
from embedkit.files.locations import kept_unless_sent, reach
from embedkit.files.outputs import is_stream
from embedkit.files.remote_folders import send, text_at
from embedkit.files.temporary import temporary_folder, temporary_name
from embedkit.files.urls import is_url, plain, shown

Name = str | os.PathLike[str]


@contextlib.contextmanager
def atomic_folder(target: Name, names: Collection[str]) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `target`, or is sent there, when the block ends well.

    Parameters
    ----------
    target : path or URL
        A new folder, an empty one, or one that holds nothing but `names`. At a URL other files stay.
    names : collection of str
        What such a folder may hold.

    Raises
    ------
    EmbedkitError
        When it cannot be written.
    ConfigError
        When `target` holds other files.
    """
    check_folder(target, names)
    target = plain(os.fspath(target))
    if is_url(target):
        with temporary_folder(stem="model") as folder:
            yield folder
            with kept_unless_sent(folder, target):
                send(folder, target)
        return
    final = Path(os.path.realpath(target))
    new, old = temporary_name(final.parent, final.name), temporary_name(final.parent, final.name)
    try:
        new.mkdir()
        with named(target):
            yield new
        for file in new.rglob("*"):
            if file.is_file():
                with open(file, "rb+") as stream:
                    os.fsync(stream.fileno())
        if final.exists():
            os.replace(final, old)
        os.replace(new, final)
        sync_folder(final.parent)
    except OSError as error:
        if old.exists() and not final.exists():
            os.replace(old, final)
        refuse_unwritten(target, error)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def readme_of(target: Name) -> str | None:
    """The text of the README.md that a folder, on disk or at a URL, holds already."""
    target = plain(os.fspath(target))
    if is_url(target):
        return text_at(f"{target.rstrip('/')}/README.md")
    path = Path(target) / "README.md"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def check_folder(target: Name, names: Collection[str]) -> None:
    """See before the work whether a folder may be written; parameters and errors of `atomic_folder`."""
    target = plain(os.fspath(target))
    if is_url(target):
        reach(f"{target.rstrip('/')}/README.md")
        return
    if is_stream(target):
        raise EmbedkitError(f"cannot write {shown(target)}: this format is a folder of files; name a folder on disk")
    final = Path(os.path.realpath(target))
    if not final.parent.is_dir():
        raise EmbedkitError(
            f"cannot write {os.fspath(target)}: the folder {Path(target).parent} does not exist; create it first"
        )
    if final.exists() and not final.is_dir():
        raise ConfigError(
            f"cannot write {os.fspath(target)}: this format is a folder, and there is a file of that name"
        )
    others = sorted(entry.name for entry in final.iterdir() if entry.name not in names) if final.exists() else []
    if others:
        raise ConfigError(
            f"cannot write {os.fspath(target)}: the folder holds other files ({', '.join(others[:3])}); name a new one"
        )
