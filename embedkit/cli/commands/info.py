"""``embedkit info``: what a file of vectors holds."""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option
from embedkit.cli.shared.output import Results, print_json
from embedkit.formats import FORMATS, read, sniff
from embedkit.text.escaping import to_json


@click.command(epilog="Example: embedkit info model.safetensors")
@click.argument("model", type=INPUT)
@click.option(
    "--from",
    "source_format",
    type=click.Choice(list(FORMATS)),
    metavar="FORMAT",
    help="Where the content does not tell.",
)
@json_option
def info(model: str, source_format: str | None, as_json: bool) -> None:
    """Format, shape, training configuration and memory of a file of word vectors; what any file of embedkit holds.

    Piped, each line is property<TAB>value; --json prints one object.
    """
    from embedkit.files.describe import bytes_of, describe_own
    from embedkit.files.locations import shown
    from embedkit.formats.compressed import at_hand
    from embedkit.formats.describe import describe

    with at_hand(model) as here:
        facts = {} if source_format else describe_own(here)
        if not facts:
            name = source_format or sniff(here)
            facts = {"format": name, "file_bytes": bytes_of(here), **describe(read(here, name, name=shown(model)))}
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


def _shown(value: object) -> str:
    return value if isinstance(value, str) else to_json(value)
