"""Words and their vectors: what is stored, looked up by word, and composed for words that were never seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from embedkit.errors import ConfigError, UnknownWordError, check_several, counted
from embedkit.kernels import thresholds
from embedkit.query.exporting import Exports
from embedkit.query.other_names import Answering, attribute_error
from embedkit.rows.composed import compose_word
from embedkit.rows.norms import row_norms
from embedkit.rows.protocol import Rows, as_array
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.forms import UsualForms
from embedkit.vocabulary.tagged import tags_of
from embedkit.vocabulary.words import WordIndex, Words, find_normalised

if TYPE_CHECKING:
    from embedkit.rows.subwords import Subwords


class WordVectors(Exports, metaclass=Answering):
    """Vectors by word; parameters, attributes and errors are those of `embedkit.query.keyed_vectors.KeyedVectors`."""

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
    def from_table(cls, table: EmbeddingTable) -> Self:
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
        return f"<KeyedVectors: {counted(len(self), 'word')}, {counted(self.vector_size, 'dimension')}>"

    def row(self, word: str) -> int:
        """The row of a word, however its Hangul or accents are composed; -1 where it is not in the vocabulary."""
        return find_normalised(self.key_to_index, word)

    def as_spelt(self, word: str) -> str:
        """A word as the vocabulary has it, composed or decomposed; one that it has not as most of its words are.

        So n-grams of Hangul that was typed on macOS, which often arrives decomposed, are those that the model learnt.
        """
        row = self.row(word)
        return self.index_to_key[row] if row >= 0 else self._forms.spelt(word)

    @cached_property
    def _forms(self) -> UsualForms:
        return UsualForms(self.index_to_key)

    def has_vector(self, word: str) -> bool:
        """Whether a word is in the vocabulary or can be composed from its n-grams."""
        return self.row(word) >= 0 or self.composes(word)

    def composes(self, word: str) -> bool:
        """Whether a word that is not in the vocabulary can be composed from its n-grams."""
        return self._composed(word) is not None

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
        if isinstance(words, Iterable) and not isinstance(words, bytes):
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
        composed = self._composed(word)
        if composed is None:
            raise UnknownWordError(word, self.close_spellings(word))
        return composed

    def _composed(self, word: str) -> np.ndarray | None:
        if self.subwords is None or self.ngram_vectors is None:
            return None
        return compose_word(self.subwords, self._forms.spelt(word), self.ngram_vectors)

    def get_vectors(self, words: Iterable[str]) -> np.ndarray:
        """The vectors of several words: float32 (n, vector_size).

        Many unknown words at once are composed by a kernel, a million a second.

        Raises
        ------
        UnknownWordError
            When a word is neither known nor composable; it names close spellings.
        ConfigError
            For one word that is not in a list.
        """
        check_several(words, "words")
        words = list(words)
        known = [self.row(word) for word in words]
        unknown = [i for i, row in enumerate(known) if row < 0]
        if len(unknown) < thresholds.HASHED_WORDS or self.subwords is None or self.ngram_vectors is None:
            rows = [self._vector(word) for word in words]
            return np.stack(rows) if rows else np.zeros((0, self.vector_size), np.float32)
        from embedkit.rows.composing import compose

        composed, has_vector = compose(
            self.subwords, [self._forms.spelt(words[i]) for i in unknown], self.ngram_vectors
        )
        if not has_vector.all():
            bare = words[unknown[int(np.argmin(has_vector))]]
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
        """At most `n` words of the vocabulary spelt almost like `word`; itself with a tag comes first."""
        from embedkit.vocabulary.spelling import close_spellings

        close = close_spellings(Words.from_strings(self.index_to_key), self._forms.spelt(word), n)
        found = [*self.tagged(word), *close]
        return list(dict.fromkeys(found))[:n]

    def tagged(self, word: str) -> list[str]:
        """The words of the vocabulary that are `word` with a tag behind it: 학교/NNG; none where words have no tags."""
        return [self.as_spelt(with_tag) for tag in self._tags if (with_tag := f"{word}/{tag}") in self]

    @cached_property
    def _tags(self) -> tuple[str, ...]:
        return tags_of(self.index_to_key)
