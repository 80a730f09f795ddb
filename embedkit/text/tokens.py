"""How a line becomes tokens, and tokens a line: tokenizers by their settings, characters with their blanks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypedDict

from embedkit.text.symbols import characters
from embedkit.text.tokenizers import get_tokenizer

GAP = "___"  # a word to be guessed, as somebody writes it; more than three underscores in a row are one gap too
_GAPS = re.compile("_{3,}")


class TokenizerSettings(TypedDict, total=False):
    """How a line becomes tokens, as training configurations and model files say it.

    With `blanks` a run of white space between characters is a token too, the one blank; of ``chars`` alone.
    """

    tokenizer: str
    lowercase: bool
    blanks: bool


def text_tokenizer(settings: TokenizerSettings) -> Callable[[str], list[str]]:
    """The tokenizer of a training configuration: a line to its tokens."""
    if settings.get("blanks") and of_chars(settings):
        return partial(_with_blanks, lowercase=bool(settings.get("lowercase")))
    return get_tokenizer(settings.get("tokenizer") or "whitespace", bool(settings.get("lowercase"))).tokens


def token_cutter(settings: TokenizerSettings) -> Callable[[str], list[str]]:
    """How a line becomes tokens; with ``chars`` every character is one, a run of white space the one blank."""
    return text_tokenizer({**settings, "blanks": True})


def _with_blanks(line: str, lowercase: bool) -> list[str]:
    pieces = [found for piece in (line.lower() if lowercase else line).split() if (found := characters(piece))]
    return [token for piece in pieces for token in (" ", *piece)][1:]


def of_chars(settings: TokenizerSettings) -> bool:
    """Whether tokens are single characters."""
    return settings.get("tokenizer") == "chars"


def part_cutter(settings: TokenizerSettings) -> Callable[[str], list[str]]:
    """`token_cutter` for a part of a line: with ``chars`` white space at its ends, beside what follows, is a blank."""
    cut = token_cutter(settings)
    if not of_chars(settings):
        return cut

    def cut_part(text: str) -> list[str]:
        tokens = cut(text)
        before, after = ([" "] if end.isspace() else [] for end in (text[:1], text[-1:]))
        return [*before, *tokens, *after] if tokens else []

    return cut_part


def around_gaps(text: str) -> list[str]:
    """What stands before, between and behind the gaps of a text."""
    return _GAPS.split(text)


def join_tokens(tokens: Sequence[str], settings: TokenizerSettings) -> str:
    """Tokens as a line of text."""
    return ("" if of_chars(settings) else " ").join(tokens)
