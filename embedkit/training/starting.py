"""First values of the matrices: random ones, or the vectors of another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from embedkit.errors import ConfigError, counted
from embedkit.query.keyed_vectors import KeyedVectors


class Start(NamedTuple):
    """What `start_from` found for the words of a vocabulary.

    Attributes
    ----------
    rows : int64 (n,)
        The words of the vocabulary that the model knows.
    there : int64 (n,)
        Their rows in the model.
    vectors : float32 (n, vector_size)
    output : float32 (n, vector_size) or None
        The output vectors, where the model kept them.
    """

    rows: np.ndarray
    there: np.ndarray
    vectors: np.ndarray
    output: np.ndarray | None


def start_from(init: KeyedVectors, words: Sequence[str], vector_size: int) -> Start:
    """The vectors of the words that `init` knows; how they enter its matrices is each family's own business.

    Raises
    ------
    ConfigError
        When the sizes differ or no word is known.
    """
    check_size(init, vector_size)
    pairs = [(row, init.row(word)) for row, word in enumerate(words) if word in init]
    if not pairs:
        raise ConfigError("`init`: none of its words occurs in this corpus's vocabulary")
    rows, there = np.array(pairs, np.int64).T
    output = init.output_vectors
    return Start(
        rows,
        there,
        np.asarray(init.vectors[there], np.float32),
        None if output is None or len(output) != len(init) else np.asarray(output[there], np.float32),
    )


def check_size(init: KeyedVectors, vector_size: int) -> None:
    """Refuse vectors of another size.

    Raises
    ------
    ConfigError
    """
    if init.vector_size != vector_size:
        raise ConfigError(
            f"`init`: its vectors have {counted(init.vector_size, 'number')}, expected {vector_size}; give "
            f"`vector_size` {init.vector_size}"
        )


def locked_rows(init: KeyedVectors | None, words: Sequence[str]) -> np.ndarray:
    """1 for each word that `init` knows, which must not change: uint8 (n_words,)."""
    return np.array([init is not None and word in init for word in words], np.uint8)


def fill_random(rows: np.ndarray, seed: int, reach: float) -> None:
    """Starting values: uniform on ± `reach` divided by the vector size.

    The word2vec tool takes 1/2, fastText 1.

    Parameters
    ----------
    rows : float32 (n, vector_size)
        Without padding.
    """
    random = np.random.default_rng(np.random.SeedSequence((seed, 0)))
    for start in range(0, len(rows), 65536):
        block = rows[start : start + 65536]
        block[...] = np.float32(reach) * (2 * random.random(block.shape, dtype=np.float32) - 1) / rows.shape[1]
