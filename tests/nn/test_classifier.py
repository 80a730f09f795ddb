"""The classifier: gradients through all of it, learning, files, explanations, bad input."""

import io
import json
import random
import warnings

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.nn.layers.losses import cross_entropy
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.classifier import Classifier, ClassifierConfig
from embedkit.nn.models.classifier_training import evaluate_classifier, train_classifier
from embedkit.nn.words.lookup import build_lookup
from embedkit.nn.words.word_input import WordInput
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.labelled import LabelledTexts
from tests.nn.gradients import check_gradients

GOOD, BAD = ["좋다", "훌륭하다", "moving"], ["나쁘다", "dull", "지루하다"]
PLAIN = ["the", "film", "plot", "was", "it", "영화", "배우"]
FAST = TrainingOptions(epochs=8, batch_size=16, learning_rate=0.02, embedding_rate=3.0)


def reviews(n=200, seed=1):
    draw = random.Random(seed)
    data = LabelledTexts()
    for i in range(n):
        label = i % 2
        words = [draw.choice(GOOD if label else BAD), *draw.choices(PLAIN, k=draw.randint(2, 8))]
        draw.shuffle(words)
        data.texts.append(" ".join(words))
        data.labels.append("pos" if label else "neg")
        data.places.append(f"reviews.tsv line {i + 1}")
    return data


def vectors(size=8, seed=2):
    words = [*GOOD, *BAD, *PLAIN, "terrific"]
    rows = np.random.default_rng(seed).normal(size=(len(words), size)).astype(np.float32)
    rows[-1] = rows[: len(GOOD)].mean(0) * 2
    return KeyedVectors(words, rows, config={"tokenizer": "whitespace", "lowercase": True})


@pytest.mark.parametrize(
    "config",
    [
        ClassifierConfig("mean", pooling="mean"),
        ClassifierConfig("lstm", hidden_size=3, pooling="attention"),
        ClassifierConfig("gru", hidden_size=3, pooling="last", num_layers=2),
        ClassifierConfig("transformer", hidden_size=4, heads=2, pooling="max"),
    ],
)
def test_gradients_through_the_whole_model(config):
    rng = np.random.default_rng(0)
    start = build_lookup(None, ["a", "b", "c", "d", "a", "b", "c", "d"], vector_size=4, rng=rng)
    words = WordInput(start.lookup, start.weight.astype(np.float64), rng=rng)
    model = Classifier(config, ["x", "y", "z"], words, rng=rng)
    rows = words.rows(["a", "b", "c", "new"])
    types, mask = np.array([[0, 1, 2], [3, 0, 0]]), np.array([[1, 1, 1], [1, 1, 0]], bool)
    targets = np.array([2, 0])
    dropped = {"training": config.model != "transformer"}

    def forward():
        return model.forward(types, mask, rows, rng=np.random.default_rng(4), **dropped)

    logits, cache = forward()
    _, grads = model.backward(cross_entropy(logits, targets)[1], cache)
    zero = tuple(name for name in model.parameters if name.endswith(("in_proj_bias", "pooling.bias")))
    arrays = {k: v for k, v in model.parameters.items() if k not in zero}
    check_gradients(
        lambda: cross_entropy(forward()[0], targets)[0],
        arrays,
        {k: g for k, g in grads.items() if k not in zero},
        tolerance=1e-5,
    )


def test_pooling_suits_the_encoder_where_it_is_not_chosen():
    assert [ClassifierConfig(model).pooling for model in ("mean", "rnn", "gru", "lstm", "transformer")] == [
        "mean",
        "max",
        "max",
        "max",
        "mean",
    ]
    assert ClassifierConfig("gru", pooling="last").pooling == "last"


@pytest.mark.parametrize(
    "config",
    [
        ClassifierConfig("mean", dropout=0.1),
        ClassifierConfig("mean", pooling="attention"),
        ClassifierConfig("gru", hidden_size=8, pooling="mean", dropout=0.1),
        ClassifierConfig("gru"),
        ClassifierConfig("transformer", hidden_size=8, heads=2, dropout=0.1),
        ClassifierConfig("rnn", hidden_size=8, bidirectional=False, pooling="max", dropout=0.1),
    ],
)
def test_it_learns_and_survives_a_file(tmp_path, config):
    model, history = train_classifier(reviews(), vectors(), config=config, options=FAST)
    scores = evaluate_classifier(model, reviews(60, seed=9))
    assert scores.accuracy > 0.95 and scores.macro_f1 > 0.95 and scores.count == 60
    assert history.best_score > 0.9 and 1 <= history.best_epoch <= len(history.epochs)
    model.save(tmp_path / "m.safetensors")
    again = Classifier.load(tmp_path / "m.safetensors")
    texts = reviews(20, seed=5).texts
    np.testing.assert_array_equal(model.probabilities(texts), again.probabilities(texts))
    assert again.labels == ["neg", "pos"] and again.tokenizer["lowercase"] is True
    assert again.predict(["Moving film"])[0].label == "pos"


def test_the_same_seed_gives_the_same_bits():
    config = ClassifierConfig("lstm", hidden_size=4)
    one, two = (train_classifier(reviews(60), vectors(), config=config, options=FAST)[0] for _ in range(2))
    other = train_classifier(
        reviews(60), vectors(), config=config, options=TrainingOptions(**{**FAST.__dict__, "seed": 2})
    )[0]
    for name, array in one.parameters.items():
        np.testing.assert_array_equal(array, two.parameters[name])
    assert (other.parameters["output.weight"] != one.parameters["output.weight"]).any()


def test_frozen_vectors_stay_and_unfreezing_moves_them():
    def known(**extra):
        model, _ = train_classifier(reviews(60), vectors(), config=ClassifierConfig(frozen=True), options=FAST, **extra)
        return model.parameters["embedding.weight"][1 : 1 + len(vectors())]

    start = build_lookup(vectors(), ["a", "b"], rng=np.random.default_rng(0)).weight[1 : 1 + len(vectors())]
    np.testing.assert_array_equal(known(), start)
    assert (known(unfreeze_after=1) != start).any()


def test_words_from_the_vectors_that_training_never_saw():
    kv = vectors()
    model, _ = train_classifier(reviews(), kv, config=ClassifierConfig(frozen=True), options=FAST)
    assert "terrific" in model.words.lookup.words and model.predict(["terrific film"])[0].label == "pos"


def test_borrowing_from_vectors_and_their_width(tmp_path):
    model, _ = train_classifier(reviews(60), KeyedVectors(PLAIN, vectors().vectors[: len(PLAIN)]), options=FAST)
    model.save(tmp_path / "m")
    lent = Classifier.load(tmp_path / "m", KeyedVectors(["brandnew"], np.full((1, 8), 5, np.float32)))
    plain = Classifier.load(tmp_path / "m")
    assert (lent.probabilities(["brandnew"]) != plain.probabilities(["brandnew"])).any()
    np.testing.assert_array_equal(lent.probabilities(["film"]), plain.probabilities(["film"]))
    with pytest.raises(ConfigError, match=r"the vectors have 9 dimensions, the model .* was trained with 8"):
        Classifier.load(tmp_path / "m", vectors(9))


@pytest.mark.parametrize("pooling", ["attention", "max", "mean"])
def test_explanations_find_the_word_that_counts(pooling):
    model, _ = train_classifier(
        reviews(), vectors(), config=ClassifierConfig("mean", pooling=pooling, dropout=0.1), options=FAST
    )
    found = model.explain("the film was 지루하다 it")
    assert found.prediction.label == "neg" and found.tokens[np.argmax(found.weights)] == "지루하다"
    assert (found.attention is not None) == (pooling == "attention") == model.has_attention


@pytest.mark.parametrize(
    "config",
    [
        ClassifierConfig("gru", hidden_size=8),
        ClassifierConfig("mean", pooling="attention"),
        ClassifierConfig("transformer", hidden_size=8, heads=2),
    ],
)
def test_a_weight_says_what_happens_when_the_word_is_left_out(config):
    model, _ = train_classifier(reviews(120), vectors(), config=config, options=FAST)
    agree, n = 0, 0
    for text in reviews(30, seed=4).texts:
        found = model.explain(text)
        label, before = found.prediction.label, found.prediction.probability
        for i, weight in enumerate(found.weights):
            rest = " ".join(found.tokens[:i] + found.tokens[i + 1 :])
            after = model.probabilities([rest])[0][model.labels.index(label)]
            if abs(before - after) > 1e-5:
                agree, n = agree + ((weight > 0) == (before > after)), n + 1
    assert n > 50 and agree / n >= 0.95


def test_explaining_one_word_compares_with_no_word():
    model, _ = train_classifier(reviews(60), vectors(), config=ClassifierConfig("mean"), options=FAST)
    found = model.explain("지루하다")
    assert found.prediction.label == "neg" and found.weights[0] > 0


def test_frozen_without_vectors_is_refused():
    with pytest.raises(ConfigError, match="`frozen` and `unfreeze_after` need `vectors`"):
        train_classifier(reviews(60), config=ClassifierConfig(frozen=True))
    with pytest.raises(ConfigError, match="need `vectors`"):
        train_classifier(reviews(60), unfreeze_after=1)


def test_transformers_show_who_looks_at_whom():
    config = ClassifierConfig("transformer", hidden_size=8, heads=2, pooling="mean")
    model, _ = train_classifier(reviews(40), vectors(), config=config, options=FAST)
    attention = model.explain("the film was dull").attention
    assert attention.shape == (4, 4)
    np.testing.assert_allclose(attention.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("model", ["gru", "transformer", "mean"])
def test_a_text_of_ten_thousand_words(model):
    data = reviews(40)
    data.texts[3] = " ".join(["dull", *PLAIN] * 1250)
    config = ClassifierConfig(model, hidden_size=4, heads=2)
    classifier, history = train_classifier(
        data, vectors(), config=config, options=TrainingOptions(epochs=1, batch_size=16)
    )
    assert np.isfinite(history.epochs[0]["loss"])
    assert np.isfinite(classifier.probabilities([data.texts[3], "film"])).all()


def test_labels_that_training_never_saw():
    model, _ = train_classifier(reviews(40), vectors(), options=FAST)
    strange = LabelledTexts(["a", "b"], ["pos", "meh"], ["t.tsv line 1", "t.tsv line 2"])
    scores = evaluate_classifier(model, strange)
    assert scores.count == 2 and scores.accuracy <= 0.5
    assert [(row.label, row.recall, row.count) for row in scores.labels][2:] == [("meh", 0.0, 1)]
    _, history = train_classifier(reviews(40), vectors(), valid=strange, options=FAST)
    assert max(epoch["valid_accuracy"] for epoch in history.epochs) <= 0.5
    assert all(epoch["valid_loss"] < 5 for epoch in history.epochs)  # of the labels that can be answered
    with pytest.raises(CorpusError, match=r"`valid` holds none of the labels that are trained on: expected neg, pos"):
        train_classifier(reviews(40), vectors(), valid=LabelledTexts(["b"], ["meh"], ["t.tsv line 2"]), options=FAST)


def test_a_text_without_words_has_no_answer_in_any_measure(tmp_path, capsys):
    model, _ = train_classifier(reviews(), vectors(), options=FAST, tokenizer={"tokenizer": "words"})
    model.save(tmp_path / "m")
    data = reviews(30, seed=3)
    lines = [*zip(data.texts, data.labels, strict=True), ("...", "pos"), ("?!", "neg")]
    (tmp_path / "t.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in lines), encoding="utf-8")
    run = ["classify", "evaluate", str(tmp_path / "m"), str(tmp_path / "t.tsv"), "--json"]
    rows = []
    for options in ([], ["-k", "1"], ["--precision", "0.9"]):
        assert main([*run, *options]) == 0
        out, err = capsys.readouterr()
        rows.append([json.loads(line) for line in out.splitlines()])
        assert "2 texts have no words: without an answer, which counts as wrong" in err
    assert rows[0][0]["accuracy"] == rows[1][0]["recall"] == 30 / 32
    assert all(0 < row["recall"] < 1 for row in rows[2])


def test_damaged_files_are_format_errors(tmp_path):
    model, _ = train_classifier(reviews(40), vectors(), config=ClassifierConfig(pooling="max"), options=FAST)
    path = tmp_path / "m"
    model.save(path)
    whole = path.read_bytes()
    for old, new, message in [
        (b'"output.weight"', b'"output.waight"', "expected output.weight"),
        (b'\\"scale\\"', b'\\"skale\\"', "expected scale to be float"),
        (b'\\"pooling\\": \\"m', b'\\"pooling\\": \\"n', "`pooling` must be one of"),
    ]:
        assert old in whole
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(FormatError, match=message):
            Classifier.load(path)


def test_the_log_has_a_record_an_epoch():
    log = io.StringIO()
    _, history = train_classifier(reviews(60), vectors(), options=FAST, log=log)
    records = [json.loads(line) for line in log.getvalue().splitlines()]
    assert records == history.epochs and [r["epoch"] for r in records] == list(range(1, len(records) + 1))
    assert {"loss", "valid_accuracy", "seconds", "learning_rate", "largest_norm"} <= records[0].keys()


def test_a_transformer_says_that_it_reads_no_further():
    long = "good " * 600 + "bad"
    data = reviews(20)
    data.texts[0] = long
    with pytest.warns(UserWarning, match="a text has more than 512 words: of each a Transformer reads the first 512"):
        model, _ = train_classifier(data, config=ClassifierConfig("transformer", 8), options=FAST, vector_size=4)
    with pytest.warns(UserWarning, match="more than 512 words"):
        assert len(model.tokens(long)) == 512
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(model.tokens("good " * 512)) == 512
