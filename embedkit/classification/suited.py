"""A classifier that suits its texts, without a choice of model.

A linear model of words, pairs of words and n-grams of characters, whose lengths suit the script, fits small and large
sets alike. Its weights are one for each feature and label, so many labels get fastText's classifier instead: so do
options that only that one has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedkit.classification.features import suited_lengths
from embedkit.classification.holding_out import Labelled, check_valid
from embedkit.classification.linear import Finish, LinearFit, train_linear
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.training import train_bag
from embedkit.errors import ConfigError
from embedkit.options import described, listed, refuse_unknown
from embedkit.progress import ProgressCallback
from embedkit.text.labelled import check_sets

HANGUL = {"min_n": 1, "max_n": 5, "word_ngrams": 2, "vector_size": 16, "learning_rate": 0.4, "epochs": 4}
LETTERS = {"word_ngrams": 2, "vector_size": 16, "learning_rate": 0.5, "epochs": 10}
MOST_LABELS = 50


def suited_options(
    texts: Sequence[str], labels: Sequence[Sequence[str]], model: str | None = None, **given: Any
) -> BagOptions | LinearOptions:
    """The options for these texts, which tell the model too; `given` ones stay as they are.

    Parameters
    ----------
    texts : sequence of str
    labels : sequence of sequences of str
        Where some text has several, the loss is "ova".
    model : {"fasttext", "linear"}, optional
        By default what suits.
    **given
        Options of `LinearOptions` or of `BagOptions`.

    Raises
    ------
    ConfigError
        When some are of the one alone, and some of the other.
    """
    known = models_with(given, model)
    if "loss" not in given and any(len(each) > 1 for each in labels):
        given["loss"] = "ova"
    n_labels = len({label for each in labels for label in each})
    suits = n_labels <= MOST_LABELS and given.get("loss", "softmax") in ("softmax", "ova")
    if "fasttext" not in known or ("linear" in known and suits):
        return LinearOptions(**given)
    return suited_bag(texts, **given)


def models_with(given: Mapping[str, Any], model: str | None = None) -> list[str]:
    """Which of "linear" and "fasttext", or of `model` alone, have all of these options.

    Raises
    ------
    ConfigError
        When none has.
    """
    named = [name for name, value in given.items() if name != "across_words" or value]  # without them both can be
    facts = {"linear": described(LinearOptions), "fasttext": described(BagOptions)}
    refuse_unknown(named, dict.fromkeys([*facts["fasttext"], *facts["linear"]]), "a bag of features")
    if model is not None and model not in facts:
        raise ConfigError(f"`model` must be one of {', '.join(facts)}, got {model!r}")
    asked = [model] if model else list(facts)
    lacking = {name: [option for option in named if option not in facts[name]] for name in asked}
    found = [name for name in asked if not lacking[name]]
    if not found:
        without = "; ".join(f"{name} has no {listed(options)}" for name, options in lacking.items())
        raise ConfigError(f"no model has all of these options: {without}")
    return found


def suited_bag(texts: Sequence[str], **given: Any) -> BagOptions:
    """Options of fastText's classifier for texts of this script."""
    given.pop("across_words", None)  # it never has them
    values = {**(HANGUL if suited_lengths(texts)[0] == 1 else LETTERS), **given}
    if "min_n" not in given and "max_n" in given:
        values["min_n"] = min(values.get("min_n", 1), values["max_n"])
    if "max_n" not in given and "min_n" in given:
        values["max_n"] = max(values.get("max_n", 6), values["min_n"])
    return BagOptions(**values)


def train_suited(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    *,
    held_out: float = 0.1,
    valid: Labelled | None = None,
    finish: Finish | None = None,
    progress: ProgressCallback | None = None,
    **given: Any,
) -> LinearFit:
    """Train with `suited_options`.

    Parameters
    ----------
    texts, labels
    held_out : float
        For a linear model, see `embedkit.classification.linear.train_linear`.
    valid : (sequence of str, sequence of sequences of str), optional
        Likewise; another model is only measured by them.
    finish : callable, optional
        What is done to the model before it is measured, see there.
    progress : callable, optional
    **given
        Options that take precedence.
    """
    check_sets(texts, labels)
    options = suited_options(texts, labels, **given)
    return fit_options(texts, labels, options, held_out=held_out, valid=valid, finish=finish, progress=progress)


def fit_options(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    options: BagOptions | LinearOptions,
    *,
    held_out: float = 0.1,
    valid: Labelled | None = None,
    finish: Finish | None = None,
    progress: ProgressCallback | None = None,
) -> LinearFit:
    """Train the model that the options are of; for the parameters see `train_suited`."""
    if isinstance(options, LinearOptions):
        return train_linear(texts, labels, options, held_out=held_out, valid=valid, finish=finish, progress=progress)
    return fit_bag(texts, labels, options, valid=valid, finish=finish, progress=progress)


def fit_bag(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    options: BagOptions,
    *,
    valid: Labelled | None = None,
    finish: Finish | None = None,
    progress: ProgressCallback | None = None,
) -> LinearFit:
    """Train fastText's classifier, and measure it where there are texts for that.

    Parameters
    ----------
    texts, labels, options
        As for `embedkit.classification.training.train_bag`.
    valid : (sequence of str, sequence of sequences of str), optional
    finish : callable, optional
    progress : callable, optional
    """
    if valid is not None:
        check_valid(valid, labels, options.min_count_label)
    model = train_bag(texts, labels, options, progress=progress)
    if finish is not None:
        model = finish(model)
    if valid is None:
        return LinearFit(model, options, float("nan"), 0, 1.0)
    found = model.predict(valid[0])
    answers = zip(found.labels[:, 0].tolist(), found.found.tolist(), valid[1], strict=True)
    right = [bool(n) and model.labels[label] in wanted for label, n, wanted in answers]
    return LinearFit(model, options, sum(right) / len(right), len(right), 1.0)
