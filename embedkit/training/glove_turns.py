"""What a worker of a cluster does for GloVe: its rows meet the columns that are with it, then columns change hands.

In a turn a part of the rows meets a part of the columns, group by group (`embedkit.training.glove_records`). Behind it
every part of columns goes to another part of rows: on one machine it stays where it is in the memory that all share,
and who takes it over waits for who had it; between machines it travels from worker to worker.
"""

from __future__ import annotations

import functools
import time
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.desk import threads_here
from embedkit.threads import ordered_map
from embedkit.training.glove_disk import Room
from embedkit.training.glove_worker import moved
from embedkit.training.remote_shares import Crew, carry_out, deliver


class StepsOrder(NamedTuple):
    """Steps that a worker is to train, one after the other.

    Attributes
    ----------
    k, n : int
        The first one, and how many.
    values : list of bool
        Of each worker, whether it is to return what it changed.
    seconds : float
        To wait for others.
    """

    k: int
    n: int
    values: list[bool]
    seconds: float


class StepsReply(NamedTuple):
    """What a worker answers to an order.

    Attributes
    ----------
    costs : dict of int to float64 (n, each, 2)
        For each of its parts, of each step, of each block: the records and the sum of their costs.
    trained : list of float
        Seconds of training in each turn.
    waited : float
        Seconds until others on its machine were done with columns or with their place.
    moved : int
        Bytes sent to other workers.
    took : float
        Seconds that all of it took.
    slots : dict of int to int
        Where on the node the columns are that each of its parts was with in the end.
    values : dict of int to (float32 (n, width), float32 (m, width))
        The rows of each of its parts and those columns, where asked for.
    """

    costs: dict[int, np.ndarray]
    trained: list[float]
    waited: float
    moved: int
    took: float
    slots: dict[int, int]
    values: dict[int, tuple[np.ndarray, np.ndarray]]


def train_steps(share: str, order: StepsOrder, crew: Crew, me: int) -> StepsReply | None:
    """Train steps; None when it cannot be done: the run is not here, or others do not come.

    Parameters
    ----------
    share : str
        What it is called.
    order : StepsOrder
    crew : Crew
    me : int
        Which of the crew this worker is.
    """
    return carry_out(share, crew, order.k, order.n, lambda held: _Turns(held, order, crew, me).run())


class _Turns:
    def __init__(self, held: Any, order: StepsOrder, crew: Crew, me: int) -> None:
        from embedkit.kernels.glove import make_train_block

        self.held, self.order, self.crew, self.me = held, order, crew, me
        self.groups, self.config = held.setup.groups, held.setup.config
        self.train_block = make_train_block(held.setup.row_size)
        self.rate = np.float32(self.config.learning_rate)
        self.mine = crew.replicas[me]
        self.owner = {part: w for w, parts in enumerate(crew.replicas) for part in parts}
        self.here = [part for part, w in self.owner.items() if crew.nodes[w] == crew.nodes[me]]
        self.moved, self.waited, self.begun = 0, 0.0, time.monotonic()

    def run(self) -> StepsReply | None:
        costs: dict[int, list[np.ndarray]] = {part: [] for part in self.mine}
        trained, control = [], self.held.control
        for turn, steps in self.groups.turns(self.order.k, self.order.n):
            if turn != self.held.turn and not self.change(turn):
                return None
            begun = time.monotonic()
            train = functools.partial(self.train, steps)
            found = ordered_map(train, self.mine, min(len(self.mine), threads_here()))
            for part, of_part in zip(self.mine, found, strict=True):
                costs[part].append(of_part)
            trained.append(time.monotonic() - begun)
            if control[0]:
                return None
        met, node, values = self.groups.met(self.config.seed, self.held.turn), self.held.node, {}
        slots = {part: self.held.slots[met[part]] for part in self.mine}
        if self.order.values[self.me]:
            values = {part: (node.of(part, self.groups), self.columns(met[part])) for part in self.mine}
        done = {part: np.concatenate(of_part) for part, of_part in costs.items()}
        took = time.monotonic() - self.begun
        return StepsReply(done, trained, self.waited, self.moved, took, slots, values)

    def train(self, steps: range, part: int) -> np.ndarray:
        """Steps of a turn for a part of the rows: float64 (n_steps, each, 2)."""
        held, groups, seed = self.held, self.groups, self.config.seed
        records, node, turn = held.records[part], held.node, held.turn
        b = groups.met(seed, turn)[part]
        columns, first = node.slots[held.slots[b]], groups.first_rows
        own, theirs = first[part * groups.each], first[b * groups.each]
        found, room = np.zeros((len(steps), groups.each, 2)), Room()
        for n, step in enumerate(steps):
            for m, (i, j) in enumerate(groups.pairs(seed, turn, step)):
                row, column = part * groups.each + i, b * groups.each + j
                pairs, targets = records.read(i, column, column + 1, room)
                places = int(node.first_row[part] + first[row] - own), int(first[column] - theirs)
                cost = self.train_block(
                    pairs, targets, 0, len(pairs), node.rows, columns, *places, self.rate, held.control
                )
                found[n, m] = len(pairs), cost
        return found

    def columns(self, b: int) -> np.ndarray:
        """A part of columns that is on this node."""
        rows = self.groups.rows(b)
        columns: np.ndarray = self.held.node.slots[self.held.slots[b], : rows.stop - rows.start]
        return columns

    def change(self, turn: int) -> bool:
        """Let columns change hands; False when others do not come."""
        held, crew, seed = self.held, self.crew, self.config.seed
        before, now = self.groups.met(seed, turn - 1), self.groups.met(seed, turn)
        had = {b: self.owner[part] for part, b in enumerate(before)}
        gets = {b: self.owner[part] for part, b in enumerate(now)}
        for part in self.mine:
            if crew.nodes[gets[before[part]]] != crew.nodes[self.me]:
                self.send(gets[before[part]], turn, before[part])
        held.turns += 1
        if not self.wait([]):  # tells the others that this one is done with what it had
            return False
        was = {b: slot for b, slot in held.slots.items() if crew.nodes[had[b]] == crew.nodes[self.me]}
        slots = moved(was, [now[part] for part in self.here], len(held.node.slots))
        left_by = {slot: had[b] for b, slot in was.items() if b not in slots}
        for part in self.mine:
            b = now[part]
            if b in was:
                if not self.wait([had[b]]):
                    return False
                continue
            columns = held.mail.take(("columns", turn, b, had[b]), self.order.seconds)
            if columns is None or not self.wait([left_by[slots[b]]] if slots[b] in left_by else []):
                return False
            held.node.slots[slots[b], : len(columns)] = columns
        held.turn, held.slots = turn, slots
        return True

    def wait(self, workers: list[int]) -> bool:
        """Wait for workers on this node to be done with their last turn."""
        held, seats = self.held, np.array([self.crew.seats[w] for w in workers], np.int64)
        begun = time.monotonic()
        reached: bool = held.node.wait(seats, self.crew.seats[self.me], held.turns, held.control, self.order.seconds)
        self.waited += time.monotonic() - begun
        return reached

    def send(self, to: int, turn: int, b: int) -> None:
        columns = self.columns(b).copy()  # its place is soon another one's
        self.moved += columns.nbytes
        self.crew.boxes[to].tell(deliver, self.crew.shares[to], self.crew.deal, ("columns", turn, b, self.me), columns)
