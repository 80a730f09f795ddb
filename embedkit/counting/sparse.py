"""Sparse matrices kept row by row, and their truncated singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from embedkit.progress import Progress, ProgressCallback
from embedkit.threads import for_each, heard_from

OVERSAMPLING = 20
POWER_ITERATIONS = 4
# Up to so many rows or columns the exact decomposition is as fast as the approximate one.
EXACT_UP_TO = 500
_RELATIVE_ZERO = 1e-6  # of the largest singular value: what is smaller is rounding
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


class Decomposition(NamedTuple):
    """Leading singular vectors and values.

    Attributes
    ----------
    u : float32 (n_rows, rank)
        Orthonormal columns; the largest entry of each is positive.
    singular_values : float64 (rank,)
        Descending.
    share : float
        What they hold of the matrix: the sum of their squares, of the sum of all cells' squares.
    error : float
        A bound on how far each singular value is from one of the matrix, as a share of itself: the largest
        ``|A v - s u| / s``. Zero where the whole decomposition was computed.
    """

    u: np.ndarray
    singular_values: np.ndarray
    share: float
    error: float


def truncated_svd(
    matrix: SparseMatrix,
    rank: int,
    *,
    seed: int = 1,
    workers: int = 1,
    iterations: int = POWER_ITERATIONS,
    exact: bool | None = None,
    progress: ProgressCallback | None = None,
) -> Decomposition:
    """The leading left singular vectors and singular values, by random projection or of the whole matrix.

    Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1: the range of the
    matrix is found from a product with random vectors, sharpened by power iterations with orthonormalisation in
    between; the decomposition is that of the small projected matrix.

    Parameters
    ----------
    matrix : SparseMatrix
    rank : int
        How many; fewer come out where the matrix has fewer.
    seed, workers : int
        The result does not depend on `workers`.
    iterations : int
        Power iterations: more make the projection sharper.
    exact : bool, optional
        By the Gram matrix of the shorter side, dense and in float64; by default up to `EXACT_UP_TO` rows or columns.
    progress : callable, optional

    Returns
    -------
    Decomposition
    """
    squares = float(np.sum(matrix.values.astype(np.float64) ** 2))
    width = rank + OVERSAMPLING
    total = 2 * iterations + 3
    if width >= min(matrix.shape) or (min(matrix.shape) <= EXACT_UP_TO if exact is None else exact):
        return _finish(*heard_from(lambda: _exact(matrix, rank), "exact-svd"), squares, 0.0)
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
    kept = values > values.max(initial=0.0) * _RELATIVE_ZERO
    rotation, values = left[:, order[kept]].astype(np.float32), values[kept]
    u = basis @ rotation
    v = (projected @ rotation) / values.astype(np.float32)
    residual = step(matrix.multiply(np.ascontiguousarray(v, np.float32), workers)) - u * values.astype(np.float32)
    error = float((np.linalg.norm(residual.astype(np.float64), axis=0) / values).max(initial=0.0))
    return _finish(u, values, squares, error)


def _exact(matrix: SparseMatrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The leading left singular vectors and values by the eigenvectors of the Gram matrix of the shorter side.

    In float64 throughout; squaring costs digits only below 1e-8 of the largest value, far below `_RELATIVE_ZERO`.
    """
    wide = matrix.n_columns > matrix.shape[0]
    tall = matrix.transpose() if wide else matrix
    gram = np.zeros((tall.n_columns,) * 2)
    for block in _dense_blocks(tall):
        gram += block.T @ block
    squared, vectors = np.linalg.eigh(gram)
    order = np.argsort(-squared)[:rank]
    values, vectors = np.sqrt(np.maximum(squared[order], 0.0)), vectors[:, order]
    if wide:
        return vectors, values
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
    return np.concatenate([block @ (vectors * inverse) for block in _dense_blocks(tall)]), values


def _dense_blocks(matrix: SparseMatrix, n_rows: int = 4096) -> Iterator[np.ndarray]:
    """The rows as float64 matrices of at most `n_rows`."""
    for first in range(0, matrix.shape[0], n_rows):
        offsets = matrix.offsets[first : first + n_rows + 1]
        part = slice(int(offsets[0]), int(offsets[-1]))
        rows = SparseMatrix(offsets - offsets[0], matrix.columns[part], matrix.values[part], matrix.n_columns)
        yield rows.toarray().astype(np.float64)


def _finish(left: np.ndarray, values: np.ndarray, squares: float, error: float) -> Decomposition:
    """Fix the signs, which a decomposition leaves open; drop what is zero but for rounding."""
    kept = values > values.max(initial=0.0) * _RELATIVE_ZERO
    left, values = left[:, kept], values[kept]
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    share = float(np.sum(values**2)) / squares if squares else 0.0
    return Decomposition(np.ascontiguousarray(left * signs, np.float32), values.astype(np.float64), share, error)


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
