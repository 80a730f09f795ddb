"""Test sets of human judgement as files: word pairs with scores, and analogies by section."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedkit.errors import FormatError

Question = tuple[str, str, str, str]


@dataclass(frozen=True)
class WordPairs:
    """A test set of word pairs: `words[i]` were judged to be as similar as `scores[i]` says."""

    name: str
    words: list[tuple[str, str]]
    scores: np.ndarray  # float64 (n_pairs,)


@dataclass(frozen=True)
class Analogies:
    """A test set of analogies: sections of questions (a, b, c, expected)."""

    name: str
    sections: list[tuple[str, list[Question]]]


def read_pairs(path: str | os.PathLike[str]) -> WordPairs:
    """Read word pairs: two words and a score a line, separated by tabs, commas or white space.

    The first line with words tells the separator; it may be a header. Blank lines and lines that begin with ``#``
    are passed over.

    Raises
    ------
    FormatError
        With file and line, where a line is not of this form or nothing remains.
    """
    words: list[tuple[str, str]] = []
    scores: list[float] = []
    split: Callable[[str], list[str]] | None = None
    for number, line in numbered_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        header_allowed = split is None
        split = split or _separator(line)
        values = [value.strip() for value in split(line)]
        score = _finite(values[2]) if len(values) == 3 else None
        if score is not None and values[0] and values[1]:
            words.append((values[0], values[1]))
            scores.append(score)
        elif not (header_allowed and len(values) == 3):
            raise FormatError(
                f"{path}, line {number}: expected two words and a score, separated by tabs, commas or "
                f"spaces; found {_shortened(line)!r}"
            )
    if not words:
        raise FormatError(f"{path}: expected lines of two words and a score, found none")
    return WordPairs(Path(path).name, words, np.array(scores, np.float64))


def read_analogies(path: str | os.PathLike[str]) -> Analogies:
    """Read analogies: four words a line, in sections that begin with a line ``: name``.

    Questions before the first such line form a section named after the file. Blank lines are passed over.

    Raises
    ------
    FormatError
        With file and line, where a line does not hold four words or no question remains.
    """
    sections: list[tuple[str, list[Question]]] = []
    for number, line in numbered_lines(path):
        words = line.split()
        if (line.startswith(":") and len(words) != 4) or line.startswith(": "):
            sections.append((line.lstrip(": ").strip(), []))
        elif len(words) == 4:
            if not sections:
                sections.append((Path(path).stem, []))
            sections[-1][1].append((words[0], words[1], words[2], words[3]))
        elif words:
            raise FormatError(
                f"{path}, line {number}: expected four words (a is to b as c is to d) or ': section', "
                f"found {len(words)}: {_shortened(line)!r}"
            )
    if not any(questions for _, questions in sections):
        raise FormatError(f"{path}: expected lines of four words, found none")
    return Analogies(Path(path).name, sections)


def numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file, without a byte order mark."""
    with open(path, "rb") as stream:
        for number, raw in enumerate(stream, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise FormatError(
                    f"{path}, line {number}: expected UTF-8 text, found the byte "
                    f"0x{raw[error.start]:02x}; convert the file to UTF-8"
                ) from error
            yield number, line.rstrip("\r\n")


def _separator(line: str) -> Callable[[str], list[str]]:
    for mark in ("\t", ",", ";"):
        if line.count(mark) >= 2:
            return lambda text: text.rstrip(mark).split(mark)
    return str.split


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _shortened(line: str) -> str:
    return line if len(line) <= 60 else line[:57] + "..."
