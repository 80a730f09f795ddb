"""A tagger: word vectors and spelling, a recurrent layer that reads both ways, and a linear or CRF output
(Huang, Xu and Yu 2015, "Bidirectional LSTM-CRF Models for Sequence Tagging"; a GRU tags as well, in less time); beside
it a linear model of many features (`embedkit.nn.models.wide`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedkit.errors import ConfigError, FormatError, check_tokens
from embedkit.files.model_file import save_model
from embedkit.nn.layers.crf import FORBIDDEN, ConditionalRandomField, viterbi
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.encoder import MODELS, Encoder, EncoderCache
from embedkit.nn.layers.losses import cross_entropy, softmax
from embedkit.nn.layers.parameters import Gradients, Layer, Parameters, with_prefix
from embedkit.nn.layers.stacks import CELLS
from embedkit.nn.learning.batches import bucketed_batches, padded
from embedkit.nn.learning.entities import SCHEMES, legal, spans
from embedkit.nn.learning.one_thread import products_on_one_thread
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.building import build
from embedkit.nn.models.loading import Recipe, open_model
from embedkit.nn.models.wide import WideField
from embedkit.nn.words.groups import WordGroups
from embedkit.nn.words.pieces import cuts_words, word_pieces
from embedkit.nn.words.surroundings import WordBags, word_bags
from embedkit.nn.words.tokens import TokenTypes
from embedkit.nn.words.word_input import TypeRows, WordInput, WordInputCache
from embedkit.options import check, option, used
from embedkit.text.tokenizers import carrying
from embedkit.text.tokens import TokenizerSettings, text_tokenizer
from embedkit.threads import ordered_map, usable_cores

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

Array = np.ndarray
PREDICT_BATCH = 128
TAGGER_MODELS = ("gru", "lstm", "rnn", "mean")
OUTPUTS = ("linear", "crf")
MORPHEMES_VERSION = 2  # of a file whose words are known by their morphemes, which version 1 leaves out
WIDE_VERSION = 3  # of one whose wide part knows features that version 2 has not
SHARES = (0.3, 0.7)  # where no sentences are held out to choose them by
TAGGER_TRAINING = TrainingOptions(epochs=4, batch_size=32, learning_rate=6e-3, embedding_rate=3.0, patience=3)


@dataclass(frozen=True)
class TaggerConfig:
    """What a tagger is made of; values that its `model` or `output` has no use for have no effect."""

    model: str = option(
        "gru", "Reads both ways; mean has no encoder and tags each word by itself.", choices=TAGGER_MODELS
    )
    hidden_size: int = option(128, "Of one direction.", least=1, only={"model": tuple(CELLS)})
    num_layers: int = option(1, "Layers of the encoder.", least=1, only={"model": tuple(CELLS)})
    output: str = option("crf", "crf weighs whole tag sequences, linear each tag by itself.", choices=OUTPUTS)
    spelling_size: int = option(100, "Width of the vector of a word's ends, beginning and shape; 0 for none.", least=0)
    dropout: float = option(0.3, "On the words' vectors, between layers and before the output.", least=0, below=1)
    frozen: bool = option(False, "Keep the pretrained vectors as they are.")
    scheme: str | None = option(
        None,
        "How tags mark entities, so that impossible ones never follow each other; none for other tags.",
        choices=tuple(SCHEMES),
    )
    wide: bool = option(
        True, "Beside the network a linear model of the words' characters and neighbours.", only={"output": ("crf",)}
    )
    # Words that have no vector are looked up by their morphemes, and the linear model knows the kinds of these.
    morphemes: str | None = option(None, "Name of a tokenizer of Korean morphemes that words are known by.")

    def __post_init__(self) -> None:
        if self.morphemes is not None and not cuts_words(self.morphemes):
            raise ConfigError(f"morphemes must name a tokenizer of morphemes, got {self.morphemes!r}")
        if self.morphemes is not None:
            object.__setattr__(self, "morphemes", carrying(self.morphemes))
        check(self, idle=True)


class TaggerCache(NamedTuple):
    """What `Tagger.forward` leaves for its backward, from the words up."""

    words: WordInputCache
    words_dropped: Array | None
    encoder: EncoderCache
    states_dropped: Array | None
    output: Array


class TaggedAnswer(NamedTuple):
    """A sentence's tokens, their tags, and the probability of each: a marginal of the CRF, or the softmax's."""

    tokens: list[str]
    tags: list[str]
    confidences: list[float]


class Tagger:
    """Tags for the words of sentences.

    Parameters
    ----------
    config : TaggerConfig
    labels : sequence of str
        The tags.
    words, tokenizer, rng
        As for `embedkit.nn.models.classifier.Classifier`.

    Attributes
    ----------
    wide : WideField, optional
        Tags as well; training puts it there.
    groups : WordGroups, optional
        What the wide part knows of the words' vectors; training puts them there.
    shares : (float, float)
        What the scores of the network and of the wide part are multiplied with before they are added.
    """

    TASK = "tag"

    def __init__(
        self,
        config: TaggerConfig,
        labels: Sequence[str],
        words: WordInput,
        *,
        tokenizer: TokenizerSettings | None = None,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.labels, self.words = config, list(labels), words
        self.wide: WideField | None = None
        self.groups: WordGroups | None = None
        self.shares = SHARES
        self.tokenizer = tokenizer or {}
        self.tokens = text_tokenizer(self.tokenizer)
        self.pieces = None if config.morphemes is None else word_pieces(config.morphemes)
        if self.pieces is not None:
            words.lookup.cut = self.pieces.as_vectors
        dtype = words.embedding.parameters["weight"].dtype
        self.encoder = Encoder(
            config.model,
            words.width,
            config.hidden_size,
            config.num_layers,
            bidirectional=True,
            dropout=config.dropout,
            rng=rng,
            dtype=dtype,
        )
        self.output = Linear(self.encoder.output_size, len(self.labels), rng=rng, dtype=dtype)
        parts: dict[str, Layer] = {"encoder": self.encoder, "output": self.output}
        self.legal = legal(self.labels, config.scheme) if config.scheme is not None else None
        n = len(self.labels)
        self.crf = ConditionalRandomField(n, rng, dtype, self.legal) if config.output == "crf" else None
        if self.crf is not None:
            parts["crf"] = self.crf
        self.dropout = Dropout(config.dropout)
        self.parameters: Parameters = dict(words.parameters)
        for name, part in parts.items():
            self.parameters |= with_prefix(name, part.parameters)

    def forward(
        self,
        types: Array,
        mask: Array,
        rows: TypeRows,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, TaggerCache]:
        """types : int64 (batch, time), places in `rows` → scores : float (batch, time, n_tags)."""
        x, words = self.words.forward(types, mask, rows, training=training, rng=rng)
        x, words_dropped = self.dropout.forward(x, training=training, rng=rng)
        h, encoder = self.encoder.forward(x, mask, training=training, rng=rng)
        h, states_dropped = self.dropout.forward(h, training=training, rng=rng)
        scores, output = self.output.forward(h)
        return scores, TaggerCache(words, words_dropped, encoder, states_dropped, output)

    def backward(self, dscores: Array, cache: TaggerCache) -> Gradients:
        """dscores : float (batch, time, n_tags) → grads."""
        dh, output = self.output.backward(dscores, cache.output)
        dh, _ = self.dropout.backward(dh, cache.states_dropped)
        dx, encoder = self.encoder.backward(dh, cache.encoder)
        dx, _ = self.dropout.backward(dx, cache.words_dropped)
        _, words = self.words.backward(dx, cache.words)
        return {**words, **with_prefix("encoder", encoder), **with_prefix("output", output)}

    def loss_and_gradients(
        self,
        types: Array,
        mask: Array,
        rows: TypeRows,
        tags: Array,
        rng: np.random.Generator,
        n_words: int | None = None,
    ) -> tuple[float, Gradients]:
        """Loss of a batch in training, divided by `n_words` (those of the batch unless it is a share of one), and its
        gradients."""
        scores, cache = self.forward(types, mask, rows, training=True, rng=rng)
        own = int(mask.sum())
        n = own if n_words is None else n_words
        if self.crf is None:
            loss, dscores = cross_entropy(scores, tags, mask)
            dscores *= scores.dtype.type(own / n)
            return loss * own / n, self.backward(dscores, cache)
        losses, crf_cache = self.crf.forward(scores, tags, mask)
        dscores, grads = self.crf.backward(np.full(len(losses), 1.0 / n, scores.dtype), crf_cache)
        return float(losses.sum() / n), {**self.backward(dscores, cache), **with_prefix("crf", grads)}

    def tag_types(
        self,
        ids: list[Array],
        rows: TypeRows,
        wide: list[Array] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> list[Array]:
        """The numbers of the best tags of sentences of token types; `wide` as `wide_scores` gives it, None for those of
        the network alone."""
        return [tags for tags, _ in self._answers(ids, rows, wide, check, sure=False)]

    def wide_scores(self, tokens: list[str], ids: list[Array]) -> list[Array] | None:
        """What the wide part says of sentences of token types, None where there is none."""
        return None if self.wide is None else self.wide.scores(self.bags(tokens, ids))

    def bags(self, tokens: list[str], ids: list[Array]) -> WordBags:
        """What the wide part knows of sentences of token types."""
        pieces = None if self.pieces is None else self.pieces.tagged(tokens)
        return word_bags(tokens, ids, pieces, None if self.groups is None else self.groups.features(tokens))

    def _answers(
        self, ids: list[Array], rows: TypeRows, wide: list[Array] | None, check: Callable[[], None], sure: bool
    ) -> list[tuple[Array, Array]]:
        """The numbers of the best tags of each sentence, and their probabilities where `sure` asks for them."""
        result = [(np.zeros(0, np.int64), np.zeros(0))] * len(ids)
        crf = self.crf if wide is None else self.pooled_crf(self.shares)

        def answer(batch: Array) -> tuple[Array, Array]:
            types, mask = padded([ids[i] for i in batch])
            scores, _ = self.forward(types, mask, rows)
            if wide is not None:
                scores = pooled_scores(scores, mask, [wide[i] for i in batch], self.shares)
            tags, p = self._best(crf, scores, mask), np.zeros(mask.shape)
            if sure:
                each = softmax(scores) if crf is None else crf.marginals(scores, mask)
                p = np.take_along_axis(each, tags[..., None], 2)[..., 0]
            return tags, p

        batches = bucketed_batches(np.array([len(i) for i in ids]), PREDICT_BATCH, None)
        with self.shared_out(len(batches)) as workers:
            for batch, (tags, p) in zip(batches, ordered_map(answer, batches, workers, "tag"), strict=True):
                for row, i in enumerate(batch):
                    result[i] = tags[row, : len(ids[i])], p[row, : len(ids[i])]
                check()
        return result

    @contextlib.contextmanager
    def shared_out(self, n: int) -> Iterator[int]:
        """Within it `n` batches may go through the network at once, each on one of so many threads."""
        workers = 1 if self.words.context is not None else usable_cores(n)
        if workers < 2:
            yield 1
            return
        with products_on_one_thread(), self.encoder.on_one_thread():
            yield workers

    def pooled_crf(self, shares: tuple[float, float]) -> ConditionalRandomField | None:
        """The CRF of the network and the wide part together, which `pooled_scores` are for."""
        if self.crf is None or self.wide is None:
            return self.crf
        return self.crf.pooled_with(self.wide.parameters, shares)

    def _best(self, crf: ConditionalRandomField | None, scores: Array, mask: Array) -> Array:
        if crf is not None:
            return crf.decode(scores, mask)
        if self.legal is None:
            best: Array = scores.argmax(2)
            return best
        return viterbi(scores, mask, *(np.where(allowed, 0.0, FORBIDDEN) for allowed in self.legal))

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence's tokens; an empty sentence has none."""
        return [answer.tags for answer in self.answers(sentences, sure=False)]

    def knows(self, sentences: Sequence[Sequence[str]]) -> list[bool]:
        """Whether the model knows a word of each sentence; of characters the wide part always knows something."""
        check_tokens(sentences)
        if self.wide is not None:
            return [True] * len(sentences)
        types = TokenTypes(sentences)
        return self.words.known(types.ids, self.words.rows(types.tokens))

    def answers(self, sentences: Sequence[Sequence[str]], sure: bool = True) -> list[TaggedAnswer]:
        """The tags of each sentence's tokens, with their probabilities and the entities that they mark."""
        check_tokens(sentences)
        types = TokenTypes(sentences)
        wide = self.wide_scores(types.tokens, types.ids)
        found = self._answers(types.ids, self.words.rows(types.tokens), wide, lambda: None, sure)
        return [
            TaggedAnswer(
                list(sentence), [self.labels[tag] for tag in tags[: len(sentence)]], p[: len(sentence)].tolist()
            )
            for sentence, (tags, p) in zip(sentences, found, strict=True)
        ]

    def entities(self, answer: TaggedAnswer) -> list[dict[str, object]]:
        """The entities in an answer, as ``--json`` shows them; none where the tags have no scheme.

        An entity's confidence is that of its least certain tag.
        """
        if self.config.scheme is None:
            return []
        return [
            {
                "start": span.start,
                "end": span.end,
                "label": span.label,
                "tokens": answer.tokens[span.start : span.end],
                "confidence": min(answer.confidences[span.start : span.end]),
            }
            for span in spans(answer.tags)
        ]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.files.model_file`)."""
        config = {**used(self.config), "wide": self.wide is not None, "labels": self.labels}
        config |= {"network_share": self.shares[0], "wide_share": self.shares[1]}
        config |= {"tokenizer": self.tokenizer, **self.words.to_config()}
        tensors = {**self.parameters, **self.words.to_tensors()}
        for part in (self.wide, self.groups):
            tensors |= {} if part is None else part.to_tensors()
        version = 1 if self.pieces is None else MORPHEMES_VERSION
        version = version if self.wide is None else WIDE_VERSION
        save_model(path, self.TASK, self.config.model, config, tensors, version=version)

    @classmethod
    def load(cls, path: str | os.PathLike[str], vectors: KeyedVectors | None = None) -> Tagger:
        """Open a model file; parameters and errors as `embedkit.nn.models.classifier.Classifier.load`."""
        return open_model(path, cls.TASK, MODELS, cls._built, vectors)

    @classmethod
    def _built(cls, recipe: Recipe) -> Tagger:
        tagger = build(cls, TaggerConfig, recipe, older={"wide": False}, beside=("wide.", "groups."))
        if tagger.config.wide:
            if any(name.startswith("groups.") for name in recipe.tensors):
                tagger.groups = WordGroups.from_tensors(recipe.tensors)
            tagger.wide = WideField.from_tensors(recipe.tensors, len(tagger.labels))
            tagger.shares = recipe.number("network_share"), recipe.number("wide_share")
        elif any(name.startswith(("wide.", "groups.")) for name in recipe.tensors):
            raise FormatError("a wide part belongs to no part of the model")
        return tagger


def pooled_scores(scores: Array, mask: Array, wide: list[Array], shares: tuple[float, float]) -> Array:
    """The scores of network and wide part together.

    Parameters
    ----------
    scores : float (batch, time, n_tags)
        The network's.
    mask : bool (batch, time)
    wide : list of float64 (n_words, n_tags)
        The wide part's, sentence by sentence.
    shares : (float, float)

    Returns
    -------
    float64 (batch, time, n_tags)
    """
    pooled = scores.astype(np.float64) * shares[0]
    pooled[mask] += np.concatenate(wide) * shares[1]
    return pooled
