"""Latent semantic analysis (Deerwester et al. 1990, "Indexing by Latent Semantic Analysis"): the truncated SVD of the
term-document matrix, weighted by TF-IDF. One document is one line; words that stand in the same lines are near."""

from __future__ import annotations

from embedkit.counting.tfidf import document_counts, tfidf
from embedkit.errors import ConfigError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.svd import vectors_of
from embedkit.vocabulary.corpus import Corpus


def fit(corpus: Corpus | None, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Factorise the term-document matrix of a corpus.

    Parameters
    ----------
    corpus : Corpus
        Its sentences are the documents.
    config : TrainingConfig
    run : Run
        Of which only the progress is used.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size); zeros behind the rank of the matrix, where that is smaller.
    """
    if corpus is None:
        raise ConfigError("model lsa needs a corpus")
    counts = document_counts(corpus.ids, len(corpus.vocabulary))
    matrix = tfidf(counts, sublinear=True).transpose()
    return vectors_of(matrix, corpus.vocabulary, config, run)
