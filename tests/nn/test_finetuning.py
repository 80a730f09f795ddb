"""Fine-tuning a language model inside a classifier: rates by layer, gradual unfreezing, first-token pooling."""

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.nn.learning.finetuning import depths
from embedkit.nn.learning.optimizers import SGD
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.classifier import ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.contextual import ContextualEncoder
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_training import train_language_model
from embedkit.text.labelled import LabelledTexts

LINES = ["a b c", "b c a", "c a b", "a a b", "b b c", "c c a"] * 4
TEXTS = LabelledTexts(list(LINES), ["x", "y"] * 12, [f"line {i}" for i in range(24)])


def language_model(kind):
    config = LanguageModelConfig(kind, hidden_size=4, num_layers=2, heads=2)
    return train_language_model(LINES, config=config, options=TrainingOptions(epochs=1), vector_size=4)[0]


def moved(kind, **options):
    """How far each parameter of the language model goes from where it was, by its depth: {depth: largest}."""
    model = language_model(kind)
    before = {f"context.{name}": array.copy() for name, array in model.parameters.items()}
    settings = TrainingOptions(
        **{"epochs": 1, "batch_size": 24, "optimizer": "sgd", "patience": 9, "clip": 1e9, **options}
    )
    classifier, _ = train_classifier(
        TEXTS,
        config=ClassifierConfig("mean", dropout=0.0),
        options=settings,
        vector_size=4,
        encoder=ContextualEncoder(model, True),
    )
    found = {}
    for name, depth in depths(classifier.parameters).items():
        if name in before:
            change = np.abs(classifier.parameters[name] - before[name]).max()
            found[depth] = max(found.get(depth, 0.0), float(change))
    return found


def test_depths_of_every_kind_of_language_model():
    for kind in ("lstm", "elmo", "transformer"):
        encoder = ContextualEncoder(language_model(kind), True)
        above = depths(f"context.{name}" for name in encoder.parameters)
        assert set(above.values()) == {1, 2, 3}
        assert above["context.embedding.weight"] == 3
        assert {above[n] for n in above if ".layers.1." in n} == {1}
        assert {above[n] for n in above if ".layers.0." in n} == {2}
    assert depths(["output.weight", "embedding.weight"]) == {"output.weight": 0, "embedding.weight": 0}


def test_lower_layers_move_by_their_share_of_the_rate():
    even, graded = moved("lstm", learning_rate=1.0), moved("lstm", learning_rate=1.0, layer_rate=0.5)
    for depth in (1, 2, 3):  # one step of gradient descent: the share of the rate is the share of the way
        assert even[depth] > 0 and graded[depth] == pytest.approx(even[depth] * 0.5**depth, rel=0.02)


def test_layers_are_unfrozen_from_the_top_one_an_epoch(monkeypatch):
    stepped = []
    step = SGD.step

    def note(self, parameters, grads, *rest):
        above = depths(parameters)
        stepped.append({above[name] for name in grads})
        step(self, parameters, grads, *rest)

    monkeypatch.setattr(SGD, "step", note)
    moved("lstm", epochs=4, gradual_unfreezing=True)
    by_epoch = [rows | dense for rows, dense in zip(stepped[::2], stepped[1::2], strict=True)]  # one batch an epoch
    assert by_epoch[-4:] == [{0}, {0, 1}, {0, 1, 2}, {0, 1, 2, 3}]


def test_the_options_need_an_encoder_that_trains(tmp_path, capsys):
    data = tmp_path / "d.tsv"
    data.write_text("".join(f"{text}\t{label}\n" for text, label in zip(TEXTS.texts, TEXTS.labels, strict=True)))
    language_model("lstm").save(tmp_path / "lm")
    base = [
        "classify",
        "train",
        str(data),
        "-o",
        str(tmp_path / "m"),
        "--epochs",
        "1",
        "--encoder",
        str(tmp_path / "lm"),
    ]
    assert main([*base, "--layer-rate", "0.4"]) == 2
    assert "--tune-encoder" in capsys.readouterr().err
    assert main([*base, "--tune-encoder", "--layer-rate", "0.4", "--gradual-unfreezing", "--pooling", "first"]) == 0
