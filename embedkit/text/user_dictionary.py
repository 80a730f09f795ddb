"""User dictionaries of Kiwi: a line is ``form<TAB>tag<TAB>score``, the score may be missing; ``#`` begins a comment.

In the tag's place may stand what the form is made of: ``사귀/VV + 었/EP + 다/EF``. Kiwi reads files in UTF-8 and passes
over much that is wrong: a byte order mark becomes a part of the first form, a score that is no number is 0.
"""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

from embedkit.errors import EmbedkitError
from embedkit.text.lines import numbered_lines, shortened

EXPECTED = "expected form<TAB>tag<TAB>score on each line"


def load_dictionary(kiwi: Any, path: str) -> None:
    """Add the words of a dictionary to a Kiwi.

    Raises
    ------
    EmbedkitError
        Where it cannot be read, has no words, or a line that is none of a dictionary.
    """
    lines = list(numbered_lines(path))
    if not any(_is_entry(line) for _, line in lines):
        raise EmbedkitError(f"{path}: {EXPECTED}, found no words")
    for place, line in lines:
        if _is_entry(line):
            _check(place, line)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "dictionary.txt")
        with open(copy, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for _, line in lines)
        try:
            kiwi.load_user_dictionary(copy)
        except Exception as error:
            raise EmbedkitError(f"{path}: {EXPECTED}, as Kiwi reads it: {error}") from None


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _check(place: str, line: str) -> None:
    form, *more = line.rstrip().split("\t")
    if not form.strip() or len(more) not in (1, 2):
        raise EmbedkitError(f"{place}: {EXPECTED}, found {shortened(line)}")
    if len(more) == 2 and not _is_number(more[1]):
        raise EmbedkitError(f"{place}: expected a number as the score behind the tag, found {shortened(more[1])}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
