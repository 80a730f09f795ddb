"""Tokenizers: how a line becomes tokens.

Each has two forms that give the same: `Tokenizer.tokens` for one line, and `Tokenizer.rewrite` for a big piece of
text, which puts the tokens' borders in as white space so that the byte scanner can take over.

=========== ==========================================================================================
whitespace  what stands between white space (ASCII and Unicode, as `str.split`); bytes stay as they are
words       lower-cased runs of letters, digits and underscores; inside a word also ``'``, ``’`` and ``-``,
            between digits ``.`` and ``,``; all else is left out
chars       every character but white space
korean      words kept whole; punctuation is left out; Hanja in brackets behind a word is left out and the
            particle joined again: 화학(化學)은 → 화학은; other glosses follow the word:
            케미스트리(chemistry)는 → 케미스트리는 chemistry
morphemes   morphemes by Kiwi (``pip install 'embedkit[korean]'``)
=========== ==========================================================================================

words, korean and morphemes compose to NFC first, since Korean text that went through macOS often comes decomposed
into jamo (NFD); whitespace and chars leave the text as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from embedkit.errors import ConfigError

TOKENIZERS = ("whitespace", "words", "chars", "korean", "morphemes")

_HANGUL = "가-힣ㄱ-ㆎ\u1100-\u11ff"
_HANJA = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CLOSING = "'\"’”〉》」』】)\\]）］"
# Each pattern starts with a set of characters, which `re` searches for several times as fast as for an assertion.
_GLOSS = re.compile(
    rf"[(（\[](?<=[{_HANGUL}].)([^()（）\[\]\n]{{1,80}})[)）\]][{_CLOSING}]*([{_HANGUL}]*)")
_CLOSED = re.compile(rf"[{_CLOSING}](?<=\w.)[{_CLOSING}]*(?=[{_HANGUL}])")
_HANJA_WORD = re.compile(rf"[{_HANJA}]+")


@cache
def _punctuation() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns for what is never part of a word, and for joiners that do not stand inside one.

    Vowel signs and accents (categories M*) belong to the letter before them; ``\\w`` lacks them.
    """
    marks = "".join(chr(c) for c in range(0x300, 0x1F000)
                    if unicodedata.category(chr(c))[0] == "M" and not 0xFE00 <= c <= 0xFE0F)
    word = rf"\w{marks}\u200c\u200d"
    return (re.compile(rf"[^{word}\s'’.,\-]+"),
            re.compile(rf"['’\-](?:(?<![{word}].)|(?![{word}]))|[.,](?:(?<!\d.)|(?!\d))"))


class Tokenizer:
    """A named way to cut lines into tokens.

    Attributes
    ----------
    name : str
    lowercase : bool
    """

    def __init__(self, name: str, lowercase: bool, rewrite: Callable[[str], str] | None) -> None:
        self.name = name
        self.lowercase = lowercase
        self._rewrite = rewrite

    @property
    def is_plain(self) -> bool:
        """Whether `rewrite` changes nothing."""
        return self._rewrite is None and not self.lowercase

    def rewrite(self, text: str) -> str:
        """`text` with white space at the borders of its tokens only; line feeds stay where they are."""
        if self._rewrite is not None:
            text = self._rewrite(text)
        return text.lower() if self.lowercase else text

    def tokens(self, line: str) -> list[str]:
        """The tokens of one line."""
        return self.rewrite(line.replace("\n", " ")).split()


def get_tokenizer(name: str, lowercase: bool = False) -> Tokenizer:
    """The tokenizer called `name` (see the module's table).

    Raises
    ------
    ConfigError
        When there is no such tokenizer, or a package that it needs is missing.
    """
    if name not in TOKENIZERS:
        raise ConfigError(f"no tokenizer named {name!r}; there are {', '.join(TOKENIZERS)}")
    rewrite = {"whitespace": None, "words": _words, "chars": _chars, "korean": _korean}.get(name)
    if name == "morphemes":
        rewrite = _morphemes()
    return Tokenizer(name, lowercase, rewrite)


def _words(text: str) -> str:
    return _without_punctuation(unicodedata.normalize("NFC", text).lower())


def _without_punctuation(text: str) -> str:
    never, joiners = _punctuation()
    return joiners.sub(" ", never.sub(" ", text)).replace("’", "'")


def _chars(text: str) -> str:
    return "\n".join(" ".join("".join(line.split())) for line in text.split("\n"))


def _korean(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    text = _GLOSS.sub(_regloss, text)
    text = _CLOSED.sub("", text)
    return _without_punctuation(text)


def _regloss(match: re.Match[str]) -> str:
    return match[2] + " " + _HANJA_WORD.sub(" ", match[1]) + " "


def _morphemes() -> Callable[[str], str]:
    try:
        from kiwipiepy import Kiwi
    except ImportError:
        raise ConfigError("the tokenizer morphemes needs the package kiwipiepy: "
                          "pip install 'embedkit[korean]'") from None
    kiwi = Kiwi()

    def rewrite(text: str) -> str:
        lines = unicodedata.normalize("NFC", text).split("\n")
        return "\n".join(" ".join(token.form for token in tokens if not token.tag.startswith("S") or token.tag
                                  in ("SL", "SH", "SN")) for tokens in kiwi.tokenize(lines))

    return rewrite
