"""What every worker of a cluster has of a run: the share that it holds, and how others stop it or send to it.

A task finds what it needs in this process, or says that it is not there: then it was started on another worker than
meant, or the process is a new one. So every task may be given to any worker at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from embedkit.training.remote_exchange import Letter, Mailbox


@dataclass
class Share:
    """A worker's share of a run.

    Attributes
    ----------
    deal : int
        Which deal of the replicas this is.
    at : int or None
        The round whose beginning the worker holds.
    """

    deal: int = -1
    at: int | None = None
    mail: Mailbox = field(default_factory=Mailbox)
    control: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    lock: threading.Lock = field(default_factory=threading.Lock)


SHARES: dict[str, Any] = {}
Reply = TypeVar("Reply")


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


def carry_out(share: str, crew: Crew, k: int, n: int, work: Callable[[Any], Reply | None]) -> Reply | None:
    """Do n rounds from k on by ``work(share held)``; None when this worker does not hold their beginning."""
    held = SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        if held.deal != crew.deal or held.at != k:
            return None
        held.at = None
        reply = work(held)
        if reply is not None:
            held.at = k + n
        return reply


def forget(run: str) -> None:
    """Let go of all shares of a run that has ended."""
    for share in [share for share in SHARES if share.startswith(run)]:
        SHARES.pop(share, None)


def stop(share: str, deal: int) -> None:
    """Have a round that is under way end, for it cannot be completed."""
    held = SHARES.get(share)
    if held is not None and held.deal == deal:
        held.control[0] = 1
        held.mail.stop()


def deliver(share: str, deal: int, letter: Letter, buffer: np.ndarray) -> None:
    """Lay down what another worker sent."""
    held = SHARES.get(share)
    if held is not None and held.deal == deal:
        held.mail.put(letter, buffer)
