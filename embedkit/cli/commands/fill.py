"""``embedkit fill``: the likeliest words for a gap in a sentence."""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, topn_option
from embedkit.cli.shared.output import Results, warn
from embedkit.cli.shared.queries import query_batches, questions
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import EmbedkitError


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
    status = 0
    with Results(["text", "word", "probability"], as_json) as results:
        for lines in query_batches(texts):
            for line in lines:
                if not line:
                    results.blank()
                    continue
                try:
                    answers = vectors.fill(line, topn)
                except EmbedkitError as error:
                    if len(texts) == 1 and not as_json:
                        raise
                    warn(str(error))
                    results.refused(line, str(error))
                    status = 1
                    continue
                for word, probability in answers:
                    results.row(line, word, probability)
            results.flush()
    return status
