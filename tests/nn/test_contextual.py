"""A language model as encoder: against the model's own vectors, by value, in files and on the command line."""

import pickle

import numpy as np
import pytest

from embedkit.errors import ConfigError
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.classifier import Classifier, ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.contextual import ContextualEncoder
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import train_tagger
from embedkit.nn.words.token_table import TokenTable
from tests.nn.gradients import check_gradients
from tests.nn.test_classifier import BAD, GOOD, PLAIN, reviews
from tests.nn.test_tagger import sentences

MODELS = ("lstm", "transformer", "elmo", "masked")
ONE = TrainingOptions(epochs=1, batch_size=16)
IDS, MASK = np.array([[3, 4, 5, 6], [7, 0, 0, 0]]), np.array([[1, 1, 1, 1], [1, 0, 0, 0]], bool)


def language_model(model, dtype=np.float64, context=64, layers=2, tokenizer="whitespace"):
    rng = np.random.default_rng(1)
    table = TokenTable([*GOOD, *BAD, *PLAIN])
    config = LanguageModelConfig(model, hidden_size=4, num_layers=layers, heads=2, context=context)
    return LanguageModel(
        config,
        table,
        rng.standard_normal((len(table), 3)).astype(dtype),
        tokenizer={"tokenizer": tokenizer, "lowercase": True},
        rng=rng,
    )


@pytest.mark.parametrize("model", ["lstm", "elmo", "transformer"])
def test_frozen_it_gives_the_models_own_vectors(model):
    own = language_model(model)
    encoder = ContextualEncoder(own)
    tokens = ["the", "film", "Moving", "unheard"]
    y, _ = encoder.forward(encoder.ids(tokens)[None], np.ones((1, 4), bool))
    np.testing.assert_allclose(y[0], own.vectors([t.lower() for t in tokens]), rtol=1e-5)
    padded, _ = encoder.forward(np.pad(encoder.ids(tokens), (0, 3))[None], np.arange(7)[None] < 4)
    np.testing.assert_allclose(padded[0, :4], y[0], rtol=1e-6)
    assert (padded[0, 4:] == 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_mixture_of_layers_by_value(model):
    encoder = ContextualEncoder(language_model(model))
    encoder.parameters["mix"][...] = [0.3, -0.8, 0.5][: encoder.model.n_layers]
    y, cache = encoder.forward(IDS, MASK)
    w = np.random.default_rng(3).normal(size=y.shape)
    _, grads = encoder.backward(w, cache)
    check_gradients(lambda: float((encoder.forward(IDS, MASK)[0] * w).sum()), encoder.parameters, grads)


@pytest.mark.parametrize("model", MODELS)
def test_tuning_by_value(model):
    encoder = ContextualEncoder(language_model(model), tuned=True)
    y, cache = encoder.forward(IDS, MASK)
    w = np.random.default_rng(3).normal(size=y.shape)
    _, grads = encoder.backward(w, cache)
    zero = tuple(name for name in encoder.parameters if name.endswith("in_proj_bias"))
    check_gradients(
        lambda: float((encoder.forward(IDS, MASK)[0] * w).sum()),
        {k: v for k, v in encoder.parameters.items() if k not in zero},
        {k: v for k, v in grads.items() if k not in zero},
        tolerance=1e-5,
    )


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("model", ["elmo", "transformer"])
def test_classifier_and_tagger_carry_it(tmp_path, model, tuned):
    before = language_model(model, np.float32)
    encoder = ContextualEncoder(language_model(model, np.float32), tuned)
    classifier, _ = train_classifier(
        reviews(40), encoder=encoder, options=ONE, vector_size=4, config=ClassifierConfig("gru", hidden_size=4)
    )
    assert classifier.words.width == 4 + encoder.width
    moved = encoder.model.embedding.parameters["weight"] != before.embedding.parameters["weight"]
    assert moved.any() == tuned
    classifier.save(tmp_path / "c")
    again = Classifier.load(tmp_path / "c")
    texts = reviews(9, seed=3).texts
    np.testing.assert_array_equal(again.probabilities(texts), classifier.probabilities(texts))
    tagger, _ = train_tagger(
        sentences(20),
        encoder=ContextualEncoder(language_model(model, np.float32), tuned),
        options=ONE,
        vector_size=4,
        config=TaggerConfig(hidden_size=4),
    )
    tagger.save(tmp_path / "t")
    test = sentences(9, seed=3).sentences
    assert Tagger.load(tmp_path / "t").tag(test) == tagger.tag(test)


def test_a_text_longer_than_the_models_view():
    encoder = ContextualEncoder(language_model("transformer", np.float32, context=8), tuned=True)
    ids, mask = np.full((1, 50), 3), np.ones((1, 50), bool)
    y, cache = encoder.forward(ids, mask)
    assert y.shape == (1, 50, 4)
    assert np.isfinite(encoder.backward(np.ones_like(y), cache)[1]["embedding.weight"].values).all()


def test_a_model_of_characters_is_refused_for_words():
    encoder = ContextualEncoder(language_model("lstm", tokenizer="chars"))
    with pytest.raises(ConfigError, match=r"reads tokens of the tokenizer chars, the task's are those of whitespace"):
        encoder.check_tokenizer({"tokenizer": "whitespace"})


def test_a_classifier_feeds_a_model_of_characters_the_blanks_that_it_was_trained_on(tmp_path):
    encoder = ContextualEncoder(language_model("lstm", np.float32, tokenizer="chars"))
    options = {"config": ClassifierConfig(hidden_size=4), "options": ONE, "vector_size": 4}
    model, _ = train_classifier(reviews(20), encoder=encoder, **options)
    model.save(tmp_path / "m")
    for each in (model, Classifier.load(tmp_path / "m"), pickle.loads(pickle.dumps(model))):
        assert each.tokens("A  b\t") == ["a", " ", "b"]
    plain, _ = train_classifier(reviews(20), tokenizer={"tokenizer": "chars"}, **options)
    plain.save(tmp_path / "plain")
    assert Classifier.load(tmp_path / "plain").tokens("a b") == ["a", "b"]
