"""``embedkit analogy``: A is to B as C is to ?"""

from __future__ import annotations

from typing import cast

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, topn_option
from embedkit.cli.shared.output import Results
from embedkit.cli.shared.queries import Inquiry, Refused, fields, query_batches, questions, show
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError
from embedkit.query.analogies import METHODS, Triple
from embedkit.query.combining import Item


@click.command(epilog="Example: embedkit analogy model.safetensors man king woman")
@click.argument("model", type=INPUT)
@questions("words", "[A B C]")
@topn_option
@click.option(
    "--method",
    default="3cosadd",
    show_default=True,
    type=click.Choice(METHODS),
    help="Equation 3 or 4 of Levy and Goldberg 2014.",
)
@click.option("--exclude", multiple=True, metavar="WORD", help="Leave this word out of the answers; repeatable.")
@click.option(
    "--restrict-vocab",
    type=click.IntRange(1),
    metavar="N",
    help="Search the first N words only: the most frequent ones.",
)
@json_option
@reading_options
@quiet_option
def analogy(
    model: str,
    words: tuple[str, ...],
    topn: int,
    method: str,
    exclude: tuple[str, ...],
    restrict_vocab: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """A is to B as C is to the answers.

    A quoted argument may hold a whole question: "man king woman". Without A B C, questions are read from standard
    input, three words a line (at tabs, or else at white space). Piped, each answer is a line A B C<TAB>word<TAB>value.
    """
    inquiry = Inquiry(load(model), quiet)
    inquiry.tell_excluded(exclude)
    if len(words) != 3 and any(len(fields(inquiry.model, question)) != 3 for question in words):
        raise ConfigError(f"expected three words A B C, or none to read standard input; found {len(words)}")
    with Results(["query", "word", "value"], as_json) as results:
        for lines in query_batches(["\t".join(words)] if len(words) == 3 else words):
            asked = [(line, fields(inquiry.model, line)) for line in lines]
            understood = [_items(inquiry, line, triple) if line else None for line, triple in asked]
            questions = [cast("Triple", tuple(found)) for found in understood if isinstance(found, list)]
            vectors = inquiry.model
            answers = iter(vectors.analogy_batch(questions, topn, method, restrict_vocab, exclude))
            for (line, triple), found in zip(asked, understood, strict=True):
                if not isinstance(found, list):
                    show(results, line, found)
                else:
                    for word, value in next(answers):
                        results.row(" ".join(triple), word, value)
            results.flush()
    return inquiry.status


def _items(inquiry: Inquiry, line: str, triple: list[str]) -> list[Item] | Refused:
    if len(triple) != 3:
        return inquiry.refuse(f"expected three words a line, found {len(triple)} in {line!r}")
    return inquiry.items(triple)
