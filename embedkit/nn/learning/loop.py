"""The training loop that the task models share.

One epoch is one pass over the batches in a new random order. The order of epoch ``e`` depends on the seed and ``e``
alone and dropout draws from one generator whose state a checkpoint keeps, so an interrupted run that is resumed ends
with the same parameters, bit for bit, as one that was not interrupted.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from embedkit.errors import ConfigError, TrainingError
from embedkit.files.model_file import load_model, save_model
from embedkit.nn.layers.parameters import Gradients, RowGradient
from embedkit.nn.learning.optimizers import EarlyStopping, clip_gradients
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.learning.schedules import get_schedule
from embedkit.progress import Progress, ProgressCallback

CHECKPOINT_NAME = "checkpoint.safetensors"
CHECKPOINT_SECONDS = 60.0
SUMS = ("loss", "examples", "clipped", "exploded", "largest_norm", "learning_rate")
EXPLODED = 10.0  # a norm above so many times the clipping norm is reported as exploding


class Trainable(Protocol):
    """What a model offers to `fit`."""

    parameters: dict[str, np.ndarray]

    def batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The training examples' numbers, cut into batches in random order."""

    def loss_and_gradients(self, batch: np.ndarray, rng: np.random.Generator) -> tuple[float, Gradients]:
        """Mean loss of a batch and the gradient of each parameter that trains."""

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        """Figures on the validation part, the one that counts first; calls `check` often, which may raise."""

    def start_epoch(self, epoch: int) -> None:
        """Told before each epoch, from 1."""


@dataclass
class History:
    """What happened in training.

    Attributes
    ----------
    epochs : list of dict
        One record an epoch, as in the log.
    best_epoch : int
    best_score : float
    seconds, seconds_to_best : float
        All in all, and up to the end of the best epoch.
    exploded : int
        Steps whose gradient's norm was more than ten times the clipping norm.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = float("nan")
    seconds: float = 0.0
    seconds_to_best: float = 0.0
    exploded: int = 0


def fit(
    model: Trainable,
    options: TrainingOptions,
    *,
    higher_is_better: bool = True,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    log: TextIO | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> History:
    """Train until the epochs are over or the score stops rising; the model ends with its best epoch's parameters.

    Parameters
    ----------
    model : Trainable
    options : TrainingOptions
    higher_is_better : bool
        Whether the first figure of ``model.validate`` is an accuracy or a loss.
    progress : callable, optional
    note : callable, optional
        Is told in one line what a user should know: exploding gradients.
    log : text stream, optional
        Receives one JSON object an epoch.
    checkpoint : path, optional
        Folder for the state of the run, written every minute, after each epoch and on Ctrl-C.
    resume : bool
        Go on from `checkpoint`.

    Raises
    ------
    TrainingError
        When a loss or gradient is NaN or infinite, or the checkpoint is of another run.
    KeyboardInterrupt
        On Ctrl-C, after the step that was under way and, where there is one, the checkpoint.
    """
    with _interruptible() as check:
        run = _Run(model, options, higher_is_better, Path(checkpoint) if checkpoint else None, check)
        if resume:
            run.restore()
        while run.epoch <= options.epochs and not run.stopping.should_stop:
            run.train_epoch(progress)
            record = run.finish_epoch()
            if log is not None:
                log.write(json.dumps(record) + "\n")
                log.flush()
            if note is not None and record["exploded"]:
                note(
                    f"epoch {record['epoch']}: exploding gradients in {record['exploded']} of {record['steps']} steps"
                    f" (norm up to {record['largest_norm']:.3g}), clipped to {options.clip:g}"
                )
            run.save()
        return run.result()


class _Run:
    """The state of one training run: what a checkpoint holds, and the steps that change it."""

    def __init__(
        self,
        model: Trainable,
        options: TrainingOptions,
        higher_is_better: bool,
        folder: Path | None,
        check: Callable[[], None],
    ) -> None:
        self.model, self.options, self.folder, self.check = model, options, folder, check
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self.optimizers = {"rows": options.make_optimizer(options.embedding_rate), "dense": options.make_optimizer(1.0)}
        self.rng = np.random.default_rng(np.random.SeedSequence(options.seed).spawn(1)[0])
        self.stopping = EarlyStopping(options.patience, higher_is_better)
        self.history = History()
        self.epoch, self.step, self.n_steps = 1, 0, 0
        self.sums = dict.fromkeys(SUMS, 0.0)
        self.seconds = 0.0
        self.saved_at = time.monotonic()

    def train_epoch(self, progress: ProgressCallback | None) -> None:
        """Take the steps of this epoch that are still to take."""
        options = self.options
        batches = self.model.batches(np.random.default_rng([options.seed, self.epoch]))
        total = len(batches) * options.epochs
        schedule = get_schedule(options.schedule, total, int(options.warmup * total))
        self.n_steps = len(batches)
        self.model.start_epoch(self.epoch)
        begun = reported = time.monotonic()
        first, started = self.step, begun
        while self.step < len(batches):
            factor = schedule((self.epoch - 1) * len(batches) + self.step)
            self.sums["learning_rate"] = factor * options.learning_rate
            self._step(batches[self.step], factor)
            self.step += 1
            now = time.monotonic()
            if progress is not None and (now - reported > 0.2 or self.step == len(batches)):
                reported = now
                loss = self.sums["loss"] / self.sums["examples"]
                progress(
                    Progress(
                        "training",
                        (self.epoch - 1) * len(batches) + self.step,
                        total,
                        "batches",
                        {"epoch": self.epoch, "loss": loss, "rate": (self.step - first) / (now - started + 1e-9)},
                    )
                )
            if self.folder is not None and now - self.saved_at > CHECKPOINT_SECONDS:
                self.seconds += now - begun
                begun = now
                self.save()
            try:
                self.check()
            except KeyboardInterrupt:
                self.seconds += time.monotonic() - begun
                self.save()
                raise
        self.seconds += time.monotonic() - begun

    def _step(self, batch: np.ndarray, factor: float) -> None:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, grads = self.model.loss_and_gradients(batch, self.rng)
        place = f"in epoch {self.epoch}, step {self.step + 1} of {self.n_steps}"
        if not np.isfinite(loss):
            raise TrainingError(f"the loss became {loss} {place}; try a smaller `learning_rate` or `clip`")
        try:
            norm = clip_gradients(grads, self.options.clip)
        except TrainingError as error:
            raise TrainingError(f"{error} ({place})") from None
        for name, optimizer in self.optimizers.items():
            chosen = {key: g for key, g in grads.items() if isinstance(g, RowGradient) == (name == "rows")}
            optimizer.step(self.model.parameters, chosen, factor)
        self.sums["loss"] += loss * len(batch)
        self.sums["examples"] += len(batch)
        self.sums["clipped"] += norm > self.options.clip
        self.sums["exploded"] += norm > EXPLODED * self.options.clip
        self.sums["largest_norm"] = max(self.sums["largest_norm"], norm)

    def finish_epoch(self) -> dict[str, Any]:
        """Validate, note the epoch and go on to the next one."""
        begun = time.monotonic()
        try:
            figures = self.model.validate(self.check)
        except KeyboardInterrupt:
            self.save()
            raise
        self.seconds += time.monotonic() - begun
        score = next(iter(figures.values()))
        best = self.stopping.update(score, self.model.parameters)
        record: dict[str, Any] = {
            "epoch": self.epoch,
            "loss": self.sums["loss"] / max(self.sums["examples"], 1),
            **figures,
            "best": best,
            "learning_rate": self.sums["learning_rate"],
            "steps": self.step,
            "clipped": int(self.sums["clipped"]),
            "exploded": int(self.sums["exploded"]),
            "largest_norm": self.sums["largest_norm"],
            "seconds": round(self.seconds, 3),
        }
        self.history.epochs.append(record)
        self.history.exploded += record["exploded"]
        if best:
            self.history.seconds_to_best = self.seconds
        self.epoch, self.step = self.epoch + 1, 0
        self.sums = dict.fromkeys(self.sums, 0.0)
        return record

    def result(self) -> History:
        """Put the best parameters back and say how it went."""
        self.stopping.restore(self.model.parameters)
        history = self.history
        history.best_epoch = self.stopping.best_epoch
        history.best_score = float("nan") if self.stopping.best_score is None else self.stopping.best_score
        history.seconds = self.seconds
        return history

    def save(self) -> None:
        """Write the checkpoint, where there is one."""
        if self.folder is None:
            return
        tensors = {f"model/{name}": array for name, array in self.model.parameters.items()}
        tensors |= {f"best/{name}": array for name, array in self.stopping.best.items()}
        for name, optimizer in self.optimizers.items():
            tensors |= {f"optimizer/{name}/{key}": array for key, array in optimizer.state.items()}
        config = {
            "options": asdict(self.options),
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums,
            "seconds": self.seconds,
            "rng": self.rng.bit_generator.state,
            "history": asdict(self.history),
            "optimizer_steps": {name: optimizer.steps for name, optimizer in self.optimizers.items()},
            "stopping": [self.stopping.epoch, self.stopping.best_epoch, self.stopping.best_score],
        }
        save_model(self.folder / CHECKPOINT_NAME, "checkpoint", self.options.optimizer, config, tensors)
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go back to the state in the checkpoint."""
        if self.folder is None:
            raise ConfigError("`resume` needs `checkpoint`, the folder to go on from")
        path = self.folder / CHECKPOINT_NAME
        if not path.exists():
            raise TrainingError(f"nothing to resume: {path} does not exist; leave out `resume` to start")
        _, _, config, tensors = load_model(path, "checkpoint")
        changed = [
            f"{name} was {config['options'].get(name)}, now {value}"
            for name, value in asdict(self.options).items()
            if name not in ("epochs", "patience") and config["options"].get(name) != value
        ]
        shapes = {name: array.shape for name, array in _part(tensors, "model/").items()}
        if shapes != {name: array.shape for name, array in self.model.parameters.items()}:
            changed.append("the model or the training data differ")
        if changed:
            raise TrainingError(f"{path} is the checkpoint of another run: {'; '.join(changed)}")
        for name, array in _part(tensors, "model/").items():
            self.model.parameters[name][...] = array
        for name, optimizer in self.optimizers.items():
            optimizer.state = {key: a.copy() for key, a in _part(tensors, f"optimizer/{name}/").items()}
            optimizer.steps = config["optimizer_steps"][name]
        self.stopping.best = {name: array.copy() for name, array in _part(tensors, "best/").items()}
        self.stopping.epoch, self.stopping.best_epoch, self.stopping.best_score = config["stopping"]
        self.rng.bit_generator.state = config["rng"]
        self.history = History(**config["history"])
        self.epoch, self.step, self.sums = config["epoch"], config["step"], config["sums"]
        self.seconds = config["seconds"]


def _part(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name[len(prefix) :]: array for name, array in tensors.items() if name.startswith(prefix)}


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until `check` is called, so that it never stops an optimiser half-way through a step."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    pressed = False

    def remember(_signal: int, _frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
