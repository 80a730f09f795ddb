"""A corpus in files whose ids are made and held by the workers of a cluster: the stream of one machine, in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from embedkit.cluster.engine import Engine, reported
from embedkit.cluster.words import MERGED_AT_ONCE, count_words, cut, listed
from embedkit.errors import CorpusError, EmptyCorpusError
from embedkit.progress import ProgressCallback
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import Sources, short_name
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus


class SpreadCorpus:
    """What training wants to know of a corpus, and its ids where a worker wants them.

    Parameters
    ----------
    engine : Engine
    vocabulary : Vocabulary
    makers : list of callables
        Each submits the task that makes the next stretch of the id stream, and returns its handle.
    lengths : int64 (n_stretches,)
        Ids of each.
    n_tokens : int
    n_sentences : int
    options : dict, optional
        As in `Corpus`.

    Attributes
    ----------
    n_ids : int
        The length of the id stream.
    """

    def __init__(
        self,
        engine: Engine,
        vocabulary: Vocabulary,
        makers: list[Callable[[], Any]],
        lengths: np.ndarray,
        n_tokens: int,
        n_sentences: int,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.engine, self.vocabulary = engine, vocabulary
        self.n_tokens, self.n_sentences = n_tokens, n_sentences
        self.options = dict(options or {})
        self._makers = makers
        self._held: dict[int, Any] = {}
        self._ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        self.n_ids = int(self._ends[-1])

    @property
    def n_shards(self) -> int:
        """In how many stretches it is read."""
        return len(self._makers)

    @classmethod
    def from_text(
        cls,
        engine: Engine,
        sources: Sources,
        *,
        vocabulary: Vocabulary | None = None,
        min_count: int = 5,
        max_vocab: int | None = None,
        progress: ProgressCallback | None = None,
        **reading: Any,
    ) -> SpreadCorpus:
        """Count and encode a corpus on a cluster: the ids of `Corpus.from_text`; parameters and errors as there.

        Raises
        ------
        CorpusError
            Also when the text changed between counting and encoding.
        """
        sources = listed(sources)
        counted = vocabulary is None
        if vocabulary is None:
            vocabulary = count_words(
                engine, sources, min_count=min_count, max_vocab=max_vocab, progress=progress, **reading
            )
        ranges, known, n_words = cut(sources, engine.n_workers), engine.share(vocabulary), len(vocabulary)
        encoded = [engine.submit(_encode, span, known, reading) for span in ranges]
        measured = [engine.submit(_measure, ids, n_words) for ids in encoded]
        layer = [engine.submit(_counts, one) for one in measured]
        while len(layer) > 1:
            layer = [engine.submit(_add, *layer[i : i + MERGED_AT_ONCE]) for i in range(0, len(layer), MERGED_AT_ONCE)]
        sizes = [engine.submit(_sizes, one) for one in measured]
        del measured
        found = np.array(list(reported(engine.results(sizes), len(sizes), "encoding", progress)), np.int64)
        (counts,) = engine.results(layer)
        n_tokens = int(counts.sum())
        if n_tokens == 0:
            raise EmptyCorpusError.of(short_name(sources))
        if counted and not np.array_equal(counts, vocabulary.counts):
            raise CorpusError("the corpus changed while it was read: its words were counted once more and differ")
        if not vocabulary.has_counts:
            vocabulary = Vocabulary(vocabulary.index_to_key, counts)

        def maker(span: str | ByteRange) -> Callable[[], Any]:
            return lambda: engine.submit(_encode, span, known, reading)

        chosen = {"min_count": min_count, "max_vocab": max_vocab} if counted else {}
        lengths = found[:, 0]
        makers = [maker(span) for span in ranges]
        corpus = cls(
            engine, vocabulary, makers, lengths, n_tokens, int(lengths.sum()) - n_tokens, {**reading, **chosen}
        )
        corpus._held = dict(enumerate(encoded))
        return corpus

    @classmethod
    def from_corpus(cls, engine: Engine, corpus: Corpus) -> SpreadCorpus:
        """A corpus in memory, which is sent to the workers in stretches."""
        ids, step = corpus.ids, 1 << 22

        def maker(start: int) -> Callable[[], Any]:
            return lambda: engine.share(np.array(ids[start : start + step]))

        starts = range(0, len(ids), step)
        lengths = np.array([min(step, len(ids) - start) for start in starts], np.int64)
        makers = [maker(start) for start in starts]
        return cls(engine, corpus.vocabulary, makers, lengths, corpus.n_tokens, corpus.n_sentences, corpus.options)

    def pieces(self, low: int, high: int) -> list[tuple[int, Any]]:
        """Handles of arrays that together are ``ids[low:high]``, and where in it each begins."""
        first, last = (int(i) for i in np.searchsorted(self._ends, [low, high - 1], side="right"))
        found = []
        for i in range(first - 1, last):
            start = int(self._ends[i])
            ids = self._held[i] if i in self._held else self._makers[i]()
            piece = self.engine.submit(_piece, ids, max(0, low - start), max(0, high - start))
            found.append((max(0, start - low), piece))
        return found

    def let_go(self) -> None:
        """Let the workers forget the ids; they are made again when somebody asks for them."""
        self._held = {}


def _encode(span: str | ByteRange, vocabulary: Vocabulary, reading: dict[str, Any]) -> np.ndarray:
    try:
        return np.array(Corpus.from_text([span], vocabulary=vocabulary, workers=1, **reading).ids)
    except EmptyCorpusError:
        return np.empty(0, np.int32)


def _measure(ids: np.ndarray, n_words: int) -> tuple[int, np.ndarray]:
    return len(ids), np.bincount(ids[ids >= 0], minlength=n_words)


def _sizes(measured: tuple[int, np.ndarray]) -> tuple[int, int]:
    return measured[0], int(measured[1].sum())


def _counts(measured: tuple[int, np.ndarray]) -> np.ndarray:
    return measured[1]


def _add(*parts: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.sum(parts, axis=0)
    return total


def _piece(ids: np.ndarray, low: int, high: int) -> np.ndarray:
    return ids[low:high].copy()
