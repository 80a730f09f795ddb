"""The wide part of a tagger: its features, its gradient by value, its training against brute force, its file."""

import dataclasses
import unicodedata
import zlib

import numpy as np
import pytest

from embedkit.errors import FormatError
from embedkit.files.model_file import load_model, save_model
from embedkit.kernels.chains import EPS, ChainData, chain_gradient, train_chains
from embedkit.nn.layers.crf import ConditionalRandomField
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import evaluate_tagger, train_tagger
from embedkit.nn.models.wide import WideField, train_wide
from embedkit.nn.words.spelling import shape
from embedkit.nn.words.surroundings import (
    frequent,
    known_rows,
    neighbour_features,
    own_features,
    pair_features,
    word_bags,
)
from embedkit.nn.words.tokens import TokenTypes
from tests.nn.gradients import check_gradients
from tests.nn.test_tagger import FAST, sentences, vectors

SMALL = TaggerConfig("mean", spelling_size=0)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_gradient_by_value_and_loss_as_of_the_layer(n):
    rng = np.random.default_rng(n)
    emissions, chain, tags = rng.normal(size=(n, 4)), rng.normal(size=(6, 4)), rng.integers(4, size=n)
    demissions, dchain = np.full((n, 4), np.nan), np.full((6, 4), np.nan)

    def loss():
        return chain_gradient(emissions, chain, tags, demissions, dchain)

    value = loss()
    arrays, grads = {"emissions": emissions, "chain": chain}, {"emissions": demissions.copy(), "chain": dchain.copy()}
    check_gradients(loss, arrays, grads, tolerance=1e-8)
    layer = ConditionalRandomField(4, rng, np.float64)
    layer.parameters = {"transitions": chain[:4], "start": chain[4], "end": chain[5]}
    expected, cache = layer.forward(emissions[None], tags[None], np.ones((1, n), bool))
    de, grads = layer.backward(np.ones(1), cache)
    loss()
    assert abs(value - expected[0]) < 1e-10 and np.abs(de[0] - demissions).max() < 1e-12
    together = np.concatenate([grads["transitions"], grads["start"][None], grads["end"][None]])
    assert np.abs(together - dchain).max() < 1e-12


def test_a_long_sentence_of_sure_scores_stays_finite():
    rng = np.random.default_rng(0)
    emissions, chain, tags = 60 * rng.normal(size=(5000, 3)), 8 * rng.normal(size=(5, 3)), rng.integers(3, size=5000)
    demissions, dchain = np.empty((5000, 3)), np.empty((5, 3))
    assert np.isfinite(chain_gradient(emissions, chain, tags, demissions, dchain))
    assert np.isfinite(demissions).all() and np.isfinite(dchain).all()


def test_a_step_of_training_is_adagrads():
    data = ChainData(
        np.array([0, 2]),
        np.array([[0, 1], [1, 2]], np.int32),
        np.array([0, 2, 3, 3]),
        np.array([0, 1, 2], np.int32),
    )
    rng = np.random.default_rng(1)
    weights, chain, tags = rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(4, 2)), np.array([1, 0])
    emissions = np.stack([weights.sum(0), weights[2]]).astype(np.float64)
    de, dc = np.empty((2, 2)), np.empty((4, 2))
    loss = chain_gradient(emissions, chain, tags, de, dc)
    expected, squares = weights.astype(np.float64), np.zeros((3, 2))
    for row, t in [(0, 0), (1, 0), (2, 0), (2, 1)]:
        squares[row] += de[t] ** 2
        expected[row] -= 0.1 * de[t] / np.sqrt(squares[row] + EPS)
    moved = chain - 0.1 * dc / np.sqrt(dc**2 + EPS)
    found = train_chains(data, tags, np.array([0]), weights, np.zeros((3, 2), np.float32), chain, np.zeros((4, 2)), 0.1)
    assert abs(found - loss) < 1e-5
    assert np.abs(weights - expected).max() < 1e-5 and np.abs(chain - moved).max() < 1e-5


def test_features_of_words_and_of_their_places():
    assert {"-은", "_군ᆫ", "/원", "/<대", "/은>", "+4은", "=대원군은", "#가"} <= set(own_features("대원군은"))
    assert neighbour_features("Cats") == ["-s", "-ts", "=cats", "#Xx"]
    assert own_features("") and neighbour_features("")
    assert "!Court" in own_features("Court") and "!court" not in own_features("court")
    assert {"#Xx\n#x", "#Xx\n=of", "=court\n#x", "-urt\n=of"} <= set(pair_features("Court", "of"))
    assert not {"#가\n=원은", "=대군\n#가"} & set(pair_features("대군", "원은"))
    words = word_bags(["a", "b"], [np.array([0, 1]), np.array([1])])

    def features(place):
        bags = [words.hashes[words.offsets[b] : words.offsets[b + 1]] for b in words.bags[place]]
        return set(np.concatenate(bags).tolist())

    def crc(text):
        return zlib.crc32(text.encode())

    assert words.starts.tolist() == [0, 2, 3]
    assert {crc("=a"), crc("<=\n"), crc(">=b"), crc("1&a\nb"), crc("2&\n\na")} <= features(0)
    assert {crc("<<&\n\n\n"), crc(">>&b\n\n")} <= features(0)
    assert {crc("<=a"), crc(">=\n"), crc("2&a\nb"), crc("<<&\n\na"), crc(">>&\n\n\n")} <= features(1)
    assert crc("<=\n") in features(2) and crc("<=a") not in features(2)


def test_frequent_features_are_chosen_within_bounds():
    words = word_bags(["a", "b", "c"], [np.array([0, 1]), np.array([0, 2])])
    known = frequent(words, 10_000)
    assert (np.diff(known.astype(np.int64)) > 0).all() and set(known) <= set(words.hashes)
    assert zlib.crc32(b"=b") in known and zlib.crc32(b"1&a\nb") not in known
    few = frequent(words, 9)
    assert len(few) == 9 and set(few) <= set(known) and zlib.crc32(b"=a") in few
    offsets, rows = known_rows(words, few)
    assert offsets[-1] == len(rows) == sum(h in set(few.tolist()) for h in words.hashes.tolist())
    assert len(known_rows(words, known[:0])[1]) == 0


def test_scores_are_the_sums_of_the_weights():
    types = TokenTypes([["a", "b"], ["b", "new"]])
    words = word_bags(types.tokens, types.ids)
    known = frequent(words, 10_000)[::2].copy()
    weight = np.random.default_rng(0).normal(size=(len(known), 3)).astype(np.float32)
    found = WideField(known, {"weight": weight}).scores(words)
    table = dict(zip(known.tolist(), weight.astype(np.float64), strict=True))
    for place, row in enumerate(np.concatenate(found)):
        each = [words.hashes[words.offsets[b] : words.offsets[b + 1]] for b in words.bags[place]]
        expected = sum((table[h] for h in np.concatenate(each).tolist() if h in table), np.zeros(3))
        assert np.abs(row - expected).max() < 1e-9
    assert [len(scores) for scores in found] == [2, 2]


def test_it_learns_alone_and_repeats():
    data = sentences()
    types = TokenTypes(data.sentences)
    names = ["DET", "NOUN", "VERB"]
    tags = [np.array([names.index(tag) for tag in each]) for each in data.tags]
    words, everything = word_bags(types.tokens, types.ids), np.arange(len(tags))
    one, half = train_wide(words, tags, [everything, everything[::2]], 3, 1)
    (two,) = train_wide(words, tags, [everything], 3, 1)
    (alone,) = train_wide(words.chosen(everything[::2]), tags[::2], [everything[: len(tags[::2])]], 3, 1)
    for beside, expected in ((one, two), (half, alone)):
        assert all((beside.parameters[name] == expected.parameters[name]).all() for name in one.parameters)
    test = sentences(40, seed=9)
    unseen = TokenTypes(test.sentences)
    best = np.concatenate(one.scores(word_bags(unseen.tokens, unseen.ids))).argmax(1)
    assert (best == [names.index(tag) for each in test.tags for tag in each]).mean() > 0.97


def test_a_tagger_with_it_survives_a_file_and_one_without_opens_too(tmp_path):
    tagger, _ = train_tagger(sentences(), vectors(), config=SMALL, options=FAST)
    test = sentences(30, seed=3)
    assert tagger.wide is not None and evaluate_tagger(tagger, test).words.accuracy > 0.97
    tagger.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    assert again.shares == tagger.shares and again.answers(test.sentences) == tagger.answers(test.sentences)
    assert all(0 <= p <= 1 for answer in again.answers(test.sentences) for p in answer.confidences)
    plain, _ = train_tagger(sentences(), vectors(), config=dataclasses.replace(SMALL, wide=False), options=FAST)
    plain.save(tmp_path / "plain")
    file = load_model(tmp_path / "plain", "tag")
    old = {name: value for name, value in file.config.items() if name not in ("wide", "network_share", "wide_share")}
    save_model(tmp_path / "old", "tag", file.kind, old, file.tensors)
    opened = Tagger.load(tmp_path / "old")
    assert opened.wide is None and opened.tag(test.sentences) == plain.tag(test.sentences)


def test_the_epoch_is_chosen_by_the_network_and_the_accuracy_told_is_of_both():
    config, valid = TaggerConfig("gru", hidden_size=4, spelling_size=0), sentences(40, seed=9)
    options = dataclasses.replace(FAST, learning_rate=0.003)
    both, alone = (
        train_tagger(
            sentences(40), config=dataclasses.replace(config, wide=wide), options=options, valid=valid, vector_size=4
        )
        for wide in (True, False)
    )
    accuracies = [[epoch["valid_accuracy"] for epoch in history.epochs] for _, history in (both, alone)]
    assert accuracies[0] == accuracies[1] and max(accuracies[0]) < 0.97
    assert both[1].best_epoch == alone[1].best_epoch
    assert both[1].best_score == pytest.approx(evaluate_tagger(both[0], valid).words.accuracy)
    assert both[1].best_score > max(accuracies[0])


def test_without_crf_there_is_none():
    config = dataclasses.replace(SMALL, output="linear")
    assert train_tagger(sentences(30), vectors(), config=config, options=FAST)[0].wide is None


def check_damaged(folder, name, change, message):
    """The tagger in "m" is refused when one tensor is another, or, where `change` is None, missing."""
    file = load_model(folder / "m", "tag")
    tensors = dict(file.tensors)
    if change is None:
        del tensors[name]
    else:
        tensors[name] = change(tensors[name])
    save_model(folder / "bad", "tag", file.kind, file.config, tensors)
    with pytest.raises(FormatError, match=message):
        Tagger.load(folder / "bad")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("wide.features", lambda a: a[::-1].copy(), "ascending"),
        ("wide.features", lambda a: a.astype(np.int64), "uint32"),
        ("wide.features", lambda a: a[:-1], "expected wide.weight"),
        ("wide.weight", lambda a: np.where(a == a.max(), np.nan, a), "NaN"),
        ("wide.transitions", lambda a: a[:, :-1], "expected wide.transitions"),
        ("wide.start", None, "expected weight, transitions, start, end"),
    ],
)
def test_damaged_files(tmp_path, name, change, message):
    tagger, _ = train_tagger(sentences(30), vectors(), config=SMALL, options=FAST)
    tagger.save(tmp_path / "m")
    check_damaged(tmp_path, name, change, message)
    file = load_model(tmp_path / "m", "tag")
    save_model(tmp_path / "bad", "tag", file.kind, {**file.config, "wide": False}, file.tensors)
    with pytest.raises(FormatError, match="belongs to no part"):
        Tagger.load(tmp_path / "bad")


def test_features_of_decomposed_words_are_those_of_composed_ones():
    sentences = ["학교에", "간", "Café에서"], [np.array([0, 1, 2])]
    composed = word_bags(*sentences)
    decomposed = word_bags([unicodedata.normalize("NFD", token) for token in sentences[0]], sentences[1])
    np.testing.assert_array_equal(decomposed.hashes, composed.hashes)
    assert shape(unicodedata.normalize("NFD", "학교LG")) == shape("학교LG") == "가X"
