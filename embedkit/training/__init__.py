"""Training: one function for all models, one file for each family.

`train` reads the corpus, hands it to the family's ``fit`` and returns `KeyedVectors`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from embedkit.errors import ConfigError, EmbedkitError
from embedkit.progress import ProgressCallback
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.config import TrainingConfig
from embedkit.training.run import Run
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

# Which module's ``fit(corpus, config, run, **inputs)`` trains a model; subword models go to fasttext.
_FAMILIES = {
    "skipgram": "embedkit.training.word2vec",
    "cbow": "embedkit.training.word2vec",
    "fasttext": "embedkit.training.fasttext",
    "glove": "embedkit.training.glove",
    "svd": "embedkit.training.svd",
    "lsa": "embedkit.training.lsa",
}

Source = str | os.PathLike[str]


def family(config: TrainingConfig) -> Any:
    """The module whose ``fit`` trains what `config` asks for."""
    return import_module(_FAMILIES["fasttext" if config.subwords != "none" else config.model])


def train(
    corpus: Source | Sequence[Source] | Corpus | Iterable[Sequence[str]] | None = None,
    *,
    model: str = "skipgram",
    vocabulary: Vocabulary | Source | None = None,
    cooccurrences: Source | None = None,
    init: KeyedVectors | Source | None = None,
    progress: ProgressCallback | None = None,
    log: Source | None = None,
    checkpoint: Source | None = None,
    resume: bool = False,
    checkpoint_every: float = 60.0,
    mmap_above: int | None = None,
    **options: Any,
) -> KeyedVectors:
    """Train word vectors.

    Parameters
    ----------
    corpus : path, sequence of paths, Corpus, or iterable of token lists
        Text files or folders (``"-"`` is standard input), an encoded corpus, or sentences in memory.
    model : {"skipgram", "cbow", "fasttext", "glove", "svd", "lsa"}
        Default "skipgram".
    vocabulary : Vocabulary or path, optional
        Use these words instead of counting; a path names a ``word count`` file.
    cooccurrences : path, optional
        GloVe and svd: counts that ``embedkit cooccur`` wrote, instead of a corpus; in GloVe's own format they need
        the `vocabulary` that they were counted with.
    init : KeyedVectors or path, optional
        Start from these vectors; words are matched by name.
    progress : callable, optional
        Gets `embedkit.progress.Progress` reports.
    log : path, optional
        Gets the training curve as JSON lines.
    checkpoint : path, optional
        A folder for the state of the run, written every `checkpoint_every` seconds.
    resume : bool
        Go on from the checkpoint, where there is one.
    mmap_above : int, optional
        Keep the id stream on disk when it is larger than so many bytes.
    **options
        Fields of `embedkit.training.config.TrainingConfig`: vector_size, window, epochs, min_count, ...

    Returns
    -------
    KeyedVectors

    Raises
    ------
    ConfigError
        When an option is unknown or has a value that cannot work.
    CorpusError
        When the text cannot be read or leaves nothing to train on.
    TrainingError
        When training diverges or the checkpoint is of another run.

    Examples
    --------
    >>> model = train([["king", "and", "queen"]] * 50, vector_size=10, workers=1)
    >>> len(model)
    3
    """
    config = TrainingConfig.create(model, **options)
    if isinstance(init, (str, os.PathLike)):
        from embedkit.formats import load

        init = load(init)
    run = Run(progress, log, checkpoint, resume, checkpoint_every, init)
    if isinstance(vocabulary, (str, os.PathLike)):
        vocabulary = Vocabulary.load(vocabulary)
    inputs: dict[str, Any] = {}
    if cooccurrences is not None:
        if model not in ("glove", "svd"):
            raise ConfigError(f"--cooccurrences is for models glove and svd, not {model}")
        if corpus is not None:
            raise ConfigError("give a corpus or --cooccurrences FILE, not both")
        inputs = {"cooccurrences": Path(cooccurrences), "vocabulary": vocabulary}
        encoded = None
    else:
        encoded = read_corpus(corpus, config, vocabulary, progress, mmap_above)
    vectors: KeyedVectors = family(config).fit(encoded, config, run, **inputs)
    return vectors


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
    if isinstance(corpus, (str, os.PathLike)):
        corpus = [corpus]
    elif not isinstance(corpus, Sequence) or not all(isinstance(item, (str, os.PathLike)) for item in corpus):
        return Corpus.from_sentences(
            corpus, min_count=config.min_count, max_vocab=config.max_vocab, vocabulary=vocabulary
        )
    if not corpus:
        raise EmbedkitError("no corpus was given; name a text file, a folder, or - for standard input")
    extra: dict[str, Any] = {} if mmap_above is None else {"mmap_above": mmap_above}
    return Corpus.from_text(corpus, vocabulary=vocabulary, progress=progress, **config.corpus_options(), **extra)
