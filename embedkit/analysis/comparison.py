"""How far two models agree on the neighbourhoods of the words that both hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.errors import EmbedkitError
from embedkit.progress import Progress, ProgressCallback
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import nearest
from embedkit.rows.norms import unit

RESTRICT_VOCAB = 10_000
_WORDS = 1024  # words compared between two reports of progress


@dataclass(frozen=True)
class Comparison:
    """Agreement word by word, in the order of the first model.

    Attributes
    ----------
    words : list of str
        The words that both hold.
    neighbours : int64 (2, n_words, topn)
        Positions in `words` of the nearest neighbours in the first and the second model.
    overlap : float64 (n_words,)
        Shared neighbours divided by `topn`.
    jaccard : float64 (n_words,)
        Shared neighbours divided by all that are a neighbour in either model.
    second_order : float64 (n_words,)
        Cosine between the two models' lists of cosines with those neighbours.
    zeros : int
        Words that both hold and that were left out: a zero vector has no direction, so no neighbours.
    """

    words: list[str]
    neighbours: np.ndarray
    overlap: np.ndarray
    jaccard: np.ndarray
    second_order: np.ndarray
    zeros: int = 0

    def changed(self) -> np.ndarray:
        """Positions of the words that lost a neighbour, the one that changed most first: int64 (n,)."""
        order = np.lexsort((self.second_order, self.overlap))
        return order[self.overlap[order] < 1]

    def only(self, place: int) -> tuple[list[str], list[str]]:
        """The neighbours of a word that only the first, and that only the second model gives it, nearest first."""
        a, b = self.neighbours[:, place].tolist()
        return [self.words[row] for row in a if row not in b], [self.words[row] for row in b if row not in a]


def compare(
    first: KeyedVectors,
    second: KeyedVectors,
    *,
    topn: int = 10,
    restrict_vocab: int = RESTRICT_VOCAB,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Compare the `topn` nearest neighbours (cosine) that each word has in two models.

    Words and neighbours are those that both models hold among their first `restrict_vocab` words. The models may
    differ in size.

    Raises
    ------
    EmbedkitError
        When they share fewer than `topn` + 1 words.

    Notes
    -----
    Second-order similarity is the local neighbourhood measure of Hamilton, Leskovec and Jurafsky 2016, "Cultural
    Shift or Linguistic Drift?", section 2: low where the word's relations to its neighbours changed.
    """
    rows = np.array([second.row(word) for word in first.index_to_key[:restrict_vocab]], np.int64)
    shared = np.flatnonzero((rows >= 0) & (rows < restrict_vocab))
    pointing = (first.norms[shared] > 0) & (second.norms[rows[shared]] > 0)
    zeros, shared = int(len(shared) - pointing.sum()), shared[pointing]
    if len(shared) <= topn:
        left_out = f", {zeros} with a zero vector left out" if zeros else ""
        raise EmbedkitError(
            f"comparing {topn} neighbours takes more than {topn} words that both models hold among "
            f"their first {restrict_vocab}; they share {len(shared)}{left_out}"
        )
    units = [unit(first.vectors[shared]), unit(second.vectors[rows[shared]])]
    neighbours = np.stack([_neighbours(rows, topn, place, progress) for place, rows in enumerate(units)])
    common = (neighbours[0][:, :, None] == neighbours[1][:, None, :]).sum(axis=(1, 2))
    return Comparison(
        [first.index_to_key[row] for row in shared.tolist()],
        neighbours,
        common / topn,
        common / (2 * topn - common),
        _second_order(units, neighbours),
        zeros,
    )


def _neighbours(vectors: np.ndarray, topn: int, place: int, progress: ProgressCallback | None) -> np.ndarray:
    norms = np.ones(len(vectors), np.float32)
    found = np.empty((len(vectors), topn), np.int64)
    for start in range(0, len(vectors), _WORDS):
        stop = min(start + _WORDS, len(vectors))
        hits = nearest(vectors, norms, vectors[start:stop], topn, "dot", [[row] for row in range(start, stop)])
        found[start:stop] = [rows for rows, _ in hits]
        if progress is not None:
            progress(Progress("comparing", place * len(vectors) + stop, 2 * len(vectors)))
    return found


def _second_order(units: Sequence[np.ndarray], neighbours: np.ndarray) -> np.ndarray:
    """Cosine of the two models' similarities with the union of a word's neighbours: float64 (n_words,)."""
    result = np.empty(neighbours.shape[1])
    for word in range(len(result)):
        union = np.union1d(neighbours[0, word], neighbours[1, word])
        a, b = (rows[union].astype(np.float64) @ rows[word].astype(np.float64) for rows in units)
        length = np.linalg.norm(a) * np.linalg.norm(b)
        result[word] = a @ b / length if length > 0 else 0.0
    return result
