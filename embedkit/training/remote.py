"""Replicas on a cluster: they train where their text is, and only rows that were touched travel.

Each replica lives on a worker, with its part of the id stream in a file there. Every row has an owner among the
workers, which merges it with the arithmetic of one machine in the order of the replicas; so the vectors have the same
bits. This process orders rounds, and takes note of the rows that they changed (`embedkit.training.remote_round`).

What a worker holds can be made again. A worker that has lost its share (it died, another one does its task) says so.
Then all go back to the beginning of the rounds that were ordered, which is what this process knows, the replicas are
dealt to the workers that live, and these rounds are done again: the same slices with the same random numbers from the
same rows.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import LATE
from embedkit.cluster.shared import SharedAddress, machine_here
from embedkit.errors import CorpusError, EmbedkitError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import Timetable
from embedkit.training.merging import Merging, ReplicatedFamily
from embedkit.training.node import Layout, Node
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_round import Crew, Order, Reply, train_rounds
from embedkit.training.remote_worker import Model, forget, hold_part, join_node, open_node, stop
from embedkit.training.replicas import check_replicas, dealt, in_order, session_of
from embedkit.training.run import Run
from embedkit.training.schedule import Schedule
from embedkit.training.slices import Result, rate_at
from embedkit.vocabulary.corpus import cut_reach

FIRST_SECONDS, STALLED_SECONDS = 600.0, 120.0  # that a worker may take: for its first round, with compiling; later
STALLED_TIMES = 20  # of what the longest order took, if that is more
ATTEMPTS = 8  # at a round whose workers are lost again and again
NEW_SECONDS = 30.0  # to wait for a worker when none is left
ORDER_SECONDS = 0.5  # about, of rounds that are ordered at once: a worker that dies costs so much, and so does a stop
LOOK_EVERY = 10.0  # seconds: whether there are more workers than before


def train_on_cluster(family: ReplicatedFamily, corpus: SpreadCorpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """`embedkit.training.replicas.train_replicas` on a cluster: the same vectors.

    Raises
    ------
    ConfigError
        When there are more replicas than sentences.
    CorpusError
        When the corpus changed since it was counted.
    EmbedkitError
        When the cluster is lost; the state before the last order is in the checkpoint, where there is one.
    TrainingError
        As there.
    """
    check_replicas(corpus, config)
    if len(corpus.engine.processors) > 1:
        run.say(
            f"the workers differ ({'; '.join(corpus.engine.processors)}), and round differently: the last bits of the "
            "vectors depend on who trains what; with equal ones they do not"
        )
    schedule = Schedule.of(corpus.n_ids, config)
    with RemoteReplicas(family, corpus, config, schedule, run).dealt() as replicas:
        session = session_of(family, config, run, corpus, schedule, replicas.digests)
        session.monitor.more = replicas.figures
        replicas.from_seed = session.first == 0 and run.init is None
        total = schedule.rounds_an_epoch * config.epochs

        def loop(timetable: Timetable) -> int:
            k = session.first
            while k < total:
                if timetable.wants_save() or timetable.stopping():
                    timetable.save(k)
                if timetable.stopping():
                    return k
                try:
                    done = replicas.rounds(k, total, timetable)
                except EmbedkitError as error:
                    if run.checkpoint is None:
                        raise
                    timetable.save(k)
                    raise type(error)(
                        f"{error}; the state of the run is in {run.kept}: give `resume` to go on"
                    ) from error
                for results in done:
                    for result in results:
                        session.monitor.add(*result, k // schedule.rounds_an_epoch)
                    k += 1
                timetable.tick()
            return total

        return session.train(loop)


class WorkersLost(Exception):
    """Workers have lost their share of the run; `late` are those that gave no answer."""

    def __init__(self, late: list[str]) -> None:
        super().__init__(late)
        self.late = late


class RemoteReplicas:
    """The replicas of a run on the workers of a cluster, and the merging.

    Parameters
    ----------
    family : ReplicatedFamily
        Its matrices are what all agree on.
    corpus : SpreadCorpus
    config : TrainingConfig
    schedule : Schedule
    run : Run

    Attributes
    ----------
    from_seed : bool
        Whether workers can make the first state themselves.
    """

    def __init__(
        self, family: ReplicatedFamily, corpus: SpreadCorpus, config: TrainingConfig, schedule: Schedule, run: Run
    ) -> None:
        self.engine, self.corpus, self.config, self.schedule, self.run = corpus.engine, corpus, config, schedule, run
        self.matrices, self.rule = family.matrices, Merging(family, config)
        self.from_seed = False
        self._name = os.urandom(16).hex()
        self._model = self.engine.share(
            Model(type(family), config, corpus.vocabulary, corpus.n_tokens, corpus.n_sentences)
        )
        self._digests: dict[int, str] = {}
        self._holds: set[tuple[str, int]] = set()
        self._dealt: dict[str, list[int]] = {}
        self._had: set[str] = set()  # the workers that ever had a share
        self._crew = Crew(0, [], [], [], [], [])
        self._near: list[np.ndarray] = []  # what all agree on, where a node's memory is within reach
        self._ready = -1  # the round whose beginning the workers hold
        self._fresh = True  # the workers have not done a round yet
        self._looked, self._longest = time.monotonic(), 0.0
        self._figures = Figures()
        self._round, self._at_once = 0, 1

    @contextlib.contextmanager
    def dealt(self) -> Iterator[RemoteReplicas]:
        """Deal the replicas to the workers; these forget them in the end."""
        self._deal([])
        try:
            yield self
        finally:
            with contextlib.suppress(EmbedkitError):  # of a cluster that is lost
                shares = [(worker, self._share(worker)) for worker in self.engine.workers() if worker in self._had]
                list(self.engine.answers([self.engine.call(worker, forget, share) for worker, share in shares], 5.0))

    def digests(self) -> list[str]:
        """The fingerprints of the parts."""
        return [self._digests[r] for r in range(self.schedule.n)]

    def figures(self) -> dict[str, float]:
        """For progress: what the run is doing on the cluster."""
        return {"workers": len(self._dealt), "round": self._round + 1, **self._figures.shown()}

    def rounds(self, k: int, total: int, timetable: Timetable) -> list[list[Result]]:
        """Train and merge some rounds, from k on, of as many as there are in all.

        Returns
        -------
        list of list of Result
            Of each round that was done, those of all its slices.

        Raises
        ------
        EmbedkitError
            When they cannot be done; the matrices are as they were before.
        """
        self._round, begun = k, time.monotonic()
        if begun - self._looked > LOOK_EVERY:
            self._look()
        several = [self._settings_of(i, total) for i in range(k, min(total, k + self._at_once))]
        for attempt in range(ATTEMPTS):
            try:
                if self._ready != k:
                    self._gather(k)
                replies = self._order(k, several)
                self._take_note(replies)
                self._ready = k + len(several)
                seconds = time.monotonic() - begun
                self._figures.add(seconds, replies)
                self._at_once = max(1, min(2 * self._at_once, int(ORDER_SECONDS * len(several) / max(seconds, 1e-9))))
                timetable.tick()
                stages = iter(in_order([reply.results for reply in replies]))
                return [list(islice(stages, self.schedule.n * len(each))) for _, each, _ in several]
            except WorkersLost as lost:
                self._ready = -1
                time.sleep(0.1 * attempt)
                self._deal(lost.late)
        raise EmbedkitError("workers of the cluster are lost again and again; more memory for each may help")

    def _settings_of(self, k: int, total: int) -> tuple[int, list[int], float]:
        epoch, stages = self.schedule.stages(k)
        return epoch, list(stages), rate_at(self.config.learning_rate, k / total)

    def _look(self) -> None:
        """Deal the replicas anew when workers have joined that can do a share."""
        self._looked = time.monotonic()
        if len(self._dealt) < min(self.schedule.n, len(self.engine.workers())):
            self._ready = -1
            self._deal([])

    def _deal(self, late: list[str]) -> None:
        """Deal the replicas to the workers that live, and see that each has its text; `late` do not answer."""
        for worker in late:
            self.engine.leave_out(worker)
            self.run.say(f"the worker {worker} does not answer; others do its work")
        n, begun = self.schedule.n, time.monotonic()
        while not (workers := self.engine.workers()[:n]):
            if time.monotonic() - begun > NEW_SECONDS:
                raise EmbedkitError("no worker of the cluster is left that answers")
            time.sleep(0.5)
        self._dealt = {worker: dealt(n, len(workers), i) for i, worker in enumerate(workers)}
        self._had.update(workers)
        places = [(worker, r) for worker, replicas in self._dealt.items() for r in replicas]
        wanted = [place for place in places if place not in self._holds]
        for r, digest in self.engine.results([self._part(worker, r) for worker, r in wanted]):
            if self._digests.setdefault(r, digest) != digest:
                raise CorpusError("the corpus changed since it was read at first; train again on what it is now")
        self._holds = set(places)
        self.corpus.let_go()

    def _share(self, worker: str) -> str:
        """What the share of a worker is called, even where several live in one process."""
        return f"{self._name} {worker}"

    def _part(self, worker: str, r: int) -> Any:
        n, length = self.schedule.n, self.corpus.n_ids
        low, high, reach = length * r // n, length * (r + 1) // n, cut_reach(length, n)
        pieces = self.corpus.pieces(low, min(length, high + reach))
        return self.engine.submit(
            hold_part, self._share(worker), self.schedule, r, high - low, reach, *pieces, worker=worker
        )

    def _gather(self, k: int) -> None:
        """Give every worker the state at the beginning of round k; those of one machine share it."""
        workers = list(self._dealt)
        machines = self._ask(dict.fromkeys(workers, (machine_here,)))
        places = {w: [v for v in workers if machines[v] == machines[w]] for w in workers}
        deal, seats = self._crew.deal + 1, {w: place.index(w) for w, place in places.items()}
        state: Any = None
        if k or not self.from_seed:
            now = [matrix[:, : self.config.vector_size].copy() for matrix in self.matrices]
            self._figures.moved += sum(matrix.nbytes for matrix in now) * len(set(machines.values()))
            state = self.engine.share(now)
        self._near, self._crew = [], self._crew._replace(deal=deal)
        nodes: dict[str, int] = {}
        while left := [w for w in workers if w not in nodes]:
            layouts = {w: self._layout(places[w]) for w in left}
            firsts = [w for w in left if not seats[w]]
            made = self._ask({w: (open_node, self._share(w), deal, layouts[w], self._model, state) for w in firsts})
            if None in made.values():
                self._nothing_is_there()
            calls = {
                w: (join_node, self._share(w), deal, k, self._dealt[w], self._model, layouts[w], made.get(places[w][0]))
                for w in left
            }
            joined = self._ask(calls)
            if None in joined.values():
                self._nothing_is_there()
            for w in left:
                if joined[w]:
                    nodes[w] = workers.index(places[w][0])
                else:  # out of reach of the others: it has a node to itself
                    places[w], seats[w] = [w], 0
            for w, address in made.items():
                self._near = self._near or self._read(layouts[w], address)
        boxes = [self.engine.box(w) for w in workers] if len(set(nodes.values())) > 1 else []
        shares = [self._share(w) for w in workers]
        self._crew = Crew(
            deal, shares, list(self._dealt.values()), [nodes[w] for w in workers], [seats[w] for w in workers], boxes
        )
        self._ready, self._fresh = k, True

    def _ask(self, tasks: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
        handles = [self.engine.submit(*task, worker=worker) for worker, task in tasks.items()]
        return dict(zip(tasks, self.engine.results(handles), strict=True))

    def _nothing_is_there(self) -> None:
        self._holds = set()
        raise WorkersLost([])

    def _layout(self, workers: list[str]) -> Layout:
        replicas = sorted(r for w in workers for r in self._dealt[w])
        return Layout(len(workers), replicas, [matrix.shape for matrix in self.matrices])

    def _read(self, layout: Layout, address: Any) -> list[np.ndarray]:
        """What all agree on, in the memory of a node of this machine."""
        node = Node.join(layout, address) if isinstance(address, SharedAddress) else None
        return [] if node is None else node.base

    def _order(self, k: int, rounds: list[tuple[int, list[int], float]]) -> list[Reply]:
        """Have all workers do rounds, from k on."""
        begun, workers = time.monotonic(), list(self._dealt)
        seconds = FIRST_SECONDS if self._fresh else max(STALLED_SECONDS, STALLED_TIMES * self._longest)
        # A worker gives up waiting for others long before it would be given up itself.
        order = Order(k, rounds, self.schedule.tokens, not self._near, seconds / 2)
        found: list[Any] = [None] * len(workers)
        try:
            calls = [
                self.engine.call(worker, train_rounds, share, order, self._crew, me)
                for me, (worker, share) in enumerate(zip(workers, self._crew.shares, strict=True))
            ]
            for me, reply in self.engine.answers(calls, seconds):
                found[me] = reply
                if not isinstance(reply, Reply):
                    self._stop(workers)
        except BaseException:
            self._stop(workers)
            raise
        if not all(isinstance(reply, Reply) for reply in found):
            raise WorkersLost([worker for worker, reply in zip(workers, found, strict=True) if reply is LATE])
        if not self._fresh:  # the first round compiles
            self._longest = max(self._longest, time.monotonic() - begun)
        self._fresh = False
        return found

    def _stop(self, workers: list[str]) -> None:
        for worker, share in zip(workers, self._crew.shares, strict=True):
            self.engine.tell(worker, stop, share, self._crew.deal)

    def _take_note(self, replies: list[Reply]) -> None:
        """Take over the rows that rounds changed."""
        for which, matrix in enumerate(self.matrices):
            size = self.config.vector_size
            if self._near:
                rows = np.concatenate([reply.changed[which].rows for reply in replies])
                if 4 * len(rows) > len(matrix):
                    matrix[...] = self._near[which]
                else:
                    matrix[rows] = self._near[which][rows]
                continue
            for reply in replies:
                rows, values = reply.changed[which]
                matrix[rows, :size] = values
                self._figures.moved += values.nbytes


class Figures:
    """What the time of a run of replicas goes to, and how much travels.

    A stage lasts as long as its slowest worker trains. What the others wait for that one is *waiting*; what a round
    takes beyond its stages is *merging*: merging itself, sending, what the engine needs, and this process.
    """

    def __init__(self) -> None:
        self.moved = self._seconds = self._slowest = self._trained = 0.0

    def add(self, seconds: float, replies: list[Reply]) -> None:
        """Count the rounds of an order that took so long."""
        trained = np.array([reply.trained for reply in replies])
        self._seconds += seconds
        self._slowest += float(trained.max(axis=0).sum())
        self._trained += float(trained.mean(axis=0).sum())
        self.moved += sum(reply.moved for reply in replies)

    def shown(self) -> dict[str, float]:
        """Megabytes moved, and percents of the time."""
        whole = max(self._seconds, 1e-9)
        return {
            "moved_MB": self.moved / 1e6,
            "waiting_%": 100.0 * (self._slowest - self._trained) / whole,
            "merging_%": 100.0 * max(0.0, 1.0 - self._slowest / whole) if self._seconds else 0.0,
        }
