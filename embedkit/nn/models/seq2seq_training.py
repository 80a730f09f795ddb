"""Reading ``source<TAB>target`` lines, training a translator on them, and measuring it on others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from embedkit.errors import CorpusError, check_aligned, check_texts
from embedkit.nn.layers.parameters import Array, Gradients
from embedkit.nn.learning.batches import bucketed_batches, hold_out
from embedkit.nn.learning.bleu import bleu, exact_matches
from embedkit.nn.learning.identity import Identity
from embedkit.nn.learning.loop import History, fit
from embedkit.nn.learning.options import VALID_FRACTION, VECTOR_SIZE, TrainingOptions, check_frozen, unfreeze
from embedkit.nn.models.decoding import Search
from embedkit.nn.models.seq2seq import Seq2Seq, Seq2SeqConfig
from embedkit.nn.words.token_table import MAX_VOCAB, TokenTable
from embedkit.nn.words.tokens import chosen_settings
from embedkit.progress import ProgressCallback
from embedkit.text.headers import SOURCE_TARGET
from embedkit.text.lines import numbered_lines
from embedkit.text.reading import short_name
from embedkit.text.tokens import TokenizerSettings, token_cutter

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

SEQ2SEQ_TRAINING = TrainingOptions(epochs=15, batch_size=64, learning_rate=2e-3, clip=1.0, patience=3, warmup=0.05)


@dataclass
class Pairs:
    """Sources and targets, line by line, and the places of lines that were empty or named the columns."""

    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_texts(self.sources, "sources")
        check_texts(self.targets, "targets")
        check_aligned(self.sources, self.targets, ("sources", "targets"))
        self.sources, self.targets = list(self.sources), list(self.targets)


class Translated(NamedTuple):
    """How good translations are.

    Attributes
    ----------
    bleu : float
        0–1, over all sources, each with all its references.
    exact : float
        Share of sources whose translation is one of their references.
    sources, references : int
    """

    bleu: float
    exact: float
    sources: int
    references: int


def read_pairs(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], encoding_errors: str = "strict"
) -> Pairs:
    """Read ``source<TAB>target`` lines; further columns are an error, empty lines and headers are left out.

    Raises
    ------
    CorpusError
        For a line that has not exactly two columns, a first one that names target and source, or where nothing is left.
    """
    pairs = Pairs()
    for place, line in numbered_lines(sources, encoding_errors):
        columns = line.split("\t")
        if not line.strip():
            pairs.empty.append(place)
        elif len(columns) != 2 or not columns[0].strip() or not columns[1].strip():
            found = (
                "one column"
                if len(columns) == 1
                else "an empty column"
                if len(columns) == 2
                else f"{len(columns)} columns"
            )
            mend = "; cut -f1,2 FILE leaves the first two" if len(columns) > 2 else ""
            raise CorpusError(f"{place}: expected source<TAB>target, found {found}: {line[:40]!r}{mend}")
        elif SOURCE_TARGET.named_by(place, *columns):
            pairs.headers.append(place)
        else:
            pairs.sources.append(columns[0])
            pairs.targets.append(columns[1])
    if not pairs.sources:
        raise CorpusError(f"no source<TAB>target lines in {short_name(sources)}: there is nothing to work on")
    return pairs


def train_seq2seq(
    pairs: Pairs,
    vectors: KeyedVectors | None = None,
    target_vectors: KeyedVectors | None = None,
    *,
    config: Seq2SeqConfig | None = None,
    options: TrainingOptions | None = None,
    valid: Pairs | None = None,
    valid_fraction: float = VALID_FRACTION,
    vector_size: int = VECTOR_SIZE,
    min_count: int = 1,
    max_vocab: int | None = MAX_VOCAB,
    tokenizer: TokenizerSettings | None = None,
    target_tokenizer: TokenizerSettings | None = None,
    frozen: bool = False,
    unfreeze_after: int | None = None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    log: TextIO | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> tuple[Seq2Seq, History]:
    """Train a translator.

    Parameters
    ----------
    pairs : Pairs
    vectors, target_vectors : KeyedVectors, optional
        First vectors of the source's and the target's words.
    config : Seq2SeqConfig, optional
    options : TrainingOptions, optional
    valid : Pairs, optional
        Tells the best epoch; by default `valid_fraction` of the sources, with all their targets.
    min_count, max_vocab : int
        Of the tables of both sides.
    tokenizer, target_tokenizer : dict, optional
        ``tokenizer`` and ``lowercase``; by default those of the vectors; the target's as the source's.
    frozen : bool
        Keep given vectors as they are.
    unfreeze_after : int, optional
        Frozen vectors train after so many epochs.
    progress, note, log, checkpoint, resume
        See `embedkit.nn.learning.loop.fit`.
    """
    config, options = config or Seq2SeqConfig(), options or SEQ2SEQ_TRAINING
    check_frozen(vectors is not None or target_vectors is not None, frozen, unfreeze_after, options.epochs)
    source_settings = chosen_settings(tokenizer, vectors)
    target_settings = (
        source_settings
        if not target_tokenizer and target_vectors is None
        else chosen_settings(target_tokenizer or None, target_vectors)
    )
    rng = np.random.default_rng(options.seed)
    if valid is None:
        pairs, valid = split_by_source(pairs, valid_fraction, rng)
    cuts = token_cutter(source_settings), token_cutter(target_settings)
    texts = [_cut(part, *cuts) for part in (pairs, valid)]
    tables = [TokenTable.from_texts((pair[side] for pair in texts[0]), min_count, max_vocab) for side in (0, 1)]
    given = (vectors, target_vectors)
    weights = [table.first_vectors(v, vector_size, rng) for table, v in zip(tables, given, strict=True)]
    model = Seq2Seq(
        config,
        tables[0],
        tables[1],
        weights[0],
        weights[1],
        tokenizers={"source": source_settings, "target": target_settings},
        rng=rng,
    )
    for embedding, table, own in zip((model.source_embedding, model.target_embedding), tables, given, strict=True):
        table.start_frozen(embedding, own, frozen or unfreeze_after is not None)
    encoded = [
        [tuple(table.encode(side) for table, side in zip(tables, pair, strict=True)) for pair in part] for part in texts
    ]
    identity = Identity(
        Seq2Seq.TASK,
        {
            **asdict(config),
            "source": dict(source_settings),
            "target": dict(target_settings),
            "min_count": min_count,
            "max_vocab": max_vocab,
            "frozen": frozen,
            "unfreeze_after": unfreeze_after,
        },
        {"training data": [pairs.sources, pairs.targets], "validation data": [valid.sources, valid.targets]},
    )
    history = fit(
        _Task(model, encoded[0], encoded[1], options.batch_size, unfreeze_after),
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


def evaluate_seq2seq(model: Seq2Seq, pairs: Pairs, search: Search | None = None) -> Translated:
    """BLEU and exact matches on pairs; lines with the same source are references of one translation."""
    references: dict[str, list[list[str]]] = {}
    for source, target in zip(pairs.sources, pairs.targets, strict=True):
        references.setdefault(source, []).append(model.cut_target(target))
    found = [answers[0].tokens for answers in model.translations(list(references), search or Search())]
    texts = list(references.values())
    return Translated(bleu(found, texts), exact_matches(found, texts), len(found), len(pairs.sources))


def split_by_source(pairs: Pairs, fraction: float, rng: np.random.Generator) -> tuple[Pairs, Pairs]:
    """Hold out a share of the different sources with all their targets: none is on both sides.

    Raises
    ------
    CorpusError
        When there are fewer than two different sources.
    """
    names = list(dict.fromkeys(pairs.sources))
    if len(names) < 2:
        raise CorpusError("expected at least two different sources to train on, found one")
    _, held = hold_out(len(names), fraction, rng)
    chosen = {names[i] for i in held}
    parts = Pairs(), Pairs()
    for source, target in zip(pairs.sources, pairs.targets, strict=True):
        part = parts[source in chosen]
        part.sources.append(source)
        part.targets.append(target)
    return parts


def _cut(
    pairs: Pairs, cut_source: Callable[[str], list[str]], cut_target: Callable[[str], list[str]]
) -> list[tuple[list[str], list[str]]]:
    """Tokens of both sides; pairs that have none on a side are left out."""
    both = [(cut_source(s), cut_target(t)) for s, t in zip(pairs.sources, pairs.targets, strict=True)]
    kept = [pair for pair in both if pair[0] and pair[1]]
    if not kept:
        raise CorpusError("no line has words on both sides: is the tokenizer the right one?")
    return kept


class _Task:
    """A translator with its pairs, as `fit` wants it."""

    def __init__(
        self,
        model: Seq2Seq,
        pairs: Sequence[tuple[Array, ...]],
        held: Sequence[tuple[Array, ...]],
        batch_size: int,
        unfreeze_after: int | None,
    ) -> None:
        self.model, self.parameters, self.pairs, self.held = model, model.parameters, pairs, held
        self.lengths = np.array([max(len(source), len(target)) for source, target in pairs])
        self.batch_size, self.unfreeze_after = batch_size, unfreeze_after
        self.given = [e for e in (model.source_embedding, model.target_embedding) if e.learnt is not None]

    def batches(self, rng: np.random.Generator) -> list[Array]:
        return bucketed_batches(self.lengths, self.batch_size, rng)

    def start_epoch(self, epoch: int) -> None:
        unfreeze(self.given, epoch, self.unfreeze_after)

    def loss_and_gradients(self, batch: Array, rng: np.random.Generator) -> tuple[float, Gradients]:
        sources, targets = zip(*(self.pairs[i] for i in batch), strict=True)
        return self.model.loss_and_gradients(sources, targets, rng)

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        total, count = 0.0, 0
        for batch in bucketed_batches(np.array([len(s) + len(t) for s, t in self.held]), 64, None):
            sources, targets = zip(*(self.held[i] for i in batch), strict=True)
            part, n = self.model.score(sources, targets)
            total, count = total + part, count + n
            check()
        return {"valid_perplexity": float(np.exp(-total / count))}
