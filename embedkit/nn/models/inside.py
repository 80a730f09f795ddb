"""What goes on inside a trained model while it reads a text: its recurrent layers' gates, and who looks at whom."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedkit.classification.fasttext_files import is_fasttext
from embedkit.classification.storing import is_bag, load_bag
from embedkit.errors import ConfigError
from embedkit.files.copies import on_disk
from embedkit.files.model_file import model_task
from embedkit.nn.layers.attention import AdditiveAttention, AdditiveCache, DotCache
from embedkit.nn.layers.multihead import MultiheadCache
from embedkit.nn.layers.parameters import Array
from embedkit.nn.layers.recurrent import RecurrentCache
from embedkit.nn.layers.stacks import RecurrentStackCache, TransformerStackCache

if TYPE_CHECKING:
    from embedkit.nn.models.captioner import Captioner
    from embedkit.nn.models.seq2seq import Seq2Seq

LATER = "later tokens are masked"
EMPTY = "nothing to show: the text holds no words"


@dataclass(frozen=True)
class Reading:
    """One recurrent layer that read some tokens: `part` names it where there are several in a model."""

    part: str
    tokens: list[str]
    cache: RecurrentCache


@dataclass(frozen=True)
class Look:
    """One attention: rows look at columns.

    Attributes
    ----------
    part : str
        Which one of the model.
    rows, columns : list of str
    scores : float (n_rows, n_columns)
        Before the mask and the softmax.
    scale : float
        What they were multiplied with.
    weights : float (n_rows, n_columns)
        Behind the softmax.
    width : int
        Of what was compared.
    masked : str
        What the softmax left out, whatever its score was; empty where that is nothing.
    """

    part: str
    rows: list[str]
    columns: list[str]
    scores: Array
    scale: float
    weights: Array
    width: int
    masked: str = ""


@dataclass
class Inside:
    """What a model of some kind did with a text."""

    kind: str
    readings: list[Reading] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def add(self, cache: Any, tokens: list[str], part: str = "", masked: str = "") -> Inside:
        """Add what an encoder or a stack left."""
        if isinstance(cache, RecurrentStackCache):
            cache = cache.layers[0]
        if isinstance(cache, RecurrentCache):
            self.readings.append(Reading(part, tokens, cache))
        if isinstance(cache, TransformerStackCache):
            self.look((block.attention.sublayer for block in cache.blocks), tokens, tokens, part, masked)
        return self

    def look(
        self, layers: Iterable[MultiheadCache], rows: list[str], columns: list[str], part: str = "", masked: str = ""
    ) -> None:
        """Add the heads of Transformer layers."""
        for number, layer in enumerate(layers, 1):
            inner = layer.inner
            scores = (inner.query @ inner.keys.swapaxes(-1, -2))[0]
            for head, (before, after) in enumerate(zip(scores, inner.weights[0], strict=True), 1):
                name = f"{part}layer {number}, head {head}"
                width = inner.query.shape[-1]
                self.looks.append(Look(name, rows, columns, before, float(inner.scale), after, width, masked))


def inside(path: str | os.PathLike[str], text: str, features: Array | None = None) -> Inside:
    """Let a trained model read a text.

    Parameters
    ----------
    path : path
        A model of classify, tag, lm, seq2seq or caption.
    text : str
        Of seq2seq the source, which is translated as by the command. Of caption the caption, empty for the one that
        the model writes.
    features : float (n_features,) or (n_regions, n_features), optional
        The image, for a model of caption alone.

    Raises
    ------
    ConfigError
        For another model, a text without words, or an image that is missing or does nothing.
    """
    with on_disk(path) as here:
        return _inside(here, text, features)


def _inside(path: Path, text: str, features: Array | None) -> Inside:
    task = "classify" if is_fasttext(path) else model_task(path)
    if features is not None and task != "caption":
        raise ConfigError(f"`features` are those of an image: this is a model of embedkit {task}, which reads a text")
    if task == "lm":
        return _language_model(path, text)
    if task == "classify" and is_bag(path):
        return Inside(load_bag(path).kind)
    if task in ("classify", "tag"):
        return _labelling(path, task, text)
    if task == "seq2seq":
        from embedkit.nn.models.seq2seq import Seq2Seq

        return _translating(Seq2Seq.load(path), text)
    if task == "caption":
        from embedkit.nn.models.captioner import Captioner

        if features is None:
            raise ConfigError("a model of embedkit caption looks at an image: give its `features`")
        return _captioning(Captioner.load(path), text, features)
    raise ConfigError(
        f"expected a model of embedkit classify, tag, lm, seq2seq or caption, found one of embedkit {task}"
    )


def _language_model(path: Path, text: str) -> Inside:
    from embedkit.nn.models.language_model import LanguageModel
    from embedkit.nn.models.masking import GAPS, cut_with_gap
    from embedkit.nn.words.token_table import END, MASK_ID

    model = LanguageModel.load(path)
    both = model.config.model == "masked"  # reads both ways, what stands in a gap too
    words = cut_with_gap(text, model.tokenizer) if both else model.cut(text)
    if not words:
        raise ConfigError(EMPTY)
    tokens = [END, *words, *([END] if both else [])]
    ids = model.table.encode(tokens)[None]
    if both:
        ids[0, [i for i, token in enumerate(tokens) if token in GAPS]] = MASK_ID
    stack = next(iter(model.stacks.values()))
    cache = stack.forward(model.embed(ids)[0], np.ones(ids.shape, bool))[1]
    return Inside(model.config.model).add(cache, tokens, masked="" if both else LATER)


def _labelling(path: Path, task: str, text: str) -> Inside:
    from embedkit.nn.models.classifier import Classifier
    from embedkit.nn.models.tagger import Tagger

    model: Classifier | Tagger = Classifier.load(path) if task == "classify" else Tagger.load(path)
    tokens = model.tokens(text)
    if not tokens:
        raise ConfigError(EMPTY)
    types, mask = np.arange(len(tokens))[None], np.ones((1, len(tokens)), bool)
    x, _ = model.words.forward(types, mask, model.words.rows(tokens))
    return Inside(model.config.model).add(model.encoder.forward(x, mask)[1], tokens)


def _translating(model: Seq2Seq, text: str) -> Inside:
    from embedkit.nn.models.translators import RecurrentDecoded, RecurrentEncoded, RecurrentPair, TransformerDecoded

    if not model.cut_source(text):
        raise ConfigError(EMPTY)
    answer = model.translate([text], beam=4)[0]
    encoded, read, decoded = model.read(text, answer.tokens)
    written = [*read[1:], read[0]]  # an end is read first and written last
    pair, source = model.pair, answer.source
    if isinstance(encoded, RecurrentEncoded) and isinstance(decoded, RecurrentDecoded):
        found = Inside(f"{model.config.model} with attention {model.config.attention}")
        found.add(encoded.encoder, source, "encoder").add(decoded.decoder, read, "decoder")
        if isinstance(pair, RecurrentPair) and decoded.looked is not None:
            name, end = f"{pair.kind} attention", f"{source[-1]} is masked"
            found.looks.append(_single(name, pair.attention, decoded.looked, float(pair.scale), written, source, end))
        return found
    found = Inside(model.config.model).add(encoded, source, "encoder, ")
    if isinstance(decoded, TransformerDecoded):
        found.look((block.attention.sublayer for block in decoded.blocks), read, read, "decoder, ", LATER)
        found.look((block.memory.sublayer for block in decoded.blocks), written, source, "decoder to source, ")
    return found


def _captioning(model: Captioner, text: str, features: Array) -> Inside:
    cache, looked, read = model.read(text, features)
    found = Inside(f"lstm {'that looks at regions' if looked else 'without regions to look at'}").add(cache, read)
    if looked is not None:
        regions = [f"region {i}" for i in range(1, looked.weights.shape[-1] + 1)]
        found.looks.append(_single("additive attention", model.attention, looked, 1.0, [*read[1:], read[0]], regions))
    return found


def _single(
    part: str,
    attention: Any,
    cache: AdditiveCache | DotCache,
    scale: float,
    rows: list[str],
    columns: list[str],
    masked: str = "",
) -> Look:
    """Attention of one head, additive or by products, which compared queries that `scale` had multiplied."""
    additive = isinstance(attention, AdditiveAttention)
    raw = cache.query if additive else cache.query / scale
    scores = attention.scores(raw, cache.keys)[0]
    return Look(part, rows, columns, scores, 1.0 if additive else scale, cache.weights[0], cache.keys.shape[-1], masked)
