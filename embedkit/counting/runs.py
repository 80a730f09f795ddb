"""Sorted runs of counts on disk, and their sum.

A run is two files, its columns (int32) and its values (float64), row after row; where each row starts is kept in a
third. Merging reads the same rows of all runs and adds them up in the dense accumulator that counting uses as well,
run after run, so that a sum does not depend on threads or block sizes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from embedkit.counting.rows import BLOCK_RECORDS, BlockWorkers, RowBlock, cut_rows
from embedkit.errors import EmbedkitError
from embedkit.progress import Progress, ProgressCallback

MOST_RUNS = 64  # merged at a time


class Run(Protocol):
    """Counts that can be read a few rows at a time; columns may come in any order in a row."""

    def offsets(self, first: int, last: int) -> np.ndarray:
        """Where rows ``first .. last - 1`` start and the last of them ends: int64 (last - first + 1,)."""

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Columns (int32) and values (float64) of records ``start .. stop - 1``."""


class HeldRun:
    """A stretch of the rows of a run, in memory.

    Parameters
    ----------
    first : int
        The first row.
    offsets : int64 (n_rows + 1,)
    columns : int32 (n,)
    values : float64 (n,)
    """

    def __init__(self, first: int, offsets: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
        self._first, self._offsets, self._columns, self._values = first, offsets, columns, values

    def __sizeof__(self) -> int:  # which Dask asks for
        return 200 + self._offsets.nbytes + self._columns.nbytes + self._values.nbytes

    def offsets(self, first: int, last: int) -> np.ndarray:
        return self._offsets[first - self._first : last - self._first + 1]

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        return self._columns[start:stop], self._values[start:stop]


class SpilledRun:
    """A run in a folder of temporary files."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def offsets(self, first: int, last: int) -> np.ndarray:
        return np.fromfile(self._file("offsets"), np.int64, last - first + 1, offset=8 * first)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.fromfile(self._file("columns"), np.int32, stop - start, offset=4 * start),
            np.fromfile(self._file("values"), np.float64, stop - start, offset=8 * start),
        )

    def remove(self) -> None:
        for what in ("offsets", "columns", "values"):
            self._file(what).unlink(missing_ok=True)

    def _file(self, what: str) -> Path:
        return self.base.with_suffix(f".{what}")


def spill(blocks: Iterable[RowBlock], base: Path) -> SpilledRun:
    """Write blocks of rows as a run.

    Raises
    ------
    EmbedkitError
        When the disk is full or the folder cannot be written.
    """
    run = SpilledRun(base)
    try:
        with contextlib.ExitStack() as files:
            offsets, columns, values = (
                files.enter_context(open(run._file(what), "wb", buffering=0))
                for what in ("offsets", "columns", "values")
            )
            end = 0
            _write(offsets, np.zeros(1, np.int64))
            for block in blocks:
                _write(columns, block.columns)
                _write(values, block.values)
                _write(offsets, end + np.cumsum(block.lengths))
                end += len(block.columns)
    except OSError as error:
        raise EmbedkitError(
            f"cannot spill counts to {base.parent}: {error.strerror or error}; what was spilled is removed; give more "
            "`memory`, or the name of a folder with more room as `folder`"
        ) from error
    return run


def _write(file: object, array: np.ndarray) -> None:
    data = np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")
    while data:  # an unbuffered file may take a part only
        data = data[file.write(data) :]  # type: ignore[attr-defined]


def merge_runs(
    runs: Sequence[Run],
    n_words: int,
    scale: float = 1.0,
    *,
    workers: int,
    folder: Path,
    memory: int | None = None,
    progress: ProgressCallback | None = None,
) -> Generator[RowBlock, None, None]:
    """Add up runs and yield the rows of the sum, divided by `scale`, in order.

    Parameters
    ----------
    runs : sequence of Run
    n_words : int
        Rows and columns.
    scale : float
    workers : int
    folder : path
        Where sums of runs go when there are too many to be merged at once; the caller removes it.
    memory : int, optional
        Bytes; limits how many runs are merged at once.
    progress : callable, optional
    """
    at_once = MOST_RUNS
    if memory is not None:
        at_once = max(2, min(MOST_RUNS, memory // (4 * workers * 12 * max(n_words, 1))))
    runs = list(runs)
    done = 0
    while len(runs) > at_once:
        spilled = spill(_merge(runs[:at_once], n_words, 1.0, workers, progress), folder / f"merged{done}")
        for run in runs[:at_once]:
            if isinstance(run, SpilledRun):
                run.remove()
        runs = [*runs[at_once:], spilled]
        done += 1
    yield from _merge(runs, n_words, scale, workers, progress)


def merge_held(runs: Sequence[HeldRun], n_words: int, rows: tuple[int, int], scale: float) -> Iterator[RowBlock]:
    """Rows ``rows[0] .. rows[1] - 1`` of the sum of runs in memory, divided by `scale`."""
    return _merge(runs, n_words, scale, 1, None, rows)


def _merge(
    runs: Sequence[Run],
    n_words: int,
    scale: float,
    workers: int,
    progress: ProgressCallback | None,
    rows: tuple[int, int] | None = None,
) -> Iterator[RowBlock]:
    from embedkit.kernels.cooccurrence import merge_rows

    begin, end = rows or (0, n_words)
    lengths = np.zeros(end - begin, np.int64)
    for run in runs:
        lengths += np.diff(run.offsets(begin, end))
    total = int(lengths.sum())
    blocks = [(begin + a, begin + b) for a, b in cut_rows(lengths, BLOCK_RECORDS)]
    lengths = np.concatenate([np.zeros(begin, np.int64), lengths])
    pool = BlockWorkers(n_words, max(int(lengths[a:b].sum()) for a, b in blocks), workers)

    def fill(
        first: int,
        last: int,
        scratch: tuple[np.ndarray, ...],
        out_lengths: np.ndarray,
        columns: np.ndarray,
        values: np.ndarray,
    ) -> int:
        offsets = np.stack([run.offsets(first, last) for run in runs])
        parts = [run.read(int(row[0]), int(row[-1])) for run, row in zip(runs, offsets, strict=True)]
        sizes = offsets[:, -1] - offsets[:, 0]
        offsets += (np.cumsum(sizes) - sizes - offsets[:, 0])[:, None]
        return int(
            merge_rows(
                offsets,
                np.concatenate([c for c, _ in parts]),
                np.concatenate([v for _, v in parts]),
                scale,
                scratch,
                out_lengths,
                columns,
                values,
            )
        )

    done = 0
    for (first, last), block in zip(blocks, pool.blocks(blocks, fill), strict=True):
        done += int(lengths[first:last].sum())
        if progress is not None:
            progress(Progress("merging", done, total, "records"))
        yield block
