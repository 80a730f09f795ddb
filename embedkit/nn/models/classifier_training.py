"""Training a classifier on ``text<TAB>label`` lines, and measuring it on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from embedkit.nn.layers.losses import cross_entropy
from embedkit.nn.layers.parameters import Gradients
from embedkit.nn.learning.batches import (
    bucketed_batches,
    hold_out,
    label_set,
    padded,
)
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.loop import History, fit
from embedkit.nn.learning.metrics import NO_ANSWER, Scores, score_labels, with_unseen
from embedkit.nn.learning.options import VALID_FRACTION, VECTOR_SIZE, TrainingOptions, check_frozen, unfreeze
from embedkit.nn.models.classifier import CLASSIFIER_TRAINING, Classifier, ClassifierConfig
from embedkit.nn.words.lookup import build_lookup
from embedkit.nn.words.tokens import TokenTypes, chosen_settings
from embedkit.nn.words.word_input import WordInput
from embedkit.progress import ProgressCallback
from embedkit.text.labelled import LabelledTexts, check_valid_labels
from embedkit.text.tokens import TokenizerSettings, text_tokenizer

if TYPE_CHECKING:
    from embedkit.classification.model import BagClassifier
    from embedkit.nn.models.contextual import ContextualEncoder
    from embedkit.query.keyed_vectors import KeyedVectors


def train_classifier(
    data: LabelledTexts,
    vectors: KeyedVectors | None = None,
    *,
    config: ClassifierConfig | None = None,
    options: TrainingOptions | None = None,
    valid: LabelledTexts | None = None,
    valid_fraction: float = VALID_FRACTION,
    vector_size: int = VECTOR_SIZE,
    tokenizer: TokenizerSettings | None = None,
    encoder: ContextualEncoder | None = None,
    unfreeze_after: int | None = None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    log: TextIO | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> tuple[Classifier, History]:
    """Train a classifier.

    Parameters
    ----------
    data : LabelledTexts
        For training.
    vectors : KeyedVectors, optional
        Word vectors to start from; random ones of `vector_size` where there are none.
    config : ClassifierConfig, optional
    options : TrainingOptions, optional
    valid : LabelledTexts, optional
        Tells the best epoch; by default a random part of `data`, `valid_fraction` of it. A label that training never
        saw counts as wrong.
    tokenizer : dict, optional
        ``tokenizer`` and ``lowercase``; by default as stored with the vectors, or with the language model
        where there are none.
    encoder : ContextualEncoder, optional
        A trained language model, whose vectors of words in context stand beside the words' own.
    unfreeze_after : int, optional
        Frozen vectors begin to train after so many epochs.
    progress, note, log, checkpoint, resume
        See `embedkit.nn.learning.loop.fit`.

    Returns
    -------
    classifier : Classifier
        With the best epoch's parameters.
    history : History

    Raises
    ------
    CorpusError
        When there are fewer than two labels, or `valid` has none of them.
    TrainingError
        When a loss or a gradient is NaN or infinite.
    """
    config, options = config or ClassifierConfig(), options or CLASSIFIER_TRAINING
    check_frozen(vectors is not None, config.frozen, unfreeze_after, options.epochs)
    labels = label_set(data.labels)
    targets, _ = with_unseen(data.labels, labels)
    own = encoder.model.tokenizer if encoder is not None and vectors is None else None
    settings = chosen_settings(tokenizer or own, vectors)
    if encoder is not None:
        settings = encoder.cutting(settings)
    rng = np.random.default_rng(options.seed)
    if valid is None:
        train, held_out = hold_out(len(data), valid_fraction, rng)
        texts, valid_targets = data.texts, targets[held_out]
    else:
        train, held_out = np.arange(len(data)), len(data) + np.arange(len(valid))
        texts = data.texts + valid.texts
        check_valid_labels(labels, set(valid.labels))
        valid_targets, _ = with_unseen(valid.labels, labels)
    cut = text_tokenizer(settings)
    sentences = [cut(text) for text in texts]
    lookup, weight, scale, learnt = build_lookup(
        vectors, (token for i in train for token in sentences[i]), vector_size=vector_size, rng=rng
    )
    words = WordInput(lookup, weight, frozen=config.frozen, learnt=learnt, scale=scale, context=encoder, rng=rng)
    classifier = Classifier(config, labels, words, tokenizer=settings, rng=rng)
    types = TokenTypes(map(classifier.within_view, sentences))
    if encoder is not None:
        encoder.tell_unknown(types.tokens)
    task = _Task(classifier, types, train, targets[train], held_out, valid_targets, options.batch_size, unfreeze_after)
    identity = Identity(
        Classifier.TASK,
        {
            **asdict(config),
            **{name: settings.get(name) for name in ("tokenizer", "lowercase")},
            **({"blanks": True} if settings.get("blanks") else {}),
            "unfreeze_after": unfreeze_after,
            "valid_fraction": valid_fraction if valid is None else None,
        },
        {
            "set of labels": labels,
            "training data": [data.texts, data.labels],
            "validation data": None if valid is None else [valid.texts, valid.labels],
        },
    )
    history = fit(
        task, options, identity=identity, progress=progress, note=note, log=log, checkpoint=checkpoint, resume=resume
    )
    return classifier, history


def evaluate_classifier(classifier: Classifier | BagClassifier, data: LabelledTexts) -> Scores:
    """Accuracy and more on labelled texts; a label that training never saw counts as wrong, so does no answer."""
    targets, names = with_unseen(data.labels, classifier.labels)
    if isinstance(classifier, Classifier):
        p = classifier.compared(data.texts)
        best, answered = p.argmax(1), p.any(1)
    else:
        answers = classifier.predict(data.texts)
        best, answered = answers.labels[:, 0], answers.found > 0
    return score_labels(targets, np.where(answered, best, NO_ANSWER), names)


class _Task:
    """A classifier with its data, as `fit` wants it."""

    def __init__(
        self,
        classifier: Classifier,
        types: TokenTypes,
        train: np.ndarray,
        targets: np.ndarray,
        held_out: np.ndarray,
        valid_targets: np.ndarray,
        batch_size: int,
        unfreeze_after: int | None,
    ) -> None:
        self.classifier, self.parameters = classifier, classifier.parameters
        self.rows = classifier.words.rows(types.tokens)
        self.ids, self.targets = [types.ids[i] for i in train], targets
        self.lengths = np.array([len(ids) for ids in self.ids], np.int64)
        self.valid_ids, self.valid_targets = [types.ids[i] for i in held_out], valid_targets
        self.batch_size, self.unfreeze_after = batch_size, unfreeze_after

    def batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        return bucketed_batches(self.lengths, self.batch_size, rng)

    def start_epoch(self, epoch: int) -> None:
        unfreeze([self.classifier.words.embedding], epoch, self.unfreeze_after)

    def loss_and_gradients(self, batch: np.ndarray, rng: np.random.Generator) -> tuple[float, Gradients]:
        types, mask = padded([self.ids[i] for i in batch])
        logits, cache = self.classifier.forward(types, mask, self.rows, training=True, rng=rng)
        loss, dlogits = cross_entropy(logits, self.targets[batch])
        _, grads = self.classifier.backward(dlogits, cache)
        return loss, grads

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        found = self.classifier.type_probabilities(self.valid_ids, self.rows, check)
        known = np.flatnonzero(self.valid_targets < len(self.classifier.labels))
        right = found[known, self.valid_targets[known]]
        loss = float(-np.log(np.maximum(right, 1e-12)).mean()) if len(known) else float("nan")
        accuracy = float((found.argmax(1) == self.valid_targets).mean()) if len(found) else float("nan")
        return {"valid_accuracy": accuracy, "valid_loss": loss}
