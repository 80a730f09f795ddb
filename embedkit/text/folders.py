"""What of a folder is read: all files but those that are certainly no text, which are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from embedkit.errors import CorpusError, warn_caller
from embedkit.files.locations import beginnings
from embedkit.files.urls import shown
from embedkit.text.sniffing import foreign_kind

LOOKED_AT = 4096  # bytes of each file
_FEW = 3  # files that are all named


def texts_among(files: Sequence[str], folder: str) -> list[str]:
    """The files of a folder, here or remote, that may be text.

    Raises
    ------
    CorpusError
        When there are none.

    Warns
    -----
    UserWarning
        Where files are left out: each one where they are few, else one of each kind and how many there are.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    texts = []
    for file, head in zip(files, beginnings(files, LOOKED_AT), strict=True):
        what = None if head is None else foreign_kind(head)
        if what is None:
            texts.append(file)
        else:
            kinds[what].append(file)
    if not kinds:
        return texts
    n = len(files) - len(texts)
    named = "; ".join(_named(what, found, n <= _FEW) for what, found in kinds.items())
    if not texts:
        raise CorpusError(f"{shown(folder)}: the folder holds no text: {named}")
    are = f"{n:,} of {len(files):,} files are" if n > 1 else f"1 of {len(files):,} files is"
    warn_caller(f"{shown(folder)}: {are} no text and left out: {named}")
    return texts


def _named(what: str, files: list[str], each: bool) -> str:
    short = what.partition(";")[0]
    if each:
        return "; ".join(f"{shown(file)} looks like {short}" for file in files)
    more = f", and {len(files) - 1:,} more do" if len(files) > 1 else ""
    return f"{shown(files[0])} looks like {short}{more}"
