"""What a worker of a cluster holds of a run of GloVe, and the tasks that give it that.

The words are dealt to parts (`embedkit.training.glove_records.Groups`). A worker gets the counts of its parts' rows
from those that added them up, and keeps them on disk; then it makes records of them, a group of rows at a time, and
keeps these on disk as well. So its memory does not grow with the corpus: it holds the matrices of its rows and of as
many parts of columns (`embedkit.training.glove_turns`), and a block of records while it trains on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.shared import SharedAddress, SharedMemory
from embedkit.training.glove_disk import PartCounts, PartRecords, PartRows, Summary, make_records
from embedkit.training.glove_records import Groups
from embedkit.training.node import LINE, Meeting
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_exchange import Mailbox
from embedkit.training.remote_shares import SHARES, Share
from embedkit.training.state import corpus_digest


class Setup(NamedTuple):
    """What every worker knows of a run."""

    groups: Groups
    config: TrainingConfig
    row_size: int


class PartsLayout(NamedTuple):
    """What stands in the memory of a node.

    Attributes
    ----------
    n_workers : int
    parts : list of int
        That its workers train, ascending.
    sizes : list of int
        Rows of each.
    most : int
        Rows of the largest part of all.
    width : int
        Numbers in a row.
    """

    n_workers: int
    parts: list[int]
    sizes: list[int]
    most: int
    width: int

    def arrays(self) -> list[tuple[tuple[int, ...], Any]]:
        """Shapes and dtypes, in order."""
        return [
            ((self.n_workers, LINE), np.int64),
            ((sum(self.sizes), self.width), np.float32),
            ((len(self.parts), self.most, self.width), np.float32),
        ]


class PartsNode(Meeting):
    """The rows that the workers on one machine hold, and the columns that are with them.

    Attributes
    ----------
    rows : float32 (n_rows, width)
        Of words, part after part.
    slots : float32 (n_parts, most, width)
        Of contexts, a part in each.
    first_row : dict of int to int
        Where the rows of a part begin.
    """

    def __init__(self, layout: PartsLayout, arrays: list[np.ndarray], memory: SharedMemory | None = None) -> None:
        super().__init__(layout, arrays, memory)
        self.rows, self.slots = arrays[1:]
        starts = np.concatenate([[0], np.cumsum(layout.sizes)]).tolist()
        self.first_row = dict(zip(layout.parts, starts, strict=False))

    def of(self, part: int, groups: Groups) -> np.ndarray:
        """The rows of a part."""
        start, rows = self.first_row[part], groups.rows(part)
        return self.rows[start : start + rows.stop - rows.start]


@dataclass
class HeldParts(Share):
    """A worker's share of a run.

    Attributes
    ----------
    setup : Setup or None
    counts : dict of int to PartCounts
        Of parts whose records are not made yet.
    records : dict of int to PartRecords
    node : PartsNode or None
    turn : int
        At which the columns on the node are, counted from the beginning of the run.
    slots : dict of int to int
        Where on the node each part of columns is that is there.
    turns : int
        How often columns changed hands since the node was made.
    """

    setup: Setup | None = None
    counts: dict[int, PartCounts] = field(default_factory=dict)
    records: dict[int, PartRecords] = field(default_factory=dict)
    node: PartsNode | None = None
    turn: int = -1
    slots: dict[int, int] = field(default_factory=dict)
    turns: int = 0


def take_counts(share: str, part: int, piece: int, rows: Sequence[PartRows]) -> bool:
    """Keep a piece of the counts of a part."""
    held = SHARES.setdefault(share, HeldParts())
    with held.lock:
        held.counts.setdefault(part, PartCounts()).add(piece, rows)
    return True


def arrange_part(share: str, setup: Setup, part: int, n_pieces: int) -> Summary | None:
    """Make the records of a part when all pieces of its counts are here; None when they are not."""
    held = SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        counts = held.counts.get(part)
        if counts is None or len(counts.pieces) != n_pieces:
            held.counts.pop(part, None)
            return None
        groups = setup.groups
        made, prints, weighted = make_records(counts, groups, groups.of_part(part), setup.config)
        made.summary = Summary(part, corpus_digest(" ".join(prints)), len(made), weighted)
        held.records[part] = made
        del held.counts[part]  # only now: Dask does a task that failed again
        return made.summary


def give_group(share: str, part: int, i: int) -> tuple[Any, ...] | None:
    """The records of the i-th group of a part, for another worker; None when they are not here."""
    held = SHARES.get(share)
    records = None if held is None else held.records.get(part)
    if records is None or records.summary is None or i not in records.groups:
        return None
    starts = records.groups[i]
    return records.summary, starts, *records.read(i, 0, len(starts) - 1)


def take_group(share: str, part: int, i: int, given: tuple[Any, ...] | None) -> Summary | None:
    """Keep the records of a group that another worker gave."""
    if given is None:
        return None
    held = SHARES.setdefault(share, HeldParts())
    with held.lock:
        records = held.records.setdefault(part, PartRecords())
        records.add(i, *given[1:])
    summary: Summary = given[0]
    return summary


def close_part(share: str, part: int, *taken: Summary | None) -> Summary | bool | None:
    """Look whether all groups of a part are here that another worker gave; False when it did not give them all."""
    held = SHARES.get(share)
    records = None if held is None else held.records.get(part)
    if None in taken:
        return False
    if records is None or len(records.groups) != len(taken):
        return None
    records.summary = taken[0]
    return taken[0]


def open_parts(
    share: str, deal: int, layout: PartsLayout, setup: Setup, rows: Sequence[np.ndarray], columns: Sequence[np.ndarray]
) -> SharedAddress | bool | None:
    """Make the node of a machine.

    Parameters
    ----------
    share : str
    deal : int
    layout : PartsLayout
    setup : Setup
    rows, columns : sequence of float32 (n, width)
        Of each part of the layout, and of the part of columns that is with it.

    Returns
    -------
    SharedAddress, bool or None
        Where others find it; True where they cannot; None when this share is not here.
    """
    held = SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        held.at = held.node = None  # the old one goes before a new one comes
        node = PartsNode.new(layout)
        for part, some in zip(layout.parts, rows, strict=True):
            node.of(part, setup.groups)[...] = some
        for slot, some in zip(node.slots, columns, strict=True):
            slot[: len(some)] = some
        held.node, held.deal = node, deal
        _compile(setup, node, held.control)  # here first: the others of the machine load it
        return node.address or True


def join_parts(
    share: str,
    deal: int,
    k: int,
    mine: Sequence[int],
    setup: Setup,
    layout: PartsLayout,
    address: SharedAddress | bool | None,
) -> bool | None:
    """Take a place at a node, at the beginning of step k; records of parts that are others' now are let go.

    Returns
    -------
    bool or None
        False when the node's memory is not within reach, None when the share or its records are not here.
    """
    held = SHARES.get(share)
    if held is None or any(part not in held.records or held.records[part].summary is None for part in mine):
        return None
    with held.lock:
        if held.deal != deal or held.node is None:
            held.at = held.node = None
            held.node = PartsNode.join(layout, address) if isinstance(address, SharedAddress) else None
        if held.node is None:
            return False
        _compile(setup, held.node, held.control)
        held.setup, held.counts = setup, {}
        held.records = {part: held.records[part] for part in mine}
        held.turn, held.turns = setup.groups.turn(k), 0
        met = setup.groups.met(setup.config.seed, held.turn)
        held.slots = {met[part]: slot for slot, part in enumerate(layout.parts)}
        held.deal, held.at, held.mail = deal, k, Mailbox()
        held.control[0] = 0
    return True


def _compile(setup: Setup, node: PartsNode, control: np.ndarray) -> None:
    """Train on nothing, so that the first figures are of training alone."""
    from embedkit.kernels.glove import make_train_block

    nothing = np.zeros((0, 2), np.uint16), np.zeros((0, 2), np.float32)
    rate = np.float32(setup.config.learning_rate)
    make_train_block(setup.row_size)(*nothing, 0, 0, node.rows, node.slots[0], 0, 0, rate, control)
    node.compile(control)


def moved(slots: dict[int, int], coming: Sequence[int], n_slots: int) -> dict[int, int]:
    """Where parts of columns stand when those in `coming` are on a node: who is there stays, others take free places.

    >>> moved({4: 0, 7: 1, 2: 2}, [7, 9, 3], 3)
    {7: 1, 3: 0, 9: 2}
    """
    stay = {b: slot for b, slot in slots.items() if b in coming}
    free = sorted(set(range(n_slots)) - set(stay.values()))
    return {**stay, **dict(zip(sorted(set(coming) - set(stay)), free, strict=False))}
