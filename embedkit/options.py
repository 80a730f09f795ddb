"""Options as classes: one place for a name, its default, what values make sense, when it has an effect, and its help.

A class of options is a frozen dataclass whose fields are made by `option`. The class checks its values when an object
is made; the command line makes its flags from the same fields (`embedkit.cli.shared.options`), and `used` says what a
run really looked at, which is what is stored with its result.

Errors name options in backticks, ```vector_size```; the command line shows its flags instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from math import inf
from typing import Any, TypeVar

from embedkit.errors import ConfigError

_KEY = "option"
T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """What is known of one option beside its name, type and default.

    Attributes
    ----------
    help : str
        One line.
    flags : tuple of str
        Further flags of the command line, as other tools have them.
    choices : tuple of str
        The only values, where there are few.
    settings : bool
        A choice may be followed by a colon and settings of its own, which its owner checks.
    least, most : float
        The range of a number, both ends included.
    above, below : float
        A number must be greater than this one, and less than that one.
    infinite : bool
        Infinity is a value too, for no limit.
    only : mapping of str to tuple
        The option has an effect only where each named option has one of these values.
    also : mapping of str to tuple
        Or where each of these has one of its values.
    default_help : str
        What to show for a default that is worked out when it is needed.
    metavar : str, optional
        Stands for the value in the command line's help.
    """

    help: str
    flags: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    settings: bool = False
    least: float = -inf
    most: float = inf
    above: float = -inf
    below: float = inf
    infinite: bool = False
    only: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    also: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    default_help: str = ""
    metavar: str | None = None


def option(default: Any, help: str, *flags: str, **facts: Any) -> Any:
    """A field of a class of options; `facts` are further attributes of `Option`."""
    return dataclasses.field(default=default, metadata={_KEY: Option(help, flags, **facts)})


def changed(base: type[Any], name: str, default: Any, **facts: Any) -> Any:
    """The field `name` of `base` with another default or other facts."""
    facts_of = dataclasses.replace(described(base)[name], **facts)
    return dataclasses.field(default=default, metadata={_KEY: facts_of})


def described(options: Any) -> dict[str, Option]:
    """Name -> `Option` of every option of a class or object, in the order of its fields."""
    return {f.name: f.metadata[_KEY] for f in dataclasses.fields(options) if _KEY in f.metadata}


def defaults(options: type[Any]) -> dict[str, Any]:
    """Name -> default of every option of a class."""
    return {f.name: f.default for f in dataclasses.fields(options) if _KEY in f.metadata}


def kind_of(options: type[Any], name: str) -> tuple[type, bool]:
    """The type of an option's values and whether None is one of them."""
    text = next(str(f.type) for f in dataclasses.fields(options) if f.name == name)
    parts = [part.strip() for part in text.split("|")]
    kinds = {"int": int, "float": float, "bool": bool, "str": str}
    return next(kinds[part] for part in parts if part in kinds), "None" in parts


def check(options: Any, *, idle: bool = False) -> None:
    """Check every value of an object of options; numbers of NumPy become Python's, which files and kernels take.

    Parameters
    ----------
    options : object of a class of options
    idle : bool, default False
        Let values pass that have no effect beside the others.

    Raises
    ------
    ConfigError
        For a value of another type, outside its range, or given to an option that has no effect beside the others.
    """
    for name, facts in described(options).items():
        value, default = in_python(getattr(options, name)), defaults(type(options))[name]
        object.__setattr__(options, name, value)
        if value is not None or default is not None:
            _check_value(name, value, kind_of(type(options), name)[0], facts)
    if not idle:
        usual = defaults(type(options))
        check_given(options, [name for name in usual if getattr(options, name) != usual[name]])


def in_python(value: Any) -> Any:
    """A number or string of NumPy as one of Python; anything else as it is."""
    if type(value).__module__ != "numpy":
        return value
    import numpy as np

    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


def for_json(value: Any) -> Any:
    """What `json.dumps` writes for a number or string of NumPy: its `default`.

    Raises
    ------
    TypeError
        For anything else.
    """
    plain = in_python(value)
    if type(plain) is type(value):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return plain


def check_given(options: Any, names: Iterable[str]) -> None:
    """Refuse options that were given, if only by their defaults, where they have no effect.

    Raises
    ------
    ConfigError
        Naming all that have no effect for the same reason.
    """
    for why, idle in idle_options(options, names).items():
        raise no_effect([f"`{name}`" for name in idle], why)


def used(options: Any) -> dict[str, Any]:
    """Name -> value of the options that have an effect beside the others."""
    value_of = partial(getattr, options)
    return {name: value_of(name) for name, facts in described(options).items() if _idle(value_of, facts) is None}


def in_use(options: type[Any], stored: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The same of what is `stored`, where the names among `known` are options: of this class, or of others.

    What the class does not have goes, and what has no effect beside the others that are stored.
    """
    facts, known, found = described(options), set(known), {}

    def value_of(name: str) -> Any:
        return stored.get(name, getattr(options, name, None))

    for name, value in stored.items():
        if name not in known or (name in facts and _idle(value_of, facts[name]) is None):
            found[name] = value
    return found


def refuse_unknown(names: Iterable[str], known: Iterable[str], whose: str) -> None:
    """Refuse options that are not known.

    Raises
    ------
    ConfigError
        With close spellings, or else with all that `whose` takes.
    """
    known = list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        close = get_close_matches(unknown[0], known, n=3, cutoff=0.75)
        hint = f"did you mean {listed(close)}?" if close else f"it takes {listed(known)}"
        raise ConfigError(f"{whose} has no option {listed(unknown)}; {hint}")


def listed(names: Iterable[str]) -> str:
    """Names of options for a message."""
    return ", ".join(f"`{name}`" for name in names)


def _check_value(name: str, value: Any, kind: type, facts: Option) -> None:
    chosen = value.partition(":")[0] if facts.settings and isinstance(value, str) else value
    if facts.choices and chosen not in facts.choices:
        raise ConfigError(f"`{name}` must be one of {', '.join(facts.choices)}, got {value!r}")
    if kind is bool and not isinstance(value, bool):
        raise ConfigError(f"`{name}` must be True or False, got {value!r}")
    if kind is str and not isinstance(value, str):
        raise ConfigError(f"`{name}` must be a string, got {value!r}")
    if kind not in (int, float):
        return
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    sound = whole or (kind is float and isinstance(value, float))
    in_range = sound and facts.least <= value <= facts.most and facts.above < value
    if not in_range or not (value < facts.below or (value == inf and facts.infinite)):
        raise ConfigError(f"`{name}` must be {_range(kind, facts, finite=in_range and value == inf)}, got {value!r}")


def _range(kind: type, facts: Option, *, finite: bool) -> str:
    number = "a whole number" if kind is int else "a finite number" if finite else "a number"
    if facts.above > -inf:
        return f"{number} above {facts.above}" + (f", {facts.most} at most" if facts.most < inf else "")
    if facts.below < inf:
        return f"{number} from {facts.least} to below {facts.below}"
    if facts.least > -inf and facts.most < inf:
        return f"{number} from {facts.least} to {facts.most}"
    return f"{number} of at least {facts.least}" if facts.least > -inf else number


def _idle(value_of: Callable[[str], Any], facts: Option) -> str | None:
    """The option on whose account another has no effect; None where it has one."""
    if facts.also and all(value_of(other) in values for other, values in facts.also.items()):
        return None
    return next((other for other, values in facts.only.items() if value_of(other) not in values), None)


def idle_options(options: Any, names: Iterable[str]) -> dict[str, list[str]]:
    """Which of `names` have no effect beside the other options: why, for behind "has no effect", -> these names."""
    found: dict[str, list[str]] = {}
    for name in names:
        facts = described(options)[name]
        other = _idle(partial(getattr, options), facts)
        if other is not None:
            found.setdefault(_why(other, getattr(options, other), facts), []).append(name)
    return found


def _why(other: str, value: Any, facts: Option) -> str:
    """Why an option has no effect beside the `value` of another."""
    if value is True or facts.only[other] == (None,):
        return f"with `{other}`"
    wanted = " or ".join(map(str, facts.only[other]))
    return f"with `{other}` {value}: it is for `{other}` {wanted}" + "".join(f", or `{also}`" for also in facts.also)


def no_effect(names: Sequence[str], why: str) -> ConfigError:
    """The error of options, as a message names them, that would do nothing."""
    return ConfigError(f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no effect {why}")
