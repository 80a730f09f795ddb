"""Numbers that a worker keeps on disk: they take no memory, however long the corpus is."""

from __future__ import annotations

import threading
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

    def add(self, array: np.ndarray) -> int:
        """Write an array behind the others; returns where it begins, in bytes."""
        with self._lock:
            start = self._end
            self._write(start, array)
            self._end = self._file.tell()
        return start

    def put(self, start: int, array: np.ndarray) -> None:
        """Write an array that begins at a byte, over what stands there."""
        with self._lock:
            self._write(start, array)

    def _write(self, start: int, array: np.ndarray) -> None:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        self._file.seek(start)
        try:
            while data:  # an unbuffered file may take a part only
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._full(error) from error

    def read(self, dtype: Any, start: int, n: int) -> np.ndarray:
        """The n numbers that begin at a byte."""
        with self._lock:
            self._file.seek(start)
            return np.fromfile(self._file, dtype, n)

    def _full(self, error: OSError) -> EmbedkitError:
        return EmbedkitError(
            f"a worker cannot keep {self._what} in its folder for temporary files: {error.strerror or error}; "
            "TMPDIR names another one"
        )
