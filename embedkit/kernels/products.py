"""The three products of a step with tiny matrices: scores, and the changes of both sides.

A training step is three products of matrices with some ten rows. `dot_tile` reduces a whole tile of dot products in
one transposing tree, `add_rows` keeps two target rows in registers while all source rows pass by
(`embedkit.kernels.simd`).
"""

from __future__ import annotations

import functools

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
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
    sum_each,
)

# Sixteen dots of a 4 x 4 tile fill the registers of AVX-512; elsewhere 2 x 4 tiles of eight.
TILE_ROWS = LANES // 4
TILE_COLUMNS = 4
# Vectors of target rows that stay in registers while all source rows pass by, of 32 and of 16. With fourteen of 16 the
# compiler moved sums to memory and back for every source row: skip-gram took 1.15 times as long on a Zen 1.
HELD = 16 if LANES == 16 else 12


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
            row = builder.load(element(context, builder, rows_t, rows_v, builder.add(first_row_v, int64(i))))
            x.append(element(context, builder, matrix_t, matrix_v, builder.mul(row, stride)))
        for j in range(TILE_COLUMNS):
            index = builder.mul(builder.add(first_other_v, int64(j)), stride)
            y.append(element(context, builder, others_t, others_v, index))
        slots = [cgutils.alloca_once_value(builder, VECTOR([0.0] * LANES)) for _ in range(LANES)]

        def add_run(start, n):
            sums = [builder.load(slot) for slot in slots]
            for chunk in range(n):
                offset = builder.add(start, int64(chunk * LANES))
                xs = [load(builder, p, offset) for p in x]
                ys = [load(builder, p, offset) for p in y]
                sums = [
                    multiply_add(builder, xs[k // TILE_COLUMNS], ys[k % TILE_COLUMNS], s) for k, s in enumerate(sums)
                ]
            for slot, value in zip(slots, sums, strict=True):
                builder.store(value, slot)

        in_runs(builder, size, MAX_CHUNKS, add_run)
        sums = [builder.load(slot) for slot in slots]
        result, _ = sum_each(builder, sums)
        for i in range(TILE_ROWS):
            four = shuffle(builder, result, result, range(i * TILE_COLUMNS, (i + 1) * TILE_COLUMNS))
            row = builder.mul(builder.add(first_row_v, int64(i)), out_columns)
            store(builder, four, out_array.data, builder.add(row, first_other_v))
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
        targets = [
            element(context, builder, target_t, target_v, builder.mul(row, stride))
            for row in (row_a, row_b)[:n_targets]
        ]
        source_base = base(context, builder, source_t, source_v)

        def update_run(start, n):
            slots = [cgutils.alloca_once(builder, VECTOR) for _ in range(n_targets * n)]
            offsets = [builder.add(start, int64(chunk * LANES)) for chunk in range(n)]
            for t, pointer in enumerate(targets):
                for chunk, offset in enumerate(offsets):
                    builder.store(load(builder, pointer, offset), slots[t * n + chunk])
            with cgutils.for_range(builder, n_rows_v) as loop:
                row = builder.load(element(context, builder, rows_t, rows_v, loop.index))
                source_row = builder.gep(source_base, [builder.mul(row, stride)], inbounds=True)
                at = builder.mul(loop.index, step)
                scales = []
                for begin in (start_a, start_b)[:n_targets]:
                    weight = builder.load(element(context, builder, weights_t, weights_v, builder.add(begin, at)))
                    scales.append(spread(builder, weight))
                for chunk, offset in enumerate(offsets):
                    value = load(builder, source_row, offset)
                    for t in range(n_targets):
                        slot = slots[t * n + chunk]
                        builder.store(multiply_add(builder, scales[t], value, builder.load(slot)), slot)
            for t, pointer in enumerate(targets):
                for chunk, offset in enumerate(offsets):
                    store(builder, builder.load(slots[t * n + chunk]), pointer, offset)

        in_runs(builder, size, min(HELD // n_targets, MAX_CHUNKS), update_run)
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
def copy_row(typingctx, source, row, target, at, row_size):
    """``target[at] = source[row]``, for float32 matrices in C order; `row_size`, an int literal, as in `dot_tile`."""
    if not isinstance(row_size, types.IntegerLiteral):
        return None
    size = row_size.literal_value

    def codegen(context, builder, signature, args):
        stride = args[1].type(size)
        start, end = (
            element(context, builder, signature.args[k], args[k], builder.mul(args[k + 1], stride)) for k in (0, 2)
        )

        def copy_run(first, n):
            offsets = [builder.add(first, first.type(chunk * LANES)) for chunk in range(n)]
            for value, offset in [(load(builder, start, offset), offset) for offset in offsets]:
                store(builder, value, end, offset)

        in_runs(builder, size, MAX_CHUNKS, copy_run)
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64, row_size), codegen


@functools.cache
def make_products(row_size):
    """The matrix products of a step for rows of `row_size` float32: scores and changes; and the rows' copy."""

    @kernel
    def scores_of(inputs, rows, n_rows, outputs, n_outputs, scores):
        for r in range(0, n_rows, TILE_ROWS):
            for c in range(0, n_outputs, TILE_COLUMNS):
                dot_tile(inputs, rows, r, outputs, c, row_size, scores)

    @kernel
    def add_products(target, targets, n_targets, target_step, source, rows, n_rows, weights, step):
        """``target[targets[t]] += sum_k weights.flat[t * target_step + k * step] * source[rows[k]]``."""
        t = 0
        while t < n_targets:
            if t + 1 < n_targets and targets[t] != targets[t + 1]:
                add_rows(
                    target,
                    targets[t],
                    targets[t + 1],
                    source,
                    rows,
                    n_rows,
                    weights,
                    t * target_step,
                    (t + 1) * target_step,
                    step,
                    row_size,
                )
                t += 2
            else:
                add_rows_single(
                    target, targets[t], targets[t], source, rows, n_rows, weights, t * target_step, 0, step, row_size
                )
                t += 1

    @kernel
    def copy_rows(matrix, words, n, out):
        """``out[k] = matrix[words[k]]``."""
        for k in range(n):
            copy_row(matrix, words[k], out, k, row_size)

    return scores_of, add_products, copy_rows
