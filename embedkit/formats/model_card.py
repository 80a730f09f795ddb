"""A model card, the ``README.md`` that the Hub shows: what a model is, made from what ``embedkit info`` says of it.

The front matter names library and tags; then come size, training options, how to open the model, and scores where
there are some. A card that somebody wrote is never replaced: what is made here carries a line that says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from embedkit._version import __version__
from embedkit.errors import FormatError
from embedkit.files.folders import readme_of
from embedkit.files.locations import open_location
from embedkit.formats.describe import describe
from embedkit.rows.table import EmbeddingTable
from embedkit.text.user_dictionary import without_words

MARK = "<!-- made by embedkit; without this line the card stays as it is -->"
SHOWN = ("words", "vector_size", "tokens_seen", "quantization", "subwords")
SHOWN_WORDS = 20


def card_for(
    path: str | os.PathLike[str],
    table: EmbeddingTable,
    usage: Callable[[str], str],
    scores: str | os.PathLike[str] | None = None,
) -> str:
    """The card of a folder that is to be written: the one that somebody wrote there, or a new one.

    Parameters
    ----------
    path : path or URL
        Of the folder.
    table : EmbeddingTable
    usage : callable
        Python code that opens what has such a name: the path, or for a URL what stands behind its protocol.
    scores
        As for `model_card`.
    """
    existing = readme_of(path)
    if existing is not None and MARK not in existing:
        return existing
    name = os.fspath(path).rstrip("/").split("://")[-1]
    return model_card(table, name.split("/")[-1], usage(name), scores)


def model_card(table: EmbeddingTable, name: str, usage: str, scores: str | os.PathLike[str] | None = None) -> str:
    """The text of a card.

    Parameters
    ----------
    table : EmbeddingTable
    name : str
        The model's name.
    usage : str
        Python code that opens it.
    scores : path, optional
        JSON lines of ``embedkit evaluate --json``.

    Raises
    ------
    FormatError
        When `scores` holds something else.
    """
    facts = describe(table)
    config = {key: value for key, value in facts.get("config", {}).items() if value is not None}
    kind = str(config.get("model") or config.get("tool") or "")
    tags = ["word-embeddings", *([kind] if kind.replace("-", "").isalnum() else [])]
    front = [
        "---",
        "library_name: embedkit",
        "pipeline_tag: feature-extraction",
        "tags:",
        *(f"- {tag}" for tag in tags),
    ]
    rows = [(key.replace("_", " "), facts[key]) for key in SHOWN if key in facts]
    words = ", ".join(f"`{_plain(word)}`" for word in table.words[:SHOWN_WORDS])
    parts = [
        "\n".join([*front, "---"]),
        MARK,
        f"# {_plain(name)}",
        f"Word vectors{f' ({_plain(kind)})' if kind else ''}, written by embedkit {__version__}.",
        _table(("property", "value"), rows),
        f"The first words: {words}.",
        f"```python\n{usage}\n```",
    ]
    if config:
        parts += ["## Training", _table(("option", "value"), sorted(config.items()))]
    if scores is not None:
        parts += ["## Scores", _scores(scores)]
    return "\n\n".join(parts) + "\n"


def _table(heads: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return without_words("\n".join(f"| {' | '.join(_plain(value) for value in line)} |" for line in lines))


def _scores(path: str | os.PathLike[str]) -> str:
    try:
        with open_location(path) as stream:
            records = [json.loads(line) for line in stream.read().decode().splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(
            f"{os.fspath(path)}: expected the JSON lines of embedkit evaluate --json ({error})"
        ) from error
    if not records or not all(isinstance(record, dict) for record in records):
        raise FormatError(f"{os.fspath(path)}: expected the JSON lines of embedkit evaluate --json, found none")
    heads = tuple(dict.fromkeys(key for record in records for key in record if key != "model"))
    return _table(heads, [[record.get(key, "") for key in heads] for record in records])


def _plain(value: Any) -> str:
    """A value for a cell: one line, no borders."""
    if isinstance(value, float):
        value = f"{value:.6g}"
    elif isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:,}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.replace("|", "¦").replace("`", "'").replace("<", "‹").split()) if text != "---" else text
