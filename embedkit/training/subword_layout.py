"""Which rows of a subword model belong to which word, and in what order they lie while it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.rows.composing import hash_words
from embedkit.rows.subwords import Subwords, default_lengths
from embedkit.training.options import TrainingConfig

EAGER_ROWS = 2000  # rows that are never updated lazily; measured, see embedkit/kernels/fasttext.py
FLUSHES = 40  # how often in an epoch a word's pending updates are flushed into its lazy rows
SHORTEST_INTERVAL = 3  # words that would be flushed more often are not worth a cache


def subwords_of(config: TrainingConfig, vocabulary: Any) -> Subwords:
    """How the words of a run are split; n-gram lengths that were not given suit the vocabulary's script.

    Raises
    ------
    ConfigError
        When the lengths contradict each other.
    """
    if config.subwords == "jamo":
        return Subwords(
            "jamo",
            bucket=config.bucket,
            min_jamo=config.min_jamo,
            max_jamo=config.max_jamo,
            min_syllables=config.min_syllables,
            max_syllables=config.max_syllables,
        )
    shortest, longest = config.min_n, config.max_n
    if shortest is None or longest is None:
        usual = default_lengths(vocabulary.index_to_key, vocabulary.counts)
        if longest is None:
            longest = max(usual[1], shortest or 1)
        if shortest is None:
            shortest = min(usual[0], longest)
    return Subwords("chars", bucket=config.bucket, min_n=shortest, max_n=longest)


@dataclass
class Layout:
    """Where the rows of words and n-grams are while training: the most used ones first.

    Attributes
    ----------
    indptr : int64 (n_words + 1,)
    ngrams : int32 (n_ngrams,)
        The n-grams' numbers in `buckets`, word by word in fastText's order.
    buckets : int64 (n_used,)
        The buckets in use, ascending.
    number : int32 (n_words + n_used,)
        The row of each word and then of each used bucket.
    entries_indptr, entries : int64 (n_words + 1,), int32 (n_words + n_ngrams,)
        The rows of each word, its own included, ascending.
    """

    indptr: np.ndarray
    ngrams: np.ndarray
    buckets: np.ndarray
    number: np.ndarray
    entries_indptr: np.ndarray
    entries: np.ndarray


def layout_of(subwords: Subwords, words: Any, uses: np.ndarray) -> Layout:
    """Number the rows by how often they are used.

    Parameters
    ----------
    subwords : Subwords
    words : sequence of str
    uses : float64 (n_words,)
        How often each word is trained on.
    """
    n_words = len(words)
    indptr, hashed = hash_words(subwords, words)
    lengths = np.diff(indptr)
    used, places = np.unique(hashed, return_inverse=True)
    buckets, ngrams = used.astype(np.int64), places.astype(np.int32)
    weights = np.concatenate([uses, np.bincount(ngrams, np.repeat(uses, lengths), len(buckets))])
    number = np.empty(len(weights), np.int32)
    number[np.argsort(-weights, kind="stable")] = np.arange(len(weights), dtype=np.int32)
    entries_indptr = indptr + np.arange(n_words + 1)
    entries = np.empty(n_words + len(ngrams), np.int64)
    is_word = np.zeros(len(entries), bool)
    is_word[entries_indptr[:-1]] = True
    entries[is_word] = number[:n_words]
    entries[~is_word] = number[n_words + ngrams]
    entries += np.repeat(np.arange(n_words), lengths + 1) * len(number)
    entries.sort()
    return Layout(indptr, ngrams, buckets, number, entries_indptr, (entries % len(number)).astype(np.int32))


def flush_intervals(layout: Layout, uses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """After how many uses each cached word is flushed, and where its lazily updated rows begin among its entries.

    Returns
    -------
    interval : int32 (n_cached,)
        The cached words are the first ones, the most frequent.
    lazy_start : int64 (n_words,)
    """
    interval = np.minimum(uses / FLUSHES, 1e9).astype(np.int32)
    rare = np.flatnonzero(interval < SHORTEST_INTERVAL)
    interval = interval[: rare[0] if len(rare) else len(interval)]
    n_words = len(uses)
    word_of = np.repeat(np.arange(n_words), np.diff(layout.entries_indptr))
    lazy_start = layout.entries_indptr[:-1] + np.bincount(word_of[layout.entries < EAGER_ROWS], minlength=n_words)
    return interval, lazy_start
