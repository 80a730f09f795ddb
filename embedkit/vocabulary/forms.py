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
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Literal

from embedkit.vocabulary.words import find_normalised

Form = Literal["NFC", "NFD"]
_WORD = re.compile(r"[^\t-\r \0]+")  # as fastText's classifier cuts them
_COMPATIBILITY = "\uf900-\ufaff\U0002f800-\U0002fa1f"
_IDEOGRAPHS, _OTHERS = re.compile(f"[{_COMPATIBILITY}]+"), re.compile(f"[^{_COMPATIBILITY}]+")
_BEYOND = "\U00010000-\U0001efff\U00020000-\U0010ffff"  # the rarest letters: all but emoji
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
        self.form = _more(self._all)

    def spelt(self, word: str) -> str:
        """A word as the vocabulary would have it."""
        if word.isascii():
            return word
        composed, decomposed, neither = self._counts.get(script(word), self._all)
        in_nfc, in_nfd = _forms(word)
        slip = in_nfc or in_nfd or neither <= AS_WRITTEN * (composed + decomposed)
        if not (slip and composed + decomposed):
            return word
        form = _more((composed, decomposed, neither))
        return _OTHERS.sub(lambda match: unicodedata.normalize(form, match[0]), word)

    @cached_property
    def otherwise(self) -> re.Pattern[str] | None:
        """What a word in `form` holds if `spelt` changes it all the same; None where it changes none."""
        scripts = {name for name, n in self._counts.items() if n[0] + n[1] and _more(n) != self.form}
        if not scripts:
            return None
        found = [character for character in map(chr, range(128, 0x10000)) if _belongs(character, scripts)]
        return re.compile(f"[{''.join(found)}{_BEYOND}]")


class KnownForms:
    """Texts with their words as a vocabulary has them: as written, composed, decomposed, or else as `UsualForms`.

    Parameters
    ----------
    words : iterable of str
        Cut at ASCII white space, as the texts are.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = [word for word in words if not word.isascii()]
        self._usual = UsualForms(self._words)
        form, otherwise = self._usual.form, self._usual.otherwise
        others = (word for word in self._words if not unicodedata.is_normalized(form, word))
        spelt = {unicodedata.normalize(form, word) for word in others}
        self._elsewhere = {
            word for word in spelt if not (otherwise and otherwise.search(word)) and word not in self._rows
        }

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self._words)}

    def spelt(self, text: str) -> str:
        """A text with each of its words as the vocabulary has it or would have it."""
        return text if self._stays(text) else _WORD.sub(lambda match: self._spelt_word(match[0]), text)

    def _stays(self, text: str) -> bool:
        """Whether no word of a text can be spelt otherwise, which is soon known of those in the vocabulary's form."""
        if text.isascii():
            return True
        otherwise = self._usual.otherwise
        return (
            unicodedata.is_normalized(self._usual.form, text)
            and not (otherwise and otherwise.search(text))
            and not (self._elsewhere and not self._elsewhere.isdisjoint(_WORD.findall(text)))
        )

    def _spelt_word(self, word: str) -> str:
        row = find_normalised(self._rows, word)
        return self._words[row] if row >= 0 else self._usual.spelt(word)


def _more(counts: Sequence[int]) -> Form:
    """The form of more words, of (those in NFC, those in NFD, others)."""
    return "NFC" if counts[0] >= counts[1] else "NFD"


def _belongs(character: str, scripts: set[str]) -> bool:
    """Whether a character is a letter of these scripts, or a sign that a form may join to another or take apart."""
    if character.isalpha():
        return script(character) in scripts
    return unicodedata.combining(character) > 0 or not unicodedata.is_normalized("NFD", character)


def script(word: str) -> str:
    """The script of the first letter that is not ASCII, else of the first one, by the names of Unicode's characters."""
    letters = [letter for letter in word if letter.isalpha()]
    first = next((letter for letter in letters if not letter.isascii()), letters[0] if letters else "")
    return unicodedata.name(first, "").partition(" ")[0] if first else ""


def _forms(word: str) -> tuple[bool, bool]:
    """Whether a word is in NFC, and whether it is in NFD."""
    word = _IDEOGRAPHS.sub("", word)
    return unicodedata.is_normalized("NFC", word), unicodedata.is_normalized("NFD", word)
