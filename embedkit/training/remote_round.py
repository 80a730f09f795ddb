"""A round of replicas on a worker: train a stage, meet, train the next, until all rows have met.

The process that was started orders whole rounds. Within one the workers wait for each other alone: each merges the
rows that it owns, from the copies on its machine where they are and from what other machines send.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.engine import threads_here
from embedkit.threads import for_each, ordered_map
from embedkit.training.remote_exchange import Rows, add_up, changes_of, owned_rows, pack, take_over, unpack
from embedkit.training.remote_worker import SHARES, deliver
from embedkit.training.replicas import MERGED_AT_ONCE, train_slice
from embedkit.training.slices import Result


class Crew(NamedTuple):
    """Who does what.

    Attributes
    ----------
    deal : int
    shares : list of str
        What the share of each worker is called.
    replicas : list of list of int
        That each worker trains.
    nodes, seats : list of int
        On which node each is, and its place there.
    boxes : list of Box
        Of each worker; empty when all are on one node.
    """

    deal: int
    shares: list[str]
    replicas: list[list[int]]
    nodes: list[int]
    seats: list[int]
    boxes: list[Any]

    def taker(self, owner: int, node: int) -> int:
        """Which worker of a node takes over what an owner elsewhere has merged."""
        there = [w for w, where in enumerate(self.nodes) if where == node]
        return there[owner % len(there)]


class Order(NamedTuple):
    """A round that a worker is to train.

    Attributes
    ----------
    k, epoch : int
    stages : list of int
        For `embedkit.training.schedule.Part.slice`.
    tokens, rate : float
    values : bool
        Whether to return the rows that changed, and not only which they are.
    seconds : float
        To wait for others.
    """

    k: int
    epoch: int
    stages: list[int]
    tokens: float
    rate: float
    values: bool
    seconds: float


class Reply(NamedTuple):
    """What a worker answers to an order.

    Attributes
    ----------
    results : list of dict of int to Result
        For each stage, of each replica.
    trained : list of float
        Seconds of training in each stage.
    moved : int
        Bytes sent to other workers.
    changed : list of Rows
        For each matrix, those rows of its own that have changed; `changes` are their values, or empty.
    """

    results: list[dict[int, Result]]
    trained: list[float]
    moved: int
    changed: list[Rows]


def train_round(share: str, order: Order, crew: Crew, me: int) -> Reply | None:
    """Train and merge a round; None when it cannot be done: the run is not here, or others do not come.

    Parameters
    ----------
    share : str
        What it is called.
    order : Order
    crew : Crew
    me : int
        Which of the crew this worker is.
    """
    held = SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        if held.deal != crew.deal or held.at != order.k or held.node is None:
            return None
        held.at = None
        reply = _Round(held, order, crew, me).run()
        if reply is not None:
            held.at = order.k + 1
        return reply


class _Round:
    def __init__(self, held: Any, order: Order, crew: Crew, me: int) -> None:
        self.held, self.order, self.crew, self.me = held, order, crew, me
        self.node, self.family, self.rule = held.node, held.family, held.rule
        self.mine = crew.replicas[me]
        self.size = self.family.config.vector_size
        self.short = self.rule.short
        self.where = crew.nodes[me]
        self.away = [w for w, node in enumerate(crew.nodes) if node != self.where]
        self.moved = 0
        self.owned = [owned_rows(len(base), len(crew.shares)) for base in self.node.base]

    def run(self) -> Reply | None:
        results, trained = [], []
        stages = self.order.stages
        changed: list[Rows] | None = []
        for n, stage in enumerate(stages):
            begun = time.monotonic()
            results.append(self.train(stage))
            trained.append(time.monotonic() - begun)
            changed = self.meet(n)
            if changed is None:
                return None
        return Reply(results, trained, self.moved, self.changed(changed or []))

    def train(self, stage: int) -> dict[int, Result]:
        """What each replica here does in a stage."""
        order, held = self.order, self.held

        def one(r: int) -> Result:
            matrices, touched = self.node.of(r)
            return train_slice(
                self.family, held.parts[r], order.epoch, stage, order.rate, matrices, touched, held.control
            )

        return dict(zip(self.mine, ordered_map(one, self.mine, min(len(self.mine), threads_here())), strict=True))

    def meet(self, n: int) -> list[Rows] | None:
        """Merge what is to meet behind stage n of the round; returns the rows of its own that did."""
        stages = len(self.order.stages)
        meeting = [self.rule.meeting(which, len(base), n, stages) for which, base in enumerate(self.node.base)]
        for owner in self.away:
            rows = [within(owned[owner], part) for owned, part in zip(self.owned, meeting, strict=True)]
            changes = [
                changes_of(self.node, r, which, rows[which], self.size, self.short)
                for which in range(len(rows))
                for r in self.mine
            ]
            self.send(owner, "changes", n, changes)
        if not self.wait():
            return None
        own = [within(owned[self.me], part) for owned, part in zip(self.owned, meeting, strict=True)]
        merged = self.merge_apart(n, own) if self.away else self.merge_here(n, own)
        return merged if merged is not None and self.wait() else None

    def wait(self) -> bool:
        seats = [seat for seat, node in zip(self.crew.seats, self.crew.nodes, strict=True) if node == self.where]
        return self.node.wait(seats, self.crew.seats[self.me], lambda: self.held.mail.stopped, self.order.seconds)

    def merge_here(self, n: int, own: list[np.ndarray]) -> list[Rows]:
        """Merge rows of which all copies are on this node."""
        from embedkit.kernels.replicas import merge_rows

        node, found, tasks = self.node, [], []
        for which, rows in enumerate(own):
            touched = rows[node.touched[which][:, rows].any(axis=0)]
            scales = self.rule.scales(which, touched, self.order.tokens, self.order.rate, n)
            for start in range(0, len(touched), MERGED_AT_ONCE):
                chosen = slice(start, start + MERGED_AT_ONCE)
                tasks.append((which, touched[chosen], scales[chosen]))
            found.append(Rows(touched, np.empty(0, np.float32)))

        def merge(task: tuple[int, np.ndarray, np.ndarray]) -> None:
            which, rows, scales = task
            merge_rows(node.base[which], node.copies[which], node.touched[which], rows, scales, self.short)
            node.touched[which][:, rows] = 0

        for_each(merge, tasks, min(len(tasks), threads_here()))
        return found

    def merge_apart(self, n: int, own: list[np.ndarray]) -> list[Rows] | None:
        """Merge own rows with what other machines sent, tell them, and take over what they merged."""
        crew, me = self.crew, self.me
        changes: dict[tuple[int, int], Rows] = {}
        for w in self.away:
            parts = self.receive("changes", n, w)
            if parts is None:
                return None
            places = [(which, r) for which in range(len(own)) for r in crew.replicas[w]]
            changes.update(zip(places, parts, strict=True))
        merged = []
        for which, rows in enumerate(own):
            for w, node in enumerate(crew.nodes):
                if node == self.where:
                    for r in crew.replicas[w]:
                        changes[which, r] = changes_of(self.node, r, which, rows, self.size, self.short)

            def scales(rows: np.ndarray, which: int = which) -> np.ndarray:
                return self.rule.scales(which, rows, self.order.tokens, self.order.rate, n)

            in_order = [changes[which, r] for r in range(self.rule.n)]
            merged.append(add_up(in_order, scales, self.size, self.short))
            take_over(self.node, which, merged[-1])
        for node in sorted({crew.nodes[w] for w in self.away}):
            self.send(crew.taker(me, node), "merged", n, merged)
        for w in self.away:
            if crew.taker(w, self.where) == me:
                parts = self.receive("merged", n, w)
                if parts is None:
                    return None
                for which, part in enumerate(parts):
                    take_over(self.node, which, part)
        return merged

    def send(self, to: int, kind: str, n: int, parts: Sequence[Rows]) -> None:
        crew, buffer = self.crew, pack(parts)
        self.moved += buffer.nbytes
        crew.boxes[to].tell(deliver, crew.shares[to], crew.deal, (kind, self.order.k, n, self.me), buffer)

    def receive(self, kind: str, n: int, sender: int) -> list[Rows] | None:
        buffer = self.held.mail.take((kind, self.order.k, n, sender), self.order.seconds)
        return None if buffer is None else unpack(buffer, self.size, self.short)

    def changed(self, last: list[Rows]) -> list[Rows]:
        """The rows of its own that the round changed: the most used ones, and those that met behind its last stage."""
        found = []
        for which, merged in enumerate(last):
            rows = merged.rows.astype(np.int32)
            values = np.empty(0, np.float32)
            if self.order.values:
                rows = np.union1d(rows, within(self.owned[which][self.me], self.rule.frequent[which])).astype(np.int32)
                values = self.node.base[which][rows, : self.size]
            found.append(Rows(rows, values))
        return found


def within(rows: np.ndarray, part: slice) -> np.ndarray:
    """Those of ascending rows that lie in a stretch."""
    low, high = np.searchsorted(rows, [part.start, part.stop])
    return rows[low:high]
