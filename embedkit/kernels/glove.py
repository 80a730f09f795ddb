"""GloVe (Pennington, Socher and Manning 2014): one AdaGrad step a record, and the order of the records.

A row holds everything about one word on one side: ``row_size`` floats of parameters, then as many sums of squared
gradients, so that a record touches two stretches of memory and not four. The parameters are two lanes for the biases
and then the vector: ``[b, 1, w...]`` in a word's row, ``[1, c_b, c...]`` in a context's, the lane that is 1 being
fixed there. So ``w · c + b + c_b`` is one dot product, the biases step like everything else, and nothing has a
scalar tail.

Records are grouped by (group of rows, group of columns): all rows of two groups fit into a second-level cache of 2 MB
together, where a record's step cost 70 ns instead of 230. Groups are runs of consecutive rows of the matrices,
with frequent and rare words in each (`embedkit.training.glove`).

What bounds it (`tests.benchmarks.roofline`; 100 dimensions, 66 million records of 75,920 words, one thread, two cores
of an EPYC of the fifth generation with AVX-512, 2026-11-29): a record takes 1,430 operations, 400 of them roots and
quotients, and 3.6 kB of rows, read and written, of which 2.5 kB come from the second cache, 0.3 kB from the third and
0.3 kB from memory. The core does 290 Gflop/s in multiply-adds, and changes rows at 475 GB/s in the first cache, 230 in
the second, 165 in the third and 47 in memory. 26 million records a second are 13 % of the peak; the bandwidths ask for
19 % of the time in the first cache and 49 % further away. With all rows near a record takes 60 % of the time:
instructions bound it first, then rows. Two groups of 1,000 rows are 1.8 MB, more than this second cache's 1 MB; with
groups of 500 a pass over a sixth of the text took a quarter longer all the same: a block has a quarter of the records
then, and half of the rows.
"""

from __future__ import annotations

import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.rng import next_below
from embedkit.kernels.simd import FLOAT, LANES, LINE_FLOATS, VECTOR, element, load, prefetch, spread, store

FIRST_LANE = 2  # of the vector, behind the bias lanes
PREFETCH_RECORDS = 4
GRADIENT_LIMIT = 100.0

_fast = ("fast",)


@kernel
def arrange_group(offsets, columns, values, n_groups, weighting, starts, pairs, targets, state):
    """Write the records of one group of rows, block after block, shuffled inside each.

    Parameters
    ----------
    offsets : int64 (n_rows + 1,), columns : int32, values : float64
        The counts of the group's rows.
    n_groups : int
    weighting : (x_max, weight_exponent)
    starts : int64 (n_groups + 1,)
        Filled: block g's records are ``starts[g] .. starts[g + 1] - 1``.
    pairs : uint16 (n_records, 2)
        Filled: row in the group of rows, row in the group of columns.
    targets : float32 (n_records, 2)
        Filled: log x, and f(x) of the paper's equation 9.
    state : uint64 (1,)
        Random state.
    """
    starts[:] = 0
    for k in range(columns.shape[0]):
        starts[group_of(columns[k], n_groups) + 1] += 1
    for g in range(n_groups):
        starts[g + 1] += starts[g]
    fill = starts[:-1].copy()
    x_max, exponent = weighting
    for row in range(offsets.shape[0] - 1):
        for k in range(offsets[row], offsets[row + 1]):
            g = group_of(columns[k], n_groups)
            place = fill[g]
            fill[g] = place + 1
            pairs[place, 0] = row
            pairs[place, 1] = columns[k] // n_groups
            x = values[k]
            targets[place, 0] = np.log(x)
            targets[place, 1] = 1.0 if x >= x_max else (x / x_max) ** exponent
    for g in range(n_groups):
        first = starts[g]
        for k in range(starts[g + 1] - 1, first, -1):
            other = first + next_below(state, k - first + 1)
            for side in range(2):
                pairs[k, side], pairs[other, side] = pairs[other, side], pairs[k, side]
                targets[k, side], targets[other, side] = targets[other, side], targets[k, side]


@kernel
def group_of(word, n_groups):
    """Words are dealt to the groups by frequency, to and fro, so that each gets its share of every frequency."""
    lap, seat = word // n_groups, word % n_groups
    return seat if lap % 2 == 0 else n_groups - 1 - seat


@intrinsic
def step(typingctx, words, row, contexts, column, log_x, weight, rate, size):
    """One record: AdaGrad on ``½ f(x) (w · c + b + c_b - log x)²``; returns twice that cost, float32.

    As in the authors' program: gradients are clipped at ±100 before the rate, a step divides by the root of the sum
    before this record, and the sums add up (rate · gradient)².

    Parameters
    ----------
    words, contexts : float32 (n, 2 · size), C order
    log_x, weight, rate : float32
    size : int literal
        Row size, whole vectors of LANES.
    """
    if not isinstance(size, types.IntegerLiteral):
        return None
    n = size.literal_value

    def codegen(context, builder, signature, args):
        words_v, row_v, contexts_v, column_v, log_x_v, weight_v, rate_v, _ = args
        emit = _Emitter(builder)
        w = emit.row(context, signature.args[0], words_v, row_v, 2 * n)
        c = emit.row(context, signature.args[2], contexts_v, column_v, 2 * n)
        slots = [cgutils.alloca_once_value(builder, spread(builder, FLOAT(0.0))) for _ in range(2)]

        def dot(offset, chunk):
            product = builder.fmul(load(builder, w, offset), load(builder, c, offset), flags=_fast)
            slot = slots[chunk % 2]
            builder.store(builder.fadd(builder.load(slot), product, flags=_fast), slot)

        emit.chunks(n, dot)
        total = builder.fadd(*(builder.load(slot) for slot in slots), flags=_fast)
        difference = builder.fsub(emit.sum(total), log_x_v, flags=_fast)
        weighted = builder.fmul(difference, weight_v, flags=_fast)
        scaled = spread(builder, builder.fmul(weighted, rate_v, flags=_fast))
        limit = spread(builder, builder.fmul(rate_v, FLOAT(GRADIENT_LIMIT), flags=_fast))
        least = builder.fneg(limit)

        def update(offset, chunk):
            x, y = load(builder, w, offset), load(builder, c, offset)
            sums_at = builder.add(offset, offset.type(n))
            for pointer, old, other, fixed in ((w, x, y, 1), (c, y, x, 0)):
                gradient = emit.clip(builder.fmul(scaled, other, flags=_fast), least, limit)
                if chunk == 0:  # the lane that is 1 stays 1
                    gradient = builder.fmul(gradient, VECTOR([float(k != fixed) for k in range(LANES)]), flags=_fast)
                sums = load(builder, pointer, sums_at)
                moved = builder.fdiv(gradient, emit.call("sqrt", sums), flags=_fast)
                store(builder, builder.fsub(old, moved, flags=_fast), pointer, offset)
                squared = builder.fmul(gradient, gradient, flags=_fast)
                store(builder, builder.fadd(sums, squared, flags=_fast), pointer, sums_at)

        emit.chunks(n, update)
        return builder.fmul(weighted, difference, flags=_fast)

    single = types.float32
    return single(words, types.int64, contexts, types.int64, single, single, single, size), codegen


class _Emitter:
    """The few vector operations that `step` is made of, as LLVM IR."""

    def __init__(self, builder):
        self.builder = builder

    def row(self, context, array_type, array, index, length):
        return element(context, self.builder, array_type, array, self.builder.mul(index, index.type(length)))

    def chunks(self, size, body):
        """Call ``body(offset, chunk)`` for every vector of a row: the first eight unrolled, the others in a loop."""
        int64 = ir.IntType(64)
        n = size // LANES
        for chunk in range(min(n, 8)):
            body(int64(chunk * LANES), chunk)
        if n > 8:
            with cgutils.for_range(self.builder, int64(n - 8)) as loop:
                body(self.builder.mul(self.builder.add(loop.index, int64(8)), int64(LANES)), 8)

    def call(self, name, *args):
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(VECTOR, [VECTOR] * len(args)), f"llvm.{name}.v{LANES}f32"
        )
        return self.builder.call(function, args, fastmath=_fast)

    def clip(self, value, low, high):
        return self.call("minnum", self.call("maxnum", value, low), high)

    def sum(self, value):
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(FLOAT, [FLOAT, VECTOR]), f"llvm.vector.reduce.fadd.v{LANES}f32"
        )
        return self.builder.call(function, [FLOAT(0.0), value], fastmath=_fast)


@functools.cache
def make_train_block(row_size):
    """The training loop for rows of `row_size` parameters, whole vectors of LANES."""

    @kernel
    def train_block(pairs, targets, first, last, words, contexts, first_word, first_context, rate, control):
        """Train on records ``first .. last - 1``, all of one block; returns the sum of their costs.

        Parameters
        ----------
        pairs : uint16 (n, 2), targets : float32 (n, 2)
            From `arrange_group`.
        words, contexts : float32 (n_rows, 2 · row_size)
            Updated in place.
        first_word, first_context : int
            The first row of either group.
        rate : float32
        control : int64 (1,)
            Nothing is done where it is not zero.
        """
        cost = 0.0
        if control[0] != 0:
            return cost
        for k in range(first, last):
            ahead = min(k + PREFETCH_RECORDS, last - 1)
            w_ahead = (first_word + np.int64(pairs[ahead, 0])) * (2 * row_size)
            c_ahead = (first_context + np.int64(pairs[ahead, 1])) * (2 * row_size)
            for line in range(0, 2 * row_size, LINE_FLOATS):
                prefetch(words, w_ahead + line)
                prefetch(contexts, c_ahead + line)
            cost += step(
                words,
                first_word + np.int64(pairs[k, 0]),
                contexts,
                first_context + np.int64(pairs[k, 1]),
                targets[k, 0],
                targets[k, 1],
                rate,
                row_size,
            )
        return 0.5 * cost

    return train_block
