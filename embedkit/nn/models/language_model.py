"""Neural language models: recurrent or causal Transformer, ELMo, and masked words.

A text w1 … wn is read as ``</s> w1 … wn </s>``. Everything is a stack over embeddings and one softmax:

===========================  ========================================================================================
rnn gru lstm transformer     one stack from left to right; after each token, the next one's probability
elmo                         two stacks of LSTMs, one over the text and one over it reversed, which share embeddings
                             and softmax; their layers, linearly combined, are a word's vector in its context (Peters
                             et al. 2018)
masked                       a stack that sees both sides; 15 % of the tokens are to be guessed, of which 80 % are
                             hidden behind ``<mask>``, 10 % changed and 10 % left (Devlin et al. 2019)
===========================  ========================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from embedkit.counting.drawing import draw
from embedkit.errors import ConfigError
from embedkit.files.model_file import save_model
from embedkit.nn.layers.dense import Dropout, Linear, TiedLinear
from embedkit.nn.layers.embedding import Embedding
from embedkit.nn.layers.losses import cross_entropy, log_softmax, softmax
from embedkit.nn.layers.parameters import (
    Array,
    Draws,
    Gradients,
    Layer,
    Parameters,
    merge_gradients,
    values_of,
    with_prefix,
)
from embedkit.nn.layers.stacks import RecurrentStack, StackState, TransformerStack
from embedkit.nn.learning.batches import padded
from embedkit.nn.models.language_config import LANGUAGE_MODELS, LanguageModelConfig
from embedkit.nn.models.loading import Recipe, open_model
from embedkit.nn.models.masking import GAPS, hide_some_words, without_mask
from embedkit.nn.words.token_table import END_ID, MASK_ID, SPECIALS, UNKNOWN_ID, TokenTable
from embedkit.options import used
from embedkit.text.tokens import TokenizerSettings, join_tokens, token_cutter

OLDER = {"token_layer": False}  # of files that do not say


class LanguageModel:
    """Probabilities of words given others.

    Parameters
    ----------
    config : LanguageModelConfig
    table : TokenTable
    weight : float (n_tokens, d)
        First values of the embedding.
    tokenizer : dict
        ``tokenizer`` and ``lowercase``.
    rng : numpy.random.Generator
        First values of the rest.
    output : bool
        Without it the model has no softmax: it only gives vectors.
    """

    TASK = "lm"

    def __init__(
        self,
        config: LanguageModelConfig,
        table: TokenTable,
        weight: Array,
        *,
        tokenizer: TokenizerSettings,
        rng: np.random.Generator,
        output: bool = True,
    ) -> None:
        self.config, self.table, self.tokenizer = config, table, tokenizer
        self.cut = token_cutter(tokenizer)
        width, size, dtype = weight.shape[1], config.hidden_size, weight.dtype
        self.embedding = Embedding(weight)
        self.token = (
            Linear(width, size, rng=rng, dtype=dtype) if config.model == "elmo" and config.token_layer else None
        )
        self.stacks: dict[str, RecurrentStack | TransformerStack] = {}
        if config.model in {"transformer", "masked"}:
            self.stacks["stack"] = TransformerStack(
                width,
                size,
                config.num_layers,
                config.heads,
                config.dropout,
                causal=config.model == "transformer",
                rng=rng,
                dtype=dtype,
            )
        else:
            cell = "lstm" if config.model == "elmo" else config.model
            for name in ("forwards", "backwards") if config.model == "elmo" else ("stack",):
                self.stacks[name] = RecurrentStack(
                    cell,
                    size if self.token is not None else width,
                    size,
                    config.num_layers,
                    config.dropout,
                    rng=rng,
                    dtype=dtype,
                )
        self.dropout = Dropout(config.dropout)
        parts: dict[str, Layer] = {"embedding": self.embedding, **self.stacks}
        if self.token is not None:
            parts["token"] = self.token
        if config.tied and width != size:
            raise ConfigError(f"tied weights need vectors as wide as `hidden_size`, {size}, not {width}")
        if output:
            self.output: Linear | TiedLinear = (
                TiedLinear(weight) if config.tied else Linear(size, len(table), rng=rng, dtype=dtype)
            )
            parts["output"] = self.output
        self.parameters: Parameters = {}
        for name, part in parts.items():
            self.parameters |= with_prefix(name, part.parameters)

    # Learning

    def loss_and_gradients(
        self, texts: Sequence[Array], rng: np.random.Generator, *, training: bool = True
    ) -> tuple[float, Gradients]:
        """Mean loss a token of some encoded texts, in nats, and its gradient."""
        loss, count = 0.0, 0
        grads: Gradients = {}
        for name, ids, targets, mask in self._views(texts, rng):
            part, n, own = self._walk(name, ids, targets, mask, training, rng)
            loss, count = loss + part, count + n
            merge_gradients(grads, own)
        scale = 1.0 / max(count, 1)
        for gradient in grads.values():
            values_of(gradient)[...] *= scale
        return loss / max(count, 1), grads

    def score(self, texts: Sequence[Array], rng: np.random.Generator) -> Array:
        """float64 (n_texts, 4): the log-probability of a text's guesses, their number, both of ``<unk>`` alone.

        `rng` chooses what is hidden from a masked-word model.
        """
        scores = np.zeros((len(texts), 4))
        for name, ids, targets, mask in self._views(texts, rng):
            state: StackState = None
            for low in range(0, ids.shape[1], self.config.context):
                part = slice(low, low + self.config.context)
                hidden, state = self._hidden(name, ids[:, part], mask[:, part], state)
                wanted = targets[:, part]
                guessed = wanted >= 0
                log_p = log_softmax(without_mask(self.output.forward(hidden[guessed])[0]))
                found = log_p[np.arange(len(log_p)), wanted[guessed]].astype(np.float64)
                unknown = wanted[guessed] == UNKNOWN_ID
                of_text = np.nonzero(guessed)[0]
                for column, values in enumerate((found, found**0, found * unknown, unknown)):
                    scores[:, column] += np.bincount(of_text, values, len(texts))
        return scores

    def _views(self, texts: Sequence[Array], rng: np.random.Generator) -> list[tuple[str, Array, Array, Array]]:
        """For each stack its name, what it reads, what it is to guess (−1: nothing), and which places are real.

        All are (batch, time).
        """
        ends = np.array([END_ID])
        if self.config.model == "masked":
            ids, mask = padded([np.concatenate([ends, text, ends]) for text in texts])
            return [("stack", *hide_some_words(ids, mask, len(self.table), rng), mask)]
        views = []
        for name in self.stacks:
            ordered = [text[::-1] if name == "backwards" else text for text in texts]
            ids, mask = padded([np.concatenate([ends, text]) for text in ordered])
            targets, _ = padded([np.concatenate([text, ends]) for text in ordered], fill=-1)
            views.append((name, ids, targets, mask))
        return views

    def _walk(
        self, name: str, ids: Array, targets: Array, mask: Array, training: bool, rng: np.random.Generator
    ) -> tuple[float, int, Gradients]:
        """Summed loss and gradients of one stack over a batch, `context` steps at a time."""
        loss, count, stack = 0.0, 0, self.stacks[name]
        state: StackState = None
        grads: Gradients = {}
        draws: Draws = {"training": training, "rng": rng}
        for low in range(0, ids.shape[1], self.config.context):
            part = slice(low, low + self.config.context)
            wanted = targets[:, part]
            x, embedded = self.embed(ids[:, part])
            outputs, cache = stack.forward(x, mask[:, part], state, **draws)
            state = cache.state
            hidden, dropped = self.dropout.forward(outputs[-1][wanted >= 0], **draws)
            logits, kept = self.output.forward(hidden)
            part_loss, dlogits = cross_entropy(logits, wanted[wanted >= 0], reduction="sum")
            dhidden, own = self.output.backward(dlogits, kept)
            dy = np.zeros_like(outputs[-1])
            dy[wanted >= 0] = self.dropout.backward(dhidden, dropped)[0]
            if self.config.tied:
                tied = own.pop("weight")
                if not self.embedding.frozen:
                    merge_gradients(grads, {"embedding.weight": tied})
            dx, stack_grads = stack.backward(dy, cache)
            merge_gradients(grads, self.embed_backward(dx, ids[:, part], mask[:, part], embedded))
            merge_gradients(grads, {**with_prefix(name, stack_grads), **with_prefix("output", own)})
            loss, count = loss + part_loss, count + len(logits)
        return loss, count, grads

    def embed(self, ids: Array) -> tuple[Array, Array]:
        """What the stacks read, float (batch, time, width), and the words' own vectors."""
        x, _ = self.embedding.forward(ids)
        return (x if self.token is None else self.token.forward(x)[0]), x

    def embed_backward(self, dx: Array, ids: Array, mask: Array, embedded: Array) -> Gradients:
        """The gradients of `embed`, of real tokens."""
        dx, grads = dx[mask], Gradients()
        if self.token is not None:
            dx, own = self.token.backward(dx, embedded[mask])
            grads |= with_prefix("token", own)
        _, rows = self.embedding.backward(dx, ids[mask])
        return grads | with_prefix("embedding", rows)

    def _hidden(self, name: str, ids: Array, mask: Array, state: StackState = None) -> tuple[Array, StackState]:
        """The last layer of one stack, float (batch, time, hidden_size), and its state."""
        x, _ = self.embed(ids)
        outputs, cache = self.stacks[name].forward(x, mask, state)
        return outputs[-1], cache.state

    # Answers

    def next_probabilities(self, tokens: Sequence[str]) -> Array:
        """How likely each token of the table comes next: float32 (n_tokens,); ``<mask>`` never does.

        Raises
        ------
        ConfigError
            For a masked-word model, which cannot tell.
        """
        self._need_next_word("predict the next word")
        ids = np.concatenate([[END_ID], self.table.encode(tokens)])
        return softmax(self._step(ids, None)[0])

    def generate(
        self,
        tokens: Sequence[str],
        *,
        max_tokens: int = 50,
        temperature: float = 1.0,
        topk: int | None = None,
        top_p: float | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[str]:
        """Write on after `tokens`, until ``</s>`` or `max_tokens`.

        Parameters
        ----------
        tokens : sequence of str
            The beginning; may be empty.
        max_tokens : int
        temperature : float
            Divides the logits: below 1 likelier words, above 1 more daring ones, 0 always the likeliest.
        topk : int, optional
            Draw among so many likeliest only.
        top_p : float, optional
            Draw among the likeliest that together have this probability (Holtzman et al. 2020).
        rng : numpy.random.Generator, optional
        """
        self._need_next_word("generate")
        rng = rng or np.random.default_rng()
        ids = np.concatenate([[END_ID], self.table.encode(tokens)])
        state: StackState = None
        written: list[int] = []
        while len(written) < max_tokens:
            logits, state = self._step(ids if state is None else ids[-1:], state)
            logits[:END_ID] = -np.inf  # <unk> cannot be written
            chosen = draw(softmax(logits.astype(np.float64)), temperature, topk, top_p, rng)
            if chosen == END_ID:
                break
            written.append(chosen)
            ids = np.append(ids, chosen)
        return self.table.decode(written)

    def _step(self, ids: Array, state: StackState) -> tuple[Array, StackState]:
        """Scores of what comes after the last of `ids`, int64 (n,), read on from `state`; and the state after, None
        where the last `context` tokens are to be read anew."""
        stack = next(iter(self.stacks.values()))
        if isinstance(stack, TransformerStack):
            ids = ids[-self.config.context :]
        x, _ = self.embed(ids[None])
        outputs, cache = stack.forward(x, np.ones((1, len(ids)), bool), state)
        logits, _ = self.output.forward(outputs[-1][0, -1])
        return without_mask(logits), cache.after(self.config.context)

    def _need_next_word(self, what: str) -> None:
        if self.config.model == "masked":
            raise ConfigError(f"a masked-word model cannot {what}: it fills gaps; mark one with ___")

    def fill(self, tokens: Sequence[str]) -> Array:
        """How likely each token stands at the one ``___`` or ``<mask>`` among `tokens`: float32 (n_tokens,).

        Raises ConfigError where there is not one gap, and for models that are not of masked words.
        """
        gaps = [i for i, token in enumerate(tokens) if token in GAPS]
        if len(gaps) != 1:
            raise ConfigError(f"expected one gap ___ in the text, found {len(gaps)}")
        if self.config.model != "masked":
            raise ConfigError("only a masked-word model fills gaps: train with `model` masked")
        ids = np.concatenate([[END_ID], self.table.encode(tokens), [END_ID]])
        ids[gaps[0] + 1] = MASK_ID
        low = max(0, min(gaps[0] + 1 - self.config.context // 2, len(ids) - self.config.context))
        ids = ids[low : low + self.config.context]
        hidden, _ = self._hidden("stack", ids[None], np.ones((1, len(ids)), bool))
        logits, _ = self.output.forward(hidden[0, gaps[0] + 1 - low])
        logits[: len(SPECIALS)] = -np.inf
        return softmax(logits)

    def vectors(self, tokens: Sequence[str], layer_weights: Sequence[float] | None = None) -> Array:
        """The vectors of tokens in their context: float32 (n, width).

        Parameters
        ----------
        tokens : sequence of str
        layer_weights : sequence of float, optional
            How much each layer counts in the sum, the lowest first; equal shares by default (Peters et al.
            2018, eq. 1, with γ = 1). ELMo's layers are both directions beside each other. Another number of
            weights, or one that is not finite, raises ConfigError.
        """
        n_layers = self.n_layers
        weights = [1.0 / n_layers] * n_layers if layer_weights is None else list(layer_weights)
        if len(weights) != n_layers or not np.isfinite(weights).all():
            raise ConfigError(f"expected a number for each layer of the model ({n_layers}), found {weights}")
        if not tokens:
            return np.zeros((0, self.width), np.float32)
        ids = self.table.encode(tokens)
        parts = [self._layer_sum(name, ids[::-1] if name == "backwards" else ids, weights) for name in self.stacks]
        return np.concatenate(
            [part[::-1] if name == "backwards" else part for name, part in zip(self.stacks, parts, strict=True)], axis=1
        )

    @property
    def width(self) -> int:
        """Values of a vector in context."""
        return self.config.hidden_size * len(self.stacks)

    @property
    def n_layers(self) -> int:
        """Layers whose sum is a vector in context: those of a stack, for ELMo the words' own below them."""
        return self.config.num_layers + (self.token is not None)

    def _layer_sum(self, name: str, ids: Array, weights: Sequence[float]) -> Array:
        stack, found = self.stacks[name], []
        state: StackState = None
        ids = np.concatenate([[END_ID], ids, [END_ID] if self.config.model == "masked" else []]).astype(np.int64)
        for low in range(0, len(ids), self.config.context):
            part = ids[low : low + self.config.context]
            x, _ = self.embed(part[None])
            outputs, cache = stack.forward(x, np.ones((1, len(part)), bool), state)
            state = cache.state
            layers = outputs if self.token is None else [x, *outputs]
            found.append(sum(w * layer[0] for w, layer in zip(weights, layers, strict=True)))
        last = -1 if self.config.model == "masked" else None
        return np.concatenate(found)[1:last].astype(np.float32)

    # Files

    def text_of(self, tokens: Sequence[str]) -> str:
        """Tokens as text."""
        return join_tokens(tokens, self.tokenizer)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.files.model_file`)."""
        save_model(
            path,
            self.TASK,
            self.config.model,
            {**used(self.config), "tokenizer": self.tokenizer},
            {**self.parameters, **self.table.to_tensors("table.")},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LanguageModel:
        """Open a model file.

        Raises
        ------
        FormatError
            When the file is damaged or no neural language model.
        """

        def make(recipe: Recipe) -> LanguageModel:
            config = recipe.config(LanguageModelConfig, OLDER)
            weight = np.array(recipe.matrix("embedding.weight"))
            table = TokenTable.from_tensors(recipe.tensors, "table.")
            model = cls(config, table, weight, tokenizer=recipe.tokenizer("tokenizer"), rng=recipe.rng)
            recipe.fill(model, beside=("table.",))
            return model

        return open_model(path, cls.TASK, LANGUAGE_MODELS, make)
