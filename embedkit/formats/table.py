"""The table of formats: which module reads and writes each, and which suffixes choose it."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.files.magic import compression_of
from embedkit.files.urls import is_url

if TYPE_CHECKING:
    from embedkit.rows.table import EmbeddingTable


class Format(NamedTuple):
    """A format: its module, the suffixes that choose it, what it keeps besides, and whether it is a folder."""

    module: str
    suffix: str
    keeps: frozenset[str] = frozenset()
    folder: bool = False


_EVERYTHING = frozenset({"n-grams", "output vectors"})
_OURS = _EVERYTHING | {"document vectors"}
FORMATS: dict[str, Format] = {
    "native": Format("embedkit.formats.native", ".safetensors", _OURS),
    "word2vec-text": Format("embedkit.formats.word2vec_text", ".txt"),
    "word2vec-binary": Format("embedkit.formats.word2vec_binary", ".bin"),
    "fasttext": Format("embedkit.formats.fasttext", "", _EVERYTHING),
    "fasttext-vec": Format("embedkit.formats.fasttext_vec", ".vec"),
    "glove-text": Format("embedkit.formats.glove_text", ""),
    "glove-binary": Format("embedkit.formats.glove_binary", ""),
    "floret": Format("embedkit.formats.floret", ".floret"),
    "finalfusion": Format("embedkit.formats.finalfusion", ".fifu"),
    "npz": Format("embedkit.formats.npz", ".npz"),
    "npy": Format("embedkit.formats.npy", ".npy"),
    "parquet": Format("embedkit.formats.parquet", ".parquet"),
    "arrow": Format("embedkit.formats.arrow", ".arrow .feather"),
    "csv": Format("embedkit.formats.csv_table", ".csv"),
    "projector": Format("embedkit.formats.projector", ".tsv"),
    "sqlite": Format("embedkit.formats.sqlite", ".sqlite"),
    "safetensors": Format("embedkit.formats.safetensors", ""),
    "static-embedding": Format("embedkit.formats.static_embedding", "", folder=True),
    "spacy": Format("embedkit.formats.spacy_vectors", "", folder=True),
    "hub": Format("embedkit.formats.hub", "", _EVERYTHING, folder=True),
}

HUB = "hf://"
JAMO_IN_BIN = (
    "cannot write fastText .bin: it has no place for jamo subwords, its readers would cut words into "
    "characters; use .safetensors (everything) or .vec (the words' vectors)"
)


def module_of(format: str) -> Any:
    """The module of a format.

    Raises
    ------
    ConfigError
        When there is no such format.
    """
    if format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}: expected one of {', '.join(FORMATS)}")
    return import_module(FORMATS[format].module)


def name_of(format: str) -> str:
    """A format's name for a sentence."""
    return "the native format" if format == "native" else format


def reader_of(format: str) -> Callable[..., Any] | None:
    """What reads a format: its ``blocks`` where the file is gone through once, else its ``read``."""
    module = module_of(format)
    return getattr(module, "blocks", None) or getattr(module, "read", None)


def streams(format: str) -> bool:
    """Whether a format is parsed block by block rather than mapped."""
    return hasattr(module_of(format), "blocks")


def format_for(path: str | os.PathLike[str], table: EmbeddingTable | None = None, subwords: str = "none") -> str:
    """The format that the suffix of a file to be written chooses.

    A URL of the Hub (``hf://OWNER/MODEL``) is a folder there. ``.bin`` is fastText's where the model has character
    subwords, else word2vec's; with jamo subwords it is refused.

    Parameters
    ----------
    path : path
    table : EmbeddingTable, optional
        What is to be written.
    subwords : {"none", "chars", "jamo"}
        The subwords of a model that is still to be trained.

    Raises
    ------
    ConfigError
        When the suffix names no format.
    EmbedkitError
        For a ``.bin`` with jamo subwords.
    """
    if os.fspath(path).startswith(HUB):
        return "hub"
    suffix = suffix_of(path)
    kind = table.subwords.kind if table is not None and table.subwords is not None else subwords
    if suffix == ".bin" and kind == "chars":
        return "fasttext"
    if suffix == ".bin" and kind == "jamo":
        raise EmbedkitError(JAMO_IN_BIN)
    for name, found in FORMATS.items():
        if suffix in found.suffix.split():
            return name
    written = (found for name, found in FORMATS.items() if hasattr(module_of(name), "write"))
    known = " ".join(sorted({suffix for found in written for suffix in found.suffix.split()}))
    raise ConfigError(f"cannot tell the format from the suffix of {path}: use one of {known}, or name the format")


def words_beside(path: str | os.PathLike[str]) -> str | None:
    """The second file of vectors that are a pair of files by their suffix; None for any other name."""
    if is_url(path) or not suffix_of(path):
        return None
    modules = (module_of(name) for name, found in FORMATS.items() if suffix_of(path) in found.suffix.split())
    return next((str(module.companion(path)) for module in modules if hasattr(module, "companion")), None)


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The suffix that says a format, in lower case: ``.vec`` of ``m.vec`` and of ``m.vec.gz``."""
    name = os.fspath(path)
    packing = compression_of(name)
    return os.path.splitext(name[: len(name) - len(packing)])[1].lower()
