"""Whether a run goes on from a checkpoint: the same rules and words for every kind of training.

- ``resume`` without a checkpoint in the folder starts from the beginning and says so;
- a folder that holds a checkpoint is not used for a new run by accident;
- a checkpoint of a run with other options or other data is refused, naming what differs.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

from embedkit.errors import ConfigError, TrainingError
from embedkit.files.checkpoint import Checkpoint, file_in, load_checkpoint, make_folder
from embedkit.files.locations import is_there
from embedkit.files.urls import shown


def find_checkpoint(
    folder: str | os.PathLike[str] | None,
    kind: str,
    *,
    resume: bool,
    note: Callable[[str], None] | None = None,
    version: int = 1,
) -> Checkpoint | None:
    """The checkpoint that a run is to go on from, or None where it starts from the beginning.

    Parameters
    ----------
    folder : path or None
        Made where it does not exist.
    kind, version
        As in `embedkit.files.checkpoint.load_checkpoint`.
    resume : bool
        Whether going on was asked for.
    note : callable, optional
        Is told in one line when there is nothing to go on from.

    Raises
    ------
    ConfigError
        When `resume` was asked for without a folder.
    TrainingError
        When the checkpoint cannot be used.
    """
    prepare_folder(folder, resume=resume)
    return None if folder is None or not resume else checkpoint_in(folder, kind, note=note, version=version)


def checkpoint_in(
    folder: str | os.PathLike[str], kind: str, *, note: Callable[[str], None] | None = None, version: int = 1
) -> Checkpoint | None:
    """The checkpoint in a folder, which is not made; parameters and errors of `find_checkpoint`."""
    found = load_checkpoint(folder, kind, version=version)
    if found is None and note is not None:
        note(f"{shown(folder)} holds no checkpoint: starting from the beginning")
    return found


def prepare_folder(folder: str | os.PathLike[str] | None, *, resume: bool) -> None:
    """Make the folder of a run, or refuse, before any work is done, one that it cannot use.

    Raises
    ------
    ConfigError
        As `check_asked`.
    EmbedkitError
        When the folder cannot be made or written.
    """
    check_asked(folder, resume=resume)
    if folder is not None:
        make_folder(folder)


def check_asked(folder: str | os.PathLike[str] | None, *, resume: bool) -> None:
    """Refuse a folder that a run would not go on from, or would go on from unasked.

    Raises
    ------
    ConfigError
        When `resume` was asked for without a folder, or the folder holds a checkpoint and it was not.
    """
    if folder is None:
        if resume:
            raise ConfigError("`resume` needs the folder of the checkpoint: give `checkpoint` too")
        return
    path = file_in(folder)
    if not resume and is_there(path):
        raise ConfigError(
            f"{shown(folder)} holds the checkpoint of a run that was stopped: give `resume` to go on with it, "
            f"or delete {shown(path)} or name another folder to start again"
        )


def check_same_run(
    folder: str | os.PathLike[str],
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    may_change: Collection[str] = (),
    data_was: str = "",
    data_now: str = "",
    data: str = "corpus",
    same: Callable[[Any, Any], bool] = operator.eq,
    show: Callable[[str], str] = str,
) -> None:
    """Refuse to go on from a checkpoint of another run.

    Parameters
    ----------
    folder : path
    was, now : mapping
        The options of the run of the checkpoint and of this one.
    may_change : collection of str
        Names that need not agree.
    data_was, data_now : str
        Digests of what was and is trained on.
    data : str
        What to call it.
    same : callable
        Whether an option's two values are the same.
    show : callable
        Makes what a message shows of a value's `repr`.

    Raises
    ------
    TrainingError
        Naming each option that differs.
    """
    names = [*now, *(name for name in was if name not in now)]
    changed = [name for name in names if name not in may_change and not same(was.get(name), now.get(name))]
    if changed:
        values = [(name, show(repr(was.get(name))), show(repr(now.get(name)))) for name in changed]
        what = ", ".join(
            f"`{name}` was {before}, is {after}" if before != after else f"`{name}` was another {before}"
            for name, before, after in values
        )
        raise TrainingError(
            f"{shown(folder)}: the checkpoint is of a run with other options ({what}); give the same ones, "
            "or name another folder to start again"
        )
    if data_was != data_now:
        raise TrainingError(
            f"{shown(folder)}: the checkpoint is of another {data}; give the same one, or name another folder to start "
            "again"
        )
