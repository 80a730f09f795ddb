"""The files of a bag-of-features classifier: a native model file, or fastText's.

The native file (`embedkit.files.model_file`, task ``classify``, kind ``fasttext``) holds ``rows`` float32, of the words
and then of the buckets in use; ``buckets`` int32, which these are; ``output`` float32, a row a label; ``words`` and
``labels`` uint8 with ``words_offsets`` and ``labels_offsets`` int64; ``word_counts`` and ``label_counts`` int64.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from embedkit.classification.fasttext_files import is_fasttext, read, write
from embedkit.classification.features import Lines
from embedkit.classification.model import FEATURES, BagClassifier, rows_of_buckets
from embedkit.errors import ConfigError, FormatError
from embedkit.files.copies import on_disk
from embedkit.files.model_file import load_model, save_model
from embedkit.formats.fasttext_quantized import FastTextCodes

ACROSS_VERSION = 2  # of a file whose n-grams run across words: older programs would look for others


def save_bag(model: BagClassifier, path: str | os.PathLike[str]) -> None:
    """Write a classifier: as fastText's ``.bin`` (``.ftz`` where it is quantised) under these names, else natively."""
    if os.fspath(path).lower().endswith((".bin", ".ftz")):
        write(model, path)
        return
    if isinstance(model.rows, FastTextCodes):
        raise ConfigError("a quantised classifier is written as .ftz")
    tensors = {"rows": np.asarray(model.rows), "output": np.asarray(model.output)}
    for name, words in (("words", model.words), ("labels", model.encoded_labels)):
        lines = Lines(words)
        tensors[name] = lines.data if words else np.zeros(0, np.uint8)
        tensors[f"{name}_offsets"] = lines.offsets
    tensors |= {"word_counts": model.word_counts, "label_counts": model.label_counts}
    bucket_rows = model.features.bucket_rows
    if bucket_rows is not None:
        buckets = np.flatnonzero(bucket_rows >= 0)
        tensors["buckets"] = buckets[np.argsort(bucket_rows[buckets], kind="stable")].astype(np.int32)
    version = ACROSS_VERSION if model.config.get("across_words") else 1
    save_model(path, model.TASK, model.KIND, {**model.config, "pruned": model.pruned}, tensors, version=version)


def load_bag(path: str | os.PathLike[str]) -> BagClassifier:
    """Open a classifier written by `save_bag`, or by fastText (``.bin``, ``.ftz``).

    Raises
    ------
    FormatError
        When the file is damaged, or no classifier.
    """
    with on_disk(path) as here:
        if is_fasttext(here):
            return read(here)
        file = load_model(here, BagClassifier.TASK, [BagClassifier.KIND])
        return _from_tensors(os.fspath(here), file.config, file.tensors)


def is_bag(path: str | os.PathLike[str]) -> bool:
    """Whether a file is such a classifier, native or fastText's.

    Raises
    ------
    FormatError
        When it is neither that nor a model of `embedkit classify`.
    """
    with on_disk(path) as here:
        return is_fasttext(here) or load_model(here, BagClassifier.TASK).kind == BagClassifier.KIND


def _from_tensors(name: str, config: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> BagClassifier:
    try:
        words, labels = (_split(tensors, part) for part in ("words", "labels"))
        numbers = {part: config[part] for part in (*FEATURES, "vector_size")}
        loss, pruned, across = config["loss"], config["pruned"], config.get("across_words", False)
        rows, output, buckets = tensors["rows"], tensors["output"], tensors.get("buckets")
        counts = tensors["word_counts"], tensors["label_counts"]
    except (KeyError, ValueError) as error:
        raise FormatError(f"{name}: damaged: the classifier lacks {error}") from error
    sound = all(type(value) is int and 0 <= value < 2**31 for value in numbers.values())
    sound = sound and type(pruned) is bool and type(across) is bool
    if not sound or loss not in ("softmax", "hs", "ns", "ova") or not labels:
        raise FormatError(f"{name}: damaged: the classifier's configuration makes no sense")
    bucket, size = numbers["bucket"], numbers["vector_size"]
    n_buckets = bucket if buckets is None else len(buckets)
    for what, array, shape in (
        ("rows", rows, (len(words) + n_buckets, size)),
        ("output", output, (len(labels), size)),
        ("word_counts", counts[0], (len(words),)),
        ("label_counts", counts[1], (len(labels),)),
    ):
        kind = np.float32 if what in ("rows", "output") else np.int64
        if array.shape != shape or array.dtype != kind:
            raise FormatError(f"{name}: damaged: expected {what} of shape {shape}, found {array.shape}")
    bucket_rows = None
    if buckets is not None:
        if buckets.dtype != np.int32 or buckets.ndim != 1 or not ((buckets >= 0) & (buckets < bucket)).all():
            raise FormatError(f"{name}: damaged: buckets outside 0 .. {bucket - 1}")
        bucket_rows = rows_of_buckets(buckets, bucket, len(words))
    return BagClassifier(
        config, labels, counts[1], words, counts[0], rows, output, bucket_rows=bucket_rows, pruned=pruned
    )


def _split(tensors: Mapping[str, np.ndarray], name: str) -> list[bytes]:
    blob, offsets = tensors[name].tobytes(), tensors[f"{name}_offsets"]
    sound = offsets.dtype == np.int64 and offsets.ndim == 1 and len(offsets) > 0 and offsets[0] == 0
    if not sound or offsets[-1] != len(blob) or (np.diff(offsets) < 0).any():
        raise ValueError(f"sound {name}_offsets")
    bounds = offsets.tolist()
    return [blob[a:b] for a, b in pairwise(bounds)]
