"""A table of vectors whose tokens are the means of several rows: words made of subwords, or of spelling features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from embedkit.nn.layers.parameters import Gradients, Parameters, RowGradient, summed


class Bags(NamedTuple):
    """The rows that make up each of some token types.

    Attributes
    ----------
    offsets : int64 (n_types + 1,)
    rows : int64 (n_rows,)
        Those of type i are ``rows[offsets[i]:offsets[i + 1]]``, at least one.
    """

    offsets: np.ndarray
    rows: np.ndarray

    def known(self) -> np.ndarray:
        """Which types have another row than 0, which stands for what is not known: bool (n_types,)."""
        found = np.zeros(len(self.offsets) - 1, bool)
        found[np.repeat(np.arange(len(found)), np.diff(self.offsets))[self.rows > 0]] = True
        return found


class BagCache(NamedTuple):
    """What `BagEmbedding.forward` leaves for its backward, for k token types that the batch uses.

    Attributes
    ----------
    place : int64 (n_tokens,)
        Which of the k each real token is.
    mask : bool (batch, time)
    counts : int64 (k,)
        Rows of each.
    rows : int64 (sum of counts,)
    """

    place: np.ndarray
    mask: np.ndarray
    counts: np.ndarray
    rows: np.ndarray


class BagEmbedding:
    """y = mean of the rows of a token, as fastText composes a word (Bojanowski et al. 2017, section 3.2).

    Parameters
    ----------
    weight : float (n_rows, d)
        First values; kept, not copied.
    frozen : bool
        Leave the rows as they are, but for those in `learnt`. May be changed between epochs.
    learnt : bool (n_rows,), optional
        Rows that train even while `frozen`.
    """

    def __init__(self, weight: np.ndarray, *, frozen: bool = False, learnt: np.ndarray | None = None) -> None:
        self.parameters: Parameters = {"weight": weight}
        self.frozen = frozen
        self.learnt = learnt
        self.borrowed: np.ndarray | None = None  # vectors of rows n_rows and up, which never train

    @property
    def width(self) -> int:
        """Values per row."""
        return int(self.parameters["weight"].shape[1])

    def forward(self, types: np.ndarray, mask: np.ndarray, bags: Bags) -> tuple[np.ndarray, BagCache]:
        """Vectors of a batch of tokens.

        Parameters
        ----------
        types : int64 (batch, time)
            Each token's place in `bags`; what stands under the padding does not matter.
        mask : bool (batch, time)
            True for real tokens.
        bags : Bags
            The rows of each token type.

        Returns
        -------
        y : float (batch, time, d)
            Zero at padding.
        cache : BagCache
        """
        weight = self.parameters["weight"]
        used, place = np.unique(types[mask], return_inverse=True)
        counts = bags.offsets[used + 1] - bags.offsets[used]
        ends = np.cumsum(counts)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)
        rows = bags.rows[np.repeat(bags.offsets[used], counts) + within]
        if self.borrowed is None or not len(self.borrowed):
            vectors = summed(weight, rows, ends - counts)
        else:
            vectors = summed(self._gather(rows), np.arange(len(rows)), ends - counts)
        if len(rows) > len(used):
            vectors *= (1.0 / counts).astype(weight.dtype)[:, None]
        y = np.zeros((*types.shape, weight.shape[1]), weight.dtype)
        y[mask] = vectors[place]
        return y, BagCache(place, mask, counts, rows)

    def _gather(self, rows: np.ndarray) -> np.ndarray:
        weight, borrowed = self.parameters["weight"], np.asarray(self.borrowed)
        vectors = weight[np.minimum(rows, len(weight) - 1)]
        lent = rows >= len(weight)
        vectors[lent] = borrowed[rows[lent] - len(weight)]
        return vectors

    def backward(self, dy: np.ndarray, cache: BagCache) -> tuple[None, Gradients]:
        """dy : float (batch, time, d) → a `RowGradient` of the rows that train; tokens have no gradient."""
        if self.frozen and (self.learnt is None or not self.learnt.any()):
            return None, {}
        place, mask, counts, rows = cache
        dvectors = RowGradient.from_lookups(place, dy[mask]).values
        if len(rows) > len(counts):
            dvectors *= (1.0 / counts).astype(dy.dtype)[:, None]
        places = np.repeat(np.arange(len(counts)), counts)
        if self.frozen:
            trained = np.asarray(self.learnt)[rows]
            rows, places = rows[trained], places[trained]
        return None, {"weight": RowGradient.from_lookups(rows, dvectors, places)}
