"""Phrases found in one text, kept in a file and joined in others.

The file is UTF-8 text, JSON lines: first an object (``format`` "embedkit-phrases", ``version`` 1, ``delimiter``,
``tokenizer``, ``lowercase``), then an array for each phrase: the pass that found it, its two words, count and score.
With connector words the version is 2, the object lists them (``connector_words``), and a phrase that holds some ends
with an array of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.counting.phrase_pairs import Connectors, Pairs, join
from embedkit.counting.phrases import JOINT, Phrase, check_delimiter, with_phrases
from embedkit.errors import FormatError
from embedkit.files.atomic import atomic_open
from embedkit.text.escaping import to_json
from embedkit.text.lines import numbered_lines, shortened
from embedkit.text.reading import short_name
from embedkit.text.tokenizers import carrying
from embedkit.vocabulary.words import WordIndex, Words, find_normalised

FORMAT, VERSION = "embedkit-phrases", 2


@dataclass(frozen=True)
class PhraseModel:
    """Phrases, pass by pass, and how the text was cut that they were found in.

    Attributes
    ----------
    passes : sequence of sequences of Phrase
    delimiter : str
    tokenizer : str
    lowercase : bool
    connector_words : sequence of str
        Words that may stand inside of a phrase.
    """

    passes: Sequence[Sequence[Phrase]]
    delimiter: str = JOINT
    tokenizer: str = "whitespace"
    lowercase: bool = False
    connector_words: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokenizer", carrying(self.tokenizer))

    def apply(self, ids: np.ndarray, words: Words) -> tuple[np.ndarray, Words]:
        """Join the phrases of a text, pass after pass, as when they were found.

        Parameters
        ----------
        ids : int32 (n,)
            Word ids with ends of sentences, no word left out.
        words : Words
            The word of each id.

        Returns
        -------
        (ids, words)
        """
        connectors = Connectors.of(self.connector_words)
        for phrases in self.passes:
            index = WordIndex(list(words))
            n_words = len(words)
            found = [
                (first * n_words + second, link, phrase.text)
                for phrase in phrases
                if (first := find_normalised(index, phrase.first)) >= 0
                and (second := find_normalised(index, phrase.second)) >= 0
                and (link := connectors.link(phrase.between)) is not None
            ]
            if not found or not len(ids):
                continue
            found.sort()
            gaps = connectors.among(words)
            keys, links = (np.array(column, np.int64) for column in zip(*(row[:2] for row in found), strict=True))
            new_ids, joined = with_phrases(words, [text for _, _, text in found], self.delimiter)
            pairs = Pairs(keys, None if gaps is None else links, np.ones_like(keys))
            ids, words = join(ids, pairs, new_ids, n_words, gaps), joined
        return ids, words

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model."""
        header = {
            "format": FORMAT,
            "version": VERSION if self.connector_words else 1,
            "delimiter": self.delimiter,
            "tokenizer": self.tokenizer,
            "lowercase": self.lowercase,
        }
        if self.connector_words:
            header["connector_words"] = list(self.connector_words)
        with atomic_open(path) as stream:
            stream.write((to_json(header) + "\n").encode())
            for number, phrases in enumerate(self.passes, 1):
                for phrase in phrases:
                    row: list[Any] = [number, phrase.first, phrase.second, phrase.count, phrase.score]
                    row += [list(phrase.between)] if phrase.between else []
                    stream.write((to_json(row) + "\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PhraseModel:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            With file and line, when it is damaged or of another kind.
        CorpusError
            When the file cannot be read.
        """
        lines = numbered_lines(path)
        place, line = next(lines, (f"{short_name(path)}, line 1", ""))
        header = _parsed(line)
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise FormatError(f"{place}: expected phrases of embedkit phrases --save-phrases, found {shortened(line)}")
        if header.get("version") not in (1, VERSION):
            raise FormatError(f"{place}: phrases in version {header.get('version')}, this embedkit reads {VERSION}")
        delimiter, tokenizer, lowercase = (header.get(name) for name in ("delimiter", "tokenizer", "lowercase"))
        if not isinstance(delimiter, str) or not isinstance(tokenizer, str) or not isinstance(lowercase, bool):
            raise FormatError(f"{place}: damaged: found {shortened(line)}")
        check_delimiter(delimiter)
        connector_words = header.get("connector_words", [])
        if not _are_words(connector_words):
            raise FormatError(f"{place}: damaged: found {shortened(line)}")
        passes: list[list[Phrase]] = []
        for place, line in lines:
            row = _parsed(line)
            if (
                not isinstance(row, list)
                or [type(value) for value in row[:4]] != [int, str, str, int]
                or len(row) not in (5, 6)
                or not _are_words(row[5:] and row[5])
                or not isinstance(row[4], int | float)
                or not len(passes) <= row[0] <= len(passes) + 1
                or row[0] < 1
            ):
                raise FormatError(
                    f"{place}: expected [pass, word, word, count, score, [words between]], found {shortened(line)}"
                )
            if row[0] > len(passes):
                passes.append([])
            between = tuple(row[5]) if len(row) == 6 else ()
            text = delimiter.join((row[1], *between, row[2]))
            passes[-1].append(Phrase(text, row[3], float(row[4]), row[1], row[2], between))
        return cls(passes, delimiter, tokenizer, lowercase, tuple(connector_words))


def _are_words(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(word, str) for word in found)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
