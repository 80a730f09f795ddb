"""Training a captioner on features and their captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from embedkit.errors import CorpusError, check_texts, counted
from embedkit.nn.layers.parameters import Array, Gradients
from embedkit.nn.learning.batches import bucketed_batches, hold_out_groups
from embedkit.nn.learning.bleu import bleu, exact_matches
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.loop import History, fit
from embedkit.nn.learning.options import VALID_FRACTION, VECTOR_SIZE, TrainingOptions, check_frozen, unfreeze
from embedkit.nn.models.captioner import CAPTION_TRAINING, CaptionConfig, Captioner, check_captions, check_finite_rows
from embedkit.nn.models.decoding import Search
from embedkit.nn.words.token_table import TokenTable
from embedkit.nn.words.tokens import chosen_settings
from embedkit.progress import ProgressCallback
from embedkit.text.tokens import TokenizerSettings, token_cutter

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors


def train_captioner(
    features: Array,
    captions: Sequence[str],
    vectors: KeyedVectors | None = None,
    *,
    config: CaptionConfig | None = None,
    options: TrainingOptions | None = None,
    valid_fraction: float = VALID_FRACTION,
    vector_size: int = VECTOR_SIZE,
    min_count: int = 1,
    max_vocab: int | None = None,
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
    features : float (n, n_features), or (n, n_regions, n_features) for attention over regions
    captions : sequence of str
        One for each row of features.
    vectors : KeyedVectors, optional
        First vectors of the words.
    max_vocab : int, optional
        At most so many tokens, the most frequent.
    config, options, valid_fraction, vector_size, min_count, tokenizer, frozen, unfreeze_after
        As in `embedkit.nn.models.seq2seq_training.train_seq2seq`.
    progress, note, log, checkpoint, resume
        See `embedkit.nn.learning.loop.fit`.

    Raises
    ------
    CorpusError
        When captions and features are not as many, a feature is not finite or a caption blank.
    ConfigError
        When vectors are to be frozen and there are none.
    """
    options = options or CAPTION_TRAINING
    check_texts(captions, "captions")
    config = replace(config or CaptionConfig(), regions=features.ndim == 3)
    if features.ndim not in (2, 3) or len(features) != len(captions) or len(captions) < 2 or not features.size:
        raise CorpusError(
            "expected one row of features (or of regions with features) for each caption, and at least two, found "
            f"features of shape {features.shape} and {counted(len(captions), 'caption')}"
        )
    check_finite_rows(features)
    check_captions(captions)
    check_frozen(vectors is not None, frozen, unfreeze_after, options.epochs)
    settings = chosen_settings(tokenizer, vectors)
    rng = np.random.default_rng(options.seed)
    cut = token_cutter(settings)
    texts = [cut(caption) for caption in captions]
    _, images = np.unique(features, axis=0, return_inverse=True)
    kept, held = hold_out_groups(images.reshape(-1), valid_fraction, rng)
    table = TokenTable.from_texts([texts[i] for i in kept], min_count, max_vocab)
    seen = features[kept].reshape(-1, features.shape[-1])
    scale = 1.0 / np.maximum(seen.std(axis=0), 1e-6)
    model = Captioner(
        config,
        features.shape[-1],
        table,
        table.first_vectors(vectors, vector_size, rng),
        tokenizer=settings,
        mean=seen.mean(axis=0),
        scale=scale,
        rng=rng,
    )
    table.start_frozen(model.embedding, vectors, frozen or unfreeze_after is not None)
    task = _Task(
        model, features, [table.encode(text) for text in texts], kept, held, options.batch_size, unfreeze_after
    )
    identity = Identity(
        Captioner.TASK,
        {
            **asdict(config),
            **{name: settings.get(name) for name in ("tokenizer", "lowercase")},
            "min_count": min_count,
            "max_vocab": max_vocab,
            "frozen": frozen,
            "unfreeze_after": unfreeze_after,
            "valid_fraction": valid_fraction,
        },
        {"training data": [features, list(captions)]},
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


class Captioned(NamedTuple):
    """How good captions are.

    Attributes
    ----------
    bleu : float
        0–1, over all images, each with all its references.
    exact : float
        Share of images whose caption is one of their references.
    images, references : int
    """

    bleu: float
    exact: float
    images: int
    references: int


def evaluate_captioner(
    model: Captioner, features: Array, captions: Sequence[str], search: Search | None = None
) -> Captioned:
    """BLEU and exact matches; equal rows of features are one image, and their captions its references.

    Parameters
    ----------
    model : Captioner
    features : float (n, n_features), or (n, n_regions, n_features) for a model of regions
    captions : sequence of str
        One for each row of features.
    search : Search, optional
        Greedy by default.

    Raises
    ------
    ConfigError
        When the features are of another shape than the model's.
    CorpusError
        When captions and features are not as many, a feature is not finite or a caption blank.
    """
    check_texts(captions, "captions")
    if len(features) != len(captions):
        rows = counted(len(features), "row")
        raise CorpusError(f"expected a caption for each row of features, found {len(captions)} for {rows}")
    check_captions(captions)
    cut = token_cutter(model.tokenizer)
    references: dict[bytes, list[list[str]]] = {}
    first: dict[bytes, int] = {}
    for i, (row, text) in enumerate(zip(features, captions, strict=True)):
        references.setdefault(row.tobytes(), []).append(cut(text))
        first.setdefault(row.tobytes(), i)
    answers = model.captions(features[list(first.values())], search or Search())
    found, texts = [cut(several[0][0]) for several in answers], list(references.values())
    return Captioned(bleu(found, texts), exact_matches(found, texts), len(found), len(captions))


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
        unfreeze([self.model.embedding], epoch, self.unfreeze_after)

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
