"""Rows of word vectors gathered into one vector a line: sums with weights, or the largest of each dimension.

Bound by memory: each token brings one row. The sum runs in float64 beside the row, which hides behind the loads.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel


@kernel
def split_lines(ids, mapping, rows, offsets):
    """Turn scanned ids into rows, line by line.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids, negative at line ends.
    mapping : int32 (n_words,)
        The row of each word, negative for words that are left out.
    rows : int32 (at least n,)
        Receives the rows.
    offsets : int64 (n_lines + 1,)
        Receives where each line begins in `rows`; ``offsets[0]`` is 0 already.

    Returns the number of rows.
    """
    n = 0
    line = 0
    for word in ids:
        if word < 0:
            line += 1
            offsets[line] = n
        elif mapping[word] >= 0:
            rows[n] = mapping[word]
            n += 1
    return n


@kernel(fastmath={"contract"})
def weighted_means(rows, offsets, vectors, composed, weights, by_weight, out):
    """The weighted mean of each line's vectors.

    Parameters
    ----------
    rows : int32 (n,)
        Rows of `vectors`, and behind its last one those of `composed`.
    offsets : int64 (n_lines + 1,)
        Line i is ``rows[offsets[i]:offsets[i + 1]]``.
    vectors : float32 (n_words, d)
    composed : float32 (n_composed, d)
    weights : float32 (n_words + n_composed,)
        Words of weight 0 count as if they were not there.
    by_weight : bool
        Divide by the sum of the weights rather than by the number of words.
    out : float32 (n_lines, d)
        A line without words becomes zero.
    """
    size = vectors.shape[1]
    total = np.empty(size, np.float64)
    for line in range(out.shape[0]):
        total[:] = 0.0
        divisor = 0.0
        for i in range(offsets[line], offsets[line + 1]):
            row = rows[i]
            weight = np.float64(weights[row])
            if weight == 0.0:
                continue
            divisor += weight if by_weight else 1.0
            if row < vectors.shape[0]:
                for d in range(size):
                    total[d] += weight * vectors[row, d]
            else:
                row -= vectors.shape[0]
                for d in range(size):
                    total[d] += weight * composed[row, d]
        if divisor > 0.0:
            for d in range(size):
                out[line, d] = total[d] / divisor
        else:
            out[line] = 0.0


@kernel
def largest_values(rows, offsets, vectors, composed, out):
    """The largest value of each dimension among each line's vectors; arguments as in `weighted_means`."""
    size = vectors.shape[1]
    for line in range(out.shape[0]):
        out[line] = 0.0 if offsets[line] == offsets[line + 1] else -np.inf
        for i in range(offsets[line], offsets[line + 1]):
            row = rows[i]
            for d in range(size):
                value = vectors[row, d] if row < vectors.shape[0] else composed[row - vectors.shape[0], d]
                out[line, d] = max(out[line, d], value)
