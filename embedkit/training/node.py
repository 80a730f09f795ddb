"""What the workers on one machine have in common: the state, and the copies of their replicas.

The threads of a process are one node. Where processes can share memory (`embedkit.cluster.shared`) all workers of a
cluster that are on one machine are one node too, and each reads the rows of the others where they are. Elsewhere every
process is a node of its own. Between nodes rows travel (`embedkit.training.remote_exchange`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from embedkit.cluster.shared import SharedAddress, SharedMemory, size_for

FIRST_NAP, LONGEST_NAP = 5e-5, 1e-3  # seconds between looks whether the others have come
LINE = 8  # int64 in a cache line, so that a counter has one for itself


class Layout(NamedTuple):
    """What stands in the memory of a node.

    Attributes
    ----------
    n_workers : int
    replicas : list of int
        Whose copies, ascending.
    shapes : list of (n_rows, row_size)
        Of the matrices.
    """

    n_workers: int
    replicas: list[int]
    shapes: list[tuple[int, int]]

    def arrays(self) -> list[tuple[tuple[int, ...], Any]]:
        """Shapes and dtypes, in order."""
        n = len(self.replicas)
        found: list[tuple[tuple[int, ...], Any]] = [((self.n_workers, LINE), np.int64)]
        for shape in self.shapes:
            found += [(shape, np.float32), ((n, *shape), np.float32), ((n, shape[0]), np.uint8)]
        return found


class Meeting:
    """Memory that the workers on one machine share, in which they wait for each other.

    Parameters
    ----------
    layout : object
        Its ``arrays()`` says what stands there.
    arrays : list of ndarray
        That; the first, int64 (n_workers, LINE), is how often each worker has come.
    memory : SharedMemory, optional
        That they lie in.

    Attributes
    ----------
    address : SharedAddress or None
        Where others find it.
    """

    def __init__(self, layout: Any, arrays: list[np.ndarray], memory: SharedMemory | None = None) -> None:
        self._memory = memory  # within reach of others as long as this lives
        self.address = None if memory is None else memory.address
        self.arrived = arrays[0]

    @classmethod
    def new(cls, layout: Any) -> Self:
        """A node in memory of this process, which others may join."""
        memory = SharedMemory(size_for(layout.arrays()))
        return cls(layout, [memory.array(*array) for array in layout.arrays()], memory)

    @classmethod
    def join(cls, layout: Any, address: SharedAddress) -> Self | None:
        """A node that another worker made, where its memory is within reach."""
        memory = SharedMemory.join(address)
        if memory is None:
            return None
        return cls(layout, [memory.array(*array) for array in layout.arrays()], memory)

    def wait(self, seats: np.ndarray, me: int, count: int, control: np.ndarray, seconds: float) -> bool:
        """Wait, as the one with seat `me`, until all in `seats` have been here as often.

        Parameters
        ----------
        seats : int64 (n,)
        me : int
        count : int
            How often that is, with this time.
        control : int64 (1,)
            Waiting ends when it becomes non-zero.
        seconds : float

        Returns
        -------
        bool
            False when told to stop, or when one does not come.
        """
        from embedkit.kernels.arrivals import arrive, look_for_all

        arrive(self.arrived, me, count)
        nap, end = FIRST_NAP, 0.0
        while not look_for_all(self.arrived, seats, count, control):
            now = time.monotonic()
            end = end or now + seconds
            if control[0] or now > end:
                return False
            time.sleep(nap)
            nap = min(2 * nap, LONGEST_NAP)
        return True

    def compile(self, control: np.ndarray) -> None:
        """Compile what waiting takes, before anybody waits."""
        from embedkit.kernels.arrivals import arrive, look_for_all

        arrive(self.arrived, 0, 0)
        look_for_all(self.arrived, np.zeros(0, np.int64), 0, control)


class Node(Meeting):
    """The rows that the workers on one machine hold together.

    Parameters
    ----------
    layout : Layout
    arrays : list of ndarray
        As `Layout.arrays` describes them.
    memory : SharedMemory, optional
        That they lie in.

    Attributes
    ----------
    base : list of float32 (n_rows, row_size)
        What all replicas agreed on when they met last.
    copies : list of float32 (n_here, n_rows, row_size)
    touched : list of uint8 (n_here, n_rows)
        Which rows of each copy have changed since.
    place : dict of int to int
        Which copy a replica has.
    """

    def __init__(self, layout: Layout, arrays: list[np.ndarray], memory: SharedMemory | None = None) -> None:
        super().__init__(layout, arrays, memory)
        self.base, self.copies, self.touched = (arrays[1 + i :: 3] for i in range(3))
        self.place = {r: i for i, r in enumerate(layout.replicas)}

    @classmethod
    def of_threads(cls, matrices: Sequence[np.ndarray], n_threads: int, n: int) -> Node:
        """The node of n replicas that threads train; what they agree on is in `matrices`. One alone needs no copy."""
        from embedkit.kernels.simd import aligned_zeros

        layout = Layout(n_threads, list(range(n)), [matrix.shape for matrix in matrices])
        arrays = [np.zeros(*layout.arrays()[0])]
        for matrix in matrices:
            copies = matrix[None] if n == 1 else aligned_zeros(n * len(matrix), matrix.shape[1])
            arrays += [matrix, copies.reshape(n, *matrix.shape), np.zeros((n, len(matrix)), np.uint8)]
        node = cls(layout, arrays)
        node.reset(layout.replicas)
        return node

    def of(self, r: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The matrices of a replica, and where it marks what it touches."""
        i = self.place[r]
        return [copies[i] for copies in self.copies], [touched[i] for touched in self.touched]

    def reset(self, replicas: Sequence[int]) -> None:
        """Give replicas what all agree on."""
        for r in replicas:
            for base, copy, touched in zip(self.base, *self.of(r), strict=True):
                copy[...] = base
                touched[...] = 0
