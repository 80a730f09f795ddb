"""Training that does not depend on who does it: copies of the model that train apart and meet at fixed places.

N replicas start equal. In a round each trains on slices of its own; behind it the rows that changed are merged by a
fixed rule in the order of the replicas (`embedkit.kernels.replicas`), and all are equal again. Frequent rows change
all the time and would drift apart: the most used rows of each matrix meet behind every stage of a round, more of them
behind every few stages. So the vectors depend on the number of replicas, the seed and the text, and never on threads.

A round is a generator of stages (`embedkit.threads.run_rounds`): lists of tasks that may be done anywhere in any order,
with a barrier behind each. Whoever runs the stages decides where.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import Timetable, run_rounds
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.schedule import Part, Schedule, part_digest, parts_of, replicas_digest
from embedkit.training.slices import Result, rate_at, read_only, slice_state, work_of
from embedkit.training.state import Family, Session
from embedkit.vocabulary.corpus import Corpus

# Behind how many stages the most used rows of each matrix meet, so many of them; the others meet behind a round.
# Chosen together with the stages of `embedkit.training.schedule`, on one seed (`embedkit.kernels.replicas`).
TIERS = ((1, 500), (4, 2_000))
MERGED_AT_ONCE = 2_000  # rows in a task
# Of the learning rate: the share of the way to a row's optimum that an update goes. Measured for four replicas; with
# sixteen, whose sum is four times as long, .05 diverged in the first epoch.
CONTRACTION = 0.05
CONTRACTION_REPLICAS = 4

Stage = Sequence[Callable[[], Any]]


class ReplicatedFamily(Family, Protocol):
    """A family that can train on copies of its matrices; made from a corpus, whose ids it does not look at."""

    config: TrainingConfig

    @property
    def matrices(self) -> list[np.ndarray]:
        """The state, padded: the input and the output rows."""

    def uses(self) -> list[np.ndarray]:
        """How often each row of each matrix is expected to be updated for a token of the text, float64 (n_rows,)."""

    def frequent_rows(self, most: int) -> list[slice]:
        """Where the most used rows of each matrix are, `most` at most."""

    def step_on(
        self,
        matrices: list[np.ndarray],
        ids: np.ndarray,
        rate: np.float32,
        state: np.ndarray,
        control: np.ndarray,
        touched: list[np.ndarray],
    ) -> Result:
        """Train on `ids` in the given copies; `touched` (uint8, for each matrix) gets 1 for rows that may change."""


class Merging:
    """The rule by which rows of replicas become one again: which rows meet, and what their changes count.

    Parameters
    ----------
    family : ReplicatedFamily
    config : TrainingConfig

    Attributes
    ----------
    tiers : list of (int, list of slice)
        Behind how many stages which rows of each matrix meet; a tier lies within the next one.
    frequent : list of slice
        The rows of each matrix that meet within a round at all.
    """

    def __init__(self, family: ReplicatedFamily, config: TrainingConfig) -> None:
        self.n = config.replicas or 1
        self.short: bool = config.merge_bfloat16
        self.uses = family.uses()
        self.tiers = [(every, family.frequent_rows(most)) for every, most in TIERS]
        self.frequent = self.tiers[-1][1]

    def meeting(self, which: int, n_rows: int, stage: int, stages: int) -> slice:
        """The rows of a matrix that may meet behind a stage of a round, all behind the last one."""
        if stage + 1 == stages:
            return slice(0, n_rows)
        return [rows[which] for every, rows in self.tiers if (stage + 1) % every == 0][-1]

    def scales(self, which: int, rows: np.ndarray, tokens: float, rate: float, stage: int) -> np.ndarray:
        """What the summed changes of rows count.

        Parameters
        ----------
        which : int
            The matrix.
        rows : int64 (n,)
        tokens : float
            That each replica trained on in a stage.
        rate : float
            The learning rate.
        stage : int
            Of the round, from 0.
        """
        since = np.full(len(rows), stage + 1)  # stages since they met
        for every, frequent in reversed(self.tiers):
            part = frequent[which]
            since[(rows >= part.start) & (rows < part.stop)] = stage % every + 1
        contraction = rate * CONTRACTION * max(1.0, self.n / CONTRACTION_REPLICAS)
        return scales_of(self.uses[which][rows] * (tokens * since), self.n, contraction)


class Replicas:
    """The copies of a family's matrices, and which of their rows have changed since they met.

    Parameters
    ----------
    family : ReplicatedFamily
        Its matrices hold what all replicas agree on.
    config : TrainingConfig

    Attributes
    ----------
    copies : list of float32 (n, n_rows, row_size)
    touched : list of uint8 (n, n_rows)
    """

    def __init__(self, family: ReplicatedFamily, config: TrainingConfig) -> None:
        self.rule = Merging(family, config)
        self.matrices, self.n = family.matrices, self.rule.n
        self.touched = [np.zeros((self.n, len(matrix)), np.uint8) for matrix in self.matrices]
        # One alone has nobody to meet.
        self.copies = copies_of(self.matrices, self.n) if self.n > 1 else [matrix[None] for matrix in self.matrices]

    def of(self, r: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The matrices of replica r, and where it marks what it touches."""
        return [copies[r] for copies in self.copies], [touched[r] for touched in self.touched]

    def merging(self, tokens: float, rate: float, stage: int, stages: int) -> Stage:
        """The tasks that merge what has changed; parameters as for `Merging`."""
        if self.n == 1:
            return []
        tasks: list[Callable[[], Any]] = []
        for which, touched in enumerate(self.touched):
            part = self.rule.meeting(which, touched.shape[1], stage, stages)
            rows = part.start + np.flatnonzero(touched[:, part].any(axis=0))
            scales = self.rule.scales(which, rows, tokens, rate, stage)
            for start in range(0, len(rows), MERGED_AT_ONCE):
                chosen = slice(start, start + MERGED_AT_ONCE)
                tasks.append(functools.partial(self.merge, which, rows[chosen], scales[chosen]))
        return tasks

    def merge(self, which: int, rows: np.ndarray, scales: np.ndarray) -> None:
        """Make the given rows of a matrix one again."""
        from embedkit.kernels.replicas import merge_rows

        merge_rows(self.matrices[which], self.copies[which], self.touched[which], rows, scales, self.rule.short)
        self.touched[which][:, rows] = 0


def copies_of(matrices: list[np.ndarray], n: int) -> list[np.ndarray]:
    """`n` copies of each matrix: float32 (n, n_rows, row_size), aligned as the kernels like it."""
    from embedkit.kernels.simd import aligned_zeros

    found = []
    for matrix in matrices:
        copies = aligned_zeros(n * len(matrix), matrix.shape[1]).reshape(n, *matrix.shape)
        copies[...] = matrix
        found.append(copies)
    return found


def scales_of(updates: np.ndarray, n: int, contraction: float) -> np.ndarray:
    """What the changes of rows, summed over n replicas, count: float32 (n_rows,).

    Parameters
    ----------
    updates : float64 (n_rows,)
        Expected in each replica since they met.
    n : int
    contraction : float
        The share c of the way to a row's optimum that an update goes: see `embedkit.kernels.replicas`.
    """
    log = np.log1p(-min(contraction, 0.5))
    in_one, in_all = -np.expm1(updates * log), -np.expm1(n * updates * log)
    return np.where(in_one > 1e-9, in_all / np.maximum(n * in_one, 1e-9), 1.0).astype(np.float32)


def train_replicas(family: ReplicatedFamily, corpus: Corpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train `config.replicas` copies of a family, and return the vectors that they agree on.

    Raises
    ------
    ConfigError
        When there are more replicas than sentences.
    TrainingError
        When training diverges, or the checkpoint is of another run.
    """
    check_replicas(corpus, config)
    schedule = Schedule.of(len(corpus.ids), config)
    parts = parts_of(corpus.ids, schedule)
    session = session_of(family, config, run, corpus, schedule, lambda: [part_digest(part.ids) for part in parts])
    replicas = Replicas(family, config)
    control = np.zeros(1, np.int64)
    compile_kernels(family, replicas, control)

    def train(part: Part, epoch: int, stage: int, rate: float) -> Result:
        return train_slice(family, part, epoch, stage, rate, *replicas.of(part.r), control)

    def round_of(k: int) -> Generator[Stage, list[Any], None]:
        rate = rate_at(config.learning_rate, k / total)
        epoch, stages = schedule.stages(k)
        for n, stage in enumerate(stages):
            results = yield [functools.partial(train, part, epoch, stage, rate) for part in parts]
            for words, loss, n_terms in results:
                session.monitor.add(words, loss, n_terms, epoch)
            yield replicas.merging(schedule.tokens, rate, n, len(stages))

    total = schedule.rounds_an_epoch * config.epochs

    def loop(timetable: Timetable) -> int:
        return run_rounds(
            lambda _, task: task(),
            round_of,
            total,
            min(config.workers, replicas.n),
            control=control,
            first=session.first,
            timetable=timetable,
        )

    return session.train(loop)


def check_replicas(corpus: Corpus | SpreadCorpus, config: TrainingConfig) -> None:
    """Refuse more replicas than there are sentences.

    Raises
    ------
    ConfigError
    """
    if config.replicas > corpus.n_sentences:
        raise ConfigError(
            f"`replicas` {config.replicas} are more than the corpus has sentences, {corpus.n_sentences}; "
            "give fewer replicas"
        )


def session_of(
    family: Family,
    config: TrainingConfig,
    run: Run,
    corpus: Corpus | SpreadCorpus,
    schedule: Schedule,
    digests: Callable[[], list[str]],
) -> Session:
    """The session of a run of replicas; `digests` gives the fingerprints of the parts."""
    work = work_of(corpus, config, schedule.rounds_an_epoch)
    return Session(family, config, run, work, lambda: replicas_digest(corpus.vocabulary.digest(), digests()))


def train_slice(
    family: ReplicatedFamily,
    part: Part,
    epoch: int,
    stage: int,
    rate: float,
    matrices: list[np.ndarray],
    touched: list[np.ndarray],
    control: np.ndarray,
) -> Result:
    """What a replica does in a stage, in its own copies of the matrices."""
    ids, state = part.slice(epoch, stage)
    return family.step_on(matrices, ids, np.float32(rate), state, control, touched)


def compile_kernels(family: ReplicatedFamily, replicas: Replicas, control: np.ndarray) -> None:
    """Train and merge nothing before any thread starts, so that the first figures are of training alone."""
    matrices, touched = replicas.of(0)
    family.step_on(matrices, read_only(np.zeros(0, np.int32)), np.float32(0), slice_state(0, 0, 0), control, touched)
    replicas.merge(0, np.zeros(0, np.int64), np.zeros(0, np.float32))
