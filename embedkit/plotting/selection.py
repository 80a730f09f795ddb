"""Which words a picture shows, and what belongs together in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

import numpy as np

from embedkit.errors import ConfigError
from embedkit.query.combining import vector_of, words_in
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.questions import composed, item


@dataclass
class Selection:
    """Words with their vectors.

    Attributes
    ----------
    words : list of str
        The important ones first: what was asked for, then neighbours.
    vectors : float32 (n, vector_size)
    groups : list of int
        For each word the number of the query it belongs to, -1 where it belongs to none.
    is_query : list of bool
        Whether the word was asked for, or came as a neighbour.
    arrows : list of (int, int)
        Positions of words to be joined by an arrow.
    """

    words: list[str]
    vectors: np.ndarray
    groups: list[int]
    is_query: list[bool]
    arrows: list[tuple[int, int]] = field(default_factory=list)


class _Phrases:
    """What was asked for as labels of a picture: words of the vocabulary, or phrases, which are means of some."""

    def __init__(self, model: KeyedVectors) -> None:
        self.model = model
        self.items: dict[str, tuple[str, ...]] = {}
        self.said: list[str] = []

    def label(self, text: str) -> str:
        """The word that a text stands for, as the vocabulary has it, or the text itself."""
        found = item(text, self.model.__contains__, self.said)
        if isinstance(found, str):
            return self.model.as_spelt(found) if found in self.model else found
        self.items[text] = cast("tuple[str, ...]", found)
        return text

    def vectors(self, labels: Sequence[str]) -> np.ndarray:
        """float32 (n, vector_size)."""
        if not self.items:
            return self.model.get_vectors(labels)
        return np.stack([vector_of(self.model, self.items.get(label, label), "l2") for label in labels])


def select(
    model: KeyedVectors,
    words: Sequence[str] = (),
    neighbours: int = 0,
    analogies: Sequence[Sequence[str]] = (),
    most_frequent: int = 200,
    say: Callable[[str], None] | None = None,
) -> Selection:
    """Choose the words of a picture.

    Parameters
    ----------
    model : KeyedVectors
    words : sequence of str
        What to show: words or phrases, which are read as everywhere (`embedkit.query.questions`). Without words and
        analogies: the first `most_frequent` of the vocabulary.
    neighbours : int, default 0
        How many nearest neighbours of each word to show beside it.
    analogies : sequence of (a, b, c, d)
        Each gives two arrows, a → b and c → d.
    most_frequent : int, default 200
    say : callable, optional
        Receives a line for each phrase, how it was read, and for each word that was composed.

    Returns
    -------
    Selection

    Raises
    ------
    UnknownWordError
        When a word is neither known nor can be composed.
    ConfigError
        When an analogy does not have four words.
    """
    for analogy in analogies:
        if len(analogy) != 4:
            raise ConfigError(f"an analogy to draw needs four words A B C D (A to B as C to D), found {len(analogy)}")
    phrases = _Phrases(model)
    words, analogies = [*map(phrases.label, words)], [[*map(phrases.label, analogy)] for analogy in analogies]
    if say is not None:
        labels = [*words, *chain.from_iterable(analogies)]
        asked_words = words_in([phrases.items.get(label, label) for label in labels])
        for line in [*phrases.said, *composed(asked_words, model)]:
            say(line)
    groups: dict[str, int] = {}
    for number, word in enumerate(words):
        groups.setdefault(word, number)
    for number, analogy in enumerate(analogies):
        for word in analogy:
            groups.setdefault(word, len(words) + number)
    asked = list(groups)
    if not asked:
        shown = list(model.index_to_key[:most_frequent])
        return Selection(shown, np.asarray(model.vectors[: len(shown)]), [-1] * len(shown), [False] * len(shown))
    if neighbours:
        exclude = [words_in([phrases.items.get(label, label)]) for label in asked]
        found = model.most_similar_batch(phrases.vectors(asked), neighbours, exclude=exclude)
        for word, answers in zip(asked, found, strict=True):
            for neighbour, _ in answers:
                groups.setdefault(neighbour, groups[word])
    shown = list(groups)
    position = {word: i for i, word in enumerate(shown)}
    arrows = [(position[a], position[b]) for pair in analogies for a, b in (pair[:2], pair[2:])]
    return Selection(
        shown, phrases.vectors(shown), list(groups.values()), [i < len(asked) for i in range(len(shown))], arrows
    )
