"""Frequent collocations on many machines: `embedkit.counting.phrases` with ids that stay where they were read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from embedkit.cluster.engine import Engine, reported
from embedkit.cluster.words import count_words, cut, listed
from embedkit.counting.phrase_pairs import Gaps, Pairs, add_pairs, join, pair_counts
from embedkit.counting.phrases import JOINT, Phrase, Scoring, choose_phrases, spell
from embedkit.errors import EmptyCorpusError
from embedkit.progress import ProgressCallback
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import Sources
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from embedkit.vocabulary.words import Words

_ADDED_AT_ONCE = 8


def join_phrases(
    engine: Engine,
    sources: Sources,
    *,
    threshold: float | None = None,
    delta: float | None = None,
    min_count: int = 5,
    npmi: bool = False,
    passes: int = 1,
    delimiter: str = JOINT,
    connector_words: Sequence[str] = (),
    progress: ProgressCallback | None = None,
    **reading: Any,
) -> tuple[Iterator[bytes], list[list[Phrase]]]:
    """`embedkit.counting.phrases.join_phrases` on a cluster: the same phrases and the same text.

    Returns
    -------
    text : iterator of bytes
        The joined text, in the order of the corpus.
    phrases : list of list of Phrase
        Those of each pass.
    """
    scoring = Scoring.create(threshold, delta, min_count, npmi, passes, delimiter, connector_words)
    sources = listed(sources)
    whole = count_words(engine, sources, progress=progress, **reading)
    words = whole.index_to_key
    known = engine.share(whole)
    texts = [engine.submit(_read, span, known, reading) for span in cut(sources, engine.n_workers)]
    counts = whole.counts
    found: list[list[Phrase]] = []
    for n_pass in range(passes):
        if n_pass:
            counts = sum(engine.results([engine.submit(_word_counts, ids, len(words)) for ids in texts]))
        gaps = scoring.connectors.among(words)
        frequent = engine.share((counts >= scoring.min_count, gaps))
        layer = [engine.submit(_pairs, ids, frequent) for ids in texts]
        while len(layer) > 1:
            layer = [engine.submit(_add, *layer[i : i + _ADDED_AT_ONCE]) for i in range(0, len(layer), _ADDED_AT_ONCE)]
        (pairs,) = reported(engine.results(layer), 1, "counting", progress)
        step = choose_phrases(pairs, counts, words, scoring)
        if step is None:
            break
        joined = engine.share((step.pairs, step.ids, len(words), gaps))
        texts = [engine.submit(_join, ids, joined) for ids in texts]
        words = step.words
        found.append(step.phrases)
    spelt = engine.share((words.blob, words.offsets))
    written = engine.results([engine.submit(_spell, ids, spelt) for ids in texts])
    return reported(written, len(texts), "writing", progress), found


def _read(span: str | ByteRange, vocabulary: Vocabulary, reading: dict[str, Any]) -> np.ndarray:
    try:
        return Corpus.from_text([span], vocabulary=vocabulary, workers=1, **reading).ids
    except EmptyCorpusError:
        return np.empty(0, np.int32)


def _word_counts(ids: np.ndarray, n_words: int) -> np.ndarray:
    return np.bincount(ids[ids >= 0], minlength=n_words)


def _pairs(ids: np.ndarray, wanted: tuple[np.ndarray, Gaps | None]) -> Pairs:
    return pair_counts(ids, *wanted)


def _add(*parts: Pairs) -> Pairs:
    return add_pairs(parts)


def _join(ids: np.ndarray, joined: tuple[Pairs, np.ndarray, int, Gaps | None]) -> np.ndarray:
    return join(ids, *joined) if len(ids) else ids


def _spell(ids: np.ndarray, spelt: tuple[np.ndarray, np.ndarray]) -> bytes:
    return b"".join(spell(ids, Words(*spelt)))
