"""What the time of a run on the workers of a cluster goes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Worked(Protocol):
    """What every reply tells."""

    @property
    def trained(self) -> list[float]:
        """Seconds of training in each stage."""

    @property
    def waited(self) -> float:
        """Seconds that it waited for others on its machine."""

    @property
    def moved(self) -> int:
        """Bytes sent to other workers."""

    @property
    def took(self) -> float:
        """Seconds that the worker had the order, before what it answers travels."""


class Figures:
    """What the time of a run goes to, and how much travels.

    A worker trains, merges, and is *waiting* for the others in between: for those on its machine, as it sees, and for
    those elsewhere at least as long as they trained longer than it did. All that a round takes beside training and
    waiting is *merging*: merging itself, sending, what the engine needs, and this process.
    """

    def __init__(self) -> None:
        self.moved = self._seconds = self._waited = self._trained = 0.0

    def add(self, seconds: float, replies: Sequence[Worked]) -> None:
        """Count the rounds of an order that took so long."""
        trained = np.array([reply.trained for reply in replies])
        behind = (trained.max(axis=0) - trained).sum(axis=1)
        self._seconds += seconds
        self._waited += float(np.maximum(behind, [reply.waited for reply in replies]).mean())
        self._trained += float(trained.sum(axis=1).mean())
        self.moved += sum(reply.moved for reply in replies)

    def shown(self) -> dict[str, float]:
        """Megabytes moved, and percents of the time."""
        whole = max(self._seconds, 1e-9)
        return {
            "moved_MB": self.moved / 1e6,
            "waiting_%": 100.0 * self._waited / whole,
            "merging_%": 100.0 * max(0.0, 1.0 - (self._trained + self._waited) / whole) if self._seconds else 0.0,
        }
