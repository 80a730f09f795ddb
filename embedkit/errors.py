"""What can go wrong, as a small family: everything embedkit raises on purpose is an `EmbedkitError`.

The message is one line that says what was expected, what was found and what to do.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence, Sized
from types import FrameType
from typing import Any


class EmbedkitError(Exception):
    """Base of all errors that embedkit raises on purpose."""


class CorpusError(EmbedkitError):
    """The text cannot be read, is not text, or leaves nothing to train on."""


class EmptyCorpusError(CorpusError):
    """The text holds no word of the vocabulary."""

    @classmethod
    def of(cls, name: str) -> EmptyCorpusError:
        """The error of the text that messages call `name`."""
        return cls(f"{name} holds no word of the vocabulary")


class FormatError(EmbedkitError):
    """A file is cut off, damaged or of another kind than expected."""


class ConfigError(EmbedkitError, ValueError):
    """An option has a value that cannot work, or options contradict each other."""


class TrainingError(EmbedkitError):
    """Training cannot go on (a NaN or infinity, a checkpoint of another run)."""


class UnknownWordError(EmbedkitError, KeyError):
    """A word is neither in the vocabulary nor can be composed from subwords.

    Parameters
    ----------
    word : str
        The word that was asked for.
    suggestions : sequence of str, optional
        Close spellings that the vocabulary does hold.
    """

    def __init__(self, word: str, suggestions: tuple[str, ...] | list[str] = ()) -> None:
        self.word = word
        self.suggestions = tuple(suggestions)
        message = f"unknown word {word!r}"
        if self.suggestions:
            message += "; did you mean " + ", ".join(self.suggestions) + "?"
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number and what it counts, for a message; `plural` where it does not end in s.

    >>> counted(1, "word"), counted(2301, "word"), counted(0, "match", "matches")
    ('1 word', '2,301 words', '0 matches')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def few_names(names: Sequence[str], most: int = 8, length: int = 40) -> str:
    """Names of columns or fields as an error message shows them: the first ones, and of each no more than fits.

    >>> few_names(["id", "", "year"], most=2)
    "id, '', … (3 in all)"
    """
    shown = [name if len(name) <= length else name[: length - 3] + "..." for name in names[:most]]
    more = f", … ({len(names):,} in all)" if len(names) > most else ""
    return (", ".join(name or "''" for name in shown) or "none") + more


def warn_caller(message: str) -> None:
    """Warn, at the line that called embedkit: how many calls lie between there and here is nobody's business.

    Warns
    -----
    UserWarning
    """
    frame = sys._getframe()
    while frame.f_back is not None and _module(frame).partition(".")[0] == "embedkit":
        frame = frame.f_back
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    place = frame.f_code.co_filename, frame.f_lineno
    warnings.warn_explicit(message, UserWarning, *place, module=_module(frame), registry=registry)


def _module(frame: FrameType) -> str:
    """The module's name, which code that is run from a string need not have: Python would drop its warnings."""
    return str(frame.f_globals.get("__name__") or "<string>")


def check_several(texts: Iterable[Any], name: str) -> None:
    """Refuse one string where several are meant, which would be read character by character.

    Raises
    ------
    ConfigError
    """
    if isinstance(texts, str | bytes):
        raise ConfigError(f"`{name}` must be a list of strings, got the string {texts[:30]!r}: put it into a list")


def check_lasting(values: Iterable[Any], name: str) -> None:
    """Refuse one string where several are meant, and what can be gone through but once.

    Raises
    ------
    ConfigError
    """
    check_several(values, name)
    if isinstance(values, Iterator):
        raise ConfigError(f"`{name}` must be a list, got a {type(values).__name__}: make a list of it")


def check_texts(texts: Iterable[Any], name: str = "texts") -> None:
    """Refuse one string where several are meant, what can be gone through but once, and what is no string.

    Raises
    ------
    ConfigError
    """
    check_lasting(texts, name)
    check_strings(texts, name)


def check_tokens(sentences: Iterable[Any], name: str = "sentences") -> None:
    """Refuse what is no list of lists of strings: a sentence that nobody cut would be read character by character.

    Raises
    ------
    ConfigError
    """
    check_lasting(sentences, name)
    for i, sentence in enumerate(sentences):
        if isinstance(sentence, str | bytes):
            raise ConfigError(
                f"each of `{name}` must be a list of tokens, got the string {sentence[:30]!r}: cut it into tokens"
            )
        if not isinstance(sentence, Iterable):
            raise ConfigError(
                f"`{name}` must be lists of strings, found {type(sentence).__name__} {str(sentence)[:30]}"
            )
        check_texts(sentence, f"{name}[{i}]")


def check_strings(texts: Iterable[Any], name: str) -> None:
    """Refuse what is no string in a collection; a million strings take 12 ms, for their types are compared at once.

    Raises
    ------
    ConfigError
    """
    if not all(issubclass(kind, str | bytes) for kind in set(map(type, texts))):
        wrong = next(text for text in texts if not isinstance(text, str | bytes))
        raise ConfigError(f"`{name}` must be strings, found {type(wrong).__name__} {str(wrong)[:30]}")


def check_aligned(first: Sized, second: Sized, names: tuple[str, str] = ("texts", "labels")) -> None:
    """Refuse two lists that should have an entry each for the same things and differ in length.

    Raises
    ------
    ConfigError
    """
    if len(first) != len(second):
        raise ConfigError(f"`{names[0]}` and `{names[1]}` must be as many, got {len(first):,} and {len(second):,}")
