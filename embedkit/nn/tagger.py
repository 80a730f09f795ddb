"""A tagger: word vectors and spelling, a recurrent layer that reads both ways, and a linear or CRF output
(Huang, Xu and Yu 2015, "Bidirectional LSTM-CRF Models for Sequence Tagging")."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.bag import BagEmbedding
from embedkit.nn.crf import ConditionalRandomField
from embedkit.nn.data import bucketed_batches, padded
from embedkit.nn.encoder import Encoder
from embedkit.nn.layers import Dropout, Linear
from embedkit.nn.loading import build_from_file
from embedkit.nn.lookup import Bags, WordLookup
from embedkit.nn.losses import cross_entropy
from embedkit.nn.parameters import Gradients, Parameters, with_prefix
from embedkit.nn.saving import load_model, save_model
from embedkit.nn.spelling import SpellingLookup
from embedkit.nn.tokens import TokenTypes, text_tokenizer
from embedkit.nn.training_options import TrainingOptions

if TYPE_CHECKING:
    from embedkit.keyed_vectors import KeyedVectors

Array = np.ndarray
PREDICT_BATCH = 128
OUTPUTS = ("linear", "crf")
TAGGER_TRAINING = TrainingOptions(epochs=8, batch_size=32, learning_rate=4e-3, embedding_rate=3.0, patience=3)


@dataclass(frozen=True)
class TaggerConfig:
    """What a tagger is made of.

    Attributes
    ----------
    model : {"lstm", "gru", "rnn", "mean"}
        ``mean`` has no encoder: each word is tagged by itself (the baseline).
    hidden_size, num_layers : int
    output : {"crf", "linear"}
    spelling_size : int
        Width of the spelling's vector beside the word's; 0 for none.
    dropout : float
        On the words' vectors, between layers and before the output.
    frozen : bool
        Keep the pretrained vectors as they are.
    """

    model: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    output: str = "crf"
    spelling_size: int = 100
    dropout: float = 0.3
    frozen: bool = False

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise ConfigError(f"unknown output {self.output!r}: choose one of {', '.join(OUTPUTS)}")
        if self.model == "transformer":
            raise ConfigError("a tagger's model is one of lstm, gru, rnn or mean, not transformer")
        if self.spelling_size < 0:
            raise ConfigError(f"spelling_size must be at least 0, got {self.spelling_size}")


class Tagger:
    """Tags for the words of sentences.

    Parameters
    ----------
    config : TaggerConfig
    labels : sequence of str
        The tags.
    lookup : WordLookup
        From tokens to rows of `weight`.
    weight : float (n_rows, d)
        The words' vectors.
    scale, tokenizer, learnt, rng
        As for `embedkit.nn.classifier.Classifier`.
    spelling : SpellingLookup, optional
        The spelling features that the model knows; needed where `config.spelling_size` is above 0.
    """

    TASK = "tag"

    def __init__(self, config: TaggerConfig, labels: Sequence[str], lookup: WordLookup, weight: Array, *,
                 scale: float = 1.0, tokenizer: dict[str, Any] | None = None, learnt: Array | None = None,
                 spelling: SpellingLookup | None = None, rng: np.random.Generator) -> None:
        self.config, self.labels, self.lookup, self.scale = config, list(labels), lookup, scale
        self.tokenizer = tokenizer or {}
        self.tokens = text_tokenizer(self.tokenizer)
        self.spelling = spelling if config.spelling_size else None
        self._lender: KeyedVectors | None = None
        dtype = weight.dtype
        self.embedding = BagEmbedding(weight, frozen=config.frozen, learnt=learnt)
        width = weight.shape[1]
        self.parts: dict[str, Any] = {"embedding": self.embedding}
        if self.spelling is not None:
            first = rng.standard_normal((self.spelling.n_rows, config.spelling_size)).astype(dtype)
            self.parts["spelling"] = BagEmbedding(first)
            width += config.spelling_size
        self.encoder = Encoder(config.model, width, config.hidden_size, config.num_layers, bidirectional=True,
                               dropout=config.dropout, rng=rng, dtype=dtype)
        self.output = Linear(self.encoder.output_size, len(self.labels), rng=rng, dtype=dtype)
        self.parts |= {"encoder": self.encoder, "output": self.output}
        self.crf = ConditionalRandomField(len(self.labels), rng, dtype) if config.output == "crf" else None
        if self.crf is not None:
            self.parts["crf"] = self.crf
        self.dropout = Dropout(config.dropout)
        self.parameters: Parameters = {}
        for name, part in self.parts.items():
            self.parameters |= with_prefix(name, part.parameters)

    def forward(self, types: Array, mask: Array, bags: tuple[Bags, Bags | None], *, training: bool = False,
                rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """types : int64 (batch, time), places in each of `bags` → scores : float (batch, time, n_tags)."""
        x, c1 = self.embedding.forward(types, mask, bags[0])
        c2 = None
        if bags[1] is not None:
            spelt, c2 = self.parts["spelling"].forward(types, mask, bags[1])
            x = np.concatenate([x, spelt], axis=2)
        x, c3 = self.dropout.forward(x, training=training, rng=rng)
        h, c4 = self.encoder.forward(x, mask, training=training, rng=rng)
        h, c5 = self.dropout.forward(h, training=training, rng=rng)
        scores, c6 = self.output.forward(h)
        return scores, (c1, c2, c3, c4, c5, c6)

    def backward(self, dscores: Array, cache: Any) -> Gradients:
        """dscores : float (batch, time, n_tags) → grads."""
        c1, c2, c3, c4, c5, c6 = cache
        dh, output = self.output.backward(dscores, c6)
        dh, _ = self.dropout.backward(dh, c5)
        dx, encoder = self.encoder.backward(dh, c4)
        dx, _ = self.dropout.backward(dx, c3)
        width = self.embedding.width
        grads = {**with_prefix("embedding", self.embedding.backward(dx[..., :width], c1)[1]),
                 **with_prefix("encoder", encoder), **with_prefix("output", output)}
        if c2 is not None:
            grads |= with_prefix("spelling", self.parts["spelling"].backward(dx[..., width:], c2)[1])
        return grads

    def loss_and_gradients(self, types: Array, mask: Array, bags: tuple[Bags, Bags | None], tags: Array,
                           rng: np.random.Generator) -> tuple[float, Gradients]:
        """Mean loss of a batch, a word at a time, and its gradients, in training."""
        scores, cache = self.forward(types, mask, bags, training=True, rng=rng)
        if self.crf is None:
            loss, dscores = cross_entropy(scores, tags, mask)
            return loss, self.backward(dscores, cache)
        losses, crf_cache = self.crf.forward(scores, tags, mask)
        n = int(mask.sum())
        dscores, grads = self.crf.backward(np.full(len(losses), 1.0 / n, scores.dtype), crf_cache)
        return float(losses.sum() / n), {**self.backward(dscores, cache), **with_prefix("crf", grads)}

    def bags(self, tokens: Sequence[str]) -> tuple[Bags, Bags | None]:
        """The rows of tokens and of their spelling."""
        if self._lender is not None:
            self.embedding.borrowed = self.lookup.borrow(tokens, self._lender, self.scale)
        return self.lookup.bags(tokens), self.spelling.bags(tokens) if self.spelling is not None else None

    def borrow_from(self, vectors: KeyedVectors) -> None:
        """Look up in `vectors` what the model does not know."""
        self._lender = vectors

    def tag_types(self, ids: list[Array], bags: tuple[Bags, Bags | None],
                  check: Callable[[], None] = lambda: None) -> list[Array]:
        """The numbers of the best tags of sentences of token types."""
        result: list[Array] = [np.zeros(0, np.int64)] * len(ids)
        for batch in bucketed_batches(np.array([len(i) for i in ids]), PREDICT_BATCH, None):
            types, mask = padded([ids[i] for i in batch])
            scores, _ = self.forward(types, mask, bags)
            tags = scores.argmax(2) if self.crf is None else self.crf.decode(scores, mask)
            for row, i in enumerate(batch):
                result[i] = tags[row, :len(ids[i])]
            check()
        return result

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence's tokens; an empty sentence has none."""
        types = TokenTypes(sentences)
        found = self.tag_types(types.ids, self.bags(types.tokens))
        return [[self.labels[tag] for tag in tags[:len(sentence)]]
                for sentence, tags in zip(sentences, found, strict=True)]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.nn.saving`)."""
        subwords = self.lookup.subwords
        config = {**asdict(self.config), "labels": self.labels, "scale": self.scale, "tokenizer": self.tokenizer,
                  "subwords": subwords.to_config() if subwords else None}
        tensors = {**self.parameters, **self.lookup.to_tensors()}
        if self.spelling is not None:
            tensors |= self.spelling.to_tensors()
        save_model(path, self.TASK, self.config.model, config, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str], vectors: KeyedVectors | None = None) -> Tagger:
        """Open a model file; parameters and errors as `embedkit.nn.classifier.Classifier.load`."""
        return build_from_file(cls, TaggerConfig, load_model(path, cls.TASK), path, vectors)
