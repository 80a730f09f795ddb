"""A classifier in few bytes, as fastText's ``.ftz`` (Joulin et al. 2016, "FastText.zip", arXiv:1612.03651).

Rows become codes of one byte for two numbers and one for their length; of all rows only the longest may be kept, since
these say most about the labels. N-grams without a row no longer count among a line's features, so that the mean of the
others is longer: a linear model is too sure of itself then, unless its temperature is fitted to the small model
(`embedkit.classification.linear.train_linear` does, with a `quantiser`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedkit.classification.features import SENTENCE_END
from embedkit.classification.model import BagClassifier, rows_of_buckets
from embedkit.errors import ConfigError
from embedkit.formats.fasttext_quantized import FastTextCodes
from embedkit.rows.quantization import CENTROIDS, quantize

ENTRY, BUCKET, HEADER = 10, 8, 200  # bytes of a word beside its letters, of a bucket, of all else of fixed size


class TooSmall(ConfigError):
    """No file of a model is so small."""


def quantise_bag(model: BagClassifier, *, cutoff: int | None = None, seed: int = 1) -> BagClassifier:
    """The same classifier with coded rows.

    Parameters
    ----------
    model : BagClassifier
        Not quantised yet.
    cutoff : int, optional
        Keep so many words and n-grams, those with the longest rows; ``</s>`` is always one of them.
    seed : int
        Of the choice of rows that the codes are fitted to.

    Raises
    ------
    ConfigError
        When `cutoff` is below 1 or the model is quantised already.
    """
    _check(model)
    if cutoff is not None and cutoff < 1:
        raise ConfigError(f"`cutoff` must be at least 1, got {cutoff}")
    rows = _mean_rows(model)
    n_words, bucket = len(model.words), int(model.config["bucket"])
    buckets = _buckets(model)
    if cutoff is None or cutoff >= len(rows):
        kept = np.arange(len(rows))
    else:
        kept = np.sort(_by_length(model, rows)[:cutoff])
    words = kept[kept < n_words]
    buckets = buckets[kept[kept >= n_words] - n_words]
    codes = quantize(rows[kept], "pq", subvectors=max(1, (rows.shape[1] + 1) // 2), seed=seed)
    return BagClassifier(
        {**model.config, "root_mean": False},
        model.encoded_labels,
        model.label_counts,
        [model.words[i] for i in words.tolist()],
        model.word_counts[words],
        _as_fasttext(codes.parts, rows.shape[1]),
        model.output,
        bucket_rows=rows_of_buckets(buckets, bucket, len(words)),
        pruned=True,
    )


def quantiser(n_bytes: int | None = None, cutoff: int | None = None) -> Callable[[BagClassifier], BagClassifier]:
    """`quantise_bag` with a cutoff, or with the one of `n_bytes`; what trains makes its models small by it."""
    if n_bytes is None:
        return lambda model: quantise_bag(model, cutoff=cutoff)
    return lambda model: quantise_bag(model, cutoff=fitting_cutoff(model, n_bytes))


def fitting_cutoff(model: BagClassifier, n_bytes: int) -> int:
    """The largest cutoff whose file has at most `n_bytes` bytes.

    Raises
    ------
    TooSmall
        When no file is that small.
    """
    _check(model)
    size = model.rows.shape[1]
    labels = sum(len(label) + ENTRY for label in model.encoded_labels) + 4 * size * len(model.labels)
    fixed = HEADER + labels + 4 * CENTROIDS * (size + 1)
    own = np.full(len(model.rows), BUCKET)
    own[: len(model.words)] = [len(word) + ENTRY for word in model.words]
    costs = own + max(1, (size + 1) // 2) + 1
    total = fixed + np.cumsum(costs[_by_length(model, _mean_rows(model))])
    if total[0] > n_bytes:
        raise TooSmall(f"no file of these labels is as small as {n_bytes:,} bytes: the least is {total[0]:,}")
    return int(np.searchsorted(total, n_bytes, side="right"))


def _check(model: BagClassifier) -> None:
    if isinstance(model.rows, FastTextCodes):
        raise ConfigError("the classifier is quantised already")
    if model.config.get("across_words"):
        raise ConfigError(
            "fastText's .ftz has no n-grams across words: train again with those within words alone (`across_words`)"
        )


def _mean_rows(model: BagClassifier) -> np.ndarray:
    """The rows, such that their mean is the hidden vector of a line of the mean length."""
    rows = np.asarray(model.rows, np.float32)
    return rows * np.float32(np.sqrt(model.config["mean_features"])) if model.config.get("root_mean") else rows


def _buckets(model: BagClassifier) -> np.ndarray:
    """The bucket of each row behind those of the words."""
    bucket_rows = model.features.bucket_rows
    if bucket_rows is None:
        return np.arange(len(model.rows) - len(model.words))
    buckets = np.flatnonzero(bucket_rows >= 0)
    return np.asarray(buckets[np.argsort(bucket_rows[buckets], kind="stable")])


def _by_length(model: BagClassifier, rows: np.ndarray) -> np.ndarray:
    """Numbers of the rows by falling length, that of ``</s>`` first."""
    lengths = np.linalg.norm(rows, axis=1)
    if SENTENCE_END in model.words:
        lengths[model.words.index(SENTENCE_END)] = np.inf
    return np.argsort(-lengths, kind="stable")


def _as_fasttext(parts: dict[str, np.ndarray] | object, size: int) -> FastTextCodes:
    """Codes of `embedkit.rows.quantization` in the order of fastText's file, lengths as one of 256."""
    codes, centroids, scales = (parts[name] for name in ("rows", "centroids", "scales"))  # type: ignore[index]
    width = centroids.shape[2]
    widths: Sequence[int] = [min(width, size - part * width) for part in range(len(centroids))]
    flat = np.concatenate([centroids[part, :, :w].ravel() for part, w in enumerate(widths)])
    return FastTextCodes(np.ascontiguousarray(codes), flat, size, width, _few_values(scales))


def _few_values(lengths: np.ndarray) -> np.ndarray:
    """Each number as the closest of 256 at most: half of these as dense as the numbers, half equally far apart."""
    half = CENTROIDS // 2
    values = np.concatenate([np.quantile(lengths, np.linspace(0, 1, half)), np.linspace(0, lengths.max(), half)])
    values = np.unique(values.astype(np.float32))
    after = (
        np.clip(np.searchsorted(values, lengths), 1, len(values) - 1)
        if len(values) > 1
        else np.zeros(len(lengths), int)
    )
    before = np.maximum(after - 1, 0)
    closer = np.abs(values[before] - lengths) <= np.abs(values[after] - lengths)
    return np.where(closer, values[before], values[after]).astype(np.float32)
