"""The rows of one window: their mean, and one change added to all of them.

A window is ``kept[low:high + 1]`` without the place of its centre, and where texts have rows of their own, the row of
the text. Sum and change stay in registers over all rows, so that a row costs its loads and, where it is changed, its
stores (`embedkit.kernels.simd`).
"""

from __future__ import annotations

from contextlib import contextmanager

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.simd import LANES, VECTOR, base, element, in_runs, load, spread, store

# Vectors of a row held in registers: a row is added from memory, so that nearly all of 32 or 16 registers are free.
HELD = 28 if LANES == 16 else 14


def _row(builder, start, number, size):
    return builder.gep(start, [builder.mul(number, number.type(size))], inbounds=True)


@contextmanager
def _each_word(builder, words, low, centre, high):
    """Code for each place of a window but the centre's: the word there."""
    int64 = low.type
    with cgutils.for_range(builder, builder.sub(high, low)) as loop:
        place = builder.add(low, loop.index)
        place = builder.add(place, builder.zext(builder.icmp_signed(">=", place, centre), int64))
        yield builder.sext(builder.load(builder.gep(words, [place], inbounds=True)), int64)


@intrinsic
def window_mean(typingctx, matrix, kept, low, centre, high, further, share, out, out_row, row_size):
    """``out[out_row] = share * sum of matrix[kept[p]]`` over `low` ≤ p ≤ `high`, p ≠ `centre`, and the further row.

    Parameters
    ----------
    matrix : float32 (n, row_size), C order
    kept : int32
    low, centre, high : int
        Where ``high - low`` is not above 0 there are no words.
    further : int
        A row of `matrix` that is summed first; below 0: none.
    share : float32
    out : float32 (m, row_size), C order
    out_row : int
    row_size : int literal
        Whole vectors.
    """
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        matrix_t, kept_t, out_t = signature.args[0], signature.args[1], signature.args[7]
        matrix_v, kept_v, low_v, centre_v, high_v, further_v, share_v, out_v, out_row_v, _ = args
        start, words = base(context, builder, matrix_t, matrix_v), base(context, builder, kept_t, kept_v)
        target = _row(builder, base(context, builder, out_t, out_v), out_row_v, size)
        shares, int64 = spread(builder, share_v), low_v.type

        def sum_run(first, n):
            offsets = [builder.add(first, int64(k * LANES)) for k in range(n)]
            sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(n)]
            for place in sums:
                builder.store(VECTOR([0.0] * LANES), place)
            with builder.if_then(builder.icmp_signed(">=", further_v, int64(0))):
                row = _row(builder, start, further_v, size)
                for place, offset in zip(sums, offsets, strict=True):
                    builder.store(load(builder, row, offset), place)
            with _each_word(builder, words, low_v, centre_v, high_v) as word:
                row = _row(builder, start, word, size)
                for place, offset in zip(sums, offsets, strict=True):
                    builder.store(builder.fadd(builder.load(place), load(builder, row, offset)), place)
            for place, offset in zip(sums, offsets, strict=True):
                store(builder, builder.fmul(builder.load(place), shares), target, offset)

        in_runs(builder, size, HELD, sum_run)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, kept, i8, i8, i8, i8, types.float32, out, i8, row_size), codegen


@intrinsic
def add_to_window(typingctx, matrix, kept, low, centre, high, further, source, source_row, row_size):
    """``matrix[kept[p]] += source[source_row]`` for the rows of `window_mean`; a row that stands there twice gets two.

    Parameters
    ----------
    matrix, kept, low, centre, high, further, row_size
        As for `window_mean`.
    source : float32 (m, row_size), C order
    source_row : int
    """
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        matrix_t, kept_t, source_t = signature.args[0], signature.args[1], signature.args[6]
        matrix_v, kept_v, low_v, centre_v, high_v, further_v, source_v, source_row_v, _ = args
        start, words = base(context, builder, matrix_t, matrix_v), base(context, builder, kept_t, kept_v)
        change = element(context, builder, source_t, source_v, builder.mul(source_row_v, low_v.type(size)))
        int64 = low_v.type

        def add_run(first, n):
            offsets = [builder.add(first, int64(k * LANES)) for k in range(n)]
            xs = [load(builder, change, offset) for offset in offsets]

            def add(number):
                row = _row(builder, start, number, size)
                for x, offset in zip(xs, offsets, strict=True):
                    store(builder, builder.fadd(x, load(builder, row, offset)), row, offset)

            with _each_word(builder, words, low_v, centre_v, high_v) as word:
                add(word)
            with builder.if_then(builder.icmp_signed(">=", further_v, int64(0))):
                add(further_v)

        in_runs(builder, size, HELD, add_run)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, kept, i8, i8, i8, i8, source, i8, row_size), codegen
