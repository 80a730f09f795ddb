"""A trained language model as encoder: vectors of words in their sentence (Peters et al. 2018, "Deep contextualized
word representations").

Frozen, a word's vector is γ Σ s_j h_j over the model's layers j, with s = softmax(w) and γ learnt for the task (eq.
1). Fine-tuned, it is the top layer's, and the whole language model trains along.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from embedkit.errors import ConfigError
from embedkit.nn.layers.losses import softmax, softmax_backward
from embedkit.nn.layers.parameters import Array, Draws, Gradients, Parameters, merge_gradients, with_prefix
from embedkit.nn.layers.stacks import StackCache, StackState
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_model import OLDER, LanguageModel
from embedkit.nn.models.loading import Recipe
from embedkit.nn.words.token_table import END_ID, UNKNOWN_ID, TokenTable
from embedkit.nn.words.tokens import warn_unknown
from embedkit.options import used
from embedkit.text.tokens import TokenizerSettings, of_chars
from embedkit.text.user_dictionary import without_words


class Window(NamedTuple):
    """One stretch of a text that a stack read: which steps, which are real, ids, their own vectors, the cache."""

    steps: slice
    mask: Array
    ids: Array
    embedded: Array
    cache: StackCache


class ContextCache(NamedTuple):
    """What `ContextualEncoder.forward` leaves for its backward.

    Attributes
    ----------
    mask : bool (batch, time)
    windows : list of list of Window
        For each stack, where the language model trains.
    layers : list of float (batch, time, width)
        What is mixed, where it does not.
    shares : float (n_layers,)
    mixed : float (batch, time, width)
        Their sum by shares.
    """

    mask: Array
    windows: list[list[Window]]
    layers: list[Array]
    shares: Array
    mixed: Array


class ContextualEncoder:
    """The stacks of a language model as a layer.

    Parameters
    ----------
    model : LanguageModel
    tuned : bool
        Train the language model too.

    Attributes
    ----------
    parameters : dict
        What trains: ``mix`` (n_layers,) and ``gamma`` (1,), or the language model's own.
    """

    def __init__(self, model: LanguageModel, tuned: bool = False) -> None:
        self.model, self.tuned = model, tuned
        self.parameters: Parameters = {}
        if tuned:
            self.parameters |= with_prefix("embedding", model.embedding.parameters)
            for name, stack in model.stacks.items():
                self.parameters |= with_prefix(name, stack.parameters)
            if model.token is not None:
                self.parameters |= with_prefix("token", model.token.parameters)
        else:
            dtype = model.embedding.parameters["weight"].dtype
            self.parameters = {"mix": np.zeros(model.n_layers, dtype), "gamma": np.ones(1, dtype)}

    @classmethod
    def open(cls, path: str | os.PathLike[str], tuned: bool = False) -> ContextualEncoder:
        """From the file that ``embedkit lm train`` wrote."""
        return cls(LanguageModel.load(path), tuned)

    @property
    def width(self) -> int:
        """Values of a word's vector."""
        return self.model.width

    def cutting(self, settings: TokenizerSettings) -> TokenizerSettings:
        """How a task cuts its lines for this model: those of characters read blanks in training, and get them here.

        Raises
        ------
        ConfigError
            As `check_tokenizer`.
        """
        self.check_tokenizer(settings)
        return {**settings, "blanks": True} if of_chars(settings) else settings

    def check_tokenizer(self, settings: TokenizerSettings) -> None:
        """Refuse a model of characters for sentences cut into words.

        Raises
        ------
        ConfigError
        """
        own, other = (s.get("tokenizer") or "whitespace" for s in (self.model.tokenizer, settings))
        if (own == "chars") != (other == "chars"):
            raise ConfigError(
                without_words(
                    f"the language model reads tokens of the tokenizer {own}, the task's are those of {other}; "
                    f"train it with `tokenizer` {other}"
                )
            )

    def tell_unknown(self, tokens: Sequence[str]) -> None:
        """Warn where the language model knows hardly any of a text's different tokens."""
        warn_unknown(int((self.ids(tokens) != UNKNOWN_ID).sum()), len(tokens), "language model")

    def ids(self, tokens: Sequence[str]) -> Array:
        """Numbers of tokens, int64 (n,), as `forward` takes them; lower-cased where the model's text was."""
        if self.model.tokenizer.get("lowercase"):
            tokens = [token.lower() for token in tokens]
        return self.model.table.encode(tokens)

    def forward(
        self, ids: Array, mask: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[Array, ContextCache]:
        """ids : int64 (batch, time), mask : bool (batch, time) → float (batch, time, width).

        Dropout inside the language model works only while it is tuned.
        """
        draws: Draws = {"training": training and self.tuned, "rng": rng}
        lengths = mask.sum(1)
        parts = [self._read(name, ids, lengths, draws) for name in self.model.stacks]
        layers = [np.concatenate(same, axis=2) for same in zip(*(part[0] for part in parts), strict=True)]
        if self.tuned:
            y = layers[-1] * mask[..., None]
            return y, ContextCache(mask, [part[1] for part in parts], [], np.ones(1), y)
        shares = softmax(self.parameters["mix"])
        mixed = np.sum([share * layer for share, layer in zip(shares, layers, strict=True)], axis=0) * mask[..., None]
        return mixed * self.parameters["gamma"], ContextCache(mask, [], layers, shares, mixed)

    def backward(self, dy: Array, cache: ContextCache) -> tuple[None, Gradients]:
        """dy : float (batch, time, width) → grads; ids have no gradient."""
        dy = dy * cache.mask[..., None]
        if not self.tuned:
            dshares = np.array([np.vdot(dy, layer) for layer in cache.layers], dy.dtype) * self.parameters["gamma"]
            dgamma = np.array([np.vdot(dy, cache.mixed)], dy.dtype)
            return None, {"mix": softmax_backward(dshares, cache.shares), "gamma": dgamma}
        grads: Gradients = {}
        size = self.model.config.hidden_size
        for i, (name, windows) in enumerate(zip(self.model.stacks, cache.windows, strict=True)):
            self._read_backward(name, dy[..., i * size : (i + 1) * size], cache.mask.sum(1), windows, grads)
        return None, grads

    def _read(self, name: str, ids: Array, lengths: Array, draws: Draws) -> tuple[list[Array], list[Window]]:
        """Every layer of one stack over ``</s> w1 … wn``, without the first step, and what backward needs.

        A Transformer sees `context` tokens at a time; recurrent layers read on across such windows.
        """
        if name == "backwards":
            ids = _reversed(ids, lengths)
        ids = np.concatenate([np.full((len(ids), 1), END_ID), ids], axis=1)
        mask = np.arange(ids.shape[1]) < (lengths + 1)[:, None]
        found, windows, stack = [], [], self.model.stacks[name]
        state: StackState = None
        for low in range(0, ids.shape[1], self.model.config.context):
            part = slice(low, low + self.model.config.context)
            x, embedded = self.model.embed(ids[:, part])
            outputs, cache = stack.forward(x, mask[:, part], state, **draws)
            state = cache.state
            found.append(outputs if self.model.token is None else [x, *outputs])
            windows.append(Window(part, mask[:, part], ids[:, part], embedded, cache))
        layers = [np.concatenate(same, axis=1)[:, 1:] for same in zip(*found, strict=True)]
        return [_reversed(layer, lengths) for layer in layers] if name == "backwards" else layers, windows

    def _read_backward(self, name: str, dy: Array, lengths: Array, windows: list[Window], grads: Gradients) -> None:
        """Gradients of one stack and the embedding, added to `grads`; none go from one window to the one before."""
        if name == "backwards":
            dy = _reversed(dy, lengths)
        dy = np.concatenate([np.zeros_like(dy[:, :1]), dy], axis=1)
        for steps, mask, seen, embedded, cache in windows:
            dx, own = self.model.stacks[name].backward(np.ascontiguousarray(dy[:, steps]), cache)
            merge_gradients(grads, self.model.embed_backward(dx, seen, mask, embedded))
            merge_gradients(grads, with_prefix(name, own))

    def to_config(self) -> dict[str, Any]:
        """What a model file's configuration says of it."""
        return {"language_model": used(self.model.config), "tokenizer": self.model.tokenizer, "tuned": self.tuned}

    def to_tensors(self, prefix: str) -> dict[str, np.ndarray]:
        """What a model file stores: the language model without its softmax, and the mixture."""
        kept = {key: a for key, a in self.model.parameters.items() if not key.startswith("output.")}
        mixture = {} if self.tuned else self.parameters
        return {**with_prefix(prefix, {**kept, **mixture}), **self.model.table.to_tensors(f"{prefix}.table.")}

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> ContextualEncoder:
        """The inverse of `to_config` and `to_tensors`; `recipe` is of the part of the file that they wrote."""
        config = recipe.config(LanguageModelConfig, OLDER)
        weight = np.array(recipe.matrix("embedding.weight"))
        table = TokenTable.from_tensors(recipe.tensors, "table.")
        model = LanguageModel(
            config, table, weight, tokenizer=recipe.tokenizer("tokenizer"), rng=recipe.rng, output=False
        )
        encoder = cls(model, recipe.flag("tuned"))
        recipe.fill(model, beside=("table.", "mix", "gamma"))
        if not encoder.tuned:
            recipe.fill(encoder, beside=(*model.parameters, "table."))
        return encoder


def _reversed(rows: Array, lengths: Array) -> Array:
    """Each row (batch, time, ...) backwards within its length; the padding stays."""
    time = np.arange(rows.shape[1])
    place = np.where(time < lengths[:, None], lengths[:, None] - 1 - time, time)
    return rows[np.arange(len(rows))[:, None], place]
