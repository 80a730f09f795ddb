"""Blocks of rows: counted from an id stream or merged from runs by threads, handed on in order."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from embedkit.errors import FormatError
from embedkit.threads import ordered_map

BLOCK_RECORDS = 1 << 20  # the most records that a block of several rows can come to


@dataclass(frozen=True)
class RowBlock:
    """Consecutive rows of a matrix of counts.

    Attributes
    ----------
    first : int
        The first row.
    lengths : int64 (n_rows,)
        Columns in each row.
    columns : int32 (n,)
        Row after row, ascending in a row.
    values : float64 (n,)
    """

    first: int
    lengths: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    def __sizeof__(self) -> int:  # which Dask asks for
        return 200 + self.lengths.nbytes + self.columns.nbytes + self.values.nbytes


def make_scratch(n_words: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The working memory of one thread for `embedkit.kernels.cooccurrence.count_rows`."""
    n_bitmap = -(-n_words // 64)
    return (
        np.zeros(n_words + 1, np.int32),
        np.zeros(n_bitmap, np.uint64),
        np.zeros(-(-n_bitmap // 64), np.uint64),
        np.zeros(n_words),
    )


def cut_rows(most: np.ndarray, records: int = BLOCK_RECORDS) -> list[tuple[int, int]]:
    """Cut rows into blocks [first, last) of at most `records` records, or a single row.

    Parameters
    ----------
    most : int64 (n_words,)
        The most records that each row can come to.
    """
    ends = np.concatenate([[0], np.cumsum(most)])
    cuts = [0]
    while cuts[-1] < len(most):
        last = int(np.searchsorted(ends, ends[cuts[-1]] + records, side="right")) - 1
        cuts.append(max(cuts[-1] + 1, last))
    return list(pairwise(cuts))


class BlockWorkers:
    """Threads that fill blocks, each with working memory of its own.

    Parameters
    ----------
    n_words : int
    capacity : int
        The most records in a block.
    workers : int
    """

    def __init__(self, n_words: int, capacity: int, workers: int) -> None:
        self.workers = workers
        self._spare: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(workers):
            buffers = np.empty(capacity, np.int32), np.empty(capacity)
            self._spare.put((make_scratch(n_words), *buffers))

    def blocks(self, blocks: Sequence[tuple[int, int]], fill: Callable[..., int]) -> Iterator[RowBlock]:
        """The blocks in order, some computed ahead.

        Parameters
        ----------
        blocks : sequence of (first, last)
        fill : callable
            ``fill(first, last, scratch, lengths, columns, values) -> number of records``
        """

        def work(block: tuple[int, int]) -> RowBlock:
            first, last = block
            scratch, columns, values = held = self._spare.get()
            try:
                lengths = np.empty(last - first, np.int64)
                n = fill(first, last, scratch, lengths, columns, values)
                return RowBlock(first, lengths, columns[:n].copy(), values[:n].copy())
            finally:
                self._spare.put(held)

        return ordered_map(work, blocks, self.workers, "count")


def check_values(name: str, what: str, values: np.ndarray, start: int) -> None:
    """Refuse what is no count, in a file called `name`, where the first of these is `what` number `start`.

    Raises
    ------
    FormatError
    """
    good = np.isfinite(values) & (values > 0)
    if not good.all():
        at = int(np.argmin(good))
        raise FormatError(f"{name}: {what} {start + at:,} counts {values[at]}; counts are finite and above 0")
