"""What a machine can do at most, measured with the pieces of IR that the training kernels are made of.

Bandwidths are of rows of `ROW` float32 that are read, changed and written, whatever the order, both ways counted; a
gathered row is asked for ahead, as kernels do. Each figure is the best of some rounds.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedkit.kernels.simd import INT32, LANES, LINE_FLOATS, VECTOR, aligned_zeros, multiply_add, prefetch, spread
from embedkit.kernels.simd import padded_size as row_size_for
from embedkit.kernels.windows import add_to_window, window_mean

ROW = row_size_for(100)
ROW_BYTES = 4 * ROW
AHEAD = 16  # rows; with 4 memory is a fifth slower, with 32 as fast
CHAINS = 12  # of multiply-adds that do not wait for each other: two pipes of four or five cycles want eight or ten
STEPS = 100_000_000
LEAST_BYTES = 10_000_000_000  # that a measurement moves
ONE = np.float32(1)


class Machine(NamedTuple):
    """What so many threads reach together.

    Attributes
    ----------
    peak : float
        Float32 operations a second, a multiply-add being two.
    l1, l2, l3, memory : float
        Bytes a second of rows gathered at random, of tables that fill half of the caches, and of memory.
    streamed, read : float
        Bytes a second of memory where rows come in order, and are changed or only read.
    """

    peak: float
    l1: float
    l2: float
    l3: float
    memory: float
    streamed: float
    read: float


class Caches(NamedTuple):
    """Bytes of the first and second cache of a core, and of the third that all share."""

    l1: int
    l2: int
    l3: int


def caches() -> Caches:
    """As Linux tells them; 32 kB, 1 MB and 32 MB where it does not."""
    found = {1: 32 << 10, 2: 1 << 20, 3: 32 << 20}
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found[int(level)] = int(size[:-1]) * {"K": 1 << 10, "M": 1 << 20}[size[-1]]
    return Caches(found[1], found[2], found[3])


@intrinsic
def multiply_adds(typingctx, factor, summand, n):
    """``x = x * factor + summand`` n times for each of `CHAINS` vectors; returns something of all of them."""

    def codegen(context, builder, signature, args):
        factors, summands = spread(builder, args[0]), spread(builder, args[1])
        slots = [cgutils.alloca_once_value(builder, VECTOR([float(k)] * LANES)) for k in range(CHAINS)]
        with cgutils.for_range(builder, args[2]):
            for slot in slots:
                builder.store(multiply_add(builder, builder.load(slot), factors, summands), slot)
        total = functools.reduce(builder.fadd, [builder.load(slot) for slot in slots])
        return builder.extract_element(total, INT32(0))

    return types.float32(types.float32, types.float32, types.int64), codegen


@numba.njit(nogil=True)
def compute(n):
    """Keep the core at multiply-adds."""
    return multiply_adds(np.float32(0.5), ONE, n)


@numba.njit(nogil=True)
def change_rows(matrix, order, source):
    """Add a row to those that `order` names, which are asked for ahead."""
    last = len(order) - 1
    for k in range(len(order)):
        ahead = np.int64(order[min(k + AHEAD, last)]) * ROW
        for line in range(0, ROW, LINE_FLOATS):
            prefetch(matrix, ahead + line)
        add_to_window(matrix, order, k, k + 1, k + 1, -1, source, 0, ROW)


@numba.njit(nogil=True)
def change_near(matrix, order, source):
    """`change_rows` where asking for rows, an instruction a line, would take as long as changing them."""
    n = len(order)
    add_to_window(matrix, order, 0, n, n, -1, source, 0, ROW)


@numba.njit(nogil=True)
def read_rows(matrix, order, out):
    """Sum the rows that `order` names."""
    n = len(order)
    window_mean(matrix, order, 0, n, n, -1, ONE, out, 0, ROW)


def seconds(work: Callable[..., Any], each: list[tuple[Any, ...]], rounds: int) -> float:
    """The least time in which threads do the work, each with arguments of its own."""
    found = []
    for _ in range(rounds):
        threads = [threading.Thread(target=work, args=arguments) for arguments in each]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.append(time.perf_counter() - start)
    return min(found)


def bandwidth(size: int, threads: int, rounds: int, work: Callable[..., Any], *, ordered: bool = False) -> float:
    """Bytes a second of tables of so many bytes, one for each thread."""
    random, n_rows = np.random.default_rng(1), size // ROW_BYTES
    times = max(1, LEAST_BYTES // (2 * n_rows * ROW_BYTES))
    each = []
    for _ in range(threads):
        matrix, source = aligned_zeros(n_rows, ROW), aligned_zeros(1, ROW)
        matrix[:] = 1
        orders = [np.arange(n_rows) if ordered else random.permutation(n_rows) for _ in range(min(times, 16))]
        order = np.concatenate(orders * -(-times // len(orders))).astype(np.int32)
        each.append((matrix, order, source))
    work(each[0][0], each[0][1][:1], each[0][2])  # compiles
    moved = sum(len(order) for _, order, _ in each) * ROW_BYTES * (1 if work is read_rows else 2)
    return moved / seconds(work, each, rounds)


def measured(threads: int, rounds: int) -> Machine:
    """Measure so many threads at once; a table in memory is sixteen times the third-level cache."""
    l1, l2, l3 = caches()
    compute(1)  # compiles
    large = 16 * l3 // threads
    return Machine(
        peak=threads * STEPS * CHAINS * LANES * 2 / seconds(compute, [(STEPS,)] * threads, rounds),
        l1=bandwidth(l1 // 2, threads, rounds, change_near),
        l2=bandwidth(l2 // 2, threads, rounds, change_rows),
        l3=bandwidth(l3 // 2 // threads, threads, rounds, change_rows),
        memory=bandwidth(large, threads, rounds, change_rows),
        streamed=bandwidth(large, threads, rounds, change_rows, ordered=True),
        read=bandwidth(large, threads, rounds, read_rows, ordered=True),
    )
