"""What a worker of a cluster holds of a run of replicas, and the tasks that it is given.

A task finds what it needs in this process, or says that it is not there: then it was started on another worker than
meant, or the process is a new one. So every task may be given to any worker at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.engine import threads_here
from embedkit.errors import EmbedkitError
from embedkit.files.temporary import nameless_file
from embedkit.threads import ordered_map
from embedkit.training.options import TrainingConfig
from embedkit.training.replicas import ReplicatedFamily, copies_of, train_slice
from embedkit.training.run import Run
from embedkit.training.schedule import Part, Schedule, part_digest
from embedkit.training.slices import Result
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus, cut_ids, to_sentence_end

Position = tuple[int, int]  # round, and stage in it


class Rows(NamedTuple):
    """Changes of some rows of a matrix.

    Attributes
    ----------
    rows : int32 (n,)
        Ascending.
    changes : float32 (n, vector_size), or uint16 for the upper halves of float32 numbers, which is bfloat16
    """

    rows: np.ndarray
    changes: np.ndarray


class Model(NamedTuple):
    """What a worker makes a family from: the same everywhere."""

    family: type[Any]
    config: TrainingConfig
    vocabulary: Vocabulary
    n_tokens: int
    n_sentences: int

    def make(self) -> ReplicatedFamily:
        """The family, with matrices of its own."""
        corpus = Corpus(np.empty(0, np.int32), self.vocabulary, self.n_tokens, self.n_sentences)
        made: ReplicatedFamily = self.family(corpus, self.config, Run())
        return made


class Order(NamedTuple):
    """A stage that a worker is to train.

    Attributes
    ----------
    at : (round, stage in it)
        Where the run is.
    then : (round, stage in it)
        Where it is afterwards.
    epoch, stage : int
        For `embedkit.training.schedule.Part.slice`.
    rate : float
    meeting : list of slice
        The rows of each matrix that meet behind the stage.
    """

    at: Position
    then: Position
    epoch: int
    stage: int
    rate: float
    meeting: list[slice]


class Reply(NamedTuple):
    """What a worker answers to an order: results and changes of each replica, and the seconds it trained."""

    results: dict[int, Result]
    changes: dict[int, list[Rows]]
    seconds: float


@dataclass
class Held:
    """A worker's share of a run."""

    parts: dict[int, Part] = field(default_factory=dict)
    family: ReplicatedFamily | None = None
    replicas: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = field(default_factory=dict)
    short: bool = False
    at: Position | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_SHARES: dict[str, Held] = {}


class _FileIds:
    """The ids of a part in a file without a name, read a slice at a time."""

    def __init__(self, ids: np.ndarray) -> None:
        try:
            self._file = nameless_file(buffering=0)
            data = np.ascontiguousarray(ids, np.int32).view(np.uint8).data
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise EmbedkitError(
                f"a worker cannot keep the ids of its text in its folder for temporary files: "
                f"{error.strerror or error}; TMPDIR names another one"
            ) from error

    def __getitem__(self, part: slice) -> np.ndarray:
        self._file.seek(4 * part.start)
        return np.fromfile(self._file, np.int32, part.stop - part.start)


def hold_part(share: str, schedule: Schedule, r: int, low: int, length: int, reach: int, *pieces: np.ndarray) -> Any:
    """Keep the part of a replica; returns its number and digest.

    Parameters
    ----------
    share : str
        What it is called.
    schedule : Schedule
    r : int
    low, length : int
        Where the part begins in the id stream, before its ends move to sentence ends, and its ids.
    reach : int
        How far they move.
    *pieces : int32
        The ids from `low` on, with those behind the end that are within reach.
    """
    ids = np.concatenate([np.empty(0, np.int32), *pieces])
    start = to_sentence_end(ids[:reach]) if r else 0
    stop = length + to_sentence_end(ids[length : length + reach]) if r + 1 < schedule.n else length
    own = ids[start:stop]
    cuts = cut_ids(own, schedule.n_slices)
    held = _SHARES.setdefault(share, Held())
    held.parts[r] = Part(r, low + start, _FileIds(own), cuts, schedule.seed)
    return r, part_digest(own)


def take_state(
    share: str, at: Position, replicas: Sequence[int], model: Model, matrices: Sequence[np.ndarray] | None
) -> bool:
    """Begin with a state that all replicas agree on; says whether the parts of `replicas` are here.

    Parameters
    ----------
    share : str
        What it is called.
    at : (round, stage)
    replicas : sequence of int
    model : Model
    matrices : list of float32 (n_rows, vector_size), optional
        The first state, made here from the seed, when not given.
    """
    held = _SHARES.get(share)
    if held is None or any(r not in held.parts for r in replicas):
        return False
    with held.lock:
        held.at = None
        if held.family is None or matrices is None:
            held.family = model.make()
        if matrices is None:
            held.family.start(None)
        else:
            for matrix, given in zip(held.family.matrices, matrices, strict=True):
                matrix[:, : given.shape[1]] = given
        own = held.family.matrices
        held.replicas = {}  # the old ones go before new ones come
        held.replicas = {
            r: ([copies_of([m], 1)[0][0] for m in own], [np.zeros(len(m), np.uint8) for m in own]) for r in replicas
        }
        held.short = model.config.merge_bfloat16
        held.at = at
    return True


def train_stage(share: str, order: Order, replicas: Sequence[int], merged: Sequence[Rows]) -> Reply | None:
    """Take over what was merged, train a stage, and return what changed; None when the run is not here.

    Parameters
    ----------
    share : str
        What it is called.
    order : Order
    replicas : sequence of int
        That live here.
    merged : list of Rows
        For each matrix, what was added to its rows when the replicas met; empty when nobody has met.
    """
    held = _SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        family = held.family
        if family is None or held.at != order.at or set(held.replicas) != set(replicas):
            return None
        held.at = None
        _take_over(held, family, merged)
        control = np.zeros(1, np.int64)

        def train(r: int) -> tuple[Result, list[Rows]]:
            matrices, touched = held.replicas[r]
            found = train_slice(family, held.parts[r], order.epoch, order.stage, order.rate, matrices, touched, control)
            return found, changes_of(family, matrices, touched, order.meeting, held.short)

        begun = time.monotonic()
        outcomes = dict(zip(replicas, ordered_map(train, replicas, min(len(replicas), threads_here())), strict=True))
        held.at = order.then
        return Reply(
            {r: outcome[0] for r, outcome in outcomes.items()},
            {r: outcome[1] for r, outcome in outcomes.items()},
            time.monotonic() - begun,
        )


def forget(share: str) -> None:
    """Let go of a share of a run that has ended."""
    _SHARES.pop(share, None)


def _take_over(held: Held, family: ReplicatedFamily, merged: Sequence[Rows]) -> None:
    for which, (rows, changes) in enumerate(merged):
        base = family.matrices[which]
        base[rows, : changes.shape[1]] += longer(changes)
        now = base[rows]
        for matrices, touched in held.replicas.values():
            matrices[which][rows] = now
            touched[which][rows] = 0


def changes_of(
    family: ReplicatedFamily,
    matrices: list[np.ndarray],
    touched: list[np.ndarray],
    meeting: list[slice],
    short: bool,
) -> list[Rows]:
    """The changes of the touched rows that meet, for each matrix."""
    found = []
    size = family.config.vector_size
    for base, matrix, marks, part in zip(family.matrices, matrices, touched, meeting, strict=True):
        rows = (part.start + np.flatnonzero(marks[part])).astype(np.int32)
        changes = matrix[rows, :size] - base[rows, :size]
        found.append(Rows(rows, shorter(changes) if short else changes))
    return found


def shorter(numbers: np.ndarray) -> np.ndarray:
    """float32 numbers as bfloat16, uint16 of the same shape; rounded as `embedkit.kernels.replicas.shorten` does."""
    bits = np.ascontiguousarray(numbers).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def longer(numbers: np.ndarray) -> np.ndarray:
    """The float32 numbers that `shorter` made shorter; float32 numbers as they are."""
    if numbers.dtype == np.float32:
        return numbers
    return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
