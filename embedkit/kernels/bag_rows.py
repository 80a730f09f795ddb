"""The sum of a line's rows, and one vector added to all of them: what a bag of features is trained with.

A line of text has a hundred rows of a few vectors each, somewhere in tens of megabytes. The running sum and the vector
that is added stay in registers over all rows of a line; with one row at a time each addition waited for the store of
the last. While a line's rows are written those of the next one are asked for, a row for a row, so that the requests do
not queue up.

A line's rows are ``rows[first:last]``; those below `n_private` are counted from `private` on, those below 0 left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import (
    LANES,
    LINE_FLOATS,
    MAX_CHUNKS,
    VECTOR,
    base,
    element,
    load,
    multiply_add,
    request,
    spread,
    store,
)


@kernel(borrows=True)
def vectors_at_once(row_size):
    """Vectors of a row that are held in registers: as many as divide it, `MAX_CHUNKS` at most."""
    chunks = row_size // LANES
    groups = (chunks + MAX_CHUNKS - 1) // MAX_CHUNKS
    while chunks % groups != 0:
        groups += 1
    return chunks // groups


def _row_size(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    return cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)[1]


def _for_each_width(builder: Any, width: Any, work: Callable[[int], None]) -> None:
    """``work(n)`` for the number of vectors that `width` turns out to be."""
    done = builder.append_basic_block("done")
    choice = builder.switch(width, done)
    for n in range(1, MAX_CHUNKS + 1):
        case = builder.append_basic_block(f"width{n}")
        choice.add_case(width.type(n), case)
        builder.position_at_end(case)
        work(n)
        builder.branch(done)
    builder.position_at_end(done)


@contextmanager
def _each_row(builder: Any, numbers: Any, first: Any, last: Any, private: tuple[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Code for each row: (its number, its place in the line)."""
    int64 = first.type
    n_private, start = private
    with cgutils.for_range_slice(builder, first, last, int64(1), int64) as (r, _):
        number = builder.sext(builder.load(builder.gep(numbers, [r], inbounds=True)), int64)
        with builder.if_then(builder.icmp_signed(">=", number, int64(0)), likely=True):
            shared = builder.icmp_signed(">=", number, n_private)
            yield builder.select(shared, number, builder.add(number, start)), builder.sub(r, first)


@intrinsic
def sum_bag(typingctx, matrix, rows, first, last, n_private, private, width, out, out_row):
    """``out[out_row] = sum of matrix[rows[r]]`` for `first` ≤ r < `last`, in this order.

    Parameters
    ----------
    matrix : float32 (n_rows, row_size), C order
    rows : int32
    first, last, n_private, private : int
    width : int
        `vectors_at_once`.
    out : float32 (n, row_size)
    out_row : int
    """

    def codegen(context, builder, signature, args):
        matrix_t, rows_t, out_t = signature.args[0], signature.args[1], signature.args[7]
        matrix_v, rows_v, first_v, last_v, n_private_v, private_v, width_v, out_v, out_row_v = args
        size = _row_size(context, builder, matrix_t, matrix_v)
        start, numbers = base(context, builder, matrix_t, matrix_v), base(context, builder, rows_t, rows_v)
        out_p = element(context, builder, out_t, out_v, builder.mul(out_row_v, size))
        int64 = first_v.type

        def work(n):
            sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(n)]
            with cgutils.for_range_slice(builder, int64(0), size, int64(n * LANES), int64) as (offset, _):
                for place in sums:
                    builder.store(VECTOR([0.0] * LANES), place)
                with _each_row(builder, numbers, first_v, last_v, (n_private_v, private_v)) as (number, _):
                    row = builder.gep(start, [builder.add(builder.mul(number, size), offset)], inbounds=True)
                    for k, place in enumerate(sums):
                        x = load(builder, row, int64(k * LANES))
                        builder.store(builder.fadd(builder.load(place), x), place)
                for k, place in enumerate(sums):
                    store(builder, builder.load(place), out_p, builder.add(offset, int64(k * LANES)))

        _for_each_width(builder, width_v, work)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, rows, i8, i8, i8, i8, i8, out, i8), codegen


@intrinsic
def add_to_bag(
    typingctx, matrix, rows, first, last, n_private, private, width, scale, source, source_row, following, n_following
):
    """``matrix[rows[r]] += scale * source[source_row]`` for `first` ≤ r < `last`, one after the other.

    Parameters
    ----------
    matrix, rows, first, last, n_private, private, width
        As for `sum_bag`.
    scale : float32
    source : float32 (n, row_size)
    source_row : int
    following, n_following : int
        Rows ``rows[following:following + n_following]``, at most as many as are written, are asked for meanwhile.
    """

    def codegen(context, builder, signature, args):
        matrix_t, rows_t, source_t = signature.args[0], signature.args[1], signature.args[8]
        matrix_v, rows_v, first_v, last_v, n_private_v, private_v, width_v, scale_v, source_v = args[:9]
        source_row_v, following_v, n_following_v = args[9:]
        size = _row_size(context, builder, matrix_t, matrix_v)
        start, numbers = base(context, builder, matrix_t, matrix_v), base(context, builder, rows_t, rows_v)
        source_p = element(context, builder, source_t, source_v, builder.mul(source_row_v, size))
        scales, int64 = spread(builder, scale_v), first_v.type

        def ask_for(place, offset, n):
            with builder.if_then(builder.icmp_signed("<", place, n_following_v), likely=True):
                at = builder.gep(numbers, [builder.add(following_v, place)], inbounds=True)
                number = builder.sext(builder.load(at), int64)
                with builder.if_then(builder.icmp_signed(">=", number, n_private_v), likely=True):
                    row = builder.gep(start, [builder.add(builder.mul(number, size), offset)])
                    for d in range(0, n * LANES, LINE_FLOATS):
                        request(builder, builder.gep(row, [int64(d)]))

        def work(n):
            with cgutils.for_range_slice(builder, int64(0), size, int64(n * LANES), int64) as (offset, _):
                xs = [load(builder, source_p, builder.add(offset, int64(k * LANES))) for k in range(n)]
                rows_of_line = _each_row(builder, numbers, first_v, last_v, (n_private_v, private_v))
                with rows_of_line as (number, place):
                    ask_for(place, offset, n)
                    row = builder.gep(start, [builder.add(builder.mul(number, size), offset)], inbounds=True)
                    for k, x in enumerate(xs):
                        at = int64(k * LANES)
                        store(builder, multiply_add(builder, scales, x, load(builder, row, at)), row, at)

        _for_each_width(builder, width_v, work)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, rows, i8, i8, i8, i8, i8, types.float32, source, i8, i8, i8), codegen
