"""Options of every command that opens a file of vectors: what it is, and what to do where a row of it is odd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from embedkit.cli.shared.files import STDIN_HOLDS_MODEL
from embedkit.files.locations import STDIN
from embedkit.formats import FORMATS
from embedkit.query.keyed_vectors import KeyedVectors

F = TypeVar("F", bound=Callable[..., Any])
_KEY = "embedkit.reading"


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        context.meta.setdefault(_KEY, {})[parameter.name] = value


format_option = click.option(
    "--from",
    "format",
    type=click.Choice(list(FORMATS)),
    metavar="FORMAT",
    expose_value=False,
    callback=_keep,
    help="The format of MODEL, where its content does not tell.",
)
encoding_errors_option = click.option(
    "--encoding-errors",
    type=click.Choice(["strict", "replace", "ignore"]),
    expose_value=False,
    callback=_keep,
    help="What to do with words that are not of this encoding; strict by default.",
)


def row_options(command: F) -> F:
    """``--encoding``, ``--limit`` and ``--skip-bad-rows``."""
    for option in (
        click.option(
            "--skip-bad-rows",
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Leave out rows that cannot be read, and say how many and which.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(1),
            metavar="N",
            expose_value=False,
            callback=_keep,
            help="Read the first N words only.",
        ),
        click.option(
            "--encoding",
            metavar="NAME",
            expose_value=False,
            callback=_keep,
            help="Of the words in word2vec and GloVe files: latin-1, cp949, …; UTF-8 by default.",
        ),
    ):
        command = option(command)
    return command


def reading_options(command: F) -> F:
    """All of them, for commands that ask a model."""
    return format_option(row_options(encoding_errors_option(command)))


def reading() -> dict[str, Any]:
    """What was given of these options, for `embedkit.load`."""
    return dict(click.get_current_context().meta.get(_KEY, {}))


def load(path: str) -> KeyedVectors:
    """Open the model of a command as its options say."""
    from embedkit.query import storing

    if path == STDIN:
        click.get_current_context().meta[STDIN_HOLDS_MODEL] = True
    return storing.load(path, **reading())
