"""Writing ``.safetensors``: tensor by tensor to a stream whose header comes last, or all at once.

The layout is told in `embedkit.files.safetensors`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

from embedkit.files.atomic import atomic_open
from embedkit.files.safetensors import DTYPES, NAMES

_ENTRY_BYTES = 200  # what a tensor's entry takes in the header at most, for names of up to 60 bytes
_WRITE_ROWS = 16384
_ALIGNMENT = 64


class Rows(Protocol):
    """An array, or rows that become one when they are sliced."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class SafetensorsWriter:
    """Writes tensors as they come and the header last, so that no tensor must be in memory.

    Parameters
    ----------
    stream : binary file
        Empty and seekable.
    metadata : mapping of str to str
    n_tensors : int
        At most so many will be written; room for their entries is kept in front of them.
    """

    def __init__(self, stream: BinaryIO, metadata: Mapping[str, str], n_tensors: int) -> None:
        self.stream = stream
        self._header: dict[str, Any] = {"__metadata__": dict(metadata)}
        self._start = _round_up(8 + _ENTRY_BYTES * n_tensors + len(_encoded(self._header)))
        self._end = 0
        stream.seek(self._start)

    @property
    def start(self) -> int:
        """Where in the file the first tensor begins."""
        return self._start

    def append(self, rows: np.ndarray, dtype: str) -> None:
        """Write rows of the tensor that `close` will name."""
        block = np.ascontiguousarray(rows, dtype)
        if block.size:
            self.stream.write(block.reshape(-1).view(np.uint8).data)

    def close(self, name: str, dtype: str, shape: tuple[int, ...]) -> None:
        """Name what was written since the tensor before: its little-endian dtype (``"<f4"``) and shape."""
        self._header[name] = _entry(dtype, shape, self._end)
        self._end = self._header[name]["data_offsets"][1]
        if self._start + self._end != self.stream.tell():
            raise ValueError(f"{name}: {self.stream.tell() - self._start:,} bytes written, {self._end:,} announced")

    def tensor(self, name: str, values: Rows, dtype: str) -> None:
        """Write a whole tensor, a block of rows at a time."""
        for low in range(0, len(values), _WRITE_ROWS):
            self.append(values[low : low + _WRITE_ROWS], dtype)
        self.close(name, dtype, values.shape)

    def pad(self, name: str, values: np.ndarray) -> None:
        """Write uint8 bytes, with zeros behind them up to a multiple of 8, so that what follows is aligned."""
        behind = -(self._end + len(values)) % 8
        self.append(values, "|u1")
        self.append(np.zeros(behind, np.uint8), "|u1")
        self.close(name, "|u1", (len(values) + behind,))

    def finish(self) -> None:
        """Write the header in front of the tensors."""
        text, room = _encoded(self._header), self._start - 8
        if len(text) > room:
            raise ValueError(f"the header takes {len(text):,} bytes, {room:,} were kept for it")
        self.stream.seek(0)
        self.stream.write(room.to_bytes(8, "little") + text.ljust(room))
        self.stream.seek(0, os.SEEK_END)


def write_safetensors(
    path: str | os.PathLike[str], metadata: Mapping[str, str], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write a file, header first; the old file stays until the new one is whole.

    Parameters
    ----------
    path : path
    metadata : mapping of str to str
    tensors : mapping of str to array
        Of a dtype in `DTYPES`. Those of the widest dtype come first in the file, so that each is aligned.

    Raises
    ------
    TypeError
        For an array of another dtype; nothing is written.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    place = 0
    for name, array in ordered:
        header[name] = _entry(array.dtype.newbyteorder("<").str, array.shape, place)
        place = header[name]["data_offsets"][1]
    text = _encoded(header)
    size = _round_up(8 + len(text)) - 8
    with atomic_open(path) as stream:
        stream.write(size.to_bytes(8, "little") + text.ljust(size))
        for _, array in ordered:
            if array.size:
                little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                stream.write(little.reshape(-1).view(np.uint8).data)


def _entry(dtype: str, shape: tuple[int, ...], start: int) -> dict[str, Any]:
    kind = np.dtype(dtype)
    if kind not in NAMES:
        raise TypeError(f"a .safetensors file here holds {', '.join(DTYPES)}, not {kind}")
    sizes = [int(n) for n in shape]
    return {"dtype": NAMES[kind], "shape": sizes, "data_offsets": [start, start + math.prod(sizes) * kind.itemsize]}


def _encoded(header: dict[str, Any]) -> bytes:
    return json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _round_up(n: int) -> int:
    return -(-n // _ALIGNMENT) * _ALIGNMENT
