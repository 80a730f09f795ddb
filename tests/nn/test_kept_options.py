"""Model files hold the options that their model uses, and no others."""

import copy
import pickle

import numpy as np
import pytest

from embedkit.errors import ConfigError
from embedkit.files.describe import describe_own
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.captioner import CaptionConfig
from embedkit.nn.models.classifier import Classifier, ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.language_config import LANGUAGE_MODELS, LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.language_training import train_language_model
from embedkit.nn.models.seq2seq import SEQ2SEQ_MODELS, Seq2Seq, Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import Pairs, train_seq2seq
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import train_tagger
from embedkit.options import described
from embedkit.text.labelled import LabelledTexts
from embedkit.text.tagged import TaggedSentences
from tests.nn.test_language_model import make

ONE = TrainingOptions(epochs=1, batch_size=8)
LINES = ["a b c", "b c a", "c a b", "a a b", "b b c", "c c a"] * 2
KINDS = [
    *[("lm", kind) for kind in LANGUAGE_MODELS],
    *[("seq2seq", kind) for kind in SEQ2SEQ_MODELS],
    *[("classify", kind) for kind in ("mean", "gru", "transformer")],
    *[("tag", kind) for kind in ("mean", "gru")],
]


def train(task, kind):
    small = {"options": ONE, "vector_size": 4}
    if task == "lm":
        return LanguageModel, train_language_model(LINES, config=LanguageModelConfig(kind, 4, heads=2), **small)[0]
    if task == "seq2seq":
        config = Seq2SeqConfig(kind, hidden_size=4, heads=2)
        return Seq2Seq, train_seq2seq(Pairs(LINES, LINES), config=config, **small)[0]
    if task == "classify":
        texts = LabelledTexts(list(LINES), ["x", "y"] * 6, [f"line {i}" for i in range(12)])
        return Classifier, train_classifier(texts, config=ClassifierConfig(kind, 4, heads=2), **small)[0]
    words = [line.split() for line in LINES]
    data = TaggedSentences(words, [["X" if w == "a" else "Y" for w in line] for line in words], LINES)
    return Tagger, train_tagger(data, config=TaggerConfig(kind, 4), **small)[0]


@pytest.mark.parametrize(("task", "kind"), KINDS)
def test_a_file_tells_the_options_that_its_model_uses(task, kind, tmp_path):
    of, model = train(task, kind)
    model.save(tmp_path / "m")
    told = describe_own(tmp_path / "m")["config"]
    only = {name: facts.only for name, facts in described(model.config).items() if "model" in facts.only}
    assert only
    for name, users in only.items():
        assert (name in told) == (kind in users["model"]), name
    again = of.load(tmp_path / "m")
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        copied.save(tmp_path / "copied")
        assert (tmp_path / "copied").read_bytes() == (tmp_path / "m").read_bytes()


@pytest.mark.parametrize("config", [LanguageModelConfig, Seq2SeqConfig, ClassifierConfig, TaggerConfig, CaptionConfig])
def test_values_that_cannot_work_are_refused_alike_and_idle_ones_let_pass(config):
    for name, value in (("hidden_size", 0), ("num_layers", 1.5), ("dropout", 1.0), ("dropout", float("nan"))):
        with pytest.raises(ConfigError, match=f"`{name}` must be a .*number .*, got {value}"):
            config(**{name: value})
    assert config(hidden_size=np.int64(7)) == config(hidden_size=7)
    if "heads" in described(config):
        assert config("gru", heads=2).heads == 2  # so that one set of values serves several models


@pytest.mark.parametrize("kind", ["lstm", "transformer", "masked", "elmo"])
def test_a_context_of_one_token_opens_but_is_not_trained_with(kind, tmp_path):
    """Earlier versions wrote such files."""
    model = make(kind, context=1, dtype=np.float32)
    model.save(tmp_path / "m")
    again = LanguageModel.load(tmp_path / "m")
    assert again.config.context == 1
    np.testing.assert_array_equal(again.vectors(["a"]), model.vectors(["a"]))
    with pytest.raises(ConfigError, match="`context` must be at least 2 in training, got 1"):
        train_language_model(["a b", "b a"], config=model.config)
