"""Replicas of a matrix become one again: the changes that each made to a row are summed and scaled.

N replicas start equal, train on texts of their own, and meet. A row that few updates touched has simply moved: the
changes are added. A row that each replica updated hundreds of times has gone the same way N times over, each time from
the same start: their sum would go N times too far, their mean is right. In between, let an update go the share c of the
way to the row's optimum. Then n updates in each of N replicas are to do what N n updates in a row would, and the summed
change counts

    f(n) = (1 - (1 - c)^(n N)) / (N (1 - (1 - c)^n))

which is 1 for rare rows and 1 / N for frequent ones. n is expected from the counts, c is a constant times the learning
rate (`embedkit.training.replicas`).

Measured with skip-gram on 2.9 million words of Wikipedia, 28,159 words, 100 dimensions, 5 epochs, one seed (WS353 ρ,
analogies among the 30,000 most frequent words; a seed more or less moves ρ by .02). *Stage*: tokens of a replica before
the 2,000 most used rows meet; all rows meet behind so many stages. c is .05 times the rate but where noted.

| replicas | stage | stages | rule | WS353 | analogies |
|---|---|---|---|---|---|
| threads share one model | | | | .533 | .103 |
| 1 | 8,000 | | | .514 | .103 |
| 4 | 8,000 | 8 | Σd · min(1, Σ‖d‖² / ‖Σd‖²) | .428 | .079 |
| 16 | 8,000 | 8 | the same | .401 | .071 |
| 4 | 8,000 | 8 | f | .486 | .090 |
| 4 | 8,000 | 8 | f, c = .02 | .494 | .088 |
| 4 | 8,000 | 8 | f, c = .2 | .483 | .093 |
| 4 | 2,000 | 8 | f | .516 | .098 |
| 16 | 2,000 | 4 | f | diverges | |
| 16 | 2,000 | 8 | f, c = .2 | .463 | .089 |

The rule that looks at the changes alone averages rows that all replicas rightly move the same way at the beginning.

Shorter stages with fewer rows in each and longer rounds were tried together, not one by one, and chosen on the seed
that is shown, so the differences are partly chance. Measured later with f on 3.0 million words, c = .05 times
the rate for four replicas and times n / 4 for more, rate .025, 5 epochs, one seed. *Rows*: how many of the most used
rows of each matrix meet behind how many stages; all meet behind the last number. *Seconds* of one core, with all else:

| replicas | stages an epoch | rows | all rows | WS353 | analogies | seconds |
|---|---|---|---|---|---|---|
| threads share one model (one thread) | | | | .525 | .113 | 26 |
| 4 | 400 | 2,000 behind 1 | 8 | .496 | .096 | 31 |
| 4 | 1,600 | 500 behind 1 | 32 | .540 | .107 | 36 |
| 4 | 1,600 | 500 behind 1, 2,000 behind 4 | 32 | .542 | .107 | (61, with compiling) |
| 16 | 400 | 2,000 behind 1 | 8 | .509 | .102 | 74 |
| 16 | 400 | 500 behind 1 | 16 | .491 | .096 | 42 |
| 16 | 1,600 | 500 behind 1, 2,000 behind 4 | 32 | .529 | .111 | 84 |

Measured again with other random numbers, after rows that nobody touched were skipped; means of seeds 1, 2 and 3, their
lowest and highest in brackets (`python -m embedkit train en3.txt --model skipgram --epochs 5 --learning-rate .025
--workers 1 --seed S --replicas N`, then `evaluate` with WS353 and the questions, `--restrict-vocab 30000`; en3.txt are
the first 18.9 MB of en_wiki.txt). All have 1,600 stages, 500 rows behind 1 and 2,000 behind 4. *Seconds* of processor:

| replicas | all rows | WS353 | analogies | seconds |
|---|---|---|---|---|
| threads share one model (one thread) | | .529 (.520-.543) | .110 (.106-.113) | 18 |
| 4 | 32 | .521 (.512-.530; seeds 1, 2) | .112 (.112-.112) | 33 |
| 4 | 128 | .525 (.514-.535) | .112 (.109-.115) | 26 |
| 16 | 32 | .524 (.521-.527) | .111 (.109-.114) | 51 |
| 16 | 128 | .514 (.511-.519) | .109 (.106-.110) | 49 |

So four replicas have rounds of 128 stages and sixteen of 32.

All of en_wiki.txt (18.8 million words, 75,920 different ones), the same options and questions, seed 1. *Ids*: of a
replica in a stage. *All rows*: how often in an epoch all rows meet. *Seconds* of processor, where they were taken:

| replicas | ids | all rows | WS353 | analogies | seconds |
|---|---|---|---|---|---|
| threads share one model (one thread) | | | .680 | .387 | |
| 2 | 6,060 | 13 | .666 | .381 | 101 |
| 4 | 3,030 | 13 | .679 | .369 | |
| 4 | 3,030 | 50 | .675 | .370 | |
| 4 | 1,000 | 13 | .667 | .370 | 143 |
| 4 | 1,000 | 38 | .677 | .379 | 131 |
| 16 | 250 | 152 | .672 | .377 | 227 |

With seed 2 the shared model had .686 and .383, four replicas as in the last row but one .668 and .383. So neither the
most used rows alone have to meet more often on a long text, nor the others alone: rounds keep their stages, and the
stages of four replicas and more are shorter than a 1,600th of an epoch (`embedkit.training.schedule`).
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import LANES, VECTOR, load, spread, store
from embedkit.kernels.simd import base as start_of


@kernel
def merge_rows(base, copies, touched, rows, scales, short):
    """Merge those of the given rows that a replica touched into `base`, and give them to every replica.

    Other places merge with NumPy (`embedkit.training.remote_exchange`), to the same bits: no sum is reordered, and no
    product fused with a sum.

    Parameters
    ----------
    base : float32 (n_rows, row_size)
        The state at which the replicas met last; holds the merged rows afterwards. Rows are whole vectors.
    copies : float32 (n_replicas, n_rows, row_size)
    touched : uint8 (n_replicas, n_rows)
        Which replica may have changed which row since; none of the given rows any more afterwards.
    rows : int64 (n,)
    scales : float32 (n,)
        What each row's summed change counts.
    short : bool
        Round each change, and what they come to, to bfloat16.
    """
    n_replicas = copies.shape[0]
    which = np.empty(n_replicas, np.int64)
    total, change = np.empty(base.shape[1], np.float32), np.empty(base.shape[1], np.float32)
    for k in range(len(rows)):
        n = 0
        for r in range(n_replicas):
            if touched[r, rows[k]] != 0:
                touched[r, rows[k]] = 0
                which[n] = r
                n += 1
        if n == 0:
            continue
        if short:
            _merge_shortened(base, copies, rows[k], scales[k], which, n, total, change)
        else:
            _merge_row(base, copies, rows[k], scales[k], which, n)


@intrinsic
def _merge_row(typingctx, base, copies, row, scale, which, n):
    """``base[row] += scale * sum over k < n of (copies[which[k], row] - base[row])``, and all copies the same."""

    def codegen(context, builder, signature, args):
        base_t, copies_t, _, _, which_t, _ = signature.args
        base_v, copies_v, row_v, scale_v, which_v, n_v = args
        shape = cgutils.unpack_tuple(builder, context.make_array(copies_t)(context, builder, copies_v).shape)
        n_replicas, n_rows, size = shape
        int64 = row_v.type
        start, copy_size = builder.mul(row_v, size), builder.mul(n_rows, size)
        base_p = builder.gep(start_of(context, builder, base_t, base_v), [start], inbounds=True)
        copies_p = builder.gep(start_of(context, builder, copies_t, copies_v), [start], inbounds=True)
        which_p = start_of(context, builder, which_t, which_v)
        scales = spread(builder, scale_v)
        total = cgutils.alloca_once(builder, VECTOR)

        def each(stop):
            return cgutils.for_range_slice(builder, int64(0), stop, int64(1), int64)

        with cgutils.for_range_slice(builder, int64(0), size, int64(LANES), int64) as (offset, _):
            before = load(builder, base_p, offset)
            builder.store(VECTOR([0.0] * LANES), total)
            with each(n_v) as (k, _):
                r = builder.load(builder.gep(which_p, [k], inbounds=True))
                there = load(builder, copies_p, builder.add(builder.mul(r, copy_size), offset))
                builder.store(builder.fadd(builder.load(total), builder.fsub(there, before)), total)
            now = builder.fadd(before, builder.fmul(scales, builder.load(total)))
            store(builder, now, base_p, offset)
            with each(n_replicas) as (r, _):
                store(builder, now, copies_p, builder.add(builder.mul(r, copy_size), offset))
        return context.get_dummy_value()

    return types.void(base, copies, types.int64, types.float32, which, types.int64), codegen


@kernel
def _merge_shortened(base, copies, row, scale, which, n, total, change):
    """`_merge_row` with changes, and what they come to, rounded to bfloat16; `total` and `change` hold a row each."""
    size = base.shape[1]
    total[:] = 0.0
    for k in range(n):
        for d in range(size):
            change[d] = copies[which[k], row, d] - base[row, d]
        shorten(change.view(np.uint32))
        for d in range(size):
            total[d] += change[d]
    for d in range(size):
        change[d] = scale * total[d]
    shorten(change.view(np.uint32))
    for d in range(size):
        base[row, d] += change[d]
    for r in range(copies.shape[0]):
        for d in range(size):
            copies[r, row, d] = base[row, d]


@kernel
def shorten(bits):
    """Round float32 numbers, given as uint32 of any length, to the nearest that bfloat16 holds; ties to even."""
    for i in range(len(bits)):
        bits[i] = (bits[i] + np.uint32(0x7FFF) + ((bits[i] >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)


@kernel
def mark_entries(words, indptr, entries, touched):
    """Mark the rows that belong to words: ``touched[entries[indptr[w] : indptr[w + 1]]] = 1``; negative ids are none.

    Parameters
    ----------
    words : int32 (n,)
    indptr : int64 (n_words + 1,), entries : int32
    touched : uint8 (n_rows,)
    """
    for word in words:
        if word >= 0:
            for k in range(indptr[word], indptr[word + 1]):
                touched[entries[k]] = 1


@kernel
def mark_words(words, touched):
    """``touched[w] = 1`` for each word; negative ids are none.

    Parameters
    ----------
    words : int32 (n,)
    touched : uint8 (n_rows,)
    """
    for word in words:
        if word >= 0:
            touched[word] = 1
