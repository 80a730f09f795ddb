"""Korean words in morphemes, for a tagger: what they are and of which kind says most about the word's own tag."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from embedkit.text.morphemes import Morphemes
from embedkit.text.tokenizers import Tokenizer, get_tokenizer

KIND = "morphemes"
MOST_KNOWN = 1 << 18  # words whose morphemes are remembered
MOST_PIECES = 5


def cuts_words(tokenizer: str) -> bool:
    """Whether a tokenizer of this name takes words apart, as that of morphemes does."""
    return tokenizer.partition(":")[0] == KIND


class WordPieces:
    """The morphemes of words, as Kiwi finds them in each word by itself.

    Parameters
    ----------
    name : str
        Of the tokenizer, with its settings, which the vectors' text was cut by.

    Raises
    ------
    ConfigError
        When there is no such setting.
    """

    def __init__(self, name: str = KIND) -> None:
        self.settings = Morphemes.parse(name)
        self._tokenizer: Tokenizer | None = None
        self._known: dict[str, list[str]] = {}

    def tagged(self, words: Sequence[str]) -> list[list[str]]:
        """The morphemes of each word with their kind behind them, as 은/JX; none of a mark.

        Raises
        ------
        ConfigError, EmbedkitError
            Where Kiwi is not there, or its dictionary cannot be read.
        """
        missing = [word for word in dict.fromkeys(words) if word not in self._known]
        if missing:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
                missing = list(dict.fromkeys(words))
            for word, line in zip(missing, self._cut(missing), strict=True):
                self._known[word] = line.split()
        return [self._known[word] for word in words]

    def as_vectors(self, words: Sequence[str]) -> list[list[str]]:
        """The morphemes of each word as the words of the vectors: with or without their kind, some kinds alone."""
        pos, tags = self.settings.pos, self.settings.tags
        found = []
        for pieces in self.tagged(words):
            kept = [piece for piece in pieces if not pos or piece.rpartition("/")[2].startswith(pos)]
            found.append(kept if tags else [piece.rpartition("/")[0] for piece in kept])
        return found

    def _cut(self, words: Sequence[str]) -> list[str]:
        if self._tokenizer is None:
            self._tokenizer = get_tokenizer(replace(self.settings, pos=(), tags=True).name)
        return self._tokenizer.rewrite("\n".join(word.replace("\n", " ") for word in words)).split("\n")


@functools.cache
def word_pieces(name: str) -> WordPieces:
    """Those of this name: one for all models of a process, since Kiwi takes a while to load."""
    return WordPieces(name)


def piece_features(pieces: Sequence[str]) -> list[str]:
    """What a word's morphemes say about its tag.

    Examples
    --------
    >>> piece_features(["물/NNG", "은/JX"])
    ['~f물', '~l은', '~r은', '~n2', '~m물', '~m은', '~kNNG', '~kJX', '~FNNG', '~LJX', '~SNNG+JX']
    """
    if not pieces:
        return []
    forms, kinds = [piece.rpartition("/")[0] for piece in pieces], [piece.rpartition("/")[2] for piece in pieces]
    features = ["~f" + forms[0], "~l" + forms[-1], "~r" + "+".join(forms[1:]), f"~n{min(len(forms), MOST_PIECES)}"]
    features += ["~m" + form for form in forms] + ["~k" + kind for kind in kinds]
    return [*features, *kind_features(pieces)]


def kind_features(pieces: Sequence[str]) -> list[str]:
    """What the kinds of its morphemes say about the tags beside a word."""
    kinds = [piece.rpartition("/")[2] for piece in pieces]
    return ["~F" + kinds[0], "~L" + kinds[-1], "~S" + "+".join(kinds)] if kinds else []
