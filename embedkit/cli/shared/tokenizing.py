"""The settings of the tokenizer morphemes as flags of every command that reads text."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from embedkit.cli.shared.files import INPUT
from embedkit.options import no_effect
from embedkit.text.tokenizers import TOKENIZERS, carrying

F = TypeVar("F", bound=Callable[..., Any])
if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # takes the kind of its values from Click 8.2 on


class TokenizerChoice(_Choice):
    """A tokenizer, which a colon and settings may follow; it carries the words of a user dictionary along."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, colon, settings = str(value).partition(":")
        chosen = f"{super().convert(name, param, ctx)}{colon}{settings}"
        return carrying(chosen)


TOKENIZER = TokenizerChoice(TOKENIZERS)
_FLAGS = (
    click.option("--pos", metavar="N,V", help="morphemes: only those whose tag begins so (N nouns, V verbs, SL …)."),
    click.option("--pos-tags", is_flag=True, help="morphemes: the tag behind each, as in 가/VV."),
    click.option("--typos", is_flag=True, help="morphemes: put spelling mistakes right first."),
    click.option(
        "--user-dictionary",
        metavar="FILE",
        type=INPUT,
        help="morphemes: words to know, form<TAB>tag<TAB>score on each line, as Kiwi reads them; 64 MB at most.",
    ),
)


def morpheme_options(command: F) -> F:
    """``--pos --pos-tags --typos --user-dictionary``: they become a part of `tokenizer`, where they are stored."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        asked = {name: options.pop(name) for name in ("pos", "pos_tags", "typos", "user_dictionary")}
        given = [name for name, value in asked.items() if value not in (None, False)]
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
        why = f"with `tokenizer` {tokenizer}: it is for `tokenizer` morphemes"
        raise no_effect([f"`{name}`" for name in given], why)
    changes = {
        "pos": () if asked["pos"] is None else _beginnings(asked["pos"]),
        "tags": asked["pos_tags"],
        "typos": asked["typos"],
        "dictionary": asked["user_dictionary"],
    }
    settings = dataclasses.replace(
        Morphemes.parse(tokenizer), **{name: value for name, value in changes.items() if value}
    )
    return settings.carrying().name  # which other machines and folders find


def _beginnings(pos: str) -> tuple[str, ...]:
    """The beginnings of tags in ``N, V``; where there are none the text itself, which is refused as a tag."""
    return tuple(filter(None, map(str.strip, pos.replace("+", ",").split(",")))) or (pos,)
