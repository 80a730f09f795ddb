"""No task goes on from the checkpoint of another run: other data, labels, options, validation set or vectors."""

import dataclasses

import numpy as np
import pytest

from embedkit.errors import TrainingError
from embedkit.files.checkpoint import load_checkpoint, save_checkpoint
from embedkit.nn.learning.loop import VERSION
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.caption_training import train_captioner
from embedkit.nn.models.captioner import CaptionConfig
from embedkit.nn.models.classifier import ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_training import train_language_model
from embedkit.nn.models.seq2seq import Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import Pairs, train_seq2seq
from embedkit.nn.models.tagger import TaggerConfig
from embedkit.nn.models.tagger_training import train_tagger
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.labelled import LabelledTexts
from embedkit.text.tagged import TaggedSentences

ONE, TWO = (TrainingOptions(epochs=n, batch_size=8) for n in (1, 2))
LINES = ["a b c", "b c a", "c a b", "a a b", "b b c", "c c a"] * 2
OTHER_LINES = ["a b c", "b c a", "c a b", "a a b", "b b c", "c c b"] * 2  # the same vocabulary, so the same shapes


def texts(lines, labels="xy"):
    return LabelledTexts(list(lines), [labels[i % 2] for i in range(len(lines))], [f"line {i}" for i in range(12)])


def tagged(lines, labels="xyz"):
    sentences = [line.split() for line in lines]
    tags = [[labels["abc".index(word)] for word in sentence] for sentence in sentences]
    return TaggedSentences(sentences, tags, [f"line {i}" for i in range(12)])


def pairs(lines):
    return Pairs(list(lines), [line[::-1] for line in lines])


FEATURES = np.arange(36, dtype=np.float32).reshape(12, 3) % 7
VECTORS = KeyedVectors(["a", "b"], np.eye(2, 4, dtype=np.float32))
TASKS = {
    "classify": (
        train_classifier,
        {"data": texts(LINES), "config": ClassifierConfig("mean", dropout=0.1), "vector_size": 4},
        {
            "training data": {"data": texts(OTHER_LINES)},
            "set of labels": {"data": texts(LINES, "xz")},
            "`dropout` was 0.1, is 0.2": {"config": ClassifierConfig("mean", dropout=0.2)},
            "`valid_fraction` was 0.1": {"valid": texts(LINES)},
            "vectors": {"vectors": VECTORS},
            "`tokenizer` was": {"tokenizer": {"tokenizer": "words"}},
        },
    ),
    "tag": (
        train_tagger,
        {"data": tagged(LINES), "config": TaggerConfig("mean", spelling_size=2), "vector_size": 4},
        {
            "training data": {"data": tagged(OTHER_LINES)},
            "set of tags": {"data": tagged(LINES, "xyw")},
            "`dropout` was 0.3, is 0.2": {"config": TaggerConfig("mean", spelling_size=2, dropout=0.2)},
            "`valid_fraction` was 0.1": {"valid": tagged(LINES)},
        },
    ),
    "lm": (
        train_language_model,
        {"lines": LINES, "config": LanguageModelConfig("rnn", hidden_size=3), "vector_size": 4},
        {
            "training data": {"lines": OTHER_LINES},
            "`dropout` was 0.2, is 0.0": {"config": LanguageModelConfig("rnn", hidden_size=3, dropout=0.0)},
            "`valid_fraction` was 0.1": {"valid": LINES},
        },
    ),
    "seq2seq": (
        train_seq2seq,
        {"pairs": pairs(LINES), "config": Seq2SeqConfig("rnn", "dot", hidden_size=3), "vector_size": 4},
        {
            "training data": {"pairs": pairs(OTHER_LINES)},
            "`dropout` was 0.2, is 0.0": {"config": Seq2SeqConfig("rnn", "dot", hidden_size=3, dropout=0.0)},
            "data": {"valid": pairs(LINES)},
        },
    ),
    "caption": (
        train_captioner,
        {"features": FEATURES, "captions": LINES, "config": CaptionConfig(hidden_size=3), "vector_size": 4},
        {
            "training data": {"captions": OTHER_LINES},
            "another training data": {"features": FEATURES + 1},
            "`dropout` was 0.3, is 0.0": {"config": CaptionConfig(hidden_size=3, dropout=0.0)},
        },
    ),
}


@pytest.mark.parametrize("task", TASKS)
def test_another_run_is_refused_and_the_same_one_goes_on(task, tmp_path):
    train, same, others = TASKS[task]
    train(**same, options=ONE, checkpoint=tmp_path)
    for message, other in others.items():
        with pytest.raises(TrainingError) as caught:
            train(**{**same, **other}, options=TWO, checkpoint=tmp_path, resume=True)
        assert message in str(caught.value), (message, str(caught.value))
    with pytest.raises(TrainingError, match="`batch_size` was 8, is 4"):
        train(**same, options=dataclasses.replace(TWO, batch_size=4), checkpoint=tmp_path, resume=True)
    notes = []
    _, history = train(**same, options=TWO, checkpoint=tmp_path, resume=True, note=notes.append)
    assert len(history.epochs) == 2 and "going on in epoch 2 with 2 epochs instead of 1" in notes[0]


def test_other_vectors_of_the_same_width_are_refused(tmp_path):
    train, same, _ = TASKS["classify"]
    train(**same, vectors=VECTORS, options=ONE, checkpoint=tmp_path)
    other = KeyedVectors(["a", "b"], np.eye(2, 4, 1, dtype=np.float32))
    with pytest.raises(TrainingError, match="another vectors or language model to start from"):
        train(**same, vectors=other, options=TWO, checkpoint=tmp_path, resume=True)


def test_captions_of_a_checkpoint_that_knows_no_limit_go_on(tmp_path):
    """Earlier versions kept all tokens, and no checkpoint of theirs says so."""
    train, same, _ = TASKS["caption"]
    train(**same, options=ONE, checkpoint=tmp_path)
    found = load_checkpoint(tmp_path, "caption", version=VERSION)
    identity = found.metadata["identity"]
    settings = {name: value for name, value in identity["settings"].items() if name != "max_vocab"}
    metadata = {**found.metadata, "identity": {**identity, "settings": settings}}
    save_checkpoint(tmp_path, "caption", metadata, found.arrays, version=found.version)
    _, history = train(**same, options=TWO, checkpoint=tmp_path, resume=True)
    assert len(history.epochs) == 2
