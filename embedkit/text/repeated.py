"""Files that are named twice, perhaps under two names: their text counts twice, which may be meant."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterable, Iterator

from embedkit.errors import few_names
from embedkit.files.locations import STDIN
from embedkit.files.urls import is_url, shown


def tell_repeated(files: Iterable[str | os.PathLike[str]]) -> None:
    """Warn where a file is in a list more than once, also by another spelling or through a link.

    Warns
    -----
    UserWarning
    """
    first: dict[object, str] = {}
    again = dict[str, None]()
    for name, identity in _identities(files):
        if identity not in first:
            first[identity] = name
        else:
            known = first[identity]
            again[shown(name) if known == name else f"{shown(name)} (which is {shown(known)})"] = None
    if again:
        are = "files are" if len(again) > 1 else "a file is"
        warnings.warn(f"{are} read twice, and counted twice: {few_names(list(again), 3, 200)}", stacklevel=1)


def _identities(files: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, object]]:
    """Names with what is the same for all names of a file; without streams."""
    for file in files:
        name = os.fspath(file)
        if is_url(name):
            yield str(name), str(name)
            continue
        try:
            found = os.stat(name)
        except OSError:  # which is told when the file is read
            continue
        if name != STDIN and not stat.S_ISFIFO(found.st_mode) and not stat.S_ISCHR(found.st_mode):
            yield str(name), (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(name)
