"""Models in fewer bytes, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.analysis.comparison import compare
from embedkit.analysis.evaluation import evaluate_pairs
from embedkit.analysis.operations import keep_words
from embedkit.analysis.testsets import WordPairs
from embedkit.progress import ProgressCallback
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.norms import unit
from embedkit.rows.protocol import Rows
from embedkit.rows.quantization import KINDS, QuantizedRows, quantize
from embedkit.rows.sparse import SparseRows, without_zeros
from embedkit.rows.table import EmbeddingTable


@dataclass(frozen=True)
class Cost:
    """What a way of storing costs.

    Attributes
    ----------
    kind : str
        ``float32``, ``float16``, ``int8`` or ``pq``.
    bytes : int
        Of the vectors, with those of subwords.
    cosine : float
        Mean cosine of a decoded vector with the original; zero vectors, which have none, left out.
    overlap : float
        Share of the ten nearest neighbours that stay, mean over the first `words` words among themselves.
    spearman : list of float
        One for each set of word pairs.
    """

    kind: str
    bytes: int
    cosine: float
    overlap: float
    spearman: list[float]


def compress(
    vectors: KeyedVectors,
    kind: str,
    *,
    subvectors: int | None = None,
    seed: int = 1,
    progress: ProgressCallback | None = None,
) -> KeyedVectors:
    """Quantise a model's vectors and its subwords' rows; see `embedkit.rows.quantization.quantize`.

    Of n-grams only the rows that are not zero are quantised and held. What only training and `fill` need (the words'
    own rows, the output vectors) is left out, and the documents of paragraph vectors; the output vectors of these stay
    as they are, for new lines are inferred with them.
    """

    def smaller(rows: Rows) -> QuantizedRows:
        return quantize(rows, kind, subvectors=subvectors, seed=seed, progress=progress)

    ngrams = vectors.ngram_vectors
    if ngrams is not None:
        ngrams = without_zeros(ngrams)
        ngrams = ngrams.with_values(smaller(ngrams.values)) if isinstance(ngrams, SparseRows) else smaller(ngrams)
    result = EmbeddingTable(
        vectors.index_to_key,
        smaller(vectors.vectors),
        counts=vectors.counts,
        subwords=vectors.subwords,
        ngram_vectors=ngrams,
        output_vectors=vectors.output_vectors if "paragraphs" in vectors.config else None,
        config=vectors.config,
    )
    return KeyedVectors.from_table(result.made_of(vectors.table))


def costs(
    vectors: KeyedVectors,
    pairs: Sequence[WordPairs] = (),
    *,
    subvectors: int | None = None,
    words: int = 5000,
    seed: int = 1,
    progress: ProgressCallback | None = None,
) -> Iterator[Cost]:
    """Compress a model in every way and measure what is lost, the uncompressed one first."""
    original = KeyedVectors(
        vectors.index_to_key, vectors.vectors, subwords=vectors.subwords, ngram_vectors=vectors.ngram_vectors
    )
    yield _cost("float32", original, original, pairs, words)
    for kind in KINDS:
        pieces = subvectors if kind == "pq" else None
        smaller = compress(original, kind, subvectors=pieces, seed=seed, progress=progress)
        yield _cost(kind, original, smaller, pairs, words)


def _cost(kind: str, original: KeyedVectors, smaller: KeyedVectors, pairs: Sequence[WordPairs], words: int) -> Cost:
    size = sum(rows.nbytes for rows in (smaller.table.vectors, smaller.ngram_vectors) if rows is not None)
    # A zero vector has no direction to keep and no neighbours; one that only became zero has lost both.
    pointing = np.flatnonzero(original.norms[:words] > 0)
    cosine = overlap = float("nan")
    if len(pointing):
        cosines = np.sum(unit(original.vectors[pointing]) * unit(smaller.vectors[pointing]), axis=1)
        cosine = float(np.mean(cosines))
    still = int(np.count_nonzero(smaller.norms[pointing] > 0))
    topn = min(10, still - 1)
    if topn > 0:
        names = [original.index_to_key[row] for row in pointing.tolist()]
        few = keep_words(original, names), keep_words(smaller, names)
        overlap = float(compare(*few, topn=topn).overlap.sum() / len(pointing))
    return Cost(
        kind,
        size,
        cosine,
        overlap,
        [evaluate_pairs(smaller, pair_set, resamples=1).spearman.value for pair_set in pairs],
    )
