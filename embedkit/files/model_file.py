"""The file of a trained model: one ``.safetensors`` file (`embedkit.files.safetensors`).

Its metadata holds, beside ``format`` ("embedkit-model") and the versions:

==================  =================================================================================================
``task``            the command that the model belongs to: ``classify``, ``tag``, ``lm``, ``seq2seq``, ``caption``
``kind``            the model: ``lstm``, ``mean``, ``transformer``, ``ngram``, ...
``config``          JSON: everything needed to build the model again: sizes, labels, tokenizer, subwords; in
                    ``algorithm`` which one it is where one kind of file holds several
==================  =================================================================================================

Tensors are the model's parameters under their names and what the model looks tokens up in (`embedkit.nn.words.lookup`).
Opening maps the file: a prediction reads the rows of its own words and leaves the rest on disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from embedkit.errors import FormatError
from embedkit.files.safetensors import MODEL, VECTORS, SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.options import for_json


class ModelFile(NamedTuple):
    """What a model file holds; the arrays are read-only maps of the file."""

    task: str
    kind: str
    config: dict[str, Any]
    tensors: dict[str, np.ndarray]


BLANKS_VERSION = 2  # of a model of characters with blanks between words, which older programs would not read


def save_model(
    path: str | os.PathLike[str],
    task: str,
    kind: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    *,
    version: int = 1,
) -> None:
    """Write a model; the old file stays until the new one is whole.

    Parameters
    ----------
    path : path
    task, kind : str
        See the module's docstring.
    config : mapping
        Must be expressible in JSON.
    tensors : mapping of str to array
        Of a dtype in `embedkit.files.safetensors.DTYPES`.
    version : int
        Of the format: higher where a program that reads only older ones would predict something else.
    """
    text = json.dumps(config, ensure_ascii=False, default=for_json)
    metadata = metadata_of(MODEL._replace(version=version), task=task, kind=kind, config=text)
    write_safetensors(path, metadata, tensors)


def load_model(path: str | os.PathLike[str], task: str, kinds: Collection[str] = ()) -> ModelFile:
    """Open a model of one task, and where kinds are named of one of these.

    Raises
    ------
    FormatError
        For a file that is cut off, damaged, of another task or kind, or no model at all.
    """
    file = SafetensorsFile(path, expected=f"a trained model (embedkit {task} train makes one)")
    if file.metadata.get("format") == VECTORS.name:
        raise FormatError(
            f"{file.name}: these are word vectors, not a trained model; "
            f"train one with embedkit {task} train --vectors {file.name}"
        )
    file.require(MODEL)
    found = file.metadata.get("task")
    if found != task:
        raise FormatError(
            f"{file.name}: expected a model of embedkit {task}, found one of embedkit {found}; use that command or "
            "another file"
        )
    kind, config = str(file.metadata.get("kind")), file.json("config")
    if kinds and kind not in kinds:
        raise FormatError(
            f"{file.name}: expected a model of embedkit {task} of kind {', '.join(kinds)}, found one of kind "
            f"{str(config.get('algorithm', kind))[:60]}; train one of these kinds with embedkit {task} train, or use "
            "another file"
        )
    return ModelFile(task, kind, config, file.tensors())


def model_task(path: str | os.PathLike[str]) -> str:
    """The task of a trained model, whatever it is.

    Raises
    ------
    FormatError
        When the file holds none.
    """
    file = SafetensorsFile(path, expected="a trained model")
    file.require(MODEL)
    return file.metadata.get("task", "")
