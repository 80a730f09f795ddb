"""What a worker of a cluster keeps on disk for GloVe: the counts of its parts as they come, then their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from embedkit.counting.rows import RowBlock
from embedkit.files.spool import Spool
from embedkit.training.glove_records import Groups


class Summary(NamedTuple):
    """What the process that was started wants to know of a part.

    Attributes
    ----------
    part : int
    digest : str
        The fingerprint of its counts.
    n : int
        Records.
    squares : float
        The sum of f(x) (log x)² over them.
    """

    part: int
    digest: str
    n: int
    squares: float


class PartRows(NamedTuple):
    """The counts of some rows of a part.

    Attributes
    ----------
    ends : int64 (each + 1,)
        Where the rows of each of its groups begin, and the last one's end.
    lengths : int64 (n_rows,)
    columns : int32 (n,), values : float64 (n,)
        Row after row.
    """

    ends: np.ndarray
    lengths: np.ndarray
    columns: np.ndarray
    values: np.ndarray


class PartCounts:
    """The counts of a part's rows on disk, as they come: stretches of rows, in each the groups one after the other."""

    def __init__(self) -> None:
        self._spool = Spool("the counts of its words")
        self.pieces: dict[int, list[tuple[np.ndarray, np.ndarray, int, int]]] = {}

    def add(self, piece: int, rows: Sequence[PartRows]) -> None:
        """Keep a piece; what it held of it before is not used any more."""
        self.pieces[piece] = [
            (
                one.ends,
                np.concatenate([[0], np.cumsum(one.lengths)]),
                self._spool.add(one.columns),
                self._spool.add(one.values),
            )
            for one in rows
        ]

    def group(self, g: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lengths, columns and values of the rows of a group."""
        places: list[tuple[np.ndarray, int, int]] = []
        for _, piece in sorted(self.pieces.items()):
            for ends, offsets, at_columns, at_values in piece:
                mine = offsets[ends[g] : ends[g + 1] + 1]
                places.append((mine, at_columns + 4 * int(mine[0]), at_values + 8 * int(mine[0])))
        lengths = np.concatenate([np.diff(mine) for mine, _, _ in places])
        columns, values = np.empty(int(lengths.sum()), np.int32), np.empty(int(lengths.sum()))
        n = 0
        for mine, at_columns, at_values in places:
            more = int(mine[-1] - mine[0])
            columns[n : n + more] = self._spool.read(np.int32, at_columns, more)
            values[n : n + more] = self._spool.read(np.float64, at_values, more)
            n += more
        return lengths, columns, values


class PartRecords:
    """The records of a part on disk, group after group.

    Attributes
    ----------
    summary : Summary or None
        When it is complete.
    """

    def __init__(self) -> None:
        self._spool = Spool("the records of its words")
        self.groups: dict[int, tuple[int, np.ndarray]] = {}  # where each begins, and its blocks in it
        self.summary: Summary | None = None

    def add(self, g: int, starts: np.ndarray, pairs: np.ndarray, targets: np.ndarray) -> None:
        """Keep a group's records, whose blocks begin at `starts`."""
        at = self._spool.add(pairs)
        self._spool.add(targets)
        self.groups[g] = at, starts

    def read(self, g: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The pairs and targets of the records of blocks ``first .. last - 1`` of a group."""
        at, starts = self.groups[g]
        low, n = int(starts[first]), int(starts[last] - starts[first])
        targets = at + 4 * int(starts[-1]) + 8 * low
        return (
            self._spool.read(np.uint16, at + 4 * low, 2 * n).reshape(n, 2),
            self._spool.read(np.float32, targets, 2 * n).reshape(n, 2),
        )


def rows_of_part(blocks: Sequence[RowBlock], groups: Groups, part: int) -> list[PartRows]:
    """The rows of a part among those of blocks, of each block in the order of the groups."""
    mine = [groups.members(g) for g in groups.of_part(part)]
    return [_rows_in(block, mine) for block in blocks]


def _rows_in(block: RowBlock, mine: Sequence[np.ndarray]) -> PartRows:
    edges = [block.first, block.first + len(block.lengths)]
    there = [words[slice(*np.searchsorted(words, edges))] - block.first for words in mine]
    rows = np.concatenate(there)
    offsets, lengths = np.concatenate([[0], np.cumsum(block.lengths)]), block.lengths[rows]
    before = np.cumsum(lengths) - lengths
    cells = np.repeat(offsets[rows] - before, lengths) + np.arange(int(lengths.sum()))
    ends = np.concatenate([[0], np.cumsum([len(one) for one in there])])
    return PartRows(ends, lengths, block.columns[cells], block.values[cells])
