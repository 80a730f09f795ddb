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
from embedkit.threads import for_each, usable_cores

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
    choices: Sequence[Array],
    n_tags: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[WideField]:
    """Train on tagged sentences; the same bits each time.

    Parameters
    ----------
    words : WordBags
    tags : sequence of int64 (n_words,)
        The sentences' tags.
    choices : sequence of int64 (n_sentences,)
        The sentences that each field learns from. The fields are trained beside each other, on threads.
    n_tags, seed : int
    progress : callable
        Is told how many sentences are done, of how many, as far as the field that learns from most has come.

    Returns
    -------
    list of WideField
        One for each of `choices`.
    """
    fields = [_Growing(words.chosen(each), [tags[i] for i in each], n_tags, seed) for each in choices]
    most = max(range(len(fields)), key=lambda k: len(choices[k]))
    total = EPOCHS * len(choices[most])
    for low in range(0, total, PIECE):
        for_each(_Growing.learn, fields, usable_cores(len(fields)), "wide")
        progress(low, total)
    return [field.result() for field in fields]


class _Growing:
    """A field while it is trained, a piece of its sentences at a time."""

    def __init__(self, words: WordBags, tags: Sequence[Array], n_tags: int, seed: int) -> None:
        from embedkit.kernels.chains import ChainData

        self.n_tags = n_tags
        self.features = frequent(words, MOST_WEIGHTS // n_tags)
        self.data = ChainData(words.starts, words.bags, *known_rows(words, self.features))
        self.tags = np.concatenate([np.zeros(0, np.int64), *tags])
        self.weight = np.zeros((len(self.features), n_tags), np.float32)
        self.chain = np.zeros((n_tags + 2, n_tags))
        self.squares = np.zeros_like(self.weight), np.zeros_like(self.chain)
        rng = np.random.default_rng(np.random.SeedSequence((seed, 3 << 20)))
        self.order = np.concatenate([rng.permutation(len(tags)) for _ in range(EPOCHS)])
        self.done = 0

    def learn(self) -> None:
        """Learn from the next piece, if there is one."""
        from embedkit.kernels.chains import train_chains

        piece = self.order[self.done : self.done + PIECE]
        self.done += len(piece)
        if len(piece):
            own, of_chain = self.squares
            train_chains(self.data, self.tags, piece, self.weight, own, self.chain, of_chain, RATE)

    def result(self) -> WideField:
        n, chain = self.n_tags, self.chain.astype(np.float32)
        parts = {"weight": self.weight, "transitions": chain[:n], "start": chain[n], "end": chain[n + 1]}
        return WideField(self.features, parts)
