"""Memory that processes on one machine share, without a name: nothing is left of it when they end, however they do.

One process makes it (``memfd_create``, Linux); others open it through the maker's list of open files in ``/proc``.
Where that is not to be had (another system, another user, another container) each process has memory of its own, and
who uses it sends what he would have shared.
"""

from __future__ import annotations

import mmap
import os
import socket
from typing import Any, NamedTuple

import numpy as np

_NAME = "embedkit"
_LINE = 64  # bytes: arrays begin at a cache line
_TOKEN_BYTES = 16


class SharedAddress(NamedTuple):
    """Where memory is: the process that made it, its number there, its size, and what stands at its beginning."""

    pid: int
    number: int
    size: int
    token: bytes


class SharedMemory:
    """Memory of this process, or one that it shares; its arrays are handed out in the same order everywhere.

    Parameters
    ----------
    size : int
        Bytes, of which none is taken before it is written.

    Attributes
    ----------
    address : SharedAddress or None
        For `join`; None where nothing can be shared.
    """

    def __init__(self, size: int) -> None:
        create: Any = getattr(os, "memfd_create", None)
        self.address: SharedAddress | None = None
        self._number = -1
        if create is not None:
            self._number = create(_NAME)
            os.ftruncate(self._number, size + _TOKEN_BYTES)
            token = os.urandom(_TOKEN_BYTES)
            os.pwrite(self._number, token, size)
            self.address = SharedAddress(os.getpid(), self._number, size, token)
        self._map(size)

    def _map(self, size: int) -> None:
        self._memory = mmap.mmap(self._number, size)
        if hasattr(mmap, "MADV_HUGEPAGE"):  # rows are read here and there: fewer pages to look up
            self._memory.madvise(mmap.MADV_HUGEPAGE)
        self._used = 0

    @classmethod
    def join(cls, address: SharedAddress) -> SharedMemory | None:
        """The memory at an address, or None where it is not within reach."""
        path = f"/proc/{address.pid}/fd/{address.number}"
        try:
            if not os.readlink(path).startswith(f"/memfd:{_NAME}"):
                return None
            number = os.open(path, os.O_RDWR)
        except OSError:
            return None
        found = cls.__new__(cls)
        found.address, found._number = address, number
        if os.pread(number, _TOKEN_BYTES, address.size) != address.token:
            return None
        found._map(address.size)
        return found

    def __del__(self) -> None:
        if self._number >= 0:
            os.close(self._number)

    def array(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """The next zeros, at a cache line."""
        start = -(-self._used // _LINE) * _LINE
        length = array_bytes(shape, dtype)
        self._used = start + length
        return np.frombuffer(self._memory, np.uint8, length, start).view(dtype).reshape(shape)


def array_bytes(shape: tuple[int, ...], dtype: Any) -> int:
    """The bytes of an array."""
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize


def size_for(arrays: list[tuple[tuple[int, ...], Any]]) -> int:
    """The size of memory that holds so many arrays, given as shapes and dtypes."""
    return max(_LINE, sum(array_bytes(*array) + _LINE for array in arrays))


def machine_here() -> str:
    """A name for this machine, the same for all its processes."""
    return f"{socket.gethostname()} {_boot()}"


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""
