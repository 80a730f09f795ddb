"""Options that several commands share, each written once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from embedkit.cli.shared.text_fields import field_options
from embedkit.cli.shared.tokenizing import TokenizerChoice, morpheme_options
from embedkit.options import Option, defaults, described, idle_options, kind_of, listed, no_effect
from embedkit.vocabulary.options import ReadingOptions

C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])


def chain(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator of several options, listed in this order in the help."""

    def wrap(command: F) -> F:
        for decorate in reversed(decorators):
            command = decorate(command)
        return command

    return wrap


QUIET = "embedkit.quiet"  # in the meta of a context: whether --quiet was given


def _keep_quiet(context: click.Context, _: click.Parameter, value: bool) -> bool:
    context.meta[QUIET] = value
    return value


quiet_option = click.option(
    "--quiet", "-q", is_flag=True, callback=_keep_quiet, help="No progress, notes or warnings on standard error."
)
ENCODING = "embedkit.encoding_errors"  # in the meta of a context


def _keep_encoding(context: click.Context, _: click.Parameter, value: str | None) -> None:
    context.meta[ENCODING] = value


def encoding_errors(otherwise: str = "strict") -> str:
    """What `encoding_option` says, `otherwise` where it says nothing."""
    return click.get_current_context().meta.get(ENCODING) or otherwise


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
topn_option = click.option(
    "--topn", "-n", default=10, show_default=True, type=click.IntRange(1), help="How many answers."
)
workers_option = click.option("--workers", default=None, type=click.IntRange(1), help="Threads; all cores by default.")


class Size(click.ParamType):
    """A number of bytes: plain, or with K, M, G or T behind, as 500M, and a B behind that."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([kmgt]?)(?:i?b)?", str(value).strip(), re.IGNORECASE)
        size = float(found[1]) * 1024.0 ** " kmgt".index(found[2].lower() or " ") if found is not None else inf
        if not size < 2**62:
            self.fail(f"{value!r} is no size; write for example 500M or 4G", param, ctx)
        return int(size)


LARGEST_SEED = 2**63 - 1


class Seed(click.ParamType):
    """A whole number from 0 to `LARGEST_SEED`, without that range in every help."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return int(click.IntRange(0, LARGEST_SEED).convert(value, param, ctx))


seed_option = click.option(
    "--seed",
    default=1,
    show_default=True,
    type=Seed(),
    help="Of the random numbers; with one worker a run repeats bit for bit.",
)


class _Whole(click.IntRange):
    """A whole number; the help shows its range, and the class of options checks it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return click.INT.convert(value, param, ctx)


class _Real(click.FloatRange):
    """The same of any number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return click.FLOAT.convert(value, param, ctx)


def _ranged(kind: type, facts: Option) -> click.ParamType | type:
    """The type of a flag with the range that its option declares, if any."""
    low, high = max(facts.least, facts.above), min(facts.most, facts.below)
    if kind not in (int, float) or (low, high) == (-inf, inf):
        return kind
    least, most = (None if abs(bound) == inf else bound for bound in (low, high))
    shown: type[_Whole | _Real] = _Whole if kind is int else _Real
    return shown(min=least, max=most, min_open=facts.above > -inf, max_open=facts.below < inf)  # type: ignore[arg-type]


def default_and_range(default: str, facts: Option) -> str:
    """``[default: 0.3; 0<=x<1]``, as click shows them, for a help that says by itself what the default is."""
    low, high = max(facts.least, facts.above), min(facts.most, facts.below)
    equal = "" if facts.above > -inf else "="
    if low == -inf or high == LARGEST_SEED:
        return f"[default: {default}]"
    if high == inf:
        return f"[default: {default}; x>{equal}{low}]"
    return f"[default: {default}; {low}<{equal}x{'<' if facts.below < inf else '<='}{high}]"


def option_of(
    options: type[Any], name: str, *, flag: str | None = None, off: str | None = None, **changes: Any
) -> Callable[[F], F]:
    """The flag of one option of a class.

    Parameters
    ----------
    options : class of options
    name : str
    flag, off : str, optional
        Another flag than the option's name, and another than ``--no-`` before it.
    **changes
        Further arguments of `click.option`; with ``show_default=False`` the help shows no range either.
    """
    facts, default = described(options)[name], defaults(options)[name]
    kind, _ = kind_of(options, name)
    plain = flag or f"--{name.replace('_', '-')}"
    shown: dict[str, Any] = {"help": facts.help, "metavar": facts.metavar}
    if kind is bool:
        if default or default is None:
            plain += f"/{off or plain.replace('--', '--no-', 1)}"
        else:
            shown["is_flag"] = True
    elif facts.choices:
        shown["type"] = (TokenizerChoice if facts.settings else click.Choice)(facts.choices)
    elif name == "seed":
        shown["type"] = Seed()
    else:
        shown["type"] = kind if changes.get("show_default") is False else _ranged(kind, facts)
    shown |= {"default": default, "show_default": facts.default_help or default is not None}
    return click.option(plain, name, *facts.flags, **{**shown, **changes})


encoding_option = option_of(ReadingOptions, "encoding_errors", expose_value=False, callback=_keep_encoding)
trained_encoding_option = option_of(
    ReadingOptions,
    "encoding_errors",
    default=None,
    show_default="as in training",
    expose_value=False,
    callback=_keep_encoding,
)
# How text is read: keyword arguments of the same names in embedkit.vocabulary.corpus.Corpus.from_text.
READING = tuple(defaults(ReadingOptions))
corpus_options = chain(*(option_of(ReadingOptions, name) for name in READING), field_options, morpheme_options)


def options_of(classes: Mapping[str, type[Any]]) -> Callable[[F], F]:
    """The flags of all options of several classes, an option that some of them share once.

    None of them has a value unless it is given (see `given`): what it is otherwise depends on the class. The help
    names the classes that have the option, by the keys of `classes`, where not all have it.
    """
    found: dict[str, dict[str, type[Any]]] = {}
    for key, options in classes.items():
        for name in defaults(options):
            found.setdefault(name, {})[key] = options
    flags = []
    for name, having in found.items():
        first = next(iter(having.values()))
        whose = f"{', '.join(having)}: " if len(having) < len(classes) else ""
        facts = described(first)[name]
        text = f"{whose}{facts.help}  {default_and_range(_default_text(name, having), facts)}"
        flags.append(option_of(first, name, help=text, default=None, show_default=False))
    return chain(*flags)


def _default_text(name: str, having: Mapping[str, type[Any]]) -> str:
    """``5; glove 15``: the most common default, then the others."""
    by_value: dict[str, list[str]] = {}
    for key, options in having.items():
        default = defaults(options)[name]
        shown = {True: "on", False: "off"}[default] if isinstance(default, bool) else str(default)
        by_value.setdefault(described(options)[name].default_help or shown, []).append(key)
    (most, _), *others = sorted(by_value.items(), key=lambda item: -len(item[1]))
    return most + "".join(f"; {', '.join(keys)} {value}" for value, keys in others)


def given(names: Iterable[str] | None = None) -> list[str]:
    """Which parameters of the running command were given, of `names` where these are named."""
    context = click.get_current_context()
    own = {parameter.name for parameter in context.command.params}  # those that commands do not see are not in params
    of_command = context.params if names is None else [name for name in names if name in own]
    standing = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return [name for name in of_command if context.get_parameter_source(name) not in standing]


def refuse(names: Iterable[str], why: str) -> None:
    """Refuse those of the running command's options `names` that were given, since they would do nothing.

    Raises
    ------
    ConfigError
        "`window` has no effect" and `why`.
    """
    asked = given(names)
    if asked:
        raise no_effect(list(map(_as_given, asked)), why)


def take_config(kind: type[C], options: dict[str, Any], **more: Any) -> C:
    """Take the values of a class of options out of a command's, and make its object with `more`.

    Raises
    ------
    ConfigError
        For a value that cannot work, or an option that was given and has no effect beside the others.
    """
    names = list(defaults(kind))
    config = kind(**{name: options.pop(name) for name in names if name in options}, **more)
    for why, idle in idle_options(config, given(names)).items():
        refuse(idle, why)
    return config


def _as_given(name: str) -> str:
    """A parameter for a message; of a pair of flags (``--wide/--no-wide``) the one that was given."""
    context = click.get_current_context()
    option = next(option for option in context.command.params if option.name == name)
    if option.secondary_opts and context.params[name] is False:
        return option.secondary_opts[0]
    return listed([name])
