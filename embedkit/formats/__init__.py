"""On-disk formats: one file each, with its specification as docstring; here the table.

A format's module has ``read(path, name=None, **options) -> EmbeddingTable``, or ``blocks`` with the same parameters
where the file is gone through once (`embedkit.formats.blocks`), and ``write(table, path, **options)`` where it can be
written. Readers recognise files by content (`embedkit.formats.sniffing`), never by suffix. What asks questions of a
table stands above (`embedkit.query`); ``embedkit.load`` and ``embedkit.save`` are in `embedkit.query.storing`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError, warn_caller
from embedkit.files.atomic import atomic_open, check_pair, named
from embedkit.files.magic import compression_of
from embedkit.files.outputs import same_file, spill_folder
from embedkit.files.temporary import temporary_path
from embedkit.formats.table import (
    FORMATS,
    HUB,
    JAMO_IN_BIN,
    format_for,
    module_of,
    name_of,
    reader_of,
    streams,
    suffix_of,
)
from embedkit.options import in_python
from embedkit.rows.norms import not_written

if TYPE_CHECKING:
    from embedkit.progress import ProgressCallback
    from embedkit.rows.table import EmbeddingTable

__all__ = [
    "FORMATS",
    "HUB",
    "check_target",
    "format_for",
    "losses",
    "name_of",
    "read",
    "reader_of",
    "refuse_losses",
    "sniff",
    "streams",
    "suffix_of",
    "write",
]


def read(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    spill_to: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None = None,
    name: str | None = None,
    limit: int | None = None,
    skip_bad_rows: bool = False,
    encoding: str | None = None,
    encoding_errors: str | None = None,
    member: str | None = None,
    **options: Any,
) -> EmbeddingTable:
    """Open a file of word vectors.

    Parameters
    ----------
    path : path
        Any of the formats in `FORMATS`; compressed with gzip, bzip2, xz or zstd, in a zip archive, or not. A URL, a
        pipe or ``-``, standard input, too.
    format : str, optional
        Its name, where the content does not tell; sniffed by default.
    spill_to : path, optional
        Where the format is one that must be parsed, write a native file there and open that, so that vectors larger
        than the memory can be handled. Not touched where the format can be mapped as it is.
    progress : callable, optional
        Receives `embedkit.progress.Progress` reports.
    name : str, optional
        What messages call the file.
    limit : int, optional
        Take the first so many words only; a file that must be parsed is not read further.
    skip_bad_rows : bool
        Leave rows out that cannot be read (a line with too few values, NaN, words that are not UTF-8), with a warning
        that counts and names them; a header that counts otherwise is no error then, but a warning too.
    encoding : str, optional
        Of the words in word2vec and GloVe files, as Python names it: ``latin-1``, ``cp949``; UTF-8 by default.
    encoding_errors : {"strict", "replace", "ignore"}, optional
        What to do with words that are not of this encoding; strict by default.
    member : str, optional
        Which file of a zip archive, where it holds several.
    **options
        What the format's reader takes: ``vocab``, ``words``, ``glove_vectors``, ``tensor``, ``column``.

    Raises
    ------
    FormatError
        When the file is missing, cut off, damaged or of another kind.
    ConfigError
        For an unknown format or an option that it does not take.
    """
    from embedkit.files.urls import shown
    from embedkit.formats.compressed import at_hand, unpacked

    with at_hand(path, member) as here:
        if os.fspath(here) != os.fspath(path):  # remote, a pipe or in an archive: all of it is here now
            return read(
                here,
                format,
                spill_to=spill_to,
                progress=progress,
                name=name or shown(path),
                limit=limit,
                skip_bad_rows=skip_bad_rows,
                encoding=encoding,
                encoding_errors=encoding_errors,
                **options,
            )
    kind = format or sniff(path)
    module = module_of(kind)
    _check_exists(path)
    _check_kind(kind, path)
    reader = reader_of(kind)
    if reader is None:
        raise ConfigError(f"{kind} can be written, not read")
    _check_options(kind, reader, options)
    limit = in_python(limit)
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ConfigError(f"limit must be a whole number from 1 up, got {limit!r}")
    from embedkit.formats.blocks import Reading, collect, sound, spill

    reading = Reading(encoding or "utf-8", encoding_errors or "strict", limit, skip_bad_rows)
    if "reading" in _parameters(reader):
        options["reading"] = reading
    elif encoding is not None or encoding_errors is not None:
        raise ConfigError(f"the format {kind} takes no option `{'encoding' if encoding else 'encoding_errors'}`")
    with unpacked(path) as plain:
        found = reader(plain, name=name or str(path), **options)
        if not hasattr(module, "blocks"):
            return sound(found if limit is None else found.head(limit), name or str(path), reading)
        found.reading = reading
        if spill_to is None:
            return collect(found, progress)
        spill(found, spill_to, progress)
    return read(spill_to, "native")


def write(
    table: EmbeddingTable,
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    words_only: bool = False,
    **options: Any,
) -> None:
    """Write word vectors; the format is `format`, or what the suffix of `path` says.

    What the table holds and the format does not keep is a warning (`losses`).

    Parameters
    ----------
    table : EmbeddingTable
    path : path
    format : str, optional
        One of `FORMATS`. Behind its suffix, ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` compress the file.
    words_only : bool
        Words and vectors are all that is wanted: no warning.
    **options
        What the format's writer takes.

    Raises
    ------
    ConfigError
        When neither names a format, or an option is not one of the format.
    EmbedkitError
        When the file cannot be written or the format cannot express the table.
    """
    name = format or format_for(path, table)
    writer = getattr(module_of(name), "write", None)
    if writer is None:
        raise ConfigError(f"{name} can be read, not written")
    _check_options(name, writer, options)
    _check_finite(table)
    packing = "" if FORMATS[name].folder else compression_of(path)
    if not packing:
        writer(table, path, **options)
    else:
        import shutil

        from embedkit.files.compression import packed

        _check_one_file(name, path)
        with temporary_path(spill_folder(path), "plain") as plain:
            with named(path):
                writer(table, plain, **options)
            with (
                atomic_open(path, streamed=True) as out,
                open(plain, "rb") as source,
                packed(out, packing) as stream,
            ):
                shutil.copyfileobj(source, stream, 1 << 20)
    lost = [] if words_only else losses(table, name)
    if lost:
        warn_caller(f"{path}: {name} does not keep {_and(lost)}{_keeping(name)}")
    if table.dropped and not words_only:
        warn_caller(f"{path} leaves out {_and(table.dropped)} of the model that it was made from")


def losses(table: EmbeddingTable, format: str) -> list[str]:
    """What a table holds, or its file held, beside words and vectors that a format does not keep.

    Counts, the training configuration and the words' own rows are not told of: no text format has them.
    """
    keeps = set(FORMATS[format].keeps)
    if format == "fasttext" and table.outputs_of_tree:
        keeps.discard("output vectors")
    return [*(words for name, words in table.besides.items() if name not in keeps), *table.left_behind]


def refuse_losses(table: EmbeddingTable, path: str | os.PathLike[str], format: str, why: str) -> None:
    """Refuse to write where something would be lost.

    Raises
    ------
    EmbedkitError
    """
    lost = losses(table, format)
    if lost or table.dropped:
        what = f"{name_of(format)} does not keep {_and(lost)}" if lost else f"{_and(table.dropped)} would be left out"
        raise EmbedkitError(
            f"not written: {path} {why}, and {what}; write another file, "
            "or give `words_only` where words and vectors are all that is wanted"
        )


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _keeping(format: str) -> str:
    return "" if FORMATS[format].keeps else "; .safetensors keeps what embedkit reads"


def _check_one_file(format: str, path: str | os.PathLike[str]) -> None:
    if hasattr(module_of(format), "companion"):
        raise ConfigError(
            f"cannot write {path}: {format} is a pair of files, which is not compressed; leave the suffix off"
        )


def check_target(
    path: str | os.PathLike[str],
    format: str | None = None,
    subwords: str = "none",
    vocabulary: str | os.PathLike[str] | None = None,
) -> None:
    """Refuse before the work what `save` would refuse: an unknown format, or a second file of another model.

    Parameters
    ----------
    path : path
    format : str, optional
        By the suffix of `path` otherwise.
    subwords : {"none", "chars", "jamo"}
        Of the model that is to be written.
    vocabulary : path, optional
        The file that the model's words come from; it may stand where the format keeps the words.

    Raises
    ------
    ConfigError, EmbedkitError
    """
    name = format or format_for(path, subwords=subwords)
    module = module_of(name)
    if not hasattr(module, "write"):
        raise ConfigError(f"{name} can be read, not written")
    if FORMATS[name].folder:
        module.check(path)
        return
    if name == "fasttext" and subwords == "jamo":
        raise EmbedkitError(JAMO_IN_BIN)
    if compression_of(path):
        _check_one_file(name, path)
    if hasattr(module, "companion"):
        beside = module.companion(path)
        if vocabulary is None or not same_file(vocabulary, beside):
            check_pair(path, beside, lambda: module.are_a_pair(path, beside))


def sniff(path: str | os.PathLike[str]) -> str:
    """The format of a file or folder, by its content; see `embedkit.formats.sniffing`."""
    from embedkit.formats import sniffing

    _check_exists(path)
    return sniffing.sniff(path)


def _check_exists(path: str | os.PathLike[str]) -> None:
    if not os.path.exists(path):
        raise FormatError(f"no such file: {path}")


def _check_kind(format: str, path: str | os.PathLike[str]) -> None:
    if os.path.isdir(path) != FORMATS[format].folder:
        expected, found = ("folder", "file") if FORMATS[format].folder else ("file", "folder")
        raise FormatError(f"expected a {expected} of the format {format}, found a {found}: {path}")


def _check_finite(table: EmbeddingTable) -> None:
    """Refuse what no reader takes. Rows composed of n-grams check themselves while they are written."""
    from embedkit.rows.composed import ComposedRows

    if isinstance(table.vectors, ComposedRows):
        return
    finite = np.isfinite(table.lengths())
    if not finite.all():
        row = int(np.argmin(finite))
        raise not_written(table.words[row], row)


def _parameters(function: Callable[..., Any]) -> list[str]:
    import inspect

    return list(inspect.signature(function).parameters)


def _check_options(format: str, function: Callable[..., Any], options: dict[str, Any]) -> None:
    if not options:
        return
    taken = _parameters(function)
    for option in options:
        if option not in taken:
            raise ConfigError(f"the format {format} takes no option `{option}`")
