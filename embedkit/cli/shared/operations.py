"""The options of ``embedkit convert`` that change vectors on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import chain, refuse
from embedkit.cli.shared.output import note
from embedkit.errors import counted, few_names

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

operation_options = chain(
    click.option("--keep-words", type=INPUT, metavar="FILE", help="Keep the words of this file, a word a line."),
    click.option("--top-words", type=click.IntRange(1), metavar="N", help="Keep the first N words."),
    click.option(
        "--concat",
        type=INPUT,
        metavar="OTHER",
        help="Put the vectors of this file behind those of IN, for the words that both hold.",
    ),
    click.option("--center", is_flag=True, help="Subtract the mean vector."),
    click.option(
        "--all-but-the-top",
        type=click.IntRange(0),
        metavar="N",
        help="Subtract the mean and remove the N strongest directions (Mu and Viswanath 2018).",
    ),
    click.option("--unit", is_flag=True, help="Bring every vector to length 1."),
)


def change_of(options: dict[str, Any]) -> Callable[[KeyedVectors], KeyedVectors] | None:
    """What the options of `operation_options` do to vectors; None where none is given."""
    if not any(value is not None and value is not False for value in options.values()):
        return None
    if options["all_but_the_top"] is not None:
        refuse(["center"], "with `all_but_the_top`, which subtracts the mean itself")
    return lambda vectors: _changed(vectors, **options)


def _changed(
    vectors: KeyedVectors,
    keep_words: str | None,
    top_words: int | None,
    concat: str | None,
    center: bool,
    all_but_the_top: int | None,
    unit: bool,
) -> KeyedVectors:
    from embedkit.analysis import operations
    from embedkit.query.storing import load
    from embedkit.text.lines import read_words

    if keep_words or top_words:
        words = None if keep_words is None else read_words(keep_words)
        missing = [word for word in words or () if vectors.row(word) < 0]
        vectors = operations.keep_words(vectors, words, top_words)
        if missing:
            n_missing = counted(len(missing), "word")
            note(f"note: {n_missing} of `keep_words` left out, which the vocabulary lacks: {few_names(missing, 5)}")
    if concat:
        before = len(vectors)
        vectors = operations.concatenate(vectors, load(concat))
        if len(vectors) < before:
            note(f"note: {counted(before - len(vectors), 'word')} that {concat} lacks left out")
    if center:
        vectors = operations.center(vectors)
    if all_but_the_top is not None:
        vectors = operations.all_but_the_top(vectors, all_but_the_top)
    return operations.unit_length(vectors) if unit else vectors
