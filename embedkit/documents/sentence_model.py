"""What a text teaches about the vectors of its lines, beside the vectors of its words; and its file.

The file is a ``.safetensors`` with the tensors ``components`` (float32, k rows), ``shares`` (float32: how much of each
projection is removed), and for weights that the text taught ``words`` (uint8, UTF-8, zeros up to a multiple of 8),
``word_offsets`` (int64) and ``word_weights`` (float32). The metadata's ``settings`` is JSON.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, FormatError, check_several
from embedkit.files.safetensors import SENTENCES, SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.options import check, check_given, option
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.tokenizers import carrying
from embedkit.vocabulary.words import Words

METHODS = ("mean", "max", "fasttext", "tfidf", "sif", "usif")
LEARNT = ("tfidf", "sif", "usif")
_COMPONENTS = {"sif": 1, "usif": 5}
LAYOUT = {
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


def fingerprint(model: KeyedVectors) -> int:
    """A number that tells models apart: of the first thousand words and their vectors, and how many there are."""
    head = np.ascontiguousarray(model.table.vectors[:1000], "<f4")
    words = "\n".join(model.index_to_key[:1000]).encode("utf-8", "surrogateescape")
    return zlib.crc32(words, zlib.crc32(head.tobytes(), len(model)))


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
    fingerprint : int
        Of the vectors that the components were learnt with; 0 where they are not known.
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
    fingerprint: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokenizer", carrying(self.tokenizer))

    @classmethod
    def unlearnt(cls, model: KeyedVectors, options: SentenceOptions, stop_words: Sequence[str] = ()) -> SentenceModel:
        """The model of a method that learns nothing from a text; lines are cut as in the training of `model`."""
        check_several(stop_words, "stop_words")
        tokenizer = model.table.setting("tokenizer", "whitespace")
        lowercase = model.table.setting("lowercase", False)
        return cls(options, model.vector_size, tokenizer, lowercase, tuple(stop_words))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a file holds: settings for JSON, and tensors."""
        kept = {**asdict(self.options), "vector_size": self.vector_size, "tokenizer": self.tokenizer}
        kept |= {"lowercase": self.lowercase, "stop_words": list(self.stop_words)}
        kept |= {"a": self.smoothing, "other_weight": self.other_weight, "fingerprint": self.fingerprint}
        words = self.words
        blob = np.asarray(words.blob[words.offsets[0] : words.offsets[-1]], np.uint8)
        return kept, {
            "word_offsets": np.asarray(words.offsets - words.offsets[0], np.int64),
            "components": np.asarray(self.components.reshape(-1, self.vector_size), np.float32),
            "shares": np.asarray(self.shares, np.float32),
            "word_weights": np.asarray(self.word_weights, np.float32),
            "words": np.concatenate([blob, np.zeros(-len(blob) % 8, np.uint8)]),
        }

    @classmethod
    def from_parts(cls, name: str, settings: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> SentenceModel:
        """Put together what `parts` took apart; `name` is the file's.

        Raises
        ------
        FormatError
            When the parts do not fit together.
        """
        try:
            options = SentenceOptions(**{key: settings[key] for key in ("method", "smoothing", "components")})
            size, a, other = int(settings["vector_size"]), float(settings["a"]), float(settings["other_weight"])
            mark = int(settings.get("fingerprint", 0))  # which files of earlier versions lack
            cutting = str(settings["tokenizer"]), bool(settings["lowercase"]), tuple(map(str, settings["stop_words"]))
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise FormatError(f"{name}: damaged: its settings cannot be read ({error})") from error
        words = Words.checked(tensors["words"], tensors["word_offsets"])
        components, shares, weights = tensors["components"], tensors["shares"], tensors["word_weights"]
        sound = components.shape == (len(shares), size) and len(weights) == len(words) and np.isfinite([a, other]).all()
        if not sound or not all(np.isfinite(array).all() for array in (components, shares, weights)):
            raise FormatError(f"{name}: damaged: its words, weights and components do not fit together")
        return cls(options, size, *cutting, a, other, words, weights, components, shares, mark)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model."""
        settings, tensors = self.parts()
        kept = json.dumps(settings, ensure_ascii=False)
        write_safetensors(path, metadata_of(SENTENCES, settings=kept), tensors)

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
        return cls.from_parts(file.name, file.json("settings"), file.tensors(LAYOUT, LAYOUT))
