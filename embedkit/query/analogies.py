"""A is to B as C is to ?: many questions at once, by two methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from embedkit.errors import ConfigError, check_several
from embedkit.query import neighbours
from embedkit.query.combining import Item, vector_of, words_in

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

METHODS = ("3cosadd", "3cosmul")
Triple = tuple[Item, Item, Item]


def analogies(
    model: KeyedVectors,
    triples: Iterable[Triple],
    topn: int | None = 10,
    method: str = "3cosadd",
    restrict_vocab: int | None = None,
    exclude: Iterable[str] = (),
) -> list[neighbours.Hits]:
    """The answers' rows and values for each (a, b, c); see `KeyedVectors.analogy`."""
    if method not in METHODS:
        raise ConfigError(f"unknown analogy method {method!r}: expected {' or '.join(METHODS)}")
    limit = neighbours.rows_searched(restrict_vocab, len(model))
    topn = neighbours.answers_wanted(topn, limit)
    triples = list(triples)
    if not triples:
        return []
    check_several(exclude, "exclude")
    also = list(exclude)
    skip = [[row for row in map(model.row, [*words_in(triple), *also]) if row >= 0] for triple in triples]
    vectors, norms = model.vectors[:limit], model.norms[:limit]
    if method == "3cosadd":
        queries = np.stack([model.combine([b, c], [a]) for a, b, c in triples])
        return neighbours.nearest(vectors, norms, queries, topn, "cosine", skip)
    parts = np.stack([[vector_of(model, item) for item in triple] for triple in triples])
    return neighbours.nearest_3cosmul(vectors, norms, parts, topn, skip)
