"""Runs on the workers of a cluster: who has what, what they are ordered to do, and what is done when one is lost.

What replicas (`embedkit.training.remote_replicas`) and GloVe's parts (`embedkit.training.glove_cluster`) have in
common; both are called replicas here. Each lives on a worker. This process orders rounds, and takes note of what they
changed.

What a worker holds can be made again. A worker that has lost its share (it died, another one does its task) says so.
Then all go back to the beginning of the rounds that were ordered, which is what this process knows, the replicas are
dealt to the workers that live, and these rounds are done again: with the same random numbers from the same rows.
"""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self

from embedkit.cluster.engine import LATE, Engine
from embedkit.cluster.shared import machine_here
from embedkit.errors import CorpusError, EmbedkitError, TrainingError, counted
from embedkit.progress import Timetable
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.remote_figures import Figures
from embedkit.training.remote_shares import Crew, forget, stop
from embedkit.training.replicas import dealt
from embedkit.training.run import Run
from embedkit.training.slices import Result
from embedkit.training.state import Session

FIRST_SECONDS, STALLED_SECONDS = 600.0, 120.0  # that a worker may take: for its first round, with compiling; later
STALLED_TIMES = 20  # of what the longest order took, if that is more
FRESH_SHARE = 10.0  # by which the first order after a deal is shortened for that: much of it may be compiling
ATTEMPTS = 8  # at a round whose workers are lost again and again
NEW_SECONDS = 30.0  # to wait for a worker when none is left
ORDER_SECONDS = 0.5  # about, of rounds that are ordered at once: a worker that dies costs so much, and so does a stop
LOOK_EVERY = 10.0  # seconds: whether there are more workers than before


class WorkersLost(Exception):
    """Workers have lost their share of the run; `late` are those that gave no answer."""

    def __init__(self, late: list[str]) -> None:
        super().__init__(late)
        self.late = late


class RemoteRun(ABC):
    """The replicas of a run on the workers of a cluster.

    Parameters
    ----------
    engine : Engine
    n : int
        How many replicas.
    run : Run

    Attributes
    ----------
    digests : dict of int to str
        The fingerprint of what each replica is trained on.
    """

    note_times = 0.0  # of the time that taking note takes, what changed on its way included, that an order has to last

    def __init__(self, engine: Engine, n: int, run: Run) -> None:
        self.engine, self.n, self.run = engine, n, run
        self.digests: dict[int, str] = {}
        self._name = os.urandom(16).hex()
        self._holds: set[tuple[str, int]] = set()
        self._dealt: dict[str, list[int]] = {}
        self._had: set[str] = set()  # the workers that ever had a share
        self._crew = Crew(0, [], [], [], [], [])
        self._ready = -1  # the round whose beginning the workers hold
        self._fresh = True  # the workers have not done a round yet
        self._looked, self._longest = time.monotonic(), 0.0
        self._figures = Figures()
        self._round, self._at_once = 0, 1

    @abstractmethod
    def _hold(self, wanted: list[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], str | None]]:
        """Give each of these workers what that replica is trained on; yields them with the digests of that.

        The digest is None of one that was lost on the way.
        """

    @abstractmethod
    def _first_state(self, k: int, machines: int) -> Any:
        """What the nodes of so many machines are opened with at the beginning of round k."""

    @abstractmethod
    def _layout(self, workers: list[str]) -> Any:
        """What stands in the memory of the node of these workers."""

    @abstractmethod
    def _open(self, worker: str, k: int, layout: Any, state: Any) -> tuple[Any, ...]:
        """The task that makes a node, and its arguments."""

    @abstractmethod
    def _join(self, worker: str, k: int, layout: Any, address: Any) -> tuple[Any, ...]:
        """The task that takes a place at a node, and its arguments."""

    @abstractmethod
    def _near(self, worker: str, k: int, layout: Any, address: Any) -> None:
        """Look whether the node that a worker made is within reach of this process."""

    @abstractmethod
    def _rounds_of(self, k: int, n: int, seconds: float) -> tuple[Callable[..., Any], Any]:
        """The call that does n rounds from k on, and its order; workers wait for each other so many seconds."""

    @abstractmethod
    def _take_note(self, k: int, n: int, replies: list[Any]) -> None:
        """Take over what n rounds from k on changed."""

    @abstractmethod
    def _results(self, k: int, n: int, replies: list[Any]) -> list[list[Result]]:
        """Of each of n rounds from k on, what it came to."""

    @contextlib.contextmanager
    def dealt(self) -> Iterator[Self]:
        """Deal the replicas to the workers; these forget them in the end."""
        try:
            self._deal([])
            yield self
        finally:
            with contextlib.suppress(EmbedkitError):  # of a cluster that is lost
                workers = [worker for worker in self.engine.workers() if worker in self._had]
                list(self.engine.answers([self.engine.call(worker, forget, self._name) for worker in workers], 5.0))

    def figures(self) -> dict[str, float]:
        """For progress: what the run is doing on the cluster."""
        return {"workers": len(self._dealt), "round": self._round + 1, **self._figures.shown()}

    def rounds(self, k: int, total: int, timetable: Timetable) -> list[list[Result]]:
        """Train some rounds, from k on, of as many as there are in all.

        Returns
        -------
        list of list of Result
            Of each round that was done, what it came to.

        Raises
        ------
        EmbedkitError
            When they cannot be done; what this process knows is as it was before.
        """
        self._round, begun = k, time.monotonic()
        if begun - self._looked > LOOK_EVERY:
            self._look()
        n = min(total - k, self._at_once)
        for attempt in range(ATTEMPTS):
            try:
                if self._ready != k:
                    self._gather(k)
                ordered = time.monotonic()
                replies = self._order(k, n)
                self._take_note(k, n, replies)
                now = time.monotonic()
                self._ready = k + n
                self._figures.add(now - begun, replies)
                noting = now - ordered - max(reply.took for reply in replies)
                seconds = max(ORDER_SECONDS, self.note_times * noting)
                self._at_once = max(1, min(2 * self._at_once, int(seconds * n / max(now - begun, 1e-9))))
                timetable.tick()
                return self._results(k, n, replies)
            except WorkersLost as lost:
                self._ready, self._at_once, n = -1, 1, 1
                time.sleep(0.1 * attempt)
                self._deal(lost.late)
        raise _again_and_again()

    def _look(self) -> None:
        """Deal the replicas anew when workers have joined that can do a share."""
        self._looked = time.monotonic()
        if len(self._dealt) < min(self.n, len(self.engine.workers())):
            self._ready = -1
            self._deal([])

    def _deal(self, late: list[str]) -> None:
        """Deal the replicas to the workers that live, and see that each has what it trains on; `late` do not answer."""
        for worker in late:
            self.engine.leave_out(worker)
            self.run.say(f"the worker {worker} does not answer; others do its work")
        for attempt in range(ATTEMPTS):
            time.sleep(0.1 * attempt)
            if self._deal_to(self._living()):
                return
        raise _again_and_again()

    def _living(self) -> list[str]:
        begun = time.monotonic()
        while not (workers := self.engine.workers()[: self.n]):
            if time.monotonic() - begun > NEW_SECONDS:
                raise EmbedkitError("no worker of the cluster is left that answers")
            time.sleep(0.5)
        return workers

    def _deal_to(self, workers: list[str]) -> bool:
        """Deal the replicas to these workers; False when one was lost on the way."""
        self._dealt = {worker: dealt(self.n, len(workers), i) for i, worker in enumerate(workers)}
        self._had.update(workers)
        places = [(worker, r) for worker, replicas in self._dealt.items() for r in replicas]
        found = list(self._hold([place for place in places if place not in self._holds]))
        for place, digest in found:
            if digest is None:
                continue
            if self.digests.setdefault(place[1], digest) != digest:
                raise CorpusError("the corpus changed since it was read at first; train again on what it is now")
            self._holds.add(place)
        if not self._holds.issuperset(places):
            return False
        self._holds = set(places)
        return True

    def _share(self, worker: str) -> str:
        """What the share of a worker is called, even where several live in one process."""
        return f"{self._name} {worker}"

    def _gather(self, k: int) -> None:
        """Give every worker the state at the beginning of round k; those of one machine share it."""
        workers = list(self._dealt)
        machines = self._ask(dict.fromkeys(workers, (machine_here,)))
        places = {w: [v for v in workers if machines[v] == machines[w]] for w in workers}
        self._crew = self._crew._replace(deal=self._crew.deal + 1)
        seats, state = (
            {w: place.index(w) for w, place in places.items()},
            self._first_state(k, len(set(machines.values()))),
        )
        nodes: dict[str, int] = {}
        while left := [w for w in workers if w not in nodes]:
            layouts = {w: self._layout(places[w]) for w in left}
            made = self._made({w: self._open(w, k, layouts[w], state) for w in left if not seats[w]})
            joined = self._made({w: self._join(w, k, layouts[w], made.get(places[w][0])) for w in left})
            for w in left:
                if joined[w]:
                    nodes[w] = workers.index(places[w][0])
                else:  # out of reach of the others: it has a node to itself
                    places[w], seats[w] = [w], 0
            for w, address in made.items():
                self._near(w, k, layouts[w], address)
        boxes = [self.engine.box(w) for w in workers] if len(set(nodes.values())) > 1 else []
        self._crew = self._crew._replace(
            shares=[self._share(w) for w in workers],
            replicas=list(self._dealt.values()),
            nodes=[nodes[w] for w in workers],
            seats=[seats[w] for w in workers],
            boxes=boxes,
        )
        self._ready, self._fresh = k, True

    def _ask(self, tasks: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
        handles = [self.engine.submit(*task, worker=worker) for worker, task in tasks.items()]
        return dict(zip(tasks, self.engine.results(handles), strict=True))

    def _made(self, tasks: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
        """What workers answer that should hold their share; those that do not have lost it."""
        answers = self._ask(tasks)
        empty = [worker for worker, answer in answers.items() if answer is None]
        if empty:
            self._holds = {(worker, r) for worker, r in self._holds if worker not in empty}
            raise WorkersLost([])
        return answers

    def _order(self, k: int, n: int) -> list[Any]:
        """Have all workers do n rounds, from k on."""
        begun, workers = time.monotonic(), list(self._dealt)
        seconds = max(FIRST_SECONDS if self._fresh else STALLED_SECONDS, STALLED_TIMES * self._longest)
        # A worker gives up waiting for others long before it would be given up itself.
        function, order = self._rounds_of(k, n, seconds / 2)
        found: list[Any] = [None] * len(workers)
        try:
            calls = [
                self.engine.call(worker, function, share, order, self._crew, me)
                for me, (worker, share) in enumerate(zip(workers, self._crew.shares, strict=True))
            ]
            for me, reply in self.engine.answers(calls, seconds):
                found[me] = reply
                if not isinstance(reply, tuple):  # `LATE`, `GONE`, or None of a worker that could not
                    self._stop(workers)
        except BaseException:
            self._stop(workers)
            raise
        if not all(isinstance(reply, tuple) for reply in found):
            raise WorkersLost([worker for worker, reply in zip(workers, found, strict=True) if reply is LATE])
        lasted = time.monotonic() - begun
        self._longest = max(self._longest, lasted / FRESH_SHARE if self._fresh else lasted)
        self._fresh = False
        return found

    def _stop(self, workers: list[str]) -> None:
        for worker, share in zip(workers, self._crew.shares, strict=True):
            self.engine.tell(worker, stop, share, self._crew.deal)


def _again_and_again() -> EmbedkitError:
    return EmbedkitError("workers of the cluster are lost again and again; more memory for each may help")


def train_in_orders(remote: RemoteRun, session: Session) -> KeyedVectors:
    """Train all rounds of a run, the steps of its session, on a cluster.

    Raises
    ------
    EmbedkitError
        When the cluster is lost; the state before the last order is in the checkpoint, where there is one.
    TrainingError
        When training diverges.
    """
    run, steps = session.run, session.work.steps
    total = steps * session.config.epochs
    session.monitor.more = remote.figures

    def loop(timetable: Timetable) -> int:
        k = session.first
        while k < total:
            if timetable.wants_save() or timetable.stopping():
                timetable.save(k)
            if timetable.stopping():
                return k
            try:
                done = remote.rounds(k, total, timetable)
            except TrainingError:
                raise
            except EmbedkitError as error:
                if run.checkpoint is None:
                    raise
                timetable.save(k)
                raise type(error)(f"{error}; the state of the run is in {run.kept}: give `resume` to go on") from error
            for results in done:
                for result in results:
                    session.monitor.add(*result, k // steps)
                k += 1
            timetable.tick()
        return total

    trained = session.train(loop)
    figures = remote.figures()
    run.say(
        f"{counted(int(figures['workers']), 'worker')}, {figures['moved_MB']:,.1f} MB moved; of the time merging and "
        f"moving {figures['merging_%']:.0f} %, waiting for other workers {figures['waiting_%']:.0f} %"
    )
    return trained


def tell_of_kinds(engine: Engine, run: Run) -> None:
    """Say so when workers are of several kinds, whose vectors differ in the last bits."""
    if len(engine.processors) > 1:
        run.say(
            f"the workers differ ({'; '.join(engine.processors)}), and round differently: the last bits of the "
            "vectors depend on who trains what; with equal ones they do not"
        )
