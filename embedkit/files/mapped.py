"""A file as one read-only memory map, and the errors that name a place in it."""

from __future__ import annotations

import mmap
import os

import numpy as np

from embedkit.errors import FormatError
from embedkit.files.copies import on_disk
from embedkit.files.locations import called


class MappedFile:
    """The bytes of a file, mapped, read-only; arrays taken from it keep the map alive.

    Parameters
    ----------
    path : path
        The file to map.
    name : str, optional
        What messages call it, where `path` is a temporary copy.
    expected : str
        What the file should hold, for messages.

    Raises
    ------
    FormatError
        When the file is empty or cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], name: str | None = None, expected: str = "vectors") -> None:
        self.name = name or called(path)
        try:
            with on_disk(path) as here, open(here, "rb") as stream:
                self.size = os.fstat(stream.fileno()).st_size
                if self.size == 0:
                    raise FormatError(f"{self.name}: expected {expected}, found an empty file")
                self.bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise FormatError(f"cannot read {self.name}: {error.strerror or error}") from error
        self._forgotten = 0

    def forget(self, stop: int) -> None:
        """Give back the memory of what was read in front of byte `stop`; it can be read again.

        Mapped pages count as the process's memory until then: going through a file of 3 GB would show 3 GB.
        """
        stop -= stop % mmap.ALLOCATIONGRANULARITY
        if stop > self._forgotten and hasattr(mmap, "MADV_DONTNEED"):
            self.bytes.madvise(mmap.MADV_DONTNEED, self._forgotten, stop - self._forgotten)
            self._forgotten = stop

    def array(self, dtype: str, start: int, count: int, what: str) -> np.ndarray:
        """`count` items of a little-endian dtype at byte `start`, without copying: (count,).

        Raises
        ------
        FormatError
            When the file ends before them; the message says `what` they were.
        """
        kind = np.dtype(dtype)
        end = start + count * kind.itemsize
        if start < 0 or count < 0 or end > self.size:
            raise FormatError(
                f"{self.name}: cut off or damaged: {what} should end at byte {end:,}, "
                f"but the file ends at byte {self.size:,}"
            )
        return np.frombuffer(self.bytes, kind, count, start)
