"""Vectors from files and into files: ``embedkit.load``, ``embedkit.save``, and one file turned into another."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from embedkit import formats
from embedkit.errors import ConfigError
from embedkit.files.magic import compression_of
from embedkit.files.outputs import settled, spill_folder
from embedkit.files.temporary import temporary_folder
from embedkit.files.urls import is_url, shown
from embedkit.formats.compressed import at_hand
from embedkit.progress import ProgressCallback, default_progress
from embedkit.query.keyed_vectors import KeyedVectors

SPILL_ABOVE = 64 << 20  # bytes of a file that is parsed on its way into another


def load(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    spill_to: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None = None,
    limit: int | None = None,
    skip_bad_rows: bool = False,
    encoding: str | None = None,
    encoding_errors: str | None = None,
    **options: Any,
) -> KeyedVectors:
    """Open a file of word vectors.

    Parameters
    ----------
    path : path
        Any of the formats in `embedkit.formats.FORMATS`; compressed with gzip, bzip2, xz or zstd, in a zip archive, or
        not. A URL, a pipe or ``-``, standard input, too.
    format : str, optional
        Its name, where the content does not tell; sniffed by default.
    spill_to : path, optional
        Where the format is one that must be parsed, write a native file there and open that, so that vectors larger
        than the memory can be handled. Not touched where the format can be mapped as it is.
    progress : callable, optional
        Receives `embedkit.progress.Progress` reports; `embedkit.progress.default_progress` says who does otherwise.
    limit : int, optional
        Take the first so many words only; a file that must be parsed is not read further.
    skip_bad_rows : bool
        Leave rows out that cannot be read, with a warning that counts and names them.
    encoding : str, optional
        Of the words in word2vec and GloVe files, as Python names it; UTF-8 by default.
    encoding_errors : {"strict", "replace", "ignore"}, optional
        What to do with words that are not of this encoding; strict by default.
    **options
        What the format's reader takes: ``vocab``, ``words``, ``glove_vectors``, ``tensor``, ``column``; ``member``, the
        file of a zip archive.

    Raises
    ------
    FormatError
        When the file is missing, cut off, damaged or of another kind.
    ConfigError
        For an unknown format or an option that it does not take.
    """
    return KeyedVectors.from_table(
        formats.read(
            path,
            format,
            spill_to=spill_to,
            progress=progress or default_progress(),
            limit=limit,
            skip_bad_rows=skip_bad_rows,
            encoding=encoding,
            encoding_errors=encoding_errors,
            **options,
        )
    )


def save(vectors: KeyedVectors, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
    """Write word vectors; the format is `format`, or what the suffix of `path` says.

    Raises
    ------
    ConfigError
        When neither names a format, or an option is not one of the format.
    EmbedkitError
        When the file cannot be written or the format cannot express the vectors.
    """
    vectors.save(path, format, **options)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    source_format: str | None = None,
    target_format: str | None = None,
    progress: ProgressCallback | None = None,
    change: Callable[[KeyedVectors], KeyedVectors] | None = None,
    words_only: bool = False,
    **options: Any,
) -> KeyedVectors:
    """Turn one file of vectors into another, with no more in memory than the words where the formats allow it.

    Parameters
    ----------
    source, target : path
    source_format, target_format : str, optional
        Names of formats; by the content of `source` and the suffix of `target` otherwise.
    progress : callable, optional
    change : callable, optional
        What to do with the vectors on the way (`embedkit.analysis.operations`).
    words_only : bool
        Words and vectors are all that is wanted. Otherwise what the target's format does not keep (n-grams, output
        vectors, a classifier) is a warning, and an error where nothing would be left of it: where `target` is
        `source`, or a fastText model is written from a classifier.
    **options
        What the reader takes (``limit``, ``encoding``, ``vocab``, ``words``), or else the writer.

    Returns
    -------
    KeyedVectors
        What was converted.

    Raises
    ------
    EmbedkitError
        When something would be lost unasked.
    """
    import inspect

    if target_format is None and os.fspath(target).startswith(formats.HUB):
        target_format = "hub"
    _check_place(source, target, target_format)
    member = options.pop("member", None)
    with at_hand(source, member) as here:
        if os.fspath(here) != os.fspath(source):  # remote, a pipe or in an archive: all of it is here now
            options = {"name": shown(source), "words_only": words_only, **options}
            return convert(here, target, source_format, target_format, progress, change, **options)
    source_format = source_format or formats.sniff(source)
    target_format = target_format or (formats.format_for(target) if formats.suffix_of(target) != ".bin" else None)
    reader = formats.reader_of(source_format)
    taken = inspect.signature(reader).parameters if reader else {}
    ways = ("limit", "skip_bad_rows", "encoding", "encoding_errors")
    for_reader = {key: value for key, value in options.items() if key in taken or key in ways}
    for_writer = {key: value for key, value in options.items() if key not in for_reader}
    parsed = formats.streams(source_format)
    if parsed and target_format == "native" and not (for_writer or change or compression_of(target)):
        return load(source, source_format, spill_to=target, progress=progress, **for_reader)

    def through(vectors: KeyedVectors) -> KeyedVectors:
        left_behind = vectors.table.left_behind
        if change is not None:
            vectors = KeyedVectors.from_table(change(vectors).table.made_of(vectors.table))
        name = target_format or formats.format_for(target, vectors.table)
        if not words_only and os.path.exists(target) and os.path.samefile(source, target):
            formats.refuse_losses(vectors.table, target, name, "is the file that was read")
        if not words_only and left_behind and name == "fasttext":
            formats.refuse_losses(vectors.table, target, name, "would look like the same model")
        save(vectors, target, name, words_only=words_only, **for_writer)
        return vectors

    if not parsed or os.path.getsize(source) < SPILL_ABOVE:
        return through(load(source, source_format, progress=progress, **for_reader))
    with temporary_folder(spill_folder(target), "convert") as folder:
        return through(load(source, source_format, spill_to=folder / "rows", progress=progress, **for_reader))


def _check_place(source: str | os.PathLike[str], target: str | os.PathLike[str], target_format: str | None) -> None:
    """See before the work that a folder is written where the format is one, and that the source does not lie in it."""
    if target_format is None or not formats.FORMATS[target_format].folder:
        if os.path.isdir(target):
            settled(target)  # which says that it is a folder
        return
    formats.check_target(target, target_format)
    within = os.path.join(os.path.realpath(target), "")
    if not is_url(source) and os.path.realpath(source).startswith(within):
        raise ConfigError(f"{os.fspath(target)} holds {os.fspath(source)}, which is read; name another folder")
