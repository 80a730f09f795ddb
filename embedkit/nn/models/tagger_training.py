"""Training a tagger on ``token<TAB>tag`` lines, and measuring it on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from embedkit.errors import CorpusError, counted
from embedkit.nn.layers.parameters import Gradients, merge_gradients
from embedkit.nn.learning.batches import (
    bucketed_batches,
    hold_out_run,
    label_set,
    padded,
)
from embedkit.nn.learning.entities import EntityScores, check_legal, check_scheme, score_entities
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.loop import History, fit
from embedkit.nn.learning.metrics import Scores, score_labels, with_unseen
from embedkit.nn.learning.one_thread import products_on_one_thread
from embedkit.nn.learning.options import VALID_FRACTION, VECTOR_SIZE, TrainingOptions, check_frozen, unfreeze
from embedkit.nn.models.tagger import TAGGER_TRAINING, Tagger, TaggerConfig, pooled_scores
from embedkit.nn.models.wide import WideField, train_wide
from embedkit.nn.words.groups import WordGroups
from embedkit.nn.words.lookup import build_lookup
from embedkit.nn.words.pieces import cuts_words, word_pieces
from embedkit.nn.words.spelling import SpellingLookup
from embedkit.nn.words.surroundings import WordBags
from embedkit.nn.words.tokens import TokenTypes, chosen_settings
from embedkit.nn.words.word_input import WordInput
from embedkit.progress import Progress, ProgressCallback
from embedkit.text.labelled import FEW_LABELLED, check_valid_labels
from embedkit.text.tagged import TaggedSentences
from embedkit.threads import ordered_map, usable_cores

if TYPE_CHECKING:
    from embedkit.nn.models.contextual import ContextualEncoder
    from embedkit.query.keyed_vectors import KeyedVectors

SPLITS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)  # the network's share
SIZES = (0.5, 0.7, 1.0, 1.4)  # of both shares together: how sure the tags are
MOST_TO_WEIGH = 5000  # words
WORDS_READ, MOST_EPOCHS = 400_000, 10
N_SHARES = 2  # of a batch, so many threads; more would be too small for full speed


def train_tagger(
    data: TaggedSentences,
    vectors: KeyedVectors | None = None,
    *,
    config: TaggerConfig | None = None,
    options: TrainingOptions | None = None,
    valid: TaggedSentences | None = None,
    valid_fraction: float | None = None,
    vector_size: int = VECTOR_SIZE,
    encoder: ContextualEncoder | None = None,
    unfreeze_after: int | None = None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    log: TextIO | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> tuple[Tagger, History]:
    """Train a tagger; parameters, answer and errors as `embedkit.nn.models.classifier_training.train_classifier`.

    Without `options` those of `TAGGER_TRAINING` with `suited_epochs`, without `valid_fraction` that of
    `suited_fraction`.
    """
    config, options = config or TaggerConfig(), options or replace(TAGGER_TRAINING, epochs=suited_epochs(data))
    check_frozen(vectors is not None, config.frozen, unfreeze_after, options.epochs)
    labels = _labels_of(data, valid, config)
    targets = _targets(data, labels)
    rng = np.random.default_rng(options.seed)
    sentences = data.sentences
    if valid is None:
        valid_fraction = suited_fraction(data) if valid_fraction is None else valid_fraction
        train, held_out = hold_out_run(len(data), valid_fraction, rng)
    else:
        train, held_out = np.arange(len(data)), len(data) + np.arange(len(valid))
        sentences = data.sentences + valid.sentences
        targets += _targets(valid, labels)
    seen = [token for i in train for token in sentences[i]]
    tagger = _untrained(config, labels, seen, vectors, vector_size, encoder, rng)
    types = TokenTypes(sentences)
    if encoder is not None:
        encoder.tell_unknown(types.tokens)
    has_wide = config.wide and config.output == "crf"
    if has_wide and vectors is not None:
        with products_on_one_thread():  # whose sums do not depend on the number of cores
            tagger.groups = WordGroups.of_vectors(vectors, options.seed)
    bags = tagger.bags(types.tokens, types.ids) if has_wide else None
    fields: list[WideField] = []
    if bags is not None:
        choices = [train, np.arange(len(data))] if valid is None and len(held_out) else [train]
        fields = _wide(bags, targets, choices, len(labels), options.seed, progress)
        tagger.wide = fields[0]
    valid_bags = bags.chosen(held_out) if bags is not None else None
    task = _Task(tagger, types, targets, train, held_out, valid_bags, options.batch_size, unfreeze_after)
    identity = Identity(
        Tagger.TASK,
        {
            **asdict(config),
            "unfreeze_after": unfreeze_after,
            "valid_fraction": valid_fraction if valid is None else None,
            **({"epochs_judged_by": "the network"} if has_wide else {}),  # by network and wide part before version 3
        },
        {
            "set of tags": labels,
            "training data": [data.sentences, data.tags],
            "validation data": None if valid is None else [valid.sentences, valid.tags],
        },
    )
    with tagger.shared_out(task.n_shares):
        history = fit(
            task,
            options,
            identity=identity,
            progress=progress,
            note=note,
            log=log,
            checkpoint=checkpoint,
            resume=resume,
        )
    if fields:
        history.best_score = task.choose_shares()
        tagger.wide = fields[-1]  # now that the shares are chosen, the one that also learnt from what was held out
    return tagger, history


def _labels_of(data: TaggedSentences, valid: TaggedSentences | None, config: TaggerConfig) -> list[str]:
    """The tags; refuses data that none can be learnt from.

    Raises
    ------
    CorpusError
    """
    if len(data) < 2:
        raise CorpusError(
            f"found {len(data)} sentence of {counted(sum(map(len, data.sentences)), 'word')}: expected several, a "
            "blank line between them, to learn from some and measure on others"
        )
    labels = label_set((tag for tags in data.tags for tag in tags), "tag", "token<TAB>tag")
    _refuse_swapped(data, labels)
    if config.scheme is not None:
        for part in (data, valid) if valid is not None else (data,):
            check_scheme((tag for tags in part.tags for tag in tags), config.scheme)
            check_legal(part.tags, part.places, config.scheme)
    if valid is not None:
        check_valid_labels(labels, {tag for tags in valid.tags for tag in tags}, "tag")
    return labels


def _untrained(
    config: TaggerConfig,
    labels: list[str],
    seen: list[str],
    vectors: KeyedVectors | None,
    vector_size: int,
    encoder: ContextualEncoder | None,
    rng: np.random.Generator,
) -> Tagger:
    """A tagger with first values, which knows the words that are `seen` in training."""
    cut = None if config.morphemes is None else word_pieces(config.morphemes).as_vectors
    start = build_lookup(vectors, seen, vector_size=vector_size, cut=cut, rng=rng)
    spelling = SpellingLookup.from_tokens(seen) if config.spelling_size else None
    own = encoder.model.tokenizer if encoder is not None and vectors is None else None
    settings = chosen_settings(own, vectors)
    if config.morphemes is not None and cuts_words(settings["tokenizer"]):
        settings = {"tokenizer": "whitespace", "lowercase": False}  # what is tagged are whole words
    if encoder is not None:
        encoder.check_tokenizer(settings)
    words = WordInput(
        start.lookup,
        start.weight,
        frozen=config.frozen,
        learnt=start.learnt,
        scale=start.scale,
        spelling=spelling,
        spelling_size=config.spelling_size,
        context=encoder,
        rng=rng,
    )
    return Tagger(config, labels, words, tokenizer=settings, rng=rng)


def suited_epochs(data: TaggedSentences) -> int:
    """How often a tagger goes through its training text: a short one more often, for as many steps."""
    words = sum(len(sentence) for sentence in data.sentences)
    return min(max(round(WORDS_READ / max(words, 1)), TAGGER_TRAINING.epochs), MOST_EPOCHS)


def suited_fraction(data: TaggedSentences) -> float:
    """How much of its training text a tagger is measured on: a tenth, of a long text no more than is looked at."""
    words = sum(len(sentence) for sentence in data.sentences)
    return min(VALID_FRACTION, MOST_TO_WEIGH / max(words, 1))


class TaggerScores(NamedTuple):
    """How good tags are: word by word, and by entities where the tags have a scheme; and how many were never seen."""

    words: Scores
    entities: EntityScores | None
    n_unseen: int


def evaluate_tagger(tagger: Tagger, data: TaggedSentences) -> TaggerScores:
    """Measure a tagger on tagged sentences; a tag that training never saw counts as wrong."""
    targets, names = with_unseen((tag for tags in data.tags for tag in tags), tagger.labels)
    types = TokenTypes(data.sentences)
    wide = tagger.wide_scores(types.tokens, types.ids)
    found = tagger.tag_types(types.ids, tagger.words.rows(types.tokens), wide)
    entities = None
    if tagger.config.scheme is not None:
        entities = score_entities(data.tags, [[tagger.labels[tag] for tag in tags] for tags in found])
    unseen = int((targets >= len(tagger.labels)).sum())
    return TaggerScores(score_labels(targets, np.concatenate(found), names), entities, unseen)


def _refuse_swapped(data: TaggedSentences, labels: list[str]) -> None:
    """Refuse data with fewer different tokens than tags."""
    tokens = {token for sentence in data.sentences for token in sentence}
    if len(labels) > len(tokens) and sum(map(len, data.sentences)) >= FEW_LABELLED:
        raise CorpusError(
            f"found {len(labels)} different tags, as {labels[0][:30]!r}, of {len(tokens)} different tokens, as "
            f"{min(tokens)[:30]!r}: expected token<TAB>tag; are the columns the other way round?"
        )


def _targets(data: TaggedSentences, labels: list[str]) -> list[np.ndarray]:
    """Numbers of the tags of each sentence; those of tags that are no labels lie behind these."""
    return [with_unseen(tags, labels)[0] for tags in data.tags]


def _wide(
    bags: WordBags,
    targets: list[np.ndarray],
    choices: list[np.ndarray],
    n_tags: int,
    seed: int,
    progress: ProgressCallback | None,
) -> list[WideField]:
    """Wide parts, each trained on some of the sentences."""

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(Progress("weighing features", done, total, "sentences"))

    return train_wide(bags, targets, choices, n_tags, seed, report)


class _Task:
    """A tagger with its data, as `fit` wants it."""

    def __init__(
        self,
        tagger: Tagger,
        types: TokenTypes,
        targets: list[np.ndarray],
        train: np.ndarray,
        held_out: np.ndarray,
        held_out_bags: WordBags | None,
        batch_size: int,
        unfreeze_after: int | None,
    ) -> None:
        self.tagger, self.parameters = tagger, tagger.parameters
        self.rows = tagger.words.rows(types.tokens)
        self.ids, self.targets = [types.ids[i] for i in train], [targets[i] for i in train]
        self.lengths = np.array([len(ids) for ids in self.ids], np.int64)
        self.valid_ids = [types.ids[i] for i in held_out]
        wide = tagger.wide
        self.valid_wide = wide.scores(held_out_bags) if wide is not None and held_out_bags is not None else None
        self.valid_targets = np.concatenate([targets[i] for i in held_out] or [np.zeros(0, np.int64)])
        self.batch_size, self.unfreeze_after = batch_size, unfreeze_after
        self.n_shares = N_SHARES if tagger.words.context is None else 1

    def batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        return bucketed_batches(self.lengths, self.batch_size, rng)

    def start_epoch(self, epoch: int) -> None:
        unfreeze([self.tagger.words.embedding], epoch, self.unfreeze_after)

    def loss_and_gradients(self, batch: np.ndarray, rng: np.random.Generator) -> tuple[float, Gradients]:
        """Of the shares of a batch, each on a thread; their number does not depend on the cores."""
        n_words, n = int(self.lengths[batch].sum()), min(self.n_shares, len(batch))
        shares = [(batch[k::n], np.random.default_rng(rng.integers(1 << 63))) for k in range(n)]

        def learn(share: tuple[np.ndarray, np.random.Generator]) -> tuple[float, Gradients]:
            types, mask = padded([self.ids[i] for i in share[0]])
            tags, _ = padded([self.targets[i] for i in share[0]])
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # of this thread
                return self.tagger.loss_and_gradients(types, mask, self.rows, tags, share[1], n_words)

        total, sums = 0.0, Gradients()
        for loss, grads in ordered_map(learn, shares, usable_cores(n), "share"):
            total, sums = total + loss, merge_gradients(sums, grads)
        return total, sums

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        """Of the network alone: beside the wide part its epochs differ by less than chance does."""
        return {"valid_accuracy": self._accuracy(None, check)}

    def _accuracy(self, wide: list[np.ndarray] | None, check: Callable[[], None] = lambda: None) -> float:
        if not self.valid_ids:
            return float("nan")
        found = np.concatenate(self.tagger.tag_types(self.valid_ids, self.rows, wide, check))
        return float((found == self.valid_targets).mean())

    def choose_shares(self) -> float:
        """What network and wide part count: that which makes the tags of some held-out sentences likeliest.

        Returns
        -------
        float
            The accuracy of both together there.
        """
        if self.valid_wide is not None and self.valid_ids:
            self._weigh(self.valid_wide)
        return self._accuracy(self.valid_wide)

    def _weigh(self, wide: list[np.ndarray]) -> None:
        """Choose the shares, where the wide part says this of the held-out sentences."""
        ends = np.cumsum([len(ids) for ids in self.valid_ids])
        targets, n_tags = np.split(self.valid_targets, ends[:-1]), len(self.tagger.labels)
        known = np.array([i for i, tags in enumerate(targets) if (tags < n_tags).all()], np.int64)
        if not len(known):
            return
        lengths = np.array([len(targets[i]) for i in known], np.int64)
        some = int(np.searchsorted(np.cumsum(lengths), MOST_TO_WEIGH)) + 1
        batches = []
        for batch in (known[part] for part in bucketed_batches(lengths[:some], self.batch_size, None)):
            types, mask = padded([self.valid_ids[i] for i in batch])
            scores, _ = self.tagger.forward(types, mask, self.rows)
            batches.append((scores, padded([targets[i] for i in batch])[0], mask, [wide[i] for i in batch]))

        def loss(shares: tuple[float, float]) -> float:
            crf, total = self.tagger.pooled_crf(shares), 0.0
            if crf is not None:
                for scores, tags, mask, parts in batches:
                    total += float(crf.forward(pooled_scores(scores, mask, parts, shares), tags, mask)[0].sum())
            return total

        network, own = min(((split, 1 - split) for split in SPLITS), key=loss)
        self.tagger.shares = min(((network * size, own * size) for size in SIZES), key=loss)
