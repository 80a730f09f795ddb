"""The options of training: written once, refused where they do nothing, stored where they were used."""

import dataclasses
import inspect
import re

import numpy as np
import pytest

import embedkit
from embedkit import KeyedVectors
from embedkit.counting.files import count_to_file
from embedkit.counting.files import load as load_counts
from embedkit.counting.window import Window
from embedkit.errors import ConfigError
from embedkit.files.checkpoint import load_checkpoint, save_checkpoint
from embedkit.files.model_file import save_model
from embedkit.options import defaults, described, in_python, kind_of
from embedkit.training.options import CONFIGS, OPTIONS, TrainingConfig
from embedkit.vocabulary.corpus import Corpus
from embedkit.vocabulary.options import ReadingOptions, VocabularyOptions
from tests.training import train_signature

SENTENCES = [["sun", "moon", "star", "comet"], ["bread", "milk", "egg", "flour"]] * 40
SMALL = {"vector_size": 4, "workers": 1}


def test_the_signature_of_train_is_that_of_the_classes():
    source = inspect.getsource(embedkit.train)
    assert "\n".join(train_signature.parameters()) in source
    assert "\n".join(train_signature.documentation()) in source
    assert set(OPTIONS) < set(inspect.signature(embedkit.train).parameters)


def test_the_corpus_has_the_same_defaults():
    taken = inspect.signature(Corpus.from_text).parameters
    for options in (ReadingOptions, VocabularyOptions):
        for name, default in defaults(options).items():
            assert taken[name].default == default


@pytest.mark.parametrize("model", CONFIGS)
def test_every_option_of_every_model_is_checked_and_described(model):
    kind = CONFIGS[model]
    assert TrainingConfig.create(model) == kind()
    for name, facts in described(kind).items():
        assert facts.help[0].isupper() and facts.help.endswith(".")
        values, _ = kind_of(kind, name)
        for wrong in (object(), "no such value") if values is not str or facts.choices else (object(),):
            with pytest.raises(ConfigError, match=f"`{name}` must be "):
                kind(**{name: wrong})


@pytest.mark.parametrize(
    ("model", "given", "refused"),
    [
        ("glove", {"loss": "hs", "negative": 9, "sample": 1e-5}, ["loss", "negative", "sample"]),
        ("svd", {"epochs": 77, "x_max": 3.0}, ["epochs", "x_max"]),
        ("lsa", {"window": 99}, ["window"]),
        ("skipgram", {"shift": 2.0}, ["shift"]),
        ("skipgram", {"bucket": 9}, ["bucket"]),
        ("skipgram", {"min_jamo": 3}, ["min_jamo"]),
        ("skipgram", {"cbow_gradient": "sum"}, ["cbow_gradient"]),
        ("skipgram", {"loss": "hs", "negative": 5}, ["negative"]),
        ("cbow", {"loss": "softmax", "ns_exponent": 0.75}, ["ns_exponent"]),
        ("cbow", {"loss": "hs", "keep_output": True}, ["keep_output"]),
        ("fasttext", {"max_syllables": 3}, ["max_syllables"]),
        ("fasttext", {"subwords": "jamo", "min_n": 2}, ["min_n"]),
    ],
)
def test_an_option_that_does_nothing_is_refused(model, given, refused):
    with pytest.raises(ConfigError, match=r"no effect|has no option") as error:
        embedkit.train(SENTENCES, model=model, **given)
    for name in refused:
        assert f"`{name}`" in str(error.value)
    if "has no option" in str(error.value):  # says what the model takes
        own = next(name for name in CONFIGS[model].__annotations__ or defaults(CONFIGS[model]))
        assert f"`{own}`" in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "given", "refused"),
    [
        ({"corpus": SENTENCES}, {"tokenizer": "words"}, "tokenizer"),
        ({"corpus": SENTENCES}, {"tokenizer": "whitespace"}, "tokenizer"),  # the default, yet it was asked for
        ({"corpus": SENTENCES}, {"lowercase": True}, "lowercase"),
        ({"corpus": SENTENCES}, {"mmap_above": 9}, "mmap_above"),
        ({"corpus": Corpus.from_sentences(SENTENCES)}, {"min_count": 2}, "min_count"),
        ({"corpus": Corpus.from_sentences(SENTENCES)}, {"lowercase": True}, "lowercase"),
        ({"corpus": Corpus.from_sentences(SENTENCES)}, {"vocabulary": "words"}, "vocabulary"),
        ({"corpus": SENTENCES, "vocabulary": "words"}, {"min_count": 100}, "min_count"),
        ({"cooccurrences": "counts"}, {"window": 3}, "window"),
        ({"cooccurrences": "counts"}, {"max_vocab": 3}, "max_vocab"),
    ],
)
def test_an_option_that_the_input_makes_idle_is_refused(inputs, given, refused):
    model = "glove" if "cooccurrences" in inputs else "skipgram"
    both = {**inputs, **given}
    if "vocabulary" in both:
        both["vocabulary"] = embedkit.Vocabulary.from_counts({"sun": 9})
    with pytest.raises(ConfigError, match=f"`{refused}` has no effect"):
        embedkit.train(model=model, **both)
    fields = {name: value for name, value in given.items() if name in OPTIONS}
    if fields and fields != {"tokenizer": "whitespace"}:
        both = {name: value for name, value in both.items() if name not in fields}
        with pytest.raises(ConfigError, match=f"`{refused}` has no effect"):
            embedkit.train(config=CONFIGS[model](**fields), **both)


def test_only_what_was_used_is_stored(tmp_path):
    skipgram = embedkit.train(SENTENCES, **SMALL).config
    assert skipgram["model"] == "skipgram" and skipgram["negative"] == 5 and skipgram["min_count"] == 5
    assert not skipgram.keys() & {"bucket", "min_n", "shift", "x_max", "tokenizer", "lowercase", "cbow_gradient"}
    glove = embedkit.train(SENTENCES, model="glove", **SMALL).config
    assert glove["x_max"] == 10 and not glove.keys() & {"loss", "negative", "sample", "shrink_windows"}
    exact = embedkit.train(SENTENCES, loss="hs", **SMALL).config
    assert exact["loss"] == "hs" and not exact.keys() & {"negative", "ns_exponent", "keep_output"}
    text = tmp_path / "t.txt"
    text.write_text("A b\n" * 20)
    corpus = Corpus.from_text(text, tokenizer="words", min_count=3)
    read = embedkit.train(corpus, **SMALL).config
    assert (read["tokenizer"], read["min_count"]) == ("words", 3)  # as it was read, not as the defaults say
    known = embedkit.train(text, vocabulary=embedkit.Vocabulary.from_counts({"b": 9}), **SMALL).config
    assert not known.keys() & {"min_count", "max_vocab"}


def test_a_configuration_as_an_object():
    config = embedkit.SkipGramConfig(window=2, vector_size=4, workers=1)
    first, again = embedkit.train(SENTENCES, config=config), embedkit.train(SENTENCES, window=2, **SMALL)
    assert first.config == again.config
    assert (first.vectors == again.vectors).all()
    assert embedkit.train(SENTENCES, config=config, window=3).config["window"] == 3
    with pytest.raises(ConfigError, match="give one of them"):
        embedkit.train(SENTENCES, config=config, model="cbow")
    with pytest.raises(ConfigError, match="model skipgram has no option `x_max`"):
        embedkit.train(SENTENCES, config=config, x_max=3.0)
    with pytest.raises(TypeError):
        embedkit.SkipGramConfig(x_max=3.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.window = 3


@pytest.mark.parametrize("model", ["skipgram", "fasttext", "glove", "svd", "doc2vec"])
def test_numbers_of_numpy_are_numbers(model, tmp_path):
    """They come from `np.arange` and searches for parameters; saving failed when training was over."""
    wanted = {"vector_size": 4, "workers": 1, "epochs": 2, "window": 2, "min_count": 1, "seed": 3, "negative": 2}
    if model == "fasttext":
        wanted |= {"bucket": 50, "min_n": 2, "max_n": 3}
    known = {name: np.int64(value) for name, value in wanted.items() if name in described(CONFIGS[model])}
    if model == "doc2vec":
        known |= {"train_words": np.bool_(True), "sample": np.float32(0.5)}
    vectors = embedkit.train(SENTENCES, model=model, **known)
    vectors.save(tmp_path / "m.safetensors")
    assert type(vectors.config["vector_size"]) is int
    assert len(embedkit.load(tmp_path / "m.safetensors", limit=np.int64(3))) == 3


def test_what_files_keep_may_be_of_numpy(tmp_path):
    KeyedVectors(["a"], np.eye(1), config={"window": np.int64(3)}).save(tmp_path / "m.safetensors")
    assert embedkit.load(tmp_path / "m.safetensors").config == {"window": 3}
    corpus = Corpus.from_sentences(SENTENCES, min_count=1)
    count_to_file(corpus, tmp_path / "c.safetensors", Window(np.int64(3)))
    assert load_counts(tmp_path / "c.safetensors").window == Window(3)
    save_model(tmp_path / "n.safetensors", "task", "kind", {"hidden": np.int32(7)}, {})
    save_checkpoint(tmp_path, "kind", {"step": np.int64(7)}, {})
    assert load_checkpoint(tmp_path, "kind")[0] == {"step": 7}


@pytest.mark.parametrize("value", [{1, 2}, np.add, np.dtype("f4"), np.ones(2), np.longdouble(1)], ids=repr)
def test_what_no_file_can_keep_is_named(tmp_path, value):
    """It was a circular reference, or an AttributeError."""
    with pytest.raises(TypeError, match=f"Object of type {type(value).__name__} is not JSON serializable"):
        KeyedVectors(["a"], np.eye(1), config={"window": value}).save(tmp_path / "m.safetensors")
    with pytest.raises(TypeError, match="is not JSON serializable"):
        save_model(tmp_path / "n.safetensors", "task", "kind", {"hidden": value}, {})
    assert in_python(value) is value or type(value) is np.longdouble


def test_a_dictionary_is_no_configuration():
    with pytest.raises(ConfigError, match=r"as SkipGramConfig\(window=3\) is, got {'window': 3}"):
        embedkit.train(SENTENCES, config={"window": 3})


def test_a_misspelt_option_is_guessed():
    with pytest.raises(ConfigError, match="did you mean `vector_size`"):
        TrainingConfig.create(vectorsize=5)


def test_fill_does_not_correct_glove_for_negative_sampling():
    vectors = embedkit.train(SENTENCES, model="glove", keep_output=True, **SMALL)
    now = vectors.fill("sun ___ star")
    vectors.config.update(loss="ns", ns_exponent=0.75)  # as earlier versions stored it
    vectors.table.counts = vectors.counts * range(1, 9)
    assert vectors.fill("sun ___ star") == now


def test_the_help_of_the_command_line_is_that_of_the_classes():
    from click.testing import CliRunner

    from embedkit.cli.commands.train import train

    text = re.sub(r"\s+", " ", CliRunner().invoke(train, ["--help"], terminal_width=100).output)
    for kind in CONFIGS.values():
        for name, facts in described(kind).items():
            assert f"--{name.replace('_', '-')}" in text
            assert all(flag in text for flag in facts.flags)
            assert facts.help in text or name in ("learning_rate",)
