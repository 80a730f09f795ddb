"""The state of a run that may be stopped and go on: one file in a folder, for every kind of training.

The file is a ``.safetensors`` file (`embedkit.files.safetensors`). Its metadata holds, beside ``format``
("embedkit-checkpoint") and the versions, ``kind`` (whose run it is), ``kind_version`` (of that run's own state) and
``state``, the state's plain values as JSON; the tensors are its arrays. The folder may be a URL that fsspec knows
(``s3://bucket/run``): a store shows the new file when all of it has arrived, until then the one before.

Each file has a number of its own, drawn when it is written. A run replaces and removes the file that it wrote or went
on from, and no other: of two runs that share a folder by mistake one ends with an error, the other keeps its state.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from embedkit.errors import EmbedkitError, FormatError, TrainingError
from embedkit.files.atomic import sync_folder
from embedkit.files.copies import on_disk
from embedkit.files.locations import beginnings, is_there, reach, remove
from embedkit.files.safetensors import CHECKPOINT, MODEL, SafetensorsFile, metadata_of, require_version
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.files.urls import is_url, plain, shown
from embedkit.options import for_json

CHECKPOINT_NAME = "checkpoint.safetensors"
OLD_NAME = "checkpoint.npz"  # word vectors until version 0.1
_ADVICE = "train again without `resume`"
_NUMBER = re.compile(rb'"number":\s*"([0-9a-f]{16})"')
_NUMBER_WITHIN = 1000  # bytes
_known: dict[str, bytes | None] = {}  # the number of the file that this process wrote or read last, by its place


class Checkpoint(NamedTuple):
    """What `load_checkpoint` found; the arrays are copies that may be written to."""

    metadata: dict[str, Any]
    arrays: dict[str, np.ndarray]
    version: int = 1


def save_checkpoint(
    folder: str | os.PathLike[str],
    kind: str,
    metadata: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    version: int = 1,
) -> None:
    """Write the state of a run; the state before stays until this one is whole and on the disk.

    Parameters
    ----------
    folder : path or URL
        Made where it does not exist.
    kind : str
        Whose run it is: ``"word2vec"``, ``"classify"``; `load_checkpoint` refuses another.
    metadata : mapping
        Must be expressible in JSON.
    arrays : mapping of str to array
        Of a dtype in `embedkit.files.safetensors.DTYPES`.
    version : int
        Of what `metadata` and `arrays` mean for this kind of run.

    Raises
    ------
    TrainingError
        When another run has written there since.
    EmbedkitError
        When the file cannot be written.
    """
    make_folder(folder)
    path = file_in(folder)
    if not _is_own(path):
        raise TrainingError(
            f"{shown(path)}: another run keeps its state there, and has written it since this one began; "
            "give each run a folder of its own"
        )
    text = json.dumps(metadata, ensure_ascii=False, default=for_json)
    number = os.urandom(8).hex()
    header = metadata_of(CHECKPOINT, number=number, kind=kind, kind_version=str(version), state=text)
    write_safetensors(path, header, arrays)
    _known[path] = number.encode()


def load_checkpoint(folder: str | os.PathLike[str], kind: str, *, version: int = 1) -> Checkpoint | None:
    """The state that `save_checkpoint` wrote, or None where the folder has none.

    Raises
    ------
    TrainingError
        When the checkpoint is damaged, of another kind of run, of an embedkit before 0.2, or in a version newer than
        `version`.
    """
    path = file_in(folder)
    if not is_there(path):
        old = Path(folder) / OLD_NAME
        if not is_url(folder) and old.exists():
            raise TrainingError(f"{old}: a checkpoint of an older embedkit, which cannot go on here; {_ADVICE}")
        return None
    with on_disk(path) as place:
        found = _loaded(place, shown(path), kind, version)
        _known[path] = _number_of(str(place))
        return found


def stored_values(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The plain values of a checkpoint without its arrays, of any kind of run; empty where none can be read, which
    `load_checkpoint` tells."""
    path = file_in(folder)
    if not is_there(path):
        return {}
    with on_disk(path) as place:
        try:
            found = SafetensorsFile(place, shown(path), expected="a training checkpoint").json("state")
        except FormatError:
            return {}
    return found if isinstance(found, dict) else {}


def _loaded(path: Path, name: str, kind: str, version: int) -> Checkpoint:
    try:
        file = SafetensorsFile(path, name, expected="a training checkpoint")
        if file.metadata.get("format") == MODEL.name and file.metadata.get("task") == "checkpoint":
            raise TrainingError(f"{name}: a checkpoint of an older embedkit, which cannot go on here; {_ADVICE}")
        file.require(CHECKPOINT)
        found = file.metadata.get("kind")
        if found != kind:
            raise TrainingError(
                f"{name}: expected a checkpoint of {kind}, found one of {found}; name another folder, or {_ADVICE}"
            )
        was = require_version(file.name, f"a checkpoint of {kind}", file.metadata.get("kind_version"), version)
        # Copies: the file is replaced while the run goes on, which Windows refuses for mapped files.
        return Checkpoint(file.json("state"), {name: array.copy() for name, array in file.tensors().items()}, was)
    except FormatError as error:
        raise TrainingError(f"{error}; or {_ADVICE}") from error


def file_in(folder: str | os.PathLike[str]) -> str:
    """The file of the checkpoint in a folder, which may be a URL."""
    folder = plain(os.fspath(folder))
    return f"{folder.rstrip('/')}/{CHECKPOINT_NAME}" if is_url(folder) else os.path.join(folder, CHECKPOINT_NAME)


def clear_checkpoint(folder: str | os.PathLike[str]) -> None:
    """Remove the checkpoint of a run whose result is safely written; its folder stays, and what another run wrote."""
    if _is_own(file_in(folder)):
        remove(file_in(folder))
    folder = plain(os.fspath(folder))
    if not is_url(folder):
        (Path(folder) / OLD_NAME).unlink(missing_ok=True)
        sync_folder(Path(folder))


def _is_own(path: str) -> bool:
    """Whether there is no file, or the one that this process wrote or went on from."""
    return not is_there(path) or _known.get(path, b"") == _number_of(path)


def _number_of(path: str) -> bytes | None:
    """The number of a checkpoint; None where it has none, as of earlier versions."""
    (head,) = beginnings([path], _NUMBER_WITHIN)
    found = _NUMBER.search(head or b"")
    return found[1] if found else None


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make the folder for a checkpoint, before the run that will need it.

    Raises
    ------
    EmbedkitError
        When it cannot be made or nothing can be written into it; of a URL, when fsspec cannot go there.
    """
    folder = plain(os.fspath(folder))
    if is_url(folder):
        reach(file_in(folder))
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbedkitError(f"cannot use {folder} for checkpoints: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EmbedkitError(f"cannot use {folder} for checkpoints: nothing can be written there")
