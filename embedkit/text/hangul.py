"""Hangul syllables and the jamo they are made of.

A modern syllable is an initial consonant, a medial vowel and a final consonant that may be missing. Unicode
lays the 11,172 syllables out so that the three follow by division (The Unicode Standard, section 3.12):
``syllable = 0xAC00 + (initial * 21 + medial) * 28 + final``, final 0 meaning none.

Three ways to write 한 meet here: the *syllable* U+D55C (NFC), the *conjoining jamo* U+1112 U+1161 U+11AB
(NFD), and the *compatibility jamo* ㅎㅏㄴ of the keyboard, which stand for themselves (ㅋㅋㅋ) and are never
joined.

A *jamo sequence* in this package writes every syllable as exactly three conjoining jamo. A missing final has
a symbol of its own, U+11A7, the place that the arithmetic above reserves for it: 하 is ᄒ ᅡ ∅. (Park et al.
2018 write it ``e``, which Latin text would collide with.) So where a syllable begins can be read off the
sequence, and the sequence goes back to the text it came from. Everything that is not a modern Hangul
syllable stays as it is.
"""

from __future__ import annotations

import re
import unicodedata

FIRST_SYLLABLE, LAST_SYLLABLE = 0xAC00, 0xD7A3
FIRST_INITIAL, FIRST_MEDIAL, NO_FINAL = 0x1100, 0x1161, 0x11A7
N_INITIALS, N_MEDIALS, N_FINALS = 19, 21, 28
INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
MEDIALS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"

_CONJOINING = re.compile("[가-힣]?[\u1100-\u11ff]+")
_SYLLABLE = re.compile("[가-힣]")
_TRIPLE = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a7-\u11c2]")
_OPEN_PAIR = re.compile("[\u1100-\u1112][\u1161-\u1175]")
# A syllable that Unicode has no character of its own for, as old Hangul has; else a jamo that can be typed.
_BLOCK_OR_JAMO = re.compile(
    "([\u1100-\u115f\ua960-\ua97c]+[\u1160-\u11a7\ud7b0-\ud7c6]+[\u11a8-\u11ff\ud7cb-\ud7fb]*)"
    "|([\u1100-\u1112\u1161-\u1175\u11a8-\u11c2])"
)
_COMPATIBILITY = {
    **{FIRST_INITIAL + i: jamo for i, jamo in enumerate(INITIALS)},
    **{FIRST_MEDIAL + i: jamo for i, jamo in enumerate(MEDIALS)},
    NO_FINAL: "",
    **{NO_FINAL + 1 + i: jamo for i, jamo in enumerate(FINALS)},
}


def is_syllable(character: str) -> bool:
    """Whether `character` is one of the 11,172 precomposed modern syllables."""
    return FIRST_SYLLABLE <= ord(character) <= LAST_SYLLABLE


def compose(text: str) -> str:
    """Join conjoining jamo into syllables, as NFC does, and leave every other character alone.

    NFC itself would also replace compatibility Hanja and reorder accents.

    Examples
    --------
    >>> compose("\u1112\u1161\u11ab국")
    '한국'
    >>> compose("ㅋㅋ 樂")
    'ㅋㅋ 樂'
    """
    return _CONJOINING.sub(lambda match: unicodedata.normalize("NFC", match[0]), text)


def split_syllable(syllable: str) -> tuple[int, int, int]:
    """The numbers of a syllable's initial (0–18), medial (0–20) and final (0–27, 0 for none).

    Raises
    ------
    ValueError
        When `syllable` is not one precomposed Hangul syllable.
    """
    if len(syllable) != 1 or not is_syllable(syllable):
        raise ValueError(f"expected one Hangul syllable, got {syllable!r}")
    rest, final = divmod(ord(syllable) - FIRST_SYLLABLE, N_FINALS)
    initial, medial = divmod(rest, N_MEDIALS)
    return initial, medial, final


def join_syllable(initial: int, medial: int, final: int = 0) -> str:
    """The syllable of an initial, a medial and a final by their numbers; the inverse of `split_syllable`.

    Raises
    ------
    ValueError
        For a number that no jamo has.
    """
    if not (0 <= initial < N_INITIALS and 0 <= medial < N_MEDIALS and 0 <= final < N_FINALS):
        raise ValueError(f"no such syllable: initial {initial}, medial {medial}, final {final}")
    return chr(FIRST_SYLLABLE + (initial * N_MEDIALS + medial) * N_FINALS + final)


def to_jamo(text: str) -> str:
    """The jamo sequence of `text`: three conjoining jamo for every Hangul syllable, all else unchanged.

    Syllables given as conjoining jamo (NFD) are joined first, so both forms give one sequence.
    """
    return _SYLLABLE.sub(_jamo_of_match, compose(text))


def _jamo_of_match(match: re.Match[str]) -> str:
    initial, medial, final = split_syllable(match[0])
    return chr(FIRST_INITIAL + initial) + chr(FIRST_MEDIAL + medial) + chr(NO_FINAL + final)


def from_jamo(sequence: str) -> str:
    """Join a jamo sequence back into syllables; ``from_jamo(to_jamo(text)) == compose(text)``."""
    return _TRIPLE.sub(_syllable_of_match, sequence)


def _syllable_of_match(match: re.Match[str]) -> str:
    initial, medial, final = map(ord, match[0])
    return join_syllable(initial - FIRST_INITIAL, medial - FIRST_MEDIAL, final - NO_FINAL)


def spell(sequence: str) -> str:
    """A stretch of a jamo sequence as a reader of Korean would write it.

    Whole syllables are written as such. A syllable cut before its final is written with a ``~`` in the
    final's place, one cut at its beginning by the compatibility jamo that are left; a final that is known to
    be missing leaves no trace.

    Examples
    --------
    >>> spell(to_jamo("학교")[1:6])
    'ㅏㄱ교'
    >>> spell(to_jamo("학교")[:5])
    '학교~'
    """
    joined = _OPEN_PAIR.sub(lambda pair: _syllable_of_match_open(pair[0]) + "~", from_jamo(sequence))
    return "".join(_COMPATIBILITY.get(ord(character), character) for character in joined)


def typed(text: str) -> str:
    """`text` with conjoining jamo that stand in no syllable as those that can be typed; old syllables stay whole.

    Examples
    --------
    >>> typed("\u11ab다 \u1112\u119e\u11ab글") == "ㄴ다 \u1112\u119e\u11ab글"
    True
    """
    return _BLOCK_OR_JAMO.sub(lambda match: match[1] or _COMPATIBILITY[ord(match[2])], text)


def _syllable_of_match_open(pair: str) -> str:
    return join_syllable(ord(pair[0]) - FIRST_INITIAL, ord(pair[1]) - FIRST_MEDIAL)


def count_syllables(text: str) -> int:
    """How many precomposed Hangul syllables `text` holds."""
    return len(_SYLLABLE.findall(text))
