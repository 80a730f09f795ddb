"""From a model file back to a model, with every part checked before it is used.

A file says what it holds, and is believed in nothing: sizes are numbers of a sound kind, and the values that they ask
for are counted against the values that the file has, so that no file makes more memory than it brings.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.files.model_file import ModelFile, load_model
from embedkit.nn.layers.parameters import Array, Layer, without_prefix
from embedkit.nn.words.word_input import WordInput
from embedkit.text.tokenizers import check_tokenizer
from embedkit.text.tokens import TokenizerSettings

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

C = TypeVar("C")
M = TypeVar("M")
LARGEST_SIZE = 1 << 31


class Budget:
    """In place of a generator of first values where all of them will be read from a file.

    It gives zeros, as many as the file has values and no more. (And importing numpy.random would take 10 ms.)
    """

    def __init__(self, values: int) -> None:
        self.left = values

    def uniform(self, low: float, high: float, size: int | tuple[int, ...]) -> Array:
        return self._zeros(size)

    def standard_normal(self, size: int | tuple[int, ...]) -> Array:
        return self._zeros(size)

    def _zeros(self, size: int | tuple[int, ...]) -> Array:
        count = math.prod(size) if isinstance(size, tuple) else size
        self.left -= count
        if self.left < 0:
            raise FormatError("the configuration asks for more values than the file holds")
        return np.zeros(size)


class Recipe:
    """What a model is built again from, each part checked as it is taken.

    Parameters
    ----------
    kind : str
        As the file says.
    settings : dict
        The file's configuration.
    tensors : dict of str to array

    Attributes
    ----------
    rng : numpy.random.Generator
        A `Budget` in its shape.
    """

    def __init__(self, kind: str, settings: dict[str, Any], tensors: dict[str, Array]) -> None:
        self.kind, self.settings, self.tensors = kind, settings, tensors
        self.rng = cast(np.random.Generator, Budget(sum(tensor.size for tensor in tensors.values())))

    def config(self, kind: type[C], older: dict[str, Any] | None = None) -> C:
        """A configuration; a field that the file lacks, being older, has its default, or what `older` says."""
        settings, found = self.settings, dict(older or {})
        for field in fields(cast(Any, kind)):
            if field.name in settings:
                found[field.name] = _checked(field.name, str(field.type), settings[field.name])
        return kind(**found)

    def part(self, key: str, prefix: str) -> Recipe | None:
        """The recipe of a model inside this one, None where there is none."""
        settings = self.settings.get(key)
        if settings is None:
            return None
        if not isinstance(settings, dict) or not isinstance(settings.get("language_model"), dict):
            raise FormatError(f"expected the configuration of a {key} model, found {str(settings)[:60]!r}")
        inner = {**settings["language_model"], "tokenizer": settings.get("tokenizer"), "tuned": settings.get("tuned")}
        return Recipe("", inner, without_prefix(prefix, self.tensors))

    def flag(self, name: str) -> bool:
        """A setting that is true or false."""
        return bool(_checked(name, "bool", self.settings.get(name)))

    def number(self, name: str) -> float:
        """A setting that is a finite number."""
        return float(_checked(name, "float", self.settings.get(name)))

    def labels(self) -> list[str]:
        """At least one label, all different."""
        labels = self.settings.get("labels")
        if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
            raise FormatError(f"expected a list of labels, found {str(labels)[:60]!r}")
        if len(set(labels)) != len(labels):
            raise FormatError("a label is there twice")
        return labels

    def tokenizer(self, *keys: str) -> TokenizerSettings:
        """How text is cut; `keys` lead to it."""
        found: Any = self.settings
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise FormatError(f"expected how text is cut into tokens, found {str(found)[:60]!r}")
        name, lowercase = found.get("tokenizer") or "whitespace", found.get("lowercase") or False
        if not isinstance(name, str) or not isinstance(lowercase, bool):
            raise FormatError(f"expected a tokenizer and whether it lower-cases, found {str(found)[:60]!r}")
        try:
            check_tokenizer(name)
        except ConfigError as error:
            raise FormatError(str(error)) from None
        settings: TokenizerSettings = {"tokenizer": name, "lowercase": lowercase}
        if found.get("blanks") is True:
            settings["blanks"] = True
        return settings

    def matrix(self, name: str) -> Array:
        """A matrix of floats that is not empty."""
        return self._floats(name, 2)

    def row(self, name: str) -> Array:
        """A row of finite floats that is not empty."""
        found = self._floats(name, 1)
        if not np.isfinite(found).all():
            raise FormatError(f"{name} holds a NaN or infinity")
        return found

    def _floats(self, name: str, dimensions: int) -> Array:
        if name not in self.tensors:
            raise FormatError(f"expected {name}, found nothing")
        found = self.tensors[name]
        if found.dtype not in (np.float32, np.float64) or found.ndim != dimensions or not found.size:
            raise FormatError(
                f"expected {name} of floats with {dimensions} dimensions, found {found.dtype} {found.shape}"
            )
        return found

    def fill(self, model: Layer, beside: tuple[str, ...] = ()) -> None:
        """Put the file's values into a model's parameters; names that begin as in `beside` belong to other parts.

        A parameter that is the file's own array (word vectors, which stay on the disk) is left as it is.
        """
        for name, array in model.parameters.items():
            found = self.tensors.get(name)
            if found is None or found.shape != array.shape or found.dtype != array.dtype:
                what = "nothing" if found is None else f"{found.dtype} {found.shape}"
                raise FormatError(f"expected {name} of {array.dtype} {array.shape}, found {what}")
            if found is not array:
                if not np.isfinite(found).all():
                    raise FormatError(f"{name} holds a NaN or infinity")
                array[...] = found
        for name in self.tensors:
            if name not in model.parameters and not name.startswith(beside):
                raise FormatError(f"the tensor {name[:60]} belongs to no part of the model")


def open_model(
    path: str | os.PathLike[str],
    task: str,
    kinds: Collection[str],
    make: Callable[[Recipe], M],
    vectors: KeyedVectors | None = None,
) -> M:
    """Open a model file and build the model in it.

    Parameters
    ----------
    path : path
    task : str
        Of the model.
    kinds : collection of str
        The kinds that `make` can build.
    make : callable
        Builds the model from a `Recipe`.
    vectors : KeyedVectors, optional
        Where a model with ``words`` is to look for words that it does not carry.

    Raises
    ------
    FormatError
        When the file is damaged or holds another kind of model.
    ConfigError
        When the vectors' width is not the model's, or a tokenizer's package is missing.
    """
    file: ModelFile = load_model(path, task, kinds)
    name = os.fspath(path)
    try:
        model = make(Recipe(file.kind, file.config, file.tensors))
    except EmbedkitError as error:
        if isinstance(error.__context__, ImportError):
            raise
        raise FormatError(f"{name}: damaged: {error}") from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{name}: damaged: the model cannot be built again ({error!r})") from error
    if vectors is not None:
        words: WordInput = cast(Any, model).words
        if vectors.vector_size != words.widths[0]:
            raise ConfigError(
                f"the vectors have {vectors.vector_size} dimensions, the model {name} was trained with "
                f"{words.widths[0]}; give the vectors that it was trained with"
            )
        words.borrow_from(vectors)
    return model


def _checked(name: str, kind: str, value: Any) -> Any:
    """A configuration's value, where it is of the kind that the field's annotation names."""
    kinds = kind.split(" | ")
    sound = (
        (value is None and "None" in kinds)
        or (type(value) is int and "int" in kinds and -LARGEST_SIZE < value < LARGEST_SIZE)
        or (type(value) in (int, float) and "float" in kinds and math.isfinite(value))
        or (type(value) is bool and "bool" in kinds)
        or (type(value) is str and "str" in kinds)
    )
    if not sound:
        raise FormatError(f"expected {name} to be {kind}, found {str(value)[:60]!r}")
    return value
