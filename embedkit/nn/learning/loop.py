"""The training loop that the task models share.

One epoch is one pass over the batches in a new random order. The order of epoch ``e`` depends on the seed and ``e``
alone and dropout draws from one generator whose state a checkpoint keeps, so an interrupted run that is resumed ends
with the same parameters, bit for bit, as one that was not interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from embedkit.errors import TrainingError
from embedkit.files.checkpoint import Checkpoint, save_checkpoint
from embedkit.files.resuming import find_checkpoint
from embedkit.interrupts import Interrupts, held_back
from embedkit.nn.layers.parameters import Gradients, RowGradient
from embedkit.nn.learning.finetuning import depths
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.optimizers import clip_gradients
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.learning.run_state import VERSION, History, RunState, check_identity, identity_record, say_what_changes
from embedkit.nn.learning.schedules import Schedule, get_schedule
from embedkit.progress import Progress, ProgressCallback, default_progress

MOST_EPOCHS = 1 << 31  # a checkpoint that tells of more is damaged
CHECKPOINT_SECONDS = 60.0
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


class _Stopped(Exception):
    """Somebody asks the run to stop while it validates."""


def fit(
    model: Trainable,
    options: TrainingOptions,
    *,
    identity: Identity,
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
    identity : Identity
        What must not differ between a run and the run that goes on from its checkpoint.
    higher_is_better : bool
        Whether the first figure of ``model.validate`` is an accuracy or a loss.
    progress : callable, optional
        Receives `embedkit.progress.Progress` reports; `embedkit.progress.default_progress` says who does otherwise.
    note : callable, optional
        Is told in one line what a user should know: exploding gradients, nothing to resume, a changed learning rate.
    log : text stream, optional
        Receives one JSON object an epoch.
    checkpoint : path, optional
        Folder for the state of the run, written every minute, after each epoch and on Ctrl-C. One that holds a
        checkpoint already is refused without `resume`.
    resume : bool
        Go on from `checkpoint`; starts from the beginning, with a note, where there is none.

    Raises
    ------
    ConfigError
        When `resume` has no `checkpoint`, or a used checkpoint no `resume`.
    TrainingError
        When a loss or gradient is NaN or infinite, or the checkpoint is damaged or of another run.
    KeyboardInterrupt
        On Ctrl-C, after the step that was under way and, where there is one, the checkpoint.
    """
    say, progress = note or (lambda _text: None), progress or default_progress()
    found = find_checkpoint(checkpoint, identity.kind, resume=resume, note=say, version=VERSION)
    with held_back() as interrupts:
        run = _Run(model, options, higher_is_better, identity, checkpoint, interrupts, say)
        if found is not None:
            run.restore(found.metadata, found.arrays)
        while run.state.epoch <= options.epochs and not run.state.stopping.should_stop:
            run.train_epoch(progress)
            record = run.finish_epoch()
            if log is not None:
                log.write(json.dumps(record) + "\n")
                log.flush()
            if record["exploded"]:
                say(
                    f"epoch {record['epoch']}: exploding gradients in {record['exploded']} of {record['steps']} steps"
                    f" (norm up to {record['largest_norm']:.3g}), clipped to {options.clip:g}"
                )
            run.save()
        return run.result()


class _Run:
    """One training run: the steps that change its state, and where that state is kept."""

    def __init__(
        self,
        model: Trainable,
        options: TrainingOptions,
        higher_is_better: bool,
        identity: Identity,
        folder: str | Path | None,
        interrupts: Interrupts,
        say: Callable[[str], None],
    ) -> None:
        self.model, self.options, self.folder, self.kind = model, options, folder, identity.kind
        self.interrupts, self.say = interrupts, say
        self.identity = identity_record(identity, options, model.parameters) if folder is not None else {}
        self.state = RunState(model.parameters, options, higher_is_better)
        self.depths = depths(model.parameters)
        self.shares = {name: options.layer_rate**depth for name, depth in self.depths.items() if depth}
        self.n_steps = 0
        self.saved_at = time.monotonic()

    def schedule(self, n_steps: int, epochs: int) -> Schedule:
        """From the step, counted over all epochs, to a factor on the learning rate."""
        total = n_steps * epochs
        return get_schedule(self.options.schedule, total, int(self.options.warmup * total))

    def epoch_batches(self) -> list[np.ndarray]:
        """The batches of this epoch: the same each time they are asked for."""
        return self.model.batches(np.random.default_rng([self.options.seed, self.state.epoch]))

    def train_epoch(self, progress: ProgressCallback | None) -> None:
        """Take the steps of this epoch that are still to take."""
        state, batches = self.state, self.epoch_batches()
        schedule = self.schedule(len(batches), self.options.epochs)
        self.n_steps = len(batches)
        self.model.start_epoch(state.epoch)
        begun = reported = time.monotonic()
        first, started = state.step, begun
        while state.step < len(batches):
            done = (state.epoch - 1) * len(batches) + state.step
            factor = schedule(done)
            state.sums["learning_rate"] = factor * self.options.learning_rate
            self._step(batches[state.step], factor)
            state.step += 1
            now = time.monotonic()
            if progress is not None and (now - reported > 0.2 or state.step == len(batches)):
                reported = now
                loss, rate = state.sums["loss"] / state.sums["examples"], (state.step - first) / (now - started + 1e-9)
                fields = {"epoch": state.epoch, "loss": loss, "rate": rate}
                progress(Progress("training", done + 1, len(batches) * self.options.epochs, "batches", fields))
            if self.folder is not None and now - self.saved_at > CHECKPOINT_SECONDS:
                state.seconds += now - begun
                begun = now
                self.save()
            if self.interrupts:
                state.seconds += time.monotonic() - begun
                self._stop()
        state.seconds += time.monotonic() - begun

    def _stop(self) -> None:
        """Keep the state, then do what was asked for: Ctrl-C raises KeyboardInterrupt."""
        self.save()
        if self.folder is not None:
            self.say(f"the state of the run is in {self.folder}: give `resume` to go on")
        self.interrupts.let_through()

    def _step(self, batch: np.ndarray, factor: float) -> None:
        state, clip = self.state, self.options.clip
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, grads = self.model.loss_and_gradients(batch, state.rng)
        place = f"in epoch {state.epoch}, step {state.step + 1} of {self.n_steps}"
        if not np.isfinite(loss):
            raise TrainingError(f"the loss became {loss} {place}; try a smaller `learning_rate` or `clip`")
        try:
            if self.options.gradual_unfreezing:
                grads = {name: g for name, g in grads.items() if self.depths[name] < state.epoch}
            norm = clip_gradients(grads, clip)
        except TrainingError as error:
            raise TrainingError(f"{error} ({place})") from None
        for name, optimizer in state.optimizers.items():
            chosen = {key: g for key, g in grads.items() if isinstance(g, RowGradient) == (name == "rows")}
            optimizer.step(self.model.parameters, chosen, factor, self.shares)
        state.sums["loss"] += loss * len(batch)
        state.sums["examples"] += len(batch)
        state.sums["clipped"] += norm > clip
        state.sums["exploded"] += norm > EXPLODED * clip
        state.sums["largest_norm"] = max(state.sums["largest_norm"], norm)

    def finish_epoch(self) -> dict[str, Any]:
        """Validate, note the epoch and go on to the next one."""
        state, begun = self.state, time.monotonic()

        def check() -> None:
            if self.interrupts:
                raise _Stopped

        try:
            figures = self.model.validate(check)
        except _Stopped:
            self._stop()
            raise
        state.seconds += time.monotonic() - begun
        score = next(iter(figures.values()))
        best = state.stopping.update(score, self.model.parameters)
        sums = state.sums
        record: dict[str, Any] = {
            "epoch": state.epoch,
            "loss": sums["loss"] / max(sums["examples"], 1),
            **figures,
            "best": best,
            "learning_rate": sums["learning_rate"],
            "steps": state.step,
            "clipped": int(sums["clipped"]),
            "exploded": int(sums["exploded"]),
            "largest_norm": sums["largest_norm"],
            "seconds": round(state.seconds, 3),
        }
        state.history.epochs.append(record)
        state.history.exploded += record["exploded"]
        if best:
            state.history.seconds_to_best = state.seconds
        state.epoch, state.step = state.epoch + 1, 0
        state.sums = dict.fromkeys(sums, 0.0)
        return record

    def result(self) -> History:
        """Put the best parameters back and say how it went."""
        stopping, history = self.state.stopping, self.state.history
        stopping.restore(self.model.parameters)
        history.best_epoch = stopping.best_epoch
        history.best_score = float("nan") if stopping.best_score is None else stopping.best_score
        history.seconds = self.state.seconds
        return history

    def save(self) -> None:
        """Write the checkpoint, where there is one."""
        if self.folder is None:
            return
        metadata, arrays, _ = self.state.to_checkpoint()
        save_checkpoint(self.folder, self.kind, {**metadata, "identity": self.identity}, arrays, version=VERSION)
        self.saved_at = time.monotonic()

    def restore(self, metadata: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Go back to the state in the checkpoint."""
        try:
            check_identity(str(self.folder), metadata["identity"], self.identity)
            self.state.restore(Checkpoint(metadata, arrays))
            was = int(metadata["identity"]["settings"]["epochs"])
            if not 1 <= was <= MOST_EPOCHS:
                raise ValueError(f"expected 1 to {MOST_EPOCHS:,} epochs")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError) as error:
            raise TrainingError(
                f"{self.folder}: the checkpoint is damaged ({error}); name another folder to start again"
            ) from error
        self.n_steps = len(self.epoch_batches())
        if self.state.step > self.n_steps:
            raise TrainingError(f"{self.folder}: the checkpoint is damaged (step {self.state.step} of {self.n_steps})")

        def rate(step: int, epochs: int) -> float:
            return self.schedule(self.n_steps, epochs)(step) * self.options.learning_rate

        say_what_changes(self.state, was, self.options.epochs, self.n_steps, rate, self.say)
