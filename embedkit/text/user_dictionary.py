"""User dictionaries of Kiwi: a line is ``form<TAB>tag<TAB>score``, the score may be missing; ``#`` begins a comment.

In the tag's place may stand what the form is made of: ``사귀/VV + 었/EP + 다/EF``. Kiwi reads files in UTF-8 and passes
over much that is wrong: a byte order mark becomes a part of the first form, a score that is no number is 0.

A dictionary is named by its file, or carried along: ``data:`` and its lines, compressed, in letters of base64. So a
model that is moved to another machine has its words.
"""

from __future__ import annotations

import base64
import math
import os
import re
import tempfile
import zlib
from collections.abc import Callable
from typing import Any

from embedkit.errors import EmbedkitError, counted
from embedkit.files.locations import STDIN, called
from embedkit.files.urls import is_url
from embedkit.text.lines import numbered_lines, shortened
from embedkit.text.parts_of_speech import TAGS, is_tag

EXPECTED = "expected form<TAB>tag<TAB>score on each line"
CARRIED = "data:"
LARGEST = 1 << 26  # bytes of a dictionary that is carried along


def load_dictionary(kiwi: Any, dictionary: str) -> None:
    """Add the words of a dictionary to a Kiwi.

    Raises
    ------
    EmbedkitError
        Where it cannot be read, has no words, or a line that is none of a dictionary.
    """
    entries = _unpacked(dictionary) if dictionary.startswith(CARRIED) else _read(dictionary)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "dictionary.txt")
        with open(copy, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in entries)
        try:
            kiwi.load_user_dictionary(copy)
        except Exception as error:
            name = "the user dictionary" if dictionary.startswith(CARRIED) else dictionary
            raise EmbedkitError(f"{name}: {EXPECTED}, as Kiwi reads it: {error}") from None


def carried(dictionary: str) -> str:
    """The same dictionary, carried along.

    Raises
    ------
    EmbedkitError
        As `load_dictionary`, or where it is too long.
    """
    if dictionary.startswith(CARRIED):
        return dictionary
    words = "\n".join(_read(dictionary)).encode()
    if len(words) > LARGEST:
        raise EmbedkitError(
            f"{called(dictionary)}: the model keeps a user dictionary, so expected at most {LARGEST:,} bytes "
            f"({LARGEST >> 20} MB), found {len(words):,}; leave out words that the text does not have"
        )
    return CARRIED + base64.urlsafe_b64encode(zlib.compress(words)).decode()


def without_words(text: str) -> str:
    """A text that names dictionaries, with the number of words for those that are carried along."""
    return _replaced(text, f"{CARRIED}[A-Za-z0-9_=-]+", lambda words: f"({counted(len(words), 'word')})")


def same_words(one: Any, other: Any) -> bool:
    """Whether two options are the same, or name dictionaries of the same words: a file that is here, or carried."""
    if isinstance(one, str) and isinstance(other, str) and one != other:
        one, other = (_replaced(text, "[^,]+", "\n".join) for text in (one, other))
    return bool(one == other)


def _replaced(text: str, dictionary: str, by: Callable[[list[str]], str]) -> str:
    """A text with something in place of the dictionaries that it names; what cannot be read is left as it is."""

    def replacement(found: re.Match[str]) -> str:
        name = found[0]
        try:
            if name.startswith(CARRIED):
                return by(_unpacked(name))
            return by(_read(name)) if os.path.isfile(name) else name
        except EmbedkitError:
            return name

    return re.sub(f"(?<=dictionary=){dictionary}", replacement, text)


def _read(path: str) -> list[str]:
    if not (path == STDIN or is_url(path) or os.path.exists(path)):
        raise EmbedkitError(
            f"{path}: no such file; it is the user dictionary of the tokenizer morphemes: put it there, or train again "
            "what needs it with `user_dictionary`, which keeps its words in the model"
        )
    entries = [(place, line) for place, line in numbered_lines(path) if line.strip() and not line.startswith("#")]
    if not entries:
        raise EmbedkitError(f"{path}: {EXPECTED}, found no words")
    for place, line in entries:
        _check(place, line)
    return [line for _, line in entries]


def _unpacked(dictionary: str) -> list[str]:
    try:
        packed = base64.urlsafe_b64decode(dictionary.removeprefix(CARRIED))
        unpacker = zlib.decompressobj()
        words = unpacker.decompress(packed, LARGEST + 1)
        if not unpacker.eof:
            raise ValueError("more than the largest, or cut off")
        return words.decode().split("\n")
    except (ValueError, zlib.error):
        raise EmbedkitError(f"the user dictionary is damaged: found {shortened(dictionary)}") from None


def _check(place: str, line: str) -> None:
    form, *more = line.rstrip().split("\t")
    if not form.strip() or len(more) not in (1, 2):
        raise EmbedkitError(f"{place}: {EXPECTED}, found {shortened(line)}")
    for tag in _tags(more[0]):
        if not is_tag(tag):
            raise EmbedkitError(f"{place}: no part-of-speech tag {shortened(tag)}; there are {', '.join(TAGS)}")
    if len(more) == 2 and not _is_number(more[1]):
        raise EmbedkitError(f"{place}: expected a number as the score behind the tag, found {shortened(more[1])}")


def _tags(tag: str) -> list[str]:
    """The tags in the place of one: several where the form is taken apart, as in ``사귀/VV + 었/EP``."""
    return [part.strip().rpartition("/")[2] for part in tag.split("+")] if "/" in tag else [tag]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
