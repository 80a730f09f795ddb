"""Questions to word vectors: neighbours, analogies, similarities; looking up is `embedkit.query.word_vectors`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.errors import ConfigError, check_aligned, check_several
from embedkit.query import comparing, neighbours, selecting
from embedkit.query.analogies import Triple, analogies
from embedkit.query.combining import Item, Query, negated, several, total, vector_of, weighted, words_in
from embedkit.query.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedkit.query.index import NeighbourIndex

Answers = list[tuple[str, float]]


class KeyedVectors(WordVectors):
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

    def _rows_of(self, words: Iterable[str]) -> list[int]:
        check_several(words, "exclude")
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
        check_several(exclude, "exclude")
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
        exclude: Iterable[Iterable[str]] | None = None,
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
        exclude : iterable of iterables of str, optional
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

        Returns
        -------
        list of list of (word, value)
            For each query, as of `most_similar`.

        Raises
        ------
        ConfigError
            For queries of another shape or that are not finite, and for what does not go with an `index`.
        """
        try:
            queries = np.ascontiguousarray(queries, np.float32)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"`queries` must be vectors, which get_vectors gives of words: {error}") from None
        if queries.ndim != 2 or queries.shape[1] != self.vector_size:
            raise ConfigError(f"expected queries of shape (q, {self.vector_size}), found {queries.shape}")
        if not np.isfinite(queries).all():
            row = int(np.argmin(np.isfinite(queries).all(axis=1)))
            raise ConfigError(f"expected finite numbers, found NaN or an infinity in query {row}")
        limit = neighbours.rows_searched(restrict_vocab, len(self))
        topn = neighbours.answers_wanted(topn, limit)
        skip = [[] for _ in queries] if exclude is None else [self._rows_of(words) for words in exclude]
        check_aligned(queries, skip, ("queries", "exclude"))
        if index is not None:
            if metric != "cosine" or restrict_vocab is not None or among is not None or above is not None:
                raise ConfigError("an index answers for cosine and the whole vocabulary only")
            return self._answers(index.nearest(queries, topn, skip))
        rows = slice(limit) if among is None else selecting.rows_among(self, among, limit)
        return self._answers(selecting.search(self, rows, queries, topn, metric, skip, above))

    def combine(
        self, positive: Query | Sequence[Query], negative: Query | Sequence[Query] = (), metric: str = "cosine"
    ) -> np.ndarray:
        """The mean of some words minus others, the query of `most_similar`: float32 (vector_size,).

        With ``cosine`` each is brought to unit length first.
        """
        plus, minus = several(positive), several(negative)
        weights = sum(abs(weighted(query)[1]) for query in (*plus, *minus))
        return (total(self, [*plus, *negated(minus)], metric) / (weights or 1.0)).astype(np.float32)

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

        Returns
        -------
        list of (word, value)
            The best first.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable.
        ConfigError
            For an unknown method.
        """
        return self.analogy_batch([(a, b, c)], topn, method, restrict_vocab, exclude)[0]

    def analogy_batch(
        self,
        triples: Iterable[Triple],
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
        """How similar two words, phrases or vectors are: cosine or dot product; for ``l2`` their distance.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable.
        ConfigError
            For an unknown metric, or a vector of another size.
        """
        return comparing.similarity(self, a, b, metric)

    def similarities(
        self, rows: Iterable[Item], columns: Iterable[Item] | None = None, metric: str = "cosine"
    ) -> np.ndarray:
        """Every one of `rows` with every one of `columns` (default the same): float64 (n_rows, n_columns)."""
        return comparing.similarities(self, rows, columns, metric)

    def distances(self, word: Item, others: Iterable[Item] | None = None) -> np.ndarray:
        """Cosine distances, 1 - cosine, from a word to others (default every word, by row): float64 (n,)."""
        if others is not None:
            return np.asarray(1 - comparing.similarities(self, [word], others)[0])
        asked = vector_of(self, word).astype(np.float32)[None]
        return 1 - neighbours.scores_of(self.vectors, self.norms, asked, "cosine")[0].astype(np.float64)

    def odd_one_out(self, words: Iterable[str]) -> str:
        """The word that lies farthest (by cosine) from the mean of all of them, each at unit length.

        Raises
        ------
        ConfigError
            For fewer than two words.
        """
        check_several(words, "words")
        words = list(words)
        return words[comparing.odd_one_out(self, words)]

    def fill(self, text: str, topn: int | None = 10) -> Answers:
        """The likeliest words for the gap in a text, with probabilities; see `embedkit.query.filling.fill`."""
        from embedkit.query.filling import fill

        return fill(self, text, topn)

    def save(self, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
        """Write the vectors; the format is `format`, or what the suffix says, see `embedkit.formats`."""
        from embedkit import formats

        formats.write(self.table, path, format, **options)
