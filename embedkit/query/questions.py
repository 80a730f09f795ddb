"""Questions as people type them: a word, a phrase, several words, or words added up and taken away.

================================ =====================================================================
``king``                         the word
``new york``                     the token of that name, with a space or with ``_``, where there is one;
                                 else the mean of its words
``king - man + woman``           a sum; an operator (``+``, ``-`` or ``−``) stands between spaces
``2*king - man``                 a factor stands before ``*``
``- man``                        an operator may stand first
================================ =====================================================================

What the vocabulary holds as it is typed, spaces, hyphens, stars and all, is always that word. Words are cut at spaces
and tabs; at no-break and other spaces only where the vocabulary does not hold a word with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedkit.errors import ConfigError
from embedkit.query.combining import Item, words_in

if TYPE_CHECKING:
    from embedkit.query.word_vectors import WordVectors

ASCII_SPACES = " \t\r\n\v\f"
PLUS, MINUS = "+", ("-", "\N{MINUS SIGN}")
_FACTOR = re.compile(r"(\d+(?:\.\d+)?)\s*\*\s*(\S.*)")
_SPECIAL = re.compile(r"[\s*_]|^$")  # what a word without is nothing but a word
_SPACES = re.compile(f"[{ASCII_SPACES}]+")

Known = Callable[[str], bool]


@dataclass
class Question:
    """What was understood.

    Attributes
    ----------
    line : str
    terms : list of (item, weight)
        Items are words or, as tuples, phrases.
    said : list of str
        What a user should know of how the line was read.
    """

    line: str
    terms: list[tuple[Item, float]]
    said: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """All words of the question."""
        if len(self.terms) == 1 and isinstance(self.terms[0][0], str):
            return [self.terms[0][0]]  # most questions
        return words_in(self.terms)


def question(line: str, known: Known) -> Question:
    """Read a line; `known` says what the vocabulary holds.

    Raises
    ------
    ConfigError
        When an operator has nothing behind it, or the line holds no word.
    """
    line = line.strip(ASCII_SPACES)
    if known(line) or not _SPECIAL.search(line):
        return Question(line, [(line, 1.0)])
    parts = [part for part in _SPACES.split(line) if part]
    operators = [i for i, part in enumerate(parts) if part == PLUS or part in MINUS]
    said: list[str] = []
    if not operators or (len(parts) == len(operators) and all(map(known, parts))):
        return Question(line, [_term(line, known, said)], said)
    terms: list[tuple[Item, float]] = []
    starts = [0, *(i + 1 for i in operators)]
    for start, stop in zip(starts, [*operators, len(parts)], strict=True):
        if start == stop == 0:
            continue  # the line begins with an operator
        if start == stop:
            raise ConfigError(f"expected a word behind {parts[start - 1]!r} in {line!r}")
        item, weight = _term(" ".join(parts[start:stop]), known, said)
        terms.append((item, -weight if start and parts[start - 1] in MINUS else weight))
    own = next((parts[i] for i in operators if known(parts[i])), None)
    if own is not None:
        said.insert(0, f"{line!r} is read as a sum, though {own!r} is a word of the vocabulary too")
    return Question(line, terms, said)


def item(text: str, known: Known, said: list[str]) -> Item:
    """A word, or a phrase as its token or its words; `said` gets a line where the phrase is not as it was typed.

    Raises
    ------
    ConfigError
        When there is no word.
    """
    text = text.strip(ASCII_SPACES)
    if known(text) or not _SPECIAL.search(text):
        return text
    words = split(text, known)
    if not words:
        raise ConfigError("expected a word, found an empty one")
    if len(words) == 1:
        spaced = words[0].replace("_", " ")
        if not known(words[0]) and known(spaced):
            said.append(f"{words[0]!r} is {spaced!r} in the vocabulary")
            return spaced
        return words[0]
    for mark in "_", " ":
        if known(mark.join(words)):
            said.append(f"{text!r} is {mark.join(words)!r} in the vocabulary")
            return mark.join(words)
    said.append(f"{text!r} stands for the mean of {', '.join(words)}")
    return tuple(words)


def split(text: str, known: Known) -> list[str]:
    """Words between spaces and tabs; between other white space too where the vocabulary does not hold them so."""
    found: list[str] = []
    for part in _SPACES.split(text):
        found += [part] if part and known(part) else part.split()
    return found


def composed(words: Iterable[str], vectors: WordVectors) -> list[str]:
    """What a user should know of those of `words` that have a vector and are not in the vocabulary."""
    said = []
    for word in dict.fromkeys(words):
        if word not in vectors and vectors.composes(word):
            with_tags = vectors.tagged(word)
            hint = f"; did you mean {', '.join(with_tags[:3])}?" if with_tags else ""
            shown = word if word.isprintable() else repr(word)
            said.append(f"{shown} is not in the vocabulary; composed from its n-grams{hint}")
    return said


def changed(asked: Question, plus: Sequence[Question], minus: Sequence[Question]) -> Question:
    """A question with others added and taken away."""
    terms = [*asked.terms]
    for other in plus:
        terms += other.terms
    for other in minus:
        terms += [(what, -weight) for what, weight in other.terms]
    return Question(asked.line, terms, asked.said)


def _term(text: str, known: Known, said: list[str]) -> tuple[Item, float]:
    factor = None if known(text) else _FACTOR.fullmatch(text)
    if factor is None:
        return item(text, known, said), 1.0
    return item(factor[2], known, said), float(factor[1])
