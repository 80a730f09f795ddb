"""Word vectors by word: look-up, neighbours, analogies, and vectors for words that were never seen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.errors import ConfigError, UnknownWordError
from embedkit.kernels import thresholds
from embedkit.query import neighbours
from embedkit.rows.quantization import QuantizedRows
from embedkit.vocabulary.words import WordIndex, Words, find_normalised

if TYPE_CHECKING:
    from embedkit.query.index import NeighbourIndex
    from embedkit.rows.composing import SparseRows
    from embedkit.rows.subwords import Subwords

Query = str | np.ndarray
Answers = list[tuple[str, float]]
ANALOGY_METHODS = ("3cosadd", "3cosmul")


class KeyedVectors:
    """Word vectors with their words.

    Parameters
    ----------
    words : sequence of str
        The most frequent first where that is known. Of equal words the first row counts.
    vectors : float32 (n_words, vector_size), QuantizedRows, or a function that returns them
        May be a read-only memory map. A function is called when the whole matrix is first needed: a format that
        stores n-grams of words composes single words from `word_rows` and `ngram_vectors` until then. Quantised rows
        are decoded likewise, all when the matrix is needed and one by one until then.
    counts : int64 (n_words,), optional
        How often each word was seen in training.
    norms : float32 (n_words,), optional
        The rows' lengths; worked out when first needed.
    subwords : Subwords, optional
        How words are split into n-grams; with `ngram_vectors` unknown words have vectors too.
    ngram_vectors : float32 (bucket, vector_size), QuantizedRows or SparseRows, optional
        The n-grams' rows.
    word_rows : float32 (n_words, vector_size), optional
        The words' own rows, before the n-grams were added.
    output_vectors : float32 (n_words, vector_size), optional
        The output layer, for `fill` and for going on with training.
    config : dict, optional
        The full training configuration.

    Raises
    ------
    ConfigError
        When the shapes do not fit together.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray | QuantizedRows | Callable[[], np.ndarray],
        *,
        counts: np.ndarray | None = None,
        norms: np.ndarray | None = None,
        subwords: Subwords | None = None,
        ngram_vectors: np.ndarray | QuantizedRows | SparseRows | None = None,
        word_rows: np.ndarray | None = None,
        output_vectors: np.ndarray | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        self.index_to_key: Sequence[str] = words if isinstance(words, Words | list) else list(words)
        self.key_to_index: Mapping[str, int] = WordIndex(self.index_to_key)
        self.counts = None if counts is None else np.asarray(counts, np.int64)
        self.subwords = subwords
        self.ngram_vectors = ngram_vectors
        self.word_rows = word_rows
        self.output_vectors = output_vectors
        self.config: dict[str, Any] = dict(config or {})
        self._norms = norms
        self.quantized = vectors if isinstance(vectors, QuantizedRows) else None
        whole = vectors.decode if isinstance(vectors, QuantizedRows) else vectors
        self._compose_all = whole if callable(whole) else None
        self._vectors = None if callable(whole) else _matrix(whole, len(self.index_to_key))
        if self._vectors is None and self.quantized is None and word_rows is None:
            raise ConfigError("vectors given as a function need word_rows beside them")
        for name, rows in (
            ("counts", self.counts),
            ("norms", norms),
            ("word_rows", word_rows),
            ("quantised vectors", self.quantized),
        ):
            if rows is not None and len(rows) != len(self):
                raise ConfigError(f"{name} has {len(rows)} rows for {len(self)} words")

    @property
    def vectors(self) -> np.ndarray:
        """All word vectors: float32 (n_words, vector_size)."""
        if self._vectors is None and self._compose_all is not None:
            self._vectors = _matrix(self._compose_all(), len(self))
        return self._vectors  # type: ignore[return-value]

    @property
    def has_matrix(self) -> bool:
        """Whether all word vectors are at hand, not still to be composed."""
        return self._vectors is not None

    @property
    def norms(self) -> np.ndarray:
        """Lengths of the word vectors: float32 (n_words,)."""
        if self._norms is None:
            self._norms = neighbours.row_norms(self.vectors)
        return self._norms

    @property
    def vector_size(self) -> int:
        """Dimensions of a vector."""
        held = (rows for rows in (self._vectors, self.quantized, self.word_rows) if rows is not None)
        return int(next(held).shape[1])

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.row(word) >= 0

    def __repr__(self) -> str:
        return f"<KeyedVectors: {len(self):,} words, {self.vector_size} dimensions>"

    def row(self, word: str) -> int:
        """The row of a word, however its Hangul or accents are composed; -1 where it is not in the vocabulary."""
        return find_normalised(self.key_to_index, word)

    def has_vector(self, word: str) -> bool:
        """Whether a word is in the vocabulary or can be composed from its n-grams."""
        return self.row(word) >= 0 or self._buckets(word) is not None

    def __getitem__(self, word: str) -> np.ndarray:
        """The vector of a word: float32 (vector_size,); composed from its n-grams where the word is unknown.

        Raises
        ------
        UnknownWordError
            When the word is neither known nor composable; it names close spellings.
        """
        row = self.row(word)
        if row < 0:
            buckets = self._buckets(word)
            if buckets is None:
                raise UnknownWordError(word, self.close_spellings(word))
            return self._compose(None, buckets)
        if self._vectors is not None:
            return self._vectors[row]
        if self.quantized is not None:
            return self.quantized[row]
        return self._compose(row, self._buckets(self.index_to_key[row]))

    def get_vectors(self, words: Iterable[str]) -> np.ndarray:
        """The vectors of several words: float32 (n, vector_size).

        Many unknown words at once are composed by a kernel, a million a second.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable; it names close spellings.
        """
        words = list(words)
        known = [self.row(word) for word in words]
        unknown = [i for i, row in enumerate(known) if row < 0]
        if len(unknown) < thresholds.HASHED_WORDS or self.subwords is None or self.ngram_vectors is None:
            rows = [self[word] for word in words]
            return np.stack(rows) if rows else np.zeros((0, self.vector_size), np.float32)
        from embedkit.rows.composing import compose

        composed, n_ngrams = compose(self.subwords, [words[i] for i in unknown], self.ngram_vectors)
        if not n_ngrams.all():
            bare = words[unknown[int(np.argmin(n_ngrams))]]
            raise UnknownWordError(bare, self.close_spellings(bare))
        if len(unknown) == len(words):
            return composed
        vectors = np.empty((len(words), self.vector_size), np.float32)
        vectors[unknown] = composed
        for i, row in enumerate(known):
            if row >= 0:
                vectors[i] = self[words[i]]
        return vectors

    def close_spellings(self, word: str, n: int = 3) -> list[str]:
        """At most `n` words of the vocabulary that are spelt almost like `word`."""
        from embedkit.vocabulary.spelling import close_spellings

        return close_spellings(Words.from_strings(self.index_to_key), word, n)

    def _rows_of(self, words: Iterable[str]) -> list[int]:
        return [row for row in map(self.row, words) if row >= 0]

    def _answers(self, hits: Iterable[neighbours.Hits]) -> list[Answers]:
        return [
            [(self.index_to_key[row], value) for row, value in zip(rows.tolist(), found.tolist(), strict=True)]
            for rows, found in hits
        ]

    def _buckets(self, word: str) -> np.ndarray | None:
        if self.subwords is None or self.ngram_vectors is None:
            return None
        buckets = self.subwords.buckets(word)
        return buckets if len(buckets) else None

    def _compose(self, row: int | None, buckets: np.ndarray | None) -> np.ndarray:
        """The mean of a word's own row and its n-grams' rows, summed in fastText's order in float32."""
        total = np.zeros(self.vector_size, np.float32)
        n = 0
        if row is not None and self.word_rows is not None:
            total += self.word_rows[row]
            n += 1
        if buckets is not None and self.ngram_vectors is not None:
            for ngram in self.ngram_vectors[buckets]:
                total += ngram
            n += len(buckets)
        return total * np.float32(1.0 / max(n, 1))

    def most_similar(
        self,
        positive: Query | Sequence[Query],
        negative: Query | Sequence[Query] = (),
        topn: int = 10,
        exclude: Iterable[str] = (),
        restrict_vocab: int | None = None,
        metric: str = "cosine",
    ) -> Answers:
        """The nearest words to the sum of some words minus others.

        Parameters
        ----------
        positive, negative : str, vector, or several of them
            With ``cosine`` each is brought to unit length first, as in Mikolov et al. 2013 (3CosAdd).
        topn : int, default 10
        exclude : iterable of str
            Words that must not be among the answers, beside the query's own.
        restrict_vocab : int, optional
            Search the first so many words only, the most frequent ones in a trained model.
        metric : {"cosine", "l2", "dot"}

        Returns
        -------
        list of (word, value)
            The nearest first; for ``l2`` the value is a distance.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable.
        """
        plus, minus = _several(positive), _several(negative)
        if not plus and not minus:
            raise ConfigError("nothing to compare with: give at least one word or vector")
        query = self.combine(plus, minus, metric)
        skip = [item for item in (*plus, *minus, *exclude) if isinstance(item, str)]
        return self.most_similar_batch(
            query[None, :], topn, exclude=[skip], restrict_vocab=restrict_vocab, metric=metric
        )[0]

    def most_similar_batch(
        self,
        queries: np.ndarray,
        topn: int = 10,
        *,
        exclude: Sequence[Sequence[str]] | None = None,
        restrict_vocab: int | None = None,
        metric: str = "cosine",
        index: NeighbourIndex | None = None,
    ) -> list[Answers]:
        """The nearest words of many vectors at once, by blocked matrix products.

        Parameters
        ----------
        queries : float32 (q, vector_size)
        topn : int, default 10
        exclude : sequence of sequences of str, optional
            For each query the words that must not be among its answers.
        restrict_vocab : int, optional
            Search the first so many words only.
        metric : {"cosine", "l2", "dot"}
        index : NeighbourIndex, optional
            Ask this index rather than compare with every vector; cosine over the whole vocabulary only.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.vector_size:
            raise ConfigError(f"expected queries of shape (q, {self.vector_size}), found {queries.shape}")
        limit = len(self) if restrict_vocab is None else min(restrict_vocab, len(self))
        skip = None if exclude is None else [self._rows_of(words) for words in exclude]
        if index is not None:
            if metric != "cosine" or restrict_vocab is not None:
                raise ConfigError("an index answers for cosine and the whole vocabulary only")
            return self._answers(index.nearest(queries, topn, skip))
        return self._answers(neighbours.nearest(self.vectors[:limit], self.norms[:limit], queries, topn, metric, skip))

    def combine(self, positive: Sequence[Query], negative: Sequence[Query] = (), metric: str = "cosine") -> np.ndarray:
        """The mean of some words minus others, the query of `most_similar`: float32 (vector_size,).

        With ``cosine`` each is brought to unit length first.
        """
        total = np.zeros(self.vector_size, np.float64)
        for sign, items in ((1.0, positive), (-1.0, negative)):
            for item in items:
                vector = self[item] if isinstance(item, str) else np.asarray(item)
                if vector.shape != (self.vector_size,):
                    raise ConfigError(f"expected a vector of shape ({self.vector_size},), found {vector.shape}")
                total += sign * (neighbours.unit(vector) if metric == "cosine" else vector)
        return (total / max(len(positive) + len(negative), 1)).astype(np.float32)

    def analogy(
        self,
        a: str,
        b: str,
        c: str,
        topn: int = 10,
        method: str = "3cosadd",
        restrict_vocab: int | None = None,
        exclude: Iterable[str] = (),
    ) -> Answers:
        """`a` is to `b` as `c` is to the answers.

        Parameters
        ----------
        a, b, c : str
        topn : int, default 10
        method : {"3cosadd", "3cosmul"}
            Equations 3 and 4 of Levy and Goldberg 2014, "Linguistic Regularities in Sparse and Explicit Word
            Representations"; 3cosmul with cosines moved to [0, 1] and ε = 1e-6 as gensim's; theirs is 0.001.
        restrict_vocab : int, optional
            Search the first so many words only.
        exclude : iterable of str
            Words that must not be among the answers, beside `a`, `b` and `c`.
        """
        return self.analogy_batch([(a, b, c)], topn, method, restrict_vocab, exclude)[0]

    def analogy_batch(
        self,
        triples: Sequence[tuple[str, str, str]],
        topn: int = 10,
        method: str = "3cosadd",
        restrict_vocab: int | None = None,
        exclude: Iterable[str] = (),
    ) -> list[Answers]:
        """`analogy` for many (a, b, c) at once, by blocked matrix products."""
        if method not in ANALOGY_METHODS:
            raise ConfigError(f"unknown analogy method {method!r}: expected {' or '.join(ANALOGY_METHODS)}")
        limit = len(self) if restrict_vocab is None else min(restrict_vocab, len(self))
        also = list(exclude)
        skip = [self._rows_of([*triple, *also]) for triple in triples]
        vectors, norms = self.vectors[:limit], self.norms[:limit]
        if method == "3cosadd":
            queries = np.stack([self.combine([b, c], [a]) for a, b, c in triples])
            return self._answers(neighbours.nearest(vectors, norms, queries, topn, "cosine", skip))
        parts = self.get_vectors([word for triple in triples for word in triple]).reshape(len(triples), 3, -1)
        return self._answers(neighbours.nearest_3cosmul(vectors, norms, parts, topn, skip))

    def similarity(self, a: str, b: str, metric: str = "cosine") -> float:
        """How similar two words are: cosine or dot product; for ``l2`` their distance."""
        neighbours.check_metric(metric)
        x, y = self[a].astype(np.float64), self[b].astype(np.float64)
        if metric == "l2":
            return float(np.linalg.norm(x - y))
        product = float(x @ y)
        if metric == "dot":
            return product
        length = float(np.linalg.norm(x) * np.linalg.norm(y))
        return product / length if length > 0 else 0.0

    def odd_one_out(self, words: Sequence[str]) -> str:
        """The word that lies farthest (by cosine) from the mean of all of them, each at unit length."""
        if len(words) < 2:
            raise ConfigError(f"expected at least two words to find the odd one out, found {len(words)}")
        vectors = neighbours.unit(self.get_vectors(words))
        return words[int(np.argmin(vectors @ neighbours.unit(vectors.mean(axis=0))))]

    def fill(self, text: str, topn: int = 10) -> Answers:
        """The likeliest words for the gap in a text, with probabilities; see `embedkit.query.filling.fill`."""
        from embedkit.query.filling import fill

        return fill(self, text, topn)

    def save(self, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
        """Write the vectors; the format is `format`, or what the suffix says, see `embedkit.formats`."""
        from embedkit import formats

        formats.save(self, path, format, **options)


def _matrix(vectors: np.ndarray, n_words: int) -> np.ndarray:
    matrix = np.asarray(vectors)
    if matrix.dtype != np.float32:
        matrix = matrix.astype(np.float32)
    if matrix.ndim != 2 or len(matrix) != n_words:
        raise ConfigError(f"expected vectors of shape ({n_words}, vector_size), found {matrix.shape}")
    return matrix


def _several(items: Query | Sequence[Query]) -> list[Query]:
    if isinstance(items, str) or (isinstance(items, np.ndarray) and items.ndim == 1):
        return [items]
    return list(items)
