"""What ``embedkit info`` says of the files that embedkit writes beside word vectors."""

from __future__ import annotations

import json
import os
from typing import Any

from embedkit.errors import FormatError
from embedkit.files.magic import NEIGHBOURS
from embedkit.files.safetensors import FORMATS, VECTORS, SafetensorsFile

LONGEST_LIST = 20  # labels and the like; of longer ones the number is said
LONGEST_HEADER = 1 << 20  # bytes


def bytes_of(path: str | os.PathLike[str]) -> int:
    """The size of a file, or of all files in a folder together."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def describe_own(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Kind, configuration and tensors of a trained model, a checkpoint or counts; nothing for other files.

    Raises
    ------
    FormatError
        When the file is one of these and damaged.
    """
    try:
        file = SafetensorsFile(path)
    except (FormatError, OSError):
        return _index_of_own(path) or _lines_of_own(path)
    name = file.metadata.get("format", "")
    if name not in FORMATS or name == VECTORS.name:
        return {}
    file.require(FORMATS[name])
    tensors = file.tensors()
    facts: dict[str, Any] = {"format": name, "file_bytes": os.path.getsize(path), "what": FORMATS[name].what}
    for key, value in file.metadata.items():
        if key != "format":
            facts[key] = _shortened(file.json(key)) if value.lstrip().startswith("{") else value
    config = facts.get("config")
    if isinstance(config, dict) and "algorithm" in config:
        facts["kind"] = config.pop("algorithm")
    facts["values"] = sum(tensor.size for tensor in tensors.values())
    facts["tensors"] = {key: f"{tensor.dtype} {list(tensor.shape)}" for key, tensor in tensors.items()}
    return facts


def _index_of_own(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What an index of the words of a model says of itself; nothing for other files."""
    try:
        with open(path, "rb") as stream:
            start = stream.read(16)
            if start[:8] != NEIGHBOURS:
                return {}
            header = json.loads(stream.read(min(int.from_bytes(start[8:], "little"), LONGEST_HEADER)))
    except (OSError, ValueError):
        return {}
    facts = {
        "format": "embedkit-index",
        "file_bytes": os.path.getsize(path),
        "what": "an index of the words of a model",
    }
    return {**facts, **header} if isinstance(header, dict) else {}


def _lines_of_own(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What the first line says of a file of JSON lines that embedkit wrote, and how many follow; nothing for others."""
    try:
        with open(path, "rb") as stream:
            first = stream.readline(LONGEST_HEADER)
            header = json.loads(first) if first.startswith(b'{"format": "embedkit-') else {}
            lines = sum(1 for _ in stream) if header else 0
    except (OSError, ValueError):
        return {}
    if not header:
        return {}
    return {"format": header.pop("format"), "file_bytes": os.path.getsize(path), **_shortened(header), "entries": lines}


def _shortened(value: Any) -> Any:
    """The same with long lists as their lengths and long objects cut off below the first level."""
    if isinstance(value, dict):
        return {key: _shortened(inner) if isinstance(inner, list) else _plain(inner) for key, inner in value.items()}
    return f"{len(value):,} entries" if len(value) > LONGEST_LIST else value


def _plain(value: Any) -> Any:
    return f"{len(value):,} entries" if isinstance(value, dict) and len(json.dumps(value)) > 400 else value
