"""Four hidden vectors against shared negatives and one target each: scores of the targets, and what all learn.

The scores against negatives are `embedkit.kernels.products.dot_tile`. Everything a step changes on the output side is
done vector by vector of a row: the four hidden vectors' pieces and the sums of their four changes stay in registers
while the negatives pass by, each read once, used for the changes, moved by all four and written once.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.rows import sum_each_of_eight
from embedkit.kernels.simd import (
    LANES,
    MAX_CHUNKS,
    VECTOR,
    base,
    element,
    in_runs,
    load,
    multiply_add,
    shuffle,
    spread,
    store,
)

FOUR = 4
INT64 = ir.IntType(64)


def _rows(context, builder, matrix, numbers_type, numbers, size):
    """The addresses of the rows that the first four of `numbers` name."""
    found = []
    for q in range(FOUR):
        number = builder.load(element(context, builder, numbers_type, numbers, INT64(q)))
        found.append(builder.gep(matrix, [builder.mul(number, INT64(size))], inbounds=True))
    return found


@intrinsic
def dot_pairs(typingctx, matrix, rows, vectors, out, at, row_size):
    """``out.flat[at + q] = matrix[rows[q]] · vectors[q]`` for q < 4.

    Parameters
    ----------
    matrix, vectors : float32 (n, row_size), C order
    rows : int64 (at least 4,)
    out : float32, C order
    at : int
    row_size : int literal
        Whole vectors.
    """
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        matrix_t, rows_t, vectors_t, out_t = signature.args[:4]
        matrix_v, rows_v, vectors_v, out_v, at_v, _ = args
        x = _rows(context, builder, base(context, builder, matrix_t, matrix_v), rows_t, rows_v, size)
        y = [element(context, builder, vectors_t, vectors_v, INT64(q * size)) for q in range(FOUR)]
        zero = VECTOR([0.0] * LANES)
        slots = [cgutils.alloca_once_value(builder, zero) for _ in range(FOUR)]

        def add_run(start, n):
            for k in range(n):
                offset = builder.add(start, INT64(k * LANES))
                for a, b, slot in zip(x, y, slots, strict=True):
                    product = multiply_add(
                        builder, load(builder, a, offset), load(builder, b, offset), builder.load(slot)
                    )
                    builder.store(product, slot)

        in_runs(builder, size, MAX_CHUNKS, add_run)
        sums = sum_each_of_eight(builder, [builder.load(slot) for slot in slots] + [zero] * 4)
        store(builder, shuffle(builder, sums, sums, range(FOUR)), base(context, builder, out_t, out_v), at_v)
        return context.get_dummy_value()

    return types.void(matrix, rows, vectors, out, types.int64, row_size), codegen


@intrinsic
def learn_four(typingctx, matrix, negatives, n_negatives, targets, vectors, gradients, shares, changes, row_size):
    """What four hidden vectors and the rows that they met learn from each other.

    Output k of vector q has the gradient ``g = gradients.flat[4 * k + q]``: ``matrix[negatives[k]]`` for k below
    `n_negatives`, and for k = `n_negatives` vector q's own ``matrix[targets[q]]``. One output after the other, the
    targets first: ``change[q] += g * row``, then ``row += g * vectors[q]``, for all q from the row as it was before.
    At last ``changes[q] = shares[q] * change[q]``.

    Parameters
    ----------
    matrix : float32 (n, row_size), C order
        Updated in place.
    negatives, targets : int64 (at least n_negatives,), (at least 4,)
    vectors, changes : float32 (4, row_size), C order
    gradients : float32, C order
    shares : float32 (4,)
    row_size : int literal
        Whole vectors.
    """
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        matrix_t, negatives_t, _, targets_t, vectors_t, gradients_t, shares_t, changes_t, _ = signature.args
        matrix_v, negatives_v, n_negatives_v, targets_v, vectors_v, gradients_v, shares_v, changes_v, _ = args
        start, numbers = base(context, builder, matrix_t, matrix_v), base(context, builder, negatives_t, negatives_v)
        steps = base(context, builder, gradients_t, gradients_v)
        hidden = base(context, builder, vectors_t, vectors_v)
        results = base(context, builder, changes_t, changes_v)
        own = _rows(context, builder, start, targets_t, targets_v, size)
        own_steps = builder.gep(steps, [builder.mul(n_negatives_v, INT64(FOUR))], inbounds=True)

        def each(array):
            return [spread(builder, builder.load(builder.gep(array, [INT64(q)], inbounds=True))) for q in range(FOUR)]

        last = each(base(context, builder, shares_t, shares_v))
        with cgutils.for_range_slice(builder, INT64(0), INT64(size), INT64(LANES), INT64) as (offset, _):
            places = [builder.add(offset, INT64(q * size)) for q in range(FOUR)]
            xs = [load(builder, hidden, place) for place in places]
            sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(FOUR)]
            for g, row, x, total in zip(each(own_steps), own, xs, sums, strict=True):
                value = load(builder, row, offset)
                builder.store(builder.fmul(g, value), total)
                store(builder, multiply_add(builder, g, x, value), row, offset)
            with cgutils.for_range(builder, n_negatives_v) as loop:
                number = builder.load(builder.gep(numbers, [loop.index], inbounds=True))
                row = builder.gep(start, [builder.mul(number, INT64(size))], inbounds=True)
                value = moved = load(builder, row, offset)
                gs = each(builder.gep(steps, [builder.mul(loop.index, INT64(FOUR))], inbounds=True))
                for g, x, total in zip(gs, xs, sums, strict=True):
                    builder.store(multiply_add(builder, g, value, builder.load(total)), total)
                    moved = multiply_add(builder, g, x, moved)
                store(builder, moved, row, offset)
            for share, total, place in zip(last, sums, places, strict=True):
                store(builder, builder.fmul(share, builder.load(total)), results, place)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, negatives, i8, targets, vectors, gradients, shares, changes, row_size), codegen
