"""Word ids to vectors: a table that is pretrained, frozen or learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from embedkit.errors import ConfigError
from embedkit.nn.layers.parameters import Array, Gradients, Parameters, RowGradient

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


class Embedding:
    """A table with one row per word.

    Parameters
    ----------
    weight : float (n_words, d)
        First values of the rows; kept, not copied.
    frozen : bool
        Leave the rows as they are, but for those in `learnt`. May be changed at any time:
        ``embedding.frozen = False`` after an epoch lets the rest of the model settle before the vectors move.
    learnt : bool (n_words,), optional
        Rows that train even while `frozen`: words that the pretrained vectors do not know.
    padding : int, optional
        The row of the padding: zero, and never trained.
    """

    def __init__(
        self, weight: Array, *, frozen: bool = False, learnt: Array | None = None, padding: int | None = None
    ) -> None:
        self.parameters: Parameters = {"weight": weight}
        self.frozen = frozen
        self.learnt = learnt
        self.padding = padding
        if padding is not None:
            weight[padding] = 0.0

    @classmethod
    def random(
        cls,
        n_words: int,
        width: int,
        *,
        rng: np.random.Generator,
        padding: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> Embedding:
        """A table to be learnt from nothing: normal values of variance 1 / d, so that a row's length is about 1."""
        weight = rng.standard_normal((n_words, width)) / np.sqrt(width)
        return cls(weight.astype(dtype), padding=padding)

    @classmethod
    def from_vectors(
        cls,
        vectors: KeyedVectors,
        words: Sequence[str],
        *,
        rng: np.random.Generator,
        frozen: bool = False,
        padding: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> Embedding:
        """The rows of `words` from trained vectors.

        A word in the vocabulary gets its vector, another one the mean of its subwords where the vectors have them.
        The rest get random rows of the vectors' own spread, which are learnt even while the table is frozen.
        """
        weight = np.zeros((len(words), vectors.vector_size), dtype)
        known = np.array([vectors.has_vector(word) for word in words], bool).reshape(len(words))
        if known.any():
            weight[known] = vectors.get_vectors([word for word, have in zip(words, known, strict=True) if have])
            spread = float(weight[known].std())
        else:
            spread = 1.0 / np.sqrt(vectors.vector_size)
        weight[~known] = rng.standard_normal((int((~known).sum()), vectors.vector_size)) * spread
        return cls(weight, frozen=frozen, learnt=~known, padding=padding)

    @property
    def width(self) -> int:
        """Values per row."""
        return int(self.parameters["weight"].shape[1])

    def forward(self, ids: Array) -> tuple[Array, Array]:
        """ids : int (...) → rows : float (..., d)."""
        n_words, ids = len(self.parameters["weight"]), np.asarray(ids)
        if ids.dtype.kind not in "iu" and ids.size:
            raise ConfigError(f"word ids must be whole numbers, found {ids.dtype}")
        if ids.size and (ids.min() < 0 or ids.max() >= n_words):
            raise ConfigError(f"word ids must lie in 0..{n_words - 1}, found {ids.min()}..{ids.max()}")
        return self.parameters["weight"][ids], ids

    def backward(self, dy: Array, cache: Array) -> tuple[None, Gradients]:
        """dy : float (..., d) → a `RowGradient` of the rows that train; ids have no gradient."""
        ids = cache.reshape(-1)
        dy = dy.reshape(len(ids), self.width)
        trained = np.ones(len(ids), bool)
        if self.frozen:
            if self.learnt is None:
                return None, {}
            trained = self.learnt[ids]
        if self.padding is not None:
            trained = trained & (ids != self.padding)
        if not trained.all():
            ids, dy = ids[trained], dy[trained]
        return None, {"weight": RowGradient.from_lookups(ids, dy)}
