"""Small pieces that the training kernels share: prefetching, the logistic function, tiny matrix products.

A training step is three products of matrices with some ten rows. Left to the auto-vectoriser each dot product
ends in a horizontal sum that costs more than its multiplications, and each update is bound by its stores. So the
products are written with explicit vectors of LLVM IR: `dot_tile` reduces a whole tile of dot products in one
transposing tree, `add_rows` keeps two target rows in registers while all source rows pass by. LLVM lowers the
vectors to whatever the processor has (AVX-512, AVX2, NEON, SSE); nothing here asks for a particular one.

Rows are padded with zeros to a whole number of vectors (`padded_size`), so no loop has a scalar tail.
"""

from __future__ import annotations

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Floats in one vector. Sixteen dots of a 4 x 4 tile fill the registers of AVX-512; elsewhere 2 x 4 tiles of eight.
LANES = 16 if llvm.get_host_cpu_features().get("avx512f", False) else 8
TILE_ROWS = LANES // 4
TILE_COLUMNS = 4
_MAX_CHUNKS = 8  # vectors of one row held in registers at a time by add_rows

_float = ir.FloatType()
_vector = ir.VectorType(_float, LANES)
_int32 = ir.IntType(32)


def padded_size(vector_size: int) -> int:
    """The row length in float32 that the kernels want: whole vectors, in equal groups of at most eight.

    With AVX-512 100 becomes 112 (one group of 7 vectors of 16), 300 becomes 320 (four groups of 5).
    """
    chunks = -(-vector_size // LANES)
    fewest = -(-chunks // _MAX_CHUNKS)
    return min(groups * -(-chunks // groups) for groups in range(fewest, fewest + 3)) * LANES


def chunks_and_groups(row_size: int) -> tuple[int, int]:
    """How `padded_size` divides a row: (vectors in a group, number of groups)."""
    chunks = row_size // LANES
    groups = next(n for n in range(-(-chunks // _MAX_CHUNKS), chunks + 1) if chunks % n == 0)
    return chunks // groups, groups


def aligned_zeros(n_rows: int, row_size: int) -> np.ndarray:
    """Zeros float32 (n_rows, row_size) that start on a cache line.

    A vector that straddles two lines costs twice: the kernels run 1.35 times as fast on aligned rows.
    """
    raw = np.zeros(n_rows * row_size + 16, np.float32)
    start = -raw.ctypes.data % 64 // 4
    return raw[start : start + n_rows * row_size].reshape(n_rows, row_size)


@intrinsic
def prefetch(typingctx, array, index):
    """Ask the processor to bring the cache line of ``array.flat[index]`` nearer; never fails, has no result."""

    def codegen(context, builder, signature, args):
        pointer = _element(context, builder, signature.args[0], args[0], args[1])
        pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [pointer.type, _int32, _int32, _int32]), "llvm.prefetch.p0"
        )
        # 0: for reading, which was 2 % faster here than 1, for writing; 3: into all cache levels; 1: data.
        builder.call(function, [pointer, _int32(0), _int32(3), _int32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


def _element(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index], inbounds=True)


def _load(builder, base, offset):
    pointer = builder.bitcast(builder.gep(base, [offset], inbounds=True), _vector.as_pointer())
    return builder.load(pointer, align=4)


def _store(builder, value, base, offset):
    pointer = builder.bitcast(builder.gep(base, [offset], inbounds=True), value.type.as_pointer())
    builder.store(value, pointer, align=4)


def _multiply_add(builder, a, b, c):
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_vector, [_vector] * 3), f"llvm.fmuladd.v{LANES}f32"
    )
    return builder.call(function, [a, b, c])


def _shuffle(builder, a, b, lanes):
    mask = ir.Constant(ir.VectorType(_int32, len(lanes)), [_int32(lane) for lane in lanes])
    return builder.shuffle_vector(a, b, mask)


def _sum_each(builder, vectors):
    """One vector whose lane k is the sum of ``vectors[k]``: a tree of shuffles and adds, LANES - 1 additions.

    At each level two vectors of partial sums become one: of every pair of neighbouring blocks of `width` lanes,
    the first vector's go to the lower half of the result's blocks, the second's to the upper.
    """
    width = LANES // 2
    while len(vectors) > 1:
        half = len(vectors) // 2
        merged = []
        for a, b in zip(vectors[:half], vectors[half:], strict=True):
            low, high = [], []
            for block in range(0, LANES, 2 * width):
                low += [block + i for i in range(width)] + [LANES + block + i for i in range(width)]
                high += [block + width + i for i in range(width)] + [LANES + block + width + i for i in range(width)]
            merged.append(builder.fadd(_shuffle(builder, a, b, low), _shuffle(builder, a, b, high)))
        vectors = merged
        width //= 2
    return vectors[0]


@intrinsic
def dot_tile(typingctx, matrix, rows, first_row, others, first_other, row_size, out):
    """``out[first_row + i, first_other + j] = matrix[rows[first_row + i]] · others[first_other + j]``.

    i runs over TILE_ROWS, j over TILE_COLUMNS.

    Parameters
    ----------
    matrix : float32 (n, row_size), C order
    rows : int64 (at least first_row + TILE_ROWS,)
    others : float32 (m, row_size), C order
    row_size : int literal
        From `padded_size`.
    out : float32 (at least first_row + TILE_ROWS, m), C order
    """
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        matrix_t, rows_t, _, others_t, _, _, out_t = signature.args
        matrix_v, rows_v, first_row_v, others_v, first_other_v, _, out_v = args
        out_array = context.make_array(out_t)(context, builder, out_v)
        out_columns = cgutils.unpack_tuple(builder, out_array.shape)[1]
        int64 = first_row_v.type
        stride = int64(size)
        x, y = [], []
        for i in range(TILE_ROWS):
            row = builder.load(_element(context, builder, rows_t, rows_v, builder.add(first_row_v, int64(i))))
            x.append(_element(context, builder, matrix_t, matrix_v, builder.mul(row, stride)))
        for j in range(TILE_COLUMNS):
            index = builder.mul(builder.add(first_other_v, int64(j)), stride)
            y.append(_element(context, builder, others_t, others_v, index))
        sums = [_vector([0.0] * LANES)] * LANES
        chunks, groups = chunks_and_groups(size)

        def group_of_chunks(start, sums):
            for chunk in range(chunks):
                offset = builder.add(start, int64(chunk * LANES))
                xs = [_load(builder, p, offset) for p in x]
                ys = [_load(builder, p, offset) for p in y]
                sums = [
                    _multiply_add(builder, xs[k // TILE_COLUMNS], ys[k % TILE_COLUMNS], s) for k, s in enumerate(sums)
                ]
            return sums

        if groups == 1:
            sums = group_of_chunks(int64(0), sums)
        else:
            slots = [cgutils.alloca_once_value(builder, s) for s in sums]
            with cgutils.for_range(builder, int64(groups)) as loop:
                start = builder.mul(loop.index, int64(chunks * LANES))
                for slot, s in zip(slots, group_of_chunks(start, [builder.load(p) for p in slots]), strict=True):
                    builder.store(s, slot)
            sums = [builder.load(p) for p in slots]
        result = _sum_each(builder, sums)
        for i in range(TILE_ROWS):
            four = _shuffle(builder, result, result, range(i * TILE_COLUMNS, (i + 1) * TILE_COLUMNS))
            row = builder.mul(builder.add(first_row_v, int64(i)), out_columns)
            _store(builder, four, out_array.data, builder.add(row, first_other_v))
        return context.get_dummy_value()

    return types.void(matrix, rows, types.int64, others, types.int64, row_size, out), codegen


@intrinsic
def add_rows(typingctx, target, row_a, row_b, source, rows, n_rows, weights, start_a, start_b, step, row_size):
    """``target[row_a] += sum over k < n_rows of weights.flat[start_a + k * step] * source[rows[k]]``, likewise b.

    Both target rows are read once and written once. `row_a` and `row_b` must differ.

    Parameters
    ----------
    target, source : float32 (n, row_size), C order
    rows : int64 (at least n_rows,)
    weights : float32, C order
    row_size : int literal
        From `padded_size`.
    """
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    return _add_rows_signature(target, source, rows, weights, row_size, 2)


def _add_rows_signature(target, source, rows, weights, row_size, n_targets):
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        target_t, source_t, rows_t, weights_t = (signature.args[i] for i in (0, 3, 4, 6))
        target_v, row_a, row_b, source_v, rows_v, n_rows_v, weights_v, start_a, start_b, step, _ = args
        int64 = row_a.type
        stride = int64(size)
        chunks, groups = chunks_and_groups(size)
        targets = [
            _element(context, builder, target_t, target_v, builder.mul(row, stride))
            for row in (row_a, row_b)[:n_targets]
        ]
        source_base = context.make_array(source_t)(context, builder, source_v).data
        slots = [cgutils.alloca_once(builder, _vector) for _ in range(n_targets * chunks)]
        with cgutils.for_range(builder, int64(groups)) as group:
            start = builder.mul(group.index, int64(chunks * LANES))
            offsets = [builder.add(start, int64(chunk * LANES)) for chunk in range(chunks)]
            for t, pointer in enumerate(targets):
                for chunk, offset in enumerate(offsets):
                    builder.store(_load(builder, pointer, offset), slots[t * chunks + chunk])
            with cgutils.for_range(builder, n_rows_v) as loop:
                row = builder.load(_element(context, builder, rows_t, rows_v, loop.index))
                base = builder.gep(source_base, [builder.mul(row, stride)], inbounds=True)
                at = builder.mul(loop.index, step)
                spread = []
                for begin in (start_a, start_b)[:n_targets]:
                    weight = builder.load(_element(context, builder, weights_t, weights_v, builder.add(begin, at)))
                    single = builder.insert_element(ir.Constant(_vector, ir.Undefined), weight, _int32(0))
                    spread.append(_shuffle(builder, single, single, [0] * LANES))
                for chunk, offset in enumerate(offsets):
                    value = _load(builder, base, offset)
                    for t in range(n_targets):
                        slot = slots[t * chunks + chunk]
                        builder.store(_multiply_add(builder, spread[t], value, builder.load(slot)), slot)
            for t, pointer in enumerate(targets):
                for chunk, offset in enumerate(offsets):
                    _store(builder, builder.load(slots[t * chunks + chunk]), pointer, offset)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(target, i8, i8, source, rows, i8, weights, i8, i8, i8, row_size), codegen


@intrinsic
def add_rows_single(typingctx, target, row_a, row_b, source, rows, n_rows, weights, start_a, start_b, step, row_size):
    """`add_rows` for `row_a` alone; `row_b` and `start_b` are ignored."""
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    return _add_rows_signature(target, source, rows, weights, row_size, 1)


@intrinsic
def logistic_steps(typingctx, scores, weights, labels, n, learning_rate):
    """``weights.flat[i] *= learning_rate * (labels.flat[i] - σ(scores.flat[i]))`` for i < n.

    n is rounded up to whole vectors, so the arrays must have room for `LANES` - 1 values more.
    σ is computed as ½ + ½ tanh(x / 2) with the seventh convergent of Lambert's continued fraction for tanh, which
    reaches 1 at 4.97 and is clamped there: within 6e-5, two short polynomials and a division, no table and no ``exp``.

    Parameters
    ----------
    scores, weights, labels : float32, C order
    n : int64
    learning_rate : float32
    """

    def codegen(context, builder, signature, args):
        bases = [
            context.make_array(t)(context, builder, v).data for t, v in zip(signature.args[:3], args[:3], strict=True)
        ]
        n, rate = args[3:]
        int64 = n.type

        def constant(value):
            return ir.Constant(_vector, [value] * LANES)

        def clamped(x, comparison, limit):
            return builder.select(builder.fcmp_ordered(comparison, x, constant(limit)), constant(limit), x)

        single = builder.insert_element(ir.Constant(_vector, ir.Undefined), rate, _int32(0))
        rates = _shuffle(builder, single, single, [0] * LANES)
        n_vectors = builder.sdiv(builder.add(n, int64(LANES - 1)), int64(LANES))
        with cgutils.for_range(builder, n_vectors) as loop:
            offset = builder.mul(loop.index, int64(LANES))
            score, weight, label = (_load(builder, base, offset) for base in bases)
            half = builder.fmul(score, constant(0.5))
            half = clamped(clamped(half, ">", 4.97), "<", -4.97)
            square = builder.fmul(half, half)

            def polynomial(*coefficients, square=square):
                value = constant(coefficients[0])
                for coefficient in coefficients[1:]:
                    value = _multiply_add(builder, value, square, constant(coefficient))
                return value

            above = builder.fmul(half, polynomial(1.0, 378.0, 17325.0, 135135.0))
            below = polynomial(28.0, 3150.0, 62370.0, 135135.0)
            tanh = builder.fdiv(above, below)
            sigma = _multiply_add(builder, tanh, constant(0.5), constant(0.5))
            step = builder.fmul(builder.fmul(weight, rates), builder.fsub(label, sigma))
            _store(builder, step, bases[1], offset)
        return context.get_dummy_value()

    return types.void(scores, weights, labels, types.int64, types.float32), codegen
