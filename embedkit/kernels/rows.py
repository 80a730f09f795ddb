"""One hidden vector against a few rows at a time: the inner products and updates of subword training.

Written with explicit vectors of LLVM IR, like `embedkit.kernels.simd`: six rows against one vector keep six
accumulators in registers, and the sums across lanes are shared in one tree of shuffles. Rows are as long as
`embedkit.kernels.simd.padded_size` says. They should begin at multiples of 64 bytes: vectors that straddle cache
lines took twice the time. They take row numbers, not views: making a view of an array counts a reference, an atomic
operation that costs as much as the arithmetic here.
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import (
    LANES,
    LINE_FLOATS,
    VECTOR,
    base,
    element,
    load,
    multiply_add,
    prefetch,
    shuffle,
    spread,
    store,
    sum_each,
)

TILE = 6  # rows handled at once: a target and five negatives
SCORES = 8  # lanes that hold their results; the last two are zero


def _row_size(context, builder, array_type, array):
    return cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)[1]


def _row(context, builder, array_type, array, row, size):
    return builder.gep(base(context, builder, array_type, array), [builder.mul(row, size)], inbounds=True)


def _row_pointers(context, builder, matrix_type, matrix, rows_type, rows, first):
    start, size = base(context, builder, matrix_type, matrix), _row_size(context, builder, matrix_type, matrix)
    pointers = []
    for k in range(TILE):
        row = builder.load(element(context, builder, rows_type, rows, builder.add(first, first.type(k))))
        pointers.append(builder.gep(start, [builder.mul(row, size)], inbounds=True))
    return pointers, size


def sum_each_of_eight(builder, vectors):
    """Eight lanes, lane k the sum of ``vectors[k]``."""
    sums, owners = sum_each(builder, vectors)
    places = [[lane for lane in range(LANES) if owners[lane] == k] for k in range(SCORES)]
    result = shuffle(builder, sums, sums, [lanes[0] for lanes in places])
    for further in range(1, LANES // SCORES):
        again = shuffle(builder, sums, sums, [lanes[further] for lanes in places])
        result = builder.fadd(result, again)
    return result


@intrinsic
def dot_rows(typingctx, matrix, rows, first, vectors, at, out):
    """``out[g + k] = matrix[rows[first + k]] . vectors[at]`` for k < TILE, where g = first / TILE * SCORES.

    Parameters
    ----------
    matrix : float32 (n, row_size), C order
    rows : int64 (at least first + TILE,)
    first : int
        A multiple of TILE.
    vectors : float32 (m, row_size), C order
    at : int
    out : float32 (n_tiles * SCORES,)
        Of each tile's eight places the last two become zero.
    """

    def codegen(context, builder, signature, args):
        matrix_t, rows_t, _, vectors_t, _, out_t = signature.args
        matrix_v, rows_v, first_v, vectors_v, at_v, out_v = args
        pointers, size = _row_pointers(context, builder, matrix_t, matrix_v, rows_t, rows_v, first_v)
        vector_p = _row(context, builder, vectors_t, vectors_v, at_v, size)
        zero = VECTOR([0.0] * LANES)
        sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(TILE)]
        for place in sums:
            builder.store(zero, place)
        int64 = first_v.type
        with cgutils.for_range_slice(builder, int64(0), size, int64(LANES), int64) as (offset, _):
            x = load(builder, vector_p, offset)
            for place, row in zip(sums, pointers, strict=True):
                builder.store(multiply_add(builder, load(builder, row, offset), x, builder.load(place)), place)
        result = sum_each_of_eight(builder, [builder.load(p) for p in sums] + [zero] * (SCORES - TILE))
        at = builder.mul(builder.sdiv(first_v, int64(TILE)), int64(SCORES))
        store(builder, result, base(context, builder, out_t, out_v), at)
        return context.get_dummy_value()

    return types.void(matrix, rows, types.int64, vectors, types.int64, out), codegen


@intrinsic
def update_rows(typingctx, matrix, rows, first, gradient, vectors, at, start, result):
    """The two updates of a tile, both from the same old vector.

    ``vectors[result] = vectors[start] + sum over k of gradient[g + k] * matrix[rows[first + k]]`` and
    ``matrix[rows[first + k]] += gradient[g + k] * vectors[at]``, where g = first / TILE * SCORES. A row that occurs
    twice gets both updates. `result` may be `start`, not `at`.
    """

    def codegen(context, builder, signature, args):
        matrix_t, rows_t, _, gradient_t, vectors_t = signature.args[:5]
        matrix_v, rows_v, first_v, gradient_v, vectors_v, at_v, start_v, result_v = args
        pointers, size = _row_pointers(context, builder, matrix_t, matrix_v, rows_t, rows_v, first_v)
        vector_p, start_p, result_p = (
            _row(context, builder, vectors_t, vectors_v, row, size) for row in (at_v, start_v, result_v)
        )
        gradient_p = base(context, builder, gradient_t, gradient_v)
        int64 = first_v.type
        place = builder.mul(builder.sdiv(first_v, int64(TILE)), int64(SCORES))
        scales = []
        for k in range(TILE):
            weight = builder.load(builder.gep(gradient_p, [builder.add(place, int64(k))], inbounds=True))
            scales.append(spread(builder, weight))
        with cgutils.for_range_slice(builder, int64(0), size, int64(LANES), int64) as (offset, _):
            x = load(builder, vector_p, offset)
            total = load(builder, start_p, offset)
            for weight, row in zip(scales, pointers, strict=True):
                w = load(builder, row, offset)
                total = multiply_add(builder, weight, w, total)
                store(builder, multiply_add(builder, weight, x, w), row, offset)
            store(builder, total, result_p, offset)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, rows, i8, gradient, vectors, i8, i8, i8), codegen


@intrinsic
def add_row(typingctx, target, target_row, scale, source, source_row):
    """``target[target_row] += scale * source[source_row]``, both float32 (n, row_size) in C order."""

    def codegen(context, builder, signature, args):
        target_t, _, _, source_t, _ = signature.args
        target_v, target_row_v, scale_v, source_v, source_row_v = args
        size = _row_size(context, builder, target_t, target_v)
        t = _row(context, builder, target_t, target_v, target_row_v, size)
        s = _row(context, builder, source_t, source_v, source_row_v, size)
        scales = spread(builder, scale_v)
        int64 = target_row_v.type
        with cgutils.for_range_slice(builder, int64(0), size, int64(LANES), int64) as (offset, _):
            x = load(builder, s, offset)
            store(builder, multiply_add(builder, scales, x, load(builder, t, offset)), t, offset)
        return context.get_dummy_value()

    return types.void(target, types.int64, types.float32, source, types.int64), codegen


@kernel(borrows=True)
def fetch_row(matrix, row):
    """Ask for a row, cache line by cache line."""
    size = matrix.shape[1]
    for d in range(0, size, LINE_FLOATS):
        prefetch(matrix, row * size + d)
