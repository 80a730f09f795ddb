"""Captions: features in, words out. A feature vector, from any image network, starts an LSTM that writes the words
(Vinyals et al. 2015; it enters as the first state instead of a first word, as in Mao et al. 2015).

Where each image has vectors of several regions, their mean starts the LSTM, and each word looks at the regions by
additive attention ("Show, Attend and Tell", Xu et al. 2015, section 3.1.2, soft attention): the weighted mean c of the
regions joins the LSTM's output h as tanh(W [h; c]) before the next word is guessed (Luong et al. 2015, eq. 5).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.files.model_file import save_model
from embedkit.nn.layers.attention import AdditiveAttention, AdditiveCache
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.embedding import Embedding
from embedkit.nn.layers.losses import cross_entropy, log_softmax
from embedkit.nn.layers.parameters import Array, Draws, Gradients, Parameters, with_prefix
from embedkit.nn.layers.recurrent import LSTM, RecurrentCache
from embedkit.nn.learning.batches import padded
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.decoding import Decoded, Search
from embedkit.nn.models.loading import Recipe, open_model
from embedkit.nn.words.token_table import END, END_ID, MASK_ID, UNKNOWN_ID, TokenTable
from embedkit.options import check, option
from embedkit.text.tokens import TokenizerSettings, join_tokens, token_cutter

KIND = "lstm"
CAPTION_TRAINING = TrainingOptions(epochs=20, batch_size=32, learning_rate=2e-3, clip=1.0, patience=3)


@dataclass(frozen=True)
class CaptionConfig:
    """What a captioner is made of."""

    hidden_size: int = option(128, "Width of each layer of the LSTM.", least=1)
    num_layers: int = option(1, "Layers of the LSTM.", least=1)
    dropout: float = option(0.3, "Between layers and before the softmax.", least=0, below=1)
    # What the features say, whatever is given to training.
    regions: bool = option(False, "Each image has several vectors, which the words look at.")

    def __post_init__(self) -> None:
        check(self, idle=True)


class Looked(NamedTuple):
    """What a look at the regions leaves for its backward: the attention's cache, [h; c] and tanh of their join."""

    attended: AdditiveCache
    both: Array
    joined: Array


class Captioner:
    """Words for feature vectors, or for the vectors of an image's regions.

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
        names = ["embedding", "bridge", "decoder", "output"]
        if config.regions:
            self.attention = AdditiveAttention(size, n_features, size, rng=rng, dtype=dtype)
            self.join = Linear(size + n_features, size, rng=rng, dtype=dtype)
            names += ["attention", "join"]
        for name in names:
            self.parameters |= with_prefix(name, getattr(self, name).parameters)

    def _standard(self, features: Array) -> Array:
        """Features as the model takes them, of the same shape."""
        standard: Array = (features.astype(self.mean.dtype) - self.mean) * self.scale
        return standard

    def _whole(self, standard: Array) -> Array:
        """float (batch, n_features): the features of the whole image, the mean of its regions."""
        whole: Array = standard.mean(axis=1) if self.config.regions else standard
        return whole

    def _split(self, state: Array) -> tuple[Array, Array]:
        """(batch, 2 · layers · hidden) → h and c, (layers, batch, hidden)."""
        parts = state.reshape(len(state), 2, self.config.num_layers, self.config.hidden_size).transpose(1, 2, 0, 3)
        return np.ascontiguousarray(parts[0]), np.ascontiguousarray(parts[1])

    def loss_and_gradients(
        self, features: Array, captions: Sequence[Array], rng: np.random.Generator, *, training: bool = True
    ) -> tuple[float, Gradients]:
        """Mean loss a token, ``</s>`` included, in nats, and its gradient."""
        draws: Draws = {"training": training, "rng": rng}
        # 1. read the image, 2. the words so far, 3. look at the regions, 4. guess the next words
        ids, wanted, mask = _shifted(captions)
        standard = self._standard(features)
        whole = self._whole(standard)
        first = np.tanh(self.bridge.forward(whole)[0])
        x, drop_x = self.dropout.forward(self.embedding.forward(ids)[0], **draws)
        y, decoded = self.decoder.forward(x, mask.sum(axis=1), self._split(first), **draws)
        seen, looked = self._look(y, standard)
        hidden, drop_y = self.dropout.forward(seen[mask], **draws)
        logits, kept = self.output.forward(hidden)
        loss, dlogits = cross_entropy(logits, wanted[mask])
        # 4., 3., 2. and 1. backwards
        dhidden, output = self.output.backward(dlogits, kept)
        dseen = np.zeros_like(seen)
        dseen[mask] = self.dropout.backward(dhidden, drop_y)[0]
        dy, looking = self._look_backward(dseen, looked)
        dx, dstates, decoder = self.decoder.backward_state(dy, None, decoded)
        dfirst = np.asarray(dstates).transpose(2, 0, 1, 3).reshape(first.shape) * (1 - first * first)
        _, bridge = self.bridge.backward(dfirst, whole)
        _, embedding = self.embedding.backward(self.dropout.backward(dx, drop_x)[0][mask], ids[mask])
        return loss, {
            **with_prefix("embedding", embedding),
            **with_prefix("bridge", bridge),
            **with_prefix("decoder", decoder),
            **with_prefix("output", output),
            **looking,
        }

    def _look(self, y: Array, standard: Array) -> tuple[Array, Looked | None]:
        """y : float (batch, time, hidden), after a look at the regions, where there are any."""
        if not self.config.regions:
            return y, None
        context, attended = self.attention.forward(y, standard)
        both = np.concatenate([y, context], axis=2)
        joined = np.tanh(self.join.forward(both)[0])
        return joined, Looked(attended, both, joined)

    def _look_backward(self, dseen: Array, cache: Looked | None) -> tuple[Array, Gradients]:
        if cache is None:
            return dseen, {}
        dboth, join = self.join.backward(dseen * (1 - cache.joined * cache.joined), cache.both)
        dy, dcontext = np.split(dboth, [self.config.hidden_size], axis=2)
        (dquery, _), attention = self.attention.backward(dcontext, cache.attended)
        return dy + dquery, {**with_prefix("join", join), **with_prefix("attention", attention)}

    def score(self, features: Array, captions: Sequence[Array]) -> tuple[float, int]:
        """Sum of the captions' log-probabilities, and the number of their tokens."""
        ids, wanted, mask = _shifted(captions)
        standard = self._standard(features)
        state = self._split(np.tanh(self.bridge.forward(self._whole(standard))[0]))
        y, _ = self.decoder.forward(self.embedding.forward(ids)[0], mask.sum(axis=1), state)
        log_p = log_softmax(self.output.forward(self._look(y, standard)[0][mask])[0])
        return float(log_p[np.arange(len(log_p)), wanted[mask]].sum(dtype=np.float64)), len(log_p)

    def read(self, text: str, features: Array) -> tuple[RecurrentCache, AdditiveCache | None, list[str]]:
        """Read a caption of an image, or of no text write one: what the LSTM and the attention left, and the tokens.

        features : float (n_features,), or (n_regions, n_features) for a model of regions; errors as in `decoded`.
        """
        found = self.decoded(features[None], Search(beam=3, max_tokens=50))[0][0]
        ids = self.table.encode(token_cutter(self.tokenizer)(text)) if text.strip() else np.array(found.ids)
        tokens = [END, *self.table.decode(ids)]
        standard = self._standard(features[None])
        state = self._split(np.tanh(self.bridge.forward(self._whole(standard))[0]))
        x = self.embedding.forward(np.concatenate([[END_ID], ids]).astype(np.int64)[None])[0]
        y, cache = self.decoder.forward(x, None, state)
        looked = self._look(y, standard)[1]
        return cache, None if looked is None else looked.attended, tokens

    def caption(self, features: Array, *, beam: int = 1, max_tokens: int = 50) -> list[tuple[str, float]]:
        """The best caption and its score for each row of features; parameters and errors as `captions`."""
        return [found[0] for found in self.captions(features, Search(beam, max_tokens))]

    def captions(self, features: Array, search: Search) -> list[list[tuple[str, float]]]:
        """Captions and their scores, the best first; parameters and errors as `decoded`."""
        return [
            [(join_tokens(self.table.decode(one.ids), self.tokenizer), one.score) for one in several]
            for several in self.decoded(features, search)
        ]

    def decoded(self, features: Array, search: Search) -> list[list[Decoded]]:
        """Captions as token ids with their scores, the best first, and which regions each token looked at.

        Parameters
        ----------
        features : float (n, n_features), or (n, n_regions, n_features) for a model of regions
        search : Search

        Raises
        ------
        ConfigError
            When the features are of another shape than the model's.
        CorpusError
            When one is NaN or infinite.
        """
        wanted = 3 if self.config.regions else 2
        features = np.atleast_2d(features)
        if features.ndim != wanted or features.shape[-1] != self.n_features or 0 in features.shape[1:]:
            shape = "(images, regions, features) with features" if self.config.regions else "features"
            raise ConfigError(
                f"expected {shape} of width {self.n_features}, found an array of shape "
                f"{features.shape}: use the image network that the model was trained with"
            )
        check_finite_rows(features)
        if not len(features):
            return []
        standard = self._standard(features)
        first = np.tanh(self.bridge.forward(self._whole(standard))[0])
        return search.run(self._step, (first, standard) if self.config.regions else (first,))

    def _step(self, ids: Array, state: tuple[Array, ...]) -> tuple[Array, tuple[Array, ...], Array | None]:
        x, _ = self.embedding.forward(ids[:, None])
        y, cache = self.decoder.forward(x, None, self._split(state[0]))
        seen, looked = self._look(y, state[-1])
        logits, _ = self.output.forward(seen[:, -1])
        logits[:, [UNKNOWN_ID, MASK_ID]] = -np.inf
        after = np.stack(cache.states).transpose(2, 0, 1, 3).reshape(len(ids), -1)
        return log_softmax(logits), (after, *state[1:]), None if looked is None else looked.attended.weights[:, -1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.files.model_file`)."""
        save_model(
            path,
            self.TASK,
            KIND,
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

        return open_model(path, cls.TASK, (KIND,), make)


def check_finite_rows(features: Array) -> None:
    """Refuse features that are no numbers.

    Raises
    ------
    CorpusError
        Naming the first row that holds NaN or infinity.
    """
    bad = np.flatnonzero(~np.isfinite(features).all(axis=tuple(range(1, features.ndim))))
    if len(bad):
        raise CorpusError(f"row {bad[0] + 1} of the features holds NaN or infinity: expected finite numbers")


def check_captions(captions: Sequence[str]) -> None:
    """Refuse captions without a word.

    Raises
    ------
    CorpusError
        Naming the first.
    """
    blank = next((i for i, caption in enumerate(captions, 1) if not caption.strip()), None)
    if blank is not None:
        raise CorpusError(f"caption {blank} is blank: expected one for each row of features")


def _shifted(captions: Sequence[Array]) -> tuple[Array, Array, Array]:
    """What the decoder reads, what it is to guess, and which places are real."""
    end = np.array([END_ID])
    ids, mask = padded([np.concatenate([end, text]) for text in captions])
    return ids, padded([np.concatenate([text, end]) for text in captions])[0], mask
