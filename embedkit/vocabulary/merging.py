"""Vocabularies of parts of a text, added up to the vocabulary of the whole."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from embedkit.vocabulary.vocabulary import Vocabulary, frequency_order, nothing_left
from embedkit.vocabulary.words import Words


def merge_vocabularies(
    parts: Iterable[Vocabulary], min_count: int = 1, max_vocab: int | None = None, name: str = "the corpus"
) -> Vocabulary:
    """Add up counts; the words come out by falling count, equal counts in UTF-8 order.

    The outcome does not depend on the order of the parts nor on how they were grouped, so long as only the last merge
    leaves words out.

    Parameters
    ----------
    parts : iterable of Vocabulary
        May be empty ones.
    min_count, max_vocab
        As in `Vocabulary.from_counts`.
    name : str
        Of the corpus, for messages.

    Raises
    ------
    CorpusError
        When no word is left.
    """
    return choose(*_added(parts), min_count, max_vocab, name)[0]


def add_counts(parts: Iterable[Vocabulary]) -> Vocabulary:
    """Add up counts and sort nothing: a step on the way to `merge_vocabularies`; may be empty."""
    from embedkit.vocabulary.word_table import packed

    data, begins, lengths, counts = _added(parts)
    return Vocabulary(Words(*packed(data, begins, lengths)), counts)


def _added(parts: Iterable[Vocabulary]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from embedkit.kernels.tokens import PADDING
    from embedkit.vocabulary.word_table import WordTable

    table = WordTable()
    for part in parts:
        words = part.index_to_key
        blob = np.concatenate([words.blob, np.zeros(PADDING, np.uint8)])
        table.insert(blob, words.offsets[:-1], np.diff(words.offsets), part.counts)
    return table.index()


def choose(
    data: np.ndarray,
    begins: np.ndarray,
    lengths: np.ndarray,
    counts: np.ndarray,
    min_count: int,
    max_vocab: int | None,
    name: str = "the corpus",
) -> tuple[Vocabulary, np.ndarray]:
    """The vocabulary of a `WordTable`'s words, and for each of them the id in it or -2 (int32).

    `name` is the corpus' in messages.
    """
    from embedkit.vocabulary.word_table import packed

    kept = np.flatnonzero(counts >= min_count)
    if len(kept) == 0:
        raise nothing_left(len(counts), int(counts.max(initial=0)), min_count, name)
    order = kept[frequency_order(counts[kept], data, begins[kept], lengths[kept])][:max_vocab]
    mapping = np.full(len(counts), -2, dtype=np.int32)
    mapping[order] = np.arange(len(order), dtype=np.int32)
    return Vocabulary(Words(*packed(data, begins[order], lengths[order])), counts[order]), mapping
