"""Word vectors by word: look-up, neighbours, analogies, and vectors for words that were never seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from embedkit.errors import ConfigError, UnknownWordError
from embedkit.kernels import thresholds
from embedkit.query import comparing, neighbours, selecting
from embedkit.query.analogies import Triple, analogies
from embedkit.query.combining import Item, Query, negated, several, total, vector_of, weighted, words_in
from embedkit.query.exporting import Exports
from embedkit.query.other_names import Answering, attribute_error
from embedkit.rows.composed import compose_word
from embedkit.rows.norms import row_norms
from embedkit.rows.protocol import Rows, as_array
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import WordIndex, Words, find_normalised

if TYPE_CHECKING:
    from embedkit.query.index import NeighbourIndex
    from embedkit.rows.subwords import Subwords

Answers = list[tuple[str, float]]


class KeyedVectors(Exports, metaclass=Answering):
    """Word vectors with their words.

    Parameters
    ----------
    words : sequence of str
        The most frequent first where that is known. Of equal words the first row counts.
    vectors : float32 (n_words, vector_size), or other rows (`embedkit.rows.protocol`)
        May be a read-only memory map, or rows that are decoded: one by one while single words are asked for, all when
        the whole matrix is first needed.
    counts : int64 (n_words,), optional
        How often each word was seen in training.
    norms : float32 (n_words,), optional
        The rows' lengths; worked out when first needed.
    subwords : Subwords, optional
        How words are split into n-grams; with `ngram_vectors` unknown words have vectors too.
    ngram_vectors : float32 (bucket, vector_size) or other rows, optional
        The n-grams' rows.
    word_rows : float32 (n_words, vector_size) or other rows, optional
        The words' own rows, before the n-grams were added.
    output_vectors : float32 (n_words, vector_size), optional
        The output layer, for `fill` and for going on with training.
    config : dict, optional
        The full training configuration.

    Attributes
    ----------
    table : EmbeddingTable
        All of these as they are stored: what is written to a file.

    Raises
    ------
    ConfigError
        When the shapes do not fit together.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: Any,
        *,
        counts: np.ndarray | None = None,
        norms: np.ndarray | None = None,
        subwords: Subwords | None = None,
        ngram_vectors: Rows | None = None,
        word_rows: Rows | None = None,
        output_vectors: np.ndarray | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        self._open(
            EmbeddingTable(
                words, vectors, counts, norms, subwords, ngram_vectors, word_rows, output_vectors, config or {}
            )
        )

    @classmethod
    def from_table(cls, table: EmbeddingTable) -> KeyedVectors:
        """Answer questions about what a file holds."""
        vectors = cls.__new__(cls)
        vectors._open(table)
        return vectors

    def _open(self, table: EmbeddingTable) -> None:
        self.table = table
        self.key_to_index: Mapping[str, int] = WordIndex(table.words)
        self._matrix = table.vectors if isinstance(table.vectors, np.ndarray) else None

    @property
    def index_to_key(self) -> Sequence[str]:
        """The words by row."""
        return self.table.words

    @property
    def counts(self) -> np.ndarray | None:
        """How often each word was seen in training, int64 (n_words,), where that is known."""
        return self.table.counts

    @property
    def subwords(self) -> Subwords | None:
        """How words are split into n-grams."""
        return self.table.subwords

    @property
    def ngram_vectors(self) -> Rows | None:
        """The n-grams' rows."""
        return self.table.ngram_vectors

    @property
    def word_rows(self) -> Rows | None:
        """The words' own rows, before the n-grams were added."""
        return self.table.word_rows

    @property
    def output_vectors(self) -> np.ndarray | None:
        """The output layer, where it was kept."""
        return self.table.output_vectors

    @property
    def config(self) -> dict[str, Any]:
        """The training configuration."""
        return self.table.config

    @property
    def vectors(self) -> np.ndarray:
        """All word vectors: float32 (n_words, vector_size)."""
        if self._matrix is None:
            self._matrix = as_array(self.table.vectors)
        return self._matrix

    @property
    def norms(self) -> np.ndarray:
        """Lengths of the word vectors: float32 (n_words,)."""
        if self.table.norms is None:
            self.table.norms = row_norms(self.vectors)
        return self.table.norms

    @property
    def vector_size(self) -> int:
        """Dimensions of a vector."""
        return self.table.vector_size

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.row(word) >= 0

    if not TYPE_CHECKING:  # where unknown names are found without it

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(type(self).__name__, name)

    def __repr__(self) -> str:
        return f"<KeyedVectors: {len(self):,} words, {self.vector_size} dimensions>"

    def row(self, word: str) -> int:
        """The row of a word, however its Hangul or accents are composed; -1 where it is not in the vocabulary."""
        return find_normalised(self.key_to_index, word)

    def has_vector(self, word: str) -> bool:
        """Whether a word is in the vocabulary or can be composed from its n-grams."""
        return self.row(word) >= 0 or self.composes(word)

    def composes(self, word: str) -> bool:
        """Whether a word that is not in the vocabulary can be composed from its n-grams."""
        return self.subwords is not None and self.ngram_vectors is not None and len(self.subwords.buckets(word)) > 0

    def __iter__(self) -> Iterator[str]:
        """The words, by row."""
        return iter(self.index_to_key)

    @overload
    def __getitem__(self, words: str | int) -> np.ndarray: ...
    @overload
    def __getitem__(self, words: Sequence[str] | Sequence[int] | slice | np.ndarray) -> np.ndarray: ...
    def __getitem__(self, words: Any) -> np.ndarray:
        """The vector of a word, or the vectors of several; words that are unknown are composed from their n-grams.

        Parameters
        ----------
        words : str, sequence of str, int, slice or row numbers
            A word gives float32 (vector_size,), ``model[["king", "queen"]]`` float32 (2, vector_size). Numbers and
            slices are rows: ``model[:100]`` is the vectors of the first hundred words.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable; it names close spellings.
        IndexError
            When a row is out of bounds.
        ConfigError
            For anything else.
        """
        if isinstance(words, str):
            return self._vector(words)
        rows = self.table.vectors if self._matrix is None else self._matrix
        if isinstance(words, slice | int | np.integer) and not isinstance(words, bool):
            return rows[words]
        if isinstance(words, np.ndarray) and words.ndim == 1 and words.dtype.kind in "iu":
            return rows[words]
        if isinstance(words, Iterable):
            items = list(words)
            if all(isinstance(item, str) for item in items):
                return self.get_vectors(items)
            if all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in items):
                return rows[np.array(items, np.int64)]
        raise ConfigError(f"expected a word, several words, row numbers or a slice, found {words!r:.60}")

    def _vector(self, word: str) -> np.ndarray:
        row = self.row(word)
        if row >= 0:
            return self.table.vectors[row] if self._matrix is None else self._matrix[row]
        composed = None
        if self.subwords is not None and self.ngram_vectors is not None:
            composed = compose_word(self.subwords, word, self.ngram_vectors)
        if composed is None:
            raise UnknownWordError(word, self.close_spellings(word))
        return composed

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
            rows = [self._vector(word) for word in words]
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

    def most_similar(
        self,
        positive: Query | Sequence[Query] = (),
        negative: Query | Sequence[Query] = (),
        topn: int | None = 10,
        exclude: Iterable[str] = (),
        restrict_vocab: int | None = None,
        metric: str = "cosine",
        among: Iterable[str] | None = None,
        above: float | None = None,
    ) -> Answers:
        """The nearest words to the sum of some words minus others.

        Parameters
        ----------
        positive, negative : str, vector, tuple of words, (any of these, weight), or several of them
            With ``cosine`` each is brought to unit length first, as in Mikolov et al. 2013 (3CosAdd), then multiplied
            by its weight: ``most_similar([("king", 2), "woman"], ["man"])``. `negative` may stand alone. Words in a
            tuple, ``("new", "york")``, are a phrase and count as their mean.
        topn : int or None, default 10
            None: all.
        exclude : iterable of str
            Words that must not be among the answers, beside the query's own.
        restrict_vocab : int, optional
            Search the first so many words only, the most frequent ones in a trained model.
        metric : {"cosine", "l2", "dot"}
        among : iterable of str, optional
            Answer with these words only.
        above : float, optional
            Answer with words of this value or more only; ``topn=None`` gives all of them. Not for ``l2``.

        Returns
        -------
        list of (word, value)
            The nearest first; for ``l2`` the value is a distance.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable.
        """
        plus, minus = several(positive), several(negative)
        if not plus and not minus:
            raise ConfigError("nothing to compare with: give at least one word or vector")
        query = self.combine(plus, minus, metric)
        skip = [*words_in([*plus, *minus]), *exclude]
        return self.most_similar_batch(
            query[None, :],
            topn,
            exclude=[skip],
            restrict_vocab=restrict_vocab,
            metric=metric,
            among=among,
            above=above,
        )[0]

    def most_similar_batch(
        self,
        queries: np.ndarray,
        topn: int | None = 10,
        *,
        exclude: Sequence[Sequence[str]] | None = None,
        restrict_vocab: int | None = None,
        metric: str = "cosine",
        index: NeighbourIndex | None = None,
        among: Iterable[str] | None = None,
        above: float | None = None,
    ) -> list[Answers]:
        """The nearest words of many vectors at once, by blocked matrix products.

        Parameters
        ----------
        queries : float32 (q, vector_size)
        topn : int or None, default 10
            None: all.
        exclude : sequence of sequences of str, optional
            For each query the words that must not be among its answers.
        restrict_vocab : int, optional
            Search the first so many words only.
        metric : {"cosine", "l2", "dot"}
        index : NeighbourIndex, optional
            Ask this index rather than compare with every vector; cosine over the whole vocabulary only.
        among : iterable of str, optional
            Answer with these words only.
        above : float, optional
            Answer with words of this value or more only. Not for ``l2``.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.vector_size:
            raise ConfigError(f"expected queries of shape (q, {self.vector_size}), found {queries.shape}")
        if not np.isfinite(queries).all():
            row = int(np.argmin(np.isfinite(queries).all(axis=1)))
            raise ConfigError(f"expected finite numbers, found NaN or an infinity in query {row}")
        limit = neighbours.rows_searched(restrict_vocab, len(self))
        topn = neighbours.answers_wanted(topn, limit)
        skip = [[] for _ in queries] if exclude is None else [self._rows_of(words) for words in exclude]
        if index is not None:
            if metric != "cosine" or restrict_vocab is not None or among is not None or above is not None:
                raise ConfigError("an index answers for cosine and the whole vocabulary only")
            return self._answers(index.nearest(queries, topn, skip))
        rows = slice(limit) if among is None else selecting.rows_among(self, among, limit)
        return self._answers(selecting.search(self, rows, queries, topn, metric, skip, above))

    def combine(self, positive: Sequence[Query], negative: Sequence[Query] = (), metric: str = "cosine") -> np.ndarray:
        """The mean of some words minus others, the query of `most_similar`: float32 (vector_size,).

        With ``cosine`` each is brought to unit length first.
        """
        weights = sum(abs(weighted(query)[1]) for query in (*positive, *negative))
        return (total(self, [*positive, *negated(negative)], metric) / (weights or 1.0)).astype(np.float32)

    def analogy(
        self,
        a: Item,
        b: Item,
        c: Item,
        topn: int | None = 10,
        method: str = "3cosadd",
        restrict_vocab: int | None = None,
        exclude: Iterable[str] = (),
    ) -> Answers:
        """`a` is to `b` as `c` is to the answers.

        Parameters
        ----------
        a, b, c : str, tuple of words (a phrase) or vector
        topn : int or None, default 10
            None: all.
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
        triples: Sequence[Triple],
        topn: int | None = 10,
        method: str = "3cosadd",
        restrict_vocab: int | None = None,
        exclude: Iterable[str] = (),
    ) -> list[Answers]:
        """`analogy` for many (a, b, c) at once, by blocked matrix products."""
        return self._answers(analogies(self, triples, topn, method, restrict_vocab, exclude))

    def rank(
        self,
        positive: Query | Sequence[Query],
        word: str,
        negative: Query | Sequence[Query] = (),
        metric: str = "cosine",
        restrict_vocab: int | None = None,
    ) -> int:
        """The place of `word` among the answers of `most_similar`, 1 for the nearest; parameters as there.

        Raises
        ------
        UnknownWordError
            When `word` is not in the vocabulary.
        ConfigError
            When `word` is one of the query's own.
        """
        plus, minus = several(positive), several(negative)
        asked, own = self.combine(plus, minus, metric), words_in([*plus, *minus])
        return selecting.rank(self, asked, word, own, metric, restrict_vocab)[0]

    def similarity(self, a: Item, b: Item, metric: str = "cosine") -> float:
        """How similar two words, phrases or vectors are: cosine or dot product; for ``l2`` their distance."""
        return comparing.similarity(self, a, b, metric)

    def similarities(
        self, rows: Sequence[Item], columns: Sequence[Item] | None = None, metric: str = "cosine"
    ) -> np.ndarray:
        """Every one of `rows` with every one of `columns` (default the same): float64 (n_rows, n_columns)."""
        return comparing.similarities(self, rows, columns, metric)

    def distances(self, word: Item, others: Sequence[Item] | None = None) -> np.ndarray:
        """Cosine distances, 1 - cosine, from a word to others (default every word, by row): float64 (n,)."""
        if others is not None:
            return np.asarray(1 - comparing.similarities(self, [word], others)[0])
        asked = vector_of(self, word).astype(np.float32)[None]
        return 1 - neighbours.scores_of(self.vectors, self.norms, asked, "cosine")[0].astype(np.float64)

    def odd_one_out(self, words: Sequence[str]) -> str:
        """The word that lies farthest (by cosine) from the mean of all of them, each at unit length."""
        return words[comparing.odd_one_out(self, words)]

    def fill(self, text: str, topn: int | None = 10) -> Answers:
        """The likeliest words for the gap in a text, with probabilities; see `embedkit.query.filling.fill`."""
        from embedkit.query.filling import fill

        return fill(self, text, topn)

    def save(self, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
        """Write the vectors; the format is `format`, or what the suffix says, see `embedkit.formats`."""
        from embedkit import formats

        formats.write(self.table, path, format, **options)
