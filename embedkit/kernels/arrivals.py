"""Counters in memory that threads or processes share: who has seen a count sees what was written before it.

One worker writes rows and then counts up; another waits for the count and then reads the rows. On processors that
order writes loosely (ARM) the count could overtake the rows, so it is stored with *release* and read with *acquire*.
"""

from __future__ import annotations

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.compiling import kernel
from embedkit.kernels.simd import element

INT64_BYTES = 8
LOOKS_AT_ONCE = 64  # before others may have the processor
LOOKS = 4_000  # about a millisecond where nobody else wants it


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
        return builder.load_atomic(address, "acquire", INT64_BYTES)

    return types.int64(array, types.int64), codegen


@intrinsic
def _give_way(typingctx):
    """Let others who wait for this processor have it; where the system knows no such call, do nothing."""

    def codegen(context, builder, signature, args):
        if sys.platform != "win32":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@kernel
def arrive(counters, which, count):
    """``counters[which, 0] = count``, after everything that this worker has written.

    Parameters
    ----------
    counters : int64 (n, k)
        A row for each worker.
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


@kernel
def look_for_all(counters, rows, count, control):
    """Look for a while whether all have arrived, giving way to who wants the processor.

    Parameters
    ----------
    counters, rows, count
        As for `all_arrived`.
    control : int64 (1,)
        Waiting ends when it becomes non-zero.

    Returns
    -------
    bool
        Whether they have.
    """
    for look in range(LOOKS):
        if all_arrived(counters, rows, count):
            return True
        if control[0] != 0:
            return False
        if look >= LOOKS_AT_ONCE:
            _give_way()
    return False
