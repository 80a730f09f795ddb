"""The tokens that a model reads and writes, by number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import check_several
from embedkit.nn.words.tokens import warn_unknown
from embedkit.vocabulary.vocabulary import Vocabulary
from embedkit.vocabulary.words import Words, find_normalised

if TYPE_CHECKING:
    from embedkit.nn.layers.embedding import Embedding
    from embedkit.query.keyed_vectors import KeyedVectors

UNKNOWN, END, MASK = "<unk>", "</s>", "<mask>"
SPECIALS = (UNKNOWN, END, MASK)
UNKNOWN_ID, END_ID, MASK_ID = range(3)
MAX_VOCAB = 20_000  # tokens that a model writes


class TokenTable:
    """Numbers of tokens: the specials, then the words, most frequent first.

    The specials are ``<unk>``, ``</s>`` (before the first and after the last token of a text) and ``<mask>``.

    Parameters
    ----------
    words : sequence of str
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.tokens = [*SPECIALS, *words]
        self._index = {token: i for i, token in enumerate(self.tokens)}
        del self._index[MASK]  # no text says what is hidden

    @classmethod
    def from_texts(cls, texts: Iterable[Sequence[str]], min_count: int = 1, max_vocab: int | None = None) -> TokenTable:
        """The words of tokenised texts, ties in UTF-8 order.

        Raises
        ------
        CorpusError
            When no word is frequent enough.
        """
        counts = Counter(token for text in texts for token in text)
        for special in SPECIALS:
            counts.pop(special, None)
        return cls(list(Vocabulary.from_counts(counts, min_count, max_vocab, "the text")))

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        """int64 (n,); `UNKNOWN_ID` for tokens that are not in the table, however they are composed.

        Raises
        ------
        ConfigError
            For one string, whose letters would be the tokens.
        """
        check_several(tokens, "tokens")
        return np.array([max(find_normalised(self._index, token), UNKNOWN_ID) for token in tokens], np.int64)

    def knows(self, tokens: Sequence[str]) -> bool:
        """Whether one of these tokens is a word of the table."""
        return bool((self.encode(tokens) >= len(SPECIALS)).any())

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The tokens of these numbers."""
        return [self.tokens[i] for i in ids]

    def to_tensors(self, prefix: str = "") -> dict[str, np.ndarray]:
        """What a model file stores."""
        packed = Words.from_strings(self.tokens[len(SPECIALS) :])
        return {
            f"{prefix}words": packed.blob,
            f"{prefix}word_offsets": packed.offsets,
            f"{prefix}word_order": packed.order,
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray], prefix: str = "") -> TokenTable:
        """The inverse of `to_tensors`."""
        parts = [tensors[f"{prefix}{name}"] for name in ("words", "word_offsets", "word_order")]
        return cls(list(Words.checked(*parts)))

    def first_vectors(self, vectors: KeyedVectors | None, vector_size: int, rng: np.random.Generator) -> np.ndarray:
        """First rows of an embedding, float32 (n, d), of a standard deviation of about 1/√d.

        Words that `vectors` have, composed from subwords or not, start there, scaled to that deviation; the
        others start at random.
        """
        width = vectors.vector_size if vectors is not None else vector_size
        weight = rng.standard_normal((len(self), width)).astype(np.float32)
        if vectors is not None:
            known = [i for i in range(len(SPECIALS), len(self)) if vectors.has_vector(self.tokens[i])]
            warn_unknown(sum(vectors.row(self.tokens[i]) >= 0 for i in known), len(self) - len(SPECIALS))
            if known:
                found = vectors.get_vectors([self.tokens[i] for i in known])
                weight[known] = found / max(float(found.std()), 1e-6)
        weight *= np.float32(1.0 / np.sqrt(width))
        return weight

    def start_frozen(self, embedding: Embedding, vectors: KeyedVectors | None, frozen: bool) -> None:
        """Freeze an embedding of `first_vectors`, if it is to be; words that `vectors` do not have train even so."""
        if vectors is not None:
            embedding.frozen = frozen
            embedding.learnt = np.array([not vectors.has_vector(token) for token in self.tokens])
