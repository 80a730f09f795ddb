"""The objective of a linear classifier: the losses of labelled lines and the squares of the weights, as a function.

What a weight costs, and why, is said in `embedkit.classification.linear`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np

from embedkit.classification.calibration import losses_and_slopes
from embedkit.classification.descent import minimise
from embedkit.classification.features import LABEL_PREFIX, Features, Lines
from embedkit.classification.model import BagClassifier, rows_of_buckets
from embedkit.classification.options import LinearOptions
from embedkit.classification.training import choose_words, encode_examples, number_labels
from embedkit.progress import Progress, ProgressCallback
from embedkit.rows.subwords import encode_word
from embedkit.threads import for_each, ordered_map

FULLY = 3e-3  # how far a fit goes
BIAS = 0.1  # a unit of the bias moves the mean line's scores by so much: a scale at which the descent is quick
PIECE = 8192  # lines or rows that a thread sums at once


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

    def fit(self, cost: float, start: np.ndarray, watch: Watch, tolerance: float = FULLY) -> np.ndarray:
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


class Watch:
    """Counts the passes over the texts and reports them."""

    def __init__(self, progress: ProgressCallback | None) -> None:
        self._progress, self._done = progress, 0

    def count(self, loss: float) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(Progress("training", self._done, None, "passes", {"loss": loss}))
