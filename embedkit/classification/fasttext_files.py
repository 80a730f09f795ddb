"""A classifier as fastText's ``.bin`` and ``.ftz`` (`embedkit.formats.fasttext_parts` is their description)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from embedkit.classification.model import BagClassifier, rows_of_buckets
from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.copies import on_disk
from embedkit.formats import fasttext_parts
from embedkit.formats.fasttext_quantized import FastTextCodes


def is_fasttext(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins with fastText's magic number."""
    try:
        with on_disk(path) as here, open(here, "rb") as stream:
            return stream.read(4) == fasttext_parts.MAGIC.to_bytes(4, "little")
    except OSError as error:
        raise FormatError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error


def read(path: str | os.PathLike[str]) -> BagClassifier:
    """Open a supervised model, memory-mapped.

    Raises
    ------
    FormatError
        When the file is damaged, or a model of word vectors.
    """
    name = os.fspath(path)
    parts = fasttext_parts.read_parts(path)
    arguments, dictionary = parts.arguments, parts.dictionary
    if arguments["model"] != "supervised":
        raise FormatError(
            f"{name}: expected a classifier, found fastText word vectors ({arguments['model']}); "
            f"train one with embedkit classify train --vectors {name}"
        )
    if not dictionary.labels:
        raise FormatError(f"{name}: damaged: a classifier without labels")
    if dictionary.label_counts.max() >= 10**15 or dictionary.label_counts.min() < 0:
        raise FormatError(f"{name}: damaged: labels with impossible counts")
    config = {**arguments, "n_tokens": dictionary.n_tokens}
    kept, bucket_rows = dictionary.kept, None
    if kept is not None:
        if kept and max(kept) >= config["bucket"]:
            raise FormatError(f"{name}: damaged: a pruned bucket outside 0 .. {config['bucket'] - 1}")
        bucket_rows = rows_of_buckets(np.array(kept, np.int64), config["bucket"], len(dictionary.words))
    if config["bucket"] == 0 or kept == ():
        config["max_n"], config["word_ngrams"], bucket_rows = 0, 1, None
    if config["max_n"] <= 0 or config["min_n"] > config["max_n"]:
        config["min_n"] = config["max_n"] = 0
    config["min_n"], config["word_ngrams"] = max(config["min_n"], 0), max(config["word_ngrams"], 1)
    return BagClassifier(
        config,
        dictionary.labels,
        dictionary.label_counts,
        dictionary.words,
        dictionary.counts,
        parts.rows,
        parts.output,
        bucket_rows=bucket_rows,
        pruned=kept is not None,
    )


def write(classifier: BagClassifier, path: str | os.PathLike[str]) -> None:
    """Write a classifier; the ``fasttext`` package predicts the same with it.

    Of a linear model it gives the same labels, with the probabilities of lines of the mean length.

    Raises
    ------
    EmbedkitError
        For a word with a NUL byte, n-grams across words, and a model whose n-grams were pruned without being quantised.
    """
    if classifier.config.get("across_words"):
        raise EmbedkitError(
            "cannot write fastText .bin: it has no n-grams across words; "
            "train again with those within words alone (`across_words`)"
        )
    config, buckets = classifier.config, classifier.features.bucket_rows
    quantised = isinstance(classifier.rows, FastTextCodes)
    if classifier.pruned and not quantised:
        raise EmbedkitError("cannot write fastText .bin: a pruned model must be quantised; use .ftz")
    rows: Any = classifier.rows
    if config.get("root_mean"):
        rows = np.asarray(rows) * np.float32(np.sqrt(config["mean_features"]))
    kept = None
    if quantised:
        if classifier.pruned and buckets is not None:
            kept = np.flatnonzero(buckets >= 0)
            kept = kept[np.argsort(buckets[kept], kind="stable")]
        elif classifier.pruned:
            kept = np.zeros(0, np.int64)
    elif config["max_n"] == 0 and config["word_ngrams"] == 1:  # no n-grams: the program has no buckets then
        rows, config = rows[: len(classifier.words)], {**config, "bucket": 0}
    elif buckets is not None:
        rows = _Spread(rows, buckets, len(classifier.words))
    fasttext_parts.write_parts(
        path,
        {"window": 5, "min_count": 1, "update_rate": 100, **config, "model": "supervised"},
        fasttext_parts.Dictionary(
            classifier.words,
            classifier.word_counts,
            classifier.encoded_labels,
            classifier.label_counts,
            int(config.get("n_tokens", classifier.word_counts.sum() + classifier.label_counts.sum())),
            None if kept is None else tuple(kept.tolist()),
            0,
        ),
        [rows],
        classifier.output,
    )


class _Spread:
    """All rows, words and then every bucket, of a matrix that holds those in use; others are zeros."""

    def __init__(self, rows: np.ndarray, bucket_rows: np.ndarray, n_words: int) -> None:
        self.rows, self.bucket_rows, self.n_words = rows, bucket_rows, n_words
        self.shape = (n_words + len(bucket_rows), rows.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice) -> np.ndarray:
        numbers = np.arange(*index.indices(len(self)))
        places = np.where(numbers < self.n_words, numbers, self.bucket_rows[np.maximum(numbers - self.n_words, 0)])
        found = np.zeros((len(numbers), self.shape[1]), np.float32)
        found[places >= 0] = self.rows[places[places >= 0]]
        return found
