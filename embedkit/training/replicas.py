"""Training that does not depend on who does it: copies of the model that train apart and meet at fixed places.

N replicas start equal. In a round each trains on slices of its own; behind it the rows that changed are merged by a
fixed rule in the order of the replicas (`embedkit.kernels.replicas`), and all are equal again. Frequent rows change
all the time and would drift apart: the most used rows of each matrix meet behind every stage of a round. So the vectors
depend on the number of replicas, the seed and the text, and never on threads.

A round is a generator of stages (`embedkit.threads.run_rounds`): lists of tasks that may be done anywhere in any order,
with a barrier behind each. Whoever runs the stages decides where.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import numpy as np

from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import Timetable, run_rounds
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.slices import Result, Tasks, rate_at, read_only, slice_state, work_of
from embedkit.training.state import Family, Session, corpus_digest
from embedkit.vocabulary.corpus import Corpus

STAGE_TOKENS = 2_000  # that a replica trains on before the frequent rows meet
STAGES = 8  # before all rows meet
FREQUENT_ROWS = 2_000  # of each matrix
FEWEST_ROUNDS = 20  # in an epoch; a small corpus has shorter stages
SHORTEST_STAGE = 200
MERGED_AT_ONCE = 2_000  # rows in a task
# Of the learning rate: the share of the way to a row's optimum that an update goes. Measured for four replicas; with
# sixteen, whose sum is four times as long, .05 diverged in the first epoch.
CONTRACTION = 0.05
CONTRACTION_REPLICAS = 4

Stage = Sequence[Callable[[], Any]]


class ReplicatedFamily(Family, Protocol):
    """A family that can train on copies of its matrices."""

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


class Replicas:
    """The copies of a family's matrices, and which of their rows have changed since they met.

    Parameters
    ----------
    family : ReplicatedFamily
        Its matrices hold what all replicas agree on.
    n : int

    Attributes
    ----------
    copies : list of float32 (n, n_rows, row_size)
    touched : list of uint8 (n, n_rows)
    """

    def __init__(self, family: ReplicatedFamily, n: int) -> None:
        from embedkit.kernels.simd import aligned_zeros

        self.matrices, self.n = family.matrices, n
        self.uses = family.uses()
        self.frequent = family.frequent_rows(FREQUENT_ROWS)
        self.touched = [np.zeros((n, len(matrix)), np.uint8) for matrix in self.matrices]
        self.copies = self.matrices
        if n == 1:  # it has nobody to meet
            self.copies = [matrix[None] for matrix in self.matrices]
            return
        self.copies = []
        for matrix in self.matrices:
            copies = aligned_zeros(n * len(matrix), matrix.shape[1]).reshape(n, *matrix.shape)
            copies[...] = matrix
            self.copies.append(copies)

    def of(self, r: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The matrices of replica r, and where it marks what it touches."""
        return [copies[r] for copies in self.copies], [touched[r] for touched in self.touched]

    def merging(self, tokens: float, n: int, rate: float, *, stages: int = 0) -> Stage:
        """The tasks that merge what has changed.

        Parameters
        ----------
        tokens : float
            That each replica trained on in the last stage.
        n : int
            How many replicas did.
        rate : float
            The learning rate.
        stages : int
            Since all rows were merged, which is done now; 0: only the most used rows are.
        """
        if self.n == 1:
            return []
        tasks: list[Callable[[], Any]] = []
        for which, touched in enumerate(self.touched):
            frequent = self.frequent[which]
            part = slice(0, touched.shape[1]) if stages else frequent
            rows = part.start + np.flatnonzero(touched[:, part].any(axis=0))
            since = np.where((rows >= frequent.start) & (rows < frequent.stop), tokens, tokens * stages)
            contraction = rate * CONTRACTION * max(1.0, self.n / CONTRACTION_REPLICAS)
            scales = scales_of(self.uses[which][rows] * since, n, contraction)
            for start in range(0, len(rows), MERGED_AT_ONCE):
                chosen = slice(start, start + MERGED_AT_ONCE)
                tasks.append(functools.partial(self.merge, which, rows[chosen], scales[chosen]))
        return tasks

    def merge(self, which: int, rows: np.ndarray, scales: np.ndarray) -> None:
        """Make the given rows of a matrix one again."""
        from embedkit.kernels.replicas import merge_rows

        merge_rows(self.matrices[which], self.copies[which], self.touched[which], rows, scales)
        self.touched[which][:, rows] = 0


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


def stages_of(corpus: Corpus, n: int) -> tuple[int, int]:
    """Tokens in a stage of one replica, and stages in a round: these depend on the corpus and `n` alone."""
    length = len(corpus.ids)
    tokens = max(SHORTEST_STAGE, min(STAGE_TOKENS, length // (n * FEWEST_ROUNDS)))
    return tokens, max(1, min(STAGES, length // (n * tokens * FEWEST_ROUNDS)))


def train_replicas(family: ReplicatedFamily, corpus: Corpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train `config.replicas` copies of a family, and return the vectors that they agree on.

    Raises
    ------
    ConfigError
        When there are more replicas than sentences.
    TrainingError
        When training diverges, or the checkpoint is of another run.
    """
    n = config.replicas or 1
    if n > corpus.n_sentences:
        raise ConfigError(
            f"`replicas` {n} are more than the corpus has sentences, {corpus.n_sentences}; give fewer replicas"
        )
    tokens, n_stages = stages_of(corpus, n)
    tasks = Tasks(corpus.shards(max(1, len(corpus.ids) // tokens)), config.epochs, config.seed)
    n_slices, a_round = len(tasks.slices), n * n_stages
    mean_tokens = len(corpus.ids) / n_slices
    rounds_an_epoch = -(-n_slices // a_round)
    work = work_of(corpus, config, rounds_an_epoch)
    session = Session(family, config, run, work, lambda: corpus_digest(corpus.vocabulary.digest(), corpus.ids))
    replicas = Replicas(family, n)
    ids, control = read_only(corpus.ids), np.zeros(1, np.int64)
    total = rounds_an_epoch * config.epochs

    def train(r: int, slice_number: int, rate: float) -> Result:
        epoch, start, stop, _ = tasks[slice_number]
        matrices, touched = replicas.of(r)
        state = slice_state(config.seed, epoch, start)
        return family.step_on(matrices, ids[start:stop], np.float32(rate), state, control, touched)

    def round_of(k: int) -> Generator[Stage, list[Any], None]:
        epoch, number = divmod(k, rounds_an_epoch)
        rate = rate_at(config.learning_rate, k / total)
        stages = range(number * a_round, min((number + 1) * a_round, n_slices), n)
        for first in stages:
            here = range(first, min(first + n, n_slices))
            results = yield [functools.partial(train, at - first, epoch * n_slices + at, rate) for at in here]
            for words, loss, n_terms in results:
                session.monitor.add(words, loss, n_terms, epoch)
            last = first == stages[-1]
            yield replicas.merging(mean_tokens, len(here), rate, stages=len(stages) if last else 0)

    matrices, touched = replicas.of(0)
    family.step_on(matrices, ids[:0], np.float32(0), slice_state(0, 0, 0), control, touched)  # compile
    replicas.merge(0, np.zeros(0, np.int64), np.zeros(0, np.float32))

    def loop(timetable: Timetable) -> int:
        return run_rounds(
            lambda _, task: task(),
            round_of,
            total,
            min(config.workers, n),
            control=control,
            first=session.first,
            timetable=timetable,
        )

    return session.train(loop)
