"""Korean morphemes by Kiwi, with what else stands in a line kept as it is.

The tokenizer's name holds its settings, so that they are stored and used again with everything that is cut by it:
``morphemes``, or ``morphemes:`` and settings with commas between them:

=================== ==========================================================================================
pos=N+V             only morphemes whose tag begins so (N nouns, V verbs and adjectives, MAG adverbs …); what is
                    not Korean is tagged SL (letters), SN (numbers) or SW (symbols)
tags                the tag behind the morpheme: 가/VV
typos               spelling mistakes are put right first
dictionary=FILE     a user dictionary of Kiwi: ``form<TAB>tag<TAB>score`` a line; or its words themselves, which
                    `Morphemes.carrying` puts there
=================== ==========================================================================================

Kiwi follows fewer readings of a word than by its own default (`CUTOFF`): on 1,000 paragraphs of the Korean Wikipedia
99.85 % of the morphemes are the same.

Source: Kiwi's tags are those of the Sejong corpus (https://github.com/bab2min/kiwipiepy).
"""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, TypeVar

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.text.hangul import typed
from embedkit.text.parts_of_speech import TAGS
from embedkit.text.symbols import is_symbol, seen
from embedkit.text.user_dictionary import carried, load_dictionary

# Tags of Kiwi for what it does not take apart: symbols, foreign letters, digits, addresses, emoji, unknown letters.
_UNKNOWN = ("S", "W_", "UN")
Found = TypeVar("Found")
LONGEST_REMEMBERED = 64  # characters
CUTOFF = 5.0  # how far behind the best a reading may be and still be followed; with Kiwi's 8 it takes an eighth longer
FORMS_REMEMBERED = 1 << 16  # of morphemes, and of what stands between them, with what is written for them
Rewrite = Callable[[str], str]


@dataclass(frozen=True)
class Morphemes:
    """The settings of the tokenizer morphemes.

    Attributes
    ----------
    pos : tuple of str
        Beginnings of the tags that are kept; all where there are none.
    tags : bool
        Whether the tag stands behind each morpheme.
    typos : bool
        Whether spelling mistakes are put right.
    dictionary : str, optional
        A user dictionary of Kiwi: its path, or its words (`embedkit.text.user_dictionary`).
    """

    pos: tuple[str, ...] = ()
    tags: bool = False
    typos: bool = False
    dictionary: str | None = None

    def __post_init__(self) -> None:
        for tag in self.pos:
            if not tag or not any(known.startswith(tag) for known in TAGS):
                raise ConfigError(f"no part-of-speech tag begins with {tag!r}; there are {', '.join(TAGS)}")
        if self.dictionary is not None and "," in self.dictionary:
            raise ConfigError(f"expected a dictionary without a comma in its path, found {self.dictionary!r}")

    @classmethod
    def parse(cls, name: str) -> Morphemes:
        """The settings in a tokenizer's name.

        Raises
        ------
        ConfigError
        """
        found: dict[str, Any] = {}
        for setting in filter(None, name.partition(":")[2].split(",")):
            key, equals, value = setting.partition("=")
            if key == "pos" and value:
                found["pos"] = tuple(value.split("+"))
            elif key == "dictionary" and value:
                found["dictionary"] = value
            elif key in ("tags", "typos") and not equals:
                found[key] = True
            else:
                raise ConfigError(
                    f"the tokenizer morphemes has no setting {setting!r}; "
                    "it takes pos=N+V, tags, typos and dictionary=FILE"
                )
        return cls(**found)

    @property
    def name(self) -> str:
        """The tokenizer's name with these settings, as `parse` reads it."""
        settings = [f"pos={'+'.join(self.pos)}"] if self.pos else []
        settings += [key for key in ("tags", "typos") if getattr(self, key)]
        settings += [f"dictionary={self.dictionary}"] if self.dictionary else []
        return f"morphemes:{','.join(settings)}" if settings else "morphemes"

    def carrying(self) -> Morphemes:
        """The same settings with the words of the dictionary in place of its path.

        Raises
        ------
        EmbedkitError
            Where the dictionary cannot be read.
        """
        return self if self.dictionary is None else replace(self, dictionary=carried(self.dictionary))

    def rewriter(self, other: Rewrite) -> Rewrite:
        """A function that puts spaces between the morphemes of text; `other` cuts what is not Korean.

        Raises
        ------
        EmbedkitError
            Without the package, or where the dictionary cannot be read.
        """
        analyse = self._analyser()
        known = _remembered(self._shown)
        foreign = _remembered(lambda text: self._foreign(text, other))

        def rewrite(text: str) -> str:
            text = text.encode(errors="replace").decode()  # bytes that are not UTF-8, of which Kiwi takes none
            lines = seen(unicodedata.normalize("NFC", text)).split("\n")
            cut = zip(lines, analyse(lines), strict=True)
            return "\n".join(" ".join(_words(line, tokens, known, foreign)) for line, tokens in cut)

        return rewrite

    def _analyser(self) -> Callable[[list[str]], Iterable[Iterable[Any]]]:
        """What gives the morphemes of each line."""
        try:
            from kiwipiepy import Kiwi
        except ImportError:
            raise EmbedkitError(
                "the tokenizer morphemes needs the package kiwipiepy: pip install 'embedkit[korean]'"
            ) from None
        typos = {"typos": "basic"} if self.typos else {}
        asked_each_time = self.typos and "typos" in inspect.signature(Kiwi.tokenize).parameters  # since Kiwi 0.23
        kiwi = Kiwi() if asked_each_time else Kiwi(**typos)
        getattr(kiwi, "global_config", kiwi).cutoff_threshold = CUTOFF  # before Kiwi 0.22 its own attribute
        if self.dictionary:
            load_dictionary(kiwi, self.dictionary)
        return partial(kiwi.tokenize, **typos) if asked_each_time else kiwi.tokenize

    def _shown(self, form: str, tag: str) -> str | None:
        """What is written for a morpheme: nothing where its part of speech is not kept; None where `other` cuts it."""
        if tag.startswith(_UNKNOWN) or not any(map(str.isalpha, form)):
            return None
        if self.pos and not tag.startswith(self.pos):
            return ""
        shown = typed(form)
        return f"{shown}/{tag.partition('-')[0]}" if self.tags else shown

    def _foreign(self, text: str, other: Rewrite) -> list[str]:
        words = []
        for word in other(text).split():
            if is_symbol(word):
                tag = "SW"
            else:
                tag = "SL" if any(map(str.isalpha, word)) else "SN" if word[0].isdigit() else "SW"
            if not self.pos or tag.startswith(self.pos):
                words.append(f"{word}/{tag}" if self.tags else word)
        return words


def _remembered(function: Callable[..., Found]) -> Callable[..., Found]:
    """A function of a text that remembers what it found for short ones; long ones hardly come again."""
    known = lru_cache(FORMS_REMEMBERED)(function)

    def find(text: str, *more: str) -> Found:
        return (known if len(text) <= LONGEST_REMEMBERED else function)(text, *more)

    return find


def _words(
    line: str,
    tokens: Iterable[Any],
    known: Callable[[str, str], str | None],
    foreign: Callable[[str], list[str]],
) -> list[str]:
    """The words of a line: morphemes, and whole runs of what Kiwi does not know as `foreign` cuts them."""
    words: list[str] = []
    run = end = 0  # the run of foreign characters that ends at `end`
    for token in tokens:
        shown = known(token.form, token.tag)
        if shown is None:
            if token.start > end or run == end:
                words += foreign(line[run:end])
                run = token.start
            end = token.start + token.len
            continue
        if run < end:
            words += foreign(line[run:end])
            run = end
        if shown:
            words.append(shown)
    return words + foreign(line[run:end]) if run < end else words
