"""Text as n-gram models read it: every token kept, and of characters the blanks between words too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from embedkit.errors import ConfigError, FormatError
from embedkit.progress import Progress, ProgressCallback
from embedkit.text.tokenizers import check_tokenizer
from embedkit.text.tokens import TokenizerSettings, of_chars, token_cutter

if TYPE_CHECKING:
    from embedkit.text.reading import Sources
    from embedkit.vocabulary.corpus import Corpus

LINES_A_REPORT = 10_000


def read_text(
    sources: Sources,
    *,
    tokenizer: str = "whitespace",
    lowercase: bool = False,
    json_field: str | None = None,
    encoding_errors: str = "strict",
    blanks: bool = True,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Corpus:
    """Encode a text for `embedkit.counting.ngram.NgramModel`, with a vocabulary of its own.

    Parameters
    ----------
    sources, tokenizer, lowercase, json_field, encoding_errors, workers, progress
        As in `embedkit.vocabulary.corpus.Corpus.from_text`. Characters with blanks are cut in one thread.
    blanks : bool, default True
        Whether ``chars`` has a blank where there is white space inside a line.

    Raises
    ------
    CorpusError
        When a file cannot be read, or no line has a token.
    """
    from embedkit.text.reading import read_lines, short_name
    from embedkit.vocabulary.corpus import Corpus
    from embedkit.vocabulary.vocabulary import no_words

    settings: TokenizerSettings = {"tokenizer": tokenizer, "lowercase": lowercase}
    reading: dict[str, Any] = {"json_field": json_field, "encoding_errors": encoding_errors}
    if not (blanks and of_chars(settings)):
        reading |= {"tokenizer": tokenizer, "lowercase": lowercase}
        return Corpus.from_text(sources, min_count=1, workers=workers, progress=progress, **reading)
    cut = token_cutter(settings)

    def sentences() -> Iterator[list[str]]:
        n_characters, any_token = 0, False
        for number, line in enumerate(read_lines(sources, **reading)):
            if progress is not None and number % LINES_A_REPORT == 0:
                progress(Progress("reading", n_characters, None, "characters"))
            tokens = cut(line)
            n_characters, any_token = n_characters + len(line), any_token or bool(tokens)
            yield tokens
        if not any_token:
            raise no_words(short_name(sources))

    return Corpus.from_sentences(sentences(), min_count=1)


def check_reading(name: str, config: dict[str, Any]) -> None:
    """Refuse settings of reading, from a model's file, that `read_text` does not take.

    Raises
    ------
    FormatError
    """
    kinds: dict[str, tuple[type, ...]] = {"tokenizer": (str,), "lowercase": (bool,), "json_field": (str, type(None))}
    kinds |= {"encoding_errors": (str,), "blanks": (bool,)}
    for key, kind in kinds.items():
        if key in config and not isinstance(config[key], kind):
            raise FormatError(f"{name}: damaged: expected how text is read, found {key} = {str(config[key])[:60]!r}")
    try:
        check_tokenizer(config.get("tokenizer", "whitespace"))
    except ConfigError as error:
        raise FormatError(f"{name}: damaged: {error}") from None
