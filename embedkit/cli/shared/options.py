"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def chain(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator of several options, listed in this order in the help."""

    def wrap(command: F) -> F:
        for decorate in reversed(decorators):
            command = decorate(command)
        return command

    return wrap


quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress and no notes on standard error.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
topn_option = click.option(
    "--topn", "-n", default=10, show_default=True, type=click.IntRange(1), help="How many answers."
)
workers_option = click.option(
    "--workers", "--threads", "--thread", default=None, type=click.IntRange(1), help="Threads; all cores by default."
)


class Seed(click.ParamType):
    """A whole number from 0 to 2**63 - 1, without that range in every help."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return int(click.IntRange(0, 2**63 - 1).convert(value, param, ctx))


seed_option = click.option(
    "--seed",
    default=1,
    show_default=True,
    type=Seed(),
    help="Of the random numbers; with one worker a run repeats bit for bit.",
)

# How text is read: keyword arguments of the same names in embedkit.vocabulary.corpus.Corpus.from_text.
corpus_options = chain(
    click.option(
        "--tokenizer",
        default="whitespace",
        show_default=True,
        type=click.Choice(["whitespace", "words", "chars", "korean", "morphemes"]),
        help="How a line becomes tokens.",
    ),
    click.option("--lowercase", is_flag=True, help="Lower-case every token."),
    click.option("--json-field", metavar="NAME", help="Read JSON lines and take the text from this field."),
    click.option(
        "--encoding-errors",
        default="strict",
        show_default=True,
        type=click.Choice(["strict", "replace", "ignore"]),
        help="What to do with bytes that are not UTF-8.",
    ),
)

vocabulary_options = chain(
    click.option(
        "--min-count",
        "--minCount",
        default=5,
        show_default=True,
        type=click.IntRange(1),
        help="Leave out words that are rarer than this.",
    ),
    click.option(
        "--max-vocab", default=None, type=click.IntRange(1), help="Keep at most so many words, the most frequent ones."
    ),
)


def parse_size(text: str) -> int:
    """``"4G"`` -> 4 * 2**30 bytes; K, M, G, T, with or without a B behind, or plain bytes.

    Raises
    ------
    click.UsageError
    """
    letters = text.strip().upper().removesuffix("B").removesuffix("I")
    factor = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}.get(letters[-1:], 1)
    try:
        size = float(letters[:-1] if factor > 1 else letters) * factor
        if not 0 <= size < 2**62:
            raise ValueError
    except ValueError:
        raise click.UsageError(f"{text!r} is no size; write for example 500M or 4G") from None
    return int(size)
