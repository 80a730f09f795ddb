"""Blocks of neighbouring centres for skip-gram: their words, windows, contexts and weights.

`embedkit.kernels.word2vec` says what a block is for.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.products import TILE_ROWS
from embedkit.kernels.rng import next_below
from embedkit.kernels.simd import FLOAT, base, element, store

BLOCK = 4  # centres in a step; a multiple of TILE_ROWS
INT64 = ir.IntType(64)
CENTRES = ir.VectorType(INT64, BLOCK)


def _centres(builder, address):
    """`BLOCK` int64 from an address on, as one vector."""
    return builder.load(builder.bitcast(address, CENTRES.as_pointer()), align=8)


def _everywhere(builder, value, vector):
    """A vector of `BLOCK` times the same value."""
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, INT64(0))
    return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK))


@intrinsic
def mark_inside(typingctx, position, places, lows, highs, weights, at):
    """``weights.flat[at + q]`` is 1 where `position` lies in the window of centre q, else 0; returns in how many.

    Parameters
    ----------
    position, at : int64
    places, lows, highs : int64 (BLOCK,)
    weights : float32, C order
    """

    def codegen(context, builder, signature, args):
        here = _everywhere(builder, args[0], CENTRES)
        place, low, high = (_centres(builder, base(context, builder, signature.args[k], args[k])) for k in (1, 2, 3))
        inside = builder.and_(builder.icmp_signed("<=", low, here), builder.icmp_signed("<=", here, high))
        inside = builder.and_(inside, builder.icmp_signed("!=", place, here))
        marks = builder.uitofp(inside, ir.VectorType(FLOAT, BLOCK))
        store(builder, marks, base(context, builder, signature.args[4], args[4]), args[5])
        return builder.ctpop(builder.zext(builder.bitcast(inside, ir.IntType(BLOCK)), INT64))

    return types.int64(types.int64, places, lows, highs, weights, types.int64), codegen


@intrinsic
def fill_fours(typingctx, array, start, stop, value):
    """``array.flat[start:stop] = value``; `stop` - `start` is a multiple of `BLOCK`."""

    def codegen(context, builder, signature, args):
        values = _everywhere(builder, args[3], ir.VectorType(FLOAT, BLOCK))
        address = base(context, builder, signature.args[0], args[0])
        with cgutils.for_range_slice(builder, args[1], args[2], INT64(BLOCK), INT64) as (at, _):
            store(builder, values, address, at)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, types.float32), codegen


@intrinsic
def any_target(typingctx, outputs, n):
    """Whether one of ``outputs[BLOCK:n]`` is one of ``outputs[:BLOCK]``; n is a multiple of `BLOCK`.

    Parameters
    ----------
    outputs : int64 (at least n,)
    n : int64
    """

    def codegen(context, builder, signature, args):
        bits = ir.VectorType(ir.IntType(1), BLOCK)
        found = cgutils.alloca_once_value(builder, ir.Constant(bits, [0] * BLOCK))
        one_by_one = [
            _everywhere(builder, builder.load(element(context, builder, signature.args[0], args[0], INT64(q))), CENTRES)
            for q in range(BLOCK)
        ]
        with cgutils.for_range_slice(builder, INT64(BLOCK), args[1], INT64(BLOCK), INT64) as (at, _):
            drawn = _centres(builder, element(context, builder, signature.args[0], args[0], at))
            equal = builder.load(found)
            for target in one_by_one:
                equal = builder.or_(equal, builder.icmp_signed("==", target, drawn))
            builder.store(equal, found)
        every = builder.bitcast(builder.load(found), ir.IntType(BLOCK))
        return builder.icmp_unsigned("!=", every, every.type(0))

    return types.boolean(outputs, types.int64), codegen


@kernel
def take_block(kept, n, position, sentence, settings, state, block, one_sentence=False):
    """The next `BLOCK` centres from `position` on: their words, places and windows go into `block`'s four int64 arrays.

    `sentence` (int64 (3,)) holds the first and the last position of the sentence that `position` is in, and counts
    sentence ends in its last item. With `one_sentence` a block ends where its sentence does.
    Returns the number of centres found and the position behind the last one.
    """
    outputs, places, lows, highs = block
    n_centres = 0
    while n_centres < BLOCK and position < n:
        if position > sentence[1]:
            if one_sentence and n_centres > 0:
                break
            if kept[position] < 0:
                position += 1
                sentence[2] += 1
                continue
            end = position
            while end + 1 < n and kept[end + 1] >= 0:
                end += 1
            sentence[0] = position
            sentence[1] = end
        reach = settings.window
        if settings.shrink:
            reach = 1 + next_below(state, settings.window)
        outputs[n_centres] = kept[position]
        places[n_centres] = position
        lows[n_centres] = max(position - reach, sentence[0])
        highs[n_centres] = min(position + reach, sentence[1])
        n_centres += 1
        position += 1
    for q in range(n_centres, BLOCK):
        outputs[q] = outputs[0]
        places[q] = -1
        lows[q] = lows[0]
        highs[q] = lows[0] - 1
    return n_centres, position


@kernel
def context_rows(kept, places, lows, highs, rows, weights, negative_weight):
    """The words that lie in a window of the block, and in whose: ``weights[r, q]`` is 1 or 0 for q < BLOCK.

    The columns behind, of the shared negatives, get `negative_weight` for each of the row's centres. Returns the
    number of rows; `rows` is filled up with a real row to a whole tile.
    """
    low = lows[0]
    high = highs[0]
    for q in range(1, BLOCK):
        low = min(low, lows[q])
        high = max(high, highs[q])
    n_rows = 0
    size = weights.shape[1]
    for p in range(low, high + 1):
        at = n_rows * size
        count = mark_inside(p, places, lows, highs, weights, at)
        fill_fours(weights, at + BLOCK, at + size, np.float32(count) * negative_weight)
        rows[n_rows] = kept[p]
        n_rows += count > 0
    for r in range(n_rows, n_rows + TILE_ROWS):
        rows[r] = rows[max(n_rows - 1, 0)]
    return n_rows


@kernel
def add_document(rows, n_rows, row, n_centres, weights, negative_weight):
    """Put the row of a document, which lies in all windows, behind the words' rows; returns their number."""
    for q in range(BLOCK):
        weights[n_rows, q] = np.float32(q < n_centres)
    for k in range(BLOCK, weights.shape[1]):
        weights[n_rows, k] = np.float32(n_centres) * negative_weight
    for r in range(n_rows, n_rows + 1 + TILE_ROWS):
        rows[r] = row
    return n_rows + 1


@kernel
def drop_targets(outputs, n_rows, weights, negative_weight):
    """A negative equal to the target is dropped: it does not count for the centre whose word it is."""
    if not any_target(outputs, weights.shape[1]):
        return
    for k in range(BLOCK, weights.shape[1]):
        for q in range(BLOCK):
            if outputs[k] == outputs[q]:
                for r in range(n_rows):
                    weights[r, k] -= weights[r, q] * negative_weight


@kernel
def hold_locked(locked, rows, n_rows, weights):
    """Take the weight from every update of a row that is locked."""
    for r in range(n_rows):
        if locked[rows[r]]:
            weights[r, :] = np.float32(0.0)
