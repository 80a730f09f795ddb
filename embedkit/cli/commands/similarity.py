"""``embedkit similarity``: how similar two words are, or each of some words to each other, or how far two texts are."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf
from typing import TYPE_CHECKING

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.queries import Inquiry, Refused, fields, query_batches, questions, show
from embedkit.cli.shared.reading import load, reading_options
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError
from embedkit.query.neighbours import METRICS

if TYPE_CHECKING:
    from embedkit.query.combining import Item


@click.command(epilog="Example: embedkit similarity model.safetensors king queen")
@click.argument("model", type=INPUT)
@questions("words", "[A B]")
@click.option(
    "--metric",
    default="cosine",
    show_default=True,
    type=click.Choice(METRICS),
    help="l2 is the Euclidean distance: smaller is nearer.",
)
@click.option("--distance", is_flag=True, help="Print cosine distances, 1 - cosine.")
@click.option("--matrix", metavar="FILE|WORD,…", help="Compare each of these words with each.")
@click.option("--wmd", is_flag=True, help="A and B are texts: their Word Mover's Distance.")
@click.option("--rwmd", is_flag=True, help="The same relaxed: a lower bound of --wmd, for many or long texts.")
@click.option("--stop-words", metavar="W,...|FILE", help="Leave these words of texts out.")
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
    wmd: bool,
    rwmd: bool,
    stop_words: str | None,
    output: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """How similar A and B are.

    A quoted argument may hold both: "king queen". Without A B, pairs are read from standard input, two words a line
    (at a tab, or else at white space). Piped, each answer is a line A<TAB>B<TAB>value. --matrix prints a table with a
    header: a heat map on a terminal.

    With --wmd A and B are texts, on standard input with a tab between them: how far the words of one have to travel
    to become the other (Kusner et al. 2015); 0 for the same words in any order. Unknown words are left out, vectors
    are set to length 1 unless --metric is l2.

    \b
    Example: embedkit similarity model.safetensors --wmd "the king rules" "a queen reigns"
    In Korean: embedkit similarity ko.safetensors --matrix 왕,여왕,남자,여자
    """
    if wmd and rwmd:
        raise ConfigError("--wmd is exact and --rwmd its lower bound; give one")
    if wmd or rwmd:
        return _texts(model, words, "relaxed" if rwmd else "exact", metric, stop_words, as_json, quiet)
    refuse(["stop_words"], "without `wmd` or `rwmd`: it is for texts")
    if metric != "cosine":
        refuse(["distance"], "with this `metric`: l2 is a distance, dot has none")
    if matrix is None:
        refuse(["output"], "without `matrix`")
        _check_pair(words, 0, 1, 2)
    elif words:
        raise ConfigError(f"--matrix takes its words with commas between them, found {' '.join(words)} beside it")
    if output:
        from embedkit.plotting.canvas import check_target

        check_target(output)
    inquiry = Inquiry(load(model), quiet)
    if matrix is not None:
        _matrix(inquiry, word_list(matrix), metric, distance, output, as_json)
        return inquiry.status
    if len(words) == 1:
        words = tuple(fields(inquiry.model, words[0]))
        _check_pair(words, 2)
    _pairs(inquiry, words, metric, distance, as_json)
    return inquiry.status


def _check_pair(words: tuple[str, ...], *numbers: int) -> None:
    if len(words) not in numbers:
        raise ConfigError(f"expected two words A B, or none to read standard input; found {len(words)}")


def _pairs(inquiry: Inquiry, words: tuple[str, ...], metric: str, distance: bool, as_json: bool) -> None:
    with Results(["a", "b", "value"], as_json) as results:
        for lines in query_batches(["\t".join(words)] if words else []):
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


def _texts(
    path: str, texts: tuple[str, ...], kind: str, metric: str, stop_words: str | None, as_json: bool, quiet: bool
) -> int:
    """Print Word Mover's Distances."""
    from embedkit.documents.word_mover import WordMover

    refuse(["distance", "matrix", "output"], "with `wmd` or `rwmd`")
    if metric == "dot":
        raise ConfigError("`metric` dot is no distance; texts are compared by cosine (lengths 1) or l2")
    if len(texts) not in (0, 2):
        raise ConfigError(f"expected two texts A B in quotes, or none to read standard input; found {len(texts)}")
    inquiry = Inquiry(load(path), quiet)
    left_out = word_list(stop_words) if stop_words else []
    mover = WordMover(inquiry.model, unit=metric == "cosine", stop_words=left_out)
    with Results(["a", "b", "value"], as_json) as results:
        for lines in query_batches(["\t".join(texts)] if texts else [], texts=True):
            for line in lines:
                pair = texts or tuple(line.split("\t"))
                if not line:
                    results.blank()
                elif len(pair) != 2:
                    wanted = f"expected two texts with a tab between them, found {len(pair)} in {line!r}"
                    show(results, line, inquiry.refuse(wanted))
                elif isinf(value := mover.distance(pair[0], pair[1], kind)):
                    unknown = next(text for text in pair if not len(mover.bags([text]).rows))
                    show(results, line, inquiry.refuse(f"{unknown!r} has no word that the model knows"))
                else:
                    inquiry.say([f"{word} is unknown and left out" for text in pair for word in mover.unknown(text)])
                    results.row(*pair, value)
            results.flush()
    return inquiry.status


def _matrix(
    inquiry: Inquiry, words: Sequence[str], metric: str, distance: bool, output: str | None, as_json: bool
) -> None:
    """Print and draw the values of each word with each."""
    items: list[Item] = []
    shown: list[str] = []
    with Results(["word", "values"], as_json) as results:
        for word in words:
            found = inquiry.items([word])
            if isinstance(found, Refused):
                show(results, word, found)
            else:
                items += found
                shown.append(word)
    if not items:
        return
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
        note(f"{output}: {len(shown)} words with each other", inquiry.quiet)
