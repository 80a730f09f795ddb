"""Sparse matrices kept row by row, and their truncated singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from embedkit.progress import Progress, ProgressCallback
from embedkit.threads import for_each

OVERSAMPLING = 20
POWER_ITERATIONS = 4
_PIECES = 64  # of the rows, for threads to share


@dataclass(frozen=True)
class SparseMatrix:
    """Rows of (column, value) cells.

    Attributes
    ----------
    offsets : int64 (n_rows + 1,)
        Row i is ``columns[offsets[i]:offsets[i + 1]]`` and the same of `values`.
    columns : int32 (n,)
    values : float32 or float64 (n,)
    n_columns : int
    """

    offsets: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.offsets) - 1, self.n_columns

    def toarray(self) -> np.ndarray:
        """As a dense matrix of the values' dtype; cells that stand twice add up."""
        dense = np.zeros(self.shape, self.values.dtype)
        np.add.at(dense, (np.repeat(np.arange(self.shape[0]), np.diff(self.offsets)), self.columns), self.values)
        return dense

    def row(self, i: int) -> np.ndarray:
        """One row, dense: (n_columns,) of the values' dtype."""
        dense = np.zeros(self.n_columns, self.values.dtype)
        cells = slice(self.offsets[i], self.offsets[i + 1])
        np.add.at(dense, self.columns[cells], self.values[cells])
        return dense

    def transpose(self) -> SparseMatrix:
        from embedkit.kernels.sparse import transpose

        offsets = np.zeros(self.n_columns + 1, np.int64)
        columns, values = np.empty_like(self.columns), np.empty_like(self.values)
        transpose(self.offsets, self.columns, self.values, offsets, columns, values)
        return SparseMatrix(offsets, columns, values, self.shape[0])

    def multiply(self, dense: np.ndarray, workers: int = 1) -> np.ndarray:
        """The product with a dense matrix, float32 (n_rows, width); the same for any number of threads."""
        from embedkit.kernels.sparse import multiply_rows

        out = np.empty((self.shape[0], dense.shape[1]), np.float32)
        shares = np.linspace(0, len(self.columns) + self.shape[0], _PIECES + 1)
        cuts = np.searchsorted(self.offsets + np.arange(len(self.offsets)), shares)
        cuts[-1] = self.shape[0]

        def work(piece: int) -> None:
            multiply_rows(self.offsets, self.columns, self.values, dense, int(cuts[piece]), int(cuts[piece + 1]), out)

        for_each(work, range(_PIECES), workers, "sparse")
        return out


def truncated_svd(
    matrix: SparseMatrix,
    rank: int,
    *,
    seed: int = 1,
    workers: int = 1,
    iterations: int = POWER_ITERATIONS,
    progress: ProgressCallback | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The leading left singular vectors and singular values, by random projection.

    Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1: the range of the
    matrix is found from a product with random vectors, sharpened by power iterations with orthonormalisation in
    between; the decomposition is that of the small projected matrix. Matrices that are small anyway are decomposed
    whole.

    Parameters
    ----------
    matrix : SparseMatrix
    rank : int
        How many; fewer come out where the matrix has fewer.
    seed, workers : int
        The result does not depend on `workers`.
    iterations : int
        Power iterations.
    progress : callable, optional

    Returns
    -------
    u : float32 (n_rows, rank)
        Orthonormal columns; the largest entry of each is positive.
    singular_values : float64 (rank,)
        Descending.
    """
    width = rank + OVERSAMPLING
    total = 2 * iterations + 2
    if width >= min(matrix.shape):
        left, values, _ = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
        return _finish(left[:, :rank], values[:rank])
    step = _Steps(progress, total)
    width += -width % 16
    random = np.random.default_rng(seed)
    transposed = matrix.transpose()
    basis = random.standard_normal((matrix.n_columns, width), dtype=np.float32)
    basis = orthonormal(step(matrix.multiply(basis, workers)))
    for _ in range(iterations):
        basis = orthonormal(step(transposed.multiply(basis, workers)))
        basis = orthonormal(step(matrix.multiply(basis, workers)))
    projected = step(transposed.multiply(basis, workers))  # its transpose is basis.T @ matrix
    squared, left = np.linalg.eigh(_gram(projected))
    order = np.argsort(-squared)[:rank]
    values = np.sqrt(np.maximum(squared[order], 0.0))
    return _finish(basis @ left[:, order].astype(np.float32), values)


def _finish(left: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fix the signs, which a decomposition leaves open; drop what is zero but for rounding."""
    kept = values > values.max(initial=0.0) * 1e-6
    left, values = left[:, kept], values[kept]
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    return np.ascontiguousarray(left * signs, np.float32), values.astype(np.float64)


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the span of the columns, float32; there are fewer where some depend on others.

    By the eigenvectors of the Gram matrix, twice: all matrix products, where a QR decomposition took four times as
    long.
    """
    for _ in range(2):
        values, vectors = np.linalg.eigh(_gram(columns))
        kept = values > values[-1] * 1e-10
        columns = columns @ (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return np.ascontiguousarray(columns)


def _gram(columns: np.ndarray) -> np.ndarray:
    """``columns.T @ columns``, float64, summed in blocks of float32 products."""
    gram = np.zeros((columns.shape[1],) * 2)
    for start in range(0, len(columns), 4096):
        block = columns[start : start + 4096]
        gram += block.T @ block
    return gram


class _Steps:
    """Counts the products with the matrix, which take nearly all of the time."""

    def __init__(self, progress: ProgressCallback | None, total: int) -> None:
        self._progress: Callable[[Progress], None] | None = progress
        self._done, self._total = 0, total

    def __call__(self, product: np.ndarray) -> np.ndarray:
        self._done += 1
        if self._progress is not None:
            self._progress(Progress("decomposing", self._done, self._total, "products"))
        return product
