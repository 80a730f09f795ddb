"""Rows on their way between the machines of a run: one buffer for each destination, and where it waits to be taken.

Every row has an owner among the workers. Behind a stage a worker sends each owner on another machine the changes that
its replicas made to the owner's rows; the owner adds up those of all replicas in their order, and sends what they came
to on to each machine once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from embedkit.training.node import Node

Letter = tuple[str, int, int, int]  # what it holds, the round and stage it is of, and the worker it comes from


class Rows(NamedTuple):
    """Changes of some rows of a matrix.

    Attributes
    ----------
    rows : int32 (n,)
        Ascending.
    changes : float32 (n, vector_size), or uint16 for the upper halves of float32 numbers, which is bfloat16
    """

    rows: np.ndarray
    changes: np.ndarray


class Mailbox:
    """What others have sent, until it is taken."""

    def __init__(self) -> None:
        self._letters: dict[Letter, np.ndarray] = {}
        self._change = threading.Condition()
        self.stopped = False

    def put(self, letter: Letter, buffer: np.ndarray) -> None:
        """Lay something down."""
        with self._change:
            self._letters[letter] = buffer
            self._change.notify_all()

    def stop(self) -> None:
        """Have who waits give up."""
        with self._change:
            self.stopped = True
            self._change.notify_all()

    def take(self, letter: Letter, seconds: float) -> np.ndarray | None:
        """What was sent, or None when told to stop or when it does not come."""
        end = time.monotonic() + seconds
        with self._change:
            while letter not in self._letters:
                left = end - time.monotonic()
                if self.stopped or left <= 0:
                    return None
                self._change.wait(left)
            return self._letters.pop(letter)


def pack(parts: Sequence[Rows]) -> np.ndarray:
    """Rows of several matrices and replicas in one buffer, uint8: the lengths (int64), all rows, all changes."""
    lengths = np.array([len(parts), *(len(part.rows) for part in parts)], np.int64)
    pieces = [lengths, *(part.rows for part in parts), *(part.changes for part in parts)]
    return np.concatenate([np.ascontiguousarray(piece).reshape(-1).view(np.uint8) for piece in pieces])


def unpack(buffer: np.ndarray, size: int, short: bool) -> list[Rows]:
    """What `pack` put there; changes are of `size` numbers, bfloat16 if `short`."""
    n = int(buffer[:8].view(np.int64)[0])
    lengths = buffer[8 : 8 + 8 * n].view(np.int64).tolist()
    at, rows = 8 + 8 * n, []
    for length in lengths:
        rows.append(buffer[at : at + 4 * length].view(np.int32))
        at += 4 * length
    found = []
    for one in rows:
        stop = at + len(one) * size * (2 if short else 4)
        found.append(Rows(one, buffer[at:stop].view(np.uint16 if short else np.float32).reshape(len(one), size)))
        at = stop
    return found


def changes_of(node: Node, r: int, which: int, rows: np.ndarray, size: int, short: bool) -> Rows:
    """The changes that a replica on this node made to those of the given rows of a matrix that it touched."""
    copy, touched = node.copies[which][node.place[r]], node.touched[which][node.place[r]]
    rows = rows[touched[rows] != 0]
    changes = copy[rows, :size] - node.base[which][rows, :size]
    return Rows(rows.astype(np.int32), shorter(changes) if short else changes)


def add_up(changes: Sequence[Rows], scales: Any, size: int, short: bool) -> Rows:
    """What the changes of all replicas, in their order, come to: `embedkit.kernels.replicas.merge_rows` to the bit.

    Parameters
    ----------
    changes : sequence of Rows
    scales : callable
        ``scales(rows)``: what each row's summed change counts.
    size : int
    short : bool
    """
    rows = np.unique(np.concatenate([one.rows for one in changes]))
    total = np.zeros((len(rows), size), np.float32)
    for one in changes:
        total[np.searchsorted(rows, one.rows)] += longer(one.changes)
    total *= scales(rows)[:, None]
    return Rows(rows, shorter(total) if short else total)


def take_over(node: Node, which: int, merged: Rows) -> None:
    """Change rows of what all agree on, and give them to the replicas here."""
    rows, changes = merged
    base = node.base[which]
    base[rows, : changes.shape[1]] += longer(changes)
    now = base[rows]
    for copy, touched in zip(node.copies[which], node.touched[which], strict=True):
        copy[rows] = now
        touched[rows] = 0


def shorter(numbers: np.ndarray) -> np.ndarray:
    """float32 numbers as bfloat16, uint16 of the same shape; rounded as `embedkit.kernels.replicas.shorten` does."""
    bits = np.ascontiguousarray(numbers).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def longer(numbers: np.ndarray) -> np.ndarray:
    """The float32 numbers that `shorter` made shorter; float32 numbers as they are."""
    if numbers.dtype == np.float32:
        return numbers
    return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
