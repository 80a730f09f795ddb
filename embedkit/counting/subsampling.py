"""Subsampling a corpus before its words are counted: frequent words are left out now and then."""

from __future__ import annotations

import numpy as np

from embedkit.errors import EmptyCorpusError
from embedkit.vocabulary.corpus import SENTENCE_END, Corpus

_AT_ONCE = 1 << 20


def subsample(corpus: Corpus, sample: float, seed: int = 1) -> Corpus:
    """A corpus without the tokens that subsampling leaves out; neighbours move up, as in word2vec.

    Parameters
    ----------
    corpus : Corpus
    sample : float
        Words more frequent than this share are left out now and then; 0: none.
    seed : int

    Returns
    -------
    Corpus
        With the same vocabulary, whose counts are still those of the whole text. The result depends on the corpus
        and the seed alone.

    Raises
    ------
    EmptyCorpusError
        When nothing is left.
    """
    if sample == 0:
        return corpus
    keep = np.append(corpus.vocabulary.keep_probabilities(sample), np.float32(1))  # the last is that of SENTENCE_END
    random = np.random.default_rng(np.random.SeedSequence((seed, 3)))
    kept, behind_end = [], True
    for start in range(0, len(corpus.ids), _AT_ONCE):
        ids = np.asarray(corpus.ids[start : start + _AT_ONCE])
        ids = ids[random.random(len(ids), dtype=np.float32) < keep[ids]]
        if not len(ids):
            continue
        ends = ids == SENTENCE_END
        empty = ends & np.concatenate([[behind_end], ends[:-1]])  # the end of a sentence without a word
        behind_end = bool(ends[-1])
        kept.append(ids[~empty])
    ids = np.concatenate(kept) if kept else np.empty(0, np.int32)
    if not (ids != SENTENCE_END).any():
        raise nothing_kept(sample)
    return Corpus(ids, corpus.vocabulary, options=corpus.options)


def nothing_kept(sample: float) -> EmptyCorpusError:
    """The error of subsampling that leaves nothing."""
    return EmptyCorpusError(f"nothing is left of the corpus with `sample` {sample:g}; raise it, or 0 keeps all")
