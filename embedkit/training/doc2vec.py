"""Paragraph vectors (Le and Mikolov 2014): a vector for each line of the text, and for lines that come later.

Line i of the text is row i of the ``document_vectors``; a line without a word of the vocabulary keeps its row, of
zeros. With PV-DBOW alone the words have no vectors but those of the output layer, which are stored as theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, TrainingError
from embedkit.kernels import SENTENCE_END
from embedkit.options import defaults, in_use
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.protocol import as_array
from embedkit.rows.table import EmbeddingTable
from embedkit.text.tokenizers import get_tokenizer
from embedkit.training.options import Doc2VecConfig, TrainingConfig
from embedkit.training.run import Run
from embedkit.training.slices import Result, check_corpus, rate_at, train_slices
from embedkit.training.starting import fill_random, locked_rows, start_from
from embedkit.training.suiting import suited
from embedkit.training.word2vec import MAX_SHARED, shared_negatives
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

TOO_LONG = 100.0  # by a rate of 12 (PV-DBOW) or 50 (PV-DM) on 3,000 paragraphs; else they are as long as the words'


def fit(corpus: Corpus, config: TrainingConfig, run: Run) -> KeyedVectors:
    """Train paragraph vectors.

    Parameters
    ----------
    corpus : Corpus
        Its sentences are the documents, empty ones too.
    config : TrainingConfig
    run : Run
        Progress, log, checkpoint, starting vectors of words.

    Returns
    -------
    KeyedVectors
        float32 (n_words, vector_size); its table has the ``document_vectors``.
    """
    check_corpus(corpus)
    config = suited(config, corpus.vocabulary, corpus.n_tokens, run)
    return train_slices(Doc2Vec(corpus, config, run), corpus, config, run)


class Doc2Vec:
    """The matrices of paragraph vectors, and the kernel that trains them.

    Attributes
    ----------
    w_in, w_out : float32 (n_words, vector_size)
    documents : float32 (n_documents, vector_size)
        Views of the padded matrices.
    """

    kind = "doc2vec"

    def __init__(self, corpus: Corpus, config: TrainingConfig, run: Run) -> None:
        from embedkit.kernels.private import private_rows
        from embedkit.kernels.simd import aligned_zeros, whole_vectors

        self.vocabulary, self.config = corpus.vocabulary, config
        self._ends = np.flatnonzero(np.asarray(corpus.ids) == SENTENCE_END)
        self._lengths = np.diff(np.concatenate([[-1], self._ends, [len(corpus.ids)]])) - 1
        n_documents = len(self._ends) + bool(self._lengths[-1])
        n_words, row_size = len(corpus.vocabulary), whole_vectors(config.vector_size)
        n_private = 0 if run.lock else private_rows(n_words, config.workers)
        n_rows = n_words + config.workers * n_private
        self._first = n_rows if self.config.words_are_inputs else 0  # the documents' rows stand behind the words'
        self._matrices = [aligned_zeros(self._first + n_documents, row_size), aligned_zeros(n_rows, row_size)]
        self.documents = self._matrices[0][self._first :, : config.vector_size]
        self.w_out = self._matrices[1][:n_words, : config.vector_size]
        self.w_in = self._matrices[0][: n_words if self.config.words_are_inputs else 0, : config.vector_size]
        keep, table, settings = inputs_of(config, corpus.vocabulary)
        self._fixed = (keep, table)
        self._settings = [
            settings._replace(
                n_private=n_private,
                private=n_words + worker * n_private,
                private_share=np.float32(1 / config.workers),
            )
            for worker in range(config.workers)
        ]
        self._locked: dict[str, np.ndarray] = {}
        if run.lock:
            known = locked_rows(run.init, corpus.vocabulary.index_to_key)
            self._locked["locked"] = np.concatenate([known, np.zeros(n_documents, np.uint8)])
        self._kernel = _kernel(config, row_size)

    def start(self, init: KeyedVectors | None) -> None:
        fill_random(self.w_in, self.config.seed, 0.5)
        fill_random(self.documents, self.config.seed + 1, 0.5)
        if init is not None:
            start = start_from(init, self.vocabulary.index_to_key, self.config.vector_size)
            if self.config.words_are_inputs:
                self.w_in[start.rows] = start.vectors
            outputs = init.table.outputs
            if outputs is not None:
                self.w_out[start.rows] = outputs[start.there]

    def shapes(self) -> dict[str, tuple[tuple[int, ...], type]]:
        return {name: (array.shape, np.float32) for name, array in self.arrays().items()}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"w_in": self.w_in, "w_out": self.w_out, "documents": self.documents}

    held = arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, array in self.arrays().items():
            array[...] = arrays[name]

    def step(
        self, worker: int, ids: np.ndarray, start: int, stop: int, rate: np.float32, state: np.ndarray, control: Any
    ) -> Result:
        document = self._first + int(np.searchsorted(self._ends, start))
        result: Result = self._kernel(
            ids[start:stop],
            *self._fixed,
            self._settings[worker],
            *self._matrices,
            rate,
            state,
            control,
            document=document,
            **self._locked,
        )
        return result

    def finish(self) -> KeyedVectors:
        documents = np.ascontiguousarray(self.documents)
        documents[self._lengths[: len(documents)] == 0] = 0
        outputs = np.ascontiguousarray(self.w_out)
        return KeyedVectors.from_table(
            EmbeddingTable(
                self.vocabulary.index_to_key,
                np.ascontiguousarray(self.w_in) if self.config.words_are_inputs else outputs,
                counts=self.vocabulary.counts,
                output_vectors=outputs if self.config.stores_outputs else None,
                config=self.config.to_dict(),
                document_vectors=documents,
            )
        )


def inputs_of(config: Any, vocabulary: Vocabulary, inferring: bool = False) -> tuple[np.ndarray, np.ndarray, Any]:
    """What kernels take beside the matrices: probabilities of keeping words, the table of negatives, settings."""
    from embedkit.kernels.blocks import BLOCK
    from embedkit.kernels.paragraphs import WORDS, Settings
    from embedkit.kernels.rows import TILE
    from embedkit.kernels.sampling import alias_table
    from embedkit.kernels.word2vec import Settings as BlockSettings

    memory, least = config.paragraphs == "dm", min(max(2 * config.negative, 8), MAX_SHARED)
    alone = inferring or not (memory or config.train_words)
    if alone:
        n_shared = least + -(least + WORDS) % TILE
    else:
        n_shared = min(config.negative, MAX_SHARED) if memory else shared_negatives(config.negative, BLOCK)
    settings = (Settings if alone else BlockSettings)(
        config.window,
        config.shrink_windows,
        n_shared,
        np.float32(config.negative / n_shared),
        config.cbow_gradient == "mean",
    )
    keep = np.asarray(vocabulary.keep_probabilities(config.sample), np.float32)
    return keep, alias_table(vocabulary.negative_distribution(config.ns_exponent)), settings


def _kernel(config: TrainingConfig, row_size: int) -> Any:
    if config.paragraphs == "dm":
        from embedkit.kernels.cbow import make_cbow

        return make_cbow(row_size, True)
    if config.train_words:
        from embedkit.kernels.word2vec import make_skipgram

        return make_skipgram(row_size, True)
    from embedkit.kernels.paragraphs import train_dbow

    return train_dbow


def infer(
    model: KeyedVectors, lines: Sequence[str], *, epochs: int | None = None, learning_rate: float | None = None
) -> np.ndarray:
    """Vectors of new lines beside words that stay as they are: float32 (n, vector_size).

    Parameters
    ----------
    model : KeyedVectors
        Of `embedkit.train` with `model` doc2vec.
    lines : sequence of str
        Cut by the tokenizer that the model was trained with. A line gets the same vector whatever stands beside it; one
        without a known word gets zeros.
    epochs : int, optional
        Passes; by default as many as in training.
    learning_rate : float, optional
        By default that of training.

    Raises
    ------
    ConfigError
        When the model is of another kind or its configuration is damaged, or for values that cannot work.
    TrainingError
        When a vector is no number any more, or `TOO_LONG` times as long as those of the words.
    """
    from embedkit.kernels.paragraphs import make_infer
    from embedkit.kernels.simd import aligned_zeros, whole_vectors

    config = config_of(model, epochs, learning_rate)
    assert model.counts is not None
    n_words, size, row_size = len(model), model.vector_size, whole_vectors(model.vector_size)
    outputs = model.table.outputs
    assert outputs is not None
    w_in, w_out = aligned_zeros(n_words, row_size), aligned_zeros(n_words, row_size)
    w_in[:, :size], w_out[:, :size] = model.vectors, as_array(outputs)
    keep, table, settings = inputs_of(config, Vocabulary(model.table.packed_words, model.counts), True)
    tokenizer = get_tokenizer(config.tokenizer, config.lowercase)
    cut = [[row for row in map(model.row, tokenizer.tokens(line)) if row >= 0] for line in lines]
    offsets = np.zeros(len(cut) + 1, np.int64)
    np.cumsum([len(rows) for rows in cut], out=offsets[1:])
    ids = np.array([row for rows in cut for row in rows], np.int32)
    documents = aligned_zeros(len(cut), row_size)
    first = np.zeros((1, size), np.float32)
    fill_random(first, config.seed, 0.5)
    documents[:, :size] = first
    infer_all = make_infer(config.paragraphs == "dm")
    infer_all(
        ids,
        offsets,
        keep,
        table,
        settings,
        w_in,
        w_out,
        documents,
        np.array([rate_at(config.learning_rate, k / config.epochs) for k in range(config.epochs)], np.float32),
        np.uint64(config.seed),
        np.zeros(1, np.int64),
    )
    found = np.ascontiguousarray(documents[:, :size])
    found[np.diff(offsets) == 0] = 0
    _check_length(found, max(_longest(w_out), _longest(first)))
    return found


def _check_length(vectors: np.ndarray, usual: float) -> None:
    times = _longest(vectors) / max(usual, float(np.finfo(np.float32).tiny))
    if not times <= TOO_LONG:
        found = f"{times:.3g} times as long as those of the words" if np.isfinite(times) else "no numbers any more"
        raise TrainingError(f"inferring diverged: vectors of lines are {found}; lower `learning_rate` or `epochs`")


def _longest(rows: np.ndarray) -> float:
    """The length of the longest row, NaN where one holds a NaN."""
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64).max(initial=0.0)))


def config_of(model: KeyedVectors, epochs: int | None = None, learning_rate: float | None = None) -> Any:
    """The configuration of a model of paragraph vectors, checked, with other `epochs` and `learning_rate`.

    Raises
    ------
    ConfigError
    """
    kept = dict(model.config)
    if kept.pop("model", None) != "doc2vec" or model.counts is None:
        raise ConfigError("to infer vectors the model must be one of paragraph vectors: train it with `model` doc2vec")
    if model.table.outputs is None:
        raise ConfigError(f"lines are inferred with output vectors, and this model {model.table.why_no_outputs}")
    names = set(defaults(Doc2VecConfig))
    stored = in_use(Doc2VecConfig, kept, names)  # older files hold what has no effect too
    chosen = {name: value for name, value in stored.items() if name in names and name != "workers"}
    chosen |= {name: v for name, v in (("epochs", epochs), ("learning_rate", learning_rate)) if v is not None}
    config = TrainingConfig.create("doc2vec", **chosen)
    missing = [name for name in ("epochs", "learning_rate") if getattr(config, name) is None]
    if missing:
        raise ConfigError(f"the configuration in the model lacks {' and '.join(missing)}; give them, or train it again")
    return config
