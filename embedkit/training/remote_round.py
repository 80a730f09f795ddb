"""Rounds of replicas on a worker of a cluster: as everywhere (`embedkit.training.seat`), and over several machines.

The process that was started orders whole rounds. Within one the workers wait for each other alone: each merges the
rows that it owns, from the copies on its machine where they are and from what other machines send.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.desk import threads_here
from embedkit.training.remote_exchange import Rows, add_up, changes_of, pack, take_over, unpack
from embedkit.training.remote_shares import Crew, carry_out, deliver
from embedkit.training.seat import Place, Seat, owned_rows, within
from embedkit.training.slices import Result


class Order(NamedTuple):
    """Rounds that a worker is to train, one after the other.

    Attributes
    ----------
    k : int
        The first.
    rounds : list of (int, list of int, float)
        Of each the epoch, its stages (for `embedkit.training.schedule.Part.slice`), and the learning rate.
    tokens : float
        Of a replica in a stage.
    values : bool
        Whether to return the rows that changed, and not only which they are.
    seconds : float
        To wait for others.
    """

    k: int
    rounds: list[tuple[int, list[int], float]]
    tokens: float
    values: bool
    seconds: float


class Reply(NamedTuple):
    """What a worker answers to an order.

    Attributes
    ----------
    results : list of dict of int to Result
        For each stage of all rounds, of each replica.
    trained : list of float
        Seconds of training in each stage.
    waited : float
        Seconds until the others on its machine had come too: behind stages, and behind merging.
    moved : int
        Bytes sent to other workers.
    took : float
        Seconds that all of it took.
    changed : list of Rows
        For each matrix, those rows of its own that may have changed; `changes` are their values, or empty.
    """

    results: list[dict[int, Result]]
    trained: list[float]
    waited: float
    moved: int
    took: float
    changed: list[Rows]


def train_rounds(share: str, order: Order, crew: Crew, me: int) -> Reply | None:
    """Train and merge rounds; None when it cannot be done: the run is not here, or others do not come.

    Parameters
    ----------
    share : str
        What it is called.
    order : Order
    crew : Crew
    me : int
        Which of the crew this worker is.
    """
    return carry_out(share, crew, order.k, len(order.rounds), lambda held: _Rounds(held, order, crew, me).run())


class _Rounds:
    def __init__(self, held: Any, order: Order, crew: Crew, me: int) -> None:
        self.held, self.order, self.crew, self.me = held, order, crew, me
        self.node, self.rule = held.node, held.rule
        self.size, self.short = held.family.config.vector_size, self.rule.short
        self.where = crew.nodes[me]
        self.away = [w for w, node in enumerate(crew.nodes) if node != self.where]
        seats = [seat for seat, node in zip(crew.seats, crew.nodes, strict=True) if node == self.where]
        place = Place(me, len(crew.shares), crew.seats[me], np.array(seats))
        self.seat = Seat(
            self.node, held.family, self.rule, held.parts, crew.replicas[me], place, held.control, threads_here()
        )
        self.owned = [owned_rows(len(base), len(crew.shares)) for base in self.node.base]
        self.moved, self.begun = 0, time.monotonic()
        self.changed = [np.zeros(len(base), np.bool_) for base in self.node.base]

    def run(self) -> Reply | None:
        results, trained = [], []
        merged: list[np.ndarray] | None = []
        for k, (epoch, stages, rate) in enumerate(self.order.rounds, start=self.order.k):
            self.rate = rate
            self.seat.begin(self.order.tokens, rate)
            for n, stage in enumerate(stages):
                begun = time.monotonic()
                results.append(self.seat.train(epoch, stage))
                trained.append(time.monotonic() - begun)
                merged = self.meet(k, n, len(stages))
                if merged is None:
                    return None
            for flags, rows in zip(self.changed, merged or [], strict=True):
                flags[rows] = True
        changed = [self.returned(which) for which in range(len(self.changed))]
        return Reply(results, trained, self.seat.waited, self.moved, time.monotonic() - self.begun, changed)

    def meet(self, k: int, n: int, stages: int) -> list[np.ndarray] | None:
        """Merge what is to meet behind stage n of round k; returns the rows of its own that did."""
        seconds = self.order.seconds
        if not self.away:
            return self.seat.meet(n, stages, seconds)
        meeting = [self.rule.meeting(which, len(base), n, stages) for which, base in enumerate(self.node.base)]
        for owner in self.away:
            rows = [within(owned[owner], part) for owned, part in zip(self.owned, meeting, strict=True)]
            changes = [
                changes_of(self.node, r, which, rows[which], self.size, self.short)
                for which in range(len(rows))
                for r in self.crew.replicas[self.me]
            ]
            self.send(owner, "changes", k, n, changes)
        if not self.seat.wait(seconds):
            return None
        own = [within(owned[self.me], part) for owned, part in zip(self.owned, meeting, strict=True)]
        merged = self.merge(k, n, own)
        return merged if merged is not None and self.seat.wait(seconds) else None

    def merge(self, k: int, n: int, own: list[np.ndarray]) -> list[np.ndarray] | None:
        """Merge own rows with what other machines sent, tell them, and take over what they merged."""
        crew, me = self.crew, self.me
        changes: dict[tuple[int, int], Rows] = {}
        for w in self.away:
            parts = self.receive("changes", k, n, w)
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
                return self.rule.scales(which, rows, self.order.tokens, self.rate, n)

            in_order = [changes[which, r] for r in range(self.rule.n)]
            merged.append(add_up(in_order, scales, self.size, self.short))
            take_over(self.node, which, merged[-1])
        for node in sorted({crew.nodes[w] for w in self.away}):
            self.send(crew.taker(me, node), "merged", k, n, merged)
        for w in self.away:
            if crew.taker(w, self.where) == me:
                parts = self.receive("merged", k, n, w)
                if parts is None:
                    return None
                for which, part in enumerate(parts):
                    take_over(self.node, which, part)
        return [part.rows for part in merged]

    def send(self, to: int, kind: str, k: int, n: int, parts: Sequence[Rows]) -> None:
        crew, buffer = self.crew, pack(parts)
        self.moved += buffer.nbytes
        crew.boxes[to].tell(deliver, crew.shares[to], crew.deal, (kind, k, n, self.me), buffer)

    def receive(self, kind: str, k: int, n: int, sender: int) -> list[Rows] | None:
        buffer = self.held.mail.take((kind, k, n, sender), self.order.seconds)
        return None if buffer is None else unpack(buffer, self.size, self.short)

    def returned(self, which: int) -> Rows:
        """The rows of its own that the rounds changed: those that met behind last stages, and the most used ones."""
        flags = self.changed[which]
        flags[within(self.owned[which][self.me], self.rule.frequent[which])] = True
        rows = np.flatnonzero(flags).astype(np.int32)
        values = self.node.base[which][rows, : self.size] if self.order.values else np.empty(0, np.float32)
        return Rows(rows, values)
