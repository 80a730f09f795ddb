"""What a run takes from the checkpoint that it goes on from, and what it refuses there; its plan likewise."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from embedkit.errors import ConfigError, TrainingError
from embedkit.files.checkpoint import Checkpoint, stored_values
from embedkit.files.resuming import check_same_run, checkpoint_in
from embedkit.files.urls import shown
from embedkit.options import defaults, in_use, used
from embedkit.text.user_dictionary import same_words, without_words
from embedkit.training.options import OPTIONS, TrainingConfig

VERSION = 4  # the newest of checkpoints of word vectors; each is in the version of the rule that it was trained by
MAY_CHANGE = (
    "workers",
    "center",
    "deterministic",
    "epochs",
    "keep_output",
    "glove_vectors",
)  # between a run and the run that resumes it
AS_STOPPED = ("epochs", "keep_output", "glove_vectors")  # of these, where they are not given again
_BEGINNING = {"lock": "`lock`", "init": "`init` or `continue_from`", "compass": "`compass`"}
_NEW_FOLDER = "name another folder to start again"

Folder = str | os.PathLike[str]


class Identity(NamedTuple):
    """What a checkpoint knows its own run by, beside the options.

    Attributes
    ----------
    kind : str
        Of the family.
    rule : int
        That the family trains by.
    corpus : str or None
        The fingerprint of what is trained on; None where it is not known yet, and not compared.
    beginning : dict
        What the run starts from, and what stands still in it.
    """

    kind: str
    rule: int
    corpus: str | None
    beginning: Mapping[str, Any]


def as_stopped(config: TrainingConfig, given: Collection[str], folder: Folder) -> TrainingConfig:
    """The configuration of a run that goes on, with what the run in the checkpoint had where it was not `given` again:
    options that a corpus decides, and those that a run may change."""
    was = stored_values(folder).get("config")
    if not isinstance(was, dict) or was.get("model") != config.model:
        return config
    usual, now = defaults(type(config)), used(config)
    names = [
        name
        for name, value in now.items()
        if name not in given and (value is None or (name in AS_STOPPED and value == usual[name]))
    ]
    try:
        return dataclasses.replace(config, **{name: was[name] for name in names if was.get(name) is not None})
    except ConfigError:  # of a damaged checkpoint, which is refused when it is loaded
        return config


def epochs_in(
    folder: Folder, config: TrainingConfig, identity: Identity, note: Callable[[str], None] | None = None
) -> float | None:
    """How many epochs the run in the checkpoint has done, from where another would go on; None where there is none.

    Raises
    ------
    TrainingError
        When a run would refuse the checkpoint for what it says of itself; its arrays are not looked at.
    """
    found = checkpoint_in(folder, identity.kind, note=note, version=VERSION)
    if found is None:
        return None
    with told_as_damaged(folder):
        step, steps = steps_done(folder, found, config.epochs, check_identity(folder, found, config, identity))
    return step / steps


@contextlib.contextmanager
def told_as_damaged(folder: Folder) -> Iterator[None]:
    """Turn what goes wrong with the contents of a checkpoint into one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TrainingError(f"{shown(folder)}: the checkpoint is damaged ({error}); {_NEW_FOLDER}") from error


def check_identity(folder: Folder, found: Checkpoint, config: TrainingConfig, identity: Identity) -> int:
    """Refuse the checkpoint of another run; returns the epochs that its run was to have.

    Raises
    ------
    TrainingError
    """
    metadata, _, rule = found
    now, kept = config.to_dict(), metadata["config"]
    newer = {name: value for name, value in defaults(type(config)).items() if name in now and name not in kept}
    was = newer | in_use(type(config), kept, OPTIONS)  # older ones hold what has no effect too
    compared = identity.corpus is not None and rule == identity.rule
    check_same_run(
        folder,
        was,
        now,
        may_change=MAY_CHANGE,
        data_was=metadata["corpus"],
        data_now=identity.corpus or "" if compared else metadata["corpus"],
        same=same_words,
        show=without_words,
    )
    if rule != identity.rule:
        raise TrainingError(
            f"{shown(folder)}: the checkpoint is of a version of embedkit that trained by another rule; "
            "go on with that version, or begin again in another folder"
        )
    if "beginning" in metadata:  # older ones do not tell it
        _check_beginning(folder, metadata["beginning"], identity.beginning)
    elif identity.beginning["lock"] and config.model == "doc2vec":
        raise TrainingError(
            f"{shown(folder)}: the checkpoint is of a version of embedkit that moved vectors of words under `lock`; "
            f"{_NEW_FOLDER}"
        )
    return int(was["epochs"])


def _check_beginning(folder: Folder, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse other starting vectors, and others that stand still."""
    if set(was) != set(now):
        raise ValueError(f"expected {', '.join(now)}, found {', '.join(was)}")
    for name, value in was.items():
        if value == now[name] or (name == "init" and now[name] is None):  # which is in the state by now
            continue
        was_there = "with another" if value and now[name] else "with" if value else "without"
        raise TrainingError(
            f"{shown(folder)}: the checkpoint is of a run {was_there} {_BEGINNING[name]}; give the same, "
            f"or {_NEW_FOLDER}"
        )


def steps_done(folder: Folder, found: Checkpoint, epochs: int, epochs_before: int) -> tuple[int, int]:
    """The steps that the run in a checkpoint has done, and those of an epoch.

    Raises
    ------
    TrainingError
        When it has done more than the `epochs` that are asked for.
    ValueError
        When these are numbers that no run writes.
    """
    step, steps = (int(n) for n in found.metadata["steps"])
    if epochs_before < 1 or steps < 1 or not 0 <= step <= steps * epochs_before:
        raise ValueError(f"step {step} of {steps}, {epochs_before} epochs")
    if step > steps * epochs:
        raise TrainingError(
            f"{shown(folder)}: the checkpoint is {step / steps:.1f} epochs on, which is more than `epochs` "
            f"{epochs}; ask for at least {-(-step // steps)}"
        )
    return step, steps
