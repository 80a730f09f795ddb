"""A folder as the Hub keeps a model: everything, with a card.

=====================  ==============================================================================================
``model.safetensors``  the native file (`embedkit.formats.native`)
``config.json``        ``library_name``, ``model_type``, shape, and the training configuration
``README.md``          a model card (`embedkit.formats.model_card`); one that somebody wrote stays
=====================  ==============================================================================================
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from embedkit.errors import FormatError
from embedkit.files.folders import atomic_folder, check_folder
from embedkit.files.safetensors import VECTORS, SafetensorsFile
from embedkit.formats import native
from embedkit.formats.model_card import card_for
from embedkit.rows.table import EmbeddingTable

MODEL = "model.safetensors"
FILES = (MODEL, "config.json", "README.md")


def part(folder: str | os.PathLike[str]) -> Path | None:
    """The native file in a folder; None where there is none."""
    path = Path(folder) / MODEL
    try:
        return path if SafetensorsFile(path).metadata.get("format") == VECTORS.name else None
    except (FormatError, OSError):
        return None


def read(path: str | os.PathLike[str], name: str | None = None) -> EmbeddingTable:
    """Open the folder's file, memory-mapped; raises as `embedkit.formats.native.read`."""
    name = name or os.fspath(path)
    return native.read(Path(path) / MODEL, f"{name}/{MODEL}")


def check(path: str | os.PathLike[str]) -> None:
    """See before the work whether the folder could be written; raises as `write`."""
    check_folder(path, FILES)


def write(table: EmbeddingTable, path: str | os.PathLike[str], scores: str | None = None) -> None:
    """Write the folder, on disk or at a URL.

    Parameters
    ----------
    table : EmbeddingTable
    path : path or URL
    scores : path, optional
        JSON lines of ``embedkit evaluate --json`` for the card.

    Raises
    ------
    EmbedkitError
        When it cannot be written.
    ConfigError
        When a folder on disk holds other files.
    """
    place = os.fspath(path) if "://" in os.fspath(path) else "hf://OWNER/MODEL"
    usage = f'import embedkit\n\nmodel = embedkit.load("{place}")\nprint(model.most_similar(model.index_to_key[0]))'
    card = card_for(path, table, lambda _name: usage, scores)
    described = {
        "library_name": "embedkit",
        "model_type": "embedkit",
        "words": len(table),
        "vector_size": table.vector_size,
        "embedkit": table.config,
    }
    with atomic_folder(path, FILES) as folder:
        native.write(table, folder / MODEL)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
        (folder / "README.md").write_text(card, encoding="utf-8", newline="")
