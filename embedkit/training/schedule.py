"""Which replica trains on which words in which stage: it depends on the corpus, the seed and the number of replicas.

The id stream is cut into as many parts as there are replicas, so that a machine needs the text of its own replicas
only. A part is cut into slices; every replica trains on one of its slices in each stage, in an order drawn anew for
each epoch. Behind a stage the most used rows meet, behind a round of many stages all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.training.options import TrainingConfig
from embedkit.training.slices import read_only
from embedkit.training.state import corpus_digest
from embedkit.vocabulary.corpus import cut_ids

# Of a corpus that is long enough; the longer the stages, the less there is to merge, and the worse the vectors
# (`embedkit.kernels.replicas` has a table).
STAGES_AN_EPOCH = 1_600
# With many replicas up to three times as many, where all of them together would read more ids in a stage than these.
MANY_REPLICAS, STAGES_OF_MANY, IDS_OF_MANY = 4, 4_800, 2_000
SHORTEST_STAGE, LONGEST_STAGE = 100, 50_000  # ids of a replica
# Stages in a round, behind which rarely used rows meet: many where few replicas have short ones. A round is also what
# is done again when a worker is lost, and what a stop waits for.
MOST_STAGES, FEWEST_STAGES = 128, 32
STAGES_OF_ALL = 512  # shared by the replicas: 128 stages with 16 cost them .01 of WS353
LONGEST_ROUND = 1_600_000  # ids of a replica, unless that were fewer than the fewest stages
FEWEST_ROUNDS = 10  # in an epoch


@dataclass(frozen=True)
class Schedule:
    """The stages and rounds of a run.

    Attributes
    ----------
    n : int
        Replicas.
    n_slices : int
        Of a replica in an epoch, one a stage.
    n_stages : int
        In a round; the last round of an epoch may have fewer.
    tokens : float
        Ids of a slice, on average.
    epochs, seed : int
    """

    n: int
    n_slices: int
    n_stages: int
    tokens: float
    epochs: int
    seed: int

    @classmethod
    def of(cls, length: int, config: TrainingConfig) -> Schedule:
        """The schedule for an id stream of `length` ids."""
        n = config.replicas or 1
        tokens = config.merge_every
        if tokens is None:
            together = length // STAGES_AN_EPOCH
            if n >= MANY_REPLICAS:
                together = max(min(together, IDS_OF_MANY), length // STAGES_OF_MANY)
            tokens = max(SHORTEST_STAGE, min(LONGEST_STAGE, together // n))
        n_slices = max(1, length // (n * tokens))
        n_stages = min(MOST_STAGES, max(FEWEST_STAGES, min(STAGES_OF_ALL // n, LONGEST_ROUND // tokens)))
        n_stages = max(1, min(n_stages, n_slices // FEWEST_ROUNDS))
        return cls(n, n_slices, n_stages, length / (n * n_slices), config.epochs, config.seed)

    @property
    def rounds_an_epoch(self) -> int:
        """Rounds in an epoch."""
        return -(-self.n_slices // self.n_stages)

    def stages(self, k: int) -> tuple[int, range]:
        """The epoch of round k, and its stages, counted within that epoch."""
        epoch, number = divmod(k, self.rounds_an_epoch)
        return epoch, range(number * self.n_stages, min((number + 1) * self.n_stages, self.n_slices))


class Part:
    """The words of one replica.

    Parameters
    ----------
    r : int
        Whose they are.
    ids : int32 (n,), or a file of them
        Anything whose slices are arrays.
    cuts : list of (start, stop)
        Its slices.
    seed : int
    """

    def __init__(self, r: int, ids: Any, cuts: Sequence[tuple[int, int]], seed: int) -> None:
        self.r, self.ids = r, ids
        self._cuts, self._seed = cuts, seed
        self._drawn = functools.lru_cache(maxsize=1)(self._draw)

    def slice(self, epoch: int, stage: int) -> tuple[np.ndarray, np.ndarray]:
        """The ids to train on in a stage, read-only, and the random state."""
        order, states = self._drawn(epoch)
        start, stop = self._cuts[order[stage]]
        return read_only(self.ids[start:stop]), states[stage : stage + 1].copy()

    def _draw(self, epoch: int) -> tuple[list[int], np.ndarray]:
        """The order of the slices in an epoch, and a random state for each stage."""
        rng = np.random.default_rng(np.random.SeedSequence((self._seed, epoch, self.r)))
        order = rng.permutation(len(self._cuts)).tolist()
        return order, rng.integers(0, 1 << 64, len(order), np.uint64)


def parts_of(ids: np.ndarray, schedule: Schedule) -> list[Part]:
    """The parts of an id stream."""
    return [
        Part(r, ids[start:stop], cut_ids(ids[start:stop], schedule.n_slices), schedule.seed)
        for r, (start, stop) in enumerate(cut_ids(ids, schedule.n))
    ]


def part_digest(ids: np.ndarray) -> str:
    """A fingerprint of a part's ids."""
    return corpus_digest("", ids)


def replicas_digest(vocabulary: str, parts: Sequence[str]) -> str:
    """A fingerprint of what replicas train on, made from those of the vocabulary and the parts."""
    return corpus_digest(" ".join([vocabulary, *parts]))
