"""Vectors of LLVM IR: what the training kernels' inner loops are written with.

Left to the auto-vectoriser each dot product ends in a horizontal sum that costs more than its multiplications, and
each update is bound by its stores. So the loops over a row are written with explicit vectors: here are the pieces of
IR they are made of (`load`, `store`, `multiply_add`, `spread`, `sum_each`), prefetching, and the logistic function.
LLVM lowers the vectors to whatever the processor has (AVX-512, AVX2, NEON, SSE); nothing asks for a particular one.

Rows are padded with zeros to a whole number of vectors (`padded_size`), so no loop has a scalar tail, and begin at a
cache line (`aligned_zeros`, `aligned_rows`).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import has_avx512, kernel

LANES = 16 if has_avx512() else 8  # floats in one vector
CACHE_LINE = 64  # bytes
LINE_FLOATS = CACHE_LINE // 4
MAX_CHUNKS = 8  # vectors of one row held in registers at a time

FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
INT32 = ir.IntType(32)


def padded_size(vector_size: int) -> int:
    """The row length in float32 that the kernels want: whole vectors, in equal groups of at most eight.

    With AVX-512 100 becomes 112 (one group of 7 vectors of 16), 300 becomes 320 (four groups of 5).
    """
    chunks = -(-vector_size // LANES)
    fewest = -(-chunks // MAX_CHUNKS)
    return min(groups * -(-chunks // groups) for groups in range(fewest, fewest + 3)) * LANES


def whole_vectors(vector_size: int) -> int:
    """The row length in float32 for kernels that need no even groups: 104 for 100 with AVX2, 112 with AVX-512."""
    return -(-vector_size // LANES) * LANES


def runs_of(chunks: int, longest: int) -> tuple[int, int, int]:
    """How vectors are dealt to runs of up to `longest`: (vectors in a run, runs of so many, vectors in the last one).

    Where one or two runs more make all alike, as `padded_size` arranges it for `MAX_CHUNKS`, the last one has none.
    """
    fewest = -(-chunks // longest)
    n_runs = next((n for n in range(fewest, fewest + 3) if chunks % n == 0), fewest)
    each = -(-chunks // n_runs)
    return each, *divmod(chunks, each)


def in_runs(builder, row_size, longest, body):
    """Emit ``body(offset, n)`` for each run of n vectors of a row, at most `longest`; `offset` counts floats."""
    each, full, rest = runs_of(row_size // LANES, longest)
    int64 = ir.IntType(64)
    if full == 1:
        body(int64(0), each)
    else:
        with cgutils.for_range(builder, int64(full)) as loop:
            body(builder.mul(loop.index, int64(each * LANES)), each)
    if rest:
        body(int64(full * each * LANES), rest)


def aligned_zeros(n_rows: int, row_size: int) -> np.ndarray:
    """Zeros float32 (n_rows, row_size) that start on a cache line.

    A vector that straddles two lines costs twice: the kernels run 1.35 times as fast on aligned rows.
    """
    raw = np.zeros(n_rows * row_size + LINE_FLOATS, np.float32)
    start = -raw.ctypes.data % CACHE_LINE // 4
    return raw[start : start + n_rows * row_size].reshape(n_rows, row_size)


@kernel
def aligned_rows(n_rows, row_size):
    """`aligned_zeros` for a kernel's own arrays."""
    raw = np.zeros(n_rows * row_size + LINE_FLOATS, np.float32)
    start = (CACHE_LINE - raw.ctypes.data % CACHE_LINE) % CACHE_LINE // 4
    return raw[start : start + n_rows * row_size].reshape(n_rows, row_size)


@intrinsic
def prefetch(typingctx, array, index):
    """Ask the processor to bring the cache line of ``array.flat[index]`` nearer; never fails, has no result."""

    def codegen(context, builder, signature, args):
        # Not inbounds: a prefetch may point behind the end.
        request(builder, builder.gep(base(context, builder, signature.args[0], args[0]), [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


def request(builder, pointer):
    """Ask for the cache line at an address."""
    pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [pointer.type, INT32, INT32, INT32]), "llvm.prefetch.p0"
    )
    # 0: for reading, which was 2 % faster here than 1, for writing; 3: into all cache levels; 1: data.
    builder.call(function, [pointer, INT32(0), INT32(3), INT32(1)])


def base(context, builder, array_type, array):
    """The address of an array's first item."""
    return context.make_array(array_type)(context, builder, array).data


def element(context, builder, array_type, array, index):
    """The address of ``array.flat[index]``."""
    return builder.gep(base(context, builder, array_type, array), [index], inbounds=True)


def load(builder, base, offset):
    """The vector at ``base + offset`` floats."""
    pointer = builder.bitcast(builder.gep(base, [offset], inbounds=True), VECTOR.as_pointer())
    return builder.load(pointer, align=4)


def store(builder, value, base, offset):
    """Write a vector to ``base + offset`` floats."""
    pointer = builder.bitcast(builder.gep(base, [offset], inbounds=True), value.type.as_pointer())
    builder.store(value, pointer, align=4)


def multiply_add(builder, a, b, c):
    """``a * b + c`` of vectors."""
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(VECTOR, [VECTOR] * 3), f"llvm.fmuladd.v{LANES}f32"
    )
    return builder.call(function, [a, b, c])


def shuffle(builder, a, b, lanes):
    """The given lanes of `a` and `b`, those of `b` numbered from `LANES` on."""
    mask = ir.Constant(ir.VectorType(INT32, len(lanes)), [INT32(lane) for lane in lanes])
    return builder.shuffle_vector(a, b, mask)


def spread(builder, value):
    """A vector of one float32 in all lanes."""
    single = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, INT32(0))
    return shuffle(builder, single, single, [0] * LANES)


def sum_each(builder, vectors):
    """One vector whose lanes hold the sums of all vectors, and whose sum each lane holds: a tree of shuffles and adds.

    At each level two vectors of partial sums become one: of every pair of neighbouring blocks of `width` lanes,
    the first vector's go to the lower half of the result's blocks, the second's to the upper. With fewer vectors than
    lanes (a power of two) several lanes hold parts of one sum.

    Parameters
    ----------
    vectors : list of LLVM values

    Returns
    -------
    value
    owners : list of int
        The vector that each lane belongs to.
    """
    owners = [[k] * LANES for k in range(len(vectors))]
    width = LANES // 2
    while len(vectors) > 1:
        half = len(vectors) // 2
        low, high = [], []
        for block in range(0, LANES, 2 * width):
            low += [block + i for i in range(width)] + [LANES + block + i for i in range(width)]
            high += [block + width + i for i in range(width)] + [LANES + block + width + i for i in range(width)]
        vectors = [
            builder.fadd(shuffle(builder, a, b, low), shuffle(builder, a, b, high))
            for a, b in zip(vectors[:half], vectors[half:], strict=True)
        ]
        owners = [[(a + b)[lane] for lane in low] for a, b in zip(owners[:half], owners[half:], strict=True)]
        width //= 2
    return vectors[0], owners[0]


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
        bases = [base(context, builder, t, v) for t, v in zip(signature.args[:3], args[:3], strict=True)]
        n, rate = args[3:]
        int64 = n.type

        def constant(value):
            return ir.Constant(VECTOR, [value] * LANES)

        def clamped(x, comparison, limit):
            return builder.select(builder.fcmp_ordered(comparison, x, constant(limit)), constant(limit), x)

        rates = spread(builder, rate)
        n_vectors = builder.sdiv(builder.add(n, int64(LANES - 1)), int64(LANES))
        with cgutils.for_range(builder, n_vectors) as loop:
            offset = builder.mul(loop.index, int64(LANES))
            score, weight, label = (load(builder, start, offset) for start in bases)
            half = builder.fmul(score, constant(0.5))
            half = clamped(clamped(half, ">", 4.97), "<", -4.97)
            square = builder.fmul(half, half)

            def polynomial(*coefficients, square=square):
                value = constant(coefficients[0])
                for coefficient in coefficients[1:]:
                    value = multiply_add(builder, value, square, constant(coefficient))
                return value

            above = builder.fmul(half, polynomial(1.0, 378.0, 17325.0, 135135.0))
            below = polynomial(28.0, 3150.0, 62370.0, 135135.0)
            tanh = builder.fdiv(above, below)
            sigma = multiply_add(builder, tanh, constant(0.5), constant(0.5))
            step = builder.fmul(builder.fmul(weight, rates), builder.fsub(label, sigma))
            store(builder, step, bases[1], offset)
        return context.get_dummy_value()

    return types.void(scores, weights, labels, types.int64, types.float32), codegen
