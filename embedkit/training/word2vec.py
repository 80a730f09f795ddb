"""Skip-gram and CBOW (Mikolov et al. 2013a, 2013b): negative sampling, hierarchical softmax, full softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.slices import Result, check_corpus, train_slices
from embedkit.training.starting import fill_random, start_from
from embedkit.training.suiting import suited
from embedkit.vocabulary.corpus import Corpus

MAX_SHARED = 4096


def shared_negatives(negative: int, block: int) -> int:
    """How many negatives a block shares: more than `negative`, and a whole tile together with the centres."""
    wanted = max(negative + 3, 8)
    return min(wanted + (-(wanted + block)) % 4, MAX_SHARED)


def fit(corpus: Corpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train skip-gram or CBOW.

    Parameters
    ----------
    corpus : Corpus
    config : TrainingConfig
    run : Run
        Progress, log, checkpoint, starting vectors.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size).
    """
    check_corpus(corpus)
    config = suited(config, corpus.vocabulary, corpus.n_tokens, run)
    return train_slices(Word2Vec(corpus, config), corpus, config, run)


class Word2Vec:
    """The matrices of skip-gram or CBOW, and the kernel that trains them.

    Attributes
    ----------
    w_in, w_out : float32 (n_words, vector_size)
        Views of the padded matrices.
    """

    kind = "word2vec"

    def __init__(self, corpus: Corpus, config: TrainingConfig) -> None:
        from embedkit.kernels.private import private_rows
        from embedkit.kernels.simd import aligned_zeros, padded_size

        self.vocabulary, self.config = corpus.vocabulary, config
        n_words, row_size = len(corpus.vocabulary), padded_size(config.vector_size)
        n_private = private_rows(n_words, config.workers) if config.loss == "ns" else 0
        self._padded = [aligned_zeros(n_words + config.workers * n_private, row_size) for _ in range(2)]
        self.w_in, self.w_out = (matrix[:n_words, : config.vector_size] for matrix in self._padded)
        self._kernel, table, settings = _kernel(corpus, config, row_size)
        self._fixed = (np.asarray(corpus.vocabulary.keep_probabilities(config.sample), np.float32), table)
        self._settings = [settings] * config.workers
        if n_private:
            share = np.float32(1 / config.workers)
            self._settings = [
                settings._replace(n_private=n_private, private=n_words + worker * n_private, private_share=share)
                for worker in range(config.workers)
            ]

    def start(self, init: KeyedVectors | None) -> None:
        fill_random(self.w_in, self.config.seed, 0.5)
        if init is not None:
            start = start_from(init, self.vocabulary.index_to_key, self.config.vector_size)
            self.w_in[start.rows] = start.vectors
            if start.output is not None:
                self.w_out[start.rows] = start.output

    def shapes(self) -> dict[str, tuple[tuple[int, ...], type]]:
        return {name: (array.shape, np.float32) for name, array in self.arrays().items()}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"w_in": self.w_in, "w_out": self.w_out}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.w_in[...], self.w_out[...] = arrays["w_in"], arrays["w_out"]

    def step(
        self, worker: int, ids: np.ndarray, start: int, stop: int, rate: np.float32, state: np.ndarray, control: Any
    ) -> Result:
        result: Result = self._kernel(
            ids[start:stop], *self._fixed, self._settings[worker], *self._padded, rate, state, control
        )
        return result

    def finish(self) -> KeyedVectors:
        return KeyedVectors(
            self.vocabulary.index_to_key,
            np.ascontiguousarray(self.w_in),
            counts=self.vocabulary.counts,
            output_vectors=np.ascontiguousarray(self.w_out) if self.config.keep_output else None,
            config=self.config.to_dict(),
        )


def _kernel(corpus: Corpus, config: TrainingConfig, row_size: int) -> tuple[Any, Any, Any]:
    """The kernel of the run, its table of outputs and its settings."""
    from embedkit.kernels.sampling import alias_table

    vocabulary = corpus.vocabulary
    cbow = config.architecture == "cbow"
    mean = config.cbow_gradient == "mean"
    if config.loss == "ns":
        from embedkit.kernels.word2vec import BLOCK, Settings, make_cbow, make_skipgram

        n_shared = shared_negatives(config.negative, BLOCK)
        settings = Settings(
            config.window, config.shrink_windows, n_shared, np.float32(config.negative / n_shared), mean
        )
        table = alias_table(vocabulary.negative_distribution(config.ns_exponent))
        return (make_cbow if cbow else make_skipgram)(row_size), table, settings
    from embedkit.kernels.outputs import huffman_paths
    from embedkit.kernels.word2vec_softmax import SoftmaxSettings, make_softmax

    paths = huffman_paths(vocabulary.counts)
    max_outputs = int(np.diff(paths.indptr).max(initial=1)) if config.loss == "hs" else len(vocabulary)
    return (
        make_softmax(cbow, config.loss),
        paths,
        SoftmaxSettings(config.window, config.shrink_windows, mean, max_outputs),
    )
