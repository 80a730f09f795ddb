"""The life of a training run: prepare, step after step, finish; and what of it stands in a checkpoint.

A family (word2vec, fastText, GloVe) lays out its matrices as its kernels want them: padded to the processor's
vectors, in an order that suits the cache, with rows beside them that each thread has for itself. None of that is
part of a run's *state*. The state is

- named arrays without padding, in the order of the vocabulary;
- how far the run is, in steps whose size depends on the corpus alone, and the units (words, records) trained so far;
- what identifies the run: the options that matter, and a digest of the corpus.

Random numbers need no state of their own: those of a step are drawn from the seed and the step's number. So a run that
was stopped goes on under any number of workers and on any processor, and every word is trained exactly as often as in
a run that was not; with one worker on the same kind of processor it ends with the same bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from embedkit.errors import counted
from embedkit.files.checkpoint import Checkpoint, save_checkpoint
from embedkit.files.resuming import find_checkpoint
from embedkit.interrupts import Interrupts, held_back
from embedkit.progress import Timetable
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.monitor import Monitor, check_finite
from embedkit.training.options import TrainingConfig
from embedkit.training.resuming import VERSION, Identity, check_identity, steps_done, told_as_damaged
from embedkit.training.run import Run


class Family(Protocol):
    """What a family offers to the run that trains it; made by its ``prepare`` from a corpus and a configuration."""

    kind: str
    """Whose checkpoint it is: ``"word2vec"``, ``"fasttext"``, ``"glove"``."""

    def start(self, init: KeyedVectors | None) -> None:
        """Set the first values, taking those of the words that `init` knows from there."""

    def shapes(self) -> dict[str, tuple[tuple[int, ...], type]]:
        """Shape and dtype of each array of the state."""

    def arrays(self) -> dict[str, np.ndarray]:
        """The state, without padding."""

    def held(self) -> dict[str, np.ndarray]:
        """The numbers of the state as they lie in memory, padding and all; no copies."""

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a state; `arrays` have the right shapes and are finite.

        Raises
        ------
        ValueError
            When they hold what no run can have written.
        """

    def finish(self) -> KeyedVectors:
        """The vectors; the state may be used up by it."""


@dataclass(frozen=True)
class Work:
    """How much there is to do.

    Attributes
    ----------
    steps : int
        Steps (slices, rounds) in an epoch; depends on the corpus and never on the machine.
    units : int
        Units in an epoch.
    unit, loss_name : str
        What to call units and the loss.
    untrained : float, optional
        The loss of vectors that know nothing, where it is known.
    rate : callable, optional
        ``rate(share done) -> learning rate``; none where it stays the same.
    rule : int
        Counts up when a family does the same step otherwise than before, or knows its corpus by something else: a run
        goes on by the rule it began with.
    """

    steps: int
    units: int
    rate: Callable[[float], float] | None
    unit: str = "words"
    loss_name: str = "loss"
    untrained: float | None = None
    rule: int = 1


class Session:
    """One run of one family: what it goes on from, its reports, its checkpoints, its end.

    Parameters
    ----------
    family : Family
    config : TrainingConfig
    run : Run
    work : Work
    digest : callable
        Computes the fingerprint of the corpus; called where there are checkpoints.

    Attributes
    ----------
    first : int
        The step to go on from.
    monitor : Monitor
    """

    def __init__(self, family: Family, config: TrainingConfig, run: Run, work: Work, digest: Callable[[], str]) -> None:
        self.family, self.config, self.run, self.work = family, config, run, work
        self.first = 0
        self.monitor = Monitor(
            run,
            work.units * config.epochs,
            work.unit,
            learning_rate=work.rate,
            loss_name=work.loss_name,
            untrained=work.untrained,
        )
        if run.checkpoint is not None:
            self._identity = Identity(family.kind, work.rule, digest(), run.beginning())
        if not self._restore():
            family.start(run.init)

    def train(self, loop: Callable[[Timetable], int]) -> KeyedVectors:
        """Run ``loop(timetable) -> steps done``, and return the vectors.

        Raises
        ------
        TrainingError
            When training diverged.
        KeyboardInterrupt
            On Ctrl-C, after a checkpoint where there is a folder for one; SIGTERM and SIGHUP alike.
        """
        with self.monitor:
            if self.run.checkpoint is None:
                loop(Timetable(self.monitor.tick))
            else:
                with held_back() as interrupts:
                    self._loop(loop, interrupts)
            self.monitor.end()
        for name, array in self.family.held().items():
            check_finite(name, array)
        vectors = self.family.finish()
        vectors.table.config = {**vectors.config, **self.monitor.nothing_learnt()}
        return vectors

    def _loop(self, loop: Callable[[Timetable], int], interrupts: Interrupts) -> None:
        done = loop(
            Timetable(
                self.monitor.tick,
                save=self.save,
                save_every=self.run.checkpoint_every,
                stopping=lambda: bool(interrupts),
            )
        )
        finished = done == self.work.steps * self.config.epochs
        if finished and interrupts:
            self.save(done)
        if interrupts or not finished:
            self.run.say(f"the state of the run is in {self.run.kept}: give `resume` to go on")
            interrupts.let_through()

    def save(self, step: int) -> None:
        """Write the checkpoint: all steps before `step` are done, none after.

        Raises
        ------
        TrainingError
            When an array holds a NaN or infinity; the earlier checkpoint stays.
        """
        arrays = self.family.arrays()
        for name, array in arrays.items():
            check_finite(name, array)
        epoch = step // self.work.steps
        metadata: dict[str, Any] = {
            "config": self.config.to_dict(),
            "corpus": self._identity.corpus,
            "steps": [step, self.work.steps],
            "units": self.monitor.done,
            "epoch_sums": self.monitor.by_epoch.get(epoch, [0.0, 0.0]),
            "part_sums": [[part, *sums] for part, sums in self.monitor.by_part.items()],
        }
        if self._identity.beginning:
            metadata["beginning"] = self._identity.beginning
        save_checkpoint(self.run.checkpoint or "", self.family.kind, metadata, arrays, version=self.work.rule)

    def _restore(self) -> bool:
        """Go back to the state in the checkpoint, where the run is to go on from one."""
        run = self.run
        found = find_checkpoint(run.checkpoint, self.family.kind, resume=run.resume, note=run.say, version=VERSION)
        if found is None or run.checkpoint is None:
            return False
        with told_as_damaged(run.checkpoint):
            epochs_before = check_identity(run.checkpoint, found, self.config, self._identity)
            # a run that goes on need not know `init` any more
            self._identity = self._identity._replace(beginning=found.metadata.get("beginning", {}))
            check_arrays(found.arrays, self.family.shapes())
            self._go_on(found, epochs_before)
            self.family.restore(found.arrays)
        return True

    def _go_on(self, found: Checkpoint, epochs_before: int) -> None:
        metadata, work, epochs = found.metadata, self.work, self.config.epochs
        step, steps = steps_done(self.run.checkpoint or "", found, epochs, epochs_before)
        units, (loss, n) = int(metadata["units"]), map(float, metadata["epoch_sums"])
        if steps != work.steps or not 0 <= units - step // steps * work.units <= work.units:
            raise ValueError(f"step {step} of {steps}, {units} {work.unit}")
        self.first = step
        self.monitor.done = units
        self.monitor.by_epoch = {step // steps: [loss, n]} if step % steps else {}
        if epochs == epochs_before:
            self.monitor.by_part = {int(part): [float(a), float(b)] for part, a, b in metadata["part_sums"]}
        else:
            self.run.say(
                f"going on from epoch {step / steps:.1f} with {counted(epochs, 'epoch')} instead of {epochs_before}: "
                + _what_the_rate_does(work.rate, step / (steps * epochs_before), step / (steps * epochs))
            )


def _what_the_rate_does(rate: Callable[[float], float] | None, before: float, now: float) -> str:
    if rate is None:
        return "the learning rate stays as it was"
    return (
        f"the learning rate was {rate(min(before, 1.0)):.3g} where the run stopped, goes on from {rate(now):.3g} "
        f"and falls to {rate(1.0):.3g}"
    )


def check_arrays(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[tuple[int, ...], type]]) -> None:
    """Check that a checkpoint holds the arrays of a state, of their shapes and dtypes, and finite.

    Raises
    ------
    ValueError
    """
    if set(arrays) != set(shapes):
        raise ValueError(f"expected the arrays {', '.join(sorted(shapes))}, found {', '.join(sorted(arrays))}")
    for name, (shape, dtype) in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{name}: expected {np.dtype(dtype)} {shape}, found {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds a NaN or infinity")


def corpus_digest(vocabulary_digest: str, *arrays: np.ndarray) -> str:
    """A fingerprint of what is trained on: the vocabulary, and every id or count."""
    digest = hashlib.blake2b(vocabulary_digest.encode(), digest_size=32)
    for array in arrays:
        digest.update(str(len(array)).encode())
        step = 1 << 22
        for start in range(0, len(array), step):
            digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()
