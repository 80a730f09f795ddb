"""What surrounds the training of any model: where it reports, logs and keeps its state, and what it starts from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.files.resuming import prepare_folder
from embedkit.files.urls import shown
from embedkit.progress import ProgressCallback
from embedkit.rows.protocol import Rows, blocks_of

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


@dataclass
class Run:
    """The surroundings of one training run.

    Attributes
    ----------
    progress : callable, optional
        Gets `embedkit.progress.Progress` reports.
    log : path, optional
        Gets one JSON object a line: one each second and one at the end of each epoch.
    checkpoint : path, optional
        A folder or URL for the state of the run.
    resume : bool
        Go on from the checkpoint where there is one.
    checkpoint_every : float
        Seconds between checkpoints.
    init : KeyedVectors, optional
        Starting vectors, matched by word.
    lock : bool
        The vectors of the words that `init` knows stay as they are.
    compass : KeyedVectors, optional
        Whose output vectors are taken over and stay as they are.
    note : callable, optional
        Is told in one line what a user should know.
    """

    progress: ProgressCallback | None = None
    log: str | os.PathLike[str] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    checkpoint_every: float = 60.0
    init: KeyedVectors | None = None
    note: Callable[[str], None] | None = None
    lock: bool = False
    compass: KeyedVectors | None = None

    def __post_init__(self) -> None:
        prepare_folder(self.checkpoint, resume=self.resume)

    @property
    def kept(self) -> str:
        """Where the state of the run is kept, for messages."""
        return shown(self.checkpoint or "")

    def say(self, text: str) -> None:
        """Tell the user, where there is somebody to tell."""
        if self.note is not None:
            self.note(text)

    def in_common(self) -> dict[str, str]:
        """What models that are trained against one compass have in common."""
        outputs = None if self.compass is None else self.compass.output_vectors
        return {} if outputs is None else {"compass": fingerprint(outputs)}

    def beginning(self) -> dict[str, Any]:
        """What the run starts from and what stands still in it: with it a checkpoint knows its own run."""
        init = None if self.init is None else fingerprint(self.init.table.vectors)
        return {"lock": self.lock, "init": init, "compass": None, **self.in_common()}


def fingerprint(rows: Rows) -> str:
    """What tells rows from others."""
    digest = hashlib.sha256()
    for _, block in blocks_of(rows):
        digest.update(np.ascontiguousarray(block, np.float32).data)
    return digest.hexdigest()[:16]
