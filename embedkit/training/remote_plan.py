"""What a run of replicas on a cluster would take, before it is started: memory, disk and traffic of a worker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedkit.cluster.cooccurrence import SpreadCounts
from embedkit.cluster.corpus import SpreadCorpus
from embedkit.training.fasttext import FastText
from embedkit.training.glove import row_size_for
from embedkit.training.glove_records import Groups
from embedkit.training.merging import Merging, ReplicatedFamily
from embedkit.training.options import TrainingConfig
from embedkit.training.replicas import check_replicas
from embedkit.training.run import Run
from embedkit.training.schedule import Schedule
from embedkit.training.suiting import suited
from embedkit.training.word2vec import Word2Vec

CELL_BYTES = 12  # of a count, and of a record


@dataclass(frozen=True)
class RemotePlan:
    """Figures of a run on a cluster that has not been started.

    Attributes
    ----------
    shards : int
        Stretches of the corpus that are read apart.
    workers, replicas : int
        Workers that get a share, and what they share.
    rounds, stages : int
        In an epoch.
    memory_bytes : int
        Of a worker with the most replicas: what all agree on, its copies, the words. The Python process itself (some
        200 MB with numba) comes on top.
    disk_bytes : int
        Of such a worker, for the ids of its parts; for GloVe their counts and records, as many as they are estimated.
    round_bytes : float
        What such a worker sends to others and gets from them in a round, about, when each worker is a machine of its
        own: rows are expected to be touched as often as drawn. Workers on one machine share memory instead.
    config : TrainingConfig
        The options, with what the corpus decided.
    chosen : str
        What the size of the corpus decided, where the options leave it open.
    """

    shards: int
    workers: int
    replicas: int
    rounds: int
    stages: int
    memory_bytes: int
    disk_bytes: int
    round_bytes: float
    config: TrainingConfig
    chosen: str = ""


def plan_on_cluster(corpus: SpreadCorpus, config: TrainingConfig) -> RemotePlan:
    """Work out what a worker needs.

    Raises
    ------
    ConfigError
        When there are more replicas than sentences.
    """
    check_replicas(corpus, config)
    chosen: list[str] = []
    config = suited(config, corpus.vocabulary, corpus.n_tokens, Run(note=chosen.append))
    schedule = Schedule.of(corpus.n_ids, config)
    family: ReplicatedFamily = (FastText if config.subwords != "none" else Word2Vec)(corpus, config, Run())
    workers = min(len(corpus.engine.workers()), schedule.n)
    most = -(-schedule.n // workers)
    words = corpus.vocabulary.index_to_key
    return RemotePlan(
        corpus.n_shards,
        workers,
        schedule.n,
        schedule.rounds_an_epoch,
        schedule.n_slices,
        (1 + most) * sum(matrix.nbytes for matrix in family.matrices)
        + words.blob.nbytes
        + words.offsets.nbytes
        + 2 * corpus.vocabulary.counts.nbytes,
        most * 4 * corpus.n_ids // schedule.n,
        round_bytes(Merging(family, config), schedule, config, most, workers),
        config,
        "".join(chosen),
    )


def plan_parts(counts: SpreadCounts, config: TrainingConfig) -> RemotePlan:
    """The same for GloVe: a round is a turn, behind which columns change hands, a stage is a step in it.

    What counting takes is not in it: the counts of ranges are on the disks of the workers, and are gone when training
    begins; in memory are those of a few pieces of the rows.

    Raises
    ------
    ConfigError
        When there are more replicas than words.
    """
    chosen: list[str] = []
    config = suited(config, counts.vocabulary, counts.vocabulary.total, Run(note=chosen.append))
    groups = Groups.of(len(counts.vocabulary), config.replicas or 1)
    workers = min(len(counts.engine.workers()), groups.replicas)
    most, cells = -(-groups.replicas // workers), counts.estimate_cells()
    part = 8 * row_size_for(config.vector_size) * -(-groups.n_words // groups.replicas)
    return RemotePlan(
        counts.n_shards,
        workers,
        groups.replicas,
        groups.replicas,
        groups.n,
        # Rows, columns, columns on their way; a group of rows when its records are made.
        3 * most * part + 3 * CELL_BYTES * cells // groups.n,
        2 * CELL_BYTES * most * cells // groups.replicas,  # counts, until the records are made of them
        2 * most * part * (workers - 1) / workers,
        config,
        "".join(chosen),
    )


def round_bytes(rule: Merging, schedule: Schedule, config: TrainingConfig, most: int, workers: int) -> float:
    """Bytes to and from a worker that has `most` replicas, in a round.

    Changes go to the owners of the rows and come from the other replicas for those that it owns; what they come to goes
    to all others and comes from them.
    """
    row = 4 + config.vector_size * (2 if config.merge_bfloat16 else 4)
    total = 0.0
    for which, uses in enumerate(rule.uses):
        every = np.full(len(uses), schedule.n_stages)  # stages behind which each row meets
        for stages, frequent in zip(reversed(rule.every), reversed(rule.parts), strict=True):
            every[frequent[which]] = min(stages, schedule.n_stages)
        changed = -np.expm1(-uses * schedule.tokens * every)
        merged = -np.expm1(-uses * schedule.tokens * every * schedule.n)
        sent = (most * (workers - 1) + schedule.n - most) * changed + 2 * (workers - 1) * merged
        total += row * float(sent @ (schedule.n_stages / every)) / workers
    return total
