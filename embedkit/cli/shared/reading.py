"""Options of every command that opens a file of vectors: what it is, and what to do where a row of it is odd."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

import click

from embedkit.cli.shared.files import INPUT
from embedkit.errors import EmbedkitError
from embedkit.formats import FORMATS
from embedkit.options import no_effect

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

F = TypeVar("F", bound=Callable[..., Any])
_KEY = "embedkit.reading"


_MODEL = "model"  # begins the name of a flag that a command has already for something else

_FORMAT: dict[str, Any] = {
    "from": {
        "type": click.Choice(list(FORMATS)),
        "metavar": "FORMAT",
        "help": "The format of MODEL, where its content does not tell.",
    }
}
_ROWS: dict[str, Any] = {
    "words": {
        "type": INPUT,
        "metavar": "FILE",
        "help": "npy, npz, other programs' safetensors: the words, a word a line. floret, spacy: words to compose.",
    },
    "tensor": {
        "metavar": "NAME",
        "help": "safetensors of other programs, npz: the matrix, where there are several.",
    },
    "column": {
        "multiple": True,
        "metavar": "NAME",
        "help": "parquet, arrow, csv: the words' column, then those of the vectors, also as a pattern; repeatable.",
    },
    "member": {"metavar": "NAME", "help": "Which file of a .zip archive, where it holds several."},
    "encoding": {
        "metavar": "NAME",
        "help": "Of the words in word2vec and GloVe files: latin-1, cp949, …; UTF-8 by default.",
    },
    "limit": {"type": click.IntRange(1), "metavar": "N", "help": "Read the first N words only."},
    "skip-bad-rows": {
        "is_flag": True,
        "help": "Leave out rows that cannot be read, and say how many and which.",
    },
}
_ERRORS: dict[str, Any] = {
    "encoding-errors": {
        "type": click.Choice(["strict", "replace", "ignore"]),
        "help": "What to do with words that are not of this encoding; strict by default.",
    }
}
_ALL = _FORMAT | _ROWS | _ERRORS


def _added(command: F, options: dict[str, Any], taken: Collection[str] = (), of: str = _MODEL) -> F:
    for name, facts in reversed(options.items()):
        kept = _kept(name)
        prefixed = of != _MODEL or f"--{name}" in taken
        flag = f"--{of}-{name}" if prefixed else f"--{name}"
        # Commands have arguments called words, and options called as flags that are taken.
        begin = f"{of}_".replace("-", "_") if prefixed or name == "words" else ""
        decorator = click.option(flag, begin + kept, expose_value=False, callback=_keeper(kept, of), **facts)
        command = decorator(command)
    return command


def _kept(name: str) -> str:
    """The parameter of the library for an option."""
    return "format" if name == "from" else name.replace("-", "_")


def _keeper(name: str, of: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            context.meta.setdefault(_KEY, {}).setdefault(of, {})[name] = value

    return keep


def row_options(command: F) -> F:
    """Which rows are read and how, and where in a file words and vectors are."""
    return _added(command, _ROWS)


def reading_options(command: F) -> F:
    """All of them, for commands that ask a model."""
    return _added(command, _ALL)


def reading_options_beside(*taken: str) -> Callable[[F], F]:
    """The same for a command that has flags of these names for something else: these begin with ``--model-``."""
    return lambda command: _added(command, _ALL, taken)


def reading_options_of(name: str) -> Callable[[F], F]:
    """The same for the vectors of the option ``--name``: these begin with its name, as ``--vectors-limit``."""
    facts = {key: {**value, "help": value["help"].replace("MODEL", f"--{name}")} for key, value in _ALL.items()}
    return lambda command: _added(command, facts, of=name)


def reading(of: str = _MODEL) -> dict[str, Any]:
    """What was given of these options, for `embedkit.load`; `of` as for `reading_options_of`."""
    return dict(click.get_current_context().meta.get(_KEY, {}).get(of, {}))


def refuse_reading(why: str, of: str = _MODEL) -> None:
    """Refuse those of these options that were given, where no model is read."""
    asked = [name if of == _MODEL else f"{of.replace('-', '_')}_{name}" for name in reading(of)]
    if asked:
        raise no_effect([f"`{name}`" for name in asked], why)


def load(path: str, of: str = _MODEL) -> KeyedVectors:
    """Open the model of a command, or the one of the option `of`, as its options say."""
    from embedkit.query import storing

    try:
        return storing.load(path, **reading(of))
    except EmbedkitError as error:
        if error.args:
            error.args = (_as_here(str(error.args[0]), of), *error.args[1:])
        raise


def _as_here(message: str, of: str) -> str:
    """A message that names options of reading as the library does, with the command's own parameters for them."""
    own = {parameter.name for parameter in click.get_current_context().command.params}
    prefix = f"{of}_".replace("-", "_")
    names = "|".join(_kept(name) for name in _ALL)
    return re.sub(
        f"`({names})`", lambda found: f"`{prefix}{found[1]}`" if prefix + found[1] in own else found[0], message
    )
