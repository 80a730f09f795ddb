"""GloVe's blocks of several rounds, one after the other, without a barrier behind each round.

A block changes the rows of one group and the columns of one: it has to come behind the block of the round before that
had these rows, and behind the one that had these columns, and behind no others. So what every row goes through is the
same, bit for bit, as if all threads waited behind each round.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from embedkit.threads import HEARD_EVERY

Block = tuple[int, int]


class Trained(NamedTuple):
    """A block that was trained: its round, its group of rows, how many records it has and their cost."""

    k: int
    i: int
    n: int
    cost: float


class Stage:
    """Blocks that threads take in order; all of them have what they depend on before them.

    Parameters
    ----------
    rounds : sequence of sequences of (int, int)
        The blocks of each round: group of rows, group of columns.
    control : int64 (1,)
        Not zero when the work is to stop at once: nobody waits any more.

    Attributes
    ----------
    blocks : list of (int, int, int)
        Round, group of rows, group of columns, in the order in which they are taken.
    """

    def __init__(self, rounds: Sequence[Sequence[Block]], control: np.ndarray) -> None:
        self.blocks = in_order_of_need(rounds)
        self._control = control
        self._taken = itertools.count()
        self._rows, self._columns = ([0] * len(rounds[0]) for _ in range(2))  # rounds that each group has behind it
        self._moved = threading.Condition()

    def take(self) -> Iterator[tuple[int, int, int]]:
        """Blocks, one after the other, each when it can be trained; it counts as trained when the next is asked for."""
        while (at := next(self._taken)) < len(self.blocks):
            block = k, i, j = self.blocks[at]
            if not self._ready(k, i, j):
                with self._moved:
                    while not self._ready(k, i, j):
                        if self._control[0]:
                            return
                        self._moved.wait(HEARD_EVERY)
            yield block
            with self._moved:
                self._rows[i] = self._columns[j] = k + 1
                self._moved.notify_all()

    def _ready(self, k: int, i: int, j: int) -> bool:
        return self._rows[i] == k and self._columns[j] == k


def in_order_of_need(rounds: Sequence[Sequence[Block]]) -> list[tuple[int, int, int]]:
    """The blocks of all rounds; in each those first whose groups were through with the round before first.

    So there are many others between two that need each other, and threads hardly ever wait.
    """
    n = len(rounds[0])
    rows, columns, found = [0] * n, [0] * n, list[tuple[int, int, int]]()
    for k, blocks in enumerate(rounds):
        for i, j in sorted(blocks, key=lambda block: max(rows[block[0]], columns[block[1]])):
            rows[i] = columns[j] = len(found)
            found.append((k, i, j))
    return found


def by_round(found: Iterable[Iterable[Trained]]) -> list[tuple[int, float]]:
    """The records and the cost of each round, whoever trained what: sums of the blocks by their rows."""
    rounds = itertools.groupby(sorted(itertools.chain.from_iterable(found)), key=lambda block: block.k)
    sums = ([(block.n, block.cost) for block in blocks] for _, blocks in rounds)
    return [(sum(n for n, _ in blocks), sum(cost for _, cost in blocks)) for blocks in sums]
