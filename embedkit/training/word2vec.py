"""Skip-gram and CBOW (Mikolov et al. 2013a, 2013b): negative sampling, hierarchical softmax, full softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.growing import outputs_of
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_replicas import train_on_cluster
from embedkit.training.replicas import train_replicas
from embedkit.training.run import Run
from embedkit.training.slices import Result, check_corpus, train_slices
from embedkit.training.starting import fill_random, locked_rows, start_from
from embedkit.training.suiting import suited
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

MAX_SHARED = 4096


def shared_negatives(negative: int, block: int) -> int:
    """How many negatives a block shares: more than `negative`, and a whole tile together with the centres."""
    wanted = max(negative + 3, 8)
    return min(wanted + (-(wanted + block)) % 4, MAX_SHARED)


def _wanted(config: TrainingConfig) -> int:
    """What `shared_negatives` goes by: a centre's pairs with places, 2 · window, all have the block's negatives."""
    return max(config.negative, config.window * config.negative // 2 if config.positional else 0)


def fit(corpus: Corpus | SpreadCorpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train skip-gram or CBOW.

    Parameters
    ----------
    corpus : Corpus or SpreadCorpus
    config : TrainingConfig
    run : Run
        Progress, log, checkpoint, starting vectors.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size).
    """
    return fit_family(Word2Vec, corpus, config, run)


def fit_family(
    make: Callable[[Any, TrainingConfig, Run], Any], corpus: Corpus | SpreadCorpus, config: TrainingConfig, run: Run
) -> KeyedVectors:
    """Train what `make` makes, in shared matrices, as replicas, or by a cluster; parameters as of `fit`."""
    check_corpus(corpus)
    config = suited(config, corpus.vocabulary, corpus.n_tokens, run)
    family = make(corpus, config, run)
    if isinstance(corpus, SpreadCorpus):
        return train_on_cluster(family, corpus, config, run)
    train = train_slices if config.replicas is None else train_replicas
    return train(family, corpus, config, run)


class Word2Vec:
    """The matrices of skip-gram or CBOW, and the kernel that trains them.

    Attributes
    ----------
    w_in, w_out : float32 (n_words, vector_size)
        Views of the padded matrices; with `positional` the output rows are those of each place, one after the other.
    """

    kind = "word2vec"

    def __init__(self, corpus: Corpus | SpreadCorpus, config: TrainingConfig, run: Run) -> None:
        from embedkit.kernels.private import private_rows
        from embedkit.kernels.simd import aligned_zeros, whole_vectors

        self.vocabulary, self.config = corpus.vocabulary, config
        n_words, row_size = len(corpus.vocabulary), whole_vectors(config.vector_size)
        shared = config.loss == "ns" and config.replicas is None and not run.lock and not config.positional
        n_private = private_rows(n_words, config.workers) if shared else 0
        n_rows = (n_words, output_rows(n_words, config))
        self.matrices = [aligned_zeros(n + config.workers * n_private, row_size) for n in n_rows]
        self.w_in, self.w_out = (
            matrix[:n, : config.vector_size] for n, matrix in zip(n_rows, self.matrices, strict=True)
        )
        self._kernel, table, settings = _kernel(corpus, config, row_size)
        self._fixed = (np.asarray(corpus.vocabulary.keep_probabilities(config.sample), np.float32), table)
        self._outputs = None
        if run.compass is not None:
            self._outputs = outputs_of(run.compass, corpus.vocabulary)
            settings = settings._replace(learn_outputs=False)
        self._settings = [settings] * config.workers
        self._locked = (locked_rows(run.init, corpus.vocabulary.index_to_key),) if run.lock else ()
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
            if start.output is not None and self.config.loss != "hs" and not self.config.positional:
                self.w_out[start.rows] = start.output
        if self._outputs is not None:
            self.w_out[...] = self._outputs

    def shapes(self) -> dict[str, tuple[tuple[int, ...], type]]:
        return {name: (array.shape, np.float32) for name, array in self.arrays().items()}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"w_in": self.w_in, "w_out": self.w_out}

    held = arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.w_in[...], self.w_out[...] = arrays["w_in"], arrays["w_out"]

    def step(
        self, worker: int, ids: np.ndarray, start: int, stop: int, rate: np.float32, state: np.ndarray, control: Any
    ) -> Result:
        result: Result = self._kernel(
            ids[start:stop],
            *self._fixed,
            self._settings[worker],
            *self.matrices,
            rate,
            state,
            control,
            *self._behind(),
        )
        return result

    def _behind(self, drawn: np.ndarray | None = None) -> tuple[np.ndarray | None, ...]:
        """The kernel's last arguments: what marks drawn negatives, and which words are locked."""
        if self.config.loss != "ns" or self.config.positional:
            return self._locked
        return (drawn, *self._locked) if drawn is not None or self._locked else ()

    def uses(self) -> list[np.ndarray]:
        shares = self.vocabulary.counts * self._fixed[0].astype(np.float64) / max(1, int(self.vocabulary.counts.sum()))
        return uses_of(self.config, self.vocabulary, shares, self._fixed[1])

    def frequent_rows(self, most: int) -> list[slice]:
        n_words = len(self.vocabulary)
        most = min(most, n_words // 8)
        return [slice(0, most), slice(n_words - most, n_words) if self.config.loss == "hs" else slice(0, most)]

    def step_on(
        self,
        matrices: list[np.ndarray],
        ids: np.ndarray,
        rate: np.float32,
        state: np.ndarray,
        control: np.ndarray,
        touched: list[np.ndarray],
    ) -> Result:
        from embedkit.kernels.replicas import mark_words

        behind = self._behind(touched[1])
        result: Result = self._kernel(ids, *self._fixed, self._settings[0], *matrices, rate, state, control, *behind)
        mark_words(ids, touched[0])
        mark_outputs(self.config.loss, ids, self._fixed[1], touched[1])
        return result

    def finish(self) -> KeyedVectors:
        return KeyedVectors(
            self.vocabulary.index_to_key,
            np.ascontiguousarray(self.w_in),
            counts=self.vocabulary.counts,
            output_vectors=np.ascontiguousarray(self.w_out) if self.config.keep_output else None,
            config=self.config.to_dict(),
        )


def output_rows(n_words: int, config: TrainingConfig) -> int:
    """How many output vectors a model of so many words has."""
    return n_words * (2 * config.window if config.positional else 1)


def uses_of(config: TrainingConfig, vocabulary: Vocabulary, shares: np.ndarray, table: Any) -> list[np.ndarray]:
    """Expected updates of input and output rows for a token of the text; `shares` are of the words that are kept."""
    pairs = config.window + 1.0 if config.shrink_windows else 2.0 * config.window
    kept = shares.sum()
    if config.loss == "hs":
        lengths = np.diff(table.indptr)
        nodes = np.bincount(table.nodes, np.repeat(shares, lengths), len(vocabulary))
        return [pairs * shares * float(lengths @ shares / kept), pairs * nodes]
    if config.loss == "softmax":
        return [pairs * shares, pairs * (shares + kept / len(vocabulary))]
    negatives = vocabulary.negative_distribution(config.ns_exponent)
    return [pairs * shares, pairs * (shares + config.negative * kept * negatives)]


def mark_outputs(loss: str, ids: np.ndarray, table: Any, touched: np.ndarray) -> None:
    """Mark the output rows that training on `ids` changes, but for drawn negatives, which the kernels mark."""
    from embedkit.kernels.replicas import mark_entries, mark_words

    if loss == "softmax":
        touched[:] = 1
    elif loss == "hs":
        mark_entries(ids, table.indptr, table.nodes, touched)
    else:
        mark_words(ids, touched)


def _kernel(corpus: Corpus | SpreadCorpus, config: TrainingConfig, row_size: int) -> tuple[Any, Any, Any]:
    """The kernel of the run, its table of outputs and its settings."""
    from embedkit.kernels.sampling import alias_table

    vocabulary = corpus.vocabulary
    cbow = config.architecture == "cbow"
    mean = config.cbow_gradient == "mean"
    if config.loss == "ns":
        from embedkit.kernels.blocks import BLOCK
        from embedkit.kernels.cbow import make_cbow
        from embedkit.kernels.positional import make_positional
        from embedkit.kernels.word2vec import Settings, make_skipgram

        n_shared = min(config.negative, MAX_SHARED) if cbow else shared_negatives(_wanted(config), BLOCK)
        settings = Settings(
            config.window, config.shrink_windows, n_shared, np.float32(config.negative / n_shared), mean
        )
        table = alias_table(vocabulary.negative_distribution(config.ns_exponent))
        make = make_positional if config.positional else make_cbow if cbow else make_skipgram
        return make(row_size), table, settings
    from embedkit.kernels.outputs import huffman_paths
    from embedkit.kernels.word2vec_softmax import SoftmaxSettings, make_softmax

    paths = huffman_paths(vocabulary.counts)
    max_outputs = int(np.diff(paths.indptr).max(initial=1)) if config.loss == "hs" else len(vocabulary)
    return (
        make_softmax(cbow, config.loss),
        paths,
        SoftmaxSettings(config.window, config.shrink_windows, mean, max_outputs),
    )
