"""The state of a run of `embedkit.nn.learning.loop.fit` in a checkpoint: written, read back, and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from embedkit.errors import TrainingError, counted
from embedkit.files.checkpoint import Checkpoint
from embedkit.files.resuming import check_same_run
from embedkit.nn.layers.parameters import Parameters
from embedkit.nn.learning.identity import Identity, digest
from embedkit.nn.learning.optimizers import EarlyStopping, Optimizer
from embedkit.nn.learning.options import TrainingOptions
from embedkit.text.user_dictionary import same_words, without_words

VERSION = 1  # of what a checkpoint of a neural module holds
MAY_CHANGE = ("epochs", "patience")  # between a run and the run that resumes it
SUMS = ("loss", "examples", "clipped", "exploded", "largest_norm", "learning_rate")
START = "vectors or language model to start from"


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


class RunState:
    """All that changes while a model is trained.

    Parameters
    ----------
    parameters : dict of str to array
        The model's, changed in place.
    options : TrainingOptions
    higher_is_better : bool
    """

    def __init__(self, parameters: Parameters, options: TrainingOptions, higher_is_better: bool) -> None:
        self.parameters = parameters
        self.optimizers: dict[str, Optimizer] = {
            "rows": options.make_optimizer(options.embedding_rate),
            "dense": options.make_optimizer(1.0),
        }
        self.rng = np.random.default_rng(np.random.SeedSequence(options.seed).spawn(1)[0])
        self.stopping = EarlyStopping(options.patience, higher_is_better)
        self.history = History()
        self.epoch, self.step = 1, 0
        self.sums = dict.fromkeys(SUMS, 0.0)
        self.seconds = 0.0

    def to_checkpoint(self) -> Checkpoint:
        """What a checkpoint holds of it."""
        arrays = {f"model/{name}": array for name, array in self.parameters.items()}
        arrays |= {f"best/{name}": array for name, array in self.stopping.best.items()}
        for name, optimizer in self.optimizers.items():
            arrays |= {f"optimizer/{name}/{key}": array for key, array in optimizer.state.items()}
        metadata = {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums,
            "seconds": self.seconds,
            "rng": self.rng.bit_generator.state,
            "history": {**asdict(self.history), "best_score": None},
            "optimizer_steps": {name: optimizer.steps for name, optimizer in self.optimizers.items()},
            "stopping": [self.stopping.epoch, self.stopping.best_epoch, self.stopping.best_score],
        }
        return Checkpoint(metadata, arrays)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over the state in a checkpoint.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError, OverflowError
            When it holds what no run can have written; nothing is to be done with this state then.
        """
        metadata, arrays, _ = checkpoint
        model = _part(arrays, "model/", self.parameters)
        best = _part(arrays, "best/", self.parameters) if any(n.startswith("best/") for n in arrays) else {}
        states, known = {}, len(model) + len(best)
        for name, optimizer in self.optimizers.items():
            prefix = f"optimizer/{name}/"
            found = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
            likes = {f"{kind}.{key}": like for kind in optimizer.KINDS for key, like in self.parameters.items()}
            states[name] = _checked(found, {key: likes[key] for key in found}, prefix)
            if any((array < 0).any() for key, array in found.items() if key.startswith("square")):
                raise ValueError("a mean square is negative")
            known += len(found)
        if known != len(arrays):
            raise ValueError(f"{len(arrays)} arrays, of which {known} belong to the run")
        self.epoch, self.step = _count(metadata["epoch"], 1), _count(metadata["step"])
        self.sums = {name: _number(metadata["sums"][name]) for name in SUMS}
        self.seconds = _number(metadata["seconds"])
        self.history = _history(metadata["history"])
        epoch, best_epoch, best_score = metadata["stopping"]
        self.stopping.epoch, self.stopping.best_epoch = _count(epoch), _count(best_epoch)
        self.stopping.best_score = None if best_score is None else _number(best_score)
        if (best_score is None) != (not best) or self.stopping.best_epoch > self.stopping.epoch:
            raise ValueError("the best epoch's score and parameters do not belong together")
        self.rng.bit_generator.state = metadata["rng"]
        for name, optimizer in self.optimizers.items():
            optimizer.state, optimizer.steps = states[name], _count(metadata["optimizer_steps"][name])
        self.stopping.best = best
        for name, array in model.items():
            self.parameters[name][...] = array


def identity_record(identity: Identity, options: TrainingOptions, parameters: Parameters) -> dict[str, Any]:
    """What a checkpoint says of whose it is; `parameters` are the model's first values."""
    return {
        "settings": {**asdict(options), **identity.settings},
        "data": {name: digest(part) for name, part in identity.data.items()} | {START: digest(parameters)},
    }


def check_identity(folder: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse the checkpoint of another run.

    Raises
    ------
    TrainingError
        Naming what differs.
    """
    settings, data = dict(was["settings"]), dict(was["data"])
    check_same_run(folder, settings, now["settings"], may_change=MAY_CHANGE, same=same_words, show=without_words)
    for name, value in now["data"].items():
        check_same_run(folder, {}, {}, data=name, data_was=data.get(name, ""), data_now=value)


def say_what_changes(
    state: RunState, was: int, now: int, n_steps: int, rate: Callable[[int, int], float], note: Callable[[str], None]
) -> None:
    """Tell what other `epochs` mean for a resumed run.

    Parameters
    ----------
    was, now : int
        The epochs of the run that stopped and of this one.
    n_steps : int
        Steps an epoch.
    rate : callable
        ``rate(step, epochs)``: the learning rate.

    Raises
    ------
    TrainingError
        When the run is further on than it is now to go.
    """
    done = state.epoch - 1 + (state.step > 0)
    if done > now:
        raise TrainingError(f"the checkpoint is in epoch {done}, which is more than `epochs` {now}; ask for more")
    if was == now:
        return
    step = (state.epoch - 1) * n_steps + state.step
    before, after, last = rate(max(0, min(step, was * n_steps) - 1), was), rate(step, now), rate(now * n_steps - 1, now)
    what = f"was {before:.3g} where the run stopped, goes on from {after:.3g}"
    note(
        f"going on in epoch {state.epoch} with {counted(now, 'epoch')} instead of {was}: the learning rate "
        + (f"stays {after:.3g}" if before == after == last else f"{what} and ends at {last:.3g}")
    )


def _part(arrays: Parameters, prefix: str, likes: Parameters) -> Parameters:
    found = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    if set(found) != set(likes):
        raise ValueError(f"{prefix}: expected {len(likes)} arrays of the model, found {len(found)}")
    return _checked(found, likes, prefix)


def _checked(found: Parameters, likes: Parameters, prefix: str) -> Parameters:
    for name, array in found.items():
        if array.shape != likes[name].shape or array.dtype != likes[name].dtype:
            like = likes[name]
            raise ValueError(f"{prefix}{name}: expected {like.dtype} {like.shape}, found {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{prefix}{name} holds a NaN or infinity")
    return found


def _history(record: Mapping[str, Any]) -> History:
    epochs = [dict(epoch) for epoch in record["epochs"]]
    if not all(isinstance(name, str) for epoch in epochs for name in epoch):
        raise ValueError("an epoch's record is none")
    return History(
        epochs,
        seconds=_number(record["seconds"]),
        seconds_to_best=_number(record["seconds_to_best"]),
        exploded=_count(record["exploded"]),
    )


def _count(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 1 << 53:
        raise ValueError(f"{value!r} is no count")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)
