"""The options of reading a corpus: how bytes become tokens, and which words are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from embedkit.options import check, option
from embedkit.text.tokenizers import TOKENIZERS, carrying

ENCODING_ERRORS = ("strict", "replace", "ignore")


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How text is read and cut."""

    tokenizer: str = option("whitespace", "How a line becomes tokens.", choices=TOKENIZERS, settings=True)
    lowercase: bool = option(False, "Lower-case every token.")
    json_field: str | None = option(
        None, "Read JSON lines and take the text from this field.", metavar="NAME", default_help="plain text"
    )
    encoding_errors: str = option("strict", "What to do with bytes that are not UTF-8.", choices=ENCODING_ERRORS)

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "tokenizer", carrying(self.tokenizer))


@dataclass(frozen=True, kw_only=True)
class VocabularyOptions:
    """Which words of a corpus are kept."""

    min_count: int = option(5, "Leave out words that are rarer than this.", least=1)
    max_vocab: int | None = option(
        None, "Keep at most so many words, the most frequent ones.", least=1, default_help="no limit"
    )

    def __post_init__(self) -> None:
        check(self)


def corpus_options(options: Any) -> dict[str, Any]:
    """The values of both classes in an object that inherits from them, for `Corpus.from_text`."""
    names = ("tokenizer", "lowercase", "json_field", "encoding_errors", "min_count", "max_vocab")
    return {name: getattr(options, name) for name in names}
