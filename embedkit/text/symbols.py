"""Symbols that are words of their own, and characters that nobody sees.

People write with emoji, ♥, ℃ and ㎏ as with words, so the tokenizers words, korean and morphemes keep them: a
sequence of emoji that shows as one picture (UTS #51: joined by U+200D, a skin tone, a flag, a keycap) is one token.
Characters without a picture of their own stay only inside a word or a sequence, where they change what it looks like.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import chain

import numpy as np

# All with the property Emoji (UTS #51, emoji-data.txt) but digits, # and *, among them signs, arrows and a letter; and
# the blocks that most of them are in: media, miscellaneous symbols and dingbats, the pictographs of plane 1.
_PICTURES = (
    r"\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23fa"
    r"\u24c2\u24dc"  # Ⓜ, and what it is in lower case
    r"\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2767\u2794-\u27bf\u2934\u2935"
    r"\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001f0ff\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    r"\U0001f200-\U0001faff"
)
# Written in running text: degrees and numero; enclosed and square Korean, Japanese and units (㈜ ㎏ ㎡ ㏊).
_SIGNS = r"\u2103\u2109\u2116\u3200-\u321e\u322a-\u3247\u3250\u3260-\u327f\u328a-\u3296\u3298\u329a-\u32b0\u32c0-\u33ff"
_FLAGS = r"\U0001f1e6-\U0001f1ff"
_TONES = r"\U0001f3fb-\U0001f3ff"
_TAGS = r"\U000e0020-\U000e007f"
_SELECTORS = r"\ufe0e\ufe0f"
_KEYCAP = r"\u20e3"
KEYCAP_SIGNS = "#*"  # which are keys as digits are, and by themselves no part of a word
_JOINERS = r"\u200c\u200d"

KEPT = _PICTURES + _SIGNS + _FLAGS + _TAGS + _SELECTORS + _KEYCAP + _JOINERS
"""The inside of a set: what `apart` leaves in a text beside the characters of words."""

# Soft hyphens, directions, byte order marks, fillers of old jamo, variation selectors: a word goes on behind them.
_IGNORED_SET = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff"
    r"\U000e0100-\U000e01ef"
)
_IGNORED = re.compile(f"[{_IGNORED_SET}]+")
_FILLERS = r"\u3164\uffa0"  # Hangul letters without a shape
_FILLER = re.compile(f"[{_FILLERS}]")
# Controls that are no white space, the blank of braille, what else Unicode calls ignorable and no set above has.
_UNSEEN_SET = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200b\u2800\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
_UNSEEN = re.compile(f"[{_UNSEEN_SET}]")
_STRAY = _SELECTORS + _KEYCAP + _TAGS + _JOINERS  # where they stand outside words and sequences
INVISIBLE = _IGNORED_SET + _UNSEEN_SET + _FILLERS + _STRAY
"""The inside of a set: what is no token by itself."""
BARE_PATTERN = rf"(?<!\S)[{INVISIBLE}]+(?!\S)"
"""What `without_bare` leaves out."""

_BARE = re.compile(f"[{INVISIBLE}]+")
IS_KEYCAP = f"[{_SELECTORS}]?{_KEYCAP}"
"""What makes a key of the character before it."""

_PICTURE = f"[{_PICTURES}][{_TONES}{_SELECTORS}{_TAGS}]*"
_ONE = f"{_PICTURE}(?:\\u200d{_PICTURE})*|[{_FLAGS}]{{1,2}}|[0-9{KEYCAP_SIGNS}]{IS_KEYCAP}|[{_SIGNS}]"
_SYMBOL = re.compile(_ONE)
_OF_PICTURES = re.compile(f"[{_PICTURES}{_SELECTORS}{_KEYCAP}]")
_SEQUENCE = re.compile(f"({_ONE})|[{_JOINERS}{_SELECTORS}{_KEYCAP}{_TAGS}]+")


def composed(data: bytes, lines: np.ndarray) -> bytes:
    """UTF-8 with the `lines` (int64 (n, 2): where each begins and ends) composed to NFC."""
    parts, end = [], 0
    for start, stop in lines:
        parts += [data[end:start], unicodedata.normalize("NFC", data[start:stop].decode()).encode()]
        end = stop
    return b"".join([*parts, data[end:]])


def visible(text: str) -> str:
    """`text` without the characters that are never seen and change nothing; letters without a shape are spaces."""
    return _FILLER.sub(" ", _IGNORED.sub("", text))


def seen(text: str) -> str:
    """`visible` text with spaces for all others that nobody sees, which part words."""
    return _UNSEEN.sub(" ", visible(text))


def without_bare(text: str) -> str:
    """`text` without what nobody sees where it stands alone between white space; inside words it stays."""
    return _BARE.sub(_bare, text)


def _bare(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    alone = (start == 0 or text[start - 1].isspace()) and (end == len(text) or text[end].isspace())
    return "" if alone else match[0]


def apart(text: str) -> str:
    """`text` with spaces around every sequence of symbols, and without invisible characters outside words."""
    return text if text.isascii() else _SEQUENCE.sub(_replaced, visible(text))


@cache
def marks() -> str:
    """The inside of a set: vowel signs and accents (categories M*), which belong to the letter before them."""
    return "".join(chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c))[0] == "M")


@cache
def _following() -> str:
    """The inside of a set: the marks that belong to letters."""
    return "".join(re.findall(f"[^{_STRAY}]", marks()))


def _letter() -> str:
    """A letter, digit or mark of one; ℹ, which Unicode calls a letter, is a picture."""
    return rf"(?![{_PICTURES}])[\w{_following()}]"


@cache
def character_patterns() -> tuple[str, str, str]:
    """Regular expressions of the tokenizer chars: what it drops first, what it takes for spaces, what a character is.

    Oniguruma reads them as well, but for the form of the escapes and for the letters that ``\\w`` means.
    """
    following = _following()
    joined = rf"(?<=[\w{following}])[{_JOINERS}](?={_letter()})[{following}]*"
    letter = rf"[^\s\x1c-\x1f{_STRAY}][{following}]*(?:{joined})*"
    return f"[{_IGNORED_SET}{_UNSEEN_SET}]+", f"[{_FILLERS}]", f"{_ONE}|{letter}"


@cache
def word_patterns() -> tuple[str, str, str]:
    """The same of the tokenizer words, for programs that know regular expressions alone.

    Only characters that mean nothing between two letters part these there.
    """
    letter = rf"(?![0-9]{IS_KEYCAP}){_letter()}"
    inside = rf"['’\-](?={letter})|(?<=\d)[.,](?=\d)|[{_JOINERS}](?={_letter()})"
    return f"[{_IGNORED_SET}]+", f"[{_FILLERS}]", f"{_ONE}|{letter}(?:{letter}|{inside})*"


@cache
def _clusters() -> tuple[re.Pattern[str], ...]:
    """What is not a character by itself, and `character_patterns`."""
    inside = f"{marks()}{KEPT}{_IGNORED_SET}{_FILLERS}{_UNSEEN_SET}"
    odd = re.findall(f"[{inside}]", "".join(map(chr, range(1 << 16))))
    return re.compile(f"[{''.join(odd)}]"), *map(re.compile, character_patterns())


def characters(text: str) -> list[str]:
    """The characters of a text but white space, each with what changes its looks: sequences and marks stay whole.

    Jamo stay apart: a syllable decomposed to NFD is two or three characters.
    """
    odd, dropped, blank, cluster = _clusters()
    if max(text, default="") < "\U00010000" and not odd.search(text):  # a set without high ones is searched at once
        return list("".join(text.split()))
    return cluster.findall(blank.sub(" ", dropped.sub("", text)))


def _replaced(match: re.Match[str]) -> str:
    if match[1]:
        return f" {match[1]} "
    text, start, end = match.string, match.start(), match.end()
    if match[0] in ("\u200c", "\u200d") and start and end < len(text):
        return match[0] if _in_word(text[start - 1]) and _in_word(text[end]) else ""
    return ""


def is_symbol(token: str) -> bool:
    """Whether a token is a sequence of symbols that shows as one."""
    return _SYMBOL.fullmatch(token) is not None


def _in_word(character: str) -> bool:
    if _OF_PICTURES.match(character):
        return False
    return character == "_" or unicodedata.category(character)[0] in "LMN"


# Outside these ranges lie private use, Hangul syllables and ideographs, all letters that stay as they are.
_SINGLY = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xD7A4, 0xD800),
    range(0xF900, 0x17000),
    range(0x1AFF0, 0x20000),
    range(0x2F800, 0x2FA20),
)


@cache
def symbol_classes() -> np.ndarray:
    """The entry of every code point below U+33000 for `embedkit.kernels.symbols` (uint8)."""
    from embedkit.kernels import symbols as kinds

    characters = "".join(map(chr, range(0x33000)))
    entries = np.zeros(len(characters), dtype=np.uint8)
    for inside, kind in (
        (r"\w", kinds.LETTER),
        ("0-9", kinds.DIGIT),
        (KEYCAP_SIGNS, kinds.KEYCAP_SIGN),
        (_PICTURES, kinds.PICTURE | kinds.SPECIAL),
        (_TONES, kinds.TONE | kinds.SPECIAL),
        (_SELECTORS, kinds.SELECTOR | kinds.SPECIAL),
        (_KEYCAP, kinds.KEYCAP | kinds.SPECIAL),
        (_JOINERS, kinds.ZERO_WIDTH | kinds.SPECIAL),
        (_FLAGS, kinds.FLAG | kinds.SPECIAL),
        (_SIGNS, kinds.SIGN | kinds.SPECIAL),
        (_IGNORED_SET, kinds.IGNORED | kinds.SPECIAL),
        (_FILLERS, kinds.FILLER | kinds.SPECIAL),
    ):
        for match in re.finditer(f"[{inside}]+", characters):
            entries[match.start() : match.end()] = kind
    for code in chain.from_iterable(_SINGLY):
        character = characters[code]
        if unicodedata.category(character)[0] == "M" and entries[code] & kinds.KIND == kinds.PLAIN:
            entries[code] |= kinds.LETTER  # one that composes with others may be marked so already
        decomposed = unicodedata.decomposition(character)
        if unicodedata.combining(character) or (decomposed and unicodedata.normalize("NFC", character) != character):
            entries[code] |= kinds.UNCOMPOSED
        if decomposed and decomposed[0] != "<" and " " in decomposed:  # what can compose with the one before it
            entries[int(decomposed.split()[1], 16)] |= kinds.UNCOMPOSED
    entries[0x1161:0x1176] |= kinds.UNCOMPOSED
    entries[0x11A8:0x11C3] |= kinds.UNCOMPOSED
    return entries


@cache
def plain_symbols() -> np.ndarray:
    """What `embedkit.kernels.symbols.set_apart` copies without a look (bool (256,), by first byte)."""
    from embedkit.kernels import symbols as kinds
    from embedkit.kernels.utf8 import plain_bytes

    entries = symbol_classes()
    keys = np.isin(entries & kinds.KIND, (kinds.DIGIT, kinds.KEYCAP_SIGN))
    return plain_bytes((entries & kinds.SPECIAL == 0) & ~keys)
