"""Vectors from counts: positive pointwise mutual information, factorised by a truncated SVD.

Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
sections 2 and 3, with three of their settings: shifted PMI (``shift``, their k), context distribution smoothing
(``context_smoothing``, their cds: contexts count to that power), and the weighting of singular values
(``eigenvalue_weighting``, their eig: the vectors are U · Σ ** p). Two more are theirs by other names: their sub is
`sample`, words left out of the text before it is counted, and their dyn is `shrink_windows`, a neighbour at distance d
counting (window + 1 - d) / window; without it counts 1, and by default 1/d, which neither of them has. Their w+c is
`add_contexts`: V · Σ ** p on top.

On 18.8 M words of English (window 5 weighted 1/distance, 300 dimensions) WS353 and analogies were .690 and .429 with
p = 0, .691 and .439 with p = ¼, .684 and .447 with p = ½, .610 and .439 with p = 1: so p is ¼ by default. A window of 8
is better than one of 5 in each of three tests on .5, 3 and 18.8 M words, for a quarter more time; what other windows,
dimensions, iterations and `sample` bring is in "Defaults" of `embedkit/manual/measurements.md`.
"""

from __future__ import annotations

import os

import numpy as np

from embedkit.counting import Cooccurrences
from embedkit.counting.ppmi import ppmi
from embedkit.counting.sparse import SparseMatrix, truncated_svd
from embedkit.counting.subsampling import subsample
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.counts import ClusterCounts, counts_for
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

MOST_EXACT = 20_000  # words
EXACT_SECONDS = 5e-10  # times the cube of the number of words, on one thread
LONG = 10.0  # seconds


def fit(
    corpus: Corpus | None,
    config: TrainingConfig,
    run: Run,
    cooccurrences: str | os.PathLike[str] | Cooccurrences | ClusterCounts | None = None,
    vocabulary: Vocabulary | None = None,
) -> KeyedVectors:
    """Factorise the PPMI matrix of a corpus, or of counts that were made before.

    Parameters
    ----------
    corpus : Corpus or None
    config : TrainingConfig
    run : Run
        Of which only the progress is used: there are no passes to log or to resume.
    cooccurrences : path, Cooccurrences or ClusterCounts, optional
        Instead of a corpus.
    vocabulary : Vocabulary, optional
        Of `cooccurrences`; needed for files in GloVe's format.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size); zeros behind the rank of the matrix, where that is smaller.

    Raises
    ------
    CorpusError
        When nothing is left above zero.
    """
    weighting = {None: "inverse", True: "linear", False: "flat"}[config.shrink_windows]
    if corpus is not None:
        corpus = subsample(corpus, config.sample, config.seed)
    counts = counts_for(corpus, config, run, cooccurrences, vocabulary, weighting)
    vocabulary = counts.vocabulary
    matrix = ppmi(counts, config.shift, config.context_smoothing)
    del counts
    return vectors_of(matrix, vocabulary, config, run)


def vectors_of(matrix: SparseMatrix, vocabulary: Vocabulary, config: TrainingConfig, run: Run) -> KeyedVectors:
    """The rows of U · Σ ** p as vectors of the words, which are the rows of the matrix."""
    _check_exact(matrix, config, run)
    u, singular_values, share, error = truncated_svd(
        matrix,
        config.vector_size,
        seed=config.seed,
        workers=config.workers,
        iterations=config.power_iterations,
        exact=config.exact,
        progress=run.progress,
    )
    how = f"singular values within {error:.1%}" if error else "an exact decomposition"
    run.say(f"{len(singular_values)} directions hold {share:.0%} of the matrix of {len(vocabulary):,} words; {how}")
    found = np.zeros((len(vocabulary), config.vector_size), np.float32)
    weights = singular_values**config.eigenvalue_weighting
    found[:, : u.shape[1]] = u * weights
    if getattr(config, "add_contexts", False):
        v = matrix.transpose().multiply((u / singular_values).astype(np.float32), config.workers)
        found[:, : u.shape[1]] += v * weights
    return KeyedVectors(vocabulary.index_to_key, found, counts=vocabulary.counts, config=config.to_dict())


def _check_exact(matrix: SparseMatrix, config: TrainingConfig, run: Run) -> None:
    """Say what an exact decomposition takes, where that is long; refuse one that no machine has room for.

    Raises
    ------
    ConfigError
    """
    n = min(matrix.shape)
    if not config.exact or n <= config.vector_size:
        return
    if n > MOST_EXACT:
        raise ConfigError(
            f"`exact` decomposes a dense matrix, of {n:,} words in {32 * n * n / 1e9:,.0f} GB; it is for up to "
            f"{MOST_EXACT:,}: leave it out (`power_iterations` makes the projection sharper), or lower `max_vocab`"
        )
    seconds = EXACT_SECONDS * n**3
    if seconds > LONG:
        run.say(f"decomposing {n:,} words exactly takes about {seconds:,.0f} s; more `power_iterations` take less")
