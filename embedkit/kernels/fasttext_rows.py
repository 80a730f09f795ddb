"""The rows of a subword model and what training does with those of one word: ask for them, add them up, move them.

A word has its own row and those of its n-grams. Loops over them are written with explicit vectors of LLVM IR
(`embedkit.kernels.simd`): what all rows add to, or what is added to all of them, stays in registers while they pass by.
Why a frequent word's rows are updated lazily: `embedkit.kernels.fasttext`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.rows import add_row, fetch_row
from embedkit.kernels.simd import (
    LANES,
    LINE_FLOATS,
    MAX_CHUNKS,
    VECTOR,
    base,
    element,
    in_runs,
    load,
    request,
    store,
)

ONE = np.float32(1.0)
INT64 = ir.IntType(64)


class Model(NamedTuple):
    """The matrices and which of their rows belong to which word.

    Attributes
    ----------
    indptr : int64 (n_words + 1,)
    lazy_start : int64 (n_words,)
        Where a word's lazily updated rows begin in `rows`, for cached words.
    rows : int32 (n_entries,)
        Rows of word w: ``rows[indptr[w]:indptr[w + 1]]``, ascending, the most used first.
    w_in, w_out : float32 (n_rows, row_size), (n_outputs, row_size)
    cache : float32 (2 * n_cached, row_size)
        Of word w: in row 2 w the sum of its lazy rows, in 2 w + 1 the update pending for each of them.
    uses : int32 (n_cached,)
        Uses left until a word's pending update is flushed.
    interval : int32 (n_cached,)
    """

    indptr: np.ndarray
    lazy_start: np.ndarray
    rows: np.ndarray
    w_in: np.ndarray
    w_out: np.ndarray
    cache: np.ndarray
    uses: np.ndarray
    interval: np.ndarray


def _each_listed(context, builder, signature, args, size, body):
    """Emit ``body(address)`` for each row of ``args[0]`` that `sum_listed`'s first arguments name."""
    (matrix_t, rows_t), (matrix, rows, first, stop, own, shift) = signature.args[:2], args[:6]
    int64 = first.type
    start = base(context, builder, matrix_t, matrix)
    with cgutils.for_range_slice(builder, first, stop, int64(1), int64) as (r, _):
        row = builder.sext(builder.load(element(context, builder, rows_t, rows, r)), int64)
        moved = builder.select(builder.icmp_signed("<", row, own), shift, int64(0))
        body(builder.gep(start, [builder.mul(builder.add(row, moved), int64(size))], inbounds=True))


def _literal(row_size):
    return row_size.literal_value if isinstance(row_size, types.IntegerLiteral) else None


def _beside_a_row(matrix, rows, other, row_size, size, emit):
    """Signature and code of what happens between rows that a list names and row `at` of another matrix.

    Emits ``emit(builder, row, offsets, each)`` for each run of vectors of a row: the address of that one row, the
    offsets of the vectors, and `_each_listed`, still without its body.
    """

    def codegen(context, builder, signature, args):
        at = builder.mul(args[7], args[7].type(size))
        row = element(context, builder, signature.args[6], args[6], at)
        each = functools.partial(_each_listed, context, builder, signature, args, size)

        def run(start, n):
            emit(builder, row, [builder.add(start, start.type(k * LANES)) for k in range(n)], each)

        in_runs(builder, size, MAX_CHUNKS, run)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, rows, i8, i8, i8, i8, other, i8, row_size), codegen


@intrinsic
def sum_listed(typingctx, matrix, rows, first, stop, own, shift, target, at, row_size):
    """``target[at] +=`` the sum of the rows of `matrix` that ``rows[first:stop]`` names, one after the other.

    Parameters
    ----------
    matrix, target : float32 (n, row_size), C order
    rows : int32
    first, stop, own, shift, at : int64
        Row r stands for ``r + shift`` where it is below `own`.
    row_size : int literal
        From `padded_size`.
    """
    size = _literal(row_size)
    if size is None:
        return None

    def emit(builder, result, offsets, each):
        sums = [cgutils.alloca_once_value(builder, load(builder, result, offset)) for offset in offsets]

        def add(row):
            for total, offset in zip(sums, offsets, strict=True):
                builder.store(builder.fadd(builder.load(total), load(builder, row, offset)), total)

        each(add)
        for total, offset in zip(sums, offsets, strict=True):
            store(builder, builder.load(total), result, offset)

    return _beside_a_row(matrix, rows, target, row_size, size, emit)


@intrinsic
def add_to_listed(typingctx, matrix, rows, first, stop, own, shift, source, at, row_size):
    """Add ``source[at]`` to each row of `matrix` that ``rows[first:stop]`` names; parameters as of `sum_listed`."""
    size = _literal(row_size)
    if size is None:
        return None

    def emit(builder, change, offsets, each):
        changes = [load(builder, change, offset) for offset in offsets]

        def move(row):
            for value, offset in zip(changes, offsets, strict=True):
                store(builder, builder.fadd(load(builder, row, offset), value), row, offset)

        each(move)

    return _beside_a_row(matrix, rows, source, row_size, size, emit)


@intrinsic
def flush_listed(typingctx, matrix, rows, first, stop, own, shift, cache, at, row_size):
    """Add ``cache[at + 1]`` to each row named, and set ``cache[at]`` to their sum and ``cache[at + 1]`` to zero."""
    size = _literal(row_size)
    if size is None:
        return None

    zero = VECTOR([0.0] * LANES)

    def emit(builder, result, offsets, each):
        pending = builder.gep(result, [INT64(size)], inbounds=True)
        changes = [load(builder, pending, offset) for offset in offsets]
        sums = [cgutils.alloca_once_value(builder, zero) for _ in offsets]

        def move(row):
            for change, total, offset in zip(changes, sums, offsets, strict=True):
                value = builder.fadd(load(builder, row, offset), change)
                store(builder, value, row, offset)
                builder.store(builder.fadd(builder.load(total), value), total)

        each(move)
        for total, offset in zip(sums, offsets, strict=True):
            store(builder, builder.load(total), result, offset)
            store(builder, zero, pending, offset)

    return _beside_a_row(matrix, rows, cache, row_size, size, emit)


@intrinsic
def fetch_listed(typingctx, matrix, rows, first, stop, own, shift, row_size):
    """Ask for the rows of `matrix` that ``rows[first:stop]`` names; parameters as of `sum_listed`."""
    size = _literal(row_size)
    if size is None:
        return None

    def codegen(context, builder, signature, args):
        def fetch(row):
            for offset in range(0, size, LINE_FLOATS):
                request(builder, builder.gep(row, [INT64(offset)]))

        _each_listed(context, builder, signature, args, size, fetch)
        return context.get_dummy_value()

    i8 = types.int64
    return types.void(matrix, rows, i8, i8, i8, i8, row_size), codegen


class WordRows(NamedTuple):
    """What training does with the rows of a word: kernels for one length of rows, from `make_word_rows`."""

    fetch: object
    add: object
    move: object
    flush: object


@functools.cache
def make_word_rows(row_size):
    """`WordRows` for rows of `row_size` float32."""

    @kernel(borrows=True)
    def fetch(settings, model, word):
        """Ask for what `add` and `move` read."""
        stop = model.indptr[word + 1]
        if word < len(model.uses):
            fetch_row(model.cache, np.int64(2 * word))
            fetch_row(model.cache, np.int64(2 * word + 1))
            if model.uses[word] > 1:
                stop = model.lazy_start[word]
        fetch_listed(model.w_in, model.rows, model.indptr[word], stop, settings.n_inputs, settings.inputs, row_size)

    @kernel(borrows=True)
    def add(settings, model, word, hidden, at):
        """Add the rows of a word to ``hidden[at]``; returns how many there are."""
        first, stop = model.indptr[word], model.indptr[word + 1]
        n = stop - first
        if word < len(model.uses):
            stop = model.lazy_start[word]
            add_row(hidden, at, ONE, model.cache, 2 * word)
        sum_listed(model.w_in, model.rows, first, stop, settings.n_inputs, settings.inputs, hidden, at, row_size)
        return n

    @kernel(borrows=True)
    def flush(model, word):
        """Add the pending update of a cached word to its lazy rows, and read their sum anew."""
        first, stop = model.lazy_start[word], model.indptr[word + 1]
        flush_listed(model.w_in, model.rows, first, stop, 0, 0, model.cache, 2 * word, row_size)
        model.uses[word] = model.interval[word]

    @kernel(borrows=True)
    def move(settings, model, word, changes, at, locked):
        """Add ``changes[at]`` to every row of a word, but for those that are `locked`, where that is given."""
        first, end = model.indptr[word], model.indptr[word + 1]
        if locked is not None:
            for r in range(first, end):
                if locked[model.rows[r]] == 0:
                    add_row(model.w_in, np.int64(model.rows[r]), ONE, changes, at)
            return
        stop = end
        cached = word < len(model.uses)
        if cached:
            stop = model.lazy_start[word]
        add_to_listed(model.w_in, model.rows, first, stop, settings.n_inputs, settings.inputs, changes, at, row_size)
        if cached:
            add_row(model.cache, 2 * word, np.float32(end - stop), changes, at)
            add_row(model.cache, 2 * word + 1, ONE, changes, at)
            model.uses[word] -= 1
            if model.uses[word] <= 0:
                flush(model, word)

    return WordRows(fetch, add, move, flush)


@functools.cache
def _make_flush_all(row_size):
    flush = make_word_rows(row_size).flush

    @kernel
    def flush_all(model):
        for word in range(len(model.uses)):
            flush(model, word)

    return flush_all


def flush_all(model: Model) -> None:
    """Flush every cached word: before the first slice and after the last."""
    _make_flush_all(model.w_in.shape[1])(model)
