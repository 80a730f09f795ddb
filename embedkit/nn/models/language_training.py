"""Training a language model on lines of text, and measuring it on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from embedkit.errors import ConfigError, CorpusError, check_texts
from embedkit.nn.layers.parameters import Array, Gradients
from embedkit.nn.learning.batches import bucketed_batches, hold_out
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.loop import History, fit
from embedkit.nn.learning.options import VALID_FRACTION, VECTOR_SIZE, TrainingOptions, check_frozen, unfreeze
from embedkit.nn.models.language_config import LEAST_CONTEXT, LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.words.token_table import END, MAX_VOCAB, SPECIALS, UNKNOWN_ID, TokenTable
from embedkit.nn.words.tokens import chosen_settings
from embedkit.progress import ProgressCallback
from embedkit.text.tokens import TokenizerSettings, token_cutter

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

LANGUAGE_TRAINING = TrainingOptions(epochs=10, batch_size=32, learning_rate=2e-3, clip=1.0, patience=2)
SCORED_TOGETHER = 32
HIDDEN = 0.5


class Perplexity(NamedTuple):
    """How well a model guesses.

    Attributes
    ----------
    perplexity : float
        exp of the mean negative log-probability of a guess; tokens outside the vocabulary are guessed as ``<unk>``.
    known_perplexity : float
        The same without those tokens. Two models compare by it only where their vocabularies are the same.
    log_probability : float
        Natural logarithm, summed.
    n_predicted, n_unknown : int
        Guesses, and those of them that are of tokens outside the vocabulary. ELMo guesses each token twice, once in
        each direction.
    """

    perplexity: float
    known_perplexity: float
    log_probability: float
    n_predicted: int
    n_unknown: int


def train_language_model(
    lines: Sequence[str],
    vectors: KeyedVectors | None = None,
    *,
    config: LanguageModelConfig | None = None,
    options: TrainingOptions | None = None,
    valid: Sequence[str] | None = None,
    valid_fraction: float = VALID_FRACTION,
    vector_size: int = VECTOR_SIZE,
    min_count: int = 1,
    max_vocab: int | None = MAX_VOCAB,
    tokenizer: TokenizerSettings | None = None,
    frozen: bool = False,
    unfreeze_after: int | None = None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    log: TextIO | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> tuple[LanguageModel, History]:
    """Train a language model.

    Parameters
    ----------
    lines : sequence of str
        Texts, one a line; empty ones are left out.
    vectors : KeyedVectors, optional
        First vectors of the words; random ones of `vector_size` otherwise.
    config : LanguageModelConfig, optional
    options : TrainingOptions, optional
    valid : sequence of str, optional
        Tells the best epoch; by default a random part of the lines, `valid_fraction`.
    min_count : int
        Rarer tokens are read and guessed as ``<unk>``.
    max_vocab : int, optional
        At most so many tokens, the most frequent.
    tokenizer : dict, optional
        ``tokenizer`` and ``lowercase``; by default as stored with the vectors.
    frozen : bool
        Keep the vectors as they are.
    unfreeze_after : int, optional
        Frozen vectors train after so many epochs.
    progress, note, log, checkpoint, resume
        See `embedkit.nn.learning.loop.fit`.

    Raises
    ------
    CorpusError
        When there are fewer than two lines with words, or none in `valid`.
    ConfigError
        When `config` has a context of one token.
    """
    config, options = config or LanguageModelConfig(), options or LANGUAGE_TRAINING
    if config.context < LEAST_CONTEXT:
        raise ConfigError(f"`context` must be at least {LEAST_CONTEXT} in training, got {config.context}")
    check_texts(lines, "lines")
    if valid is not None:
        check_texts(valid, "valid")
    check_frozen(vectors is not None, frozen, unfreeze_after, options.epochs)
    settings = chosen_settings(tokenizer, vectors)
    rng = np.random.default_rng(options.seed)
    cut = token_cutter(settings)
    texts = joined_lines([tokens for line in lines if (tokens := cut(line))], config.block)
    held_texts = joined_lines(
        [tokens for line in (() if valid is None else valid) if (tokens := cut(line))], config.block
    )
    if len(texts) < 2:
        raise CorpusError(f"expected at least two lines with words to train on, found {len(texts)}")
    if valid is not None and not held_texts:
        raise CorpusError("`valid` holds no words: expected lines to tell the best epoch by")
    if valid is None:
        kept, held = hold_out(len(texts), valid_fraction, rng)
        held_texts, texts = [texts[i] for i in held], [texts[i] for i in kept]
    table = TokenTable.from_texts(texts, min_count, max_vocab)
    model = LanguageModel(config, table, table.first_vectors(vectors, vector_size, rng), tokenizer=settings, rng=rng)
    table.start_frozen(model.embedding, vectors, frozen or unfreeze_after is not None)
    task = _Task(
        model,
        [table.encode(t) for t in texts],
        [table.encode(t) for t in held_texts],
        options.batch_size,
        unfreeze_after,
    )
    identity = Identity(
        LanguageModel.TASK,
        {
            **asdict(config),
            **{name: settings.get(name) for name in ("tokenizer", "lowercase")},
            "min_count": min_count,
            "max_vocab": max_vocab,
            "frozen": frozen,
            "unfreeze_after": unfreeze_after,
            "valid_fraction": valid_fraction if valid is None else None,
        },
        {"training data": list(lines), "validation data": None if valid is None else list(valid)},
    )
    history = fit(
        task,
        options,
        identity=identity,
        higher_is_better=False,
        progress=progress,
        note=note,
        log=log,
        checkpoint=checkpoint,
        resume=resume,
    )
    return model, history


def evaluate_language_model(model: LanguageModel, lines: Sequence[str]) -> Perplexity:
    """Perplexity on lines of text, ``</s>`` included; of a masked-word model, on a random 15 % of the words.

    Raises
    ------
    CorpusError
        When there is no line with words.
    """
    check_texts(lines, "lines")
    cut = [tokens for line in lines if (tokens := model.cut(line))]
    texts = [model.table.encode(tokens) for tokens in joined_lines(cut, model.config.block)]
    if not texts:
        raise CorpusError("expected lines with words to measure on, found none")
    return perplexity(model, texts)


def perplexity(model: LanguageModel, texts: Sequence[Array], check: Callable[[], None] = lambda: None) -> Perplexity:
    """`evaluate_language_model` on encoded texts; `check` is called between batches."""
    return _perplexity(_scores(model, texts, check).sum(0))


def score_lines(model: LanguageModel, lines: Sequence[Sequence[str]]) -> list[Perplexity]:
    """`evaluate_language_model` of each line by itself, given as its tokens; none is empty."""
    texts = [model.table.encode(tokens) for tokens in lines]
    return [_perplexity(row) for row in _scores(model, texts)]


def _scores(model: LanguageModel, texts: Sequence[Array], check: Callable[[], None] = lambda: None) -> Array:
    """`LanguageModel.score` of many texts."""
    rng = np.random.default_rng(0)  # the same words are hidden each time
    scores = np.zeros((len(texts), 4))
    for batch in bucketed_batches(np.array([len(text) for text in texts]), SCORED_TOGETHER, None):
        scores[batch] = model.score([texts[i] for i in batch], rng)
        check()
    return scores


def _perplexity(scores: Array) -> Perplexity:
    total, count, of_unknown, n_unknown = scores.tolist()
    known = count - n_unknown
    return Perplexity(
        float(np.exp(-total / count)),
        float(np.exp((of_unknown - total) / known)) if known else float("nan"),
        total,
        int(count),
        int(n_unknown),
    )


def joined_lines(texts: list[list[str]], block: int) -> list[list[str]]:
    """Consecutive texts with ``</s>`` between them, each joined until it has `block` tokens; 0 leaves them alone.

    So a model learns to look across the ends of lines. Nothing is cut: a text ends where a line does.
    """
    if not block:
        return texts
    joined: list[list[str]] = []
    for text in texts:
        if joined and len(joined[-1]) < block:
            joined[-1] += [END, *text]
        else:
            joined.append(list(text))
    return joined


def words_seen_once(texts: Sequence[Array], n_tokens: int) -> Array | None:
    """Which tokens occur once: bool (n_tokens,); None where ``<unk>`` occurs, so that it is learnt anyway."""
    counts = np.bincount(np.concatenate(texts), minlength=n_tokens)
    once = counts == 1
    once[: len(SPECIALS)] = False
    return None if counts[UNKNOWN_ID] or not once.any() else once


def hide_some(text: Array, once: Array | None, rng: np.random.Generator) -> Array:
    """Half of the words that occur once read and guessed as ``<unk>``, others each time.

    Without it a model whose vocabulary holds every word of its text has never seen ``<unk>``, and what it says of
    unknown words is chance. A word seen once is as good as unknown (Lample et al. 2016, section 4.3, who replace half
    of them).
    """
    if once is None or not (rare := once[text]).any():
        return text
    return np.where(rare & (rng.random(len(text)) < HIDDEN), UNKNOWN_ID, text)


class _Task:
    """A language model with its texts, as `fit` wants it."""

    def __init__(
        self, model: LanguageModel, texts: list[Array], held: list[Array], batch_size: int, unfreeze_after: int | None
    ) -> None:
        self.model, self.parameters = model, model.parameters
        self.texts, self.held = texts, held
        self.lengths = np.array([len(text) for text in texts])
        self.batch_size, self.unfreeze_after = batch_size, unfreeze_after
        self.once = words_seen_once(texts, len(model.table))

    def batches(self, rng: np.random.Generator) -> list[Array]:
        return bucketed_batches(self.lengths, self.batch_size, rng)

    def start_epoch(self, epoch: int) -> None:
        unfreeze([self.model.embedding], epoch, self.unfreeze_after)

    def loss_and_gradients(self, batch: Array, rng: np.random.Generator) -> tuple[float, Gradients]:
        return self.model.loss_and_gradients([hide_some(self.texts[i], self.once, rng) for i in batch], rng)

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        return {"valid_perplexity": perplexity(self.model, self.held, check).perplexity}
