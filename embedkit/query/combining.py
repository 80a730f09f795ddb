"""Words, phrases and vectors added up and taken away: what a question is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from embedkit.errors import ConfigError, check_several
from embedkit.rows.norms import unit

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

Item = str | np.ndarray | tuple[str, ...]
Query = Item | tuple[Item, float]


def several(items: Query | Sequence[Query]) -> list[Query]:
    """One query, or several, as a list."""
    if isinstance(items, str) or (isinstance(items, np.ndarray) and items.ndim == 1) or _is_pair(items):
        return [items]  # type: ignore[list-item]
    return list(items)


def weighted(query: Query) -> tuple[Item, float]:
    """An item and its weight, 1 by default.

    Raises
    ------
    ConfigError
        For a weight that is not finite.
    """
    if not _is_pair(query):
        return query, 1.0  # type: ignore[return-value]
    what, weight = cast("tuple[Item, float]", query)
    if not np.isfinite(weight):
        raise ConfigError(f"expected a finite weight, found {weight!r}")
    return what, float(weight)


def words_in(queries: Sequence[Query]) -> list[str]:
    """All words of some queries, those of phrases too."""
    found: list[str] = []
    for query in queries:
        item = weighted(query)[0]
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, tuple):
            found += item
    return found


def vector_of(model: KeyedVectors, item: Item, metric: str = "cosine") -> np.ndarray:
    """The vector of a word, of a phrase (the mean of its words), or one that was given: float (vector_size,).

    With ``cosine`` it has unit length, and so have the words of a phrase before their mean is taken.

    Raises
    ------
    UnknownWordError
        When a word is neither known nor composable.
    ConfigError
        For a vector of another size, or one with a NaN or an infinity.
    """
    if isinstance(item, str):
        vector = model[item]
    elif isinstance(item, tuple):
        rows = model.get_vectors(item)
        vector = (unit(rows) if metric == "cosine" else rows).mean(axis=0, dtype=np.float64)
    else:
        vector = np.asarray(item)
    if vector.shape != (model.vector_size,):
        raise ConfigError(f"expected a vector of shape ({model.vector_size},), found {vector.shape}")
    if not np.isfinite(vector).all():
        raise ConfigError("expected a vector of finite numbers, found NaN or an infinity")
    return unit(vector) if metric == "cosine" else vector


def units(model: KeyedVectors, items: Iterable[Item]) -> np.ndarray:
    """The vectors of some items at unit length: float32 (n, vector_size)."""
    check_several(items, "words")
    items = list(items)
    words = [item for item in items if isinstance(item, str)]
    if len(words) == len(items):
        return unit(model.get_vectors(words))
    return np.stack([vector_of(model, item) for item in items])


def total(model: KeyedVectors, queries: Sequence[Query], metric: str = "cosine") -> np.ndarray:
    """The weighted sum of some items: float64 (vector_size,)."""
    found = np.zeros(model.vector_size, np.float64)
    for query in queries:
        item, weight = weighted(query)
        found += weight * vector_of(model, item, metric)
    return found


def negated(queries: Sequence[Query]) -> list[Query]:
    """The same items with weights of the other sign."""
    return [(item, -weight) for item, weight in map(weighted, queries)]


def _is_pair(item: Any) -> bool:
    """Whether this is (item, weight)."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], int | float | np.number)
