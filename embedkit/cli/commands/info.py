"""``embedkit info``: what a file of vectors holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedkit.cli.shared.bag import BAG, LINEAR
from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option
from embedkit.cli.shared.output import Results, print_json
from embedkit.cli.shared.reading import reading, reading_options
from embedkit.cli.shared.stored_options import of_model, of_vectors
from embedkit.formats import read, sniff
from embedkit.text.escaping import to_json
from embedkit.text.user_dictionary import without_words

FIRST_LABELS = 10


@click.command(epilog="Example: embedkit info model.safetensors")
@click.argument("model", type=INPUT)
@reading_options
@json_option
@quiet_option
def info(model: str, as_json: bool, quiet: bool) -> None:
    """Format, shape, training configuration and memory of a file of word vectors; what any file of embedkit holds.

    Piped, each line is property<TAB>value; --json prints one object.
    """
    from embedkit.files.describe import bytes_of, describe_own
    from embedkit.files.urls import shown
    from embedkit.formats.compressed import at_hand
    from embedkit.formats.describe import describe

    options = reading()
    with at_hand(model, options.pop("member", None)) as here:
        facts = {} if options else describe_own(here)
        if not facts:
            name = options.pop("format", None) or sniff(here)
            table = read(here, name, name=shown(model), **options)
            facts = {"format": name, "file_bytes": bytes_of(here), **describe(table)}
        facts |= _labels(here, facts)
    config = facts.get("config")
    if isinstance(config, dict):
        task, kind = facts.get("task"), facts.get("kind")
        facts["config"] = of_vectors(config) if task is None else of_model(task, kind, config)
    facts = {"file": shown(model), **facts}
    if as_json:
        print_json(facts)
        return
    with Results(["property", "value"]) as results:
        for key, value in facts.items():
            if isinstance(value, dict):
                for inner, detail in value.items():
                    results.row(f"{key}.{inner}", _shown(detail))
            else:
                results.row(key, _shown(value))


def _labels(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """How many labels a bag of words gives, and the first of them."""
    from embedkit.classification.model import BagClassifier

    config = facts.get("config", {})
    native = facts.get("task") == BagClassifier.TASK and facts.get("kind") in (BAG, LINEAR)
    if not native and (facts.get("format"), config.get("model")) != ("fasttext", "supervised"):
        return {}
    from embedkit.classification.storing import load_bag

    labels = load_bag(path).labels
    return {"labels": len(labels), "first_labels": labels[:FIRST_LABELS]}


def _shown(value: object) -> str:
    return without_words(value if isinstance(value, str) else to_json(value))
