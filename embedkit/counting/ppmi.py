"""Positive pointwise mutual information: how much more often than by chance a word stands near a context."""

from __future__ import annotations

import numpy as np

from embedkit.counting.cooccurrences import Cooccurrences
from embedkit.counting.sparse import SparseMatrix
from embedkit.errors import CorpusError


def ppmi(counts: Cooccurrences, shift: float = 1.0, context_smoothing: float = 0.75) -> SparseMatrix:
    """``max(0, ln(P(word, context) / (P(word) P(context))) - ln shift)``, without its zeros.

    Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
    sections 2.1 and 3.2.

    Parameters
    ----------
    counts : Cooccurrences
    shift : float
        Their k; above 0.
    context_smoothing : float
        Contexts count to this power (their cds).

    Returns
    -------
    SparseMatrix
        float32 (n_words, n_words): rows are words, columns contexts.

    Raises
    ------
    CorpusError
        When nothing is left above zero.
    """
    n_words = len(counts.vocabulary)
    row_sums = np.zeros(n_words)
    column_sums = np.zeros(n_words)
    for block in counts.blocks():
        rows = np.repeat(np.arange(block.first, block.first + len(block.lengths)), block.lengths)
        row_sums += np.bincount(rows, block.values, n_words)
        column_sums += np.bincount(block.columns, block.values, n_words)
    share = column_sums**context_smoothing / np.sum(column_sums**context_smoothing)
    columns, values, lengths = [], [], np.zeros(n_words, np.int64)
    for block in counts.blocks():
        rows = np.repeat(np.arange(block.first, block.first + len(block.lengths)), block.lengths)
        information = np.log(block.values / (row_sums[rows] * share[block.columns] * shift))
        kept = information > 0
        lengths += np.bincount(rows[kept], minlength=n_words)
        columns.append(block.columns[kept])
        values.append(information[kept].astype(np.float32))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if offsets[-1] == 0:
        raise CorpusError(
            f"no pair of words stands together more often than by chance with shift {shift}; "
            "lower `shift` or give more text"
        )
    return SparseMatrix(offsets, np.concatenate(columns), np.concatenate(values), n_words)
