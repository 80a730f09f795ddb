"""From a model file back to a model, with every part checked before it is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.files.model_file import ModelFile
from embedkit.nn.words.lookup import WordLookup
from embedkit.nn.words.spelling import SpellingLookup
from embedkit.nn.words.word_input import WordInput

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

M = TypeVar("M")


def build_from_file(
    kind: Callable[..., M],
    config_kind: type,
    file: ModelFile,
    path: str | os.PathLike[str],
    vectors: KeyedVectors | None,
) -> M:
    """Build a `Classifier` or `Tagger` from what `load_model` found.

    Parameters
    ----------
    kind, config_kind : type
        The model's class and that of its configuration.
    file : ModelFile
    path : path
        For messages.
    vectors : KeyedVectors, optional
        Where to look for words that the model does not carry.
    """
    name = os.fspath(path)
    config, tensors = file.config, file.tensors
    try:
        labels = [str(label) for label in config["labels"]]
        lookup = WordLookup.from_tensors(tensors, config["subwords"])
        weight = tensors["embedding.weight"]
        settings: Any = config_kind(**{f.name: config[f.name] for f in fields(config_kind)})
        rng: Any = _NoDraws()
        words = WordInput(
            lookup,
            weight,
            frozen=settings.frozen,
            scale=float(config["scale"]),
            spelling=SpellingLookup.from_tensors(tensors) if "features.words" in tensors else None,
            spelling_size=getattr(settings, "spelling_size", 0),
            rng=rng,
            context=_context(config.get("context"), tensors),
        )
        model: Any = kind(settings, labels, words, tokenizer=dict(config["tokenizer"]), rng=rng)
    except EmbedkitError as error:
        raise FormatError(f"{name}: damaged: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{name}: damaged: the model cannot be built again ({error!r})") from error
    if len(weight) != lookup.n_rows:
        raise FormatError(f"{name}: damaged: expected {lookup.n_rows} rows of word vectors, found {len(weight)}")
    for key, array in model.parameters.items():
        if key not in tensors or tensors[key].shape != array.shape or tensors[key].dtype != array.dtype:
            found = f"shape {tensors[key].shape}" if key in tensors else "nothing"
            raise FormatError(f"{name}: damaged: expected {key} of shape {array.shape}, found {found}")
        if array is not tensors[key]:
            array[...] = tensors[key]
    if vectors is not None:
        if vectors.vector_size != weight.shape[1]:
            raise ConfigError(
                f"the vectors have {vectors.vector_size} dimensions, the model {name} was trained with "
                f"{weight.shape[1]}; give the vectors that it was trained with"
            )
        words.borrow_from(vectors)
    return model


class _NoDraws:
    """In place of a generator where all first values are read from a file: importing numpy.random takes 10 ms."""

    @staticmethod
    def uniform(low: float, high: float, size: Any) -> np.ndarray:
        return np.zeros(size)

    @staticmethod
    def standard_normal(size: Any) -> np.ndarray:
        return np.zeros(size)


def _context(config: dict[str, Any] | None, tensors: dict[str, np.ndarray]) -> Any:
    """The language model inside a model file, if any."""
    if config is None:
        return None
    from embedkit.nn.models.contextual import ContextualEncoder

    return ContextualEncoder.from_file(config, tensors, "context")
