"""The tagger: gradients through all of it, learning, files, bad input."""

import random
from dataclasses import replace

import numpy as np
import pytest

from embedkit.errors import ConfigError, CorpusError
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import evaluate_tagger, train_tagger
from embedkit.nn.words.lookup import build_lookup
from embedkit.nn.words.spelling import SpellingLookup
from embedkit.nn.words.word_input import WordInput
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.tagged import TaggedSentences
from tests.nn.gradients import check_gradients

FAST = TrainingOptions(epochs=5, batch_size=8, learning_rate=0.02, embedding_rate=3.0)
NOUNS, VERBS = ["cat", "dog", "bird", "fish", "house"], ["run", "jump", "see", "like", "fish"]


def sentences(n=120, seed=1, ending="s"):
    """ "the NOUN VERBs": fish is a noun after "the" and a verb after a noun."""
    draw = random.Random(seed)
    data = TaggedSentences()
    for i in range(n):
        words, tags = [], []
        for _ in range(draw.randint(1, 3)):
            words += ["the", draw.choice(NOUNS), draw.choice(VERBS) + ending]
            tags += ["DET", "NOUN", "VERB"]
        data.sentences.append(words)
        data.tags.append(tags)
        data.places.append(f"pos.tsv line {i}")
    return data


def vectors(size=6):
    words = ["the", *NOUNS]
    return KeyedVectors(words, np.random.default_rng(2).normal(size=(len(words), size)).astype(np.float32))


@pytest.mark.parametrize(
    "config",
    [
        TaggerConfig("lstm", hidden_size=3, spelling_size=2),
        TaggerConfig("gru", hidden_size=3, output="linear"),
        TaggerConfig("mean", spelling_size=0),
        TaggerConfig("mean", output="linear", spelling_size=3),
    ],
)
def test_gradients_through_the_whole_model(config):
    rng = np.random.default_rng(0)
    words = ["cat", "cats", "dogs", "cat", "dogs", "cats"]
    start = build_lookup(None, words, vector_size=4, rng=rng)
    spelling = SpellingLookup.from_tokens(words)
    given = WordInput(
        start.lookup,
        start.weight.astype(np.float64),
        rng=rng,
        spelling_size=config.spelling_size,
        spelling=spelling if config.spelling_size else None,
    )
    tagger = Tagger(config, ["A", "B", "C"], given, rng=rng)
    rows = given.rows(["cat", "cats", "new"])
    types, mask = np.array([[0, 1, 2], [1, 0, 0]]), np.array([[1, 1, 1], [1, 0, 0]], bool)
    tags = np.array([[0, 2, 1], [1, 0, 0]])

    def loss():
        return tagger.loss_and_gradients(types, mask, rows, tags, np.random.default_rng(4))

    check_gradients(lambda: loss()[0], tagger.parameters, loss()[1], tolerance=1e-5)


@pytest.mark.parametrize("config", [TaggerConfig(hidden_size=8), TaggerConfig("gru", hidden_size=8, output="linear")])
def test_it_learns_from_context_and_survives_a_file(tmp_path, config):
    tagger, history = train_tagger(sentences(), vectors(), config=config, options=FAST)
    assert evaluate_tagger(tagger, sentences(40, seed=9)).words.accuracy > 0.97 and history.best_score > 0.97
    assert tagger.tag([["the", "fish", "fishs"], [], ["the"]]) == [["DET", "NOUN", "VERB"], [], ["DET"]]
    tagger.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    test = sentences(20, seed=3).sentences
    assert again.tag(test) == tagger.tag(test) and again.labels == ["DET", "NOUN", "VERB"]


def test_spelling_tags_words_never_seen():
    data = sentences()
    spelt, _ = train_tagger(data, vectors(), config=TaggerConfig(hidden_size=8), options=FAST)
    assert spelt.tag([["the", "horse", "gallops"]]) == [["DET", "NOUN", "VERB"]]


def test_batches_do_not_change_the_answer():
    tagger, _ = train_tagger(sentences(40), vectors(), config=TaggerConfig(hidden_size=4), options=FAST)
    many = sentences(30, seed=8).sentences
    assert tagger.tag(many) == [tagger.tag([one])[0] for one in many]


def test_a_sentence_of_ten_thousand_words():
    data = sentences(12)
    data.sentences[0], data.tags[0] = ["the", "cat"] * 5000, ["DET", "NOUN"] * 5000
    config = TaggerConfig(hidden_size=4, spelling_size=4)
    tagger, history = train_tagger(data, vectors(), config=config, options=TrainingOptions(epochs=1, batch_size=8))
    assert np.isfinite(history.epochs[0]["loss"]) and len(tagger.tag([data.sentences[0]])[0]) == 10_000


def test_tags_of_valid_that_training_never_saw():
    known = sentences(6)
    odd = [[*tags[:-1], "X"] for tags in known.tags]
    config, options = TaggerConfig(hidden_size=4), TrainingOptions(epochs=1)
    for tags, n_sound in ((odd, 0), ([known.tags[0], *odd[1:]], 1)):
        valid = TaggedSentences(known.sentences, tags, known.places)
        tagger, history = train_tagger(sentences(20), vectors(), valid=valid, config=config, options=options)
        n_words = sum(map(len, tags))
        assert history.epochs[0]["valid_accuracy"] <= 1 - (len(tags) - n_sound) / n_words
        assert "X" not in tagger.labels


def test_bad_input():
    tagger, _ = train_tagger(
        sentences(20), vectors(), options=TrainingOptions(epochs=1), config=TaggerConfig(hidden_size=4)
    )
    strange = TaggedSentences([["a"]], [["X"]], ["t.tsv line 4"])
    assert evaluate_tagger(tagger, strange).words.accuracy == 0 and evaluate_tagger(tagger, strange).n_unseen == 1
    with pytest.raises(CorpusError, match="`valid` holds none of the tags that are trained on: expected DET, NOUN"):
        train_tagger(sentences(20), vectors(), valid=strange)
    one = TaggedSentences([["a", "b"] * 40], [["X", "Y"] * 40], ["t.tsv line 1"])
    with pytest.raises(CorpusError, match="found 1 sentence of 80 words: expected several, a blank line between"):
        train_tagger(one)
    with pytest.raises(ConfigError, match="`output` must be one of linear, crf, got 'softmax'"):
        TaggerConfig(output="softmax")
    with pytest.raises(ConfigError, match="`model` must be one of gru, lstm, rnn, mean, got 'transformer'"):
        TaggerConfig("transformer")


def test_vectors_of_another_width(tmp_path):
    tagger, _ = train_tagger(
        sentences(20), vectors(), options=TrainingOptions(epochs=1), config=TaggerConfig(hidden_size=4)
    )
    tagger.save(tmp_path / "m")
    with pytest.raises(ConfigError, match=r"the vectors have 5 dimensions, the model .* was trained with 6"):
        Tagger.load(tmp_path / "m", vectors(5))
    lent = Tagger.load(tmp_path / "m", KeyedVectors(["zebra"], np.full((1, 6), 9, np.float32)))
    one, two = (t.forward(np.array([[0]]), np.ones((1, 1), bool), t.words.rows(["zebra"]))[0] for t in (lent, tagger))
    assert (one != two).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("the king", "`sentences` must be a list of strings, got the string 'the king'"),
        (["the", "king"], "each of `sentences` must be a list of tokens, got the string 'the': cut it into tokens"),
        ((line for line in [["the"]]), "`sentences` must be a list, got a generator"),
        ([["the", 3]], r"`sentences\[0\]` must be strings, found int 3"),
        ([7], "`sentences` must be lists of strings, found int 7"),
    ],
)
def test_what_is_no_list_of_tokens_is_refused(given, message):
    tagger, _ = train_tagger(sentences(20), vectors(), options=replace(FAST, epochs=1))
    with pytest.raises(ConfigError, match=message):
        tagger.tag(given)
    with pytest.raises(ConfigError, match=message):
        TaggedSentences(given, [["X"]], ["line 1"])
