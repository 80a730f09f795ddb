"""What a training run was told to do: every option, its default for each model, and what values make sense."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from embedkit.errors import ConfigError

MODELS = ("skipgram", "cbow", "fasttext", "glove", "svd", "lsa")
LOSSES = ("ns", "hs", "softmax")
SUBWORDS = ("none", "chars", "jamo")
GLOVE_VECTORS = ("sum", "word", "context")
CBOW_GRADIENTS = ("sum", "mean")

# Defaults that differ from one model to another; all others stand in the class.
_BY_MODEL: dict[str, dict[str, Any]] = {
    "skipgram": {},
    "cbow": {"learning_rate": 0.05},
    "fasttext": {"learning_rate": 0.05, "sample": 1e-4, "ns_exponent": 0.5, "subwords": "chars"},
    "glove": {"learning_rate": 0.05, "window": 15, "epochs": 25, "sample": 0.0, "shrink_windows": False},
    "svd": {"sample": 0.0, "shrink_windows": False},
    "lsa": {"sample": 0.0, "shrink_windows": False, "eigenvalue_weighting": 1.0},
}


@dataclass(frozen=True)
class TrainingConfig:
    """All options of one training run; stored with the vectors.

    Use `TrainingConfig.create`, which fills in the defaults of the model and checks the values.
    """

    model: str = "skipgram"
    vector_size: int = 100
    window: int = 5
    shrink_windows: bool = True
    epochs: int = 5
    learning_rate: float = 0.025
    sample: float = 1e-3
    loss: str = "ns"
    negative: int = 5
    ns_exponent: float = 0.75
    cbow_gradient: str = "sum"
    min_count: int = 5
    max_vocab: int | None = None
    subwords: str = "none"
    min_n: int | None = None
    max_n: int | None = None
    bucket: int = 2_000_000
    min_jamo: int = 3
    max_jamo: int = 5
    min_syllables: int = 1
    max_syllables: int = 4
    x_max: float = 100.0
    weight_exponent: float = 0.75
    glove_vectors: str = "sum"
    shift: float = 1.0
    context_smoothing: float = 0.75
    eigenvalue_weighting: float = 0.25
    keep_output: bool = False
    tokenizer: str = "whitespace"
    lowercase: bool = False
    json_field: str | None = None
    encoding_errors: str = "strict"
    workers: int = 1
    seed: int = 1

    @classmethod
    def create(cls, model: str = "skipgram", **options: Any) -> TrainingConfig:
        """The configuration of `model` with its defaults, changed by `options`; None means the default.

        Raises
        ------
        ConfigError
            For an unknown model or option, or a value that cannot work.
        """
        if model not in MODELS:
            raise ConfigError(f"model {model!r} is not known; use one of {', '.join(MODELS)}")
        fields = {f.name for f in dataclasses.fields(cls)}
        for name in options:
            if name not in fields:
                close = get_close_matches(name, fields, n=3)
                hint = f"; did you mean {', '.join(close)}?" if close else ""
                raise ConfigError(f"unknown training option {name!r}{hint}")
        values: dict[str, Any] = {"workers": os.cpu_count() or 1, **_BY_MODEL[model]}
        values.update((k, v) for k, v in options.items() if v is not None)
        if model == "fasttext" and values["subwords"] == "none":
            raise ConfigError("model fasttext needs subwords: use --subwords chars or jamo, or --model skipgram")
        config = cls(model=model, **values)
        config._check()
        return config

    def _check(self) -> None:
        for name, lowest in (
            ("vector_size", 1),
            ("window", 1),
            ("epochs", 1),
            ("min_count", 1),
            ("bucket", 1),
            ("workers", 1),
            ("seed", 0),
            ("min_jamo", 1),
            ("min_syllables", 1),
        ):
            _at_least(name, getattr(self, name), lowest)
        if self.max_vocab is not None:
            _at_least("max_vocab", self.max_vocab, 1)
        _at_least("negative", self.negative, 1 if self.loss == "ns" else 0)
        if self.vector_size > 100_000:
            raise ConfigError(f"vector_size must be at most 100000, got {self.vector_size}")
        for name, choices in (
            ("loss", LOSSES),
            ("subwords", SUBWORDS),
            ("glove_vectors", GLOVE_VECTORS),
            ("cbow_gradient", CBOW_GRADIENTS),
        ):
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name in ("learning_rate", "x_max", "shift"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"{name} must be a number above 0, got {value}")
        if not 0 <= self.sample < float("inf"):
            raise ConfigError(f"sample must be 0 (off) or a number above 0, got {self.sample}")
        for name in ("ns_exponent", "weight_exponent", "context_smoothing", "eigenvalue_weighting"):
            if not -10 <= getattr(self, name) <= 10:
                raise ConfigError(f"{name} must be between -10 and 10, got {getattr(self, name)}")
        for low, high in (("min_n", "max_n"), ("min_jamo", "max_jamo"), ("min_syllables", "max_syllables")):
            a, b = getattr(self, low), getattr(self, high)
            if a is not None:
                _at_least(low, a, 1)
            if a is not None and b is not None and a > b:
                raise ConfigError(f"{low} must not be greater than {high}, got {a} > {b}")
        if self.subwords != "none" and self.model in ("glove", "svd", "lsa"):
            raise ConfigError(f"model {self.model} has no subwords; leave --subwords out, or use fasttext or cbow")

    @property
    def architecture(self) -> str:
        """``"cbow"`` or ``"skipgram"`` for the predicting models (fasttext is skipgram), else the model."""
        return "skipgram" if self.model == "fasttext" else self.model

    def corpus_options(self) -> dict[str, Any]:
        """The keyword arguments for `embedkit.vocabulary.corpus.Corpus.from_text`."""
        names = ("tokenizer", "lowercase", "json_field", "encoding_errors", "min_count", "max_vocab", "workers")
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """A plain dict for the model file."""
        return dataclasses.asdict(self)


def _at_least(name: str, value: Any, lowest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ConfigError(f"{name} must be a whole number of at least {lowest}, got {value!r}")
