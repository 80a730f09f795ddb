"""A linear classifier of the same features as fastText's, fitted to the end: logistic regression.

A line's score for a label is the mean of its features' weights times the root of their number: the sum would make long
lines too sure, the mean does not make them sure enough. Weights are small where nothing speaks for their being large:
the fit pays for the squares of ``weight / strength``, and a feature's strength is how unevenly it is spread over the
labels, the root mean square of its log ratios (Wang and Manning 2012, "Baselines and Bigrams", for two labels) times
the root of its inverse document frequency, and for words and their n-grams times `word_strength`.
The loss is convex and its least value is found by L-BFGS.

How much the texts count against the size of the weights, `cost`, is chosen on texts held out, five tenths in turn; so
is a temperature that divides the scores (Guo et al. 2017, "On Calibration of Modern Neural Networks"), after a fit as
long as the last one: with rough fits the calibration error was twice as large. Then all texts are fitted with these. Of
many texts some choose the cost, and a tenth is not fitted. Where other texts are given to choose by, all are fitted,
and once.

The model is a `BagClassifier` whose hidden vector is the scores and whose output matrix is the identity; so every file
of that class can hold it. fastText's knows the mean alone: the labels are the same there, the probabilities those of a
line of mean length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from embedkit.classification.calibration import accuracy, best_temperature, losses_and_slopes, mean_loss
from embedkit.classification.descent import minimise
from embedkit.classification.features import LABEL_PREFIX, Features, Lines
from embedkit.classification.holding_out import Labelled, check_valid, parts_of, teaches, without
from embedkit.classification.linear_defaults import chosen_options, with_values
from embedkit.classification.model import BagClassifier, rows_of_buckets
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.training import check_label_sets, choose_words, encode_examples, number_labels
from embedkit.errors import ConfigError, check_texts
from embedkit.progress import Progress, ProgressCallback
from embedkit.rows.subwords import encode_word
from embedkit.threads import for_each, ordered_map

COSTS = (1.0, 3.0, 10.0, 30.0, 100.0)
DEFAULT_COST = 10.0  # where too few texts can be held out
PARTS, MANY_TO_HOLD_OUT = 5, 20_000
ROUGHLY, FULLY = 1e-2, 3e-3  # how far a fit goes: to tell a cost, or of many texts; else
BIAS = 0.1  # a unit of the bias moves the mean line's scores by so much: a scale at which the descent is quick
PIECE = 8192  # lines or rows that a thread sums at once


@dataclass(frozen=True)
class LinearFit:
    """What `train_linear` made, or `embedkit.classification.suited.train_suited`.

    Attributes
    ----------
    model : BagClassifier
    options : LinearOptions or BagOptions
        With the values that were chosen.
    accuracy : float
        On the texts held out, of a model of the others; NaN where there are too few.
    n_held_out : int
    temperature : float
    """

    model: BagClassifier
    options: LinearOptions | BagOptions
    accuracy: float
    n_held_out: int
    temperature: float


def train_linear(
    texts: Sequence[str | bytes],
    labels: Sequence[Sequence[str]],
    options: LinearOptions | None = None,
    *,
    held_out: float = 0.1,
    valid: Labelled | None = None,
    progress: ProgressCallback | None = None,
) -> LinearFit:
    """Fit a linear classifier.

    Parameters
    ----------
    texts, labels
        As for `embedkit.classification.training.train_bag`. With softmax several labels of a text share its weight.
    options : LinearOptions, optional
    held_out : float
        Share of the texts to choose `cost` and the temperature by.
    valid : (sequence of str or bytes, sequence of sequences of str), optional
        Other texts and their labels, to choose by instead.
    progress : callable, optional

    Raises
    ------
    ConfigError
        When there is not a list of labels for each text, or for a `held_out` that is no share.
    CorpusError
        When fewer than two labels or no words are left, where there are almost as many labels as texts, or where
        `valid` has none of the labels.
    """
    if not 0 <= held_out < 1:
        raise ConfigError(f"`held_out` must be a share from 0 to below 1, got {held_out}")
    check_texts(texts)
    options = chosen_options(options or LinearOptions(), texts)
    check_label_sets(texts, labels, options.min_count_label)
    watch = _Watch(progress)
    if valid is not None:
        return _fit_by(valid, (texts, labels), options, watch)
    most = 1 if len(texts) > MANY_TO_HOLD_OUT else PARTS
    parts = parts_of(len(texts), held_out, options.seed, most)
    parts = [part for part in parts if teaches(labels, part, options.min_count_label)]
    if parts and len(texts) > MANY_TO_HOLD_OUT:
        return _fit_many(texts, labels, parts[0], options, watch)
    cost, measured = DEFAULT_COST if options.cost is None else float(options.cost), _Measured(1.0, float("nan"), 0)
    if parts:
        folds = [_fold(texts, labels, part, options) for part in parts]
        if options.cost is None:
            cost = _best_cost(folds, options.loss, watch)
        measured = _measured(folds, cost, options.loss, watch)
    options = with_values(options, cost=cost)
    problem = Problem(texts, labels, options)
    point = problem.fit(cost, np.zeros(problem.size, np.float32), watch)
    model = problem.model(point, measured.temperature)
    return LinearFit(model, options, measured.accuracy, measured.n_held_out, measured.temperature)


def _fit_many(
    texts: Sequence[str | bytes],
    labels: Sequence[Sequence[str]],
    part: np.ndarray,
    options: LinearOptions,
    watch: _Watch,
) -> LinearFit:
    """One fit of all texts but a part, which is left to calibrate and measure; some of the texts choose the cost."""
    if options.cost is None:
        order = np.random.default_rng(np.random.SeedSequence((options.seed, 2 << 20))).permutation(len(texts))
        some = np.setdiff1d(order[:MANY_TO_HOLD_OUT], part).tolist()
        few_texts, few_labels = [texts[i] for i in some], [labels[i] for i in some]
        held, cost = np.arange(len(some) // 10), DEFAULT_COST
        if teaches(few_labels, held, options.min_count_label):
            cost = _best_cost([_fold(few_texts, few_labels, held, options)], options.loss, watch)
        options = with_values(options, cost=cost)
    fold = _fold(texts, labels, part, options)
    measured = _measured([fold], float(options.cost), options.loss, watch, ROUGHLY)
    return LinearFit(fold.model(measured.temperature), options, measured.accuracy, len(part), measured.temperature)


def _fit_by(valid: Labelled, train: Labelled, options: LinearOptions, watch: _Watch) -> LinearFit:
    """One fit of all texts; others choose the cost, calibrate and measure."""
    check_valid(valid, train[1])
    fold = _Fold(train, valid, options)
    cost = _best_cost([fold], options.loss, watch) if options.cost is None else float(options.cost)
    tolerance = ROUGHLY if len(train[0]) > MANY_TO_HOLD_OUT else FULLY
    measured = _measured([fold], cost, options.loss, watch, tolerance)
    fold.problem.options = options = with_values(options, cost=cost)
    model = fold.model(measured.temperature)
    return LinearFit(model, options, measured.accuracy, measured.n_held_out, measured.temperature)


class _Measured(NamedTuple):
    """What the held-out texts say of a cost."""

    temperature: float
    accuracy: float
    n_held_out: int


def _fold(
    texts: Sequence[str | bytes], labels: Sequence[Sequence[str]], part: np.ndarray, options: LinearOptions
) -> _Fold:
    held = [texts[i] for i in part], [labels[i] for i in part]
    return _Fold(without(texts, labels, part), held, options)


class _Fold:
    """Texts that are held out, and the problem that others make."""

    def __init__(self, train: Labelled, held: Labelled, options: LinearOptions) -> None:
        self.problem = Problem(*train, options)
        self.targets = self.problem.targets_of(held[1])
        self._scorer = self.problem.scorer(held[0])
        self._point = np.zeros(self.problem.size, np.float32)

    def scores(self, cost: float, watch: _Watch, tolerance: float = ROUGHLY) -> np.ndarray:
        """The scores of what is held out after a fit that begins at the last one's end."""
        self._point = self.problem.fit(cost, self._point, watch, tolerance)
        return self._scorer(self._point)

    def model(self, temperature: float) -> BagClassifier:
        """The classifier of the last fit."""
        return self.problem.model(self._point, temperature)


def _best_cost(folds: list[_Fold], loss: str, watch: _Watch) -> float:
    """The cost of the least loss on the parts held out: the first after which the loss rises."""
    best, best_loss = COSTS[0], np.inf
    for cost in COSTS:
        pairs = [(fold.scores(cost, watch), fold.targets) for fold in folds]
        found = mean_loss(pairs, _temperature(pairs, loss), loss == "softmax")
        if found >= best_loss:
            break
        best, best_loss = cost, found
    return best


def _measured(folds: list[_Fold], cost: float, loss: str, watch: _Watch, tolerance: float = FULLY) -> _Measured:
    """Of fits that go as far as the one that is kept: a rougher one is less sure of itself, or more."""
    pairs = [(fold.scores(cost, watch, tolerance), fold.targets) for fold in folds]
    return _Measured(_temperature(pairs, loss), accuracy(pairs), sum(len(targets) for _, targets in pairs))


def _temperature(pairs: list[tuple[np.ndarray, np.ndarray]], loss: str) -> float:
    return best_temperature(pairs) if loss == "softmax" else 1.0


class Problem:
    """Labelled lines as a function of the weights.

    Parameters
    ----------
    texts, labels, options
        As for `train_linear`, all options chosen.

    Attributes
    ----------
    size : int
        Numbers in a point: the weights divided by their features' strengths, row by row, and a bias for each label.
        Of two labels with softmax one is enough.
    """

    def __init__(self, texts: Sequence[str | bytes], labels: Sequence[Sequence[str]], options: LinearOptions) -> None:
        from embedkit.kernels.linear import columns_of

        self.options = options
        self.names, self.label_counts, _ = number_labels(labels, options.min_count_label)
        self._number = {name: i for i, name in enumerate(self.names)}
        full = [i for i, each in enumerate(labels) if any(label in self._number for label in each)]
        texts, labels = [texts[i] for i in full], [labels[i] for i in full]
        _, _, sets = number_labels(labels, options.min_count_label)
        source = Lines(texts)
        self.words, self.word_counts, self._n_tokens = choose_words(source, options.min_count)
        examples, buckets, place = encode_examples(source, self.words, sets, options)
        self.targets = self.targets_of(labels)
        lengths = np.maximum(np.diff(examples.indptr), 1)
        self._typical, shares = float(lengths.mean()), (1 / np.sqrt(lengths)).astype(np.float32)
        starts, lines = columns_of(examples.indptr, examples.rows, len(place))
        n_lines = _distinct(starts, lines)
        kept = n_lines >= options.min_count
        kept[place[: len(self.words)]] = True
        number = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
        self._place = number[place]
        rows = number[examples.rows]
        self._lines = (np.concatenate([[0], np.cumsum(rows >= 0)])[examples.indptr], rows[rows >= 0])
        self._columns = columns_of(*self._lines, int(kept.sum()))
        self._shares, self._buckets = shares, buckets
        self._known = (np.diff(self._lines[0]) * shares).astype(np.float32)
        self._bias = np.float32(BIAS / np.sqrt(np.mean(self._known**2)))
        factors = np.ones(len(kept), np.float32)
        if options.word_strength != 1:
            factors[place[self._words_among(source, buckets)]] = options.word_strength
        self._strengths = self._spread(n_lines[kept], factors[kept], len(texts))
        self.n_columns = 1 if options.loss == "softmax" and len(self.names) == 2 else len(self.names)
        self.size = (len(self._strengths) + 1) * self.n_columns

    def targets_of(self, labels: Sequence[Sequence[str]]) -> np.ndarray:
        """float32 (n, n_labels): 1 for a label that a text has; with softmax its labels share the 1."""
        targets = np.zeros((len(labels), len(self.names)), np.float32)
        for i, each in enumerate(labels):
            known = [self._number[label] for label in each if label in self._number]
            targets[i, known] = 1 / len(set(known)) if known and self.options.loss == "softmax" else 1
        return targets

    def _words_among(self, lines: Lines, buckets: np.ndarray) -> np.ndarray:
        """bool (n_words + n_buckets,): words, and buckets that n-grams of words fall into."""
        found = np.zeros(len(self.words) + len(buckets), np.bool_)
        found[: len(self.words)] = True
        if self.options.word_ngrams > 1:
            n, bucket = self.options.word_ngrams, self.options.bucket
            features = Features(self.words, min_n=0, max_n=0, word_ngrams=n, bucket=bucket)
            for _, rows in ordered_map(features.encoder(lines), lines.chunks(PIECE), self.options.workers, "words"):
                of_words = rows[rows >= len(self.words)] - len(self.words)
                found[len(self.words) + np.searchsorted(buckets, of_words)] = True
        return found

    def _spread(self, n_lines: np.ndarray, factors: np.ndarray, n: int) -> np.ndarray:
        """The strengths of the features, float32 (n_kept,), such that the mean line has a length of 1."""
        counts = self._sums(self._columns, self.targets, np.ones(len(n_lines), np.float32)).astype(np.float64)
        other = counts.sum(1, keepdims=True) - counts
        counts, other = counts + 1, other + 1
        ratios = np.log((counts / counts.sum(0)) / (other / other.sum(0)))
        strengths = np.sqrt((ratios**2).mean(1) * np.log((n + 1) / n_lines)) * factors
        squares = (strengths**2).astype(np.float32)[:, None]
        lengths = self._sums(self._lines, squares, self._shares**2)
        strengths /= np.sqrt(max(float(lengths.mean(dtype=np.float64)), 1e-12))
        return strengths.astype(np.float32)

    def _sums(self, entries: tuple[np.ndarray, np.ndarray], matrix: np.ndarray, scales: np.ndarray) -> np.ndarray:
        from embedkit.kernels.linear import sum_rows

        n = len(scales)
        out = np.empty((n, matrix.shape[1]), np.float32)
        sum_rows(*entries, matrix, scales, 0, 0, out)  # compile before there are threads
        piece = min(PIECE, -(-n // self.options.workers)) or 1
        bounds = [(low, min(low + piece, n)) for low in range(0, n, piece)]
        for_each(lambda b: sum_rows(*entries, matrix, scales, *b, out), bounds, self.options.workers, "linear")
        return out

    def weights(self, point: np.ndarray) -> np.ndarray:
        """float32 (n_kept, n_labels): what a feature adds, its share of the bias included."""
        weights = self._columns_of(point)
        return weights if self.n_columns > 1 else np.concatenate([weights, -weights], 1)

    def _columns_of(self, point: np.ndarray) -> np.ndarray:
        table = point.reshape(-1, self.n_columns)
        return table[:-1] * self._strengths[:, None] + table[-1] * self._bias

    def loss(self, cost: float) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """The function to make small: the mean loss of a line and the squares of the point, without the bias."""
        both = self.n_columns == 1  # the second label's scores are the first's with the other sign
        decay = np.float32((2 if both else 1) / (cost * len(self.targets)))
        softmax = self.options.loss == "softmax"
        ones = np.ones(len(self._strengths), np.float32)

        def value(point: np.ndarray) -> tuple[float, np.ndarray]:
            scores = self._sums(self._lines, self._columns_of(point), self._shares)
            losses, slopes = losses_and_slopes(
                np.concatenate([scores, -scores], 1) if both else scores, self.targets, softmax
            )
            if both:
                slopes = slopes[:, :1] - slopes[:, 1:]
            slopes *= np.float32(1 / len(self.targets))
            moved = self._sums(self._columns, slopes * self._shares[:, None], ones)
            gradient = np.empty_like(point).reshape(-1, self.n_columns)
            gradient[:-1] = moved * self._strengths[:, None]
            gradient[-1] = (slopes * self._known[:, None]).sum(0) * self._bias
            inner = point[: -self.n_columns]
            gradient.reshape(-1)[: len(inner)] += decay * inner
            return losses / len(self.targets) + 0.5 * float(decay) * float(inner @ inner), gradient.reshape(-1)

        return value

    def fit(self, cost: float, start: np.ndarray, watch: _Watch, tolerance: float = FULLY) -> np.ndarray:
        """The best point for a cost, float32 (size,), found from `start` on."""
        function = self.loss(cost)

        def counted(point: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = function(point)
            watch.count(value)
            return value, gradient

        return minimise(counted, start, tolerance=tolerance)

    def scorer(self, texts: Sequence[str | bytes]) -> Callable[[np.ndarray], np.ndarray]:
        """From a point to the scores of these texts, float32 (n_texts, n_labels)."""
        from embedkit.kernels.classification import hidden_of_rows

        model = self.model(np.zeros(self.size, np.float32), 1.0)
        indptr, rows = model.features.encode(Lines(texts))

        def scores(point: np.ndarray) -> np.ndarray:
            out = np.empty((len(texts), len(self.names)), np.float32)
            hidden_of_rows(indptr, rows, self._table(point), out)
            return out * np.sqrt(np.diff(indptr)).astype(np.float32)[:, None]

        return scores

    def _table(self, point: np.ndarray) -> np.ndarray:
        """Weights of the words and then of the buckets that were kept."""
        places = self._place[self._place >= 0]
        return np.ascontiguousarray(self.weights(point)[places])

    def model(self, point: np.ndarray, temperature: float) -> BagClassifier:
        """The classifier with these weights, its scores divided by `temperature`."""
        n_words, n_labels = len(self.words), len(self.names)
        buckets = self._buckets[self._place[n_words:] >= 0]
        chosen = {name: value for name, value in asdict(self.options).items() if name not in ("cost", "workers")}
        return BagClassifier(
            {
                **asdict(BagOptions(workers=self.options.workers)),
                **chosen,
                **{"vector_size": n_labels, "algorithm": "linear", "cost": self.options.cost},
                **{"root_mean": True, "mean_features": self._typical},
                "n_tokens": self._n_tokens + int(self.label_counts.sum()),
            },
            [LABEL_PREFIX + encode_word(name) for name in self.names],
            self.label_counts,
            self.words,
            self.word_counts,
            self._table(point) / np.float32(temperature),
            np.eye(n_labels, dtype=np.float32),
            bucket_rows=rows_of_buckets(buckets, self.options.bucket, n_words),
        )


def _distinct(starts: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """In how many lines each row occurs."""
    first = np.ones(len(lines) + 1, np.int64)
    first[1:-1] = lines[1:] != lines[:-1]
    first[starts[:-1]] = 1
    total = np.concatenate([[0], np.cumsum(first[: len(lines)])])
    return np.asarray(total[starts[1:]] - total[starts[:-1]])


class _Watch:
    """Counts the passes over the texts and reports them."""

    def __init__(self, progress: ProgressCallback | None) -> None:
        self._progress, self._done = progress, 0

    def count(self, loss: float) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(Progress("training", self._done, None, "passes", {"loss": loss}))
