"""Counters in memory that several processes share: what was written before a count is seen by who has seen the count.

One process writes rows and then counts up; another waits for the count and then reads the rows. On processors that
order writes loosely (ARM) the count could overtake the rows, so it is stored with *release* and read with *acquire*.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import element

INT64_BYTES = 8


@intrinsic
def _store(typingctx, array, index, value):
    def codegen(context, builder, signature, args):
        address = element(context, builder, signature.args[0], args[0], args[1])
        builder.store_atomic(args[2], address, "release", INT64_BYTES)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic
def _load(typingctx, array, index):
    def codegen(context, builder, signature, args):
        address = element(context, builder, signature.args[0], args[0], args[1])
        return builder.load_atomic(address, "acquire", INT64_BYTES, typ=ir.IntType(64))

    return types.int64(array, types.int64), codegen


@kernel
def arrive(counters, which, count):
    """``counters[which, 0] = count``, after everything that this process has written.

    Parameters
    ----------
    counters : int64 (n, k)
        A row for each process.
    which, count : int
    """
    _store(counters, which * counters.shape[1], count)


@kernel
def all_arrived(counters, rows, count):
    """Whether the first number of each of the rows is `count` or more; what those wrote before can be read then.

    Parameters
    ----------
    counters : int64 (n, k)
    rows : int64 (m,)
    count : int
    """
    for i in rows:  # noqa: SIM110  # Numba has no `all`
        if _load(counters, i * counters.shape[1]) < count:
            return False
    return True
