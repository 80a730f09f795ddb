"""Test sets of human judgement as files: word pairs with scores, and analogies by section.

Layouts that are read: WordSim-353, MEN, SimLex-999 and Multi-SimLex (word pairs in any columns of a text, CSV or TSV
file, with a decimal point or comma), questions-words.txt, and the folders and files of BATS (Gladkova, Drozd and
Matsuoka 2016). What is passed over is counted in `notes`.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedkit.errors import ConfigError, FormatError, counted
from embedkit.text.lines import numbered_lines, shortened
from embedkit.text.reading import short_name

Question = tuple[str, str, str, str]
LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class WordPairs:
    """A test set of word pairs.

    Attributes
    ----------
    name : str
    words : list of (str, str)
    scores : float64 (n_pairs,)
        ``words[i]`` were judged to be as similar as ``scores[i]`` says.
    notes : tuple of str
        What was passed over, a line each.
    """

    name: str
    words: list[tuple[str, str]]
    scores: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Analogies:
    """A test set of analogies.

    Attributes
    ----------
    name : str
    sections : list of (str, list of Question)
        Questions (a, b, c, expected) by section. Alternatives of the expected word stand with ``/`` between them.
    notes : tuple of str
        What was passed over, a line each.
    """

    name: str
    sections: list[tuple[str, list[Question]]]
    notes: tuple[str, ...] = ()


def read_pairs(path: str | os.PathLike[str], columns: Sequence[int] | None = None) -> WordPairs:
    """Read word pairs: two words and a score a line, separated by tabs, semicolons, commas or white space.

    The first line with words tells the separator. It may be a header: its score is a name then, which begins with a
    letter; `notes` says so. Blank lines and lines that begin with ``#`` are passed over.

    Parameters
    ----------
    path : path
    columns : three int, optional
        Which columns hold the first word, the second word and the score, counted from 1; a line may have others. By
        default a line has these three.

    Raises
    ------
    FormatError
        With file and line, where a line is not of this form or nothing remains.
    ConfigError
        When `columns` are not three different numbers from 1.
    CorpusError
        When the file cannot be read.
    """
    if columns is not None and (len(set(columns)) != 3 or len(columns) != 3 or min(columns) < 1):
        raise ConfigError(
            f"columns are three different numbers from 1: first word, second word, score; got {list(columns)}"
        )
    words: list[tuple[str, str]] = []
    scores: list[float] = []
    notes: list[str] = []
    split: Callable[[str], list[str]] | None = None
    for place, line in numbered_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        header_allowed = split is None
        if split is None:
            split = separator(line)
        values = _chosen(split(line), columns)
        score = None if values is None else _score(values[2])
        if values is not None and score is not None and values[0] and values[1]:
            words.append((values[0], values[1]))
            scores.append(score)
        elif header_allowed and values is not None and _is_name(values[2]):
            notes.append(f"{place}: taken for a header: {shortened(line)}")
        else:
            raise FormatError(f"{place}: {_expected(split(line), columns)}; found {shortened(line)}")
    if not words:
        raise FormatError(f"{short_name(path)}: expected lines of two words and a score, found none")
    return WordPairs(Path(path).name, words, np.array(scores, np.float64), tuple(notes))


def read_analogies(path: str | os.PathLike[str]) -> Analogies:
    """Read analogies: four words a line, in sections that begin with a line ``: name``; or BATS.

    Questions before the first such line form a section named after the file. Blank lines are passed over, and so are
    lines of more than four words, which `notes` counts. A folder holds the files of BATS: lines ``word<TAB>answers``,
    alternatives with ``/`` between them; every two lines make a question each way.

    Raises
    ------
    FormatError
        With file and line, where a line holds fewer than four words or no question remains.
    CorpusError
        When a file cannot be read.
    """
    if os.path.isdir(path):
        files = sorted(file for file in Path(path).rglob("*.txt") if not file.name.startswith("."))
        if not files:
            raise FormatError(f"{os.fspath(path)}: expected the files of BATS (.txt) in this folder, found none")
        return Analogies(Path(path).name, [(file.stem, _bats_questions(file)) for file in files])
    sections: list[tuple[str, list[Question]]] = []
    too_long: list[str] = []
    for place, line in numbered_lines(path):
        words = line.split()
        if (line.startswith(":") and len(words) != 4) or line.startswith(": "):
            sections.append((line.lstrip(": ").strip(), []))
        elif len(words) == 4:
            if not sections:
                sections.append((Path(path).stem, []))
            sections[-1][1].append((words[0], words[1], words[2], words[3]))
        elif len(words) > 4:
            too_long.append(place)
        elif "\t" in line and not sections and not too_long:
            return Analogies(Path(path).name, [(Path(path).stem, _bats_questions(path))])
        elif words:
            raise FormatError(
                f"{place}: expected four words (a is to b as c is to d) or ': section', "
                f"found {len(words)}: {shortened(line)}"
            )
    notes = (
        [f"{counted(len(too_long), 'line')} of more than four words left out, the first at {too_long[0]}"]
        if too_long
        else []
    )
    if not any(questions for _, questions in sections):
        raise FormatError(f"{short_name(path)}: expected lines of four words, found none{_because(notes)}")
    return Analogies(Path(path).name, sections, tuple(notes))


def bundled_analogies(language: str) -> Analogies:
    """Questions of common words for models of real text that come with embedkit: of "en" or "ko".

    Raises
    ------
    ConfigError
        For another language.
    """
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    for _, line in numbered_lines(bundled(f"analogies.{language}.txt", language)):
        if line.startswith(":"):
            sections.append((line.removeprefix(":").strip(), []))
        elif line.strip() and not line.startswith("#"):
            first, second = line.split()
            sections[-1][1].append((first, second))
    name = f"common words ({language})"
    return Analogies(name, [(section, _questions(pairs)) for section, pairs in sections])


def bundled(name: str, language: str) -> Path:
    """Where a test set that comes with embedkit stands.

    Raises
    ------
    ConfigError
        For a language that has none.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"there are bundled questions in {' and '.join(LANGUAGES)}, not in {language!r}")
    return Path(__file__).parent / "sets" / name


def _questions(pairs: Sequence[tuple[str, str]]) -> list[Question]:
    """Every two pairs of a relation, each way: the first answer stands in the question, all count as right."""
    return [
        (a, b.split("/")[0], c, d)
        for i, (a, b) in enumerate(pairs)
        for j, (c, d) in enumerate(pairs)
        if i != j and a != c
    ]


def _bats_questions(path: str | os.PathLike[str]) -> list[Question]:
    """All questions of one file of BATS."""
    pairs: list[tuple[str, str]] = []
    for place, line in numbered_lines(path):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) == 2 and all(columns):
            pairs.append((columns[0], columns[1]))
        elif line.strip():
            raise FormatError(f"{place}: expected a word, a tab and its answers, found {shortened(line)}")
    if len(pairs) < 2:
        raise FormatError(f"{short_name(path)}: expected two lines of a word and its answers or more")
    return _questions(pairs)


def _chosen(values: list[str], columns: Sequence[int] | None) -> tuple[str, str, str] | None:
    """The two words and the score of a line; None where it has not the columns."""
    if columns is None:
        return (values[0].strip(), values[1].strip(), values[2].strip()) if len(values) == 3 else None
    if len(values) < max(columns):
        return None
    first, second, score = (values[column - 1].strip() for column in columns)
    return first, second, score


def _expected(values: list[str], columns: Sequence[int] | None) -> str:
    if columns is None and len(values) > 3:
        return (
            f"expected two words and a score, found {len(values)} columns; tell which hold the words and the score "
            "(`columns`, e.g. 1,2,4)"
        )
    if columns is not None:
        return f"expected two words and a score in the columns {', '.join(map(str, columns))}"
    return "expected two words and a score, separated by tabs, semicolons, commas or spaces"


def separator(line: str, n_columns: int = 3) -> Callable[[str], list[str]]:
    """How to split a line and those after it into so many columns; what stands in quotation marks is one value."""
    if line.count("\t") >= n_columns - 1:
        return lambda text: text.rstrip("\t").split("\t")
    mark = next((mark for mark in (";", ",") if line.count(mark) >= n_columns - 1), None)
    if mark is None:
        return str.split
    return lambda text: _quoted_values(text.rstrip(mark), mark)


def _quoted_values(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


def _score(text: str) -> float | None:
    if re.fullmatch(r"[-+]?\d+,\d+", text):
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _is_name(text: str) -> bool:
    """Whether what stands where a score should names the column: it begins with a letter and is no missing value."""
    return text[:1].isalpha() and text.lower() not in ("nan", "na", "n/a", "inf", "infinity", "none", "null", "missing")


def _because(notes: Sequence[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""
