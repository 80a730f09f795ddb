"""Training a bag-of-features classifier in threads (Joulin et al. 2017, arXiv:1607.01759).

Lines are encoded once, and only the buckets that some line uses have rows while training, the most used first: a
hundred thousand rows stay in the processor's caches where the two million of a file would not. A bucket without a row
counts as zeros, where fastText keeps the noise that it began with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from embedkit.classification.features import LABEL_PREFIX, Features, Lines, count_tokens
from embedkit.classification.model import FEATURES, BagClassifier, rows_of_buckets
from embedkit.classification.options import BagOptions
from embedkit.errors import CorpusError, TrainingError, counted, few_names
from embedkit.options import used
from embedkit.progress import Progress, ProgressCallback, Timetable, default_progress
from embedkit.rows.subwords import encode_word
from embedkit.text.labelled import check_labels, check_sets
from embedkit.threads import for_each, ordered_map, run_tasks

ENCODE_LINES = 8192
MAX_SLICE, MIN_SLICE = 4096, 64
SLICES_FOR_EACH = 32  # of an epoch, for each thread
PRIVATE_INPUTS, PRIVATE_OUTPUTS = 256, 64
PRIVATE_SLICE = 512  # lines; for fewer, copying private rows costs more than it saves
NS_EXPONENT = 0.5
FILLED_ROWS = 4096  # rows that one thread gives their first numbers at once


@dataclass
class Examples:
    """Labelled lines, ready to train on.

    Attributes
    ----------
    indptr, rows : int64 (n + 1,), int32
        Features of line i: ``rows[indptr[i]:indptr[i + 1]]``.
    label_indptr, labels : int64 (n + 1,), int32
        Its labels, by number, ascending.
    """

    indptr: np.ndarray
    rows: np.ndarray
    label_indptr: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.indptr) - 1


def train_bag(
    texts: Sequence[str | bytes],
    labels: Sequence[Sequence[str]],
    options: BagOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> BagClassifier:
    """Train a classifier.

    Parameters
    ----------
    texts : sequence of str or bytes
        Tokens between ASCII white space, as fastText takes them.
    labels : sequence of sequences of str
        The labels of each text, without prefix; a text may have none, and is then left out.
    options : BagOptions, optional
    progress : callable, optional

    Returns
    -------
    BagClassifier

    Raises
    ------
    ConfigError
        When there is not a list of labels for each text.
    CorpusError
        When fewer than two labels or no words are left, or where there are almost as many labels as texts.
    TrainingError
        When the numbers explode.
    """
    options = options or BagOptions()
    check_label_sets(texts, labels, options.min_count_label)
    label_names, label_counts, sets = number_labels(labels, options.min_count_label)
    lines = Lines(texts)
    words, word_counts, n_tokens = choose_words(lines, options.min_count)
    examples, buckets, number = encode_examples(lines, words, sets, options)
    w_in, w_out = _train(examples, len(number), label_counts, options, progress or default_progress())
    for name, matrix in (("input", w_in), ("output", w_out)):
        if not np.isfinite(matrix).all():
            raise TrainingError(f"the {name} matrix holds NaN or infinity after training; use a lower `learning_rate`")
    return BagClassifier(
        {**used(options), "n_tokens": n_tokens + int(label_counts.sum())},
        [LABEL_PREFIX + encode_word(name) for name in label_names],
        label_counts,
        words,
        word_counts,
        _ordered(w_in, number, options.workers),
        w_out,
        bucket_rows=rows_of_buckets(buckets, options.bucket, len(words)),
    )


def check_label_sets(texts: Sequence[str | bytes], labels: Sequence[Sequence[str]], min_count: int) -> None:
    """Refuse labels that are not one list for each text, or of which nothing can be learned.

    Raises
    ------
    ConfigError, CorpusError
        See `embedkit.text.labelled.check_labels` for the latter.
    """
    check_sets(texts, labels)
    counts = Counter(chain.from_iterable(labels))
    kept = {name: n for name, n in counts.items() if n >= min_count}
    if len(kept) < 2 <= len(counts):
        raise CorpusError(
            f"expected at least two labels that occur {min_count:,} times, found {few_names(sorted(kept)) or 'none'}; "
            "use a smaller `min_count_label`"
        )
    check_labels(kept, sum(kept.values()))


def number_labels(
    labels: Sequence[Sequence[str]], min_count: int
) -> tuple[list[str], np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The labels by falling count, their counts, and each text's (indptr, numbers)."""
    counts = Counter(chain.from_iterable(labels))
    kept = sorted((item for item in counts.items() if item[1] >= min_count), key=lambda item: -item[1])
    if len(kept) < 2:
        found = ", ".join(repr(name) for name, _ in kept) or "none"
        raise CorpusError(f"a classifier needs at least two labels, found {found}")
    number = {name: i for i, (name, _) in enumerate(kept)}
    known: dict[tuple[str, ...], list[int]] = {}  # few different ones, as a rule
    for each in map(tuple, labels):
        if each not in known:
            known[each] = sorted({number[label] for label in each if label in number})
    sets = [known[tuple(each)] for each in labels]
    indptr = np.zeros(len(sets) + 1, np.int64)
    np.cumsum([len(each) for each in sets], out=indptr[1:])
    flat = np.fromiter(chain.from_iterable(sets), np.int32, int(indptr[-1]))
    return [name for name, _ in kept], np.array([count for _, count in kept], np.int64), (indptr, flat)


def choose_words(lines: Lines, min_count: int) -> tuple[list[bytes], np.ndarray, int]:
    """The words by falling count, their counts, and how many tokens there are, the rare ones included."""
    words, counts, total = count_tokens(lines, min_count)
    if not words:
        raise CorpusError(f"no word occurs {counted(min_count, 'time')}; use a smaller `min_count`")
    return words, counts, total


def encode_examples(
    lines: Lines, words: list[bytes], sets: tuple[np.ndarray, np.ndarray], options: Any
) -> tuple[Examples, np.ndarray, np.ndarray]:
    """The examples, with rows numbered by use; the buckets in use; the row of each word and each of these."""
    features = Features(
        words,
        **{name: getattr(options, name) for name in FEATURES},
        across=bool(getattr(options, "across_words", False)),
    )
    parts = list(ordered_map(features.encoder(lines), lines.chunks(ENCODE_LINES), options.workers, "encode"))
    lengths = np.concatenate([np.diff(indptr) for indptr, _ in parts])
    rows = np.concatenate([rows for _, rows in parts])
    uses = np.bincount(rows, minlength=len(words))
    buckets = np.flatnonzero(uses[len(words) :])
    in_use = np.concatenate([np.arange(len(words)), len(words) + buckets])
    number = np.empty(len(in_use), np.int32)
    number[np.argsort(-uses[in_use], kind="stable")] = np.arange(len(in_use), dtype=np.int32)
    place = np.zeros(len(uses), np.int32)
    place[in_use] = number
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return Examples(indptr, place[rows], *sets), buckets, number


def _train(
    examples: Examples,
    n_rows: int,
    label_counts: np.ndarray,
    options: BagOptions,
    progress: ProgressCallback | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Both matrices, float32 (n_rows, vector_size) and (n_labels, vector_size)."""
    from embedkit.kernels.classification import make_classifier
    from embedkit.kernels.outputs import LabelSets
    from embedkit.kernels.simd import aligned_zeros, padded_size

    n_labels, workers, size = len(label_counts), options.workers, options.vector_size
    n_slices = max(1, min(len(examples) // MIN_SLICE, max(SLICES_FOR_EACH * workers, len(examples) // MAX_SLICE)))
    private = workers > 1 and len(examples) // n_slices >= PRIVATE_SLICE
    n_inputs = min(PRIVATE_INPUTS, n_rows) if private else 0
    n_outputs = n_labels if private and n_labels <= PRIVATE_OUTPUTS else 0
    w_in = aligned_zeros(n_rows + workers * n_inputs, padded_size(size))
    w_out = aligned_zeros(n_labels + workers * n_outputs, padded_size(size))
    _fill(w_in[:n_rows, :size], options)
    settings = _settings(options, label_counts, (n_rows, n_inputs), (n_labels, n_outputs))
    table = _table(options.loss, label_counts)
    train = make_classifier(options.loss)
    features, sets = (examples.indptr, examples.rows), LabelSets(examples.label_indptr, examples.labels)
    control = np.zeros(1, np.int64)
    bounds = np.linspace(0, len(examples), n_slices + 1).astype(int)
    orders: dict[int, np.ndarray] = {}

    def order_of(epoch: int) -> np.ndarray:
        if epoch not in orders:
            orders.pop(epoch - 2, None)
            shuffled = np.random.default_rng(np.random.SeedSequence((options.seed, epoch + 1)))
            orders[epoch] = shuffled.permutation(len(examples)).astype(np.int32)
        return orders[epoch]

    def learn(worker: int, order: np.ndarray, rate: float, state: np.ndarray) -> tuple[float, float]:
        found: tuple[float, float] = train(
            features, order, sets, table, settings[worker], w_in, w_out, np.float32(rate), state, control
        )
        return found

    learn(0, np.zeros(0, np.int32), 0.0, np.zeros(1, np.uint64))  # compile before there are threads
    tasks = [(epoch, k) for epoch in range(options.epochs) for k in range(n_slices)]

    def work(worker: int, task: tuple[int, int]) -> tuple[float, float]:
        epoch, k = task
        done = (epoch * n_slices + k) / len(tasks)
        state = np.random.SeedSequence((options.seed, epoch, k)).generate_state(1, np.uint64)
        return learn(worker, order_of(epoch)[bounds[k] : bounds[k + 1]], options.learning_rate * (1 - done), state)

    for epoch in range(min(2, options.epochs)):
        order_of(epoch)
    watch = _Watch(len(tasks), progress)
    run_tasks(work, tasks, workers, control=control, on_result=watch.add, timetable=Timetable(watch.report))
    watch.report()
    return w_in[:n_rows, :size], np.ascontiguousarray(w_out[:n_labels, :size])


def _ordered(w_in: np.ndarray, number: np.ndarray, workers: int) -> np.ndarray:
    """``w_in[number]``, copied by threads."""
    rows = np.empty((len(number), w_in.shape[1]), np.float32)

    def copy(low: int) -> None:
        rows[low : low + FILLED_ROWS] = w_in[number[low : low + FILLED_ROWS]]

    for_each(copy, range(0, len(rows), FILLED_ROWS), workers, "order")
    return rows


def _fill(rows: np.ndarray, options: BagOptions) -> None:
    """Numbers evenly from -1 / vector_size to 1 / vector_size; the same for any number of threads."""
    size = rows.shape[1]

    def fill(low: int) -> None:
        rng = np.random.default_rng(np.random.SeedSequence((options.seed, 0, low)))
        numbers = rng.random((min(FILLED_ROWS, len(rows) - low), size), dtype=np.float32)
        numbers -= np.float32(0.5)
        numbers *= np.float32(2 / size)
        rows[low : low + FILLED_ROWS] = numbers

    for_each(fill, range(0, len(rows), FILLED_ROWS), options.workers, "fill")


def _settings(
    options: BagOptions, label_counts: np.ndarray, inputs: tuple[int, int], outputs: tuple[int, int]
) -> list[Any]:
    """The kernel's settings for each thread."""
    from embedkit.kernels.classification import ClassifierSettings

    largest = len(label_counts)
    if options.loss == "ns":
        largest = options.negative + 1
    return [
        ClassifierSettings(
            largest,
            options.negative if options.loss == "ns" else 0,
            max(1, options.negative // 2),
            inputs[1],
            inputs[0] + worker * inputs[1],
            outputs[1],
            outputs[0] + worker * outputs[1] if outputs[1] else 0,
            np.float32(1 / options.workers),
        )
        for worker in range(options.workers)
    ]


def _table(loss: str, label_counts: np.ndarray) -> Any:
    """What the kernel draws from or walks through: an alias table, or fastText's tree, whose right turns are labels."""
    if loss == "ns":
        from embedkit.kernels.sampling import alias_table

        weights = label_counts.astype(float) ** NS_EXPONENT
        return alias_table(weights / weights.sum())
    if loss == "hs":
        from embedkit.kernels.outputs import huffman_paths

        paths = huffman_paths(label_counts)
        return paths._replace(labels=np.float32(1) - paths.labels)
    return np.zeros((1, 2), np.uint32)


class _Watch:
    """Counts what is done and reports it."""

    def __init__(self, n_tasks: int, progress: ProgressCallback | None) -> None:
        self._n_tasks, self._progress = n_tasks, progress
        self._done, self._loss, self._n = 0, 0.0, 0.0

    def add(self, _: int, outcome: tuple[float, float]) -> None:
        self._done += 1
        self._loss += outcome[0]
        self._n += outcome[1]

    def report(self) -> None:
        if self._progress is not None:
            loss = {"loss": self._loss / self._n} if self._n else {}
            self._progress(Progress("training", self._done, self._n_tasks, "slices", loss))
            self._loss = self._n = 0.0
