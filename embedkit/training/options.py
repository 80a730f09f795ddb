"""What a training run is told to do: one class of options for each model.

An option is written once, here: its name, type, default, what values make sense, when it has an effect, its line of
help and its flags. `TrainingConfig.create` makes the object of a model by name.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedkit.errors import ConfigError
from embedkit.options import changed, check_given, defaults, no_effect, option, refuse_unknown, used
from embedkit.rows.subwords import BESIDE_JAMO, JAMO_LENGTHS, fitted_lengths
from embedkit.threads import usable_cores
from embedkit.vocabulary.options import ReadingOptions, VocabularyOptions, corpus_options

LOSSES = ("ns", "hs", "softmax")
SUBWORDS = ("none", "chars", "jamo")
GLOVE_VECTORS = ("sum", "word", "context")
CBOW_GRADIENTS = ("sum", "mean")
PARAGRAPHS = ("dbow", "dm")

_BY_SIZE = "5; more below 20 M words"
DETERMINISTIC_REPLICAS = 4

_NS = {"loss": ("ns",)}
_CHARS = {"subwords": ("chars",)}
_OF_NEIGHBOURS: dict[str, Any] = {"only": {"paragraphs": ("dm",)}, "also": {"train_words": (True,)}}
_JAMO = {"subwords": ("jamo",)}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(ReadingOptions, VocabularyOptions):
    """What all models share; `create` makes the object of one."""

    # Of models without the option of that name.
    model = ""
    subwords = "none"
    keep_output = False
    cbow_gradient = "sum"
    positional = False
    keeps_empty_lines = False  # where line i of the text is row i of something
    words_are_inputs = True  # not where a line predicts its words alone: they have output vectors only

    vector_size: int = option(100, "Numbers in a vector.", least=1, most=100_000)
    workers: int = option(None, "Threads.", least=1, default_help="all cores")
    seed: int = option(1, "Of the random numbers; with one worker a run repeats bit for bit.", least=0, most=2**63 - 1)

    def __post_init__(self) -> None:
        if self.workers is None:
            object.__setattr__(self, "workers", usable_cores())
        ReadingOptions.__post_init__(self)

    @staticmethod
    def create(model: str = "skipgram", **options: Any) -> TrainingConfig:
        """The configuration of `model` with its defaults, changed by `options`; None means the default.

        Raises
        ------
        ConfigError
            For an unknown model, an option that the model does not have, or that has no effect beside the others, or
            a value that cannot work.
        """
        kind = family_of(model)
        given = {name: value for name, value in options.items() if value is not None}
        refuse_unknown(given, own_first(kind), f"model {model}")
        config = kind(**given, **fitted_lengths(given))
        check_given(config, given)
        return config

    @property
    def architecture(self) -> str:
        """``"cbow"`` or ``"skipgram"`` for the predicting models (fasttext is skipgram), else the model."""
        return "skipgram" if self.model == "fasttext" else self.model

    @property
    def stores_outputs(self) -> bool:
        """Whether the file holds the output vectors beside those of words."""
        return self.keep_output

    if TYPE_CHECKING:  # a family's file takes any configuration, and reads the options of its own models

        def __getattr__(self, name: str) -> Any: ...

    def corpus_options(self) -> dict[str, Any]:
        """The keyword arguments for `embedkit.vocabulary.corpus.Corpus.from_text`."""
        return {**corpus_options(self), "workers": self.workers}

    def to_dict(self) -> dict[str, Any]:
        """The model and the options that it used, as plain values for the model file."""
        return {"model": self.model, **used(self)}


@dataclass(frozen=True, kw_only=True)
class PredictionConfig(TrainingConfig):
    """What skip-gram, CBOW and fastText share."""

    replicas: int | None = option(
        None,
        "Train so many copies that are merged at fixed places (glove: so many parts that share nothing): the vectors "
        "depend on their number, not on threads or machines.",
        least=1,
        most=4096,
        default_help="one model that all threads share",
    )
    deterministic: bool = option(
        False, f"The same vectors for any number of threads: replicas {DETERMINISTIC_REPLICAS} where not given."
    )
    merge_every: int | None = option(
        None,
        "Words of each replica after which its most used rows are merged with those of the others.",
        least=1,
        default_help="by size of the corpus, 100 to 50000",
    )
    merge_bfloat16: bool = option(
        False, "Round to bfloat16 what is merged: half as much to send on a cluster, and other vectors."
    )
    # Where these are None, `embedkit.training.suiting.suited` decides once the corpus is known.
    window: int = option(None, "Words to each side.", least=1, default_help="5")
    shrink_windows: bool = option(True, "Draw each window from 1..window, as word2vec does.")
    epochs: int = option(None, "Passes over the text.", least=1, default_help=_BY_SIZE)
    learning_rate: float = option(
        None, "At the start; falls to nothing.", above=0, default_help="by size 0.025 or 0.05"
    )
    sample: float = option(
        None,
        "Leave out words more frequent than this now and then; 0: never.",
        least=0,
        default_help="0.001; of 5000 different words or more 0.0001 where that leaves less than .7 of the text",
    )
    preset: str = option(
        "corpus",
        "Defaults of epochs, learning rate, sample, exponent and n-gram lengths: what suits the corpus, or those of a "
        "tool.",
        choices=("corpus", "word2vec", "fasttext", "gensim"),
    )
    loss: str = option("ns", "Negative sampling, hierarchical or full softmax.", choices=LOSSES)
    negative: int = option(5, "Negatives for each pair.", least=1, only=_NS)
    ns_exponent: float = option(
        None, "Draw negatives by count to this power.", least=-10, most=10, only=_NS, default_help="0.75"
    )
    keep_output: bool = option(
        False,
        "Store the output vectors too (for fill, and for going on).",
        only={"loss": ("ns", "softmax"), "positional": (False,)},
    )
    center: bool = option(
        None,
        "Subtract the mean of all vectors when training is over.",
        only={"keep_output": (False,)},
        default_help="no; fasttext of much Korean yes",
    )
    subwords: str = option("none", "Vectors of n-grams of words too.", choices=SUBWORDS)
    min_n: int | None = option(None, "Shortest character n-gram.", least=1, only=_CHARS, default_help="by script")
    max_n: int | None = option(None, "Longest character n-gram.", least=1, only=_CHARS, default_help="by script")
    bucket: int = option(2_000_000, "Rows for n-grams.", least=1, most=2**31 - 1, only={"subwords": ("chars", "jamo")})
    min_jamo: int = option(JAMO_LENGTHS[0], "Shortest n-gram of jamo.", least=1, only=_JAMO)
    max_jamo: int = option(JAMO_LENGTHS[1], "Longest n-gram of jamo.", least=1, only=_JAMO)
    min_syllables: int = option(BESIDE_JAMO[0], "Shortest n-gram of syllables beside the jamo.", least=1, only=_JAMO)
    max_syllables: int = option(BESIDE_JAMO[1], "Longest n-gram of syllables beside the jamo.", least=1, only=_JAMO)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.deterministic and self.replicas is None:
            object.__setattr__(self, "replicas", DETERMINISTIC_REPLICAS)
        merging = [f"`{name}`" for name in ("merge_every", "merge_bfloat16") if getattr(self, name)]
        if self.replicas is None and merging:
            raise no_effect(merging, "without `replicas`: there is nothing to merge")
        for low, high in (("min_n", "max_n"), ("min_jamo", "max_jamo"), ("min_syllables", "max_syllables")):
            a, b = getattr(self, low), getattr(self, high)
            if a is not None and b is not None and a > b:
                raise ConfigError(f"`{low}` must not be greater than `{high}`, got {a} > {b}")


@dataclass(frozen=True, kw_only=True)
class SkipGramConfig(PredictionConfig):
    """Skip-gram: each word predicts its neighbours."""

    model = "skipgram"
    positional: bool = option(
        False,
        "Output vectors for each place in the window (structured skip-gram): better for parts of speech.",
        only={"loss": ("ns",), "subwords": ("none",), "deterministic": (False,), "replicas": (None,)},
    )


@dataclass(frozen=True, kw_only=True)
class CBOWConfig(PredictionConfig):
    """Continuous bag of words: the neighbours predict the word."""

    model = "cbow"
    learning_rate: float = changed(PredictionConfig, "learning_rate", None, default_help="0.05")
    cbow_gradient: str = option(
        "sum", "Give each context word the whole gradient, or its share.", choices=CBOW_GRADIENTS
    )


@dataclass(frozen=True, kw_only=True)
class FastTextConfig(PredictionConfig):
    """fastText: skip-gram over the pieces of words, with that tool's defaults."""

    model = "fasttext"
    window: int = changed(PredictionConfig, "window", None, default_help="5, of much Korean 4")
    learning_rate: float = changed(PredictionConfig, "learning_rate", None, default_help="0.05")
    sample: float = changed(PredictionConfig, "sample", None, default_help="0.0001")
    ns_exponent: float = changed(PredictionConfig, "ns_exponent", None, default_help="0.5")
    subwords: str = changed(PredictionConfig, "subwords", "chars")

    def __post_init__(self) -> None:
        if self.subwords == "none":
            raise ConfigError("model fasttext needs `subwords` chars or jamo; without them use `model` skipgram")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class Doc2VecConfig(TrainingConfig):
    """Paragraph vectors: each line predicts its words."""

    # As in the other predicting models, where these are options.
    loss = "ns"
    replicas = None
    preset = "corpus"

    model = "doc2vec"
    keeps_empty_lines = True
    paragraphs: str = option(
        "dbow", "A line predicts its words alone, or together with their neighbours.", choices=PARAGRAPHS
    )
    train_words: bool = option(False, "Skip-gram beside, on the same outputs.", only={"paragraphs": ("dbow",)})
    window: int = changed(PredictionConfig, "window", 5, default_help="", **_OF_NEIGHBOURS)
    shrink_windows: bool = changed(PredictionConfig, "shrink_windows", True, **_OF_NEIGHBOURS)
    epochs: int = changed(PredictionConfig, "epochs", None, default_help="20; more below 2 M words")
    learning_rate: float = changed(PredictionConfig, "learning_rate", None, default_help="0.05")
    sample: float = changed(PredictionConfig, "sample", 0.001, default_help="")
    negative: int = changed(PredictionConfig, "negative", 5)
    ns_exponent: float = changed(PredictionConfig, "ns_exponent", 0.75, default_help="")
    cbow_gradient: str = changed(CBOWConfig, "cbow_gradient", "sum", only={"paragraphs": ("dm",)})

    @property
    def words_are_inputs(self) -> bool:  # type: ignore[override]
        return self.paragraphs == "dm" or self.train_words

    @property
    def stores_outputs(self) -> bool:
        """Whether words have vectors of their own, beside those that lines are inferred with."""
        return self.words_are_inputs


@dataclass(frozen=True, kw_only=True)
class GloVeConfig(TrainingConfig):
    """GloVe: weighted least squares on the logarithms of co-occurrence counts."""

    model = "glove"
    window: int = changed(PredictionConfig, "window", 15, default_help="")
    epochs: int = changed(PredictionConfig, "epochs", 25, default_help="")
    learning_rate: float = changed(PredictionConfig, "learning_rate", 0.05, default_help="")
    x_max: float | None = option(
        None, "Counts from here on weigh fully.", above=0, default_help="10 up to 10 M words, 100 from 1,000 M on"
    )
    weight_exponent: float = option(0.75, "Exponent of the weighting.", least=-10, most=10)
    glove_vectors: str = option("sum", "Which vectors are the result.", choices=GLOVE_VECTORS)
    keep_output: bool = changed(PredictionConfig, "keep_output", False, only={})
    replicas: int | None = changed(PredictionConfig, "replicas", None)
    deterministic: bool = changed(PredictionConfig, "deterministic", False)  # which its rounds always are


@dataclass(frozen=True, kw_only=True)
class DecompositionConfig(TrainingConfig):
    """What the factorised matrices share."""

    eigenvalue_weighting: float = option(0.25, "Singular values to this power.", least=-10, most=10)
    exact: bool | None = option(
        None, "Decompose the whole matrix, rather than a projection.", default_help="up to 500 words"
    )
    power_iterations: int = option(
        4, "More make the projection sharper.", least=0, most=1000, only={"exact": (None, False)}
    )


@dataclass(frozen=True, kw_only=True)
class SVDConfig(DecompositionConfig):
    """Factorised positive pointwise mutual information."""

    model = "svd"
    window: int = changed(PredictionConfig, "window", 8, default_help="")
    shrink_windows: bool | None = changed(
        PredictionConfig, "shrink_windows", None, default_help="a neighbour counts 1/distance"
    )
    sample: float = changed(PredictionConfig, "sample", 0.0, default_help="")
    shift: float = option(1.0, "PMI less the logarithm of this.", above=0)
    context_smoothing: float = option(0.75, "Contexts count to this power.", "--cds", least=-10, most=10)
    add_contexts: bool = option(False, "Add the vectors of contexts to those of words (w + c).")


@dataclass(frozen=True, kw_only=True)
class LSAConfig(DecompositionConfig):
    """Latent semantic analysis: the factorised matrix of words and lines."""

    model = "lsa"
    eigenvalue_weighting: float = changed(DecompositionConfig, "eigenvalue_weighting", 1.0)


CONFIGS: dict[str, type[TrainingConfig]] = {
    kind.model: kind
    for kind in (
        SkipGramConfig,
        CBOWConfig,
        FastTextConfig,
        Doc2VecConfig,
        GloVeConfig,
        SVDConfig,
        LSAConfig,
    )
}
MODELS = tuple(CONFIGS)
OPTIONS = frozenset(name for kind in CONFIGS.values() for name in defaults(kind))


def family_of(model: str) -> type[TrainingConfig]:
    """The class of options of a model.

    Raises
    ------
    ConfigError
        For a model that is not known.
    """
    if model not in CONFIGS:
        raise ConfigError(f"`model` {model!r} is not known; use one of {', '.join(MODELS)}")
    return CONFIGS[model]


def settle(model: str | None, config: TrainingConfig | None, given: dict[str, Any]) -> TrainingConfig:
    """The configuration of a model, or an object's, changed by the options that were `given`.

    Raises
    ------
    ConfigError
        For options that the model does not have, that have no effect or cannot work.
    """
    if config is None:
        return TrainingConfig.create(model or "skipgram", **given)
    if not isinstance(config, TrainingConfig):
        raise ConfigError(f"`config` must be options of a model, as SkipGramConfig(window=3) is, got {config!r:.60}")
    if model is not None and model != config.model:
        raise ConfigError(f"`model` is {model}, but `config` is for model {config.model}; give one of them")
    refuse_unknown(given, own_first(type(config)), f"model {config.model}")
    config = dataclasses.replace(config, **given)
    check_given(config, given)
    return config


def own_first(kind: type[TrainingConfig]) -> list[str]:
    """The names of a model's options, those that all models have last."""
    return sorted(defaults(kind), key=lambda name: name in defaults(TrainingConfig))
