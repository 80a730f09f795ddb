"""Replicas on a cluster: they train where their text is, and only rows that were touched travel.

Each replica lives on a worker, with its part of the id stream in a file there. In a stage every worker first takes
over what was merged before, then trains its replicas and sends the changes of the rows that meet. Merging happens
here, with the arithmetic of one machine in the order of the replicas; so the vectors have the same bits.

What a worker holds can be made again. A worker that has lost its share (it died, another one does its task) says so.
Then all go back to the beginning of the round, the replicas are dealt to the workers that live, and the stages of
this round are done again: the same slices with the same random numbers from the same rows.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import LATE
from embedkit.errors import CorpusError, EmbedkitError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import Timetable
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_worker import (
    Model,
    Order,
    Reply,
    Rows,
    forget,
    hold_part,
    longer,
    shorter,
    take_state,
    train_stage,
)
from embedkit.training.replicas import Merging, ReplicatedFamily, check_replicas, session_of
from embedkit.training.run import Run
from embedkit.training.schedule import Schedule
from embedkit.training.slices import Result, rate_at
from embedkit.vocabulary.corpus import cut_reach

FIRST_SECONDS, STALLED_SECONDS = 600.0, 120.0  # that a worker may take: for its first stage, with compiling; later
STALLED_TIMES = 20  # of what the longest stage took, if that is more
ATTEMPTS = 8  # at a round whose workers are lost again and again
NEW_SECONDS = 30.0  # to wait for a worker when none is left
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
        When the cluster is lost; the state of the last whole round is in the checkpoint, where there is one.
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
            for k in range(session.first, total):
                if timetable.wants_save() or timetable.stopping():
                    timetable.save(k)
                if timetable.stopping():
                    return k
                try:
                    results = replicas.round(k, rate_at(config.learning_rate, k / total), timetable)
                except EmbedkitError as error:
                    if run.checkpoint is None:
                        raise
                    timetable.save(k)
                    raise type(error)(
                        f"{error}; the state of the run is in {run.kept}: give `resume` to go on"
                    ) from error
                for words, loss, n_terms in results:
                    session.monitor.add(words, loss, n_terms, k // schedule.rounds_an_epoch)
                timetable.tick()
            return total

        return session.train(loop)


class Met(NamedTuple):
    """What a stage came to: what is added to the rows of each matrix, and the results of the slices."""

    merged: list[Rows]
    results: list[Result]


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
        self._all_rows = [slice(0, len(matrix)) for matrix in self.matrices]
        self._name = os.urandom(16).hex()
        self._model = self.engine.share(
            Model(type(family), config, corpus.vocabulary, corpus.n_tokens, corpus.n_sentences)
        )
        self._digests: dict[int, str] = {}
        self._holds: set[tuple[str, int]] = set()
        self._dealt: dict[str, list[int]] = {}
        self._had: set[str] = set()  # the workers that ever had a share
        self._carried: list[Rows] = []  # what the last round came to, which the workers have not heard yet
        self._ready = -1  # the round whose beginning the workers hold
        self._looked, self._longest = time.monotonic(), 0.0
        self._moved = self._waited = self._trained = 0.0
        self._round = 0

    @contextlib.contextmanager
    def dealt(self) -> Iterator[RemoteReplicas]:
        """Deal the replicas to the workers; these forget them in the end."""
        self._deal([])
        try:
            yield self
        finally:
            with contextlib.suppress(EmbedkitError):  # of a cluster that is lost
                shares = [(worker, self._share(worker)) for worker in self.engine.workers() if worker in self._had]
                self.engine.answers([self.engine.call(worker, forget, share) for worker, share in shares], 5.0)

    def digests(self) -> list[str]:
        """The fingerprints of the parts."""
        return [self._digests[r] for r in range(self.schedule.n)]

    def figures(self) -> dict[str, float]:
        """For progress: what the run is doing on the cluster."""
        share = 1.0 - self._trained / self._waited if self._waited else 0.0
        return {
            "workers": len(self._dealt),
            "round": self._round + 1,
            "moved_MB": self._moved / 1e6,
            "merging_%": 100.0 * share,
        }

    def round(self, k: int, rate: float, timetable: Timetable) -> list[Result]:
        """Train and merge a round; returns the results of all its slices.

        Raises
        ------
        EmbedkitError
            When it cannot be done; the matrices are as they were before it.
        """
        self._round = k
        frequent = list(zip(self.matrices, self.rule.frequent, strict=True))
        before = [matrix[part].copy() for matrix, part in frequent]
        try:
            return self._round_from(k, rate, timetable, before)
        except BaseException:
            for (matrix, part), rows in zip(frequent, before, strict=True):
                matrix[part] = rows
            raise

    def _round_from(self, k: int, rate: float, timetable: Timetable, before: list[np.ndarray]) -> list[Result]:
        epoch, stages = self.schedule.stages(k)
        done: list[Met] = []
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._look()
        for attempt in range(ATTEMPTS):
            try:
                again = 0 if self._ready != k else len(done)
                if self._ready != k:
                    self._send_state(k, before)
                for n in range(again, len(stages)):
                    merged = done[n - 1].merged if n else self._carried
                    last = n + 1 == len(stages)
                    then = (k + 1, 0) if last else (k, n + 1)
                    meeting = self._all_rows if last else self.rule.frequent
                    order = Order((k, n), then, epoch, stages[n], rate, meeting)
                    replies = self._train(order, merged)
                    if n == len(done):
                        done.append(self._merge(replies, rate, len(stages) if last else 0))
                    timetable.tick()
                self._ready, self._carried = k + 1, done[-1].merged
                return [result for met in done for result in met.results]
            except WorkersLost as lost:
                self._ready = -1
                time.sleep(0.1 * attempt)
                self._deal(lost.late)
        raise EmbedkitError("workers of the cluster are lost again and again; more memory for each may help")

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
        self._dealt = {worker: [] for worker in workers}
        for r in range(n):
            self._dealt[workers[r * len(workers) // n]].append(r)
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
            hold_part, self._share(worker), self.schedule, r, low, high - low, reach, *pieces, worker=worker
        )

    def _send_state(self, k: int, before: list[np.ndarray]) -> None:
        """Give every worker the state at the beginning of round k."""
        state: Any = None
        if k or not self.from_seed:
            size = self.config.vector_size
            now = [matrix[:, :size].copy() for matrix in self.matrices]
            for matrix, part, rows in zip(now, self.rule.frequent, before, strict=True):
                matrix[part] = rows[:, :size]
            self._moved += sum(matrix.nbytes for matrix in now) * len(self._dealt)
            state = self.engine.share(now)
        handles = [
            self.engine.submit(take_state, self._share(worker), (k, 0), replicas, self._model, state, worker=worker)
            for worker, replicas in self._dealt.items()
        ]
        if not all(self.engine.results(handles)):
            self._holds = set()
            raise WorkersLost([])
        self._ready, self._carried = k, []

    def _train(self, order: Order, merged: list[Rows]) -> list[Reply]:
        """Have all replicas train a stage."""
        begun = time.monotonic()
        calls = [
            self.engine.call(worker, train_stage, self._share(worker), order, replicas, merged)
            for worker, replicas in self._dealt.items()
        ]
        patience = max(STALLED_SECONDS, STALLED_TIMES * self._longest) if self._longest else FIRST_SECONDS
        found = self.engine.answers(calls, patience)
        if not all(isinstance(reply, Reply) for reply in found):
            raise WorkersLost([worker for worker, reply in zip(self._dealt, found, strict=True) if reply is LATE])
        replies: list[Reply] = found
        seconds = time.monotonic() - begun
        self._longest = max(self._longest, seconds)
        self._waited += seconds
        self._trained += max(reply.seconds for reply in replies)
        self._moved += _bytes(merged) * len(calls)
        self._moved += sum(_bytes(rows) for reply in replies for rows in reply.changes.values())
        return replies

    def _merge(self, replies: list[Reply], rate: float, stages: int) -> Met:
        """Make the rows one again that the replies hold, as `embedkit.kernels.replicas.merge_rows` does."""
        begun = time.monotonic()
        results = {r: result for reply in replies for r, result in reply.results.items()}
        changes = {r: rows for reply in replies for r, rows in reply.changes.items()}
        merged = []
        for which, matrix in enumerate(self.matrices):
            meeting = [changes[r][which] for r in range(self.schedule.n)]
            rows = np.unique(np.concatenate([one.rows for one in meeting]))
            total = np.zeros((len(rows), self.config.vector_size), np.float32)
            for one in meeting:
                total[np.searchsorted(rows, one.rows)] += longer(one.changes)
            total *= self.rule.scales(which, rows, self.schedule.tokens, rate, stages)[:, None]
            sent = shorter(total) if self.rule.short else total
            matrix[rows, : total.shape[1]] += longer(sent)
            merged.append(Rows(rows, sent))
        self._waited += time.monotonic() - begun
        return Met(merged, [results[r] for r in range(self.schedule.n)])


def _bytes(rows: list[Rows]) -> int:
    return sum(one.rows.nbytes + one.changes.nbytes for one in rows)
