"""What a run would take, before it is started: vocabulary, memory, disk, time."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.counting import Window, count_cooccurrences, estimate_cells
from embedkit.threads import usable_cores
from embedkit.training import replicas, slices
from embedkit.training.fitting import family
from embedkit.training.glove_cluster import rule_of
from embedkit.training.inputs import Inputs
from embedkit.training.options import Doc2VecConfig, GloVeConfig, PredictionConfig, TrainingConfig
from embedkit.training.resuming import Identity, epochs_in
from embedkit.training.run import Run
from embedkit.training.subword_layout import layout_of, subwords_of
from embedkit.training.suiting import suited
from embedkit.training.word2vec import output_rows
from embedkit.vocabulary.corpus import SENTENCE_END, Corpus

_TRIAL_TOKENS = 200_000
# Of a count and of the record that is made of it, on disk (glove); in a sparse matrix and its transpose (svd).
_CELL_BYTES = {"glove": 24, "svd": 28}


@dataclass(frozen=True)
class Plan:
    """Figures of a run that has not been started.

    Attributes
    ----------
    n_words, n_tokens, n_sentences : int
        Of the encoded corpus.
    memory_bytes : int
        The id stream, the matrices and, for svd, about what the counts take; the Python process itself (some 150 MB
        with numba) comes on top.
    disk_bytes : int
        The native model file.
    temporary_bytes : int
        About what glove's counts and records take in the folder for temporary files meanwhile.
    seconds : float
        Training time on this machine, extrapolated from a trial on the first tokens: from the processor's time, so
        that other programs that run beside change little.
    config : TrainingConfig
        The options, with what the corpus decided.
    chosen : str
        What the size of the corpus decided, where the options leave it open.
    """

    n_words: int
    n_tokens: int
    n_sentences: int
    memory_bytes: int
    disk_bytes: int
    seconds: float
    config: TrainingConfig
    chosen: str = ""
    temporary_bytes: int = 0


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
    used = 0
    if config.subwords != "none":  # only buckets that some word uses have rows
        words = corpus.vocabulary
        used = len(layout_of(subwords_of(config, words), words.index_to_key, words.counts).buckets)
    n_matrices = {"glove": 4, "svd": 3, "lsa": 3}.get(config.model, 2)
    copies = 1 + (getattr(config, "replicas", None) or 0) if config.model != "glove" else 1  # whose parts are apart
    word_bytes = int(np.mean([len(w.encode()) for w in corpus.vocabulary.index_to_key[:10_000]])) + 8 + 4 + 8 + 4
    disk = n_words * (row + word_bytes)
    if config.subwords != "none":
        disk += n_words * row + min(used * (row + 4), config.bucket * row)
    places = (output_rows(n_words, config) - n_words) * row
    documents = corpus.n_sentences * row if config.keeps_empty_lines else 0
    disk += documents
    if config.stores_outputs:
        disk += n_words * row
    cells = 0
    if config.model in _CELL_BYTES:
        cells = estimate_cells(corpus, Window(config.window), workers=config.workers)
    counts = cells * _CELL_BYTES.get(config.model, 0)
    temporary = counts if config.model == "glove" else 0
    seconds = _glove_seconds(corpus, config, cells) if config.model == "glove" else _seconds(corpus, config)
    return Plan(
        n_words,
        corpus.n_tokens,
        corpus.n_sentences,
        corpus.ids.nbytes
        + copies * (n_words * row * n_matrices + used * row)
        + places
        + documents
        + counts
        - temporary,
        disk,
        seconds,
        config,
        "".join(chosen),
        temporary,
    )


def epochs_done(
    inputs: Inputs, config: TrainingConfig, corpus: Corpus | None, note: Callable[[str], None] | None = None
) -> float | None:
    """From which epoch a run would go on; None where it starts from the beginning.

    Parameters
    ----------
    inputs : Inputs
    config : TrainingConfig
        Its options, with what the corpus decided.
    corpus : Corpus or None
        None where its words are on a cluster: whether the checkpoint is of the same text is not looked at then, nor for
        glove, whose counts are not made for a plan.
    note : callable, optional
        Is told when there is no checkpoint.

    Raises
    ------
    TrainingError
        When the run would refuse its checkpoint.
    """
    if inputs.checkpoint is None or not inputs.resume:
        return None
    apart = getattr(config, "replicas", None) is not None
    digest = None
    if config.model == "glove":
        rule = rule_of(config)
    else:
        rule = slices.steps_rule(config) + (replicas.RULE if apart else 1)
        if corpus is not None:
            digest = replicas.digest_of(corpus, config) if apart else slices.digest_of(corpus)
    kind = family(config).__name__.rpartition(".")[2]  # the module that trains a model has the name of its checkpoints
    beginning = Run(init=inputs.known, lock=inputs.lock, compass=inputs.compass).beginning()
    return epochs_in(inputs.checkpoint, config, Identity(kind, rule, digest, beginning), note)


def _seconds(corpus: Corpus, config: TrainingConfig) -> float:
    """Training seconds, from trials on the first tokens; a first one compiles.

    Two numbers of epochs tell apart what an epoch takes and what is done once, for the vocabulary.
    """
    stop = min(len(corpus.ids), _TRIAL_TOKENS)
    ids = np.append(corpus.ids[:stop], np.int32(SENTENCE_END)).astype(np.int32)
    n_tokens = int((ids >= 0).sum())
    trial = Corpus(ids, corpus.vocabulary, n_tokens)
    passes = config.model not in ("svd", "lsa")
    shorter: dict[str, Any] = {"workers": 1}
    if config.subwords != "none":
        shorter["bucket"] = min(config.bucket, 50_000)
    if getattr(config, "replicas", None) is not None:
        shorter["replicas"] = min(config.replicas, trial.n_sentences)
    taken = []
    for epochs in (1, 1, 3) if passes else (0, 0):
        if passes:
            shorter["epochs"] = epochs
        quick = dataclasses.replace(config, **shorter)
        start = time.process_time()
        with warnings.catch_warnings():  # of so little text
            warnings.simplefilter("ignore")
            family(config).fit(trial, quick, Run())
        taken.append(time.process_time() - start)
    times = corpus.n_tokens / max(n_tokens, 1)
    if not passes:
        return taken[1] * times / _speed_up(config)
    an_epoch = max(0.0, taken[2] - taken[1]) / 2
    return max(0.0, taken[1] - an_epoch) + config.epochs * an_epoch * times / _speed_up(config)


def _speed_up(config: TrainingConfig) -> float:
    """How much faster the threads of a run are than one: measured 1.8 to 1.95 for two."""
    return 1 + 0.9 * (min(config.workers, usable_cores()) - 1)


def _glove_seconds(corpus: Corpus, config: TrainingConfig, cells: int) -> float:
    """A pass takes something for each of its blocks and something for each record: two trials tell them apart."""
    from embedkit.training import glove

    passes, sizes, counting = [], [], 0.0
    for n in (_TRIAL_TOKENS, 4 * _TRIAL_TOKENS):
        trial = Corpus(np.asarray(corpus.ids[:n]), corpus.vocabulary)
        start = time.process_time()
        counts = count_cooccurrences(trial, Window(config.window), workers=1)
        counting = (time.process_time() - start) * len(corpus.ids) / len(trial.ids)
        taken = []
        for epochs in (1, 1, 3):  # the first compiles
            start = time.process_time()
            shorter: dict[str, Any] = {"epochs": epochs, "workers": 1}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                glove.fit(None, dataclasses.replace(config, **shorter), Run(), counts)
            taken.append(time.process_time() - start)
        passes.append((taken[2] - taken[1]) / 2)
        sizes.append(len(counts))
    a_record = max(0.0, passes[1] - passes[0]) / max(1, sizes[1] - sizes[0])
    return (counting + config.epochs * (passes[1] + a_record * max(0, cells - sizes[1]))) / _speed_up(config)
