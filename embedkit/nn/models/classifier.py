"""A classifier of sentences: word vectors, an encoder, pooling, and a linear layer with softmax."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedkit.classification.odds import softmax_log_odds
from embedkit.errors import ConfigError, check_texts, warn_caller
from embedkit.files.model_file import BLANKS_VERSION, save_model
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.encoder import MODELS, Encoder, EncoderCache
from embedkit.nn.layers.losses import softmax
from embedkit.nn.layers.parameters import Gradients, Parameters, with_prefix
from embedkit.nn.layers.pooling import POOLINGS, Pooling, PoolingCache
from embedkit.nn.layers.stacks import CELLS
from embedkit.nn.learning.batches import bucketed_batches, padded
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.building import build
from embedkit.nn.models.explaining import word_weights
from embedkit.nn.models.loading import open_model
from embedkit.nn.words.tokens import TokenTypes
from embedkit.nn.words.word_input import TypeRows, WordInput, WordInputCache
from embedkit.options import check, option, used
from embedkit.text.tokens import TokenizerSettings, text_tokenizer

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

Array = np.ndarray
PREDICT_BATCH = 256
CLASSIFIER_TRAINING = TrainingOptions(epochs=5, batch_size=64, learning_rate=1e-2, embedding_rate=3.0, patience=2)


_ENCODER = {"model": (*CELLS, "transformer")}


@dataclass(frozen=True)
class ClassifierConfig:
    """What a classifier is made of; values that its `model` has no use for have no effect."""

    model: str = option("gru", "mean has no encoder: words are pooled as they are.", choices=MODELS)
    hidden_size: int = option(64, "Of one direction of the encoder.", least=1, only=_ENCODER)
    num_layers: int = option(1, "Layers of the encoder.", least=1, only=_ENCODER)
    heads: int = option(4, "Of the Transformer's attention.", least=1, only={"model": ("transformer",)})
    bidirectional: bool = option(True, "Whether recurrent models read both ways.", only={"model": tuple(CELLS)})
    pooling: str | None = option(
        None,
        "From the words' vectors to the sentence's.",
        choices=POOLINGS,
        default_help="max for recurrent models, else mean",
    )
    dropout: float = option(
        0.5, "On the words' vectors, between layers and on the sentence's vector.", least=0, below=1
    )
    frozen: bool = option(
        False, "Keep the pretrained vectors as they are; words that they do not know are learnt all the same."
    )

    def __post_init__(self) -> None:
        check(self, idle=True)
        if self.pooling is None:
            object.__setattr__(self, "pooling", "max" if self.model in CELLS else "mean")


class Prediction(NamedTuple):
    """The answer for one sentence.

    Attributes
    ----------
    label : str
    probability : float
    probabilities : float32 (n_labels,)
        In the order of the classifier's labels.
    known : bool
        Whether the model knows a word of the sentence.
    """

    label: str
    probability: float
    probabilities: Array
    known: bool


class Explanation(NamedTuple):
    """What each word of one sentence contributed to its label.

    Attributes
    ----------
    tokens : list of str
    weights : float (n_tokens,)
        See `Classifier.explain`.
    attention : float (n_tokens, n_tokens) or (n_tokens,), or None
        The weights of self-attention (rows look at columns) or of attention pooling.
    """

    prediction: Prediction
    tokens: list[str]
    weights: Array
    attention: Array | None


class ClassifierCache(NamedTuple):
    """What `Classifier.forward` leaves for its backward, from the words up."""

    words: WordInputCache
    words_dropped: Array | None
    encoder: EncoderCache
    pooling: PoolingCache
    sentence_dropped: Array | None
    output: Array


class Classifier:
    """Labels for sentences.

    Parameters
    ----------
    config : ClassifierConfig
    labels : sequence of str
    words : WordInput
        The words' vectors.
    tokenizer : dict
        ``tokenizer`` and ``lowercase``, as the vectors were trained.
    rng : numpy.random.Generator
        First values.
    """

    TASK = "classify"

    def __init__(
        self,
        config: ClassifierConfig,
        labels: Sequence[str],
        words: WordInput,
        *,
        tokenizer: TokenizerSettings | None = None,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.labels, self.words = config, list(labels), words
        self.tokenizer = tokenizer or {}
        self.tokenize = text_tokenizer(self.tokenizer)
        dtype = words.embedding.parameters["weight"].dtype
        self.encoder = Encoder(
            config.model,
            words.width,
            config.hidden_size,
            config.num_layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
            heads=config.heads,
            rng=rng,
            dtype=dtype,
        )
        self.pooling = Pooling(
            str(config.pooling), self.encoder.output_size, rng=rng, dtype=dtype, bidirectional=self.encoder.both_ways
        )
        self.output = Linear(self.encoder.output_size, len(self.labels), rng=rng, dtype=dtype)
        self.dropout = Dropout(config.dropout)
        self.parameters: Parameters = dict(words.parameters)
        for name in ("encoder", "pooling", "output"):
            self.parameters |= with_prefix(name, getattr(self, name).parameters)

    def forward(
        self,
        types: Array,
        mask: Array,
        rows: TypeRows,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, ClassifierCache]:
        """types : int64 (batch, time), places in `rows`; mask : bool → logits : float (batch, n_labels)."""
        x, words = self.words.forward(types, mask, rows, training=training, rng=rng)
        x, words_dropped = self.dropout.forward(x, training=training, rng=rng)
        h, encoder = self.encoder.forward(x, mask, training=training, rng=rng)
        s, pooling = self.pooling.forward(h, mask)
        s, sentence_dropped = self.dropout.forward(s, training=training, rng=rng)
        logits, output = self.output.forward(s)
        return logits, ClassifierCache(words, words_dropped, encoder, pooling, sentence_dropped, output)

    def backward(self, dlogits: Array, cache: ClassifierCache) -> tuple[Array, Gradients]:
        """dlogits : float (batch, n_labels) → the gradient of the words' vectors (batch, time, d), and grads."""
        ds, output = self.output.backward(dlogits, cache.output)
        ds, _ = self.dropout.backward(ds, cache.sentence_dropped)
        dh, pooling = self.pooling.backward(ds, cache.pooling)
        dx, encoder = self.encoder.backward(dh, cache.encoder)
        dx, _ = self.dropout.backward(dx, cache.words_dropped)
        _, words = self.words.backward(dx, cache.words)
        return dx, {
            **words,
            **with_prefix("encoder", encoder),
            **with_prefix("pooling", pooling),
            **with_prefix("output", output),
        }

    def tokens(self, text: str) -> list[str]:
        """The words of a sentence, cut as those of the training text were; a Transformer's first 512.

        Warns
        -----
        UserWarning
            Where there are more.
        """
        return self.within_view(self.tokenize(text))

    def within_view(self, tokens: list[str]) -> list[str]:
        """`tokens` of a sentence that is cut into all its words."""
        most = self.encoder.max_length
        if most is None or len(tokens) <= most:
            return tokens
        warn_caller(f"a text has more than {most} words: of each a Transformer reads the first {most}")
        return tokens[:most]

    def probabilities(self, texts: Sequence[str], check: Callable[[], None] = lambda: None) -> Array:
        """Probability of each label for each text: float32 (n_texts, n_labels).

        Raises
        ------
        ConfigError
            For one string in the place of several.
        """
        return self.type_probabilities(*self._types(texts), check)

    def compared(self, texts: Sequence[str]) -> Array:
        """The probabilities that thresholds are compared with: 0 for a text without words, which has no answer."""
        p = self.probabilities(texts)
        p[[not self.tokens(text) for text in texts]] = 0
        return p

    def _types(self, texts: Sequence[str]) -> tuple[list[Array], TypeRows]:
        check_texts(texts)
        types = TokenTypes([self.tokens(text) for text in texts])
        return types.ids, self.words.rows(types.tokens)

    def type_probabilities(self, ids: list[Array], rows: TypeRows, check: Callable[[], None]) -> Array:
        """`probabilities` of sentences of token types."""
        return softmax(self._type_scores(ids, rows, check))

    def _type_scores(self, ids: list[Array], rows: TypeRows, check: Callable[[], None]) -> Array:
        """Their scores before softmax."""
        result = np.zeros((len(ids), len(self.labels)), np.float32)
        for batch in bucketed_batches(np.array([len(i) for i in ids]), PREDICT_BATCH, None):
            result[batch], _ = self.forward(*padded([ids[i] for i in batch]), rows)
            check()
        return result

    def knows(self, texts: Sequence[str]) -> list[bool]:
        """Whether the model knows a word of each text."""
        return self.words.known(*self._types(texts))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """The likeliest label of each text and its probability."""
        ids, rows = self._types(texts)
        known = self.words.known(ids, rows)
        return list(map(self._prediction, self.type_probabilities(ids, rows, lambda: None), known))

    def _prediction(self, row: Array, known: bool) -> Prediction:
        best = int(row.argmax())
        return Prediction(self.labels[best], float(row[best]), row, known)

    @property
    def has_attention(self) -> bool:
        """Whether `explain` has attention weights to show."""
        return self.config.pooling == "attention" or self.config.model == "transformer"

    def explain(self, text: str) -> Explanation:
        """A prediction with the weight of each word: how far the label's log odds fall without it.

        Above 0 a word speaks for the label, below 0 against it; the same for every model
        (`embedkit.nn.models.explaining`).

        Raises
        ------
        ConfigError
            For a text without words.
        """
        tokens = self.tokens(text)
        if not tokens:
            raise ConfigError("nothing to explain: the text holds no words")
        rows = self.words.rows([*tokens, ""])  # the last stands for a text without words

        place = {token: i for i, token in enumerate(tokens)}

        def scores(texts: list[Sequence[str]]) -> Array:
            ids = [np.array([place[token] for token in t] or [len(tokens)], np.int64) for t in texts]
            return self._type_scores(ids, rows, lambda: None)

        weights = word_weights(lambda texts: softmax_log_odds(scores(texts)), tokens)
        known = self.words.known([np.arange(len(tokens))], rows)
        prediction = self._prediction(softmax(scores([tokens]))[0], known[0])
        return Explanation(prediction, tokens, weights, self._attention(tokens, rows))

    def _attention(self, tokens: list[str], rows: TypeRows) -> Array | None:
        """The weights of self-attention (n, n) or of attention pooling (n,), None where there are none."""
        if not self.has_attention:
            return None
        types, mask = np.arange(len(tokens))[None], np.ones((1, len(tokens)), bool)
        _, cache = self.forward(types, mask, rows)
        looked = self.encoder.attention(cache.encoder)
        return looked[0] if looked is not None else np.asarray(cache.pooling.weights)[0]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.files.model_file`)."""
        config = {**used(self.config), "labels": self.labels, "tokenizer": self.tokenizer, **self.words.to_config()}
        tensors = {**self.parameters, **self.words.to_tensors()}
        version = BLANKS_VERSION if self.tokenizer.get("blanks") else 1
        save_model(path, self.TASK, self.config.model, config, tensors, version=version)

    @classmethod
    def load(cls, path: str | os.PathLike[str], vectors: KeyedVectors | None = None) -> Classifier:
        """Open a model file.

        Parameters
        ----------
        path : path
        vectors : KeyedVectors, optional
            Where to look for words that the model does not carry.

        Raises
        ------
        FormatError
            When the file is damaged or no classifier.
        ConfigError
            When the vectors' width is not the model's.
        """
        return open_model(path, cls.TASK, MODELS, lambda recipe: build(cls, ClassifierConfig, recipe), vectors)
