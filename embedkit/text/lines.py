"""Lines of small files, each with its place: labelled texts, dictionaries, word lists, word pairs, vocabularies.

All of them are read here, so that all take the same files: UTF-8 with or without a byte order mark, compressed or not,
standard input, lines that end as on Unix, on Windows (CR LF) or on old Macs (CR alone).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np

from embedkit.errors import CorpusError
from embedkit.files.locations import called
from embedkit.text.reading import STDIN, Block, not_utf8, read_lines, short_name
from embedkit.text.repeated import tell_repeated

Source = str | os.PathLike[str]


def numbered_lines(sources: Source | Iterable[Source], encoding_errors: str | None = None) -> Iterator[tuple[str, str]]:
    """Lines with their places, ``("FILE, line N", line)``, without line ends; ``-`` is standard input.

    Parameters
    ----------
    sources : path or iterable of paths
    encoding_errors : {"strict", "replace", "ignore"}, optional
        Without it strict, as for lists of words, of which nobody says how they are read.

    Raises
    ------
    CorpusError
        When a file is missing, unreadable, cut off, binary, or not UTF-8 (strict).

    Warns
    -----
    UserWarning
        Where a file is named twice.
    """
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    sources = list(sources)
    tell_repeated(sources)
    for source in sources:
        name = called(source)
        for number, line in enumerate(_lines(source, encoding_errors), 1):
            yield f"{name}, line {number}", line


def plain_lines(sources: Source | Iterable[Source], encoding_errors: str | None = None) -> Iterator[str]:
    """The lines of `numbered_lines` without their places."""
    for _, line in numbered_lines(sources, encoding_errors):
        yield line


def read_words(source: Source) -> list[str]:
    """The words of a list, a word a line; blank lines are passed over, a word that stands there twice counts once.

    Raises
    ------
    CorpusError
        As `numbered_lines`, and where the list holds no word.
    """
    words = list(dict.fromkeys(word for line in plain_lines(source) if (word := line.strip())))
    if not words:
        raise CorpusError(f"{short_name(source)}: expected a word a line, found none")
    return words


class Piped:
    """Bytes that come piece by piece, as text by the rule of files.

    Parameters
    ----------
    encoding_errors : {"strict", "replace", "ignore"}, optional
        As for `embedkit.text.reading.read_lines`.
    name : str
        Where they come from, for messages; standard input by default.
    """

    def __init__(self, encoding_errors: str | None = None, name: str = STDIN) -> None:
        self._name = short_name(name)
        self._errors, self._has_choice = encoding_errors or "strict", encoding_errors is not None
        self._n_lines = self._n_bytes = 0

    def text(self, data: bytes) -> str:
        """Some lines, the last without its line feed.

        Raises
        ------
        CorpusError
            As for a file that is not UTF-8 (strict).
        """
        try:
            text = data.decode("utf-8", self._errors)
        except UnicodeDecodeError as error:
            buffer = np.frombuffer(data, np.uint8)
            block = Block(buffer, len(data), self._name, self._n_bytes, False, 0)
            raise not_utf8(block, error.start, self._n_lines, self._has_choice) from None
        self._n_lines += data.count(b"\n") + 1
        self._n_bytes += len(data) + 1
        return text


def shortened(line: str, length: int = 60) -> str:
    """A line as an error message shows it."""
    return repr(line if len(line) <= length else line[: length - 3] + "...")


def _lines(source: Source, encoding_errors: str | None) -> Iterator[str]:
    lines = read_lines(source, encoding_errors=encoding_errors)
    first = next(lines, None)
    if first is None:
        return
    if "\r" not in first.rstrip("\r"):
        yield first.rstrip("\r")
    else:
        second = next(lines, None)
        if second is None:  # no line feed in all of the file
            yield from first.removesuffix("\r").split("\r")
            return
        yield first.rstrip("\r")
        yield second.rstrip("\r")
    for line in lines:
        yield line.rstrip("\r")
