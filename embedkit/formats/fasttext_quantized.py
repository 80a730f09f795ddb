"""Rows of a fastText matrix that was compressed by product quantisation (Joulin et al. 2016, "FastText.zip").

A row is cut into sub-vectors of `dsub` values, the last may be shorter; each is one of 256 centroids, so a row is one
byte a sub-vector. Where norms are quantised apart, the row is scaled by one of 256 norms.
"""

from __future__ import annotations

import numpy as np

from embedkit.rows.protocol import EncodedRows


class FastTextCodes(EncodedRows):
    """A float32 matrix (n_rows, vector_size) that is unpacked row by row when it is read.

    Parameters
    ----------
    codes : uint8 (n_rows, n_parts)
    centroids : float32 (vector_size * 256,)
        In the order of the file: part by part, in each 256 centroids; all parts but the last have `part_size` values.
    vector_size, part_size : int
    norms : float32 (n_rows,), optional
        What each row is scaled by.
    """

    def __init__(
        self,
        codes: np.ndarray,
        centroids: np.ndarray,
        vector_size: int,
        part_size: int,
        norms: np.ndarray | None = None,
    ) -> None:
        self.codes = codes
        self.centroids = centroids
        self.part_size = part_size
        self.norms = norms
        self.shape = (len(codes), vector_size)

    @property
    def arrays(self) -> list[np.ndarray]:
        """What is really stored."""
        return [array for array in (self.codes, self.centroids, self.norms) if array is not None]

    def decode(self, index: slice | np.ndarray) -> np.ndarray:
        """Some rows: float32 (k, vector_size)."""
        codes = self.codes[index]
        rows = np.empty((len(codes), self.shape[1]), np.float32)
        for part in range(codes.shape[1]):
            low = part * self.part_size
            high = min(low + self.part_size, self.shape[1])
            centroids = self.centroids[low * 256 : high * 256].reshape(256, high - low)
            rows[:, low:high] = centroids[codes[:, part]]
        if self.norms is not None:
            rows *= self.norms[index][:, None]
        return rows

    def rows(self, low: int, high: int) -> FastTextCodes:
        """The rows `low` to ``high - 1``, still packed."""
        norms = None if self.norms is None else self.norms[low:high]
        return FastTextCodes(self.codes[low:high], self.centroids, self.shape[1], self.part_size, norms)
