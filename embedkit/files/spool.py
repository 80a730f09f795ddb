"""Numbers that a run keeps on disk: they take no memory, however long the corpus is."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError
from embedkit.files.temporary import nameless_file


class Spool:
    """Arrays in a file without a name, in the folder for temporary files, read a piece at a time.

    Read rather than mapped: what a process has mapped counts as its memory, by which Dask watches it.

    Parameters
    ----------
    what : str
        It holds, for messages.

    Raises
    ------
    EmbedkitError
        When the disk is full or the folder cannot be written; from `add` and `put` too.
    """

    def __init__(self, what: str) -> None:
        self._what, self._end, self._lock = what, 0, threading.Lock()
        try:
            self._file: Any = nameless_file(buffering=0)
        except OSError as error:
            raise self._full(error) from error
        weakref.finalize(self, self._file.close)

    def add(self, array: np.ndarray) -> int:
        """Write an array behind the others; returns where it begins, in bytes."""
        with self._lock:
            start = self._end
            self._end += array.nbytes
        self._write(start, array)
        return start

    def put(self, start: int, array: np.ndarray) -> None:
        """Write an array that begins at a byte, over what stands there."""
        self._write(start, array)

    def _write(self, start: int, array: np.ndarray) -> None:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        try:
            while data:  # an unbuffered file may take a part only
                n = self._write_at(start, data)
                start, data = start + n, data[n:]
        except OSError as error:
            raise self._full(error) from error

    def read(self, dtype: Any, start: int, n: int, room: np.ndarray | None = None) -> np.ndarray:
        """The n numbers that begin at a byte; in `room`, an array of at least n of their dtype, where that is given.

        Raises
        ------
        EmbedkitError
            Where the disk fails.
        """
        found = np.empty(n, dtype) if room is None else room[:n]
        data = found.view(np.uint8).data
        try:
            while data:
                got = self._read_at(start, data)
                if not got:
                    raise OSError(f"it ends at byte {start}")
                start, data = start + got, data[got:]
        except OSError as error:
            raise EmbedkitError(f"cannot read {self._what} back from the disk: {error.strerror or error}") from error
        return found

    if hasattr(os, "preadv"):  # several threads at a time

        def _write_at(self, start: int, data: memoryview) -> int:
            return os.pwrite(self._file.fileno(), data, start)

        def _read_at(self, start: int, data: memoryview) -> int:
            return os.preadv(self._file.fileno(), [data], start)

    else:

        def _write_at(self, start: int, data: memoryview) -> int:
            with self._lock:
                self._file.seek(start)
                return int(self._file.write(data))

        def _read_at(self, start: int, data: memoryview) -> int:
            with self._lock:
                self._file.seek(start)
                return int(self._file.readinto(data))

    def _full(self, error: OSError) -> EmbedkitError:
        return EmbedkitError(
            f"cannot keep {self._what} in the folder for temporary files: {error.strerror or error}; TMPDIR names "
            "another one"
        )
