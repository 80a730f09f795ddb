"""Training that does not depend on who does it: copies of the model that train apart and meet at fixed places.

N replicas start equal. In a round each trains on slices of its own, stage by stage; behind a stage rows that changed
are merged by a fixed rule in the order of the replicas (`embedkit.training.merging`, `embedkit.kernels.replicas`), and
behind a round all are equal again. So the vectors depend on the number of replicas, the seed and the text, and never
on threads. Each thread has its share of the replicas and of the rows (`embedkit.training.seat`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.errors import ConfigError
from embedkit.progress import Timetable
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.threads import run_rounds
from embedkit.training.merging import Merging, ReplicatedFamily
from embedkit.training.node import Node
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.schedule import Part, Schedule, part_digest, parts_of, replicas_digest
from embedkit.training.seat import Place, Seat
from embedkit.training.slices import Result, rate_at, read_only, slice_state, work_of
from embedkit.training.state import Family, Session
from embedkit.vocabulary.corpus import Corpus

RULE = 3  # of rounds and random states: runs of earlier ones cannot go on
TOLD_IDS = 150_000  # about, between two reports of all replicas
PATIENCE = 1e9  # seconds to wait for threads of the same process: when one fails, all are told
Results = list[dict[int, Result]]  # of each stage, of each replica


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
    session = session_of(family, config, run, corpus, schedule, lambda: digests_of(parts))
    n, n_threads = schedule.n, min(config.workers, schedule.n)
    node, rule, control = Node.of_threads(family.matrices, n_threads, n), Merging(family, config), np.zeros(1, np.int64)
    compile_kernels(family, node, control)
    total, threads = schedule.rounds_an_epoch * config.epochs, np.arange(n_threads)
    seats = [
        Seat(node, family, rule, parts, dealt(n, n_threads, i), Place(i, n_threads, i, threads), control)
        for i in range(n_threads)
    ]

    at_once = max(1, int(TOLD_IDS / (n * schedule.tokens)))

    def train(seat: Seat, epoch: int, stages: range, low: int, rate: float) -> Results:
        results = []
        if low == 0:
            seat.begin(schedule.tokens, rate)
        for at in range(low, min(low + at_once, len(stages))):
            results.append(seat.train(epoch, stages[at]))
            if seat.meet(at, len(stages), PATIENCE) is None:  # another thread failed, whose error ends the run
                break
        return results

    # As many tasks as threads: they wait for each other.
    def round_of(k: int) -> Generator[Sequence[Callable[[], Results]], list[Results], None]:
        epoch, stages = schedule.stages(k)
        rate = rate_at(config.learning_rate, k / total)
        for low in range(0, len(stages), at_once):
            found = yield [functools.partial(train, seat, epoch, stages, low, rate) for seat in seats]
            for result in in_order(found):
                session.monitor.add(*result, epoch)

    def loop(timetable: Timetable) -> int:
        return run_rounds(
            lambda _, task: task(),
            round_of,
            total,
            n_threads,
            control=control,
            first=session.first,
            timetable=timetable,
        )

    return session.train(loop)


def dealt(n: int, n_workers: int, worker: int) -> list[int]:
    """The replicas that a worker trains."""
    return [r for r in range(n) if r * n_workers // n == worker]


def in_order(found: Sequence[Results]) -> list[Result]:
    """What several workers did in the stages of a round: by stage, then by replica."""
    stages = zip(*found, strict=True)
    return [result for stage in stages for _, result in sorted(item for part in stage for item in part.items())]


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
    work = work_of(corpus, config, schedule.rounds_an_epoch, RULE)
    return Session(family, config, run, work, lambda: replicas_digest(corpus.vocabulary.digest(), digests()))


def digests_of(parts: Sequence[Part]) -> list[str]:
    """The fingerprints of parts that are here."""
    return [part_digest(part.ids) for part in parts]


def digest_of(corpus: Corpus, config: TrainingConfig) -> str:
    """A fingerprint of a text that replicas train on."""
    parts = parts_of(corpus.ids, Schedule.of(len(corpus.ids), config))
    return replicas_digest(corpus.vocabulary.digest(), digests_of(parts))


def compile_kernels(family: ReplicatedFamily, node: Node, control: np.ndarray) -> None:
    """Train and merge nothing before any thread starts, so that the first figures are of training alone."""
    from embedkit.kernels.replicas import merge_rows

    matrices, touched = node.of(next(iter(node.place)))
    family.step_on(matrices, read_only(np.zeros(0, np.int32)), np.float32(0), slice_state(0, 0, 0), control, touched)
    nobody = np.zeros(0, np.int64)
    merge_rows(node.base[0], node.copies[0], node.touched[0], nobody, np.zeros(0, np.float32), False)
    node.compile(control)
