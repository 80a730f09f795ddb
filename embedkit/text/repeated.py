"""Files that are named more than once, perhaps under two names: their text is read as often, which may be meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from embedkit.errors import few_names, warn_caller
from embedkit.files.locations import STDIN
from embedkit.files.urls import is_url, same_for_all_spellings, shown


def tell_repeated(files: Iterable[str | os.PathLike[str]]) -> None:
    """Warn where a file is in a list more than once, also by another spelling or through a link.

    Warns
    -----
    UserWarning
    """
    names = dict[object, list[str]]()
    for name, identity in _identities(files):
        names.setdefault(identity, []).append(name)
    again = [spellings for spellings in names.values() if len(spellings) > 1]
    if again:
        times = {len(spellings) for spellings in again}
        most = max(times)
        often = "more than once" if len(times) > 1 else "twice" if most == 2 else f"{most} times"
        are = "files are" if len(again) > 1 else "a file is"
        told = few_names([_told(spellings) for spellings in again], 3, 200)
        warn_caller(f"{are} read {often}, as often as named: {told}")


def _told(spellings: list[str]) -> str:
    """One file: its name, or its later names and the first one."""
    first, *others = (shown(name) for name in dict.fromkeys(spellings))
    return f"{', '.join(others)} (which {'are' if len(others) > 1 else 'is'} {first})" if others else first


def _identities(files: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, object]]:
    """Names with what is the same for all names of a file; without streams."""
    for file in files:
        name = os.fspath(file)
        if is_url(name):
            yield str(name), same_for_all_spellings(name)
            continue
        try:
            found = os.stat(name)
        except (OSError, ValueError):  # which is told when the file is read; ValueError for a NUL
            continue
        if name != STDIN and not stat.S_ISFIFO(found.st_mode) and not stat.S_ISCHR(found.st_mode):
            yield str(name), (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(name)
