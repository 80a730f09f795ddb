"""Sequence to sequence: a source text in, a target text out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Unpack

import numpy as np

from embedkit.errors import ConfigError, check_several, check_strings, counted
from embedkit.files.model_file import save_model
from embedkit.nn.layers.dense import Dropout, Linear
from embedkit.nn.layers.embedding import Embedding
from embedkit.nn.layers.losses import cross_entropy, log_softmax
from embedkit.nn.layers.parameters import Array, Draws, Gradients, Parameters, with_prefix
from embedkit.nn.layers.stacks import CELLS
from embedkit.nn.learning.batches import padded
from embedkit.nn.models.decoding import Decoded, Search
from embedkit.nn.models.loading import Recipe, open_model
from embedkit.nn.models.translators import ATTENTIONS, DecodedCache, EncodedCache, RecurrentPair, TransformerPair
from embedkit.nn.words.token_table import END, END_ID, MASK_ID, UNKNOWN_ID, TokenTable
from embedkit.options import check, option, used
from embedkit.text.tokens import TokenizerSettings, join_tokens, token_cutter

SEQ2SEQ_MODELS = (*CELLS, "transformer")
TRANSLATED_TOGETHER = 64
LONGEST_SOURCE = 1000


@dataclass(frozen=True)
class Seq2SeqConfig:
    """What a translator is made of; values that its `model` has no use for have no effect."""

    model: str = option("gru", "The kind of encoder and decoder.", choices=SEQ2SEQ_MODELS)
    attention: str = option("general", "Of recurrent models.", choices=ATTENTIONS, only={"model": tuple(CELLS)})
    hidden_size: int = option(128, "Width of each layer.", least=1)
    num_layers: int = option(1, "Layers of encoder and decoder.", least=1)
    heads: int = option(4, "Of the Transformer's attention.", least=1, only={"model": ("transformer",)})
    dropout: float = option(0.2, "Between layers and before the softmax.", least=0, below=1)

    def __post_init__(self) -> None:
        check(self, idle=True)


class Translation(NamedTuple):
    """A target text.

    Attributes
    ----------
    text : str
    tokens : list of str
    score : float
        Log-probability; by beam search divided by a length penalty.
    source : list of str
        What was read, ``</s>`` at its end included.
    weights : float (n_tokens + 1, n_source) or None
        What each token, and the ``</s>`` after them, attended to; None without attention.
    """

    text: str
    tokens: list[str]
    score: float
    source: list[str]
    weights: Array | None


class Encoded(NamedTuple):
    """What the encoder makes of sources: the decoder's first state, ids and mask (batch, time), and its cache."""

    state: tuple[Array, ...]
    ids: Array
    mask: Array
    cache: EncodedCache


class Seq2Seq:
    """A translator.

    Parameters
    ----------
    config : Seq2SeqConfig
    source, target : TokenTable
    source_weight, target_weight : float (n_tokens, d)
        First values of the embeddings.
    tokenizers : dict of str to dict
        ``source`` and ``target``: ``tokenizer`` and ``lowercase``.
    rng : numpy.random.Generator
        First values of the rest.
    """

    TASK = "seq2seq"

    def __init__(
        self,
        config: Seq2SeqConfig,
        source: TokenTable,
        target: TokenTable,
        source_weight: Array,
        target_weight: Array,
        *,
        tokenizers: dict[str, TokenizerSettings],
        rng: np.random.Generator,
    ) -> None:
        self.config, self.source, self.target, self.tokenizers = config, source, target, tokenizers
        self.cut_source, self.cut_target = (token_cutter(tokenizers[side]) for side in ("source", "target"))
        self.source_embedding, self.target_embedding = Embedding(source_weight), Embedding(target_weight)
        widths, dtype = (source_weight.shape[1], target_weight.shape[1]), source_weight.dtype
        self.pair: RecurrentPair | TransformerPair
        if config.model == "transformer":
            self.pair = TransformerPair(
                *widths, config.hidden_size, config.num_layers, config.heads, config.dropout, rng=rng, dtype=dtype
            )
        else:
            self.pair = RecurrentPair(
                config.model,
                *widths,
                config.hidden_size,
                config.num_layers,
                config.attention,
                config.dropout,
                rng=rng,
                dtype=dtype,
            )
        self.dropout = Dropout(config.dropout)
        self.output = Linear(self.pair.output_size, len(target), rng=rng, dtype=dtype)
        self.parameters: Parameters = {}
        for name in ("source_embedding", "target_embedding", "pair", "output"):
            self.parameters |= with_prefix(name, getattr(self, name).parameters)

    def loss_and_gradients(
        self, sources: Sequence[Array], targets: Sequence[Array], rng: np.random.Generator, *, training: bool = True
    ) -> tuple[float, Gradients]:
        """Mean loss a target token, ``</s>`` included, in nats, and its gradient."""
        draws: Draws = {"training": training, "rng": rng}
        # 1. encode, 2. decode with the right words so far, 3. guess the next ones
        state, source_ids, source_mask, encoded = self._encode(sources, **draws)
        ids, wanted, mask = _shifted(targets)
        y, _ = self.target_embedding.forward(ids)
        hidden, _, decoded = self.pair.decode(y, mask, state, **draws)
        dropped, drop_cache = self.dropout.forward(hidden[mask], **draws)
        logits, kept = self.output.forward(dropped)
        loss, dlogits = cross_entropy(logits, wanted[mask])
        # 3., 2. and 1. backwards
        ddropped, output = self.output.backward(dlogits, kept)
        dhidden = np.zeros_like(hidden)
        dhidden[mask] = self.dropout.backward(ddropped, drop_cache)[0]
        dsource, dtarget, pair = self.pair.backward(dhidden, encoded, decoded)
        _, of_source = self.source_embedding.backward(dsource[source_mask], source_ids[source_mask])
        _, of_target = self.target_embedding.backward(dtarget[mask], ids[mask])
        return loss, {
            **with_prefix("source_embedding", of_source),
            **with_prefix("target_embedding", of_target),
            **with_prefix("pair", pair),
            **with_prefix("output", output),
        }

    def score(self, sources: Sequence[Array], targets: Sequence[Array]) -> tuple[float, int]:
        """Sum of the target tokens' log-probabilities, and their number."""
        state = self._encode(sources).state
        ids, wanted, mask = _shifted(targets)
        y, _ = self.target_embedding.forward(ids)
        hidden, _, _ = self.pair.decode(y, mask, state)
        log_p = log_softmax(self.output.forward(hidden[mask])[0])
        return float(log_p[np.arange(len(log_p)), wanted[mask]].sum(dtype=np.float64)), len(log_p)

    def _encode(self, sources: Sequence[Array], **draws: Unpack[Draws]) -> Encoded:
        ids, mask = padded([np.append(source, END_ID) for source in sources])
        x, _ = self.source_embedding.forward(ids)
        state, cache = self.pair.encode(x, mask, **draws)
        return Encoded(state, ids, mask, cache)

    def read(self, line: str, target: Sequence[str]) -> tuple[EncodedCache, list[str], DecodedCache]:
        """Read a source and write a target: what the encoder left, what the decoder read, and what it left."""
        encoded = self._encode([self.source.encode(self.cut_source(line))])
        ids, _, mask = _shifted([self.target.encode(list(target))])
        _, _, decoded = self.pair.decode(self.target_embedding.forward(ids)[0], mask, encoded.state)
        return encoded.cache, [END, *target], decoded

    def translate(
        self,
        lines: Iterable[str],
        *,
        beam: int = 1,
        max_tokens: int = 100,
        length_penalty: float = 0.6,
        no_repeat: int = 0,
    ) -> list[Translation]:
        """The best target text for each source text; parameters and errors as `translations`."""
        search = Search(beam, max_tokens, length_penalty, 1, no_repeat)
        return [found[0] for found in self.translations(lines, search)]

    def knows(self, lines: Iterable[str]) -> list[bool]:
        """Whether the model knows a word of each source."""
        check_several(lines, "lines")
        return [self.source.knows(self.cut_source(line)) for line in lines]

    def too_long(self, line: str) -> str | None:
        """Why a source cannot be translated, None where it can."""
        n = len(self.cut_source(line))
        if n <= LONGEST_SOURCE:
            return None
        return f"is too long, {counted(n, 'token')} of at most {LONGEST_SOURCE:,}: split it into sentences"

    def translations(self, lines: Iterable[str], search: Search) -> list[list[Translation]]:
        """Target texts for each source text, the best first.

        Parameters
        ----------
        lines : iterable of str
        search : Search

        Raises
        ------
        ConfigError
            For a source of more than 1000 tokens, and for one string in the place of several.
        """
        check_several(lines, "lines")
        lines = list(lines)
        check_strings(lines, "lines")
        cuts = [self.cut_source(line) for line in lines]
        for line in lines:
            if reason := self.too_long(line):
                raise ConfigError(f"a source {reason}")
        order = sorted(range(len(cuts)), key=lambda i: len(cuts[i]))
        answers: dict[int, list[Translation]] = {}
        for low in range(0, len(order), TRANSLATED_TOGETHER):
            batch = order[low : low + TRANSLATED_TOGETHER]
            state = self._encode([self.source.encode(cuts[i]) for i in batch]).state
            for i, found in zip(batch, search.run(self._step, state), strict=True):
                answers[i] = [self._translation(cuts[i], one) for one in found]
        return [answers[i] for i in range(len(cuts))]

    def _translation(self, source: list[str], found: Decoded) -> Translation:
        tokens, read = self.target.decode(found.ids), [*source, END]
        weights = np.array([w[: len(read)] for w in found.weights]) if found.weights else None
        return Translation(join_tokens(tokens, self.tokenizers["target"]), tokens, found.score, read, weights)

    def _step(self, ids: Array, state: tuple[Array, ...]) -> tuple[Array, tuple[Array, ...], Array | None]:
        x, _ = self.target_embedding.forward(ids[:, None])
        hidden, state, cache = self.pair.decode(x, np.ones((len(ids), 1), bool), state)
        logits, _ = self.output.forward(hidden[:, -1])
        logits[:, [UNKNOWN_ID, MASK_ID]] = -np.inf
        weights = self.pair.weights(cache)
        return log_softmax(logits), state, None if weights is None else weights[:, -1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (`embedkit.files.model_file`)."""
        save_model(
            path,
            self.TASK,
            self.config.model,
            {**used(self.config), "tokenizers": self.tokenizers},
            {**self.parameters, **self.source.to_tensors("source."), **self.target.to_tensors("target.")},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Seq2Seq:
        """Open a model file.

        Raises
        ------
        FormatError
            When the file is damaged or no seq2seq model.
        """

        def make(recipe: Recipe) -> Seq2Seq:
            sides = ("source", "target")
            source, target = (TokenTable.from_tensors(recipe.tensors, f"{side}.") for side in sides)
            of_source, of_target = (np.array(recipe.matrix(f"{side}_embedding.weight")) for side in sides)
            tokenizers = {side: recipe.tokenizer("tokenizers", side) for side in sides}
            config = recipe.config(Seq2SeqConfig)
            model = cls(config, source, target, of_source, of_target, tokenizers=tokenizers, rng=recipe.rng)
            recipe.fill(model, beside=("source.", "target."))
            return model

        return open_model(path, cls.TASK, SEQ2SEQ_MODELS, make)


def _shifted(targets: Sequence[Array]) -> tuple[Array, Array, Array]:
    """What the decoder reads, ``</s>`` first, what it is to guess, ``</s>`` last, and which places are real."""
    end = np.array([END_ID])
    ids, mask = padded([np.concatenate([end, target]) for target in targets])
    wanted, _ = padded([np.concatenate([target, end]) for target in targets])
    return ids, wanted, mask
