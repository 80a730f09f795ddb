"""The wide part of a tagger: a linear model of many features, beside the network (Cheng et al. 2016, "Wide & Deep").

A linear-chain conditional random field (Lafferty, McCallum and Pereira 2001) over `embedkit.nn.words.surroundings`.
Unlike there the two are trained apart, since together each learns what the other misses of the training text only; the
means of both their scores, emissions and transitions, tag a sentence (a logarithmic opinion pool: Smith, Cohn and
Osborne 2005, "Logarithmic Opinion Pools for Conditional Random Fields").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedkit.errors import FormatError
from embedkit.nn.layers.parameters import Array, Parameters, with_prefix, without_prefix
from embedkit.nn.words.surroundings import WordBags, frequent, known_rows

EPOCHS, RATE = 6, 0.07
PIECE = 256  # sentences between two looks at the keyboard
PIECE_BAGS = 1 << 14  # bags summed at once
MOST_WEIGHTS = 1 << 26


class WideField:
    """A trained conditional random field over sparse features.

    Parameters
    ----------
    features : uint32 (n_features,), ascending
        The hashes of those that have weights.
    parameters : dict
        ``weight`` float32 (n_features, K), ``transitions`` (K, K), ``start`` (K,), ``end`` (K,).
    """

    def __init__(self, features: Array, parameters: Parameters) -> None:
        self.features, self.parameters = features, parameters

    def scores(self, words: WordBags) -> list[Array]:
        """The score of every tag of every word: float64 (n_words, K) for each sentence."""
        offsets, rows = known_rows(words, self.features)
        sums = np.zeros((len(offsets) - 1, self.parameters["weight"].shape[1]))
        for low in range(0, len(sums), PIECE_BAGS):
            self._sum(offsets[low : low + PIECE_BAGS + 1], rows, sums[low : low + PIECE_BAGS])
        return np.split(sums[words.bags].sum(axis=1), words.starts[1:-1])

    def _sum(self, offsets: Array, rows: Array, out: Array) -> None:
        """The weights of the features of some bags, added up."""
        full = np.flatnonzero(np.diff(offsets))
        if len(full):
            weights = self.parameters["weight"][rows[offsets[0] : offsets[-1]]].astype(np.float64)
            out[full] = np.add.reduceat(weights, offsets[full] - offsets[0], axis=0)

    def to_tensors(self) -> dict[str, Array]:
        """What a model file stores; `from_tensors` is the inverse."""
        return {"wide.features": self.features, **with_prefix("wide", self.parameters)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Array], n_tags: int) -> WideField:
        """Build it again.

        Raises
        ------
        FormatError
            When an array is missing, of another shape or kind, or holds a NaN or infinity.
        """
        found = without_prefix("wide", tensors)
        features = found.pop("features", np.zeros(0))
        if features.dtype != np.uint32 or features.ndim != 1 or (features[1:] <= features[:-1]).any():
            raise FormatError("the features of the wide part are no ascending row of uint32")
        square, row = (n_tags, n_tags), (n_tags,)
        shapes = {"weight": (len(features), n_tags), "transitions": square, "start": row, "end": row}
        if set(found) != set(shapes):
            raise FormatError(
                f"expected {', '.join(shapes)} of the wide part, found {', '.join(found)[:60] or 'nothing'}"
            )
        for name, shape in shapes.items():
            array = found[name]
            if array.shape != shape or array.dtype != np.float32:
                raise FormatError(f"expected wide.{name} of float32 {shape}, found {array.dtype} {array.shape}")
            if not np.isfinite(array).all():
                raise FormatError(f"wide.{name} holds a NaN or infinity")
        return cls(features, found)


def train_wide(
    words: WordBags,
    tags: Sequence[Array],
    n_tags: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> WideField:
    """Train on tagged sentences; the same bits each time.

    Parameters
    ----------
    words : WordBags
    tags : sequence of int64 (n_words,)
        The sentences' tags.
    n_tags, seed : int
    progress : callable
        Is told how many sentences are done, of how many.
    """
    from embedkit.kernels.chains import ChainData, train_chains

    n_sentences = len(words.starts) - 1
    features = frequent(words, MOST_WEIGHTS // n_tags)
    data = ChainData(words.starts, words.bags, *known_rows(words, features))
    flat = np.concatenate([np.zeros(0, np.int64), *tags])
    weight = np.zeros((len(features), n_tags), np.float32)
    chain = np.zeros((n_tags + 2, n_tags))
    squares = np.zeros_like(weight), np.zeros_like(chain)
    rng = np.random.default_rng(np.random.SeedSequence((seed, 3 << 20)))
    for epoch in range(EPOCHS):
        order = rng.permutation(n_sentences)
        for low in range(0, n_sentences, PIECE):
            train_chains(data, flat, order[low : low + PIECE], weight, squares[0], chain, squares[1], RATE)
            progress(epoch * n_sentences + low, EPOCHS * n_sentences)
    chain = chain.astype(np.float32)
    parts = {"weight": weight, "transitions": chain[:n_tags], "start": chain[n_tags], "end": chain[n_tags + 1]}
    return WideField(features, parts)
