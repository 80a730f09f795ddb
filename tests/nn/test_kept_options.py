"""Model files hold the options that their model uses, and no others."""

import pytest

from embedkit.files.describe import describe_own
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.classifier import Classifier, ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.language_config import LANGUAGE_MODELS, LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.language_training import train_language_model
from embedkit.nn.models.seq2seq import SEQ2SEQ_MODELS, Seq2Seq, Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import Pairs, train_seq2seq
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import train_tagger
from embedkit.text.labelled import LabelledTexts
from embedkit.text.tagged import TaggedSentences

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
    for name, users in model.config.ONLY.items():
        assert (name in told) == (kind in users), name
    again = of.load(tmp_path / "m")
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_every_name_is_one_of_an_option():
    for config in (LanguageModelConfig, Seq2SeqConfig, ClassifierConfig, TaggerConfig):
        assert set(config.ONLY) <= set(config.__dataclass_fields__)
