"""What surrounds the training of any model: checkpoints, the log, reports, the watch for NaN."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, TrainingError
from embedkit.files.atomic import atomic_path
from embedkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors
    from embedkit.training.options import TrainingConfig

CHECKPOINT_NAME = "checkpoint.npz"
_MAY_CHANGE = ("workers", "keep_output", "glove_vectors")  # between a run and the run that resumes it


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
        A folder for the state of the run.
    resume : bool
        Go on from the checkpoint where there is one.
    checkpoint_every : float
        Seconds between checkpoints.
    init : KeyedVectors, optional
        Starting vectors, matched by word.
    """

    progress: ProgressCallback | None = None
    log: str | os.PathLike[str] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    checkpoint_every: float = 60.0
    init: KeyedVectors | None = None

    def __post_init__(self) -> None:
        if self.resume and self.checkpoint is None:
            raise ConfigError("--resume needs the folder of the checkpoint: --checkpoint DIR --resume")
        if self.checkpoint is not None:
            try:
                Path(self.checkpoint).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EmbedkitError(f"cannot use {self.checkpoint} for checkpoints: {error.strerror}") from error

    def save_state(
        self,
        config: TrainingConfig,
        digest: str,
        position: int,
        arrays: Mapping[str, np.ndarray],
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the checkpoint: everything that `load_state` needs to go on.

        Parameters
        ----------
        digest : str
            Identifies the corpus, see `corpus_digest`.
        position : int
            Index of the next task.
        arrays : mapping
            Matrices and their optimiser state; a NaN or infinity in one refuses the checkpoint.
        figures : mapping, optional
            Further state as plain JSON values.

        Raises
        ------
        TrainingError
            When an array holds a NaN or infinity; the earlier checkpoint stays.
        """
        if self.checkpoint is None:
            return
        for name, array in arrays.items():
            check_finite(name, array)
        meta = json.dumps(
            {"config": config.to_dict(), "corpus": digest, "position": position, "figures": dict(figures or {})}
        )
        with atomic_path(Path(self.checkpoint) / CHECKPOINT_NAME) as path, open(path, "wb") as stream:
            np.savez(stream, **{"meta": np.frombuffer(meta.encode(), np.uint8), **arrays})  # type: ignore[arg-type]

    def load_state(
        self, config: TrainingConfig, digest: str
    ) -> tuple[int, dict[str, np.ndarray], dict[str, Any]] | None:
        """The checkpoint's (position, arrays, figures), or None where a run must start from the beginning.

        Raises
        ------
        TrainingError
            When the checkpoint belongs to another corpus or configuration, or is damaged.
        """
        if self.checkpoint is None or not self.resume:
            return None
        path = Path(self.checkpoint) / CHECKPOINT_NAME
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            meta = json.loads(arrays.pop("meta").tobytes())
            was, now = meta["config"], config.to_dict()
            position, figures, corpus = int(meta["position"]), meta["figures"], meta["corpus"]
        except Exception as error:  # zip and npy readers raise many kinds for damaged bytes
            raise TrainingError(f"{path}: the checkpoint is damaged ({error}); train again without --resume") from error
        changed = [name for name in now if name not in _MAY_CHANGE and now[name] != was.get(name)]
        if changed:
            what = ", ".join(f"{name} was {was.get(name)!r}, is {now[name]!r}" for name in changed)
            raise TrainingError(
                f"{path}: the checkpoint is of another configuration ({what}); "
                "give the same options, or train again without --resume"
            )
        if corpus != digest:
            raise TrainingError(f"{path}: the checkpoint is of another corpus; train again without --resume")
        return position, arrays, figures

    def clear_state(self) -> None:
        """Remove the checkpoint of a run whose result is safely written."""
        if self.checkpoint is not None:
            (Path(self.checkpoint) / CHECKPOINT_NAME).unlink(missing_ok=True)


def corpus_digest(vocabulary_digest: str, ids: np.ndarray) -> str:
    """A fingerprint of a corpus: its vocabulary, its length and a sample of its ids."""
    sample = np.ascontiguousarray(ids[:: max(1, len(ids) // 100_000)])
    return hashlib.sha256(f"{vocabulary_digest} {len(ids)} ".encode() + sample.tobytes()).hexdigest()


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise TrainingError when `array` holds a NaN or infinity; looks at a block of rows at a time."""
    for start in range(0, len(array), 65536):
        if not np.isfinite(array[start : start + 65536]).all():
            raise TrainingError(
                f"training diverged: {name} holds a NaN or infinity; the output is not written; lower the learning rate"
            )


@dataclass
class Monitor:
    """Adds up what the threads report and turns it into progress, log lines and the watch for NaN.

    Attributes
    ----------
    run : Run
    total : int
        Units of work in all epochs.
    unit : str
        ``"words"`` or ``"records"``.
    stage : str
        For the progress bar.
    learning_rate : callable, optional
        Fraction done -> rate, for the display.
    done : int
        Units done before this run (a resumed one).
    loss_name : str
        ``"loss"``, or ``"cost"`` for GloVe.
    """

    run: Run
    total: int
    unit: str = "words"
    stage: str = "training"
    learning_rate: Callable[[float], float] | None = None
    done: int = 0
    loss_name: str = "loss"
    _by_epoch: dict[int, list[float]] = field(default_factory=dict)
    _since_log: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _latest: int = -1
    _stream: TextIO | None = None

    def __enter__(self) -> Monitor:
        if self.run.log is not None:
            try:
                self._stream = open(self.run.log, "a" if self.run.resume else "w", encoding="utf-8")
            except OSError as error:
                raise EmbedkitError(f"cannot write the log {self.run.log}: {error.strerror}") from error
        self._start = self._logged = time.monotonic()
        self._before = self.done
        return self

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, units: int, loss: float, n: float, epoch: int) -> None:
        """Count `units` of work done in `epoch` (from 0), with the sum of the loss over `n` of its terms."""
        self.done += int(units)
        for sums in (self._by_epoch.setdefault(epoch, [0.0, 0.0]), self._since_log):
            sums[0] += float(loss)
            sums[1] += float(n)
        if n:
            self._latest = max(self._latest, epoch)

    def epoch_loss(self, epoch: int) -> float:
        """Mean loss over what was computed of one epoch; NaN before anything was."""
        total, n = self._by_epoch.get(epoch, (0.0, 0.0))
        return total / n if n else float("nan")

    def tick(self) -> None:
        """Report, log once a second, and stop when the loss is no number any more.

        Raises
        ------
        TrainingError
        """
        epoch = self._latest
        if epoch < 0:
            return
        loss = self.epoch_loss(epoch)
        if not np.isfinite(loss):
            raise TrainingError(
                f"training diverged: the {self.loss_name} is {loss} in epoch {epoch + 1}; "
                "the output is not written; lower the learning rate"
            )
        rate = (self.done - self._before) / max(time.monotonic() - self._start, 1e-9)
        fields = {"epoch": epoch + 1, self.loss_name: loss}
        if self.learning_rate is not None:
            fields["learning_rate"] = self.learning_rate(min(1.0, self.done / max(self.total, 1)))
        if self.run.progress is not None:
            self.run.progress(Progress(self.stage, self.done, self.total, self.unit, {**fields, "rate": rate}))
        if time.monotonic() - self._logged >= 1.0:
            self._log("progress", fields, *self._since_log)
            self._logged = time.monotonic()
            self._since_log[:] = [0.0, 0.0]

    def end(self) -> None:
        """The last report, and one log line for each epoch of this run."""
        self.tick()
        for epoch in sorted(self._by_epoch):
            self._log("epoch", {"epoch": epoch + 1}, *self._by_epoch[epoch])

    def _log(self, event: str, fields: dict[str, Any], total: float, n: float) -> None:
        if self._stream is None:
            return
        seconds = time.monotonic() - self._start
        record = {
            "event": event,
            "seconds": round(seconds, 3),
            self.unit: self.done,
            f"{self.unit}_per_second": round((self.done - self._before) / max(seconds, 1e-9)),
            **fields,
            self.loss_name: total / n if n else None,
        }
        self._stream.write(json.dumps(record) + "\n")
        self._stream.flush()
