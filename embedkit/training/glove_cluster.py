"""GloVe on a cluster: each worker has the records and the rows of its parts, and columns travel (Gemulla et al. 2011).

The order of training is that of one machine with as many replicas (`embedkit.training.glove_records.round_blocks`): in
a turn each part of the rows meets one part of the columns, and no two parts have a parameter in common; then columns
change hands. So the vectors have the same bits, and no worker holds more of the model than its rows and as many
columns. What this process does is in `embedkit.training.remote`, what a worker does in `embedkit.training.glove_turns`.

All rows change in a turn. So this process takes note of the state, to which all go back when a worker is lost, only
after steps that last ten times as long as taking note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from embedkit.cluster.cooccurrence import HeldCounts, SpreadCounts
from embedkit.cluster.engine import reported
from embedkit.cluster.shared import SharedAddress
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.counts import nothing_to_train_on
from embedkit.training.glove_disk import Summary, rows_of_part
from embedkit.training.glove_records import Groups
from embedkit.training.glove_turns import StepsOrder, StepsReply, train_steps
from embedkit.training.glove_worker import (
    PartsLayout,
    PartsNode,
    Setup,
    arrange_part,
    close_part,
    give_group,
    join_parts,
    open_parts,
    take_counts,
    take_group,
)
from embedkit.training.options import TrainingConfig
from embedkit.training.remote import RemoteRun, tell_of_kinds, train_in_orders
from embedkit.training.run import Run
from embedkit.training.schedule import replicas_digest
from embedkit.training.slices import Result
from embedkit.training.state import Family, Session, Work

NOTE_TIMES = 10.0


class TwoSided(Family, Protocol):
    """A family of words and contexts, in the order of `Groups.order`."""

    words: np.ndarray
    contexts: np.ndarray
    row_size: int


def rule_of(config: TrainingConfig) -> int:
    """The rule of a run's checkpoints: the fingerprint of runs without replicas was of the counts as a whole once."""
    return 1 if config.replicas else 2


def work_of(n_groups: int, n_records: int, weighted: float, rule: int = 1) -> Work:
    """How much there is to do; `weighted` is the sum of f(x) (log x)² over all records."""
    return Work(n_groups, n_records, None, "records", "cost", 0.5 * weighted / n_records, rule)


def train_on_cluster(
    family: TwoSided, counts: SpreadCounts | HeldCounts, groups: Groups, config: TrainingConfig, run: Run
) -> KeyedVectors:
    """`embedkit.training.glove.train` on a cluster: the same vectors.

    Raises
    ------
    CorpusError
        When no two words stand near each other, or the corpus changed since it was counted.
    EmbedkitError
        When the cluster is lost; the state before the last order is in the checkpoint, where there is one.
    TrainingError
        When training diverges, or the checkpoint is of another run.
    """
    tell_of_kinds(counts.engine, run)
    with RemoteParts(family, counts, groups, config, run).dealt() as parts:
        n = sum(summary.n for summary in parts.summaries.values())
        if n == 0:
            raise nothing_to_train_on()
        work = work_of(groups.n, n, sum(summary.squares for _, summary in sorted(parts.summaries.items())))

        def digest() -> str:
            return replicas_digest(counts.vocabulary.digest(), [found for _, found in sorted(parts.digests.items())])

        return train_in_orders(parts, Session(family, config, run, work, digest))


class RemoteParts(RemoteRun):
    """The parts of a run on the workers of a cluster.

    Parameters
    ----------
    family : TwoSided
        Its matrices are what this process knows.
    counts : SpreadCounts or HeldCounts
    groups : Groups
    config : TrainingConfig
    run : Run

    Attributes
    ----------
    summaries : dict of int to Summary
        Of each part.
    """

    note_times = NOTE_TIMES

    def __init__(
        self, family: TwoSided, counts: SpreadCounts | HeldCounts, groups: Groups, config: TrainingConfig, run: Run
    ) -> None:
        super().__init__(counts.engine, groups.replicas, run)
        self.family, self.counts, self.groups, self.config = family, counts, groups, config
        self.summaries: dict[int, Summary] = {}
        self._setup = Setup(groups, config, family.row_size)
        self._nodes: dict[str, PartsNode] = {}  # of workers that made one, where it is within reach

    def figures(self) -> dict[str, float]:
        return {**super().figures(), "round": self.groups.turn(self._round) + 1}

    def _hold(self, wanted: list[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], str | None]]:
        living = set(self.engine.workers())
        holders = {part: worker for worker, part in sorted(self._holds) if worker in living}
        given = [place for place in wanted if place[1] in holders]
        lost = [place for place in wanted if place[1] not in holders]
        handles = [self._moved(worker, part, holders[part]) for worker, part in given]
        handles += self._counted(lost) if lost else []
        summaries = reported(self.engine.results(handles), len(handles), "counting", self.run.progress)
        for (worker, part), summary in zip([*given, *lost], summaries, strict=True):
            if summary:
                self.summaries[part] = summary
            elif summary is False:
                self._holds.discard((holders[part], part))  # it has it no more
            yield (worker, part), summary.digest if summary else None

    def _counted(self, places: list[tuple[str, int]]) -> list[Any]:
        """The records of parts, made of counts where they are to be."""
        engine = self.engine

        def take(n: int, piece: Any) -> list[Any]:
            rows = [engine.submit(rows_of_part, piece, self.groups, part) for _, part in places]
            return [
                engine.submit_to(worker, take_counts, self._share(worker), part, n, one)
                for (worker, part), one in zip(places, rows, strict=True)
            ]

        n = len(self.counts.for_each_piece(take, self.run.progress))
        return [
            engine.submit_to(worker, arrange_part, self._share(worker), self._setup, part, n) for worker, part in places
        ]

    def _moved(self, worker: str, part: int, holder: str) -> Any:
        """A part's records, given by who has them."""
        engine, share, taken = self.engine, self._share(worker), []
        for i in range(self.groups.each):
            given = engine.submit_to(holder, give_group, self._share(holder), part, i)
            taken.append(engine.submit_to(worker, take_group, share, part, i, given))
        return engine.submit_to(worker, close_part, share, part, *taken)

    def _first_state(self, k: int, machines: int) -> Any:
        self._nodes = {}
        self._figures.moved += self.family.words.nbytes + self.family.contexts.nbytes
        return self.groups.met(self.config.seed, self.groups.turn(k))

    def _layout(self, workers: list[str]) -> PartsLayout:
        parts = sorted(part for w in workers for part in self._dealt[w])
        sizes = [self._size(part) for part in range(self.n)]
        return PartsLayout(len(workers), parts, [sizes[part] for part in parts], max(sizes), self.family.words.shape[1])

    def _size(self, part: int) -> int:
        rows = self.groups.rows(part)
        size: int = rows.stop - rows.start
        return size

    def _open(self, worker: str, k: int, layout: PartsLayout, state: Any) -> tuple[Any, ...]:
        rows = [self.family.words[self.groups.rows(part)] for part in layout.parts]
        columns = [self.family.contexts[self.groups.rows(state[part])] for part in layout.parts]
        return open_parts, self._share(worker), self._crew.deal, layout, self._setup, rows, columns

    def _join(self, worker: str, k: int, layout: PartsLayout, address: Any) -> tuple[Any, ...]:
        mine = self._dealt[worker]
        return join_parts, self._share(worker), self._crew.deal, k, mine, self._setup, layout, address

    def _near(self, worker: str, k: int, layout: PartsLayout, address: Any) -> None:
        node = PartsNode.join(layout, address) if isinstance(address, SharedAddress) else None
        if node is not None:
            self._nodes[worker] = node

    def _node_of(self, w: int) -> PartsNode | None:
        return self._nodes.get(list(self._dealt)[self._crew.nodes[w]])

    def _rounds_of(self, k: int, n: int, seconds: float) -> tuple[Callable[..., Any], StepsOrder]:
        values = [self._node_of(w) is None for w in range(len(self._dealt))]
        return train_steps, StepsOrder(k, n, values, seconds)

    def _take_note(self, k: int, n: int, replies: list[StepsReply]) -> None:
        met = self.groups.met(self.config.seed, self.groups.turn(k + n - 1))
        for w, reply in enumerate(replies):
            node = self._node_of(w)
            for part in self._crew.replicas[w]:
                own, theirs = self.groups.rows(part), self.groups.rows(met[part])
                if node is None:
                    rows, columns = reply.values[part]
                    self._figures.moved += rows.nbytes + columns.nbytes
                else:
                    rows, columns = node.of(part, self.groups), node.slots[reply.slots[part], : self._size(met[part])]
                self.family.words[own], self.family.contexts[theirs] = rows, columns

    def _results(self, k: int, n: int, replies: list[StepsReply]) -> list[list[Result]]:
        """The records and the cost of each step, added up as on one machine."""
        costs = np.concatenate(
            [reply.costs[part] for part in range(self.n) for reply in replies if part in reply.costs], 1
        )
        found: list[list[Result]] = []
        for step in costs:
            longest_first = step[np.argsort(-step[:, 0], kind="stable")]
            records = int(step[:, 0].sum())
            found.append([(records, sum(longest_first[:, 1].tolist()), records)])
        return found
