"""The text of a run: read here, or by the workers of a cluster; and what is to be said of it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import Engine
from embedkit.errors import ConfigError
from embedkit.progress import ProgressCallback
from embedkit.training.counts import ClusterCounts
from embedkit.training.inputs import Inputs, is_named
from embedkit.training.options import TrainingConfig
from embedkit.training.run import Run
from embedkit.training.suiting import mostly_hangul
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

LOOKED_AT = 20_000  # words, the most frequent
MUCH_PUNCTUATION = 0.03  # of the text; abbreviations alone are less
_PUNCTUATED = re.compile(r"""\w[^\w\s]*[.,;:!?…。)\]"”’'»]\Z|\A["“‘'«(\[]+\w""")
MUCH_DECOMPOSED, MANY_VOWELS = 0.01, 0.05
_VOWEL = re.compile("[\u1161-\u1175]")  # of a decomposed syllable; few syllables of old Hangul, which stay so, have one
LITTLE_KNOWN = 0.5  # of a text; words of five occurrences and more are two thirds of Korean
WHOLE_WORDS = ("whitespace", "words")  # tokenizers that leave particles at their words


def read_corpus(inputs: Inputs, progress: ProgressCallback | None = None) -> Corpus:
    """The encoded corpus of a run; one that goes on from a model needs the rare words too, which the model may know.

    Raises
    ------
    ConfigError
        When there is no corpus.
    CorpusError
        When it cannot be read, or leaves nothing to train on.
    """
    corpus, config = inputs.corpus, inputs.config
    if isinstance(corpus, Corpus):
        return corpus
    if corpus is None or (is_named(corpus) and not _sources(corpus)):
        raise ConfigError("no corpus was given; name a text file, a folder, or - for standard input")
    limits: dict[str, Any] = {"min_count": config.min_count, "max_vocab": config.max_vocab}
    if inputs.continue_from is not None:
        limits = {"min_count": 1, "max_vocab": None}
    if not is_named(corpus):
        return Corpus.from_sentences(
            corpus, **limits, vocabulary=inputs.vocabulary, keep_empty=config.keeps_empty_lines
        )
    extra: dict[str, Any] = {"keep_empty": config.keeps_empty_lines}
    if inputs.mmap_above is not None:
        extra["mmap_above"] = inputs.mmap_above
    options = {**config.corpus_options(), **limits, **extra}
    return Corpus.from_text(_sources(corpus), vocabulary=inputs.vocabulary, progress=progress, **options)


def counts_on_cluster(inputs: Inputs) -> ClusterCounts:
    """What GloVe and svd are trained on when a cluster counts; `replicas` of GloVe are trained there too."""
    if inputs.cooccurrences is not None:
        return ClusterCounts(inputs.cluster, [], {}, inputs.vocabulary, inputs.cooccurrences)
    return ClusterCounts(inputs.cluster, _sources(inputs.corpus), _without_workers(inputs.config), inputs.vocabulary)


def corpus_on_cluster(engine: Engine, inputs: Inputs, progress: ProgressCallback | None = None) -> SpreadCorpus:
    """What replicas are trained on by a cluster: a corpus in files is read by its workers, others are sent there."""
    corpus = inputs.corpus
    if corpus in ("-", ["-"]) or not is_named(corpus):
        return SpreadCorpus.from_corpus(engine, read_corpus(inputs, progress))
    options = _without_workers(inputs.config)
    return SpreadCorpus.from_text(engine, _sources(corpus), vocabulary=inputs.vocabulary, progress=progress, **options)


def mention_forms(corpus: Any, config: TrainingConfig, vocabulary: Vocabulary, run: Run) -> None:
    """Say what else there is, where a text writes punctuation to its words, particles to words learnt whole, or NFD."""
    if not is_named(corpus):
        return
    hangul = mostly_hangul(vocabulary)
    other = "korean" if hangul else "words"
    if config.tokenizer == "whitespace":
        share, example = share_of(vocabulary, lambda word: _PUNCTUATED.search(word) is not None)
        if share >= MUCH_PUNCTUATION:
            run.say(
                f"{share:.0%} of the words have punctuation at them, such as {example}: `tokenizer` {other} cuts it off"
            )
        share, _ = share_of(vocabulary, _is_decomposed)
        if share >= MUCH_DECOMPOSED:
            run.say(
                f"{share:.0%} of the words are decomposed (NFD), and other words than the same ones composed: "
                f"`tokenizer` {other} composes them"
            )
    elif config.tokenizer == "chars":
        share, _ = share_of(vocabulary, lambda character: _VOWEL.match(character) is not None)
        if share >= MANY_VOWELS:
            run.say(
                f"{share:.0%} of the characters are vowels of decomposed syllables (NFD), tokens of their own: "
                "compose the text (NFC) first, unless jamo are wanted"
            )
    if hangul and config.subwords == "none" and config.tokenizer in WHOLE_WORDS:
        run.say(
            "most of the text is Hangul, where a word has many forms: `model` fasttext learns from their parts too, "
            "`tokenizer` morphemes cuts particles off"
        )


def mention_known(corpus: Corpus, run: Run) -> None:
    """Say how little of a text the words of a given vocabulary are, where they are little."""
    share = corpus.n_tokens / max(corpus.n_raw_tokens, 1)
    if share < LITTLE_KNOWN:
        run.say(f"{share:.1%} of the text are words of `vocabulary`: all others are left out")


def share_of(vocabulary: Vocabulary, is_one: Callable[[str], bool]) -> tuple[float, str]:
    """What share of the text such words are, among the most frequent; and the first of them."""
    words = list(islice(vocabulary, LOOKED_AT))
    found = list(map(is_one, words))
    counts = vocabulary.counts[: len(words)]
    share = float(counts[np.array(found, np.bool_)].sum() / max(counts.sum(), 1))
    return share, next((word for word, is_one in zip(words, found, strict=True) if is_one), "")


def _is_decomposed(word: str) -> bool:
    return not unicodedata.is_normalized("NFC", word) and unicodedata.is_normalized("NFD", word)


def _sources(corpus: Any) -> list[Any]:
    return [corpus] if isinstance(corpus, (str, os.PathLike)) else list(corpus)


def _without_workers(config: TrainingConfig) -> dict[str, Any]:
    """Options of reading; how many threads read is each worker's own affair."""
    return {name: value for name, value in config.corpus_options().items() if name != "workers"}
