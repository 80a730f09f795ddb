"""The form of Unicode that a vocabulary has its words in, so that an unknown word is spelt as it would be there.

The same word may be composed (NFC) or decomposed (NFD): Hangul from macOS often arrives decomposed, Vietnamese
keyboards write a composed vowel with a combining tone. Many words in Hebrew, Arabic and Devanagari are in neither form
as everybody writes them: their signs stand in another order than Unicode's, or letters are such as no form has.
Compatibility ideographs, for which both forms have others, stay as they are: Korean text holds them since KS X 1001
has one for each reading (U+F967 for U+4E0D).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice
from typing import Literal

_WORD = re.compile(r"\S+")
_COMPATIBILITY = "\uf900-\ufaff\U0002f800-\U0002fa1f"
_IDEOGRAPHS, _OTHERS = re.compile(f"[{_COMPATIBILITY}]+"), re.compile(f"[^{_COMPATIBILITY}]+")
WORDS_OF_FORM = 10_000  # the first of a vocabulary tell
AS_WRITTEN = 0.02  # of a script's words that tell a form: so many in neither, and they are no slips


class UsualForms:
    """In which form a vocabulary has the words of each script; one that does not tell has the others' form.

    Parameters
    ----------
    words : iterable of str
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._counts: dict[str, list[int]] = {}
        self._all = [0, 0, 0]  # words in NFC alone, in NFD alone, in neither
        for word in islice(words, WORDS_OF_FORM):
            in_nfc, in_nfd = _forms(word)
            if in_nfc == in_nfd and in_nfc:
                continue
            kind = 0 if in_nfc else 1 if in_nfd else 2
            self._counts.setdefault(script(word), [0, 0, 0])[kind] += 1
            self._all[kind] += 1
        self._composes = all(nfc >= nfd for nfc, nfd, _ in (self._all, *self._counts.values()))

    def spelt(self, word: str) -> str:
        """A word as the vocabulary would have it."""
        if word.isascii():
            return word
        composed, decomposed, neither = self._counts.get(script(word), self._all)
        form: Literal["NFC", "NFD"] = "NFC" if composed >= decomposed else "NFD"
        in_nfc, in_nfd = _forms(word)
        slip = in_nfc or in_nfd or neither <= AS_WRITTEN * (composed + decomposed)
        if not (slip and composed + decomposed):
            return word
        return _OTHERS.sub(lambda match: unicodedata.normalize(form, match[0]), word)

    def spelt_text(self, text: str) -> str:
        """A text with each of its words as the vocabulary would have it."""
        if text.isascii() or (self._composes and unicodedata.is_normalized("NFC", text)):
            return text
        return _WORD.sub(lambda match: self.spelt(match[0]), text)


def script(word: str) -> str:
    """The script of the first letter that is not ASCII, else of the first one, by the names of Unicode's characters."""
    letters = [letter for letter in word if letter.isalpha()]
    first = next((letter for letter in letters if not letter.isascii()), letters[0] if letters else "")
    return unicodedata.name(first, "").partition(" ")[0] if first else ""


def _forms(word: str) -> tuple[bool, bool]:
    """Whether a word is in NFC, and whether it is in NFD."""
    word = _IDEOGRAPHS.sub("", word)
    return unicodedata.is_normalized("NFC", word), unicodedata.is_normalized("NFD", word)
