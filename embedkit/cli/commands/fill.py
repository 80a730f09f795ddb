"""``embedkit fill``: the likeliest words for a gap in a sentence."""

from __future__ import annotations

from functools import partial

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, topn_option
from embedkit.cli.shared.queries import answer_lines, questions
from embedkit.cli.shared.reading import load, reading_options
from embedkit.query.filling import outputs_of


@click.command(epilog='Example: embedkit fill model.safetensors "the capital of ___ is paris"')
@click.argument("model", type=INPUT)
@questions("texts", "[TEXT]...")
@topn_option
@reading_options
@json_option
@quiet_option
def fill(model: str, texts: tuple[str, ...], topn: int, as_json: bool, quiet: bool) -> int:
    """The likeliest words for the gap ___ in each TEXT, or in each line of standard input, with probabilities.

    The model must have been trained with --keep-output. The text is cut by the tokenizer it was trained with.
    Piped, each answer is a line text<TAB>word<TAB>probability.
    """
    vectors = load(model)
    outputs_of(vectors)  # what the model lacks is told once, not for each text
    return answer_lines(texts, ["text", "word", "probability"], partial(vectors.fill, topn=topn), as_json)
