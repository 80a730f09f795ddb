"""A training run on inputs that have been checked: what is read or counted, and by which family it is trained."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from embedkit.analysis.operations import center
from embedkit.cluster.connecting import engine_of
from embedkit.errors import warn_caller
from embedkit.progress import ProgressCallback
from embedkit.query.isotropy import learnt_nothing
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.growing import grown, within
from embedkit.training.inputs import OF_CORPUS, OF_COUNTING, Inputs
from embedkit.training.options import TrainingConfig
from embedkit.training.reading import corpus_on_cluster, counts_on_cluster, mention_forms, mention_known, read_corpus
from embedkit.training.run import Run

# Which module's ``fit(corpus, config, run, **inputs)`` trains a model; subword models go to fasttext.
_FAMILIES = {
    "skipgram": "embedkit.training.word2vec",
    "cbow": "embedkit.training.word2vec",
    "fasttext": "embedkit.training.fasttext",
    "doc2vec": "embedkit.training.doc2vec",
    "glove": "embedkit.training.glove",
    "svd": "embedkit.training.svd",
    "lsa": "embedkit.training.lsa",
}


def family(config: TrainingConfig) -> Any:
    """The module whose ``fit`` trains what `config` asks for."""
    return import_module(_FAMILIES["fasttext" if config.subwords != "none" else config.model])


def fit(
    inputs: Inputs,
    *,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    checkpoint_every: float = 60.0,
) -> KeyedVectors:
    """Train on `inputs`; `train` says what the parameters are and what is raised.

    Warns
    -----
    UserWarning
        Where the words are all alike.
    """
    run = Run(
        progress,
        inputs.log,
        inputs.checkpoint,
        inputs.resume,
        checkpoint_every,
        inputs.known,
        note,
        inputs.lock,
        inputs.compass,
    )
    vectors, idle, read = _fitted(inputs, run)
    kept = {name: value for name, value in vectors.config.items() if name not in idle}
    vectors.table.config = {**kept, **read, **run.in_common()}
    return _centred(vectors, learnt_nothing(vectors, kept.get("epochs")))


def _fitted(inputs: Inputs, run: Run) -> tuple[KeyedVectors, frozenset[str], dict[str, Any]]:
    """The vectors, the options that had no effect on them, and those with which the corpus was read."""
    config = inputs.config
    train = family(config).fit
    counted_there = inputs.cluster is not None and config.model in ("glove", "svd")
    if inputs.cooccurrences is not None:
        if counted_there:
            vectors = train(None, config, run, cooccurrences=counts_on_cluster(inputs))
        else:
            vectors = train(None, config, run, cooccurrences=inputs.cooccurrences, vocabulary=inputs.vocabulary)
        return vectors, OF_CORPUS | OF_COUNTING, {}
    if counted_there:
        counts = counts_on_cluster(inputs)
        vectors = train(None, config, run, cooccurrences=counts)
        return vectors, OF_CORPUS, counts.read
    if inputs.cluster is not None:
        with engine_of(inputs.cluster) as engine:
            spread = corpus_on_cluster(engine, inputs, run.progress)
            mention_forms(inputs.corpus, config, spread.vocabulary, run)
            return train(spread, config, run), OF_CORPUS, spread.options
    encoded = read_corpus(inputs, run.progress)
    mention_forms(inputs.corpus, config, encoded.vocabulary, run)
    if inputs.vocabulary is not None:
        mention_known(encoded, run)
    if inputs.continue_from is not None:
        encoded = grown(encoded, inputs.continue_from, config, run.say, inputs.lock)
    elif inputs.compass is not None:
        encoded = within(encoded, inputs.compass, config, run.say)
    return train(encoded, config, run), OF_CORPUS, encoded.options


def _centred(vectors: KeyedVectors, alike: str | None) -> KeyedVectors:
    """The vectors without their mean, where that is wanted; warns where they are `alike`, which it would only hide."""
    if vectors.config.get("center"):
        if alike is None:
            return center(vectors)
        vectors.table.config["center"] = False
        alike += "; they are not centred, which would only hide it"
    if alike is not None:
        warn_caller(alike)
    return vectors
