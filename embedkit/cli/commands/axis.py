"""``embedkit axis``: where words stand between two poles."""

from __future__ import annotations

from itertools import chain

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import Results
from embedkit.cli.shared.queries import Inquiry, Refused, query_batches, questions, show
from embedkit.cli.shared.reading import load, reading_options_beside
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError


@click.command(epilog="Example: embedkit axis model.safetensors --from man,boy --to woman,girl king queen")
@click.argument("model", type=INPUT)
@questions("words", "[WORD]...")
@click.option("--from", "start", required=True, metavar="W,...|FILE", help="The words at the lower end.")
@click.option("--to", "stop", required=True, metavar="W,...|FILE", help="The words at the upper end.")
@click.option(
    "--extremes",
    type=click.IntRange(1),
    metavar="N",
    help="Instead of WORDs: the N words at either end.",
)
@click.option(
    "--restrict-vocab",
    default=20_000,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Look for --extremes among the first N words.",
)
@reading_options_beside("--from")
@json_option
@quiet_option
def axis(
    model: str,
    words: tuple[str, ...],
    start: str,
    stop: str,
    extremes: int | None,
    restrict_vocab: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Where each WORD (or line of standard input) stands on the axis from some words to others, from −1 to 1.

    The axis runs from the mean of one side to the mean of the other, each word at unit length; a word's place is its
    cosine with it (SemAxis, An et al. 2018). Prints word<TAB>place.

    \b
    In Korean: embedkit axis ko.safetensors --from 남자 --to 여자 왕 여왕 왕자 공주
    """
    from embedkit.analysis import directions

    if not extremes:
        refuse(["restrict_vocab"], "without `extremes`")
    if extremes and words:
        raise ConfigError("--extremes looks for words itself: leave out WORDs")
    vectors = load(model)
    inquiry = Inquiry(vectors, quiet)
    named = [word_list(side) for side in (start, stop)]
    poles = [[inquiry.items([word]) for word in side] for side in named]
    known = [[found[0] for found in pole if not isinstance(found, Refused)] for pole in poles]
    columns = ["word", "place"]
    if inquiry.status and not all(known):  # what is unknown has been told
        with Results(columns, as_json) as results:
            for word, answer in zip(chain(*named), chain(*poles), strict=True):
                if isinstance(answer, Refused):
                    show(results, word, answer)
        return inquiry.status
    direction = directions.axis(vectors, *known)
    with Results(columns, as_json) as results:
        if extremes:
            shown = list(vectors.index_to_key[:restrict_vocab])
            places = directions.projections(vectors, direction, shown)
            order = places.argsort(kind="stable").tolist()
            ends = order if len(order) <= 2 * extremes else [*order[:extremes], *order[-extremes:]]
            for row in ends:
                results.row(shown[row], float(places[row]))
            return inquiry.status
        for lines in query_batches(words):
            asked = [inquiry.items([line]) if line else None for line in lines]
            items = [found[0] for found in asked if isinstance(found, list)]
            values = iter(directions.projections(vectors, direction, items).tolist() if items else [])
            for line, found in zip(lines, asked, strict=True):
                if not isinstance(found, list):
                    show(results, line, found)
                else:
                    results.row(line, next(values))
            results.flush()
    return inquiry.status
