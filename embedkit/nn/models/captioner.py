"""Captions: a feature vector in, words out. The features, from any image network, start an LSTM that writes the words
(Vinyals et al. 2015; they enter as the first state instead of a first word, as in Mao et al. 2015)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.files.model_file import save_model
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.embedding import Embedding
from embedkit.nn.layers.losses import cross_entropy, log_softmax
from embedkit.nn.layers.parameters import Array, Draws, Gradients, Parameters, with_prefix
from embedkit.nn.layers.recurrent import LSTM
from embedkit.nn.learning.batches import FROZEN_WITHOUT_VECTORS, bucketed_batches, hold_out_groups, padded
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.loop import History, fit
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.decoding import Search
from embedkit.nn.models.loading import Recipe, check_sizes, open_model
from embedkit.nn.words.token_table import END_ID, MASK_ID, UNKNOWN_ID, TokenTable, join_tokens, token_cutter
from embedkit.nn.words.tokens import TokenizerSettings, tokenizer_settings
from embedkit.progress import ProgressCallback

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

CAPTION_TRAINING = TrainingOptions(epochs=20, batch_size=32, learning_rate=2e-3, clip=1.0, patience=3)


@dataclass(frozen=True)
class CaptionConfig:
    """What a captioner is made of: the LSTM's `hidden_size` and `num_layers`, and `dropout`."""

    hidden_size: int = 128
    num_layers: int = 1
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_sizes(self, "hidden_size", "num_layers")


class Captioner:
    """Words for feature vectors.

    Parameters
    ----------
    config : CaptionConfig
    n_features : int
    table : TokenTable
    weight : float (n_tokens, d)
        First values of the embedding.
    tokenizer : dict
        ``tokenizer`` and ``lowercase``.
    mean, scale : float (n_features,), optional
        Features are standardised: (features − mean) · scale.
    rng : numpy.random.Generator
    """

    TASK = "caption"

    def __init__(
        self,
        config: CaptionConfig,
        n_features: int,
        table: TokenTable,
        weight: Array,
        *,
        tokenizer: TokenizerSettings,
        mean: Array | None = None,
        scale: Array | None = None,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.table, self.tokenizer, self.n_features = config, table, tokenizer, n_features
        dtype, size, layers = weight.dtype, config.hidden_size, config.num_layers
        self.mean = np.zeros(n_features, dtype) if mean is None else mean.astype(dtype)
        self.scale = np.ones(n_features, dtype) if scale is None else scale.astype(dtype)
        self.embedding = Embedding(weight)
        self.bridge = Linear(n_features, 2 * layers * size, rng=rng, dtype=dtype)
        self.decoder = LSTM(weight.shape[1], size, layers, dropout=config.dropout, rng=rng, dtype=dtype)
        self.dropout = Dropout(config.dropout)
        self.output = Linear(size, len(table), rng=rng, dtype=dtype)
        self.parameters: Parameters = {}
        for name in ("embedding", "bridge", "decoder", "output"):
            self.parameters |= with_prefix(name, getattr(self, name).parameters)

    def _first_state(self, features: Array) -> tuple[Array, Array]:
        """features : float (batch, n_features) → standardised, and tanh of their projection, float (batch, ...)."""
        standard = (features.astype(self.mean.dtype) - self.mean) * self.scale
        return standard, np.tanh(self.bridge.forward(standard)[0])

    def _split(self, state: Array) -> tuple[Array, Array]:
        """(batch, 2 · layers · hidden) → h and c, (layers, batch, hidden)."""
        parts = state.reshape(len(state), 2, self.config.num_layers, self.config.hidden_size).transpose(1, 2, 0, 3)
        return np.ascontiguousarray(parts[0]), np.ascontiguousarray(parts[1])

    def loss_and_gradients(
        self, features: Array, captions: Sequence[Array], rng: np.random.Generator, *, training: bool = True
    ) -> tuple[float, Gradients]:
        """Mean loss a token, ``</s>`` included, in nats, and its gradient."""
        draws: Draws = {"training": training, "rng": rng}
        ids, wanted, mask = _shifted(captions)
        standard, first = self._first_state(features)
        x, drop_x = self.dropout.forward(self.embedding.forward(ids)[0], **draws)
        y, decoded = self.decoder.forward(x, mask.sum(axis=1), self._split(first), **draws)
        hidden, drop_y = self.dropout.forward(y[mask], **draws)
        logits, kept = self.output.forward(hidden)
        loss, dlogits = cross_entropy(logits, wanted[mask])
        dhidden, output = self.output.backward(dlogits, kept)
        dy = np.zeros_like(y)
        dy[mask] = self.dropout.backward(dhidden, drop_y)[0]
        dx, dstates, decoder = self.decoder.backward_state(dy, None, decoded)
        dfirst = np.asarray(dstates).transpose(2, 0, 1, 3).reshape(first.shape) * (1 - first * first)
        _, bridge = self.bridge.backward(dfirst, standard)
        _, embedding = self.embedding.backward(self.dropout.backward(dx, drop_x)[0][mask], ids[mask])
        return loss, {
            **with_prefix("embedding", embedding),
            **with_prefix("bridge", bridge),
            **with_prefix("decoder", decoder),
            **with_prefix("output", output),
        }

    def score(self, features: Array, captions: Sequence[Array]) -> tuple[float, int]:
        """Sum of the captions' log-probabilities, and the number of their tokens."""
        ids, wanted, mask = _shifted(captions)
        y, _ = self.decoder.forward(
            self.embedding.forward(ids)[0], mask.sum(axis=1), self._split(self._first_state(features)[1])
        )
        log_p = log_softmax(self.output.forward(y[mask])[0])
        return float(log_p[np.arange(len(log_p)), wanted[mask]].sum(dtype=np.float64)), len(log_p)

    def caption(self, features: Array, *, beam: int = 1, max_tokens: int = 50) -> list[tuple[str, float]]:
        """The best caption and its score for each row of features; parameters and errors as `captions`."""
        return [found[0] for found in self.captions(features, Search(beam, max_tokens))]

    def captions(self, features: Array, search: Search) -> list[list[tuple[str, float]]]:
        """Captions and their scores for features, float (n, n_features), the best first.

        Raises
        ------
        ConfigError
            When the features are of another width than the model's.
        CorpusError
            When one is NaN or infinite.
        """
        features = np.atleast_2d(features)
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise ConfigError(
                f"expected features of width {self.n_features}, found an array of shape "
                f"{features.shape}: use the image network that the model was trained with"
            )
        check_finite_rows(features)
        if not len(features):
            return []
        found = search.run(self._step, (self._first_state(features)[1],))
        return [
            [(join_tokens(self.table.decode(one.ids), self.tokenizer), one.score) for one in several]
            for several in found
        ]

    def _step(self, ids: Array, state: tuple[Array, ...]) -> tuple[Array, tuple[Array, ...], None]:
        x, _ = self.embedding.forward(ids[:, None])
        y, cache = self.decoder.forward(x, None, self._split(state[0]))
        logits, _ = self.output.forward(y[:, -1])
        logits[:, [UNKNOWN_ID, MASK_ID]] = -np.inf
        after = np.stack(cache.states).transpose(2, 0, 1, 3).reshape(len(ids), -1)
        return log_softmax(logits), (after,), None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.files.model_file`)."""
        save_model(
            path,
            self.TASK,
            "lstm",
            {**asdict(self.config), "tokenizer": self.tokenizer},
            {
                **self.parameters,
                **self.table.to_tensors("table."),
                "features.mean": self.mean,
                "features.scale": self.scale,
            },
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Captioner:
        """Open a model file; a `FormatError` says where one is damaged or of another task."""

        def make(recipe: Recipe) -> Captioner:
            mean, scale = (recipe.row(f"features.{name}") for name in ("mean", "scale"))
            if len(mean) != len(scale):
                raise FormatError(f"means of {len(mean)} features, scales of {len(scale)}")
            model = cls(
                recipe.config(CaptionConfig),
                len(mean),
                TokenTable.from_tensors(recipe.tensors, "table."),
                np.array(recipe.matrix("embedding.weight")),
                tokenizer=recipe.tokenizer("tokenizer"),
                mean=mean,
                scale=scale,
                rng=recipe.rng,
            )
            recipe.fill(model, beside=("table.", "features."))
            return model

        return open_model(path, cls.TASK, make)


def train_captioner(
    features: Array,
    captions: Sequence[str],
    vectors: KeyedVectors | None = None,
    *,
    config: CaptionConfig | None = None,
    options: TrainingOptions | None = None,
    valid_fraction: float = 0.1,
    vector_size: int = 100,
    min_count: int = 1,
    tokenizer: TokenizerSettings | None = None,
    frozen: bool = False,
    unfreeze_after: int | None = None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    log: TextIO | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> tuple[Captioner, History]:
    """Train a captioner.

    Parameters
    ----------
    features : float (n, n_features)
    captions : sequence of str
        One for each row of features.
    vectors : KeyedVectors, optional
        First vectors of the words.
    config, options, valid_fraction, vector_size, min_count, tokenizer, frozen, unfreeze_after
        As in `embedkit.nn.models.seq2seq_training.train_seq2seq`.
    progress, note, log, checkpoint, resume
        See `embedkit.nn.learning.loop.fit`.

    Raises
    ------
    CorpusError
        When captions and features are not as many, or a feature is not finite.
    ConfigError
        When vectors are to be frozen and there are none.
    """
    config, options = config or CaptionConfig(), options or CAPTION_TRAINING
    if features.ndim != 2 or len(features) != len(captions) or len(captions) < 2:
        raise CorpusError(
            "expected a matrix with one row of features for each caption, and at least two, found "
            f"features of shape {features.shape} and {len(captions)} captions"
        )
    check_finite_rows(features)
    if vectors is None and (frozen or unfreeze_after is not None):
        raise ConfigError(FROZEN_WITHOUT_VECTORS)
    settings = tokenizer if tokenizer is not None else tokenizer_settings(vectors)
    rng = np.random.default_rng(options.seed)
    cut = token_cutter(settings)
    texts = [cut(caption) for caption in captions]
    _, images = np.unique(features, axis=0, return_inverse=True)
    kept, held = hold_out_groups(images.reshape(-1), valid_fraction, rng)
    table = TokenTable.from_texts([texts[i] for i in kept], min_count)
    scale = 1.0 / np.maximum(features[kept].std(axis=0), 1e-6)
    model = Captioner(
        config,
        features.shape[1],
        table,
        table.first_vectors(vectors, vector_size, rng),
        tokenizer=settings,
        mean=features[kept].mean(axis=0),
        scale=scale,
        rng=rng,
    )
    if vectors is not None:
        model.embedding.frozen = frozen or unfreeze_after is not None
        model.embedding.learnt = np.array([not vectors.has_vector(token) for token in table.tokens])
    task = _Task(
        model, features, [table.encode(text) for text in texts], kept, held, options.batch_size, unfreeze_after
    )
    identity = Identity(
        Captioner.TASK,
        {
            **asdict(config),
            **{name: settings.get(name) for name in ("tokenizer", "lowercase")},
            "min_count": min_count,
            "frozen": frozen,
            "unfreeze_after": unfreeze_after,
            "valid_fraction": valid_fraction,
        },
        {"training data": [features, captions]},
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


def check_finite_rows(features: Array) -> None:
    """Refuse features that are no numbers.

    Raises
    ------
    CorpusError
        Naming the first row that holds NaN or infinity.
    """
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise CorpusError(f"row {bad[0] + 1} of the features holds NaN or infinity: expected finite numbers")


def _shifted(captions: Sequence[Array]) -> tuple[Array, Array, Array]:
    """What the decoder reads, what it is to guess, and which places are real."""
    end = np.array([END_ID])
    ids, mask = padded([np.concatenate([end, text]) for text in captions])
    return ids, padded([np.concatenate([text, end]) for text in captions])[0], mask


class _Task:
    """A captioner with its data, as `fit` wants it."""

    def __init__(
        self,
        model: Captioner,
        features: Array,
        captions: list[Array],
        kept: Array,
        held: Array,
        batch_size: int,
        unfreeze_after: int | None,
    ) -> None:
        self.model, self.parameters, self.features, self.captions = model, model.parameters, features, captions
        self.kept, self.held = kept, held
        self.lengths = np.array([len(captions[i]) for i in kept])
        self.batch_size, self.unfreeze_after = batch_size, unfreeze_after

    def batches(self, rng: np.random.Generator) -> list[Array]:
        return bucketed_batches(self.lengths, self.batch_size, rng)

    def start_epoch(self, epoch: int) -> None:
        if self.unfreeze_after is not None:
            self.model.embedding.frozen = epoch <= self.unfreeze_after

    def loss_and_gradients(self, batch: Array, rng: np.random.Generator) -> tuple[float, Gradients]:
        rows = self.kept[batch]
        return self.model.loss_and_gradients(self.features[rows], [self.captions[i] for i in rows], rng)

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        total, count = 0.0, 0
        for low in range(0, len(self.held), 64):
            rows = self.held[low : low + 64]
            part, n = self.model.score(self.features[rows], [self.captions[i] for i in rows])
            total, count = total + part, count + n
            check()
        return {"valid_perplexity": float(np.exp(-total / count))}
