"""Folders that are written as one thing: they appear whole, and never take the place of something else."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.files.atomic import sync_folder
from embedkit.files.locations import is_url, shown
from embedkit.files.outputs import is_stream
from embedkit.files.temporary import temporary_name

Name = str | os.PathLike[str]


@contextlib.contextmanager
def atomic_folder(target: Name, names: Collection[str]) -> Iterator[Path]:
    """Yield an empty folder beside `target` that takes its place when the block ends well.

    Parameters
    ----------
    target : path
        A new folder, an empty one, or one that holds nothing but `names`.
    names : collection of str
        What such a folder may hold.

    Raises
    ------
    EmbedkitError
        When it cannot be written.
    ConfigError
        When `target` holds other files.
    """
    final = check_folder(target, names)
    new, old = temporary_name(final.parent, final.name), temporary_name(final.parent, final.name)
    try:
        new.mkdir()
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                with open(file, "rb+") as stream:
                    os.fsync(stream.fileno())
        if final.exists():
            os.replace(final, old)
        os.replace(new, final)
        sync_folder(final.parent)
    except BrokenPipeError:
        raise
    except OSError as error:
        if old.exists() and not final.exists():
            os.replace(old, final)
        raise EmbedkitError(f"cannot write {shown(target)}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def check_folder(target: Name, names: Collection[str]) -> Path:
    """The real folder behind a name, seen to be one that may be written; parameters and errors of `atomic_folder`."""
    if is_url(target) or is_stream(target):
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
    return final
