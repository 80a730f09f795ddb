"""Replicas on a cluster: they train where their text is, and only rows that were touched travel.

Each replica lives on a worker, with its part of the id stream in a file there. Every row has an owner among the
workers, which merges it with the arithmetic of one machine in the order of the replicas; so the vectors have the same
bits. What this process does is in `embedkit.training.remote`, what a worker does in `embedkit.training.remote_round`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.shared import SharedAddress
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.merging import Merging, ReplicatedFamily
from embedkit.training.node import Layout, Node
from embedkit.training.options import TrainingConfig
from embedkit.training.remote import RemoteRun, tell_of_kinds, train_in_orders
from embedkit.training.remote_round import Order, Reply, train_rounds
from embedkit.training.remote_worker import Model, hold_part, join_node, open_node, take_ids
from embedkit.training.replicas import check_replicas, in_order, session_of
from embedkit.training.run import Run
from embedkit.training.schedule import Schedule
from embedkit.training.slices import Result, rate_at
from embedkit.vocabulary.corpus import cut_reach

NOTE_TIMES = 60.0  # of the time that taking note takes, that an order has to last: the workers wait meanwhile


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
    tell_of_kinds(corpus.engine, run)
    schedule = Schedule.of(corpus.n_ids, config)
    with RemoteReplicas(family, corpus, config, schedule, run).dealt() as replicas:
        session = session_of(
            family, config, run, corpus, schedule, lambda: [digest for _, digest in sorted(replicas.digests.items())]
        )
        replicas.from_seed = session.first == 0 and run.init is None
        return train_in_orders(replicas, session)


class RemoteReplicas(RemoteRun):
    """Copies of a model on the workers of a cluster, and the merging.

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

    note_times = NOTE_TIMES

    def __init__(
        self, family: ReplicatedFamily, corpus: SpreadCorpus, config: TrainingConfig, schedule: Schedule, run: Run
    ) -> None:
        super().__init__(corpus.engine, schedule.n, run)
        self.corpus, self.config, self.schedule = corpus, config, schedule
        self.matrices, self.rule = family.matrices, Merging(family, config)
        self.from_seed = False
        self._total = schedule.rounds_an_epoch * config.epochs
        self._model = self.engine.share(
            Model(type(family), config, corpus.vocabulary, corpus.n_tokens, corpus.n_sentences)
        )
        self._base: list[np.ndarray] = []  # what all agree on, where a node's memory is within reach

    def _hold(self, wanted: list[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], str | None]]:
        yield from zip(wanted, self.engine.results([self._part(*place) for place in wanted]), strict=True)
        self.corpus.let_go()

    def _part(self, worker: str, r: int) -> Any:
        n, length = self.schedule.n, self.corpus.n_ids
        low, high, reach = length * r // n, length * (r + 1) // n, cut_reach(length, n)
        engine, share, taken = self.engine, self._share(worker), []
        for n_piece, (start, ids) in enumerate(self.corpus.pieces(low, min(length, high + reach))):
            taken.append(engine.submit_to(worker, take_ids, share, r, n_piece, start, ids))
        return engine.submit_to(worker, hold_part, share, self.schedule, r, high - low, reach, *taken)

    def _first_state(self, k: int, machines: int) -> Any:
        self._base = []
        if not k and self.from_seed:
            return None
        now = [matrix[:, : self.config.vector_size].copy() for matrix in self.matrices]
        self._figures.moved += sum(matrix.nbytes for matrix in now) * machines
        return self.engine.share(now)

    def _layout(self, workers: list[str]) -> Layout:
        replicas = sorted(r for w in workers for r in self._dealt[w])
        return Layout(len(workers), replicas, [matrix.shape for matrix in self.matrices])

    def _open(self, worker: str, k: int, layout: Layout, state: Any) -> tuple[Any, ...]:
        return open_node, self._share(worker), self._crew.deal, layout, self._model, state

    def _join(self, worker: str, k: int, layout: Layout, address: Any) -> tuple[Any, ...]:
        mine = self._dealt[worker]
        return join_node, self._share(worker), self._crew.deal, k, mine, self._model, layout, address

    def _near(self, worker: str, k: int, layout: Layout, address: Any) -> None:
        if not self._base and isinstance(address, SharedAddress):
            node = Node.join(layout, address)
            self._base = [] if node is None else node.base

    def _rounds_of(self, k: int, n: int, seconds: float) -> tuple[Callable[..., Any], Order]:
        rounds = []
        for i in range(k, k + n):
            epoch, stages = self.schedule.stages(i)
            rounds.append((epoch, list(stages), rate_at(self.config.learning_rate, i / self._total)))
        return train_rounds, Order(k, rounds, self.schedule.tokens, not self._base, seconds)

    def _take_note(self, k: int, n: int, replies: list[Reply]) -> None:
        """Take over the rows that rounds changed."""
        for which, matrix in enumerate(self.matrices):
            size = self.config.vector_size
            if self._base:
                rows = np.concatenate([reply.changed[which].rows for reply in replies])
                if 4 * len(rows) > len(matrix):
                    matrix[...] = self._base[which]
                else:
                    matrix[rows] = self._base[which][rows]
                continue
            for reply in replies:
                rows, values = reply.changed[which]
                matrix[rows, :size] = values
                self._figures.moved += values.nbytes

    def _results(self, k: int, n: int, replies: list[Reply]) -> list[list[Result]]:
        """Those of all slices of each round."""
        stages = iter(in_order([reply.results for reply in replies]))
        return [list(islice(stages, self.schedule.n * len(self.schedule.stages(i)[1]))) for i in range(k, k + n)]
