"""Large arrays that are used again: fresh memory costs a page fault every 4 kB, a third of a recurrent layer's time."""

from __future__ import annotations

import sys
import threading

import numpy as np
from numpy.typing import DTypeLike

HELD_BY_POOL_ALONE = 3  # the list, the loop variable, and getrefcount's argument


class BufferPool:
    """Arrays whose memory comes back as soon as nobody else refers to it, views included; threads may share a pool.

    Parameters
    ----------
    dtype : float32 or float64
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._buffers: list[np.ndarray] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[BufferPool], tuple[np.dtype]]:
        """A copy, or one in another process, begins without buffers."""
        return BufferPool, (self.dtype,)

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array of any content; it is the caller's until the last reference to it goes."""
        size = int(np.prod(shape))
        with self._lock:
            for buffer in self._buffers:
                if size <= buffer.size <= 2 * size and sys.getrefcount(buffer) == HELD_BY_POOL_ALONE:
                    return buffer[:size].reshape(shape)
            self._buffers = [b for b in self._buffers if sys.getrefcount(b) > HELD_BY_POOL_ALONE or b.size >= size // 2]
            self._buffers = self._buffers[-16:]
            buffer = np.empty(size, self.dtype)
            self._buffers.append(buffer)
            return buffer.reshape(shape)

    def zeros(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array of zeros."""
        array = self.empty(shape)
        array.fill(0)
        return array
