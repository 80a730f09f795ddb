"""``embedkit compare``: how far two models agree on neighbours."""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, topn_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import counted


@click.command(epilog="Example: embedkit compare before.safetensors after.safetensors --changed 20")
@click.argument("first", type=INPUT, metavar="A")
@click.argument("second", type=INPUT, metavar="B")
@topn_option
@click.option(
    "--changed",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="List the N words whose neighbours changed most.",
)
@click.option(
    "--restrict-vocab",
    default=10_000,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Compare the words that are among the first N of both.",
)
@reading_options
@json_option
@quiet_option
def compare(first: str, second: str, topn: int, changed: int, restrict_vocab: int, as_json: bool, quiet: bool) -> None:
    """How far two models agree on the nearest neighbours of the words that both hold.

    Overlap: the share of common neighbours; jaccard: common neighbours of all neighbours; second_order: the cosine
    between the two models' similarities with those neighbours. The first line holds the means over all words, the
    others the words that changed most with the nearest neighbours that only A and only B gives them.
    """
    from embedkit.analysis.comparison import compare as compare_models

    with progress_bar(quiet) as progress:
        found = compare_models(load(first), load(second), topn=topn, restrict_vocab=restrict_vocab, progress=progress)
    left_out = f"; {counted(found.zeros, 'word')} with a zero vector left out" if found.zeros else ""
    note(f"{counted(len(found.words), 'word')} in both, {counted(topn, 'neighbour')} each{left_out}", quiet)
    columns = ["word", "overlap", "jaccard", "second_order", "only_a", "only_b"]
    with Results(columns, as_json, header=True) as results:
        results.row("(mean)", found.overlap.mean(), found.jaccard.mean(), found.second_order.mean(), None, None)
        for place in found.changed()[:changed].tolist():
            lost, gained = found.only(place)
            results.row(
                found.words[place],
                found.overlap[place],
                found.jaccard[place],
                found.second_order[place],
                " ".join(lost[:3]),
                " ".join(gained[:3]),
            )
