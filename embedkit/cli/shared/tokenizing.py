"""The settings of the tokenizer morphemes as flags of every command that reads text."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from embedkit.cli.shared.files import INPUT
from embedkit.errors import ConfigError
from embedkit.files.urls import is_url
from embedkit.options import listed
from embedkit.text.tokenizers import TOKENIZERS

F = TypeVar("F", bound=Callable[..., Any])


class ChoiceWithSettings(click.Choice[str]):
    """A choice that a colon and settings may follow."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, colon, settings = str(value).partition(":")
        return f"{super().convert(name, param, ctx)}{colon}{settings}"


TOKENIZER = ChoiceWithSettings(TOKENIZERS)
_FLAGS = (
    click.option("--pos", metavar="N,V", help="morphemes: only those whose tag begins so (N nouns, V verbs, SL …)."),
    click.option("--pos-tags", is_flag=True, help="morphemes: the tag behind each, as in 가/VV."),
    click.option("--typos", is_flag=True, help="morphemes: put spelling mistakes right first."),
    click.option(
        "--user-dictionary",
        metavar="FILE",
        type=INPUT,
        help="morphemes: words to know, form<TAB>tag<TAB>score on each line, as Kiwi reads them.",
    ),
)


def morpheme_options(command: F) -> F:
    """``--pos --pos-tags --typos --user-dictionary``: they become a part of `tokenizer`, where they are stored."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        asked = {name: options.pop(name) for name in ("pos", "pos_tags", "typos", "user_dictionary")}
        given = [name for name, value in asked.items() if value]
        if given:
            name = _with_settings(options.get("tokenizer") or "whitespace", given, asked)
            options["tokenizer"] = click.get_current_context().params["tokenizer"] = name
        return command(*args, **options)

    for flag in reversed(_FLAGS):
        run = flag(run)
    return cast(F, run)


def _with_settings(tokenizer: str, given: list[str], asked: dict[str, Any]) -> str:
    from embedkit.text.morphemes import Morphemes

    if tokenizer.partition(":")[0] != "morphemes":
        raise ConfigError(
            f"{listed(given)} {'has' if len(given) == 1 else 'have'} no effect with `tokenizer` {tokenizer}: "
            "it is for `tokenizer` morphemes"
        )
    dictionary = asked["user_dictionary"]
    changes = {
        "pos": _beginnings(asked["pos"]) if asked["pos"] else (),
        "tags": asked["pos_tags"],
        "typos": asked["typos"],
        # The model that is made, and workers of a cluster, look for it in other folders than this one.
        "dictionary": dictionary if not dictionary or is_url(dictionary) else os.path.abspath(dictionary),
    }
    settings = dataclasses.replace(
        Morphemes.parse(tokenizer), **{name: value for name, value in changes.items() if value}
    )
    return settings.name


def _beginnings(pos: str) -> tuple[str, ...]:
    """The beginnings of tags in ``N, V``; where there are none the text itself, which is refused as a tag."""
    return tuple(filter(None, map(str.strip, pos.replace("+", ",").split(",")))) or (pos,)
