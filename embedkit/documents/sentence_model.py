"""What a text teaches about the vectors of its lines, beside the vectors of its words; and its file.

The file is a ``.safetensors`` with the tensors ``components`` (float32, k rows), ``shares`` (float32: how much of each
projection is removed), and for weights that the text taught ``words`` (uint8, UTF-8, zeros up to a multiple of 8),
``word_offsets`` (int64) and ``word_weights`` (float32). The metadata's ``settings`` is JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.safetensors import SENTENCES, SafetensorsFile, SafetensorsWriter, metadata_of
from embedkit.options import check, check_given, option
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.vocabulary.words import Words

METHODS = ("mean", "max", "fasttext", "tfidf", "sif", "usif")
LEARNT = ("tfidf", "sif", "usif")
_COMPONENTS = {"sif": 1, "usif": 5}
_LAYOUT = {
    "components": ("F32", 2),
    "shares": ("F32", 1),
    "words": ("U8", 1),
    "word_offsets": ("I64", 1),
    "word_weights": ("F32", 1),
}


@dataclass(frozen=True, kw_only=True)
class SentenceOptions:
    """How the vectors of a line's words become one."""

    method: str = option("mean", "See the module's table.", choices=METHODS)
    smoothing: float | None = option(
        None,
        "sif: the smaller, the less frequent words count.",
        above=0,
        most=1e6,
        only={"method": ("sif",)},
        default_help="0.001",
    )
    components: int | None = option(
        None,
        "sif, usif: so many directions that all lines share are removed.",
        least=0,
        most=1000,
        only={"method": ("sif", "usif")},
        default_help="1; usif 5",
    )

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def create(cls, **given: Any) -> SentenceOptions:
        """The options, their own defaults filled in.

        Raises
        ------
        ConfigError
            For values that cannot work or have no effect with the method.
        """
        given = {name: value for name, value in given.items() if value is not None}
        options = cls(**given)
        check_given(options, given)
        if options.method == "sif" and options.smoothing is None:
            options = replace(options, smoothing=1e-3)
        if options.method in _COMPONENTS and options.components is None:
            options = replace(options, components=_COMPONENTS[options.method])
        return options


@dataclass(frozen=True)
class SentenceModel:
    """What is needed to turn a line into a vector beside the words' vectors.

    Attributes
    ----------
    options : SentenceOptions
    vector_size : int
    tokenizer : str
    lowercase : bool
        How lines are cut.
    stop_words : tuple of str
        Tokens that are left out.
    smoothing : float
        a of the module's table; 0 where there is none.
    other_weight : float
        Of words that the text did not hold.
    words, word_weights : Words and float32 (n_words,)
        Weights that the text taught; none where they follow from the model's counts or are all 1.
    components : float32 (k, vector_size)
        Directions, of unit length.
    shares : float32 (k,)
        How much of the projection on each is taken away.
    """

    options: SentenceOptions
    vector_size: int
    tokenizer: str = "whitespace"
    lowercase: bool = False
    stop_words: tuple[str, ...] = ()
    smoothing: float = 0.0
    other_weight: float = 1.0
    words: Words = field(default_factory=lambda: Words.from_bytes([]))
    word_weights: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    components: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    shares: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @classmethod
    def unlearnt(cls, model: KeyedVectors, options: SentenceOptions, stop_words: Sequence[str] = ()) -> SentenceModel:
        """The model of a method that learns nothing from a text; lines are cut as in the training of `model`."""
        tokenizer = model.table.setting("tokenizer", "whitespace")
        lowercase = model.table.setting("lowercase", False)
        return cls(options, model.vector_size, tokenizer, lowercase, tuple(stop_words))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model."""
        kept = {**asdict(self.options), "vector_size": self.vector_size, "tokenizer": self.tokenizer}
        kept |= {"lowercase": self.lowercase, "stop_words": list(self.stop_words)}
        kept |= {"a": self.smoothing, "other_weight": self.other_weight}
        with atomic_open(path) as stream:
            settings = json.dumps(kept, ensure_ascii=False)
            file = SafetensorsWriter(stream, metadata_of(SENTENCES, settings=settings), len(_LAYOUT))
            file.pad("words", self.words.blob[self.words.offsets[0] : self.words.offsets[-1]])
            file.tensor("word_offsets", self.words.offsets - self.words.offsets[0], "<i8")
            file.tensor("components", self.components.reshape(-1, self.vector_size), "<f4")
            file.tensor("shares", self.shares, "<f4")
            file.tensor("word_weights", self.word_weights, "<f4")
            file.finish()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SentenceModel:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            When the file is damaged or of another kind.
        """
        file = SafetensorsFile(path, expected=SENTENCES.what)
        file.require(SENTENCES)
        arrays = file.tensors(_LAYOUT, _LAYOUT)
        kept = file.json("settings")
        try:
            options = SentenceOptions(**{name: kept.pop(name) for name in ("method", "smoothing", "components")})
            size, a, other = int(kept["vector_size"]), float(kept["a"]), float(kept["other_weight"])
            cutting = str(kept["tokenizer"]), bool(kept["lowercase"]), tuple(map(str, kept["stop_words"]))
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise FormatError(f"{file.name}: damaged: its settings cannot be read ({error})") from error
        words = Words.checked(arrays["words"], arrays["word_offsets"])
        components, shares, weights = arrays["components"], arrays["shares"], arrays["word_weights"]
        sound = components.shape == (len(shares), size) and len(weights) == len(words) and np.isfinite([a, other]).all()
        if not sound or not all(np.isfinite(array).all() for array in (components, shares, weights)):
            raise FormatError(f"{file.name}: damaged: its words, weights and components do not fit together")
        return cls(options, size, *cutting, a, other, words, weights, components, shares)
