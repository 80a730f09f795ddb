"""Every place where something stands in a text, with what stands around it (keyword in context, KWIC)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from embedkit.errors import ConfigError
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import STDIN, Sources, list_sources, read_lines

CONTEXT = 8


@dataclass(frozen=True)
class Match:
    """One place.

    Attributes
    ----------
    file : str
    line : int
        From 1.
    left, match, right : str
        What was found, and the words before and behind it on the same line, one space between them.
    """

    file: str
    line: int
    left: str
    match: str
    right: str


def concordance(
    sources: Sources,
    query: str,
    *,
    regex: bool = False,
    case_sensitive: bool = False,
    context: int = CONTEXT,
    json_field: str | None = None,
    encoding_errors: str = "strict",
) -> Iterator[Match]:
    """Yield every match of a query, in the order of the text; the text is read as it is asked for.

    Parameters
    ----------
    sources : path or list of paths
        Files, folders, ``"-"`` for standard input.
    query : str
        A word, or several words in a row. ``*`` stands for any letters: ``king*`` finds kings and kingdom, ``왕*``
        finds 왕은 and 왕이. With `regex` a regular expression of Python's.
    regex : bool, default False
    case_sensitive : bool, default False
    context : int, default 8
        Words to either side; fewer where the line begins or ends.
    json_field, encoding_errors
        As in `embedkit.text.reading.read_lines`.

    Raises
    ------
    ConfigError
        For an empty query, one that matches nothing but emptiness, or a regular expression that is none.
    CorpusError
        When the text cannot be read.
    """
    pattern = compiled(query, regex=regex, case_sensitive=case_sensitive)
    for file in list_sources(sources):
        name = "standard input" if file == STDIN else str(file)
        for number, line in enumerate(_lines(file, json_field, encoding_errors), 1):
            for found in pattern.finditer(line):
                if found[0]:
                    left = line[: found.start()].split()
                    right = line[found.end() :].split()
                    yield Match(
                        name,
                        number,
                        " ".join(left[-context:] if context else []),
                        " ".join(found[0].split()),
                        " ".join(right[:context]),
                    )


def compiled(query: str, *, regex: bool = False, case_sensitive: bool = False) -> re.Pattern[str]:
    """The pattern of a query, see `concordance`.

    Raises
    ------
    ConfigError
        For an empty query, or what is no regular expression.
    """
    if not query.strip():
        raise ConfigError("expected something to look for, found an empty query")
    flags = re.NOFLAG if case_sensitive else re.IGNORECASE
    query = unicodedata.normalize("NFC", query)
    if not regex:
        words = [r"\w*".join(map(re.escape, word.split("*"))) for word in query.split()]
        first, last = query.split()[0][0], query.split()[-1][-1]
        before = r"(?<!\w)" if first == "*" or first.isalnum() else ""
        after = r"(?!\w)" if last == "*" or last.isalnum() else ""
        return re.compile(before + r"\s+".join(words) + after, flags)
    try:
        return re.compile(query, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{query!r} is no regular expression: {error}") from error


def _lines(file: str | ByteRange, json_field: str | None, encoding_errors: str) -> Iterator[str]:
    """Lines composed to NFC, since Korean that went through macOS often comes decomposed."""
    for line in read_lines([file], json_field, encoding_errors):
        yield line if line.isascii() else unicodedata.normalize("NFC", line)
