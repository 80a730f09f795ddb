"""A classifier that suits its texts, without a choice of model: n-grams by script, and honest probabilities.

Hangul gets n-grams of 1 to 5 syllables and pairs of words; letters get words and pairs of words.
A tenth of the texts is held out: it measures the accuracy, and a temperature that divides all scores (Guo et al. 2017,
"On Calibration of Modern Neural Networks") is fitted on it, since such a model is too sure of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.classification.features import SENTENCE_END, count_tokens
from embedkit.classification.model import BagClassifier
from embedkit.classification.options import BagOptions
from embedkit.classification.training import train_bag
from embedkit.progress import ProgressCallback
from embedkit.rows.subwords import SYLLABLE_LENGTHS, decode_word, default_lengths

HANGUL = {"min_n": 1, "max_n": 5, "word_ngrams": 2, "vector_size": 16, "learning_rate": 0.4, "epochs": 4}
LETTERS = {"word_ngrams": 2, "vector_size": 16, "learning_rate": 0.5, "epochs": 10}
FEWEST_HELD_OUT = 20
TEMPERATURES = np.geomspace(0.25, 8, 101)


@dataclass(frozen=True)
class Suited:
    """What `train_suited` made.

    Attributes
    ----------
    model : BagClassifier
    options : BagOptions
    accuracy : float
        On the texts held out; NaN where there are too few.
    n_held_out : int
    temperature : float
    """

    model: BagClassifier
    options: BagOptions
    accuracy: float
    n_held_out: int
    temperature: float


def suited_options(texts: Sequence[str], **given: Any) -> BagOptions:
    """The options for texts of this script; `given` ones stay as they are."""
    counts = count_tokens(texts[:20_000])
    del counts[SENTENCE_END]
    words = list(counts)
    lengths = default_lengths([decode_word(word) for word in words], [counts[word] for word in words])
    return BagOptions(**{**(HANGUL if lengths == SYLLABLE_LENGTHS else LETTERS), **given})


def train_suited(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    *,
    held_out: float = 0.1,
    progress: ProgressCallback | None = None,
    **given: Any,
) -> Suited:
    """Train with `suited_options`, measure and calibrate.

    Parameters
    ----------
    texts : sequence of str
    labels : sequence of sequences of str
    held_out : float
        Share of the texts that is not trained on.
    progress : callable, optional
    **given
        Options of `BagOptions` that take precedence.
    """
    options = suited_options(texts, **given)
    n = int(held_out * len(texts))
    order = np.random.default_rng(np.random.SeedSequence((options.seed, 1 << 20))).permutation(len(texts)).tolist()
    if n < FEWEST_HELD_OUT:
        n = 0
    train, rest = sorted(order[n:]), sorted(order[:n])
    model = train_bag([texts[i] for i in train], [labels[i] for i in train], options, progress=progress)
    number = {name: i for i, name in enumerate(model.labels)}
    rest = [i for i in rest if len(labels[i]) == 1 and labels[i][0] in number]
    if not rest or options.loss != "softmax":
        return Suited(model, options, float("nan"), 0, 1.0)
    probabilities = model.probabilities([texts[i] for i in rest])
    targets = np.array([number[labels[i][0]] for i in rest])
    temperature = best_temperature(probabilities, targets)
    model.output = np.asarray(model.output) / np.float32(temperature)
    accuracy = float((probabilities.argmax(1) == targets).mean())
    return Suited(model, options, accuracy, len(rest), temperature)


def best_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The divisor of the scores for which the targets are likeliest.

    Parameters
    ----------
    probabilities : float (n, n_labels)
        Of softmax.
    targets : int (n,)
    """
    scores = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    losses = []
    for temperature in TEMPERATURES:
        scaled = scores / temperature
        largest = scaled.max(1)
        total = np.log(np.exp(scaled - largest[:, None]).sum(1)) + largest
        losses.append((total - scaled[np.arange(len(targets)), targets]).mean())
    return float(TEMPERATURES[int(np.argmin(losses))])
