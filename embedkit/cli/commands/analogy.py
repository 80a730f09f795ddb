"""``embedkit analogy``: A is to B as C is to ?"""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, topn_option
from embedkit.cli.shared.output import Results, warn
from embedkit.cli.shared.queries import known, query_batches
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import ANALOGY_METHODS


@click.command(epilog="Example: embedkit analogy model.safetensors man king woman")
@click.argument("model", type=INPUT)
@click.argument("words", nargs=-1, metavar="[A B C]")
@topn_option
@click.option(
    "--method",
    default="3cosadd",
    show_default=True,
    type=click.Choice(ANALOGY_METHODS),
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
    asked = ["\t".join(words)] if len(words) == 3 else list(words)
    if not all(len(_triple(question)) == 3 for question in asked):
        raise ConfigError(f"expected three words A B C, or none to read standard input; found {len(words)}")
    vectors = load(model)
    status = 0
    with Results(["query", "word", "value"], as_json) as results:
        for lines in query_batches(asked):
            questions = []
            for line in lines:
                triple = _triple(line)
                if len(triple) != 3:
                    warn(f"expected three words a line, found {len(triple)} in {line!r}")
                elif known(vectors, triple, quiet):
                    questions.append(triple)
            status = 1 if len(questions) < len(lines) else status
            if questions:
                found = vectors.analogy_batch(questions, topn, method, restrict_vocab, exclude)
                for triple, answers in zip(questions, found, strict=True):
                    for word, value in answers:
                        results.row(" ".join(triple), word, value)
            results.flush()
    return status


def _triple(line: str) -> tuple[str, ...]:
    return tuple(line.split("\t") if "\t" in line else line.split())
