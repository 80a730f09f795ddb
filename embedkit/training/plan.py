"""What a run would take, before it is started: vocabulary, memory, disk, time."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.counting import Window, count_cooccurrences, estimate_cells
from embedkit.training.options import Doc2VecConfig, GloVeConfig, PredictionConfig, TrainingConfig
from embedkit.training.run import Run
from embedkit.training.suiting import suited
from embedkit.vocabulary.corpus import SENTENCE_END, Corpus

_TRIAL_TOKENS = 200_000
# Of a count while it turns into a record (glove), or stands in a sparse matrix and its transpose (svd).
_CELL_BYTES = {"glove": 24, "svd": 28}


@dataclass(frozen=True)
class Plan:
    """Figures of a run that has not been started.

    Attributes
    ----------
    n_words, n_tokens, n_sentences : int
        Of the encoded corpus.
    memory_bytes : int
        The id stream, the matrices and, for glove and svd, about what the counts take; the Python process itself
        (some 150 MB with numba) comes on top.
    disk_bytes : int
        The native model file.
    seconds : float
        Training time on this machine, extrapolated from a trial on the first tokens.
    chosen : str
        What the size of the corpus decided, where the options leave it open.
    """

    n_words: int
    n_tokens: int
    n_sentences: int
    memory_bytes: int
    disk_bytes: int
    seconds: float
    chosen: str = ""


def plan(corpus: Corpus, config: TrainingConfig) -> Plan:
    """Work out memory and disk, and train on the first tokens to tell the speed.

    Raises
    ------
    CorpusError
        When there is nothing to train on.
    """
    chosen: list[str] = []
    if isinstance(config, PredictionConfig | Doc2VecConfig | GloVeConfig):
        config = suited(config, corpus.vocabulary, corpus.n_tokens, Run(note=chosen.append))
    n_words = len(corpus.vocabulary)
    row = 4 * config.vector_size
    bucket_bytes = config.bucket * row if config.subwords != "none" else 0
    n_matrices = {"glove": 4, "svd": 3, "lsa": 3}.get(config.model, 2)
    word_bytes = int(np.mean([len(w.encode()) for w in corpus.vocabulary.index_to_key[:10_000]])) + 8 + 4 + 8 + 4
    disk = n_words * (row + word_bytes) + bucket_bytes
    if bucket_bytes:
        disk += n_words * row
    documents = corpus.n_sentences * row if config.keeps_empty_lines else 0
    disk += documents
    if config.keep_output:
        disk += n_words * row
    cells = 0
    if config.model in _CELL_BYTES:
        cells = estimate_cells(corpus, Window(config.window), workers=config.workers)
    counts = cells * _CELL_BYTES.get(config.model, 0)
    seconds = _glove_seconds(corpus, config, cells) if config.model == "glove" else _seconds(corpus, config)
    return Plan(
        n_words,
        corpus.n_tokens,
        corpus.n_sentences,
        corpus.ids.nbytes + n_words * row * n_matrices + bucket_bytes + documents + counts,
        disk,
        seconds,
        "".join(chosen),
    )


def _seconds(corpus: Corpus, config: TrainingConfig) -> float:
    """Training seconds: a trial of one epoch on the first tokens, run twice so that compilation does not count."""
    stop = min(len(corpus.ids), _TRIAL_TOKENS)
    ids = np.append(corpus.ids[:stop], np.int32(SENTENCE_END)).astype(np.int32)
    n_tokens = int((ids >= 0).sum())
    trial = Corpus(ids, corpus.vocabulary, n_tokens)
    shorter: dict[str, Any] = {}
    if config.model not in ("svd", "lsa"):
        shorter["epochs"] = 1
    if config.subwords != "none":
        shorter["bucket"] = min(config.bucket, 50_000)
    quick = dataclasses.replace(config, **shorter)
    from embedkit.training import family

    fit = family(config).fit
    fit(trial, quick, Run())
    start = time.perf_counter()
    fit(trial, quick, Run())
    epochs = config.epochs if config.model not in ("svd", "lsa") else 1
    return (time.perf_counter() - start) * corpus.n_tokens / max(n_tokens, 1) * epochs


def _glove_seconds(corpus: Corpus, config: TrainingConfig, cells: int) -> float:
    """A pass takes something for each of its blocks and something for each record: two trials tell them apart."""
    from embedkit.training import glove

    passes, sizes, counting = [], [], 0.0
    for n in (_TRIAL_TOKENS, 4 * _TRIAL_TOKENS):
        trial = Corpus(np.asarray(corpus.ids[:n]), corpus.vocabulary)
        start = time.perf_counter()
        counts = count_cooccurrences(trial, Window(config.window), workers=config.workers)
        counting = (time.perf_counter() - start) * len(corpus.ids) / len(trial.ids)
        taken = []
        for epochs in (1, 1, 3):  # the first compiles
            start = time.perf_counter()
            passes_of: dict[str, Any] = {"epochs": epochs}
            glove.fit(None, dataclasses.replace(config, **passes_of), Run(), counts)
            taken.append(time.perf_counter() - start)
        passes.append((taken[2] - taken[1]) / 2)
        sizes.append(len(counts))
    a_record = max(0.0, passes[1] - passes[0]) / max(1, sizes[1] - sizes[0])
    return counting + config.epochs * (passes[1] + a_record * max(0, cells - sizes[1]))
