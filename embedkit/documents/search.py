"""Search in documents: by words (BM25), by vectors, and by both, their ranks fused.

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
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import best, nearest
from embedkit.rows.norms import unit
from embedkit.text.tokenizers import get_tokenizer

WAYS = ("words", "vectors", "both")
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
        BM25, cosine or fused ranks.
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
        The vectors of words with which the index was made; needed to search by vectors.
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
        self._left_out = frozenset(index.options.stop_words)
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
        found = best(scores, min(n, len(scores)))
        found = found[scores[found] > 0]
        return found, scores[found]

    def by_vectors(self, query: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and cosines of the n documents nearest to the question; none where it has no known word."""
        vector, vectors = unit(self._encoder.vectors([query])), self.index.vectors
        if vectors is None or not vector.any():
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found, scores = nearest(vectors, np.ones(len(vectors), np.float32), vector, min(n, len(vectors)), "dot")[0]
        known = vectors[found].any(axis=1)
        return found[known], scores[known]

    def search(self, query: str, topn: int = 10, way: str = "both") -> list[Hit]:
        """The best documents for a question.

        Parameters
        ----------
        query : str
        topn : int
        way : {"words", "vectors", "both"}

        Raises
        ------
        ConfigError
            For another `way`, or vectors that the index does not have.
        """
        if way not in WAYS:
            raise ConfigError(f"`by` must be one of {', '.join(WAYS)}, got {way!r}")
        if way == "words":
            found, scores = self.by_words(query, topn)
        elif way == "vectors":
            found, scores = self.by_vectors(query, topn)
        else:
            lists = [self.by_words(query, DEPTH)[0], self.by_vectors(query, DEPTH)[0]]
            found, scores = fused(lists, len(self.index.documents), topn)
        return [
            Hit(int(number), self.index.documents[int(number)], float(score))
            for number, score in zip(found, scores, strict=True)
        ]


def fused(lists: Sequence[np.ndarray], n_documents: int, topn: int) -> tuple[np.ndarray, np.ndarray]:
    """Fuse rankings by reciprocal ranks.

    Parameters
    ----------
    lists : sequence of int (k,)
        Numbers of documents, the best first, none twice in one list.
    n_documents, topn : int

    Returns
    -------
    numbers : int64 (m,), scores : float32 (m,)
        At most `topn`, the best first, of equal ones the document that comes first.
    """
    scores = np.zeros(n_documents, np.float32)
    for found in lists:
        scores[found] += (1 / (RANK_SHIFT + 1 + np.arange(len(found)))).astype(np.float32)
    chosen = best(scores, min(topn, n_documents))
    chosen = chosen[scores[chosen] > 0]
    return chosen, scores[chosen]
