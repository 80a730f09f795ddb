"""What GloVe keeps on disk: the counts of groups of rows as they come, then their records.

So memory does not grow with the corpus, neither on one machine, which has all the groups, nor on a worker of a cluster,
which has those of its parts. What was written lately the system has in memory anyway, where there is room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from embedkit.counting.rows import RowBlock
from embedkit.files.spool import Spool
from embedkit.threads import ordered_map
from embedkit.training.glove_records import Groups, arrange, fingerprint, squares
from embedkit.training.options import TrainingConfig


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
    """The counts of some rows of a block, group after group.

    Attributes
    ----------
    ends : int64 (each + 1,)
        Where the rows of each of the groups begin, and the last one's end.
    lengths : int64 (n_rows,)
    columns : int32 (n,), values : float64 (n,)
        Row after row.
    """

    ends: np.ndarray
    lengths: np.ndarray
    columns: np.ndarray
    values: np.ndarray


class PartCounts:
    """The counts of groups of rows on disk, as they come: stretches of rows, in each the groups one after the other."""

    def __init__(self) -> None:
        self._spool = Spool("the counts of words")
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


class Room:
    """Memory of one thread for the records of a block, used again for the next.

    Two threads that ask the system for the memory of each block anew wait for one another.
    """

    def __init__(self) -> None:
        self._pairs, self._targets = np.empty(0, np.uint16), np.empty(0, np.float32)

    def of(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Room for n numbers of pairs and of targets, at least."""
        if n > len(self._pairs):
            self._pairs, self._targets = np.empty(n + n // 8, np.uint16), np.empty(n + n // 8, np.float32)
        return self._pairs, self._targets


class PartRecords:
    """The records of groups of rows on disk, group after group.

    Attributes
    ----------
    groups : dict of int to int64 (n_groups + 1,)
        Where the blocks of each begin in it, and the last one's end.
    summary : Summary or None
        Of a part, when it is complete.
    """

    def __init__(self) -> None:
        self._spool = Spool("the records of words")
        self._places: dict[int, tuple[int, int]] = {}  # where its pairs and its targets begin
        self.groups: dict[int, np.ndarray] = {}
        self.summary: Summary | None = None

    def __len__(self) -> int:
        return sum(int(starts[-1]) for starts in self.groups.values())

    def add(self, g: int, starts: np.ndarray, pairs: np.ndarray, targets: np.ndarray) -> None:
        """Keep a group's records, whose blocks begin at `starts`."""
        self._places[g] = self._spool.add(pairs), self._spool.add(targets)
        self.groups[g] = starts

    def read(self, g: int, first: int, last: int, room: Room | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The pairs and targets of the records of blocks ``first .. last - 1`` of a group.

        With `room` they are in it, until something else is read into it.
        """
        (pairs, targets), starts = self._places[g], self.groups[g]
        low, n = int(starts[first]), int(starts[last] - starts[first])
        places = (None, None) if room is None else room.of(2 * n)
        return (
            self._spool.read(np.uint16, pairs + 4 * low, 2 * n, places[0]).reshape(n, 2),
            self._spool.read(np.float32, targets + 8 * low, 2 * n, places[1]).reshape(n, 2),
        )


class Made(NamedTuple):
    """Records that were made of counts.

    Attributes
    ----------
    records : PartRecords
    prints : list of str
        The fingerprint of the counts of each group.
    squares : float
        The sum of f(x) (log x)² over the records.
    """

    records: PartRecords
    prints: list[str]
    squares: float


def make_records(
    counts: PartCounts,
    groups: Groups,
    mine: range,
    config: TrainingConfig,
    workers: int = 1,
    report: Callable[[int], None] | None = None,
) -> Made:
    """Make the records of the groups that counts were kept of.

    Parameters
    ----------
    counts : PartCounts
    groups : Groups
    mine : range
        Which of all groups they are.
    config : TrainingConfig
    workers : int
        Threads, each with a group at a time in memory.
    report : callable, optional
        Is told how many records are made.
    """
    records = PartRecords()

    def make(i: int) -> tuple[int, str, float]:
        lengths, columns, values = counts.group(i)
        starts, pairs, targets = arrange(groups, config, mine[i], lengths, columns, values)
        records.add(i, starts, pairs, targets)
        return len(pairs), fingerprint(lengths, [columns], [values]), squares(targets)

    n, prints, weighted = 0, [], 0.0
    for more, of_group, some in ordered_map(make, range(len(mine)), workers, "arrange"):
        n += more
        prints.append(of_group)
        weighted += some
        if report is not None:
            report(n)
    return Made(records, prints, weighted)


def rows_of_part(blocks: Sequence[RowBlock], groups: Groups, part: int) -> list[PartRows]:
    """The rows of a part among those of blocks, of each block in the order of the groups."""
    mine = [groups.members(g) for g in groups.of_part(part)]
    return [rows_of_groups(block, mine) for block in blocks]


def rows_of_groups(block: RowBlock, members: Sequence[np.ndarray]) -> PartRows:
    """The rows of groups among those of a block, in the order of the groups; `members` are the words of each."""
    edges = [block.first, block.first + len(block.lengths)]
    there = [words[slice(*np.searchsorted(words, edges))] - block.first for words in members]
    rows = np.concatenate(there)
    offsets, lengths = np.concatenate([[0], np.cumsum(block.lengths)]), block.lengths[rows]
    before = np.cumsum(lengths) - lengths
    cells = np.repeat(offsets[rows] - before, lengths) + np.arange(int(lengths.sum()))
    ends = np.concatenate([[0], np.cumsum([len(one) for one in there])])
    return PartRows(ends, lengths, block.columns[cells], block.values[cells])
