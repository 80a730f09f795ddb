"""The file of a trained model: one ``.safetensors`` file, written and read by hand, nothing pickled.

Layout, little-endian: uint64 ``n``; ``n`` bytes of JSON, padded with spaces so that the tensors start at a multiple
of 64; then the tensors without gaps, those of the widest dtype first, so that each is aligned, at byte
``8 + n + data_offsets[0]``. The header's ``__metadata__`` holds strings:

==================  =================================================================================================
``format``          ``"embedkit-model"``
``format_version``  ``"1"``
``embedkit_version`` of the program that wrote the file
``task``            the command that the model belongs to: ``classify``, ``tag``, ``lm``, ``seq2seq``, ``caption``
``kind``            the model: ``lstm``, ``mean``, ``transformer``, ...
``config``          JSON: everything needed to build the model again: sizes, labels, tokenizer, subwords
==================  =================================================================================================

Tensors are the model's parameters under their names and what the model looks tokens up in (`embedkit.nn.words.lookup`).
Opening maps the file: a prediction reads the rows of its own words and leaves the rest on disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from embedkit._version import __version__
from embedkit.errors import FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile

VERSION = "1"
LARGEST_HEADER = 100_000_000
DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


class ModelFile(NamedTuple):
    """What a model file holds; the arrays are read-only maps of the file."""

    task: str
    kind: str
    config: dict[str, Any]
    tensors: dict[str, np.ndarray]


def save_model(
    path: str | os.PathLike[str], task: str, kind: str, config: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
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
        float32, float64, int64, int32 or uint8.
    """
    header: dict[str, Any] = {
        "__metadata__": {
            "format": "embedkit-model",
            "format_version": VERSION,
            "embedkit_version": __version__,
            "task": task,
            "kind": kind,
            "config": json.dumps(config, ensure_ascii=False),
        }
    }
    place = 0
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    for name, array in ordered:
        header[name] = {
            "dtype": NAMES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    size = -(-(8 + len(text)) // 64) * 64 - 8
    with atomic_open(path) as stream:
        stream.write(size.to_bytes(8, "little") + text.ljust(size))
        for _, array in ordered:
            if array.size:
                little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                stream.write(little.reshape(-1).view(np.uint8).data)


def load_model(path: str | os.PathLike[str], task: str) -> ModelFile:
    """Open a model of one task.

    Raises
    ------
    FormatError
        For a file that is cut off, damaged, of another task, or no model at all.
    """
    file = MappedFile(path)
    length = int.from_bytes(file.bytes[:8], "little")
    if file.size < 8 or length > min(file.size - 8, LARGEST_HEADER):
        raise FormatError(
            f"{file.name}: expected a trained model (embedkit {task} train makes one), found a file of "
            "another kind or one that is cut off"
        )
    header = _json_object(file.name, "header", file.bytes[8 : 8 + length])
    metadata = header.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    _check_kind(file.name, metadata, task)
    config = _json_object(file.name, "config", metadata.get("config", ""))
    tensors = {name: _tensor(file, 8 + length, name, entry) for name, entry in header.items()}
    return ModelFile(task, str(metadata.get("kind")), config, tensors)


def _check_kind(name: str, metadata: dict[str, Any], task: str) -> None:
    if metadata.get("format") == "embedkit":
        raise FormatError(
            f"{name}: these are word vectors, not a trained model; "
            f"train one with embedkit {task} train --vectors {name}"
        )
    if metadata.get("format") != "embedkit-model":
        raise FormatError(
            f"{name}: expected a trained model of embedkit {task}, found a safetensors file of another program"
        )
    if metadata.get("format_version") != VERSION:
        raise FormatError(
            f"{name}: written in version {metadata.get('format_version')} of the model format, this "
            f"embedkit reads version {VERSION}; install a newer embedkit"
        )
    if metadata.get("task") != task:
        raise FormatError(
            f"{name}: expected a model of embedkit {task}, found one of embedkit "
            f"{metadata.get('task')}; use that command or another file"
        )


def _json_object(name: str, what: str, text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{name}: damaged: the {what} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise FormatError(f"{name}: damaged: the {what} is not a JSON object")
    return value


def _tensor(file: MappedFile, start: int, name: str, entry: Any) -> np.ndarray:
    try:
        dtype, shape, (low, high) = np.dtype(DTYPES[entry["dtype"]]), list(entry["shape"]), entry["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, low, high))
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        raise FormatError(f"{file.name}: damaged: the entry of tensor {name} reads {str(entry)[:200]}")
    count = 1
    for n in shape:
        count *= n
    if count * dtype.itemsize != high - low:
        raise FormatError(f"{file.name}: damaged: tensor {name} of shape {shape} cannot take bytes {low}–{high}")
    return file.array(dtype.str, start + low, count, f"tensor {name}").reshape(shape)
