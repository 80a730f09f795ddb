"""Words given on the command line: with commas between them, or in a file, a word a line."""

from __future__ import annotations

import os
import re

from embedkit.errors import ConfigError

_FILE_NAME = re.compile(r"[^,]*(?:[/\\]|\.[A-Za-z]\w{1,4}$)[^,]*")


def word_list(text: str) -> list[str]:
    """The words of ``a,b,c``, or of the file of that name.

    Raises
    ------
    ConfigError
        Where there is no word, or what looks like the name of a file that is not there: ``stop.txt,`` with a comma is
        the word.
    CorpusError
        When the file cannot be read or holds none.
    """
    if os.path.isfile(text):
        from embedkit.text.lines import read_words

        return read_words(text)
    if _FILE_NAME.fullmatch(text):
        raise ConfigError(f"no such file: {text}; if this is a word, write a comma behind it: '{text},'")
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise ConfigError(f"expected words with commas between them, or a file, found {text!r}")
    return words
