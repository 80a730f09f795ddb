"""Co-occurrence counts from the inverted id stream: every word's row is counted on its own.

A counting sort lists each word's positions (`invert`); a row is then a walk over those positions which adds the
weight of every neighbour into one dense accumulator of the vocabulary's length (`count_rows`). Nothing is hashed,
no pairs are sorted, no thread waits for another, and since a row's additions always come in corpus order the
result does not depend on the number of threads. `merge_rows` adds up rows that were counted apart.

The columns that a row touches are put in order by a bitmap with a summary above it (one summary bit for 64 words
of bitmap), so that emitting a row costs its own length and not the vocabulary's: a quarter of the time of sorting.

What bounds counting (`tests.benchmarks.roofline`; window 15, 18.6 million words, 75,920 different ones, one thread,
two cores of an EPYC of the fifth generation with AVX-512, 2026-11-29): a word takes 27 additions, in 0.6 kB of ids and
sums that are near, and 0.3 kB from memory, ids and counts. The core does 290 Gflop/s in float32, and moves 475 GB/s in
the first cache and 47 in memory. 5.9 million words a second are 1 % and 3 % of that: neither bounds it, but
instructions and latency, 6 ns a neighbour.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import prefetch

PREFETCH_DISTANCE = 16  # positions

ONE, SIX, LOW6 = np.uint64(1), np.uint64(6), np.uint64(63)
DE_BRUIJN, S58 = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
BIT_INDEX = np.zeros(64, np.int64)
for _bit in range(64):
    BIT_INDEX[((1 << _bit) * int(DE_BRUIJN) & (2**64 - 1)) >> 58] = _bit


@kernel
def invert(ids, first, last, starts, positions):
    """List the positions of every word among ``ids[first:last]``.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids; negative values are sentence ends.
    first, last : int
        The range.
    starts : int64 (n_words + 1,)
        Zeros; on return word w's positions are ``positions[starts[w]:starts[w + 1]]``, ascending.
    positions : int32 (at least the number of words in the range,)
        Filled.
    """
    for p in range(first, last):
        if ids[p] >= 0:
            starts[ids[p] + 1] += 1
    for w in range(starts.shape[0] - 1):
        starts[w + 1] += starts[w]
    fill = starts.copy()
    for p in range(first, last):
        w = ids[p]
        if w >= 0:
            positions[fill[w]] = p
            fill[w] += 1


@kernel
def emit_row(touched, n, bitmap, summary, accumulator, scale, columns, values, out):
    """Write one row in the order of its columns and leave accumulator, bitmap and summary all zero.

    Returns the next free place in `columns` and `values`.
    """
    for t in range(n):
        column = np.uint64(touched[t])
        word = column >> SIX
        bitmap[word] |= ONE << (column & LOW6)
        summary[word >> SIX] |= ONE << (word & LOW6)
    for s in range(summary.shape[0]):
        above = summary[s]
        summary[s] = 0
        while above != 0:
            word = s * 64 + BIT_INDEX[((above & (~above + ONE)) * DE_BRUIJN) >> S58]
            above &= above - ONE
            bits = bitmap[word]
            bitmap[word] = 0
            while bits != 0:
                column = word * 64 + BIT_INDEX[((bits & (~bits + ONE)) * DE_BRUIJN) >> S58]
                bits &= bits - ONE
                columns[out] = column
                values[out] = accumulator[column] / scale
                accumulator[column] = 0.0
                out += 1
    return out


@kernel
def add_side(ids, p, step, reach, weights, accumulator, touched, n):
    """Add the weights of the neighbours at ``p, p + step, ...`` up to `reach` of them or the end of the sentence.

    `touched` gathers the columns that were zero before, without a branch that would be mispredicted; returns how
    many it holds.
    """
    for d in range(reach):
        column = ids[p + step * d]
        if column < 0:
            break
        sum_ = accumulator[column]
        touched[n] = column
        n += np.int64(sum_ == 0.0)
        accumulator[column] = sum_ + weights[d]
    return n


@kernel
def count_rows(ids, positions, starts, first, last, left, right, scale, scratch, lengths, columns, values):
    """Count the neighbours of the words ``first .. last - 1``.

    Parameters
    ----------
    ids : int32 (n,)
        Word ids; negative values end a sentence, and no window reaches across them.
    positions, starts
        From `invert`.
    first, last : int
        The rows.
    left, right : float64 (window,)
        Weight of a neighbour at distance 1, 2, ... before and after the word; empty for a one-sided window.
    scale : float
        Every sum is divided by it in the end: with integer weights below 2**53 in sum the counts are exact.
    scratch : tuple
        touched int32 (n_words + 1,), bitmap and summary uint64, accumulator float64 (n_words,), the last three zero.
    lengths : int64 (last - first,)
        Filled with the number of columns of every row.
    columns : int32, values : float64
        Filled, row after row, columns ascending; long enough.
    """
    touched, bitmap, summary, accumulator = scratch
    n_ids, last_k = ids.shape[0], positions.shape[0] - 1
    out = 0
    for row in range(first, last):
        n = 0
        for k in range(starts[row], starts[row + 1]):
            # The positions of a word are far apart, so nearly every walk starts with a cache miss: half the time.
            ahead = positions[min(k + PREFETCH_DISTANCE, last_k)]
            prefetch(ids, ahead - min(left.shape[0], ahead))
            prefetch(ids, ahead)
            prefetch(ids, ahead + min(right.shape[0], n_ids - 1 - ahead))
            p = positions[k]
            n = add_side(ids, p - 1, -1, min(left.shape[0], p), left, accumulator, touched, n)
            n = add_side(ids, p + 1, 1, min(right.shape[0], n_ids - 1 - p), right, accumulator, touched, n)
        before = out
        out = emit_row(touched, n, bitmap, summary, accumulator, scale, columns, values, out)
        lengths[row - first] = out - before
    return out


@kernel
def merge_rows(offsets, columns, values, scale, scratch, lengths, out_columns, out_values):
    """Add up rows that several runs counted: the same rows of each run, one run after the other.

    Parameters
    ----------
    offsets : int64 (n_runs, n_rows + 1)
        Row r of run k is ``columns[offsets[k, r]:offsets[k, r + 1]]``; its columns may come in any order and twice.
    columns : int32, values : float64
        The runs' rows.
    scale, scratch, lengths, out_columns, out_values
        As `count_rows`'s.
    """
    touched, bitmap, summary, accumulator = scratch
    out = 0
    for row in range(offsets.shape[1] - 1):
        n = 0
        for run in range(offsets.shape[0]):
            for k in range(offsets[run, row], offsets[run, row + 1]):
                column = columns[k]
                sum_ = accumulator[column]
                touched[n] = column
                n += np.int64(sum_ == 0.0)
                accumulator[column] = sum_ + values[k]
        before = out
        out = emit_row(touched, n, bitmap, summary, accumulator, scale, out_columns, out_values, out)
        lengths[row] = out - before
    return out


@kernel
def group_by_row(rows, columns, values, fill, out_columns, out_values):
    """Scatter records to their rows, in the order in which they come.

    Parameters
    ----------
    rows, columns : int32 (n,), values : float64 (n,)
        The records.
    fill : int64 (n_rows,)
        Where the next record of each row goes; moved on.
    out_columns : int32, out_values : float64
        Filled.
    """
    for k in range(rows.shape[0]):
        place = fill[rows[k]]
        fill[rows[k]] = place + 1
        out_columns[place] = columns[k]
        out_values[place] = values[k]
