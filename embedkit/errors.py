"""What can go wrong, as a small family: everything embedkit raises on purpose is an `EmbedkitError`.

The message is one line that says what was expected, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class EmbedkitError(Exception):
    """Base of all errors that embedkit raises on purpose."""


class CorpusError(EmbedkitError):
    """The text cannot be read, is not text, or leaves nothing to train on."""


class EmptyCorpusError(CorpusError):
    """The text holds no word of the vocabulary."""


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


def few_names(names: Sequence[str], most: int = 8, length: int = 40) -> str:
    """Names of columns or fields as an error message shows them: the first ones, and of each no more than fits.

    >>> few_names(["id", "", "year"], most=2)
    "id, '', … (3 in all)"
    """
    shown = [name if len(name) <= length else name[: length - 3] + "..." for name in names[:most]]
    more = f", … ({len(names):,} in all)" if len(names) > most else ""
    return (", ".join(name or "''" for name in shown) or "none") + more
