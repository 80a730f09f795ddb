"""BM25: which documents hold the words of a question, and how much that says.

The score of a document of ``l`` words, of N documents with a mean length of ``L``, for the words t of a question, of
which it holds tf and df documents hold at least one (Robertson and Zaragoza 2009, "The probabilistic relevance
framework: BM25 and beyond", section 3):

    Σ ln(1 + (N − df + ½) / (df + ½)) · tf (k1 + 1) / (tf + k1 (1 − b + b l / L))

The 1 inside of the logarithm keeps words of more than half of the documents from counting against a document (Lucene
does the same). A word that stands in the question twice counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embedkit.counting.sparse import SparseMatrix
from embedkit.counting.tfidf import document_counts
from embedkit.errors import ConfigError, CorpusError, check_several
from embedkit.text.tokenizers import Tokenizer
from embedkit.vocabulary.words import WordIndex, Words, find_normalised, in_each_form

K1, B = 1.2, 0.75


@dataclass
class TermIndex:
    """For each term the documents that hold it.

    Attributes
    ----------
    terms : Words
    offsets : int64 (n_terms + 1,)
    documents : int32 (n,)
        Those of term i are ``documents[offsets[i]:offsets[i + 1]]``, ascending.
    counts : int32 (n,)
        How often each holds it.
    lengths : int32 (n_documents,)
        Tokens of each document, stop words left out.
    """

    terms: Words
    offsets: np.ndarray
    documents: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray
    _scale: tuple[tuple[float, float], np.ndarray] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def _numbers(self) -> WordIndex:
        return WordIndex(self.terms)

    @classmethod
    def build(cls, pieces: Iterable[Sequence[str]], tokenizer: Tokenizer, stop_words: Sequence[str] = ()) -> TermIndex:
        """Index texts.

        Parameters
        ----------
        pieces : iterable of lists of str
            Documents, some thousand at a time.
        tokenizer : Tokenizer
        stop_words : sequence of str
            Tokens that are left out.

        Raises
        ------
        CorpusError
            When no document holds a term.
        """
        from embedkit.vocabulary.scanning import scan_lines
        from embedkit.vocabulary.word_table import WordTable, packed

        table = WordTable()
        ids = []
        for texts in pieces:
            found = scan_lines(table, tokenizer, texts)
            if found is None:
                raise CorpusError("a document holds half a surrogate pair, which is no text")
            ids.append(found)
        data, begins, lengths, _ = table.index()
        terms = Words(*packed(data, begins, lengths))
        stream = np.concatenate([*ids, np.empty(0, np.int32)])
        check_several(stop_words, "stop_words")
        left_out = [row for row in map(terms.find, in_each_form(stop_words)) if row >= 0]
        if left_out:
            mapping = np.arange(len(terms) + 1, dtype=np.int32)
            mapping[left_out], mapping[-1] = -2, -1
            stream = mapping[stream]
        counts = document_counts(stream, len(terms))
        if not len(counts.columns):
            raise CorpusError("the documents hold no word to search for")
        sums = np.concatenate([[0], np.cumsum(counts.values, dtype=np.float64)])
        turned: SparseMatrix = counts.transpose()
        return cls(
            terms,
            turned.offsets,
            turned.columns,
            turned.values.astype(np.int32),
            (sums[counts.offsets[1:]] - sums[counts.offsets[:-1]]).astype(np.int32),
        )

    def scores(self, tokens: Sequence[str], k1: float = K1, b: float = B) -> np.ndarray:
        """The BM25 score of every document for the tokens of a question: float32 (n_documents,), 0 without a match.

        Raises
        ------
        ConfigError
            For a negative `k1`, or `b` outside of 0 to 1.
        """
        if not (0 <= k1 < np.inf and 0 <= b <= 1):
            raise ConfigError(f"`k1` must be 0 or more and `b` from 0 to 1, got {k1} and {b}")
        n = len(self.lengths)
        scores = np.zeros(n, np.float32)
        if self._scale is None or self._scale[0] != (k1, b):
            by_length = k1 * b / max(float(self.lengths.mean()), 1e-9)
            self._scale = (k1, b), (k1 * (1 - b) + by_length * self.lengths).astype(np.float32)
        scale = self._scale[1]
        for token in tokens:
            term = find_normalised(self._numbers, token)
            if term < 0:
                continue
            held = slice(int(self.offsets[term]), int(self.offsets[term + 1]))
            there, tf = self.documents[held], self.counts[held].astype(np.float32)
            weight = np.float32(np.log(1 + (n - len(there) + 0.5) / (len(there) + 0.5)) * (k1 + 1))
            scores[there] += weight * tf / (tf + scale[there])
        return scores
