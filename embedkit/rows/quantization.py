"""Vectors in fewer bytes: half precision, eight-bit integers with a scale a row, product quantisation.

Quantised rows are decoded to float32 when they are asked for; all that computes with vectors sees float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from embedkit.errors import ConfigError
from embedkit.progress import Progress, ProgressCallback
from embedkit.rows.k_means import closest, k_means
from embedkit.rows.protocol import EncodedRows, Rows

KINDS = ("float16", "int8", "pq")
CENTROIDS = 256
_TRAINING_ROWS = 64 * CENTROIDS
_ROWS = 16_384  # rows worked on at once


class QuantizedRows(EncodedRows):
    """A matrix in fewer bytes; indexing decodes.

    Parameters
    ----------
    kind : {"float16", "int8", "pq"}
    size : int
        Columns.
    parts : dict of arrays
        ``float16``: ``rows`` float16 (n, size). ``int8``: ``rows`` int8 (n, size) and ``scales`` float32 (n,), a row
        is their product. ``pq``: ``rows`` uint8 (n, subvectors), ``centroids`` float32 (subvectors, 256, width) and
        ``scales`` float32 (n,), a row is its scale times the centroids that its codes name, one after the other.
    """

    def __init__(self, kind: str, size: int, parts: Mapping[str, np.ndarray]) -> None:
        self.kind = kind
        self.parts = parts
        self.shape = (len(parts["rows"]), size)

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        return list(self.parts.values())

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """Some rows: float32 (k, size)."""
        codes = self.parts["rows"][index]
        if self.kind == "float16":
            return codes.astype(np.float32)
        scales = self.parts["scales"][index][:, None]
        if self.kind == "int8":
            return codes.astype(np.float32) * scales
        centroids = self.parts["centroids"]
        decoded = centroids[np.arange(len(centroids)), codes]
        return decoded.reshape(len(codes), centroids.shape[0] * centroids.shape[2])[:, : self.shape[1]] * scales


def quantize(
    rows: Rows,
    kind: str,
    *,
    subvectors: int | None = None,
    seed: int = 1,
    progress: ProgressCallback | None = None,
) -> QuantizedRows:
    """Store a matrix in fewer bytes.

    Parameters
    ----------
    rows : Rows float32 (n, size)
    kind : {"float16", "int8", "pq"}
        Two bytes a number; one byte a number and four a row; one byte a subvector and four a row.
    subvectors : int, optional
        ``pq``: into how many pieces a row is cut, each of which becomes one byte; half the size by default.
    seed : int
        ``pq``: of the random choice of rows that the centroids are fitted to.
    progress : callable, optional

    Raises
    ------
    ConfigError
        When a number is too large for float16, or `kind` or `subvectors` cannot be.
    """
    encoders: dict[str, Callable[[], Mapping[str, np.ndarray]]] = {
        "float16": lambda: _float16(rows),
        "int8": lambda: _int8(rows),
        "pq": lambda: _product(rows, subvectors, seed, progress),
    }
    if kind not in encoders:
        raise ConfigError(f"vectors are quantised as {', '.join(KINDS)}, not {kind!r}")
    if subvectors is not None and kind != "pq":
        raise ConfigError(f"subvectors are for pq, not for {kind}")
    return QuantizedRows(kind, rows.shape[1], encoders[kind]())


def _float16(rows: Rows) -> dict[str, np.ndarray]:
    largest = np.finfo(np.float16).max
    codes = np.empty(rows.shape, np.float16)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        if block.size and max(block.max(), -block.min()) > largest:
            raise ConfigError(f"float16 holds numbers up to {largest:g}, the vectors larger ones; use int8")
        codes[start : start + _ROWS] = block
    return {"rows": codes}


def _int8(rows: Rows) -> dict[str, np.ndarray]:
    codes, scales = np.empty(rows.shape, np.int8), np.zeros(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        scale = np.abs(block).max(axis=1, initial=0) / np.float32(127)
        scales[start : start + _ROWS] = scale
        codes[start : start + _ROWS] = np.rint(block / np.where(scale > 0, scale, 1)[:, None])
    return {"rows": codes, "scales": scales}


def _product(rows: Rows, subvectors: int | None, seed: int, progress: ProgressCallback | None) -> dict[str, np.ndarray]:
    """Product quantisation of directions (Jégou, Douze and Schmid 2011), lengths apart so that they stay exact."""
    n, size = rows.shape
    pieces = max(1, size // 2) if subvectors is None else subvectors
    if not 1 <= pieces <= size:
        raise ConfigError(f"subvectors is a number from 1 to the {size} dimensions, not {pieces}")
    width = -(-size // pieces)
    pieces = -(-size // width)
    rng = np.random.default_rng(seed)
    sample = _directions(rows[np.sort(rng.permutation(n)[:_TRAINING_ROWS])], pieces, width)
    centroids = np.zeros((pieces, CENTROIDS, width), np.float32)
    for piece in range(pieces):
        fitted = k_means(np.ascontiguousarray(sample[:, piece]), CENTROIDS, rng)
        centroids[piece, : len(fitted)] = fitted
        if progress is not None:
            progress(Progress("fitting", piece + 1, pieces, "subvectors"))
    codes, scales = np.empty((n, pieces), np.uint8), np.empty(n, np.float32)
    for start in range(0, n, _ROWS):
        block = rows[start : start + _ROWS]
        cut = _directions(block, pieces, width)
        for piece in range(pieces):
            codes[start : start + _ROWS, piece] = closest(np.ascontiguousarray(cut[:, piece]), centroids[piece])[0]
        decoded = centroids[np.arange(pieces), codes[start : start + _ROWS]].reshape(len(block), -1)
        reached = np.linalg.norm(decoded, axis=1)
        scales[start : start + _ROWS] = np.linalg.norm(block, axis=1) / np.where(reached > 0, reached, 1)
        if progress is not None:
            progress(Progress("encoding", start + len(block), n, "vectors"))
    return {"rows": codes, "centroids": centroids, "scales": scales}


def _directions(rows: np.ndarray, pieces: int, width: int) -> np.ndarray:
    """Unit vectors cut into pieces, zeros behind: float32 (n, pieces, width)."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    padded = np.zeros((len(rows), pieces * width), np.float32)
    padded[:, : rows.shape[1]] = rows / np.where(lengths > 0, lengths, 1)
    return padded.reshape(len(rows), pieces, width)
