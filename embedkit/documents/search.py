"""Search in documents: by words (BM25), by vectors, and by both, their ranks fused; the first put in order by distance.

A document that stands at rank r_i in list i gets Σ 1 / (60 + r_i) over the lists that it stands in, each of the first
`DEPTH` (Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
methods"). Ranks need no common scale, which BM25 and cosines do not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from embedkit.documents.bm25 import K1, B
from embedkit.documents.collection import Document
from embedkit.documents.document_index import DocumentIndex, fingerprint
from embedkit.documents.sentences import SentenceEncoder
from embedkit.documents.word_mover import WordMover
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import best, nearest
from embedkit.rows.norms import unit
from embedkit.text.tokenizers import get_tokenizer
from embedkit.vocabulary.words import in_each_form

WAYS = ("words", "vectors", "both")
RERANKINGS = ("wmd", "rwmd")
CANDIDATES = 100
DEPTH = 1000
RANK_SHIFT = 60


@dataclass(frozen=True)
class Hit:
    """One answer.

    Attributes
    ----------
    number : int
        Of the document in the index.
    document : Document
    score : float
        BM25, cosine or fused ranks; after re-ranking a distance, infinite for a document without a known word.
    """

    number: int
    document: Document
    score: float


class Searcher:
    """Answers questions.

    Parameters
    ----------
    index : DocumentIndex
    model : KeyedVectors, optional
        The vectors of words with which the index was made; needed to search by vectors. To re-rank the answers of an
        index that was made without, any will do.
    k1, b : float
        Of BM25.

    Raises
    ------
    ConfigError
        When `model` is another one than that of the index.
    """

    def __init__(self, index: DocumentIndex, model: KeyedVectors | None = None, k1: float = K1, b: float = B) -> None:
        self.index, self.model, self.k1, self.b = index, model, k1, b
        self._tokenizer = get_tokenizer(index.options.tokenizer, index.options.lowercase)
        self._left_out = in_each_form(index.options.stop_words)
        if model is not None and index.sentences is not None and fingerprint(model) != index.fingerprint:
            raise ConfigError("these are other vectors than those that the index was made with; make it again")

    @cached_property
    def _encoder(self) -> SentenceEncoder:
        if self.index.sentences is None or self.model is None:
            raise ConfigError("to search by vectors the index must be made with `vectors`")
        return SentenceEncoder(self.model, self.index.sentences)

    def tokens(self, query: str) -> list[str]:
        """The words of a question that BM25 goes by."""
        return [token for token in self._tokenizer.tokens(query) if token not in self._left_out]

    def by_words(self, query: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and BM25 scores of at most n documents that hold a word of the question, the best first."""
        scores = self.index.terms.scores(self.tokens(query), self.k1, self.b)
        held = np.flatnonzero(scores)  # to choose among a million zeros takes longer than all else
        found = held[best(scores[held], min(n, len(held)))]
        return found, scores[found]

    def by_vectors(self, query: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and cosines of the n documents nearest to the question; none where it has no known word."""
        vector, vectors = unit(self._encoder.vectors([query])), self.index.vectors
        if vectors is None or not vector.any():
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found, scores = nearest(vectors, np.ones(len(vectors), np.float32), vector, min(n, len(vectors)), "dot")[0]
        known = vectors[found].any(axis=1)
        return found[known], scores[known]

    @cached_property
    def _mover(self) -> WordMover:
        if self.model is None:
            raise ConfigError("to re-rank by distance give the words' vectors with `vectors`")
        return WordMover(self.model, stop_words=self.index.options.stop_words)

    def reranked(self, query: str, found: np.ndarray, topn: int, by: str = "wmd") -> tuple[np.ndarray, np.ndarray]:
        """Put documents in order by their Word Mover's Distance from a question.

        Parameters
        ----------
        query : str
        found : int (n,)
            Numbers of documents.
        topn : int
        by : {"wmd", "rwmd"}
            The distance, or its relaxed lower bound.

        Returns
        -------
        numbers : int64 (m,), distances : float64 (m,)
            The nearest first. Documents without a known word come last, at an infinite distance; none where the
            question has none.
        """
        if not len(self._mover.bags([query]).rows):
            return found[:0], np.empty(0)
        texts = self._mover.bags([self.index.documents.text(int(number)) for number in found])
        if by == "wmd":
            order, near = self._mover.nearest(query, texts, topn)
        else:
            distances = self._mover.distances(query, texts, "relaxed")
            order = np.argsort(distances, kind="stable")[:topn]
            near = distances[order]
        strange = np.flatnonzero(np.diff(texts.offsets) == 0)[: topn - len(order)] if by == "wmd" else order[:0]
        return found[np.concatenate([order, strange])], np.concatenate([near, np.full(len(strange), np.inf)])

    def search(
        self,
        query: str,
        topn: int = 10,
        way: str = "both",
        rerank: str | None = None,
        candidates: int = CANDIDATES,
    ) -> list[Hit]:
        """The best documents for a question.

        Parameters
        ----------
        query : str
        topn : int
        way : {"words", "vectors", "both"}
        rerank : {"wmd", "rwmd"}, optional
            Put the best `candidates` in order by Word Mover's Distance, or by its relaxed lower bound.
        candidates : int

        Raises
        ------
        ConfigError
            For another `way` or `rerank`, fewer candidates than answers, or vectors that the index does not have.
        """
        if way not in WAYS:
            raise ConfigError(f"`by` must be one of {', '.join(WAYS)}, got {way!r}")
        if rerank is not None and (rerank not in RERANKINGS or candidates < topn):
            wanted = f"`rerank` must be one of {', '.join(RERANKINGS)} and `candidates` at least `topn`"
            raise ConfigError(f"{wanted}, got {rerank!r} and {candidates} for {topn} answers")
        n = topn if rerank is None else candidates
        if way == "words":
            found, scores = self.by_words(query, n)
        elif way == "vectors":
            found, scores = self.by_vectors(query, n)
        else:
            lists = [self.by_words(query, DEPTH)[0], self.by_vectors(query, DEPTH)[0]]
            found, scores = fused(lists, n)
        if rerank is not None:
            found, scores = self.reranked(query, found, topn, rerank)
        return [
            Hit(int(number), self.index.documents[int(number)], float(score))
            for number, score in zip(found, scores, strict=True)
        ]


def fused(lists: Sequence[np.ndarray], topn: int) -> tuple[np.ndarray, np.ndarray]:
    """Fuse rankings by reciprocal ranks.

    Parameters
    ----------
    lists : sequence of int (k,)
        Numbers of documents, the best first, none twice in one list.
    topn : int

    Returns
    -------
    numbers : int64 (m,), scores : float32 (m,)
        At most `topn`, the best first, of equal ones the document that comes first.
    """
    numbers, places = np.unique(np.concatenate(lists), return_inverse=True)
    ranks = np.concatenate([np.arange(len(found)) for found in lists])
    scores = np.zeros(len(numbers), np.float32)
    np.add.at(scores, places, (1 / (RANK_SHIFT + 1 + ranks)).astype(np.float32))
    chosen = best(scores, min(topn, len(numbers)))
    return numbers[chosen], scores[chosen]
