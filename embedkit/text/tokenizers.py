"""Tokenizers: how a line becomes tokens.

Each has two forms that give the same: `Tokenizer.tokens` for one line, and `Tokenizer.rewrite` for a big piece of
text, which puts the tokens' borders in as white space so that the byte scanner can take over.

=========== ==========================================================================================
whitespace  what stands between white space (ASCII and Unicode, as `str.split`); bytes stay as they are, but what
            nobody sees is no token by itself
words       lower-cased runs of letters, digits and underscores; inside a word also ``'``, ``’`` and ``-``,
            between digits ``.`` and ``,``; emoji (whole sequences), ♥, ℃, ㎏ and their like are tokens of their own
            (`embedkit.text.symbols`); all else is left out
chars       every character but white space, with the marks, joiners and emoji that change its looks; a character
            that nobody sees is left out; a Hangul syllable decomposed to NFD is its jamo, a token each
korean      words kept whole; punctuation is left out as in words; Hanja in brackets behind a word is left out
            and the particle joined again: 화학(化學)은 → 화학은; other glosses follow the word:
            케미스트리(chemistry)는 → 케미스트리는 chemistry; so is what a closing quote or bracket parts:
            ‘물’은 → 물은
morphemes   morphemes by Kiwi (``pip install 'embedkit[korean]'``), what is not Korean as in words;
            ``morphemes:pos=N+V,tags`` with settings (`embedkit.text.morphemes`)
=========== ==========================================================================================

words, korean and morphemes compose to NFC first, since Korean text that went through macOS often comes decomposed
into jamo (NFD); whitespace leaves the text as it is, and chars what it keeps of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np

from embedkit.errors import ConfigError
from embedkit.text.symbols import IS_KEYCAP, KEPT, KEYCAP_SIGNS, apart, characters, marks, without_bare

TOKENIZERS = ("whitespace", "words", "chars", "korean", "morphemes")

# What a code point is to the tokenizers words and korean.
OUTSIDE, WORD, DIGIT, JOINER, DIGIT_JOINER, WHITE, KEYCAP_SIGN = range(7)

_HANGUL = "가-힣ㄱ-ㆎ\u1100-\u11ff"
_HANJA = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CLOSING = "'\"’”〉》」』】)\\]）］"
# Each pattern starts with a set of characters, which `re` searches for several times as fast as for an assertion.
_GLOSS = re.compile(rf"[(（\[](?<=[{_HANGUL}].)([^()（）\[\]\n]{{1,80}})[)）\]][{_CLOSING}]*([{_HANGUL}]*)")
_CLOSED = re.compile(rf"[{_CLOSING}](?<=\w.)[{_CLOSING}]*(?=[{_HANGUL}])")
_HANJA_WORD = re.compile(rf"[{_HANJA}]+")


@cache
def _word_characters() -> str:
    """The inside of a set that matches the characters of words.

    Vowel signs and accents (categories M*) belong to the letter before them; ``\\w`` lacks them. Symbols that are
    tokens of their own stand apart since `embedkit.text.symbols.apart`, and what is invisible stands only where it
    means something, so both count as words here.
    """
    return rf"\w{marks()}{KEPT}"


@cache
def _punctuation() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns for what is never part of a word, and for joiners that do not stand inside one."""
    word = _word_characters()
    return (
        re.compile(rf"[^{word}\s'’.,\-{KEYCAP_SIGNS}]+|[{KEYCAP_SIGNS}](?!{IS_KEYCAP})"),
        re.compile(rf"['’\-](?:(?<![{word}].)|(?![{word}]))|[.,](?:(?<!\d.)|(?!\d))"),
    )


@cache
def character_classes() -> np.ndarray:
    """The class of every code point below U+33000 for `embedkit.kernels.punctuation` (uint8); above there are none."""
    characters = "".join(map(chr, range(0x33000)))
    classes = np.full(len(characters), OUTSIDE, dtype=np.uint8)
    for pattern, kind in (
        (rf"[{_word_characters()}]+", WORD),
        (r"\d+", DIGIT),
        (r"\s+", WHITE),
        (r"['’\-]", JOINER),
        (r"[.,]", DIGIT_JOINER),
        (f"[{KEYCAP_SIGNS}]", KEYCAP_SIGN),
    ):
        for match in re.finditer(pattern, characters):
            classes[match.start() : match.end()] = kind
    return classes


@cache
def plain_characters() -> np.ndarray:
    """What `embedkit.kernels.punctuation` copies without a look (bool (256,), by first byte)."""
    from embedkit.kernels.utf8 import plain_bytes

    return plain_bytes(np.isin(character_classes(), (WORD, DIGIT, WHITE)))


class Tokenizer:
    """A named way to cut lines into tokens.

    Attributes
    ----------
    name : str
    lowercase : bool
    drops_punctuation : bool
        Whether text is composed to NFC first, and after `prepare` symbols set apart and what is no part of a word left
        out.
    drops_glosses : bool
        Whether composed text goes through `without_glosses`.
    """

    def __init__(
        self,
        name: str,
        lowercase: bool,
        prepare: Callable[[str], str] | None = None,
        *,
        drops_punctuation: bool = False,
        drops_glosses: bool = False,
    ) -> None:
        self.name = name
        self.lowercase = lowercase
        self.drops_punctuation = drops_punctuation
        self.drops_glosses = drops_glosses
        self._prepare = prepare

    @property
    def is_plain(self) -> bool:
        """Whether the text stays as it is."""
        return self._prepare is None and not self.lowercase and not self.drops_punctuation

    def prepare(self, text: str) -> str:
        """What no kernel does of `rewrite`: the tokenizer's own part, where it has one, and lower case."""
        if self._prepare is not None:
            text = self._prepare(text)
        return text.lower() if self.lowercase else text

    def rewrite(self, text: str) -> str:
        """`text` with white space at the borders of its tokens only; line feeds stay where they are.

        `embedkit.vocabulary.cutting` does the same to UTF-8 with kernels.
        """
        if self.drops_punctuation and not text.isascii():
            text = unicodedata.normalize("NFC", text)
        if self.drops_glosses:
            text = without_glosses(text)
        text = self.prepare(text)
        if self.drops_punctuation:
            never, joiners = _punctuation()
            text = joiners.sub(" ", never.sub(" ", apart(text))).replace("’", "'")
        return without_bare(text) if self._prepare is None and not self.drops_punctuation else text

    def tokens(self, line: str) -> list[str]:
        """The tokens of one line."""
        return self.rewrite(line.replace("\n", " ")).split()


def get_tokenizer(name: str, lowercase: bool = False) -> Tokenizer:
    """The tokenizer called `name` (see the module's table).

    Raises
    ------
    ConfigError
        When there is no such tokenizer or no such setting of it, or a package that it needs is missing.
    """
    check_tokenizer(name)
    if name == "whitespace":
        return Tokenizer(name, lowercase)
    if name == "words":
        return Tokenizer(name, True, drops_punctuation=True)
    if name == "chars":
        return Tokenizer(name, lowercase, _spaced)
    if name == "korean":
        return Tokenizer(name, lowercase, drops_punctuation=True, drops_glosses=True)
    from embedkit.text.morphemes import Morphemes

    return Tokenizer(
        name, lowercase, Morphemes.parse(name).rewriter(Tokenizer("", False, drops_punctuation=True).rewrite)
    )


def check_tokenizer(name: str) -> None:
    """Refuse a name that `get_tokenizer` does not know.

    Raises
    ------
    ConfigError
    """
    if name in TOKENIZERS:
        return
    if name.startswith("morphemes:"):
        from embedkit.text.morphemes import Morphemes

        Morphemes.parse(name)
        return
    raise ConfigError(f"no tokenizer named {name[:60]!r}; there are {', '.join(TOKENIZERS)}")


def carrying(name: str) -> str:
    """The name of the same tokenizer with the words of its user dictionary in it, which other machines find.

    Raises
    ------
    ConfigError
        As `check_tokenizer`.
    EmbedkitError
        Where the dictionary cannot be read.
    """
    check_tokenizer(name)
    if not name.startswith("morphemes:"):
        return name
    from embedkit.text.morphemes import Morphemes

    return Morphemes.parse(name).carrying().name


def _spaced(text: str) -> str:
    return "\n".join(" ".join(characters(line)) for line in text.split("\n"))


def without_glosses(text: str) -> str:
    """Glosses put behind their word, closing quotes inside words left out; `embedkit.kernels.glosses` does it too."""
    return _CLOSED.sub("", _GLOSS.sub(_regloss, text))


@cache
def korean_entries() -> np.ndarray:
    """The entry of every code point below U+40000 for `embedkit.kernels.glosses` and `.korean` (uint16)."""
    from embedkit.kernels import glosses, symbols
    from embedkit.text.symbols import symbol_classes

    characters = "".join(map(chr, range(0x40000)))
    entries = np.zeros(len(characters), np.uint16)
    for inside, bit in (
        (_HANGUL, glosses.HANGUL),
        (_HANJA, glosses.HANJA),
        (_CLOSING, glosses.CLOSING),
        (r"(（\[", glosses.OPENING_BRACKET),
        (r")）\]", glosses.CLOSING_BRACKET),
        (r"\w", glosses.LETTER),
    ):
        for match in re.finditer(f"[{inside}]+", characters):
            entries[match.start() : match.end()] |= bit
    classes, kinds = character_classes(), symbol_classes()
    entries[: len(classes)] |= classes
    entries[: len(kinds)][kinds & (symbols.SPECIAL | symbols.UNCOMPOSED) != 0] |= glosses.HARD
    return entries


@cache
def plain_outside(bit: int) -> np.ndarray:
    """What `embedkit.kernels.glosses` copies without a look: what lacks a `bit` (bool (256,), by first byte)."""
    from embedkit.kernels.utf8 import plain_bytes

    return plain_bytes(korean_entries() & bit == 0)


def _regloss(match: re.Match[str]) -> str:
    return match[2] + " " + _HANJA_WORD.sub(" ", match[1]) + " "
