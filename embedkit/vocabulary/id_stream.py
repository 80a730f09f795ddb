"""A long stream of int32 ids that grows in memory, and on disk beyond a size."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from embedkit.errors import CorpusError
from embedkit.files.temporary import nameless_file

BLOCK_IDS = 1 << 22  # 16 MB
DEFAULT_MMAP_ABOVE = 4 << 30

Renumber = Callable[[np.ndarray, int, np.ndarray], int]


class IdStream:
    """Pieces of ids, appended, then renumbered into one array.

    In memory the ids lie in anonymous mappings that go back to the system one by one while the final array fills, so
    that the two together never take more than the stream and one block. Beyond `mmap_above` bytes they lie in a
    temporary file without a name, which disappears with the process whatever ends it, and the result is a read-only
    `numpy.memmap` of that file.

    Parameters
    ----------
    mmap_above : int
        Bytes.
    folder : path, optional
        Of the temporary file; the system's by default.
    """

    def __init__(self, mmap_above: int = DEFAULT_MMAP_ABOVE, folder: str | os.PathLike[str] | None = None) -> None:
        self._mmap_above = mmap_above
        self._folder = folder
        self._blocks: list[np.ndarray] = []
        self._used = 0  # of the last block
        self._file: Any = None
        self._pieces: list[tuple[int, int]] = []  # (table, number of ids)
        self._length = 0

    def append(self, ids: np.ndarray, table: int) -> None:
        """Add a copy of `ids` (int32), which are numbers of the words of table number `table`."""
        if len(ids) == 0:
            return
        self._pieces.append((table, len(ids)))
        self._length += len(ids)
        if self._file is None and 4 * self._length > self._mmap_above:
            self._move_to_disk()
        if self._file is not None:
            self._write(ids)
            return
        while len(ids):
            if not self._blocks or self._used == BLOCK_IDS:
                self._blocks.append(_anonymous_block())
                self._used = 0
            n = min(BLOCK_IDS - self._used, len(ids))
            self._blocks[-1][self._used : self._used + n] = ids[:n]
            self._used += n
            ids = ids[n:]

    def finish(self, renumber: Renumber) -> np.ndarray:
        """Renumber every piece with ``renumber(ids, table, out) -> number written`` and return the whole.

        Never more ids may come out of a piece than went in. The stream is empty afterwards.
        """
        if self._file is not None:
            return self._finish_on_disk(renumber)
        # Each block is compacted in place, so that the size of the whole is known before it is allocated.
        sizes = []
        for block, spans in zip(self._blocks, self._spans(BLOCK_IDS), strict=True):
            n = start = 0
            for table, length in spans:
                n += renumber(block[start : start + length], table, block[n:])
                start += length
            sizes.append(n)
        result = np.empty(sum(sizes), dtype=np.int32)
        at = 0
        for i, size in enumerate(sizes):
            result[at : at + size] = self._blocks[i][:size]
            self._blocks[i] = result[:0]
            at += size
        self._blocks.clear()
        return result

    def _spans(self, block: int) -> Iterator[list[tuple[int, int]]]:
        """The pieces, cut at multiples of `block` ids."""
        spans: list[tuple[int, int]] = []
        room = block
        for table, length in self._pieces:
            left = length
            while left:
                n = min(room, left)
                spans.append((table, n))
                left -= n
                room -= n
                if room == 0:
                    yield spans
                    spans, room = [], block
        if spans:
            yield spans

    def _move_to_disk(self) -> None:
        self._file = nameless_file(self._folder, buffering=0)
        for i, block in enumerate(self._blocks):
            self._write(block if i < len(self._blocks) - 1 else block[: self._used])
            self._blocks[i] = block[:0]
        self._blocks.clear()

    def _write(self, ids: np.ndarray) -> None:
        self._write_all(ids.data.cast("B"))

    def _finish_on_disk(self, renumber: Renumber) -> np.ndarray:
        """In place: the end of what is written never overtakes the start of what is still to be read."""
        file: Any = self._file
        block = np.empty(BLOCK_IDS, dtype=np.int32)
        read_at = write_at = 0
        for spans in self._spans(BLOCK_IDS):
            length = sum(n for _, n in spans)
            file.seek(read_at)
            _read_all(file, block[:length].data.cast("B"))
            read_at += 4 * length
            n = start = 0
            for table, count in spans:
                n += renumber(block[start : start + count], table, block[n:])
                start += count
            file.seek(write_at)
            self._write_all(block[:n].data.cast("B"))
            write_at += 4 * n
        file.truncate(write_at)
        if write_at == 0:
            return np.empty(0, dtype=np.int32)
        return np.memmap(file, dtype=np.int32, mode="r", shape=(write_at // 4,))

    def _write_all(self, data: memoryview) -> None:
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            room = "set TMPDIR to" if self._folder is None else "name"
            raise CorpusError(
                f"cannot keep the id stream in {os.fspath(self._folder or tempfile.gettempdir())}: "
                f"{os.strerror(error.errno or 0)}; {room} a folder with more room"
            ) from error


def _anonymous_block() -> np.ndarray:
    if hasattr(mmap, "MAP_PRIVATE"):
        block = mmap.mmap(-1, 4 * BLOCK_IDS, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    else:
        block = mmap.mmap(-1, 4 * BLOCK_IDS)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # fewer page faults: appending takes a third of the time
        with contextlib.suppress(OSError):
            block.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(block, dtype=np.int32)


def _read_all(file: Any, data: memoryview) -> None:
    while data:
        n = file.readinto(data)
        if not n:
            raise CorpusError("the temporary file of the id stream has become shorter while it was in use")
        data = data[n:]
