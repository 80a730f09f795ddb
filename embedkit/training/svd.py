"""Vectors from counts: positive pointwise mutual information, factorised by a truncated SVD.

Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
sections 2 and 3, with three of their settings: shifted PMI (``shift``, their k), context distribution smoothing
(``context_smoothing``, their cds: contexts count to that power), and the weighting of singular values
(``eigenvalue_weighting``, their eig: the vectors are U · Σ ** p). Two more are theirs by other names: their sub is
`sample`, words left out of the text before it is counted, and their dyn is `shrink_windows`, a neighbour at distance d
counting (window + 1 - d) / window; without it counts 1, and by default 1/d, which neither of them has.

On 18.8 M words of English (window 5 weighted 1/distance, 300 dimensions) WS353 and analogies were .690 and .429 with
p = 0, .691 and .439 with p = ¼, .684 and .447 with p = ½, .610 and .439 with p = 1: so p is ¼ by default.
"""

from __future__ import annotations

import os

import numpy as np

from embedkit.counting import Cooccurrences
from embedkit.counting.sparse import SparseMatrix, truncated_svd
from embedkit.counting.subsampling import subsample
from embedkit.errors import ConfigError, CorpusError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.counts import ClusterCounts, counts_for
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus


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
    refuse_passes(config, run)
    weighting = {None: "inverse", True: "linear", False: "flat"}[config.shrink_windows]
    if corpus is not None:
        corpus = subsample(corpus, config.sample, config.seed)
    counts = counts_for(corpus, config, run, cooccurrences, vocabulary, weighting)
    vocabulary = counts.vocabulary
    matrix = ppmi(counts, config.shift, config.context_smoothing)
    del counts
    if len(matrix.values) == 0:
        raise CorpusError(
            f"no pair of words stands together more often than by chance with shift {config.shift}; "
            "lower `shift` or give more text"
        )
    return vectors_of(matrix, vocabulary, config, run)


def ppmi(counts: Cooccurrences, shift: float = 1.0, context_smoothing: float = 0.75) -> SparseMatrix:
    """``max(0, ln(P(word, context) / (P(word) P(context))) - ln shift)``, without its zeros: (n_words, n_words)."""
    n_words = len(counts.vocabulary)
    row_sums = np.zeros(n_words)
    column_sums = np.zeros(n_words)
    for block in counts.blocks():
        rows = np.repeat(np.arange(block.first, block.first + len(block.lengths)), block.lengths)
        row_sums += np.bincount(rows, block.values, n_words)
        column_sums += np.bincount(block.columns, block.values, n_words)
    share = column_sums**context_smoothing / np.sum(column_sums**context_smoothing)
    columns, values, lengths = [], [], np.zeros(n_words, np.int64)
    for block in counts.blocks():
        rows = np.repeat(np.arange(block.first, block.first + len(block.lengths)), block.lengths)
        information = np.log(block.values / (row_sums[rows] * share[block.columns] * shift))
        kept = information > 0
        lengths += np.bincount(rows[kept], minlength=n_words)
        columns.append(block.columns[kept])
        values.append(information[kept].astype(np.float32))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return SparseMatrix(offsets, np.concatenate(columns), np.concatenate(values), n_words)


def vectors_of(matrix: SparseMatrix, vocabulary: Vocabulary, config: TrainingConfig, run: Run) -> KeyedVectors:
    """The rows of U · Σ ** p as vectors of the words, which are the rows of the matrix."""
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
    found[:, : u.shape[1]] = u * singular_values**config.eigenvalue_weighting
    return KeyedVectors(vocabulary.index_to_key, found, counts=vocabulary.counts, config=config.to_dict())


def refuse_passes(config: TrainingConfig, run: Run) -> None:
    """Refuse what is for models that are trained in passes.

    Raises
    ------
    ConfigError
    """
    asked = [
        name
        for name, given in (
            ("checkpoint", run.checkpoint),
            ("log", run.log),
            ("init", run.init),
        )
        if given
    ]
    if asked:
        raise ConfigError(
            f"`{asked[0]}` is not for model {config.model}, which is computed in one go, "
            "without passes or output vectors; leave it out"
        )
