"""Which of the options that a file holds its model uses: older files hold those of all models."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from embedkit.cli.shared.bag import BAG, LINEAR
from embedkit.counting.ngram import SMOOTHED_BY_K
from embedkit.options import defaults, in_use

# The task of a neural model: where its options are.
_NEURAL = {
    "lm": "language_config.LanguageModelConfig",
    "classify": "classifier.ClassifierConfig",
    "tag": "tagger.TaggerConfig",
    "seq2seq": "seq2seq.Seq2SeqConfig",
}
_ROWS = "vector_size"  # of a linear classifier how many labels it has, which is no option


def of_vectors(config: dict[str, Any]) -> dict[str, Any]:
    """The options that a training of word vectors used, of all that a file tells of it."""
    from embedkit.training.options import CONFIGS, OPTIONS

    kind = CONFIGS.get(str(config.get("model")))
    return config if kind is None else in_use(kind, config, OPTIONS)


def of_model(task: Any, kind: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The options that a trained model uses, of all that its file tells."""
    if (task, kind) == ("lm", "ngram"):
        return config if config.get("smoothing") == SMOOTHED_BY_K else _without(config, ["k"])
    if task == "classify" and kind in (BAG, LINEAR):
        from embedkit.classification.options import BagOptions, LinearOptions

        options = {name for name in defaults(BagOptions) if name != _ROWS}
        return in_use(BagOptions if kind == BAG else LinearOptions, config, options)
    if task not in _NEURAL:
        return config
    context = config.get("context")
    if isinstance(context, dict) and isinstance(inner := context.get("language_model"), dict):
        config = {**config, "context": {**context, "language_model": of_model("lm", inner.get("model"), inner)}}
    module, name = _NEURAL[task].split(".")
    options = getattr(import_module(f"embedkit.nn.models.{module}"), name)
    found = in_use(options, {"model": kind, **config}, defaults(options))
    return {name: value for name, value in found.items() if name in config}


def _without(config: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}
