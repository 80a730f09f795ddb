"""Words compared in pairs, and the one that does not belong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import ConfigError, check_several
from embedkit.query import neighbours
from embedkit.query.combining import Item, units, vector_of
from embedkit.rows.norms import unit

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


def similarity(model: KeyedVectors, a: Item, b: Item, metric: str = "cosine") -> float:
    """How similar two words, phrases or vectors are: cosine or dot product; for ``l2`` their distance."""
    neighbours.check_metric(metric)
    x, y = _rows(model, [a, b], metric)
    if metric == "l2":
        return float(np.linalg.norm(x - y))
    product = float(x @ y)
    if metric == "dot":
        return product
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    return product / length if length > 0 else 0.0


def similarities(
    model: KeyedVectors, rows: Iterable[Item], columns: Iterable[Item] | None = None, metric: str = "cosine"
) -> np.ndarray:
    """Every one of `rows` with every one of `columns` (default the same): float64 (n_rows, n_columns).

    Raises
    ------
    UnknownWordError
        When a word is neither known nor composable.
    """
    neighbours.check_metric(metric)
    x = _rows(model, rows, metric)
    y = x if columns is None else _rows(model, columns, metric)
    if metric == "cosine":
        x, y = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-300) for v in (x, y))
    if metric == "l2":
        return np.array([np.linalg.norm(y - row, axis=1) for row in x]).reshape(len(x), len(y))
    return np.clip(x @ y.T, -1, 1) if metric == "cosine" else x @ y.T


def odd_one_out(model: KeyedVectors, items: Iterable[Item]) -> int:
    """The position of the item that lies farthest (by cosine) from the mean of all, each at unit length.

    Raises
    ------
    ConfigError
        For fewer than two items.
    """
    vectors = units(model, items)
    if len(vectors) < 2:
        raise ConfigError(f"expected at least two words to find the odd one out, found {len(vectors)}")
    return int(np.argmin(vectors @ unit(vectors.mean(axis=0))))


def _rows(model: KeyedVectors, items: Iterable[Item], metric: str) -> np.ndarray:
    """float64 (n, vector_size); only the words of phrases are brought to unit length, for ``cosine``."""
    check_several(items, "words")
    rows = [vector_of(model, i, metric if isinstance(i, tuple) else "dot") for i in items]
    return np.array(rows, np.float64).reshape(len(rows), model.vector_size)
