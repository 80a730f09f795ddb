"""Files of counts by name: which format a file has, counting into one, adding several up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedkit.counting import glove_format, long_table, native
from embedkit.counting.cooccurrences import Cooccurrences
from embedkit.counting.counting import count_blocks, tokens_within
from embedkit.counting.rows import RowBlock
from embedkit.counting.runs import Run, merge_runs, spill
from embedkit.counting.window import Window
from embedkit.errors import ConfigError, FormatError
from embedkit.files.copies import is_pipe, on_disk
from embedkit.files.outputs import spill_folder
from embedkit.files.temporary import temporary_folder
from embedkit.files.urls import is_url
from embedkit.progress import ProgressCallback
from embedkit.text.repeated import tell_repeated
from embedkit.threads import usable_cores
from embedkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from embedkit.vocabulary.corpus import Corpus

FORMATS = ("native", "glove", "csv", "tsv", "parquet")
Path_ = str | os.PathLike[str]
_SORTED_AT_ONCE = 1 << 24  # records of an unsorted file, without a bound of memory


def load(
    path: Path_, vocabulary: Vocabulary | None = None, *, workers: int = 1, progress: ProgressCallback | None = None
) -> Cooccurrences:
    """Read counts: our own file (memory-mapped) or GloVe's ``cooccurrence.bin`` with its vocabulary.

    Raises
    ------
    FormatError
        When the file is damaged or of another kind.
    ConfigError
        When the vocabulary is missing or another one.
    """
    if is_url(path) or is_pipe(path):
        with on_disk(path) as here:
            return load(here, vocabulary, workers=workers, progress=progress)
    if native.is_native(path):
        return native.read(path, vocabulary)
    glove_format.refuse_empty(path)
    if vocabulary is None:
        raise ConfigError(
            f"{os.fspath(path)}: not counts in embedkit's own format, and GloVe's carry no "
            "vocabulary; give it as `vocabulary`"
        )
    return glove_format.read(path, vocabulary, workers=workers, progress=progress)


def save(
    path: Path_,
    vocabulary: Vocabulary,
    blocks: Iterable[RowBlock],
    window: Window | None = None,
    format: str | None = None,
) -> int:
    """Write counts as their rows come; returns the number of cells.

    The format is what the suffix says: ``.bin`` GloVe's, ``.csv``, ``.tsv`` and ``.parquet`` a long table (see
    `embedkit.counting.long_table`), all others the native one.
    """
    suffix = Path(path).suffix.lower()
    format = format or ("glove" if suffix == ".bin" else suffix[1:] if suffix in long_table.SUFFIXES else "native")
    if format not in FORMATS:
        raise ConfigError(f"no format of counts named {format!r}; there are {', '.join(FORMATS)}")
    if format == "glove":
        return glove_format.write(path, blocks)
    if format != "native":
        return long_table.write(path, vocabulary, blocks, format)
    return native.write(path, vocabulary, blocks, window)


def count_to_file(
    corpus: Corpus,
    path: Path_,
    window: Window | None = None,
    *,
    format: str | None = None,
    workers: int | None = None,
    memory: int | None = None,
    folder: Path_ | None = None,
    progress: ProgressCallback | None = None,
) -> int:
    """Count a corpus straight into a file; the matrix is never in memory.

    Parameters
    ----------
    corpus : Corpus
    path : path
    window : Window, optional
        15 words to both sides, weighted 1/distance, by default.
    format : {"native", "glove", "csv", "tsv", "parquet"}, optional
        See `save`.
    workers : int, optional
        All cores by default.
    memory : int, optional
        Bytes that the process may take.
    folder : path, optional
        Where to spill; beside `path` by default.
    progress : callable, optional

    Returns
    -------
    int
        The number of cells written.
    """
    window = window or Window()
    blocks = count_blocks(
        corpus,
        window,
        workers=workers or usable_cores(),
        memory=memory,
        folder=folder or spill_folder(path),
        progress=progress,
    )
    with contextlib.closing(blocks):
        return save(path, corpus.vocabulary, blocks, window, format)


def merge_files(
    paths: Sequence[Path_],
    output: Path_,
    *,
    vocabulary: Vocabulary | None = None,
    window: Window | None = None,
    format: str | None = None,
    workers: int | None = None,
    memory: int | None = None,
    folder: Path_ | None = None,
    progress: ProgressCallback | None = None,
) -> int:
    """Add up files of counts, streaming.

    Parameters
    ----------
    paths : sequence of paths
        Of either format.
    vocabulary : Vocabulary, optional
        Needed when none of the files carries it.
    window : Window, optional
        How the files were counted that do not say so themselves (GloVe's). Where the window is known, the counts are
        added as the whole numbers that they were divided from, so that parts add up to one count of the whole, bit
        for bit.
    output, format, workers, memory, folder, progress
        As in `count_to_file`.

    Raises
    ------
    ConfigError
        When the files were counted with different vocabularies or windows.
    FormatError
        When one is damaged.

    Warns
    -----
    UserWarning
        Where a file is named more than once, whose counts are added as often.
    """
    tell_repeated(paths)
    with contextlib.ExitStack() as brought:
        here = [brought.enter_context(on_disk(path)) for path in paths]
        return _merge(here, output, vocabulary, window, format, workers or usable_cores(), memory, folder, progress)


def _merge(
    paths: Sequence[Path],
    output: Path_,
    vocabulary: Vocabulary | None,
    window: Window | None,
    format: str | None,
    workers: int,
    memory: int | None,
    folder: Path_ | None,
    progress: ProgressCallback | None,
) -> int:
    """Add up files that are here, see `merge_files`."""
    opened: dict[Path, Cooccurrences] = {}
    for path in paths:
        if native.is_native(path):
            opened[path] = counts = native.read(path, vocabulary)
            vocabulary = counts.vocabulary
            if window is not None and counts.window is not None and counts.window != window:
                raise ConfigError(
                    f"{os.fspath(path)}: counted with {counts.window}, the files before with {window}; "
                    "only counts of the same window add up"
                )
            window = window or counts.window
        else:
            glove_format.refuse_empty(path)
    if vocabulary is None:
        raise ConfigError("none of the files carries its vocabulary (GloVe's format does not); give `vocabulary`")
    n_words, most_frequent = len(vocabulary), int(vocabulary.counts.max(initial=0))
    scale = 1.0 if window is None else window.weights(most_frequent)[1]
    at_once = _SORTED_AT_ONCE if memory is None else tokens_within(memory, n_words, workers) // 5
    with temporary_folder(folder or spill_folder(output), "counts") as held:
        runs: list[Run] = []
        for k, path in enumerate(paths):
            if path in opened:
                runs.append(_MappedRun(opened[path]))
            else:
                runs += _glove_runs(path, n_words, at_once, held / f"sorted{k}", progress)
        if window is not None:
            runs = [_WholeRun(run, window, most_frequent) for run in runs]
        blocks = merge_runs(runs, n_words, scale, workers=workers, folder=held, memory=memory, progress=progress)
        with contextlib.closing(blocks):
            return save(output, vocabulary, blocks, window, format)


class _MappedRun:
    """Counts of our own format as a run."""

    def __init__(self, counts: Cooccurrences) -> None:
        self._counts = counts

    def offsets(self, first: int, last: int) -> np.ndarray:
        return self._counts.offsets[first : last + 1]

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        return self._counts.columns[start:stop], self._counts.values[start:stop]


class _WholeRun:
    """A run of counts as the whole numbers that they were divided from."""

    def __init__(self, run: Run, window: Window, most_frequent: int) -> None:
        self._run, self._window, self._most_frequent = run, window, most_frequent

    def offsets(self, first: int, last: int) -> np.ndarray:
        return self._run.offsets(first, last)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        columns, values = self._run.read(start, stop)
        return columns, self._window.whole_numbers(values, self._most_frequent)


class _GloveRun:
    """A GloVe file whose records are sorted by row as a run."""

    def __init__(self, path: Path_, offsets: np.ndarray) -> None:
        self._path = path
        self._offsets = offsets

    def offsets(self, first: int, last: int) -> np.ndarray:
        return self._offsets[first : last + 1]

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        size = glove_format.RECORD.itemsize
        records = np.fromfile(self._path, glove_format.RECORD, stop - start, offset=size * start)
        if len(records) != stop - start:
            raise FormatError(f"{os.fspath(self._path)}: became shorter while it was read")
        return records["column"] - np.int32(1), records["value"].copy()


def _glove_runs(path: Path_, n_words: int, at_once: int, base: Path, progress: ProgressCallback | None) -> list[Run]:
    """A GloVe file as one run where it is sorted by row, else as sorted parts, spilled."""
    lengths, ordered, last = np.zeros(n_words, np.int64), True, -1
    for rows, _, _ in glove_format.read_records(path, n_words, progress):
        lengths += np.bincount(rows, minlength=n_words)
        ordered = ordered and int(rows[0]) >= last and bool((np.diff(rows) >= 0).all())
        last = int(rows[-1])
    if ordered:
        return [_GloveRun(path, np.concatenate([[0], np.cumsum(lengths)]))]
    runs: list[Run] = []
    gathered: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for part in glove_format.read_records(path, n_words, progress):
        gathered.append(part)
        if sum(len(rows) for rows, _, _ in gathered) >= at_once:
            runs.append(spill([_sorted(gathered, n_words)], base.with_name(f"{base.name}-{len(runs)}")))
            gathered = []
    if gathered:
        runs.append(spill([_sorted(gathered, n_words)], base.with_name(f"{base.name}-{len(runs)}")))
    return runs


def _sorted(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], n_words: int) -> RowBlock:
    from embedkit.kernels.cooccurrence import group_by_row

    lengths = np.zeros(n_words, np.int64)
    for rows, _, _ in parts:
        lengths += np.bincount(rows, minlength=n_words)
    fill = np.cumsum(lengths) - lengths
    columns, values = np.empty(lengths.sum(), np.int32), np.empty(lengths.sum())
    for rows, part, counts in parts:
        group_by_row(rows, part, counts, fill, columns, values)
    return RowBlock(0, lengths, columns, values)
