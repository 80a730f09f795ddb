"""The best of a block of scores for each query, in one pass and almost without branches.

The largest of `STRIPE` scores is found by vector instructions; only a stripe whose largest beats the worst of the best
so far is looked through. Once a few thousand rows have been searched hardly any does, and the pass costs what reading
the scores costs.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel

STRIPE = 64


@kernel(fastmath={"nsz", "nnan", "reassoc", "contract"}, forceinline=True)
def largest(scores, scale, shift, start, stop):
    """The largest of scores · scale + shift (float32) from `start` to `stop`."""
    top = scores[start] * scale[start] + shift[start]
    for i in range(start, stop):
        top = max(top, scores[i] * scale[i] + shift[i])
    return top


@kernel
def keep_best(scores, scale, shift, first_row, best_scores, best_rows):
    """Take a block of scores into the best of each query.

    Parameters
    ----------
    scores : float32 (q, m)
        Products of queries and rows; what counts is scores · scale + shift.
    scale, shift : float32 (m,)
        1 / norm and 0 for cosine, 1 and 0 for dot, 2 and −norm² for l2.
    first_row : int
        The row number of the first column.
    best_scores : float32 (q, k)
        The best so far, falling; −infinity where there is none yet. Of equal ones the earlier row stays.
    best_rows : int64 (q, k)
    """
    last = best_scores.shape[1] - 1
    for query in range(scores.shape[0]):
        row, best, rows = scores[query], best_scores[query], best_rows[query]
        for start in range(0, row.size, STRIPE):
            stop = min(start + STRIPE, row.size)
            if largest(row, scale, shift, start, stop) <= best[last]:
                continue
            for column in range(start, stop):
                score = np.float32(row[column] * scale[column] + shift[column])
                if score > best[last]:
                    place = last
                    while place > 0 and best[place - 1] < score:
                        best[place] = best[place - 1]
                        rows[place] = rows[place - 1]
                        place -= 1
                    best[place] = score
                    rows[place] = first_row + column
