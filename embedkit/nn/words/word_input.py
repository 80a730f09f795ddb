"""What a task model knows of each word, side by side: its vector, its spelling, its vector in the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from embedkit.nn.layers.bag import BagCache, BagEmbedding, Bags
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, with_prefix
from embedkit.nn.words.lookup import WordLookup
from embedkit.nn.words.spelling import SpellingLookup
from embedkit.nn.words.token_table import UNKNOWN_ID

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


class TypeRows(NamedTuple):
    """Where each of some token types is found: rows of word vectors, of spelling, numbers in the language model."""

    words: Bags
    spelling: Bags | None
    context: Array | None


class WordInputCache(NamedTuple):
    """What `WordInput.forward` leaves for its backward, part by part."""

    words: BagCache
    spelling: BagCache | None
    context: Any


class Context(Protocol):
    """What a trained language model is as a part of the input: the vector of a word in its sentence."""

    parameters: Parameters

    @property
    def width(self) -> int:
        """Values per word."""

    def ids(self, tokens: Sequence[str]) -> Array:
        """The numbers of tokens in the language model's own table: int64 (n,)."""

    def forward(
        self, ids: Array, mask: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """ids : int64 (batch, time); mask : bool → float (batch, time, width)."""

    def backward(self, dy: Array, cache: Any) -> tuple[None, Gradients]:
        """dy : float (batch, time, width) → grads; tokens have no gradient."""

    def to_config(self) -> dict[str, Any]:
        """What a model file's configuration says of it."""

    def to_tensors(self, prefix: str) -> dict[str, Array]:
        """What a model file stores beside the parameters."""


class WordInput:
    """The first layer of a task model.

    Parameters
    ----------
    lookup : WordLookup
    weight : float (n_rows, d)
        The words' vectors.
    frozen : bool
        Keep them as they are, but for the rows in `learnt`.
    learnt : bool (n_rows,), optional
    scale : float
        What foreign vectors are multiplied with to be like `weight`.
    spelling : SpellingLookup, optional
    spelling_size : int
        Width of the spelling's vectors.
    context : Context, optional
        A trained language model: `embedkit.nn.models.contextual.ContextualEncoder`.
    rng : numpy.random.Generator
        First values of the spelling's vectors.
    """

    def __init__(
        self,
        lookup: WordLookup,
        weight: Array,
        *,
        frozen: bool = False,
        learnt: Array | None = None,
        scale: float = 1.0,
        spelling: SpellingLookup | None = None,
        spelling_size: int = 0,
        context: Context | None = None,
        rng: np.random.Generator,
    ) -> None:
        self.lookup, self.scale, self.spelling, self.context = lookup, scale, spelling, context
        self.embedding = BagEmbedding(weight, frozen=frozen, learnt=learnt)
        self.parameters: Parameters = with_prefix("embedding", self.embedding.parameters)
        self.widths = [weight.shape[1]]
        self._lender: KeyedVectors | None = None
        if spelling is not None:
            first = rng.standard_normal((spelling.n_rows, spelling_size)).astype(weight.dtype)
            self._spelt = BagEmbedding(first)
            self.parameters |= with_prefix("spelling", self._spelt.parameters)
            self.widths.append(spelling_size)
        if context is not None:
            self.parameters |= with_prefix("context", context.parameters)
            self.widths.append(context.width)

    @property
    def width(self) -> int:
        """Values per word."""
        return sum(self.widths)

    def rows(self, tokens: Sequence[str]) -> TypeRows:
        """Where tokens are found; those that the model does not know come from the vectors of `borrow_from`."""
        if self._lender is not None:
            self.embedding.borrowed = self.lookup.borrow(tokens, self._lender, self.scale)
        return TypeRows(
            self.lookup.bags(tokens),
            self.spelling.bags(tokens) if self.spelling is not None else None,
            self.context.ids(tokens) if self.context is not None else None,
        )

    @staticmethod
    def known(ids: Sequence[Array], rows: TypeRows) -> list[bool]:
        """Whether something is known of one of the tokens, for each sentence of token types."""
        known = rows.words.known()
        if rows.spelling is not None:
            known |= rows.spelling.known()
        if rows.context is not None:
            known |= rows.context != UNKNOWN_ID
        return [bool(known[sentence].any()) for sentence in ids]

    def borrow_from(self, vectors: KeyedVectors) -> None:
        """Look up in `vectors` what the model does not know."""
        self._lender = vectors

    def forward(
        self,
        types: Array,
        mask: Array,
        rows: TypeRows,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, WordInputCache]:
        """types : int64 (batch, time), places in `rows`; mask : bool → float (batch, time, width)."""
        x, words = self.embedding.forward(types, mask, rows.words)
        parts, spelling, context = [x], None, None
        if rows.spelling is not None:
            x, spelling = self._spelt.forward(types, mask, rows.spelling)
            parts.append(x)
        if self.context is not None and rows.context is not None:
            x, context = self.context.forward(rows.context[types], mask, training=training, rng=rng)
            parts.append(x)
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        return joined, WordInputCache(words, spelling, context)

    def backward(self, dx: Array, cache: WordInputCache) -> tuple[None, Gradients]:
        """dx : float (batch, time, width) → grads; tokens have no gradient."""
        parts = iter(np.split(dx, np.cumsum(self.widths)[:-1], axis=2))
        grads = with_prefix("embedding", self.embedding.backward(next(parts), cache.words)[1])
        if cache.spelling is not None:
            grads |= with_prefix("spelling", self._spelt.backward(next(parts), cache.spelling)[1])
        if self.context is not None and cache.context is not None:
            grads |= with_prefix("context", self.context.backward(next(parts), cache.context)[1])
        return None, grads

    def to_config(self) -> dict[str, Any]:
        """What a model file's configuration says of it."""
        subwords = self.lookup.subwords
        return {
            "scale": self.scale,
            "subwords": subwords.to_config() if subwords else None,
            "context": self.context.to_config() if self.context is not None else None,
        }

    def to_tensors(self) -> dict[str, Array]:
        """What a model file stores beside the parameters."""
        tensors = self.lookup.to_tensors()
        if self.spelling is not None:
            tensors |= self.spelling.to_tensors()
        if self.context is not None:
            tensors |= self.context.to_tensors("context")
        return tensors
