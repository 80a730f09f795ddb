"""Which words a picture shows, and what belongs together in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors


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


def select(
    model: KeyedVectors,
    words: Sequence[str] = (),
    neighbours: int = 0,
    analogies: Sequence[Sequence[str]] = (),
    most_frequent: int = 200,
) -> Selection:
    """Choose the words of a picture.

    Parameters
    ----------
    model : KeyedVectors
    words : sequence of str
        What to show. Without words and analogies: the first `most_frequent` of the vocabulary.
    neighbours : int, default 0
        How many nearest neighbours of each word to show beside it.
    analogies : sequence of (a, b, c, d)
        Each gives two arrows, a → b and c → d.
    most_frequent : int, default 200

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
    queries = model.get_vectors(asked)
    if neighbours:
        found = model.most_similar_batch(queries, neighbours, exclude=[[word] for word in asked])
        for word, answers in zip(asked, found, strict=True):
            for neighbour, _ in answers:
                groups.setdefault(neighbour, groups[word])
    shown = list(groups)
    position = {word: i for i, word in enumerate(shown)}
    arrows = [(position[a], position[b]) for pair in analogies for a, b in (pair[:2], pair[2:])]
    return Selection(
        shown, model.get_vectors(shown), list(groups.values()), [i < len(asked) for i in range(len(shown))], arrows
    )
