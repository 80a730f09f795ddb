"""Training that goes on from a model: its words and the new ones of another text, or a period against a compass.

Continuing keeps every word of the model and adds those of the new text; counts add up, so that subsampling and
negatives are drawn from both texts. A compass (Di Carlo, Bianchi and Palmonari 2019, "Training Temporal Word
Embeddings with a Compass") is a model of the text of all periods: each period learns input vectors of its own against
the compass's output vectors, which stand still, and so all periods lie in one space without being rotated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, CorpusError, counted
from embedkit.options import defaults, in_use
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.training.options import CONFIGS, OPTIONS, TrainingConfig, family_of, own_first
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from embedkit.vocabulary.words import find_normalised

# Options that belong to a run and not to what is trained; the rest are the model's.
_OF_A_RUN = frozenset({"workers", "seed", "epochs", "learning_rate", "replicas", "deterministic", "preset", "center"})
_OF_A_TEXT = frozenset({"json_field", "encoding_errors", "max_vocab"})
_OF_NGRAMS = ("subwords", "bucket", "min_n", "max_n", "min_jamo", "max_jamo", "min_syllables", "max_syllables")


def config_of(
    base: KeyedVectors, model: str | None, given: dict[str, Any], without: frozenset[str] = frozenset()
) -> TrainingConfig:
    """The options that a model was trained with, for training that goes on from it.

    Parameters
    ----------
    base : KeyedVectors
        Vectors of any tool; what its file does not tell has the defaults.
    model : str, optional
        Train this model rather than that of the file.
    given : dict
        The options of the run: those that the file decides may be named, but not changed.
    without : set of str
        Options of the file that have no effect on this corpus.

    Raises
    ------
    ConfigError
        For a model that cannot go on, or options that contradict the file.
    """
    stored = base.config
    usual = "fasttext" if base.subwords is not None else "skipgram"
    model = model or (stored["model"] if stored.get("model") in CONFIGS else usual)
    if model in ("svd", "lsa"):
        raise ConfigError(f"model {model} is computed at once, training cannot go on from it; `init` serves others")
    kind = family_of(model)
    fixed: dict[str, Any] = {"vector_size": base.vector_size}
    if base.subwords is not None:
        pieces = base.subwords
        lengths = _OF_NGRAMS[2:4] if pieces.kind == "chars" else _OF_NGRAMS[4:]
        fixed |= {"subwords": pieces.kind, "bucket": pieces.bucket, **{n: getattr(pieces, n) for n in lengths}}
    elif model != "fasttext":
        fixed["subwords"] = "none"
    for name, value in fixed.items():
        if given.get(name, value) != value:
            raise ConfigError(f"`{name}` is {value} in the model that training goes on from, not {given[name]}")
    kept = {
        name: stored[name]
        for name in defaults(kind)
        if name in stored and name not in _OF_A_RUN | _OF_A_TEXT | without and name not in _OF_NGRAMS
    }
    works = in_use(kind, {**kept, **given}, OPTIONS)  # what has no effect beside the options of the run is left behind
    kept = {name: value for name, value in kept.items() if name in works}
    return kind(**{name: value for name, value in {**kept, **fixed}.items() if name in own_first(kind)})


def grown(
    corpus: Corpus, known: KeyedVectors, config: TrainingConfig, say: Callable[[str], None], locked: bool = False
) -> Corpus:
    """A corpus under the words of a model and those new ones that are frequent enough.

    Parameters
    ----------
    corpus : Corpus
        With all its words.
    known : KeyedVectors
    config : TrainingConfig
        Its `min_count` and `max_vocab` choose the new words; those of the model stay.
    say : callable
        Is told how many words matched.
    locked : bool
        Known vectors stand still.
    """
    words = list(dict.fromkeys(known.index_to_key))
    rows = {word: row for row, word in enumerate(words)}
    old = np.zeros(len(words), np.int64)
    if known.counts is not None:
        old = np.asarray(known.counts, np.int64)[[known.key_to_index[word] for word in words]]
    mapping = np.full(len(corpus.vocabulary), -1, np.int32)
    counts, new = old.tolist(), 0
    matched: set[int] = set()
    room = max(0, (config.max_vocab or 1 << 31) - len(words))
    for number, (word, count) in enumerate(zip(corpus.vocabulary, corpus.vocabulary.counts.tolist(), strict=True)):
        row = find_normalised(rows, word)
        if row >= 0:
            counts[row] += count
            matched.add(row)
        elif count >= config.min_count and new < room:  # the most frequent first
            row = len(words)
            words.append(word)
            counts.append(count)
            new += 1
        mapping[number] = row
    order = np.argsort(-np.array(counts, np.int64), kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    mapping[mapping >= 0] = place[mapping[mapping >= 0]]
    vocabulary = Vocabulary([words[row] for row in order.tolist()], np.array(counts, np.int64)[order])
    say(
        f"the text has {len(matched):,} of the model's {counted(len(known), 'word')}; {counted(new, 'new word')}"
        + ("" if known.counts is not None else "; the file has no counts, frequencies are those of the text")
    )
    if (known.table.outputs if config.model == "doc2vec" else known.output_vectors) is None:
        more = "" if locked else ", and known vectors move the more"
        say(f"the model holds {_no_outputs(known)}: they are learnt anew{more}")
    return _renumbered(corpus, mapping, vocabulary, config)


def within(corpus: Corpus, compass: KeyedVectors, config: TrainingConfig, say: Callable[[str], None]) -> Corpus:
    """A corpus of the words that the compass knows.

    Raises
    ------
    CorpusError
        When it knows none.
    """
    vocabulary = corpus.vocabulary
    known = [word in compass for word in vocabulary]
    mapping = np.where(known, np.cumsum(known) - 1, -1).astype(np.int32)
    words = [word for word, has in zip(vocabulary, known, strict=True) if has]
    if not words:
        raise CorpusError("the compass knows none of the text's words: it is trained on the text of all periods")
    say(f"the compass knows {len(words):,} of the text's {counted(len(vocabulary), 'word')}; the others are left out")
    return _renumbered(corpus, mapping, Vocabulary(words, vocabulary.counts[np.array(known)]), config)


def check_still(
    lock: bool, compass: KeyedVectors | None, config: TrainingConfig, *, known: KeyedVectors | None, cluster: Any
) -> None:
    """Refuse what cannot keep vectors where they are, those that `lock` names or of the compass, or cannot use them.

    Raises
    ------
    ConfigError
    """
    if lock and known is None:
        raise ConfigError("`lock` has no effect without `continue_from` or `init`: no vector is known")
    if lock and cluster is not None:
        raise ConfigError("`lock` does not go with `cluster`, whose workers train every vector; leave one of them out")
    if known is not None and not config.words_are_inputs:
        _check_outputs(lock, known)
    if compass is not None:
        _check_compass(compass, config)
    if (lock or compass is not None) and getattr(config, "center", None):
        still = "lock" if lock else "compass"
        raise ConfigError(f"`center` moves every vector and `{still}` keeps some where they are; leave one of them out")


def _check_outputs(lock: bool, known: KeyedVectors) -> None:
    """Refuse what words without vectors but those of the output layer cannot do."""
    instead = "give `train_words`, or `paragraphs` dm"
    if lock:
        raise ConfigError(
            "`lock` keeps vectors of words where they are, and where a line predicts its words alone these are the "
            f"output layer, which learns; {instead}"
        )
    if known.table.outputs is None:
        raise ConfigError(
            "`init` or `continue_from` has no effect where a line predicts its words alone: it takes output vectors, "
            f"and the model holds {_no_outputs(known)}; {instead}"
        )


def _no_outputs(known: KeyedVectors) -> str:
    """What a model lacks, and the option that would have kept it, where its training has one."""
    kept_by_none = known.config.get("model") == "doc2vec" or known.config.get("positional")
    return "no output vectors" + ("" if kept_by_none else " (`keep_output`)")


def _check_compass(compass: KeyedVectors, config: TrainingConfig) -> None:
    """Refuse a compass without output vectors, and models that cannot be trained against them."""
    if compass.table.outputs is None:
        raise ConfigError(f"the compass {compass.table.why_no_outputs}")
    if config.positional:
        raise ConfigError(
            "`compass` has one output vector a word, `positional` one for each place: leave one of them out"
        )
    if config.architecture not in ("skipgram", "cbow") or config.subwords != "none" or config.loss != "ns":
        raise ConfigError(
            "`compass` is for `model` skipgram and cbow with `loss` ns and without `subwords`, "
            f"not for {config.model} with {config.subwords} and {getattr(config, 'loss', 'no loss')}"
        )


def outputs_of(compass: KeyedVectors, words: Iterable[str]) -> np.ndarray:
    """The output vectors of some words, which stand still: float32 (n_words, vector_size)."""
    rows = [compass.row(word) for word in words]
    return np.asarray(compass.output_vectors[rows], np.float32)  # type: ignore[index]  # checked before


def _renumbered(corpus: Corpus, mapping: np.ndarray, vocabulary: Vocabulary, config: TrainingConfig) -> Corpus:
    from embedkit.kernels.tokens import renumber

    ids, state = np.array(corpus.ids), np.zeros(3, np.int64)
    n = renumber(ids, mapping, ids, state)
    if state[1] == 0:
        raise CorpusError("the text holds no word of the model, and no other that is frequent enough")
    chosen = {"min_count": config.min_count, "max_vocab": config.max_vocab}
    options = {**corpus.options, **(chosen if "min_count" in corpus.options else {})}
    return Corpus(ids[:n], vocabulary, int(state[1]), int(state[2]), corpus.n_raw_tokens, options)
