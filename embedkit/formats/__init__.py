"""On-disk formats: one file each, with its specification as docstring; here the table and the sniffing.

A format's module has ``read(path, name=None, **options) -> KeyedVectors`` and, where the format can be written,
``write(vectors, path, **options)``. Readers recognise files by content, never by suffix.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedkit.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from embedkit.keyed_vectors import KeyedVectors

# name: (module, suffixes that choose it for writing)
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "native": ("embedkit.formats.native", (".safetensors",)),
}


def load(path: str | os.PathLike[str], format: str | None = None, **options: Any) -> KeyedVectors:
    """Open a file of word vectors.

    Parameters
    ----------
    path : path
        Any of the formats in `FORMATS`.
    format : str, optional
        Its name, where the content does not tell; sniffed by default.
    **options
        What the format's ``read`` takes.

    Raises
    ------
    FormatError
        When the file is missing, cut off, damaged or of another kind.
    """
    path = Path(path)
    if not path.exists():
        raise FormatError(f"no such file: {path}")
    return _call(format or sniff(path), "read", path, options)


def save(vectors: KeyedVectors, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
    """Write word vectors; the format is `format`, or what the suffix of `path` says.

    Raises
    ------
    ConfigError
        When neither names a format.
    EmbedkitError
        When the file cannot be written or the format cannot express the vectors.
    """
    _call(format or format_for(path, vectors), "write", path, options, vectors)


def format_for(path: str | os.PathLike[str], vectors: KeyedVectors | None = None) -> str:
    """The format that the suffix of a file to be written chooses."""
    suffix = Path(path).suffix.lower()
    for name, (_, suffixes) in FORMATS.items():
        if suffix in suffixes:
            return name
    known = " ".join(sorted(s for _, suffixes in FORMATS.values() for s in suffixes))
    raise ConfigError(f"cannot tell the format from the suffix of {path}; use one of {known}, or name the format")


def sniff(path: str | os.PathLike[str]) -> str:
    """The format of a file, by its content.

    Raises
    ------
    FormatError
        When it is not a file of word vectors that embedkit knows.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror or error}") from error
    if not head:
        raise FormatError(f"{path}: expected vectors, found an empty file")
    if head[8:9] == b"{":
        return "native"
    raise FormatError(f"{path}: not a file of word vectors that embedkit knows; name its format")


def _call(format: str, function: str, path: str | os.PathLike[str], options: dict[str, Any], *first: Any) -> Any:
    if format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}: expected one of {', '.join(FORMATS)}")
    module = import_module(FORMATS[format][0])
    return getattr(module, function)(*first, path, **options)
