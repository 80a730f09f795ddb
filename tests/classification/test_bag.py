"""The bag-of-features classifier: learning, several labels, files, threads, damaged files, explanations, scores."""

import random
import struct

import numpy as np
import pytest

import embedkit
from embedkit.classification.autotuning import autotune
from embedkit.classification.linear import train_linear
from embedkit.classification.model import Predictions, best_labels
from embedkit.classification.options import BagOptions, LinearOptions
from embedkit.classification.scores import score_sets, thresholds_at
from embedkit.classification.storing import load_bag, save_bag
from embedkit.classification.suited import train_suited
from embedkit.classification.training import train_bag
from embedkit.errors import ConfigError, CorpusError, EmbedkitError, FormatError, TrainingError
from embedkit.nn.models import explaining
from embedkit.nn.models.explaining import word_weights

TOPICS = {"바다": ["파도", "고래", "sea"], "산": ["나무", "바위", "hill"], "city": ["street", "train", "불빛"]}


def texts_and_labels(n=240, several=False, seed=0):
    draw = random.Random(seed)
    texts, labels = [], []
    for i in range(n):
        chosen = draw.sample(list(TOPICS), 1 + (several and i % 2))
        words = [draw.choice(TOPICS[topic]) for topic in chosen for _ in range(3)] + draw.choices(
            ["the", "of", "아"], k=3
        )
        draw.shuffle(words)
        texts.append(" ".join(words))
        labels.append(chosen)
    return texts, labels


def train(several=False, **options):
    options = {"vector_size": 10, "bucket": 2000, "epochs": 20, "learning_rate": 0.3, "workers": 1, **options}
    return train_bag(*texts_and_labels(several=several), BagOptions(**options))


@pytest.fixture(scope="module")
def model():
    return train(word_ngrams=2, min_n=1, max_n=3)


def accuracy(model, seed=9):
    texts, labels = texts_and_labels(seed=seed)
    found = model.predict(texts).labels[:, 0]
    return np.mean([model.labels[label] == wanted[0] for label, wanted in zip(found, labels, strict=True)])


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_loss_learns(loss, workers):
    assert accuracy(train(loss=loss, workers=workers)) > 0.98


def test_several_labels_are_found_by_their_probability():
    model = train(several=True, loss="ova", epochs=60)
    texts, labels = texts_and_labels(several=True, seed=5)
    scores = score_sets(model.predict(texts, 3, 0.5), model.labels, labels)
    assert scores.f1 > 0.97
    single = score_sets(model.predict(texts, 1), model.labels, labels)
    assert single.precision > 0.98
    assert 0.6 < single.recall < 0.72  # one label each, of one or two


def test_one_worker_repeats_and_the_seed_matters():
    first, again, other = train(), train(), train(seed=2)
    assert np.array_equal(first.rows, again.rows)
    assert not np.array_equal(first.rows, other.rows)


@pytest.mark.parametrize("name", ["m.safetensors", "m.bin"])
@pytest.mark.parametrize("loss", ["softmax", "hs", "ova"])
def test_saved_and_opened_it_predicts_the_same(tmp_path, name, loss):
    model = train(word_ngrams=2, min_n=1, max_n=3, loss=loss, epochs=3)
    save_bag(model, tmp_path / name)
    again = load_bag(tmp_path / name)
    texts = [*texts_and_labels(seed=4)[0], "", "고래고래 unheard-of words", "__label__city"]
    for k, threshold in ((1, 0.0), (3, 0.0), (9, 0.3)):
        for mine, theirs in zip(model.predict(texts, k, threshold), again.predict(texts, k, threshold), strict=True):
            assert np.array_equal(mine, theirs)
    assert again.labels == model.labels


def test_without_ngrams_a_file_has_no_buckets(tmp_path):
    model = train(bucket=2_000_000, epochs=3)
    save_bag(model, tmp_path / "m.bin")
    assert (tmp_path / "m.bin").stat().st_size < 100_000
    texts = texts_and_labels(seed=4)[0]
    for mine, theirs in zip(model.predict(texts, 3), load_bag(tmp_path / "m.bin").predict(texts, 3), strict=True):
        assert np.array_equal(mine, theirs)
    assert embedkit.load(tmp_path / "m.bin").index_to_key == [word.decode() for word in model.words]


def test_threads_and_batches_do_not_matter(model, monkeypatch):
    texts = texts_and_labels(seed=3)[0]
    one = model.predict(texts, 3, workers=1)
    monkeypatch.setattr("embedkit.classification.model.CHUNK", 7)
    for mine, theirs in zip(one, model.predict(texts, 3, workers=4), strict=True):
        assert np.array_equal(mine, theirs)
    assert len(model.predict([]).labels) == 0


def test_probabilities_are_in_the_order_of_the_labels(model):
    probabilities = model.probabilities(["파도 고래", "train street"])
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-3)
    assert [model.labels[i] for i in probabilities.argmax(1)] == ["바다", "city"]


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_probabilities_and_log_odds_are_those_of_the_labels_predicted(loss):
    """Of "hs" also where the tree's descent leaves labels out."""
    texts = [f"w{i % 40} w{i % 7}" for i in range(800)]
    labels = [[str(i % 40)] for i in range(800)]
    options = BagOptions(loss=loss, vector_size=10, bucket=100, epochs=30, learning_rate=0.5, workers=1)
    model = train_bag(texts, labels, options)
    found, probabilities = model.predict(texts[:80], 40), model.probabilities(texts[:80])
    odds = np.clip(model.log_odds(texts[:80]), -100, 100)
    assert (found.found < 40).any() == (loss == "hs")
    for i, n in enumerate(found.found):
        left_out = np.setdiff1d(np.arange(40), found.labels[i, :n])
        assert np.array_equal(probabilities[i, found.labels[i, :n]], found.probabilities[i, :n])
        assert (probabilities[i, left_out] < 2e-5).all() and (probabilities[i] >= 0).all()
    assert np.abs(1 / (1 + np.exp(-odds)) - probabilities).max() < (2e-2 if loss in ("ns", "ova") else 1e-3)
    assert len(model.predict(texts[:1], 40, -1).labels[0]) == 40 == model.predict(texts[:1], 40, -1).found[0]


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_a_learning_rate_that_explodes_is_told(loss):
    with pytest.raises(TrainingError, match="holds NaN or infinity after training; use a lower `learning_rate`"):
        train(loss=loss, learning_rate=1e20)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(CorpusError, match="at least two different labels, found only 'a'"):
        train_bag(["x", "y"], [["a"], ["a"]])
    with pytest.raises(CorpusError, match=r"found 30 different labels in 30 places.*the other way round"):
        train_bag(["good", "bad"] * 15, [[f"a whole text {i}"] for i in range(30)])
    some = [["pos"], ["neg"]] * 15 + [[f"seldom {i}"] for i in range(30)]
    assert train_bag(["good", "bad"] * 30, some, BagOptions(min_count_label=5, epochs=1)).labels == ["pos", "neg"]
    with pytest.raises(CorpusError, match="no word occurs 50 times"):
        train_bag(["x", "y"], [["a"], ["b"]], BagOptions(min_count=50))
    for wrong in ({"min_n": 3}, {"min_n": 3, "max_n": 2}, {"negative": 3}, {"loss": "hinge"}, {"bucket": 0}):
        with pytest.raises(ConfigError):
            BagOptions(**wrong)


def test_rare_words_and_labels_are_left_out():
    texts, labels = texts_and_labels()
    model = train_bag(
        [*texts, "lonely"], [*labels, ["rare"]], BagOptions(min_count=2, min_count_label=2, vector_size=4, workers=1)
    )
    assert b"lonely" not in model.words
    assert "rare" not in model.labels


@pytest.mark.parametrize("train_on", [train_bag, train_linear])
def test_where_too_few_labels_are_frequent_enough_the_option_is_named(train_on):
    options = (BagOptions if train_on is train_bag else LinearOptions)(min_count_label=1000)
    with pytest.raises(CorpusError, match="occur 1,000 times, found none; use a smaller `min_count_label`"):
        train_on(*texts_and_labels(), options)


def test_best_labels_leaves_texts_without_an_answer_out():
    found = best_labels(np.array([[0.2, 0.8], [0.6, 0.4]], np.float32), [0, 2], 3, 2, 0.3, [True, False])
    assert found.labels.tolist() == [[1, 0], [0, 0], [0, 1]]
    assert found.found.tolist() == [1, 0, 2] and found.known.tolist() == [True, True, False]


def test_figures_of_labels_by_hand():
    found = Predictions(
        np.array([[0, 1], [1, 0], [2, 0]], np.int32),
        np.ones((3, 2), np.float32),
        np.array([2, 1, 1], np.int32),
        np.ones(3, bool),
    )
    scores = score_sets(found, ["a", "b", "c"], [["a"], ["a", "b"], ["unseen"]])
    assert (scores.precision, scores.recall) == (2 / 4, 2 / 4)
    rows = {row.label: (row.precision, row.recall, row.f1, row.count) for row in scores.labels}
    assert rows == {"a": (1, 0.5, 2 / 3, 2), "b": (0.5, 1, 2 / 3, 1), "c": (0, 0, 0, 0), "unseen": (0, 0, 0, 1)}


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    small = train_bag(*texts_and_labels(30), BagOptions(vector_size=4, bucket=50, word_ngrams=2, workers=1, epochs=1))
    files = []
    for name in ("m.bin", "m.safetensors"):
        save_bag(small, folder / name)
        files.append(folder / name)
    return [(path.suffix, path.read_bytes()) for path in files]


@pytest.mark.parametrize("which", [0, 1])
def test_damaged_files_end_in_one_clear_error_or_in_an_answer(stored, which, tmp_path):
    suffix, whole = stored[which]
    draw = random.Random(which)
    path = tmp_path / f"broken{suffix}"
    outcomes = set()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(min(len(data), 700) if draw.random() < 0.7 else len(data))
            data[at] = draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])
        if draw.random() < 0.3:
            del data[draw.randrange(len(data)) :]
        path.write_bytes(data)
        try:
            load_bag(path).predict(["the 파도 of street", "x"], 2)
            outcomes.add("answer")
        except EmbedkitError as error:
            assert "\n" not in str(error)
            outcomes.add("error")
    assert outcomes == {"answer", "error"}


def test_word_vectors_are_no_classifier(tmp_path):
    header = struct.pack("<2i12id3i2q", 793712314, 12, 2, 5, 5, 1, 5, 1, 2, 2, 0, 0, 0, 100, 1e-4, 1, 1, 0, 3, -1)
    matrix = struct.pack("<b2q2f", 0, 1, 2, 0.5, 0.5)
    (tmp_path / "v.bin").write_bytes(header + b"word\0" + struct.pack("<qb", 3, 0) + matrix + matrix)
    with pytest.raises(FormatError, match="found fastText word vectors"):
        load_bag(tmp_path / "v.bin")


SETS = [("pos",), ("neg",)] * 20


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["fine", "bad"] * 20, SETS[:-1], "`texts` and `labels` must be as many, got 40 and 39"),
        (["fine", "bad"] * 20, ["pos", "neg"] * 20, "`labels` must be a list of labels for each text, got 'pos'"),
        (["fine", "bad"] * 20, [(1,), (2,)] * 20, "`labels` must be strings, found int 1"),
        ("fine" * 10, SETS, "`texts` must be a list of strings, got the string 'fine"),
        ([1, 2] * 20, SETS, "`texts` must be strings, found int 1"),
        (iter(["fine", "bad"] * 20), SETS, "`texts` must be a list, got a list_iterator: make a list of it"),
        (["fine", "bad"] * 20, iter(SETS), "`labels` must be a list, got a list_iterator: make a list of it"),
    ],
)
def test_labels_are_a_list_for_each_text(texts, labels, message):
    """Else a label is taken apart into its letters, or a kernel reads behind the end of an array."""
    options = BagOptions(bucket=50, epochs=1, workers=1)
    for train in (
        lambda: train_bag(texts, labels, options),
        lambda: train_linear(texts, labels),
        lambda: train_suited(texts, labels),
        lambda: autotune(["a", "b"] * 20, SETS, texts, labels, seconds=0.01, model="linear"),
    ):
        with pytest.raises(ConfigError, match=message.rpartition("`")[2]):
            train()


def test_one_string_is_no_list_of_texts(model):
    for ask in (model.predict, model.probabilities):
        with pytest.raises(ConfigError, match="got the string 'a film': put it into a list"):
            ask("a film")
        with pytest.raises(ConfigError, match="must be strings, found NoneType"):
            ask([None])
        with pytest.raises(ConfigError, match="`texts` must be a list, got a generator: make a list of it"):
            ask(text for text in ["a film"])  # else no answer at all


def test_scores_want_a_list_of_labels_for_each_text():
    found = best_labels(np.array([[0.9, 0.1]]), [0], 1, 1, 0.0, [True])
    for ask in (
        lambda wanted: score_sets(found, ["pos", "o"], wanted),
        lambda wanted: thresholds_at(np.array([[0.9, 0.1]]), ["pos", "o"], wanted, 0.5),
    ):
        for wanted in (["pos"], [("pos",), ("o",)]):
            with pytest.raises(ConfigError, match="must be"):
                ask(wanted)


def test_shares_and_models_that_there_are_not():
    texts = ["fine", "bad"] * 20
    for share in (2.0, -1):
        with pytest.raises(ConfigError, match="`held_out` must be a share"):
            train_linear(texts, SETS, held_out=share)
    with pytest.raises(ConfigError, match="`model` must be one of linear, fasttext"):
        autotune(texts, SETS, texts, SETS, seconds=1, model="gru")
    with pytest.raises(ConfigError, match="nothing to measure on"):
        autotune(texts, SETS, [], [], seconds=1)
    with pytest.raises(ConfigError, match="`seconds` must be above 0"):
        autotune(texts, SETS, texts, SETS, seconds=float("nan"))


def test_a_long_text_is_explained_part_by_part(monkeypatch):
    words, asked = [f"w{i}" for i in range(50)], []

    def log_odds(texts):
        asked.append(sum(map(len, texts)))
        return np.array([[len(text), sum(int(word[1:]) for word in text)] for text in texts])

    whole = word_weights(log_odds, words, 1)
    assert asked == [50 + 50 * 49] and whole.tolist() == list(range(50))
    monkeypatch.setattr(explaining, "TOKENS_AT_ONCE", 120)
    asked.clear()
    np.testing.assert_array_equal(word_weights(log_odds, words, 1), whole)
    assert max(asked) <= 120 and len(asked) == 26


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_words_have_weights_where_the_probability_is_one(loss):
    """All of a topic's words speak for it, though the probability is 1 with and without each."""
    model = train(loss=loss, epochs=60, learning_rate=1.0)
    words = ["파도", "고래", "sea", "파도", "the"]
    texts = [" ".join(words), *(" ".join(words[:i] + words[i + 1 :]) for i in range(len(words)))]
    label = model.labels.index("바다")
    assert (model.probabilities(texts)[:, label] > 0.998).all()
    weights = word_weights(lambda asked: model.log_odds([" ".join(each) for each in asked]), words, label)
    assert (weights[:4] > 1e-3).all() and weights[4] < 0
