"""``embedkit odd-one-out``: the word that does not belong."""

from __future__ import annotations

from collections.abc import Sequence

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option
from embedkit.cli.shared.output import Results
from embedkit.cli.shared.queries import Inquiry, Refused, fields, query_batches, questions, show
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.query import comparing


@click.command(epilog="Example: embedkit odd-one-out model.safetensors breakfast lunch dinner kitchen")
@click.argument("model", type=INPUT)
@questions("words", "[WORD]...")
@json_option
@reading_options
@quiet_option
def odd_one_out(model: str, words: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """The WORD that lies farthest from the mean of them all (by cosine).

    A single quoted argument holds the whole question: "breakfast lunch kitchen". Without WORDs each line of standard
    input is a question, words at tabs, or else at white space; piped, its answer is a line question<TAB>word.
    Unknown words are errors that leave the others in the game; the exit status is then 1.

    \b
    In Korean: embedkit odd-one-out ko.safetensors 왕 여왕 왕자 치즈
    """
    inquiry = Inquiry(load(model), quiet)
    with Results(["word"] if words else ["query", "word"], as_json) as results:
        for lines in query_batches(["\t".join(words)] if words else []):
            for line in lines:
                if not line:
                    results.blank()
                    continue
                answer = _answer(inquiry, words if len(words) > 1 else fields(inquiry.model, line))
                if not isinstance(answer, Refused):
                    results.row(*([answer] if words else [line, answer]))
                elif words:
                    raise (EmbedkitError if inquiry.status else ConfigError)(answer.message)
                else:
                    inquiry.refuse(f"{answer.message} in {line!r}")
                    show(results, line, answer)
            results.flush()
    return inquiry.status


def _answer(inquiry: Inquiry, words: Sequence[str]) -> str | Refused:
    """The odd one of the words that are known."""
    found = [(word, inquiry.items([word])) for word in words]
    usable = [(word, items[0]) for word, items in found if not isinstance(items, Refused)]
    try:
        return usable[comparing.odd_one_out(inquiry.model, [what for _, what in usable])][0]
    except ConfigError as error:
        return Refused(str(error))
