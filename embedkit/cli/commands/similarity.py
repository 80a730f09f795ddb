"""``embedkit similarity``: how similar two words are, or each of some words to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.queries import Inquiry, Refused, fields, query_batches, show
from embedkit.cli.shared.reading import load, reading_options
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError
from embedkit.query.neighbours import METRICS

if TYPE_CHECKING:
    from embedkit.query.combining import Item


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
@click.option("--distance", is_flag=True, help="Print cosine distances, 1 - cosine.")
@click.option("--matrix", metavar="FILE|WORD,…", help="Compare each of these words with each.")
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="Draw the --matrix: .png, .svg, .pdf.")
@json_option
@reading_options
@quiet_option
def similarity(
    model: str,
    words: tuple[str, ...],
    metric: str,
    distance: bool,
    matrix: str | None,
    output: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """How similar A and B are.

    Without A B, pairs are read from standard input, two words a line (at a tab, or else at white space). Piped,
    each answer is a line A<TAB>B<TAB>value. --matrix prints a table with a header: a heat map on a terminal.

    \b
    In Korean: embedkit similarity ko.safetensors --matrix 왕,여왕,남자,여자
    """
    if metric != "cosine":
        refuse(["distance"], "with this `metric`: l2 is a distance, dot has none")
    if matrix is None:
        refuse(["output"], "without `matrix`")
        if len(words) not in (0, 2):
            raise ConfigError(f"expected two words A B, or none to read standard input; found {len(words)}")
    elif words:
        raise ConfigError(f"--matrix takes its words with commas between them, found {' '.join(words)} beside it")
    if output:
        from embedkit.plotting.canvas import check_target

        check_target(output)
    inquiry = Inquiry(load(model), quiet)
    if matrix is not None:
        _matrix(inquiry, word_list(matrix), metric, distance, output, as_json)
    else:
        _pairs(inquiry, words, metric, distance, as_json)
    return inquiry.status


def _pairs(inquiry: Inquiry, words: tuple[str, ...], metric: str, distance: bool, as_json: bool) -> None:
    with Results(["a", "b", "value"], as_json) as results:
        for lines in query_batches(["\t".join(words)] if words else [], keep_empty=True):
            for line in lines:
                if not line:
                    results.blank()
                    continue
                pair: Sequence[str] = words or fields(inquiry.model, line)
                if len(pair) != 2:
                    found: list[Item] | Refused = inquiry.refuse(
                        f"expected two words a line, found {len(pair)} in {line!r}"
                    )
                else:
                    found = inquiry.items(pair)
                if isinstance(found, Refused):
                    show(results, line, found)
                else:
                    value = inquiry.model.similarity(found[0], found[1], metric)
                    results.row(*pair, 1 - value if distance else value)
            results.flush()


def _matrix(
    inquiry: Inquiry, words: Sequence[str], metric: str, distance: bool, output: str | None, as_json: bool
) -> None:
    """Print and draw the values of each word with each."""
    items: list[Item] = []
    shown: list[str] = []
    for word in words:
        found = inquiry.items([word])
        if not isinstance(found, Refused):
            items += found
            shown.append(word)
    if not items:
        raise ConfigError("`matrix`: none of its words is known")
    values = inquiry.model.similarities(items, metric=metric)
    values = 1 - values if distance else values
    if as_json:
        with Results(["word", "values"], as_json) as results:
            for word, row in zip(shown, values.tolist(), strict=True):
                results.row(word, dict(zip(shown, row, strict=True)))
    else:
        from embedkit.cli.shared.heat_map import print_matrix

        print_matrix(values, shown)
    if output:
        from embedkit.plotting.heatmap import draw_similarities

        draw_similarities(shown, values, output, say=lambda message: note(f"note: {message}", inquiry.quiet))
