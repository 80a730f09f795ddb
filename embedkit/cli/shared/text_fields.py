"""Where the text stands in JSON lines and tables, as flags of every command that reads text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from embedkit.errors import ConfigError
from embedkit.text.fields import TextField

F = TypeVar("F", bound=Callable[..., Any])


unit_option = click.option(
    "--unit",
    "text_unit",
    type=click.Choice(["line", "paragraph", "file"]),
    default="line",
    show_default=True,
    help="What a sentence or document is; blank lines part paragraphs.",
)


def field_options(command: F) -> F:
    """``--column --json-missing``, and `unit_option`: they become a part of `json_field`, where they are stored."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        column, missing = options.pop("column"), options.pop("json_missing")
        name, unit = options.get("json_field"), options.pop("text_unit", "line")
        if unit != "line" and (column is not None or name is not None):
            raise ConfigError(f"`text_unit` {unit} is for plain text: a record of a table or of JSON lines is one")
        if column is not None and (name is not None or missing is not None):
            raise ConfigError("`column` is for tables, `json_field` and `json_missing` are for JSON lines; give one")
        if missing is not None and name is None:
            raise ConfigError("`json_missing` has no effect without `json_field`")
        if column is not None or missing == "skip" or unit != "line":
            field = TextField(column or str(name), "skip" if column is None else "column")
            if unit != "line":
                field = TextField(unit, "unit")
            context = click.get_current_context()
            options["json_field"] = context.params["json_field"] = str(field)
            context.set_parameter_source("json_field", ParameterSource.COMMANDLINE)
        return command(*args, **options)

    for flag in (
        click.option(
            "--json-missing",
            type=click.Choice(["error", "skip"]),
            help="What to do with JSON lines that lack --json-field or have null there; error by default.",
        ),
        click.option(
            "--column",
            metavar="NAME|N",
            help="Read CSV or TSV and take the text from this column: a name in the header, or a number without one.",
        ),
    ):
        run = flag(run)
    return cast(F, run)
