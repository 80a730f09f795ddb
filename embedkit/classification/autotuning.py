"""Options found by trying, in a given time: fastText's autotune.

The first trials are the models that suit the texts (`embedkit.classification.suited`); each further one changes a few
options of the best so far, at first boldly, then less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from embedkit.classification.linear import Finish
from embedkit.classification.model import BagClassifier
from embedkit.classification.options import TUNING_SECONDS, BagOptions, LinearOptions
from embedkit.classification.quantising import TooSmall, quantiser
from embedkit.classification.scores import score_sets
from embedkit.classification.suited import fit_options, models_with, suited_bag, suited_options
from embedkit.errors import ConfigError
from embedkit.progress import Progress, ProgressCallback, default_progress
from embedkit.text.labelled import check_sets

Options = BagOptions | LinearOptions
LENGTHS = ((0, 0), (1, 4), (1, 5), (2, 4), (2, 5), (3, 6))


@dataclass(frozen=True)
class Trial:
    """Options and the F1 of their likeliest labels on the texts to try on."""

    options: Options
    f1: float


@dataclass(frozen=True)
class Tuned:
    """The best model, its trial, and how many there were."""

    model: BagClassifier
    best: Trial
    n_trials: int


def autotune(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    valid_texts: Sequence[str],
    valid_labels: Sequence[Sequence[str]],
    *,
    seconds: float = TUNING_SECONDS,
    size: int | None = None,
    finish: Finish | None = None,
    model: str | None = None,
    seed: int = 1,
    progress: ProgressCallback | None = None,
    clock: Callable[[], float] = time.monotonic,
    **given: Any,
) -> Tuned:
    """Try options until the time is over.

    Parameters
    ----------
    texts, labels
        To train on.
    valid_texts, valid_labels
        To measure on.
    seconds : float
        No trial begins that would end later, were it as slow as the last; the first always runs.
    size : int, optional
        Bytes of the model's file, which is quantised and pruned to fit.
    finish : callable, optional
        What else is done to a model before it is measured (`embedkit.classification.linear.train_linear`).
    model : {"fasttext", "linear"}, optional
        By default both are tried.
    seed : int
    progress : callable, optional
    clock : callable
    **given
        Options that stay as they are.

    Raises
    ------
    ConfigError
        When `seconds` is not above 0, there is not a list of labels for each text or nothing to measure on, an option
        belongs to neither model, no model is as small as `size`, or `across_words` is asked for with a `size`, whose
        files have no such n-grams.
    """
    if not seconds > 0:
        raise ConfigError(f"`seconds` must be above 0, got {seconds}")
    check_sets(texts, labels)
    check_sets(valid_texts, valid_labels, ("valid_texts", "valid_labels"))
    if not len(valid_texts):
        raise ConfigError("`valid_texts` holds nothing to measure on")
    if size is not None:
        if given.get("across_words"):
            raise ConfigError("`across_words` has no effect with `size`: fastText's files have no such n-grams")
        given.setdefault("across_words", False)
        finish = quantiser(size)
    progress = progress or default_progress()
    rng = np.random.default_rng(seed)
    start, n, last = clock(), 0, 0.0
    tuned: tuple[BagClassifier, Trial] | None = None
    queue = _first(texts, labels, model, {**given, "seed": seed})
    while queue or (tuned is not None and clock() - start + last < seconds):
        began = clock()
        options = queue.pop(0) if queue or tuned is None else _changed(tuned[1].options, given, rng, 0.5 ** (n / 20))
        n += 1
        try:
            trained = fit_options(texts, labels, options, finish=finish, progress=lambda _report: None).model
        except TooSmall:
            if tuned is None and not queue:
                raise
            continue
        trial = Trial(options, score_sets(trained.predict(valid_texts), trained.labels, valid_labels).f1)
        if tuned is None or trial.f1 > tuned[1].f1:
            tuned = trained, trial
        last = clock() - began
        if clock() - start + last >= seconds:
            queue = []
        if progress is not None:
            done = min(clock() - start, seconds)
            progress(Progress("tuning", done, seconds, "seconds", {"f1": tuned[1].f1}))
    return Tuned(*tuned, n)  # type: ignore[misc, call-arg]  # the queue does not end without one


def _first(
    texts: Sequence[str], labels: Sequence[Sequence[str]], model: str | None, given: Mapping[str, Any]
) -> list[Options]:
    """What suits, and the other model's start where it knows all that was given."""
    suited = suited_options(texts, labels, model, **given)
    if isinstance(suited, LinearOptions) and "fasttext" in models_with(given, model):
        return [suited, suited_bag(texts, **{"loss": suited.loss, **given})]
    return [suited]


def _changed(options: Options, given: Mapping[str, Any], rng: np.random.Generator, reach: float) -> Options:
    """Some options of a model other than they were."""
    values = asdict(options)
    if isinstance(options, BagOptions):
        _scale(values, "learning_rate", rng, 4 * reach, 0.01, 2.0)
        _scale(values, "epochs", rng, 3 * reach, 1, 100)
        if rng.random() < 0.5:
            _scale(values, "vector_size", rng, 2 * reach, 4, 300)
    elif values["cost"] is not None or rng.random() < 0.3:
        values["cost"] = values["cost"] or 10.0
        _scale(values, "cost", rng, 3 * reach, 0.1, 1000.0)
    if rng.random() < 0.5:
        values["word_ngrams"] = int(rng.integers(1, 5))
    if not {"min_n", "max_n"} & set(given) and rng.random() < 0.5:
        needed = given.get("across_words") or given.get("word_strength", 1) != 1  # nothing without characters
        lengths = LENGTHS[1:] if needed else LENGTHS
        values["min_n"], values["max_n"] = lengths[int(rng.integers(len(lengths)))]
    if rng.random() < 0.3:
        values["min_count"] = int(rng.integers(1, 4))
    return type(options)(**{**values, **{name: value for name, value in given.items() if name in values}})


def _scale(values: dict[str, Any], name: str, rng: np.random.Generator, reach: float, low: float, high: float) -> None:
    """Multiply an option by up to 2 ** reach, or divide it."""
    value = float(np.clip(values[name] * 2 ** rng.uniform(-reach, reach), low, high))
    values[name] = max(1, round(value)) if isinstance(values[name], int) else value
