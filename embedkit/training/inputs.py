"""What a run is given to work on: one check of it before any text is read, for a run and for its plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from embedkit.errors import ConfigError
from embedkit.files.resuming import check_asked
from embedkit.options import defaults, no_effect
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.storing import load
from embedkit.training.growing import check_still, config_of
from embedkit.training.options import TrainingConfig, settle
from embedkit.training.resuming import as_stopped
from embedkit.training.starting import check_size
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from embedkit.vocabulary.options import ReadingOptions, VocabularyOptions

Source = str | os.PathLike[str]
OF_READING = frozenset(defaults(ReadingOptions))
OF_VOCABULARY = frozenset(defaults(VocabularyOptions))
OF_CORPUS = OF_READING | OF_VOCABULARY
OF_COUNTING = frozenset({"window", "shrink_windows", "sample"})


@dataclass(frozen=True)
class Inputs:
    """What `check_inputs` made of a run's parameters, which are those of `embedkit.train`.

    Attributes
    ----------
    corpus
        As it was given.
    config : TrainingConfig
        The options, those of a model or a checkpoint that the run goes on from taken over.
    vocabulary : Vocabulary, optional
    init, continue_from, compass : KeyedVectors, optional
        Opened.
    cooccurrences, log, checkpoint : path, optional
    lock, resume : bool
    mmap_above : int, optional
        Bytes.
    cluster : optional
        Its address, or the engine that speaks with it.
    """

    corpus: Any
    config: TrainingConfig
    vocabulary: Vocabulary | None = None
    cooccurrences: Source | None = None
    init: KeyedVectors | None = None
    continue_from: KeyedVectors | None = None
    lock: bool = False
    compass: KeyedVectors | None = None
    log: Source | None = None
    checkpoint: Source | None = None
    resume: bool = False
    mmap_above: int | None = None
    cluster: Any = None

    @property
    def known(self) -> KeyedVectors | None:
        """The vectors that training starts from."""
        return self.init if self.continue_from is None else self.continue_from


def check_inputs(
    corpus: Any,
    given: dict[str, Any],
    *,
    model: str | None = None,
    config: TrainingConfig | None = None,
    vocabulary: Vocabulary | Source | None = None,
    cooccurrences: Source | None = None,
    init: KeyedVectors | Source | None = None,
    continue_from: KeyedVectors | Source | None = None,
    lock: bool = False,
    compass: KeyedVectors | Source | None = None,
    log: Source | None = None,
    checkpoint: Source | None = None,
    resume: bool = False,
    mmap_above: int | None = None,
    cluster: Any = None,
) -> Inputs:
    """Open what a run starts from, settle its options and refuse what it cannot work with; no text is read.

    Parameters
    ----------
    corpus
    given : dict
        The options of the model that were given, by name.
    **others
        As of `embedkit.train`.

    Raises
    ------
    ConfigError
        When an option is unknown, has no effect with this model or this corpus, or has a value that cannot work.
    EmbedkitError
        When a file that is named cannot be read.
    """
    init, continue_from, compass = _opened(init), _opened(continue_from), _opened(compass)
    base = continue_from if continue_from is not None else compass
    if base is not None:
        check_base(continue_from, compass, init, vocabulary, cooccurrences, cluster)
        if config is None:
            model, config = None, config_of(base, model, given, idle_of(corpus))
    config = settle(model, config, given)
    if resume and checkpoint is not None:
        config = as_stopped(config, given, checkpoint)
    if isinstance(vocabulary, (str, os.PathLike)):
        vocabulary = Vocabulary.load(vocabulary)
    inputs = Inputs(
        corpus,
        config,
        vocabulary,
        cooccurrences,
        init,
        continue_from,
        lock,
        compass,
        log,
        checkpoint,
        resume,
        mmap_above,
        cluster,
    )
    check_still(lock, compass, config, known=inputs.known, cluster=cluster)
    _check_passes(inputs)
    check_asked(checkpoint, resume=resume)
    if inputs.known is not None:
        check_size(inputs.known, config.vector_size)
    _check_idle(inputs, given)
    if cluster is not None:
        _check_cluster(inputs, given)
    return inputs


def _opened(model: KeyedVectors | Source | None) -> KeyedVectors | None:
    return load(model) if isinstance(model, (str, os.PathLike)) else model


def _check_idle(inputs: Inputs, given: dict[str, Any]) -> None:
    """Refuse options that have no effect on what is read."""
    corpus, config, vocabulary = inputs.corpus, inputs.config, inputs.vocabulary
    standard = defaults(type(config))
    asked = [
        name for name in standard if name in given or (name != "workers" and getattr(config, name) != standard[name])
    ]
    idle: dict[str, str] = {}
    if inputs.cooccurrences is not None:
        if config.model not in ("glove", "svd"):
            raise ConfigError(f"`cooccurrences` is for models glove and svd, not {config.model}")
        if corpus is not None:
            raise ConfigError("give a corpus or `cooccurrences`, not both")
        idle = dict.fromkeys(OF_CORPUS | OF_COUNTING, "the counts were made before, with options of their own")
    elif isinstance(corpus, Corpus):
        idle = dict.fromkeys(OF_CORPUS, "the corpus was read before, with options of its own")
        if vocabulary is not None:
            raise ConfigError("`vocabulary` has no effect: the corpus was read before and has one of its own")
    elif corpus is not None and not is_named(corpus):
        idle = dict.fromkeys(OF_READING, "the corpus is token lists, which are neither read nor cut")
    if vocabulary is not None:
        idle = {**dict.fromkeys(OF_VOCABULARY, "the words are those of `vocabulary`"), **idle}
    names = [name for name in asked if name in idle]
    if names:
        it = "it" if len(names) == 1 else "them"
        raise no_effect([f"`{name}`" for name in names], f"here: {idle[names[0]]}; leave {it} out")
    if inputs.mmap_above is not None and not is_named(corpus):
        raise ConfigError("`mmap_above` has no effect: it is for a corpus that is read from files")


def idle_of(corpus: Any) -> frozenset[str]:
    """The options that have no effect on a corpus of this kind."""
    if isinstance(corpus, Corpus):
        return OF_CORPUS
    return frozenset() if is_named(corpus) else OF_READING


def check_base(
    continue_from: KeyedVectors | None,
    compass: KeyedVectors | None,
    init: Any,
    vocabulary: Any,
    counts: Any,
    cluster: Any,
) -> None:
    """Refuse what training that goes on from a model cannot take.

    Raises
    ------
    ConfigError
    """
    name = "compass" if continue_from is None else "continue_from"
    if continue_from is not None and compass is not None:
        raise ConfigError("`continue_from` and `compass` are two ways to go on from a model; give one")
    if continue_from is not None and init is not None:
        raise ConfigError("`init` has no effect with `continue_from`, which is what training starts from; leave it out")
    for what, value in (("vocabulary", vocabulary), ("cooccurrences", counts), ("cluster", cluster)):
        if value is not None:
            raise ConfigError(f"`{what}` has no effect with `{name}`, which brings the words; leave it out")


def is_named(corpus: Any) -> bool:
    """Whether a corpus is given by the names of files."""
    if isinstance(corpus, (str, os.PathLike)):
        return True
    return isinstance(corpus, Sequence) and all(isinstance(item, (str, os.PathLike)) for item in corpus)


def _check_passes(inputs: Inputs) -> None:
    """Refuse what is for models that are trained in passes, where this one is not."""
    asked = [name for name in ("checkpoint", "log", "init") if getattr(inputs, name) is not None]
    if asked and inputs.config.model in ("svd", "lsa"):
        raise ConfigError(
            f"`{asked[0]}` is not for model {inputs.config.model}, which is computed in one go, "
            "without passes or output vectors; leave it out"
        )


def _check_cluster(inputs: Inputs, given: dict[str, Any]) -> None:
    """Refuse what the workers of a cluster cannot read, or have nothing to do with."""
    config = inputs.config
    replicas = getattr(config, "replicas", None)
    if replicas is not None and given.get("workers", 1) != 1:
        raise ConfigError("`workers` has no effect with `cluster`: each of its workers is one thread; leave it out")
    if inputs.cooccurrences is not None and (config.model != "glove" or replicas is None):
        raise ConfigError(
            "`cluster` has nothing to do with `cooccurrences`, where the counts are there already: only model glove "
            "with `replicas` is trained by its workers then; leave it out"
        )
    counts = config.model in ("glove", "svd")
    if replicas is None and not counts:
        raise ConfigError(
            f"`cluster` trains model {config.model} as replicas, on whose number the vectors depend: "
            "give `replicas`, such as 4"
            if hasattr(config, "replicas")
            else f"`cluster` has nothing to do for model {config.model}; leave it out"
        )
    if replicas == 1:
        raise ConfigError("`cluster` has nothing to share out with `replicas` 1; give 2 or more")
    if inputs.mmap_above is not None:
        raise ConfigError("`mmap_above` has no effect with `cluster`: the ids stay with its workers; leave it out")
    if counts and inputs.cooccurrences is None and not is_named(inputs.corpus):
        raise ConfigError(f"`cluster` needs for model {config.model} a corpus in files, which its workers read")
    if counts and getattr(config, "sample", None):
        raise ConfigError("`sample` has no effect with `cluster`, which counts every word; leave it out")
