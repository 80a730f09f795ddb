"""What a run is given to work on, and which options have no effect on it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import Engine
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.options import defaults, listed
from embedkit.progress import ProgressCallback
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.counts import ClusterCounts
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.suiting import mostly_hangul
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from embedkit.vocabulary.options import ReadingOptions, VocabularyOptions

LOOKED_AT = 20_000  # words, the most frequent
MUCH_PUNCTUATION = 0.03  # of the text; abbreviations alone are less
_PUNCTUATED = re.compile(r"""\w[^\w\s]*[.,;:!?…。)\]"”’'»]\Z|\A["“‘'«(\[]+\w""")
WHOLE_WORDS = ("whitespace", "words")  # tokenizers that leave particles at their words

Source = str | os.PathLike[str]
OF_READING = frozenset(defaults(ReadingOptions))
OF_VOCABULARY = frozenset(defaults(VocabularyOptions))
OF_CORPUS = OF_READING | OF_VOCABULARY
OF_COUNTING = frozenset({"window", "shrink_windows", "sample"})


def refuse_idle(
    corpus: Any,
    config: TrainingConfig,
    given: dict[str, Any],
    vocabulary: Vocabulary | None,
    cooccurrences: Source | None,
    mmap_above: int | None,
) -> None:
    """Refuse options that have no effect on what is read.

    Raises
    ------
    ConfigError
    """
    standard = defaults(type(config))
    asked = [
        name for name in standard if name in given or (name != "workers" and getattr(config, name) != standard[name])
    ]
    idle: dict[str, str] = {}
    if cooccurrences is not None:
        if config.model not in ("glove", "svd"):
            raise ConfigError(f"`cooccurrences` is for models glove and svd, not {config.model}")
        if corpus is not None:
            raise ConfigError("give a corpus or `cooccurrences`, not both")
        idle = dict.fromkeys(OF_CORPUS | OF_COUNTING, "the counts were made before, with options of their own")
    elif isinstance(corpus, Corpus):
        idle = dict.fromkeys(OF_CORPUS, "the corpus was read before, with options of its own")
        if vocabulary is not None:
            raise ConfigError("`vocabulary` has no effect: the corpus was read before and has one of its own")
    elif corpus is not None and not _named(corpus):
        idle = dict.fromkeys(OF_READING, "the corpus is token lists, which are neither read nor cut")
    if vocabulary is not None:
        idle = {**dict.fromkeys(OF_VOCABULARY, "the words are those of `vocabulary`"), **idle}
    names = [name for name in asked if name in idle]
    if names:
        raise ConfigError(f"{listed(names)} has no effect: {idle[names[0]]}; leave it out")
    if mmap_above is not None and not _named(corpus):
        raise ConfigError("`mmap_above` has no effect: it is for a corpus that is read from files")


def mention_forms(corpus: Any, config: TrainingConfig, vocabulary: Vocabulary, run: Run) -> None:
    """Say what else there is, where a text writes punctuation to its words, or particles to words learnt whole."""
    if not _named(corpus):
        return
    hangul = mostly_hangul(vocabulary)
    if config.tokenizer == "whitespace":
        share, example = punctuated(vocabulary)
        if share >= MUCH_PUNCTUATION:
            run.say(
                f"{share:.0%} of the words have punctuation at them, such as {example}: `tokenizer` "
                f"{'korean' if hangul else 'words'} cuts it off"
            )
    if hangul and config.subwords == "none" and config.tokenizer in WHOLE_WORDS:
        run.say(
            "most of the text is Hangul, where a word has many forms: `model` fasttext learns from their parts too, "
            "`tokenizer` morphemes cuts particles off"
        )


def punctuated(vocabulary: Vocabulary) -> tuple[float, str]:
    """What share of the text are words with punctuation at an end, among the most frequent; and the first of them."""
    words = list(islice(vocabulary, LOOKED_AT))
    found = [bool(_PUNCTUATED.search(word)) for word in words]
    counts = vocabulary.counts[: len(words)]
    share = float(counts[np.array(found, np.bool_)].sum() / max(counts.sum(), 1))
    return share, next((word for word, is_one in zip(words, found, strict=True) if is_one), "")


def idle_of(corpus: Any) -> frozenset[str]:
    """The options that have no effect on a corpus of this kind."""
    if isinstance(corpus, Corpus):
        return OF_CORPUS
    return frozenset() if _named(corpus) else OF_READING


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


def _named(corpus: Any) -> bool:
    """Whether a corpus is given by the names of files."""
    if isinstance(corpus, (str, os.PathLike)):
        return True
    return isinstance(corpus, Sequence) and all(isinstance(item, (str, os.PathLike)) for item in corpus)


def read_corpus(
    corpus: Any,
    config: TrainingConfig,
    vocabulary: Vocabulary | None = None,
    progress: ProgressCallback | None = None,
    mmap_above: int | None = None,
) -> Corpus:
    """The encoded corpus that `train` works on."""
    if isinstance(corpus, Corpus):
        return corpus
    if corpus is None:
        raise ConfigError("no corpus was given; name a text file, a folder, or - for standard input")
    if not _named(corpus):
        return Corpus.from_sentences(
            corpus,
            min_count=config.min_count,
            max_vocab=config.max_vocab,
            vocabulary=vocabulary,
            keep_empty=config.keeps_empty_lines,
        )
    if isinstance(corpus, (str, os.PathLike)):
        corpus = [corpus]
    if not corpus:
        raise EmbedkitError("no corpus was given; name a text file, a folder, or - for standard input")
    extra: dict[str, Any] = {"keep_empty": config.keeps_empty_lines}
    if mmap_above is not None:
        extra["mmap_above"] = mmap_above
    return Corpus.from_text(corpus, vocabulary=vocabulary, progress=progress, **config.corpus_options(), **extra)


def counts_on_cluster(
    cluster: Any, corpus: Any, config: TrainingConfig, vocabulary: Vocabulary | None, mmap_above: int | None
) -> ClusterCounts:
    """What GloVe and svd are trained on when a cluster counts; `replicas` of GloVe are trained there too.

    Raises
    ------
    ConfigError
        For a corpus that other machines cannot read, and for options that have no effect there.
    """
    _refuse_mapped(mmap_above)
    _refuse_one(config)
    if corpus is None or not _named(corpus):
        raise ConfigError(f"`cluster` needs for model {config.model} a corpus in files, which its workers read")
    if getattr(config, "sample", 0):
        raise ConfigError("`sample` has no effect with `cluster`, which counts every word; leave it out")
    sources = [corpus] if isinstance(corpus, (str, os.PathLike)) else list(corpus)
    options = {name: value for name, value in config.corpus_options().items() if name != "workers"}
    return ClusterCounts(cluster, sources, options, vocabulary)


def counted_for_cluster(
    cluster: Any, counted: str | os.PathLike[str], config: TrainingConfig, vocabulary: Vocabulary | None
) -> ClusterCounts:
    """Counts in a file, for the workers of a cluster that train GloVe. Raises ConfigError where there is one part."""
    _refuse_one(config)
    return ClusterCounts(cluster, [], {}, vocabulary, counted)


def corpus_on_cluster(
    engine: Engine,
    corpus: Any,
    config: TrainingConfig,
    vocabulary: Vocabulary | None,
    progress: ProgressCallback | None,
    mmap_above: int | None,
) -> SpreadCorpus:
    """What replicas are trained on by a cluster: a corpus in files is read by its workers, others are sent there.

    Raises
    ------
    ConfigError
        Where there are no replicas to be spread.
    """
    if getattr(config, "replicas", None) is None:
        raise ConfigError(
            f"`cluster` trains model {config.model} as replicas, on whose number the vectors depend: "
            "give `replicas`, such as 4"
            if hasattr(config, "replicas")
            else f"`cluster` has nothing to do for model {config.model}; leave it out"
        )
    _refuse_one(config)
    _refuse_mapped(mmap_above)
    if corpus in ("-", ["-"]) or corpus is None or not _named(corpus):
        return SpreadCorpus.from_corpus(engine, read_corpus(corpus, config, vocabulary, progress))
    sources = [corpus] if isinstance(corpus, (str, os.PathLike)) else list(corpus)
    options = {name: value for name, value in config.corpus_options().items() if name != "workers"}
    return SpreadCorpus.from_text(engine, sources, vocabulary=vocabulary, progress=progress, **options)


def refuse_passes(config: TrainingConfig, checkpoint: Any, log: Any, init: Any) -> None:
    """Refuse what is for models that are trained in passes, where this one is not.

    Raises
    ------
    ConfigError
    """
    asked = [name for name, value in (("checkpoint", checkpoint), ("log", log), ("init", init)) if value is not None]
    if asked and config.model in ("svd", "lsa"):
        raise ConfigError(
            f"`{asked[0]}` is not for model {config.model}, which is computed in one go, "
            "without passes or output vectors; leave it out"
        )


def check_cluster(
    cluster: Any, config: TrainingConfig, given: dict[str, Any], cooccurrences: Source | None = None
) -> None:
    """Refuse what the workers of a cluster have nothing to do with: a number of threads, counts that they do not train.

    Raises
    ------
    ConfigError
    """
    if cluster is None:
        return
    replicas = getattr(config, "replicas", None)
    if replicas is not None and given.get("workers", 1) != 1:
        raise ConfigError("`workers` has no effect with `cluster`: each of its workers is one thread; leave it out")
    if cooccurrences is not None and (config.model != "glove" or replicas is None):
        raise ConfigError(
            "`cluster` has nothing to do with `cooccurrences`, where the counts are there already: only model glove "
            "with `replicas` is trained by its workers then; leave it out"
        )


def _refuse_one(config: TrainingConfig) -> None:
    if getattr(config, "replicas", None) == 1:
        raise ConfigError("`cluster` has nothing to share out with `replicas` 1; give 2 or more")


def _refuse_mapped(mmap_above: int | None) -> None:
    if mmap_above is not None:
        raise ConfigError("`mmap_above` has no effect with `cluster`: the ids stay with its workers; leave it out")
