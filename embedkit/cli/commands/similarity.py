"""``embedkit similarity``: how similar two words are."""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option
from embedkit.cli.shared.output import Results, warn
from embedkit.cli.shared.queries import known, query_batches
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError
from embedkit.query.neighbours import METRICS


@click.command(epilog="Example: embedkit similarity model.safetensors king queen")
@click.argument("model", type=INPUT)
@click.argument("words", nargs=-1, metavar="[A B]")
@click.option(
    "--metric",
    default="cosine",
    show_default=True,
    type=click.Choice(METRICS),
    help="l2 is the Euclidean distance: smaller is nearer.",
)
@json_option
@reading_options
@quiet_option
def similarity(model: str, words: tuple[str, ...], metric: str, as_json: bool, quiet: bool) -> int:
    """How similar A and B are.

    Without A B, pairs are read from standard input, two words a line (at a tab, or else at white space). Piped,
    each answer is a line A<TAB>B<TAB>value.
    """
    if len(words) not in (0, 2):
        raise ConfigError(f"expected two words A B, or none to read standard input; found {len(words)}")
    vectors = load(model)
    status = 0
    with Results(["a", "b", "value"], as_json) as results:
        for lines in query_batches(["\t".join(words)] if words else []):
            for line in lines:
                pair = words or tuple(line.split("\t") if "\t" in line else line.split())
                if len(pair) != 2:
                    warn(f"expected two words a line, found {len(pair)} in {line!r}")
                    status = 1
                elif known(vectors, pair, quiet):
                    results.row(*pair, vectors.similarity(*pair, metric))
                else:
                    status = 1
            results.flush()
    return status
