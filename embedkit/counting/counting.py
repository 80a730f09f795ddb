"""Counting a corpus, in memory or within a bound of it.

Rows are independent (`embedkit.kernels.cooccurrence`), so counts leave in the order of their rows and need no more
memory than the blocks under way. What must be in memory is the id stream with the positions of its words, eight
bytes a token. Where a corpus is larger than the bound allows, it is counted a part at a time, each part spilled as a
sorted run, and the runs are merged (`embedkit.counting.runs`).
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from embedkit.counting.rows import BLOCK_RECORDS, BlockWorkers, RowBlock, cut_rows
from embedkit.counting.runs import Run, merge_runs, spill
from embedkit.counting.window import Window
from embedkit.errors import ConfigError
from embedkit.files.temporary import temporary_folder
from embedkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from embedkit.vocabulary.corpus import Corpus

# What the interpreter, NumPy, numba and the compiled kernels take: measured 150 MB on Linux, rounded up.
RESIDENT = 180 << 20
_TOKEN_BYTES = 8  # an id and a position
_FEWEST_TOKENS = 1 << 16
_MOST_TOKENS = (1 << 31) - 1  # positions are int32


def fixed_bytes(n_words: int, workers: int) -> int:
    """Memory that counting takes whatever the size of the corpus."""
    records = max(BLOCK_RECORDS, n_words)
    vocabulary = 60 * n_words
    thread = 13 * n_words + 12 * records
    return RESIDENT + vocabulary + workers * thread + 12 * records * (2 * workers + 1)


def memory_for(tokens: int, n_words: int, workers: int) -> int:
    """The memory in which so many tokens are counted at a time, as `tokens_within` has it."""
    return fixed_bytes(n_words, workers) + _TOKEN_BYTES * max(tokens, _FEWEST_TOKENS)


def tokens_within(memory: int, n_words: int, workers: int) -> int:
    """How many tokens can be counted at a time within `memory` bytes.

    Raises
    ------
    ConfigError
        When not even the vocabulary fits.
    """
    least = fixed_bytes(n_words, workers) + _TOKEN_BYTES * _FEWEST_TOKENS
    if memory < least:
        raise ConfigError(
            f"`memory` {_size(memory)} is too small: a vocabulary of {n_words:,} words and {workers} threads need "
            f"{_size(least)}; give more memory, fewer `workers` or a smaller vocabulary (`min_count`, `max_vocab`)"
        )
    return min((memory - fixed_bytes(n_words, workers)) // _TOKEN_BYTES, _MOST_TOKENS)


def count_blocks(
    corpus: Corpus,
    window: Window,
    *,
    workers: int,
    memory: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None = None,
    scaled: bool = False,
) -> Generator[RowBlock, None, None]:
    """Count a corpus and yield its rows in order.

    Parameters
    ----------
    corpus : Corpus
    window : Window
    workers : int
        Threads; the counts are the same, bit for bit, for any number.
    memory : int, optional
        Bytes that the process may take; no bound by default.
    folder : path, optional
        Where runs are spilled: a temporary folder in it, removed in the end; the system's by default.
    progress : callable, optional
    scaled : bool
        Leave the counts multiplied by the scale of ``window.weights``: whole numbers that add up exactly.

    Raises
    ------
    ConfigError
        When `memory` cannot hold the vocabulary.
    EmbedkitError
        When spilling fails; what was spilled has been removed then.
    """
    n_words = len(corpus.vocabulary)
    length = len(corpus.ids)
    at_a_time = _MOST_TOKENS if memory is None else tokens_within(memory, n_words, workers)
    weights, scale = window.weights(int(corpus.vocabulary.counts.max(initial=0)))
    scale = 1.0 if scaled else scale
    parts = -(-length // at_a_time)
    report = _Report(progress, corpus.n_tokens)
    if parts <= 1:
        yield from _count_part(corpus.ids, (0, length), n_words, window, (weights, scale), workers, report)
        return
    with temporary_folder(folder, "counts") as spilled:
        runs: list[Run] = []
        for k in range(parts):
            part = (length * k // parts, length * (k + 1) // parts)
            blocks = _count_part(corpus.ids, part, n_words, window, (weights, 1.0), workers, report)
            runs.append(spill(blocks, spilled / f"run{k}"))
            _let_go(corpus.ids)
        yield from merge_runs(runs, n_words, scale, workers=workers, folder=spilled, memory=memory, progress=progress)


def _count_part(
    ids: np.ndarray,
    part: tuple[int, int],
    n_words: int,
    window: Window,
    weights: tuple[np.ndarray, float],
    workers: int,
    report: _Report,
) -> Iterator[RowBlock]:
    """Count the words of ``ids[part]``, whose neighbours may lie outside of it."""
    from embedkit.kernels.cooccurrence import count_rows, invert

    first, last = part
    view = np.asarray(ids[max(0, first - window.size) : last + window.size])
    begin = first - max(0, first - window.size)
    starts = np.zeros(n_words + 1, np.int64)
    positions = np.empty(last - first, np.int32)
    invert(view, begin, begin + last - first, starts, positions)
    right, scale = weights
    left = right if window.symmetric else right[:0]  # a row of a one-sided count is the word that stands first
    occurrences = np.diff(starts)
    most = np.minimum(n_words, occurrences * (len(left) + len(right)))
    blocks = cut_rows(most)
    pool = BlockWorkers(n_words, max(int(most[a:b].sum()) for a, b in blocks), workers)

    def fill(
        first: int,
        last: int,
        scratch: tuple[np.ndarray, ...],
        lengths: np.ndarray,
        columns: np.ndarray,
        values: np.ndarray,
    ) -> int:
        return int(
            count_rows(view, positions, starts, first, last, left, right, scale, scratch, lengths, columns, values)
        )

    for (_, row), block in zip(blocks, pool.blocks(blocks, fill), strict=True):
        report(int(starts[row]))
        yield block
    report.before += int(starts[-1])


class _Report:
    """Progress through the tokens of a corpus, a part after the other."""

    def __init__(self, progress: ProgressCallback | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.before = 0  # tokens of the parts that are done
        self._last = 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if self.progress is not None and (now - self._last > 0.1 or self.before + done == self.total):
            self._last = now
            self.progress(Progress("counting", self.before + done, self.total))


def _let_go(ids: np.ndarray) -> None:
    """Tell the system that the pages of a mapped id stream are not needed for now, so that they do not add up."""
    mapped = getattr(ids, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _size(n: int) -> str:
    """Bytes as ``--memory`` takes them, in the largest unit that they are whole numbers of; else no less, in M."""
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if n >= unit and (n % unit == 0 or letter == "M"):
            return f"{-(-n // unit)}{letter}"
    return str(n)
