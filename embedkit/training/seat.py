"""What a worker does for replicas in a round, be it a thread or a process: train a stage, meet the others, go on.

The workers of a node wait for each other at two places behind each stage: until all have trained, and until all have
merged. Every row has an owner, who merges it; neighbouring rows have different ones, so that the most used rows are
spread over all. Whoever does what, each replica trains on the same words, and its changes are added in the same order.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from embedkit.threads import for_each, ordered_map
from embedkit.training.merging import Merging, ReplicatedFamily
from embedkit.training.node import Node
from embedkit.training.schedule import Part
from embedkit.training.slices import Result

OWNED_AT_ONCE = 16  # neighbouring rows with one owner
MERGED_AT_ONCE = 2_000  # rows in a task, where a worker has several threads


class Place(NamedTuple):
    """Who a worker is among the others.

    Attributes
    ----------
    owner, n_owners : int
        Among all workers.
    seat : int
        Among those on its node.
    seats : int64 (n,)
        Of all on its node.
    """

    owner: int
    n_owners: int
    seat: int
    seats: np.ndarray


class Seat:
    """A worker, and what it needs for its share of a round.

    Parameters
    ----------
    node : Node
    family : ReplicatedFamily
        Whose own matrices are not used.
    rule : Merging
    parts : dict of int to Part, or sequence of Part
        The text of each replica.
    mine : list of int
        The replicas that it trains.
    place : Place
    control : int64 (1,)
        Work ends soon after it becomes non-zero.
    threads : int

    Attributes
    ----------
    waited : float
        Seconds until the others on this node had come too.
    """

    def __init__(
        self,
        node: Node,
        family: ReplicatedFamily,
        rule: Merging,
        parts: dict[int, Part] | Sequence[Part],
        mine: Sequence[int],
        place: Place,
        control: np.ndarray,
        threads: int = 1,
    ) -> None:
        self.node, self.family, self.rule, self.parts, self.mine = node, family, rule, parts, mine
        self.place, self.control, self.threads = place, control, threads
        self.owned = [owned_rows(len(base), place.n_owners)[place.owner] for base in node.base]
        self._tiers = [[within(own, part) for own, part in zip(self.owned, tier, strict=True)] for tier in rule.parts]
        self._count, self.waited = int(node.arrived[place.seat, 0]), 0.0

    def begin(self, tokens: float, rate: float) -> None:
        """Get ready for a round of stages of so many tokens."""
        self.tokens, self.rate = tokens, rate
        self._scales = [
            [self.rule.scales(which, rows, tokens, rate, every - 1) for which, rows in enumerate(tier)]
            for every, tier in zip(self.rule.every, self._tiers, strict=True)
        ]

    def train(self, epoch: int, stage: int) -> dict[int, Result]:
        """What each of its replicas does in a stage."""

        def one(r: int) -> Result:
            ids, state = self.parts[r].slice(epoch, stage)
            matrices, touched = self.node.of(r)
            return self.family.step_on(matrices, ids, np.float32(self.rate), state, self.control, touched)

        return dict(zip(self.mine, ordered_map(one, self.mine, min(len(self.mine), self.threads)), strict=True))

    def meet(self, stage: int, stages: int, seconds: float) -> list[np.ndarray] | None:
        """Merge what meets behind a stage of a round; as `merge`, or None when others do not come in time."""
        if not self.wait(seconds):
            return None
        merged = self.merge(stage, stages)
        return merged if self.wait(seconds) else None

    def wait(self, seconds: float) -> bool:
        """Wait for the others on this node; False when they do not come."""
        self._count += 1
        begun = time.monotonic()
        come = self.node.wait(self.place.seats, self.place.seat, self._count, self.control, seconds)
        self.waited += time.monotonic() - begun
        return come

    def merge(self, stage: int, stages: int) -> list[np.ndarray]:
        """Merge own rows of which all copies are on this node; returns those that may have changed in this round."""
        if self.rule.n == 1:  # one alone has nobody to meet, and no copy (`Node.of_threads`)
            return []
        tier = self.rule.tier(stage, stages)
        if tier is not None:
            for which, rows in enumerate(self._tiers[tier]):
                self._merge(which, rows, self._scales[tier][which])
            return self._tiers[tier]
        found = []
        for which, own in enumerate(self.owned):
            rows = own[self.node.touched[which][:, own].any(axis=0)]
            self._merge(which, rows, self.rule.scales(which, rows, self.tokens, self.rate, stage))
            found.append(rows)
        return found

    def _merge(self, which: int, rows: np.ndarray, scales: np.ndarray) -> None:
        from embedkit.kernels.replicas import merge_rows

        node, size = self.node, len(rows) if self.threads == 1 else MERGED_AT_ONCE

        def merge(start: int) -> None:
            some = slice(start, start + size)
            merge_rows(
                node.base[which], node.copies[which], node.touched[which], rows[some], scales[some], self.rule.short
            )

        starts = range(0, len(rows), max(1, size))
        for_each(merge, starts, min(len(starts), self.threads))


@functools.lru_cache(maxsize=4)
def owned_rows(n_rows: int, n_workers: int) -> list[np.ndarray]:
    """Which rows of a matrix each worker owns, int64, ascending."""
    owner = np.arange(n_rows) // OWNED_AT_ONCE % n_workers
    return [np.flatnonzero(owner == w) for w in range(n_workers)]


def within(rows: np.ndarray, part: slice) -> np.ndarray:
    """Those of ascending rows that lie in a stretch."""
    low, high = np.searchsorted(rows, [part.start, part.stop])
    return rows[low:high]
