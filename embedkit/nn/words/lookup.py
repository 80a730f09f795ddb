"""From tokens to rows of an embedding: the part of the vectors that a task model carries with it.

A token is made of one row or several, and its vector is their mean. Row 0 stands for tokens that nothing is known of;
then come the rows of words, then those of subword buckets. Where the vectors have subwords, a word of the training
text is its own row and its n-grams' rows, an unknown one its n-grams' rows alone, as in fastText (Bojanowski et al.
2017), so that fine-tuning moves words that were never seen along with those that were. Only buckets that at least
`MIN_BUCKET_WORDS` words of the training text share are carried: the others say nothing about further words, and a
model file would be as large as the vectors.

A token is looked up as it is written, then in lower case.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedkit.errors import FormatError
from embedkit.kernels import thresholds
from embedkit.nn.layers.bag import Bags
from embedkit.nn.words.tokens import warn_unknown
from embedkit.rows.subwords import Subwords
from embedkit.vocabulary.forms import UsualForms
from embedkit.vocabulary.words import WordIndex, Words, find_normalised

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

Cut = Callable[[Sequence[str]], list[list[str]]]
MIN_BUCKET_WORDS = 2
MIN_COUNT = 2


class WordLookup:
    """Which rows make up a token.

    Parameters
    ----------
    words : sequence of str
        Word i has row 1 + i.
    subwords : Subwords, optional
        How tokens are split into n-grams.
    buckets : int64 (n_buckets,), ascending
        The buckets that have rows: ``buckets[j]`` has row 1 + len(words) + j.

    Attributes
    ----------
    cut : callable, optional
        Takes tokens apart as the vectors' text was: a token that is no word is the mean of its parts.
    """

    def __init__(
        self, words: Sequence[str], subwords: Subwords | None = None, buckets: np.ndarray | None = None
    ) -> None:
        self.words = words
        self.cut: Cut | None = None
        self.subwords = subwords
        self.buckets = np.zeros(0, np.int64) if buckets is None else buckets
        self._index = WordIndex(words)
        self.borrowed: dict[str, int] = {}

    @cached_property
    def _forms(self) -> UsualForms:
        return UsualForms(self.words)

    @property
    def n_rows(self) -> int:
        return 1 + len(self.words) + len(self.buckets)

    def word_row(self, token: str) -> int:
        """The row of a token's word, 0 where it is not in the list."""
        return 1 + find_cased(self._index, token)

    def bags(self, tokens: Sequence[str]) -> Bags:
        """The rows of each token."""
        if self.cut is None:
            return self._whole_bags(tokens)
        parts = self._parts(tokens)
        found = self._whole_bags(list(itertools.chain(*parts)))
        ends = np.cumsum([0, *map(len, parts)])
        return Bags(found.offsets[ends], found.rows)

    def _parts(self, tokens: Sequence[str]) -> list[list[str]]:
        """What each token is looked up by, at least itself."""
        if self.cut is None:
            return [[token] for token in tokens]
        whole = [bool(self.borrowed.get(token) or self.word_row(token)) for token in tokens]
        return [
            [token] if known or not parts else parts
            for token, known, parts in zip(tokens, whole, self.cut(tokens), strict=True)
        ]

    def _whole_bags(self, tokens: Sequence[str]) -> Bags:
        own = np.array([self.borrowed.get(token) or self.word_row(token) for token in tokens], np.int64)
        if self.subwords is None:
            return Bags(np.arange(len(tokens) + 1), own)
        offsets, buckets = bucket_lists(self.subwords, list(map(self._spelt, tokens)))
        return join_bags(own, offsets, self._bucket_rows(buckets))

    def _spelt(self, token: str) -> str:
        """A token as the words have it, or would have it."""
        row = find_normalised(self._index, token)
        return self.words[row] if row >= 0 else self._forms.spelt(token)

    def _bucket_rows(self, buckets: np.ndarray) -> np.ndarray:
        """Rows of buckets, −1 for those that have none."""
        if not len(self.buckets):
            return np.full(len(buckets), -1, np.int64)
        place = np.minimum(np.searchsorted(self.buckets, buckets), len(self.buckets) - 1)
        return np.where(self.buckets[place] == buckets, place + 1 + len(self.words), -1)

    def borrow(self, tokens: Iterable[str], vectors: KeyedVectors, scale: float) -> np.ndarray:
        """Find vectors for the tokens that nothing is known of.

        Returns
        -------
        float32 (n, d)
            The vectors of those that `vectors` has, times `scale`; from now on their rows are `n_rows` and up.
        """
        self.borrowed, tokens = {}, list(dict.fromkeys(tokens))
        whole = {token for token in tokens if vectors.row(token) >= 0} if self.cut is not None else set()
        parts = itertools.chain(*self._parts([token for token in tokens if token not in whole]))
        wanted = list(dict.fromkeys([*(token for token in tokens if token in whole), *parts]))
        bags = self._whole_bags(wanted)
        unknown = bags.rows[bags.offsets[:-1]] == 0
        found = [token for token, none in zip(wanted, unknown, strict=True) if none and vectors.has_vector(token)]
        self.borrowed = {token: self.n_rows + i for i, token in enumerate(found)}
        return vectors.get_vectors(found).astype(np.float32) * np.float32(scale)

    def to_tensors(self) -> dict[str, np.ndarray]:
        """What a model file stores of it; `from_tensors` is the inverse."""
        packed = Words.from_strings(self.words)
        tensors = {"words": packed.blob, "word_offsets": packed.offsets, "word_order": packed.order}
        if self.subwords is not None:
            tensors["buckets"] = self.buckets
        return tensors

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray], subwords: dict[str, Any] | None) -> WordLookup:
        """The look-up that `to_tensors` took apart.

        Raises
        ------
        FormatError
            When the words cannot be cut out of their bytes.
        """
        words = Words.checked(tensors["words"], tensors["word_offsets"], tensors["word_order"])
        if subwords is None:
            return cls(words)
        if not isinstance(subwords, dict):
            raise FormatError(f"expected how words are cut into n-grams, found {str(subwords)[:60]!r}")
        buckets = tensors["buckets"]
        if buckets.dtype != np.int64 or buckets.ndim != 1 or (np.diff(buckets) <= 0).any():
            raise FormatError("the buckets are no ascending row of int64")
        return cls(words, Subwords.from_config(subwords), buckets)


def find_cased(index: WordIndex, token: str) -> int:
    """The row of a token as it is written, or else in lower case; -1 for none."""
    row = find_normalised(index, token)
    if row < 0 and (lower := token.lower()) != token:
        row = find_normalised(index, lower)
    return row


def join_bags(own: np.ndarray, offsets: np.ndarray, piece_rows: np.ndarray) -> Bags:
    """Put each token's own row (0 for none) before its n-grams' rows (−1 for none); row 0 where nothing is left."""
    n = len(own)
    token = np.repeat(np.arange(n), np.diff(offsets))
    have = piece_rows >= 0
    counts = np.bincount(token[have], minlength=n)
    with_own = (own > 0) | (counts == 0)
    ends = np.cumsum(counts + with_own)
    rows = np.empty(int(ends[-1]) if n else 0, np.int64)
    starts = ends - counts - with_own
    rows[starts[with_own]] = own[with_own]
    filled = np.ones(len(rows), bool)
    filled[starts[with_own]] = False
    rows[filled] = piece_rows[have]
    return Bags(np.concatenate([[0], ends]), rows)


def bucket_lists(subwords: Subwords, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The buckets of all tokens' n-grams: offsets int64 (n + 1,), buckets int64; by a kernel where they are many."""
    if len(tokens) < thresholds.HASHED_WORDS:
        lists = [subwords.buckets(token) for token in tokens]
        offsets = np.concatenate([[0], np.cumsum([len(b) for b in lists])]).astype(np.int64)
        return offsets, np.concatenate(lists) if lists else np.zeros(0, np.int64)
    from embedkit.rows.composing import hash_words

    offsets, buckets = hash_words(subwords, tokens)
    return offsets, buckets.astype(np.int64)


class Start(NamedTuple):
    """What a model begins with.

    Attributes
    ----------
    lookup : WordLookup
    weight : float32 (n_rows, vector_size)
        Its values have a standard deviation of about 1, whatever made the vectors.
    scale : float
        What the vectors were multiplied with for that.
    learnt : bool (n_rows,)
        Rows that nothing was known of.
    """

    lookup: WordLookup
    weight: np.ndarray
    scale: float
    learnt: np.ndarray


def build_lookup(
    vectors: KeyedVectors | None,
    tokens: Iterable[str],
    *,
    vector_size: int = 100,
    max_words: int = 200_000,
    cut: Cut | None = None,
    rng: np.random.Generator,
) -> Start:
    """The words that a model carries, and their first vectors.

    Parameters
    ----------
    vectors : KeyedVectors or None
        None: all rows are random.
    tokens : iterable of str
        The training text's.
    vector_size : int
        Without `vectors`.
    max_words : int
        Of vectors without subwords the most frequent so many come along, seen in the training text or not.
    cut : callable, optional
        As of the look-up, which it is left to the caller to give it; tokens that the vectors lack count by their parts.
    rng : Generator
        For the rows of words that the vectors do not know.

    Returns
    -------
    Start

    Warns
    -----
    UserWarning
        Where the vectors have hardly any of the tokens.
    """
    counts = Counter(tokens)
    if cut is not None and vectors is not None:
        counts = Counter(_counted_parts(vectors, counts, cut))
    if vectors is None:
        lookup = WordLookup(sorted(word for word, n in counts.items() if n >= MIN_COUNT))
        weight = rng.standard_normal((lookup.n_rows, vector_size), dtype=np.float32)
        return Start(lookup, weight, 1.0, np.ones(lookup.n_rows, bool))
    warn_unknown(sum(vectors.row(word) >= 0 or vectors.row(word.lower()) >= 0 for word in counts), len(counts))
    if vectors.subwords is not None and vectors.ngram_vectors is not None:
        return _with_subwords(vectors, vectors.subwords, vectors.ngram_vectors, counts)
    return _with_words(vectors, counts, max_words, rng)


def _counted_parts(vectors: KeyedVectors, counts: Counter[str], cut: Cut) -> Iterable[str]:
    """Every token as often as it is there, those that the vectors lack in parts."""
    for (token, n), parts in zip(counts.items(), cut(list(counts)), strict=True):
        for part in [token] if vectors.row(token) >= 0 or not parts else parts:
            yield from itertools.repeat(part, n)


def _with_words(vectors: KeyedVectors, counts: Counter[str], max_words: int, rng: np.random.Generator) -> Start:
    rows: dict[str, int] = {}
    for row, word in zip(range(max_words), vectors.index_to_key, strict=False):
        rows.setdefault(word, row)
    learnt = []
    for word, n in counts.items():
        row = vectors.row(word)
        if row >= 0:
            rows.setdefault(vectors.index_to_key[row], row)
        elif n >= MIN_COUNT and vectors.row(word.lower()) < 0:
            learnt.append(word)
    lookup = WordLookup([*rows, *sorted(learnt)])
    own = vectors.vectors[np.fromiter(rows.values(), np.int64, len(rows))]
    scale = 1.0 / max(float(own.std()), 1e-6)
    weight = rng.standard_normal((lookup.n_rows, vectors.vector_size), dtype=np.float32)
    weight[1 : 1 + len(own)] = own * np.float32(scale)
    numbers = np.arange(lookup.n_rows)
    return Start(lookup, weight, scale, (numbers == 0) | (numbers > len(own)))


def _with_subwords(vectors: KeyedVectors, subwords: Subwords, ngram_vectors: Any, counts: Counter[str]) -> Start:
    spelt: Counter[str] = Counter()  # as the vectors have words, of whose n-grams they are
    for token, n in counts.items():
        spelt[vectors.as_spelt(token)] += n
    tokens = sorted(spelt)
    rows = {word: row for word in tokens if (row := vectors.row(word)) >= 0}
    learnt = [word for word in tokens if word not in rows and spelt[word] >= MIN_COUNT]
    _, used = bucket_lists(subwords, tokens)
    buckets, shared_by = np.unique(used, return_counts=True)
    buckets = buckets[shared_by >= MIN_BUCKET_WORDS].astype(np.int64)
    lookup = WordLookup([*rows, *learnt], subwords, buckets)
    own = vectors.word_rows if vectors.word_rows is not None else vectors.vectors
    weight = np.zeros((lookup.n_rows, vectors.vector_size), np.float32)
    weight[1 : 1 + len(rows)] = own[np.fromiter(rows.values(), np.int64, len(rows))]
    weight[1 + len(lookup.words) :] = ngram_vectors[buckets]
    composed = vectors.vectors[np.fromiter(rows.values(), np.int64, len(rows))] if rows else ngram_vectors[buckets]
    scale = 1.0 / max(float(composed.std()), 1e-6)
    weight *= np.float32(scale)
    numbers = np.arange(lookup.n_rows)
    return Start(lookup, weight, scale, (numbers == 0) | ((numbers > len(rows)) & (numbers <= len(lookup.words))))
