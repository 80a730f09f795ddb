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

A model that is made smaller has other scores: each fold's is too, then, and measures and calibrates. Where too few
texts can be held out, the small model is to be as sure of the texts as the whole one.

The model is a `BagClassifier` whose hidden vector is the scores and whose output matrix is the identity; so every file
of that class can hold it. fastText's knows the mean alone: the labels are the same there, the probabilities those of a
line of mean length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from embedkit.classification.calibration import accuracy, best_temperature, mean_loss
from embedkit.classification.holding_out import Labelled, check_valid, parts_of, teaches, without
from embedkit.classification.linear_defaults import chosen_options, with_values
from embedkit.classification.linear_problem import FULLY, Problem, Watch
from embedkit.classification.model import BagClassifier
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.training import check_label_sets
from embedkit.errors import ConfigError, check_texts
from embedkit.progress import ProgressCallback, default_progress

COSTS = (1.0, 3.0, 10.0, 30.0, 100.0)
DEFAULT_COST = 10.0  # where too few texts can be held out
PARTS, MANY_TO_HOLD_OUT = 5, 20_000
Finish = Callable[[BagClassifier], BagClassifier]
ROUGHLY = 1e-2  # how far a fit goes to tell a cost, or of many texts


@dataclass(frozen=True)
class LinearFit:
    """What `train_linear` made, or `embedkit.classification.suited.train_suited`.

    Attributes
    ----------
    model : BagClassifier
    options : LinearOptions or BagOptions
        With the values that were chosen.
    accuracy : float
        On the texts held out, of a model of the others, finished as this one is; NaN where there are too few.
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
    finish: Finish | None = None,
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
    finish : callable, optional
        What is done to a model at last (`embedkit.classification.quantising.quantiser`), before it is measured.
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
    texts, labels = list(texts), list(labels)  # a column would be asked by its index
    watch = Watch(progress or default_progress())
    if valid is not None:
        return _fit_by(valid, (texts, labels), options, watch, finish)
    most = 1 if len(texts) > MANY_TO_HOLD_OUT else PARTS
    parts = parts_of(len(texts), held_out, options.seed, most)
    parts = [part for part in parts if teaches(labels, part, options.min_count_label)]
    if parts and len(texts) > MANY_TO_HOLD_OUT:
        return _fit_many(texts, labels, parts[0], options, watch, finish)
    cost, measured = DEFAULT_COST if options.cost is None else float(options.cost), _Measured(1.0, float("nan"), 0)
    if parts:
        folds = [_fold(texts, labels, part, options) for part in parts]
        if options.cost is None:
            cost = _best_cost(folds, options.loss, watch)
        measured = _measured(folds, cost, watch, finish=finish)
    options = with_values(options, cost=cost)
    problem = Problem(texts, labels, options)
    point = problem.fit(cost, np.zeros(problem.size, np.float32), watch)
    if finish is not None and not parts:
        measured = measured._replace(temperature=_as_sure(problem.model(point, 1.0), finish, texts))
    model = _finished(problem.model(point, measured.temperature), finish)
    return LinearFit(model, options, measured.accuracy, measured.n_held_out, measured.temperature)


def _fit_many(
    texts: Sequence[str | bytes],
    labels: Sequence[Sequence[str]],
    part: np.ndarray,
    options: LinearOptions,
    watch: Watch,
    finish: Finish | None,
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
    measured = _measured([fold], float(options.cost), watch, ROUGHLY, finish)
    model = _finished(fold.model(measured.temperature), finish)
    return LinearFit(model, options, measured.accuracy, len(part), measured.temperature)


def _fit_by(valid: Labelled, train: Labelled, options: LinearOptions, watch: Watch, finish: Finish | None) -> LinearFit:
    """One fit of all texts; others choose the cost, calibrate and measure."""
    check_valid(valid, train[1], options.min_count_label)
    fold = _Fold(train, valid, options)
    cost = _best_cost([fold], options.loss, watch) if options.cost is None else float(options.cost)
    tolerance = ROUGHLY if len(train[0]) > MANY_TO_HOLD_OUT else FULLY
    measured = _measured([fold], cost, watch, tolerance, finish)
    fold.problem.options = options = with_values(options, cost=cost)
    model = _finished(fold.model(measured.temperature), finish)
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
        self._texts, self._scorer = held[0], self.problem.scorer(held[0])
        self._point = np.zeros(self.problem.size, np.float32)

    def scores(self, cost: float, watch: Watch, tolerance: float = ROUGHLY) -> np.ndarray:
        """The scores of what is held out after a fit that begins at the last one's end."""
        self._point = self.problem.fit(cost, self._point, watch, tolerance)
        return self._scorer(self._point)

    def finished_scores(self, finish: Finish) -> np.ndarray:
        """Those of the last fit's classifier when it has been finished."""
        return finish(self.model(1.0)).scores(self._texts)

    def model(self, temperature: float) -> BagClassifier:
        """The classifier of the last fit."""
        return self.problem.model(self._point, temperature)


def _best_cost(folds: list[_Fold], loss: str, watch: Watch) -> float:
    """The cost of the least loss on the parts held out: the first after which the loss rises."""
    best, best_loss = COSTS[0], np.inf
    for cost in COSTS:
        pairs = [(fold.scores(cost, watch), fold.targets) for fold in folds]
        found = mean_loss(pairs, _temperature(pairs, loss), loss == "softmax")
        if found >= best_loss:
            break
        best, best_loss = cost, found
    return best


def _measured(
    folds: list[_Fold], cost: float, watch: Watch, tolerance: float = FULLY, finish: Finish | None = None
) -> _Measured:
    """Of fits that go as far as the one that is kept: a rougher one is less sure of itself, or more."""
    pairs = [(fold.scores(cost, watch, tolerance), fold.targets) for fold in folds]
    if finish is not None:
        pairs = [(fold.finished_scores(finish), fold.targets) for fold in folds]
    loss = folds[0].problem.options.loss
    temperature = _temperature(pairs, loss) if finish is None else best_temperature(pairs, loss == "softmax")
    return _Measured(temperature, accuracy(pairs), sum(len(targets) for _, targets in pairs))


def _temperature(pairs: list[tuple[np.ndarray, np.ndarray]], loss: str) -> float:
    return best_temperature(pairs) if loss == "softmax" else 1.0


def _finished(model: BagClassifier, finish: Finish | None) -> BagClassifier:
    return model if finish is None else finish(model)


def _as_sure(model: BagClassifier, finish: Finish, texts: Sequence[str | bytes]) -> float:
    """The temperature that makes the finished model as sure of some texts as the model is."""
    return best_temperature([(finish(model).scores(texts), model.probabilities(texts))], model.loss == "softmax")
