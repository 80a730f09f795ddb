"""What a worker of a cluster holds of a run of replicas, and the tasks that give it that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from embedkit.cluster.shared import SharedAddress
from embedkit.files.spool import Spool
from embedkit.training.merging import Merging, ReplicatedFamily
from embedkit.training.node import Layout, Node
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_exchange import Mailbox
from embedkit.training.remote_shares import SHARES, Share
from embedkit.training.replicas import compile_kernels
from embedkit.training.run import Run
from embedkit.training.schedule import Part, Schedule, part_digest
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus, cut_ids, to_sentence_end

ID_BYTES = 4


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


@dataclass
class Held(Share):
    """A worker's share of a run of replicas.

    Attributes
    ----------
    coming : dict of int to _PartIds
        The text of replicas of which not all is here yet.
    parts : dict of int to Part
        The text of each replica.
    family : ReplicatedFamily or None
        Whose own matrices are not used.
    rule : Merging or None
    node : Node or None
        What it holds with the other workers of its machine.
    """

    coming: dict[int, _PartIds] = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)
    family: ReplicatedFamily | None = None
    rule: Merging | None = None
    node: Node | None = None

    def settle(self, model: Model) -> ReplicatedFamily:
        """Make the family and the rule, unless they are there."""
        if self.family is None:
            self.family = model.make()
            self.rule = Merging(self.family, model.config)
        return self.family


class _PartIds:
    """Ids in a file, read a slice at a time."""

    def __init__(self) -> None:
        self._spool = Spool("the ids of its text")
        self.pieces: set[int] = set()  # that are there
        self._first = self._end = 0

    def put(self, piece: int, start: int, ids: np.ndarray) -> None:
        """Write a piece to its place."""
        self._spool.put(ID_BYTES * start, np.ascontiguousarray(ids, np.int32))
        self.pieces.add(piece)
        self._end = max(self._end, start + len(ids))

    def cut(self, start: int, stop: int) -> None:
        """Be those from `start` to `stop` alone."""
        self._first, self._end = start, stop

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        return self._spool.read(np.int32, ID_BYTES * (self._first + start), max(0, stop - start))


def take_ids(share: str, r: int, piece: int, start: int, ids: np.ndarray) -> bool:
    """Keep a piece of the text of a replica, which begins at `start`."""
    held = SHARES.setdefault(share, Held())
    with held.lock:
        held.coming.setdefault(r, _PartIds()).put(piece, start, ids)
    return True


def hold_part(share: str, schedule: Schedule, r: int, length: int, reach: int, *taken: bool | None) -> str | None:
    """Make the part of a replica of its pieces, when all are here; returns its digest, or None.

    Parameters
    ----------
    share : str
        What it is called.
    schedule : Schedule
    r : int
    length : int
        Of the part, before its ends move to sentence ends.
    reach : int
        How far they move: the pieces go on so far behind the end.
    *taken : bool
        What waits for `take_ids`.
    """
    held = SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        own = held.coming.pop(r, None)
        if own is None or len(own.pieces) != len(taken):
            return None
        start = to_sentence_end(own[:reach]) if r else 0
        stop = length + to_sentence_end(own[length : length + reach]) if r + 1 < schedule.n else length
        own.cut(start, stop)
        held.parts[r] = Part(r, own, cut_ids(own, schedule.n_slices), schedule.seed)
        return part_digest(own)


def open_node(
    share: str, deal: int, layout: Layout, model: Model, matrices: Sequence[np.ndarray] | None
) -> SharedAddress | bool | None:
    """Make the node of a machine, with a state that all replicas agree on.

    Parameters
    ----------
    share : str
        What it is called.
    deal : int
    layout : Layout
    model : Model
    matrices : list of float32 (n_rows, vector_size), optional
        The first state, made here from the seed, when not given.

    Returns
    -------
    SharedAddress, bool or None
        Where others find it; True where they cannot; None when this share is not here.
    """
    held = SHARES.get(share)
    if held is None:
        return None
    with held.lock:
        held.at = held.node = None  # the old one goes before a new one comes
        node = Node.new(layout)
        if matrices is None:
            family = model.make()
            family.start(None)
            matrices = family.matrices
        for base, given in zip(node.base, matrices, strict=True):
            base[:, : given.shape[1]] = given
        held.node, held.deal = node, deal
        compile_kernels(held.settle(model), node, held.control)  # here first: the others of the machine load them
        return node.address or True


def join_node(
    share: str,
    deal: int,
    k: int,
    replicas: Sequence[int],
    model: Model,
    layout: Layout,
    address: SharedAddress | bool | None,
) -> bool | None:
    """Take a place at a node, with what all agree on at the beginning of round k.

    Returns
    -------
    bool or None
        False when the node's memory is not within reach, None when the share or its text is not here.
    """
    held = SHARES.get(share)
    if held is None or any(r not in held.parts for r in replicas):
        return None
    with held.lock:
        if held.deal != deal or held.node is None:
            held.at = held.node = None
            held.node = Node.join(layout, address) if isinstance(address, SharedAddress) else None
        if held.node is None:
            return False
        held.settle(model)
        held.node.reset(replicas)
        held.deal, held.at, held.mail = deal, k, Mailbox()
        held.control[0] = 0
    return True
