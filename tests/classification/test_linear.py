"""The linear classifier: its loss against a plain one, its descent, what it chooses, and its files."""

import numpy as np
import pytest

from embedkit.classification import linear
from embedkit.classification.calibration import best_temperature, mean_loss
from embedkit.classification.descent import minimise
from embedkit.classification.linear import train_linear
from embedkit.classification.linear_defaults import chosen_options
from embedkit.classification.linear_problem import Problem, Watch
from embedkit.classification.options import LinearOptions
from embedkit.classification.quantising import quantise_bag
from embedkit.classification.storing import load_bag, save_bag
from embedkit.errors import ConfigError, CorpusError, EmbedkitError
from tests.classification.test_bag import texts_and_labels

SMALL = {"bucket": 2000, "workers": 1, "min_n": 1, "max_n": 2, "min_count": 1, "word_strength": 3.0}


def problem(loss="softmax", two=False, several=False):
    texts, labels = texts_and_labels(60, several=several)
    if two:
        labels = [["산"] if each == ["산"] else ["other"] for each in labels]
    return Problem(texts, labels, LinearOptions(loss=loss, **SMALL)), texts


def plain_loss(found, texts, point, cost, softmax):
    """The loss by its definition, in float64, from the encoded texts and a table of all weights."""
    from embedkit.classification.features import Lines

    model = found.model(np.asarray(point, np.float32), 1.0)
    indptr, rows = model.features.encode(Lines(texts))
    table = np.vstack([model.rows, np.zeros(len(model.labels))]).astype(np.float64)
    total = 0.0
    for i, wanted in enumerate(found.targets.astype(np.float64)):
        mine = rows[indptr[i] : indptr[i + 1]]
        scores = table[mine].sum(0) / np.sqrt(len(mine))
        if softmax:
            total += np.log(np.exp(scores).sum()) - scores @ wanted
        else:
            total += (np.log1p(np.exp(scores)) - scores * wanted).sum()
    inner = np.asarray(point, np.float64)[: -found.n_columns]
    scale = 2 if found.n_columns == 1 else 1
    return total / len(texts) + scale * (inner @ inner) / (2 * cost * len(texts))


@pytest.mark.parametrize(
    ("loss", "two", "several"), [("softmax", False, True), ("softmax", True, False), ("ova", False, True)]
)
def test_the_loss_and_its_gradient_are_the_plain_ones(loss, two, several):
    found, texts = problem(loss, two, several)
    rng = np.random.default_rng(1)
    point = rng.normal(size=found.size).astype(np.float32)
    value, gradient = found.loss(3.0)(point)
    assert value == pytest.approx(plain_loss(found, texts, point, 3.0, loss == "softmax"), rel=1e-5)
    for _ in range(3):
        direction = rng.normal(size=found.size)
        ends = [plain_loss(found, texts, point + side * direction, 3.0, loss == "softmax") for side in (1e-2, -1e-2)]
        assert gradient @ direction == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=1e-2)


def test_rare_features_have_no_weights_and_count_all_the_same():
    texts, labels = texts_and_labels(60)
    found = Problem([*texts, "파도 hapax"], [*labels, ["산"]], LinearOptions(**{**SMALL, "min_count": 2}))
    assert b"hapax" not in found.words
    assert found._known[-1] < np.sqrt(len("파도 hapax"))


def test_words_and_their_ngrams_are_the_stronger():
    texts, labels = ["the cat sat", "the dog ran", "a cat ran", "the dog sat"] * 5, [["x"], ["y"]] * 10
    options = {"min_n": 3, "max_n": 4, "bucket": 2000, "workers": 1, "min_count": 1}
    even, uneven = (Problem(texts, labels, LinearOptions(word_strength=k, **options)) for k in (1.0, 3.0))
    ratios = (uneven._strengths / even._strengths)[even._place]
    scale = ratios.min()
    words = [b"cat", b"the", b"</s>"]
    np.testing.assert_allclose(ratios[[even.words.index(word) for word in words]], 3 * scale, rtol=1e-5)
    of_characters = problem_buckets(texts, options | {"word_ngrams": 1})
    alone = np.isin(even._buckets, of_characters)
    assert 0 < alone.sum() < len(alone)
    np.testing.assert_allclose(ratios[len(even.words) :][alone], scale, rtol=1e-5)
    np.testing.assert_allclose(ratios[len(even.words) :][~alone], 3 * scale, rtol=1e-5)


def problem_buckets(texts, options):
    return Problem(texts, [["x"], ["y"]] * 10, LinearOptions(**options))._buckets


def test_word_strength_by_script():
    english, korean = ["a fine film this is"] * 4, ["정말 재미있는 영화였다"] * 4
    for texts, given, strength in [
        (english, {}, 3.0),
        (korean, {}, 1.0),
        (korean, {"across_words": False}, 1.0),
        (english, {"max_n": 0}, 1.0),
        (korean, {"word_strength": 2.0}, 2.0),
    ]:
        assert chosen_options(LinearOptions(**given), texts).word_strength == strength
    with pytest.raises(ConfigError, match="`word_strength` has no effect without `max_n`"):
        LinearOptions(max_n=0, word_strength=2.0)
    for value in (0.0, 1e30):
        with pytest.raises(ConfigError, match="`word_strength` must be"):
            LinearOptions(word_strength=value)


def test_descent_finds_the_least_value():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(30, 30))
    curvature, aim = root @ root.T + np.eye(30), rng.normal(size=30)

    def function(x):
        return 0.5 * (x - aim) @ curvature @ (x - aim), curvature @ (x - aim)

    assert minimise(function, np.zeros(30), tolerance=1e-9, most=500) == pytest.approx(aim, abs=1e-6)


def test_descent_stops_where_there_is_no_way_down():
    start = np.ones(3)
    assert minimise(lambda x: (float("nan"), x), start) is start


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_it_learns(loss):
    texts, labels = texts_and_labels(300)
    found = train_linear(texts, labels, LinearOptions(loss=loss, **SMALL))
    assert found.n_held_out == 150
    assert found.accuracy > 0.98
    new, wanted = texts_and_labels(100, seed=9)
    given = [found.model.labels[i] for i in found.model.predict(new).labels[:, 0]]
    assert np.mean([a == b[0] for a, b in zip(given, wanted, strict=True)]) > 0.98


def test_many_texts_are_fitted_once(monkeypatch):
    monkeypatch.setattr(linear, "MANY_TO_HOLD_OUT", 250)
    found = train_linear(*texts_and_labels(400), LinearOptions(**SMALL))
    assert found.n_held_out == 40
    assert found.accuracy > 0.95


@pytest.mark.parametrize("many", [20_000, 250])
def test_a_label_of_one_text_is_learnt_wherever_that_text_falls(many, monkeypatch):
    monkeypatch.setattr(linear, "MANY_TO_HOLD_OUT", many)
    texts, labels = ["파도 the", "나무 of"] * 150, [["a"]] * 300
    for i in (0, 299):
        rare = [["b"] if j == i else each for j, each in enumerate(labels)]
        assert train_linear(texts, rare, LinearOptions(**SMALL)).model.labels == ["a", "b"]


@pytest.mark.parametrize("many", [20_000, 250])
def test_other_texts_choose_the_cost_and_the_temperature(many, monkeypatch):
    monkeypatch.setattr(linear, "MANY_TO_HOLD_OUT", many)
    train, valid = texts_and_labels(300), texts_and_labels(60, seed=4)
    for i in range(0, 60, 4):
        valid[1][i] = ["the wrong one"] if i % 8 else valid[1][i - 1]
    options = LinearOptions(**SMALL)
    found = train_linear(*train, options, valid=valid)
    assert found.n_held_out == 60 and found.options.cost == found.model.config["cost"]
    assert int(found.model.label_counts.sum()) == 300  # all of them are fitted
    losses = {}
    for cost in linear.COSTS:
        plain = Problem(*train, chosen_options(LinearOptions(cost=cost, **SMALL), train[0]))
        point = plain.fit(cost, np.zeros(plain.size, np.float32), Watch(None), 1e-4)
        pairs = [(plain.scorer(valid[0])(point), plain.targets_of(valid[1]))]
        losses[cost] = mean_loss(pairs, best_temperature(pairs), True), best_temperature(pairs)
    assert losses[found.options.cost][0] <= min(losses.values())[0] * 1.02
    assert found.temperature == pytest.approx(losses[found.options.cost][1], rel=0.08)
    kept = train_linear(*train, LinearOptions(cost=2.5, **SMALL), valid=valid)
    assert (kept.options.cost, kept.n_held_out) == (2.5, 60)


def test_texts_to_choose_by_that_tell_nothing_are_refused():
    train = texts_and_labels(60)
    with pytest.raises(CorpusError, match="none of the labels that are trained on"):
        train_linear(*train, LinearOptions(**SMALL), valid=(["a"], [["unheard of"]]))
    rare = ([*train[0], "b"], [*train[1], ["rare"]])
    with pytest.raises(CorpusError, match=r"trained on: .*found rare"):
        train_linear(*rare, LinearOptions(**SMALL, min_count_label=2), valid=(["b"], [["rare"]]))
    with pytest.raises(ConfigError, match="must be as many, got 1 and 2"):
        train_linear(*train, LinearOptions(**SMALL), valid=(["a"], [["산"], ["산"]]))


def test_few_texts_have_no_part_to_spare():
    found = train_linear(*texts_and_labels(60), LinearOptions(**SMALL))
    assert (found.n_held_out, found.temperature, found.options.cost) == (0, 1, linear.DEFAULT_COST)


def test_the_defaults_suit_the_script():
    korean = train_linear(["영화가 정말 좋다", "너무 나쁘다"], [["a"], ["b"]], LinearOptions(workers=1)).options
    assert (korean.min_n, korean.max_n, korean.min_count) == (1, 5, 1)
    english = train_linear(["a good film", "a bad plot"], [["a"], ["b"]], LinearOptions(workers=1)).options
    assert (english.min_n, english.max_n) == (3, 6)


@pytest.mark.parametrize("name", ["m.safetensors", "m.bin"])
def test_files_give_the_same_labels(name, tmp_path):
    texts, labels = texts_and_labels(200)
    model = train_linear(texts, labels, LinearOptions(cost=3.0, **SMALL)).model
    save_bag(model, tmp_path / name)
    again = load_bag(tmp_path / name).predict(texts)
    mine = model.predict(texts)
    assert (again.labels == mine.labels).all()
    if name != "m.bin":
        assert (again.probabilities == mine.probabilities).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="`cost`"):
        LinearOptions(cost=0)
    with pytest.raises(ConfigError, match="`loss`"):
        LinearOptions(loss="hs")
    with pytest.raises(CorpusError, match="at least two different labels"):
        train_linear(["a b", "c d"], [["x"], ["x"]])
    with pytest.raises(CorpusError, match=r"found 30 different labels in 30 places.*the other way round"):
        train_linear(["good", "bad"] * 15, [[f"a whole text {i}"] for i in range(30)])


def test_the_temperature_undoes_a_known_scale():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(20_000, 3)) * 1.5
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    targets = np.eye(3)[(p.cumsum(1) < rng.random((len(p), 1))).sum(1)]
    assert best_temperature([(3 * scores, targets)]) == pytest.approx(3, rel=0.1)
    assert best_temperature([(scores, targets)]) == pytest.approx(1, rel=0.1)


def test_ngrams_run_across_words_for_hangul_in_files_of_our_own(tmp_path):
    texts, labels = ["정말 재미 있다", "너무 재미 없다"] * 20, [["a"], ["b"]] * 20
    model = train_linear(texts, labels, LinearOptions(workers=1, bucket=2000)).model
    assert model.config["across_words"]
    apart, together = model.probabilities(["재미 있다", "재미있다"])
    within = train_linear(texts, labels, LinearOptions(workers=1, bucket=2000, across_words=False)).model
    assert (
        np.ptp(np.stack([apart, together]), axis=0).max()
        < np.ptp(within.probabilities(["재미 있다", "재미있다"]), axis=0).max()
    )
    for each, version in ((within, b"1"), (model, b"2")):  # older programs would look for other n-grams
        save_bag(each, tmp_path / "m.safetensors")
        assert b'"format_version": "%s"' % version in (tmp_path / "m.safetensors").read_bytes()
    assert (load_bag(tmp_path / "m.safetensors").probabilities(texts) == model.probabilities(texts)).all()
    with pytest.raises(EmbedkitError, match="`across_words`"):
        save_bag(model, tmp_path / "m.bin")
    with pytest.raises(ConfigError, match="`across_words`"):
        quantise_bag(model)


def test_without_ngrams_of_characters_none_run_across_words():
    texts, labels = ["정말 재미 있다", "너무 재미 없다"] * 20, [["a"], ["b"]] * 20
    assert not train_linear(texts, labels, LinearOptions(workers=1, max_n=0)).model.config["across_words"]
    with pytest.raises(ConfigError, match="`across_words` has no effect without `max_n`"):
        LinearOptions(max_n=0, across_words=True)


def test_large_korean_sets_have_room_for_their_ngrams():
    def buckets(text, n, **given):
        return chosen_options(LinearOptions(workers=1, **given), [text] * n).bucket

    assert buckets("정말 재미 있다", 20_000) == 10_000_000
    assert buckets("정말 재미 있다", 19_999) == buckets("a good film", 20_000) == 2_000_000
    assert buckets("정말 재미 있다", 20_000, across_words=False) == 2_000_000
    assert buckets("정말 재미 있다", 20_000, bucket=50) == 50


def test_temperatures_are_of_fits_as_long_as_the_last_one(monkeypatch):
    tolerances, fit = [], Problem.fit

    def watched(self, cost, start, watch, tolerance=linear.FULLY):
        tolerances.append(tolerance)
        return fit(self, cost, start, watch, tolerance)

    monkeypatch.setattr(Problem, "fit", watched)
    train_linear(*texts_and_labels(300), LinearOptions(cost=3.0, **SMALL))
    assert tolerances == [linear.FULLY] * 6


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_costs_are_chosen_by_rough_fits(monkeypatch, loss):
    fits, fit = [], Problem.fit

    def watched(self, cost, start, watch, tolerance=linear.FULLY):
        fits.append((cost, tolerance))
        return fit(self, cost, start, watch, tolerance)

    monkeypatch.setattr(Problem, "fit", watched)
    found = train_linear(*texts_and_labels(300), LinearOptions(loss=loss, **SMALL))
    rough = [cost for cost, tolerance in fits if tolerance == linear.ROUGHLY]
    assert rough == [cost for cost in linear.COSTS[: len(rough) // 5] for _ in range(5)]
    assert fits[-6:] == [(found.options.cost, linear.FULLY)] * 6
