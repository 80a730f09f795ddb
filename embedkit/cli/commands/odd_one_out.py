"""``embedkit odd-one-out``: the word that does not belong."""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option
from embedkit.cli.shared.output import Results
from embedkit.cli.shared.queries import known
from embedkit.cli.shared.reading import load, reading_options


@click.command(epilog="Example: embedkit odd-one-out model.safetensors breakfast lunch dinner kitchen")
@click.argument("model", type=INPUT)
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@json_option
@reading_options
@quiet_option
def odd_one_out(model: str, words: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """The WORD that lies farthest from the mean of them all (by cosine).

    Unknown words are errors that leave the others in the game; the exit status is then 1.
    """
    vectors = load(model)
    usable = [word for word in words if known(vectors, [word], quiet)]
    answer = vectors.odd_one_out(usable)
    with Results(["word"], as_json) as results:
        results.row(answer)
    return 0 if len(usable) == len(words) else 1
