"""Language models: gradients, that they learn, carried states, files, commands and bad input."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.counting.drawing import beyond
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.files.model_file import load_model, save_model
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.language_config import LANGUAGE_MODELS, LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.language_training import (
    evaluate_language_model,
    hide_some,
    joined_lines,
    perplexity,
    score_lines,
    train_language_model,
    words_seen_once,
)
from embedkit.nn.models.masking import cut_with_gap
from embedkit.nn.words.token_table import END_ID, MASK_ID, SPECIALS, UNKNOWN_ID, TokenTable
from embedkit.text.tokens import join_tokens, part_cutter, token_cutter
from tests.nn.gradients import check_gradients

# A cycle 0 1 ... 6 0 1 ... from a random start: everything but the start and the end can be known.
LINES = [" ".join(str((i * 5 + j) % 7) for j in range(5 + i % 9)) for i in range(200)]
SMALL = LanguageModelConfig(hidden_size=8, num_layers=2, heads=2, dropout=0.1, context=6)


def make(kind, context=100, dtype=np.float64, dropout=0.0):
    rng = np.random.default_rng(1)
    table = TokenTable(list("abcde"))
    config = LanguageModelConfig(kind, 6, 2, 2, dropout, context)
    return LanguageModel(config, table, rng.standard_normal((len(table), 4)).astype(dtype), tokenizer={}, rng=rng)


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_gradients(kind):
    model = make(kind, dropout=0.2)
    texts = [np.array([3, 4, 5, 6, 7]), np.array([5, 3]), np.array([7])]
    _, grads = model.loss_and_gradients(texts, np.random.default_rng(2))
    check_gradients(
        lambda: model.loss_and_gradients(texts, np.random.default_rng(2))[0], model.parameters, grads, directions=1
    )


@pytest.mark.parametrize("kind", ["gru", "transformer", "elmo", "masked"])
def test_gradients_of_tied_weights(kind):
    rng = np.random.default_rng(1)
    table = TokenTable(list("abcde"))
    config = LanguageModelConfig(kind, 6, 1, 2, 0.0, 100, tied=True)
    model = LanguageModel(config, table, rng.standard_normal((len(table), 6)), tokenizer={}, rng=rng)
    assert "output.weight" not in model.parameters
    texts = [np.array([3, 4, 5, 6, 7]), np.array([5, 3])]
    _, grads = model.loss_and_gradients(texts, np.random.default_rng(2))
    check_gradients(
        lambda: model.loss_and_gradients(texts, np.random.default_rng(2))[0], model.parameters, grads, directions=1
    )
    with pytest.raises(ConfigError, match="tied weights need vectors as wide as `hidden_size`, 6, not 4"):
        LanguageModel(config, table, rng.standard_normal((len(table), 4)), tokenizer={}, rng=rng)


def test_elmos_lowest_layer_is_the_words_own_vector_in_both_directions(tmp_path):
    model = make("elmo", dtype=np.float32)
    found = model.vectors(list("abc"), [1.0, 0.0, 0.0])
    own = model.token.forward(model.embedding.forward(model.table.encode(list("abc")))[0])[0]
    np.testing.assert_allclose(found, np.concatenate([own, own], axis=1), rtol=1e-6)
    with pytest.raises(ConfigError, match=r"each layer of the model \(3\), found"):
        model.vectors(list("abc"), [1.0, 0.0])
    older = replace(model.config, token_layer=False)
    old = LanguageModel(
        older,
        model.table,
        model.embedding.parameters["weight"],
        tokenizer={"tokenizer": "whitespace"},
        rng=np.random.default_rng(0),
    )
    old.save(tmp_path / "old")
    file = load_model(tmp_path / "old", "lm")
    config = {key: value for key, value in file.config.items() if key not in ("token_layer", "block", "tied")}
    save_model(tmp_path / "older", "lm", "elmo", config, file.tensors)  # as before there was such a layer
    again = LanguageModel.load(tmp_path / "older")
    assert again.n_layers == 2
    np.testing.assert_array_equal(again.vectors(["a", "b"]), old.vectors(["a", "b"]))


def test_blocks_join_lines_without_cutting_any():
    texts = [["a", "b"], ["c"], ["d", "e", "f"], ["g"]]
    assert joined_lines(texts, 0) is texts
    assert joined_lines(texts, 4) == [["a", "b", "</s>", "c"], ["d", "e", "f", "</s>", "g"]]
    assert joined_lines(texts, 100) == [["a", "b", "</s>", "c", "</s>", "d", "e", "f", "</s>", "g"]]


def test_a_model_of_blocks_sees_across_line_ends():
    rng = np.random.default_rng(0)
    lines = [line for n in rng.integers(2, size=200) for line in (f"x {n}", f"y {n}")]  # y says what x said
    options = TrainingOptions(epochs=25, learning_rate=2e-2, batch_size=8, patience=25)
    config = LanguageModelConfig("gru", hidden_size=16, block=12, dropout=0.0)
    model, _ = train_language_model(lines, config=config, options=options, valid_fraction=0.05, vector_size=8)
    for number in "01":
        p = model.next_probabilities(["x", number, "</s>", "y"])
        assert p[model.table.encode([number])[0]] > 0.9
    alone, _ = train_language_model(lines, config=replace(config, block=0), options=options, vector_size=8)
    assert evaluate_language_model(model, lines).log_probability > evaluate_language_model(alone, lines).log_probability


def test_top_p_draws_among_the_likeliest_alone():
    assert beyond(np.array([0.1, 0.5, 0.05, 0.35]), 0.8).tolist() == [0, 2]
    assert beyond(np.array([0.1, 0.5, 0.05, 0.35]), 0.9).tolist() == [2]
    assert beyond(np.array([0.1, 0.9]), 0.5).tolist() == [0] and beyond(np.array([0.5, 0.5]), 1.0).tolist() == []
    model = make("gru", dtype=np.float32)
    likeliest = model.generate(["a"], max_tokens=6, temperature=0, rng=np.random.default_rng(0))
    narrow = model.generate(["a"], max_tokens=6, top_p=1e-6, rng=np.random.default_rng(5))
    assert narrow == likeliest


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "elmo"])
def test_truncated_backpropagation_keeps_the_loss_and_cuts_the_gradient(kind):
    texts = [np.array([3, 4, 5, 6, 7, 3, 4]), np.array([5, 3, 3])]
    whole, cut = make(kind), make(kind, context=3)
    loss, grads = whole.loss_and_gradients(texts, np.random.default_rng(2))
    cut_loss, cut_grads = cut.loss_and_gradients(texts, np.random.default_rng(2))
    assert cut_loss == pytest.approx(loss, rel=1e-12)
    name = next(n for n in grads if "weight_hh" in n)
    assert not np.allclose(grads[name], cut_grads[name])
    np.testing.assert_allclose(grads["output.weight"], cut_grads["output.weight"], rtol=1e-10)


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_learns_a_cycle(kind, tmp_path):
    options = TrainingOptions(epochs=12, learning_rate=1e-2, batch_size=16, patience=12)
    config = replace(SMALL, model=kind, hidden_size=16)
    if kind == "masked":
        config = replace(config, hidden_size=32, num_layers=1, context=20)
    model, history = train_language_model(LINES, config=config, options=options, valid_fraction=0.05, vector_size=12)
    assert history.best_score < (5.7 if kind == "masked" else 2.2)  # of 7 words
    again, other = (
        train_language_model(LINES, config=config, options=replace(options, epochs=1), vector_size=12)[0]
        for _ in range(2)
    )
    assert all(np.array_equal(again.parameters[n], other.parameters[n]) for n in again.parameters)
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = LanguageModel.load(path)
    np.testing.assert_array_equal(loaded.vectors(["1", "2"]), model.vectors(["1", "2"]))
    if kind == "masked":
        p = loaded.fill(["1", "2", "___", "4", "5", "6"])
        assert p[: len(SPECIALS)].sum() == 0
        return
    p = loaded.next_probabilities(["0", "1", "2", "3"])
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p[MASK_ID] == 0
    assert loaded.table.tokens[int(p.argmax())] == "4"
    written = loaded.generate(["5", "6"], max_tokens=4, temperature=0, rng=np.random.default_rng(0))
    assert written[:3] == ["0", "1", "2"]


def test_perplexity_is_what_the_probabilities_say():
    model = make("gru", context=2, dtype=np.float32)
    text = list("abcab")
    total = 0.0
    for i in range(len(text) + 1):
        p = softmax_by_hand(model, text[:i])
        total += np.log(p[model.table.encode(text)[i] if i < len(text) else END_ID])
    score = perplexity(model, [model.table.encode(text)])
    assert score.n_predicted == 6
    assert score.log_probability == pytest.approx(total, rel=1e-5)
    assert score.perplexity == pytest.approx(np.exp(-total / 6), rel=1e-5)
    assert perplexity(model, [model.table.encode(["a", "zzz"])]).n_unknown == 1


@pytest.mark.parametrize("kind, guesses, unknown", [("gru", 5, 2), ("elmo", 10, 4), ("masked", 200, 200)])
def test_tokens_and_unknown_ones_are_counted_by_guesses(kind, guesses, unknown):
    model = make(kind, dtype=np.float32)
    text = ["zzz"] * 1000 if kind == "masked" else ["a", "zzz", "b", "yyy"]
    found = perplexity(model, [model.table.encode(text)])
    if kind == "masked":
        assert found.n_unknown == found.n_predicted < guesses
    else:
        assert (found.n_predicted, found.n_unknown) == (guesses, unknown)


def test_known_perplexity_leaves_unknown_words_out():
    model = make("gru", context=2, dtype=np.float32)
    tokens = ["a", "zzz", "b", "yyy"]
    ids = model.table.encode(tokens)
    p = [softmax_by_hand(model, ["a", "<unk>", "b", "<unk>"][:i]) for i in range(5)]
    logs = np.log([row[wanted] for row, wanted in zip(p, [*ids, END_ID], strict=True)])
    found = perplexity(model, [ids])
    assert (found.n_unknown, found.n_predicted) == (2, 5)
    assert found.perplexity == pytest.approx(np.exp(-logs.mean()), rel=1e-5)
    assert found.known_perplexity == pytest.approx(np.exp(-logs[[0, 2, 4]].mean()), rel=1e-5)


@pytest.mark.parametrize("kind", ["gru", "transformer", "elmo"])
def test_scores_of_lines_are_those_of_each_alone_and_add_up(kind):
    model = make(kind, context=3, dtype=np.float32)
    lines = [list(text) for text in ("abcab", "b", "aczb", "ab")]
    found = score_lines(model, lines)
    for line, score in zip(lines, found, strict=True):
        alone = perplexity(model, [model.table.encode(line)])
        assert score == pytest.approx(alone, rel=1e-5, nan_ok=True)
    both = perplexity(model, [model.table.encode(line) for line in lines])
    assert sum(score.log_probability for score in found) == pytest.approx(both.log_probability, rel=1e-6)
    assert sum(score.n_predicted for score in found) == both.n_predicted


def test_unknown_is_trained_where_the_vocabulary_holds_every_word():
    rng = np.random.default_rng(0)
    names = [f"name{i}" for i in range(150)]  # each once
    lines = [f"my name is {name} and {rng.choice(['yes', 'no'])} it is" for name in names]
    options = TrainingOptions(epochs=25, batch_size=16, learning_rate=1e-2, patience=25)
    config = LanguageModelConfig("gru", hidden_size=16)
    model, _ = train_language_model(lines, config=config, options=options, vector_size=12)
    p = model.next_probabilities(["my", "name", "is"])
    assert p[UNKNOWN_ID] > 0.2  # about half of the names that stood there were read as unknown
    assert model.next_probabilities(["my"])[UNKNOWN_ID] < 0.1


def test_hapaxes_are_hidden_only_where_nothing_else_is_unknown():
    texts = [np.array([3, 4, 4]), np.array([5, 3])]
    once = words_seen_once(texts, 6)
    assert once.tolist() == [False] * 5 + [True]
    seen = {tuple(hide_some(texts[1], once, np.random.default_rng(i))) for i in range(20)}
    assert seen == {(5, 3), (UNKNOWN_ID, 3)}
    assert hide_some(texts[0], once, np.random.default_rng(0)) is texts[0]
    assert words_seen_once([np.array([0, 5])], 6) is None


def softmax_by_hand(model, tokens):
    """Probabilities of all tokens but ``<mask>``, from the whole beginning at once."""
    ids = np.concatenate([[END_ID], model.table.encode(tokens)])
    hidden, _ = model._hidden("stack", ids[None], np.ones((1, len(ids)), bool))
    powers = np.exp(model.output.forward(hidden[0, -1])[0].astype(np.float64))
    powers[MASK_ID] = 0
    return powers / powers.sum()


def test_elmo_vectors_see_both_sides_and_combine_layers():
    model = make("elmo", context=3, dtype=np.float32)
    whole = model.vectors(list("abcde"))
    assert whole.shape == (5, 12)
    changed = model.vectors(list("abcdd"))
    np.testing.assert_array_equal(whole[:4, :6], changed[:4, :6])  # the forward half has not seen the end yet
    assert np.all(np.any(whole[:, 6:] != changed[:, 6:], axis=1))
    layers = [model.vectors(list("abcde"), row) for row in np.eye(3).tolist()]
    np.testing.assert_allclose(whole, sum(layers) / 3, atol=1e-6)
    assert model.vectors([]).shape == (0, 12)
    with pytest.raises(ConfigError, match=r"expected a number for each layer of the model \(3\), found \[1, 2\]"):
        model.vectors(["a"], [1, 2])


def test_generation_is_cold_or_drawn_among_the_likeliest():
    model = make("lstm", dtype=np.float32)
    cold = [model.generate(["a"], max_tokens=5, temperature=0, rng=np.random.default_rng(s)) for s in (1, 2)]
    assert cold[0] == cold[1]
    for temperature in (1e-300, 5e-324):  # the difference of two logarithms divided by it is no number
        assert model.generate(["a"], max_tokens=5, temperature=temperature, rng=np.random.default_rng(1)) == cold[0]
    top = [model.generate(["a"], max_tokens=5, topk=1, rng=np.random.default_rng(s)) for s in (1, 2)]
    assert top[0] == top[1] == cold[0]
    hot = {tuple(model.generate(["a"], max_tokens=5, temperature=5.0, rng=np.random.default_rng(s))) for s in range(8)}
    assert len(hot) > 4
    assert not {"<unk>", "<mask>"} & {token for text in hot for token in text}
    model.output.parameters["bias"][UNKNOWN_ID] = 1e4  # beside which the probability of any other is 0
    for temperature in (0, 1.0):
        text = model.generate(["a"], max_tokens=5, temperature=temperature, rng=np.random.default_rng(1))
        assert "<unk>" not in text


@pytest.mark.parametrize("kind", ["lstm", "masked"])
def test_what_never_stands_in_a_text_has_no_share_of_what_is_measured(kind):
    model = make(kind, dtype=np.float32)
    model.output.parameters["bias"][MASK_ID] = 9.0
    texts = [model.table.encode(list(text)) for text in ("abc", "<mask>", "b<mask>a")]
    assert MASK_ID not in model.table.encode(["<mask>", "a"])
    before = model.score(texts, np.random.default_rng(0))
    model.output.parameters["bias"][MASK_ID] = -9.0
    np.testing.assert_allclose(model.score(texts, np.random.default_rng(0)), before, rtol=1e-5)
    if kind == "lstm":
        p = [
            model.next_probabilities(list(beginning))[i] for beginning, i in zip(("", "a", "ab"), texts[0], strict=True)
        ]
        end = model.next_probabilities(list("abc"))[END_ID]
        assert np.log([*p, end]).sum() == pytest.approx(before[0, 0], rel=1e-5)


def test_a_gap_is_a_run_of_three_underscores_or_more():
    for gap in ("___", "____", "_" * 9):
        assert cut_with_gap(f" a {gap} b", {}) == ["a", "___", "b"]
        assert cut_with_gap(f"a {gap}b ", {"tokenizer": "chars"}) == ["a", " ", "___", "b"]
    assert cut_with_gap("___ a ___", {}) == ["___", "a", "___"] and cut_with_gap(" a __ ", {}) == ["a", "__"]


def test_token_table():
    table = TokenTable.from_texts([list("abbc"), list("b<"), ["<mask>"]], min_count=1, max_vocab=3)
    assert table.tokens == ["<unk>", "</s>", "<mask>", "b", "<", "a"]
    assert table.encode(["a", "c"]).tolist() == [5, UNKNOWN_ID]
    assert TokenTable.from_tensors(table.to_tensors("x."), "x.").tokens == table.tokens
    with pytest.raises(CorpusError, match="no word occurs 9 times"):
        TokenTable.from_texts([["a"]], min_count=9)
    settings = {"tokenizer": "chars", "lowercase": True}
    assert token_cutter(settings)(" A  b\t") == ["a", " ", "b"]
    assert join_tokens(["a", " ", "b"], settings) == "a b"
    assert part_cutter(settings)(" A  b\t") == [" ", "a", " ", "b", " "] and part_cutter(settings)(" ") == []
    assert part_cutter({})(" a  b\t") == ["a", "b"]


def test_commands(tmp_path, capsys):
    corpus, model = tmp_path / "c.txt", str(tmp_path / "m.safetensors")
    corpus.write_text("\n".join(LINES) + "\n\n", encoding="utf-8")
    base = ["lm", "train", str(corpus), "-o", model, "--epochs", "2", "--hidden-size", "8", "--vector-size", "6", "-q"]
    assert main([*base, "--model", "gru", "--tokenizer", "chars"]) == 0
    assert main(["lm", "evaluate", model, str(corpus), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert 1 < figures["perplexity"] < 12  # 9 characters and three specials: 12 is knowing nothing
    assert figures["tokens"] == sum(len(line) + 1 for line in LINES)
    (tmp_path / "s.txt").write_text(LINES[0] + "\n\n" + LINES[1] + "\n", encoding="utf-8")
    assert main(["lm", "evaluate", model, str(tmp_path / "s.txt"), "--sentences", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["tokens"] for row in rows] == [len(LINES[0]) + 1, None, len(LINES[1]) + 1]
    assert [row["sentence"] for row in rows] == [LINES[0], "", LINES[1]]
    assert main(["lm", "vectors", model, str(tmp_path / "s.txt"), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [np.shape(row["vectors"]) for row in rows] == [(len(LINES[0]), 8), (0,), (len(LINES[1]), 8)]
    assert main(["lm", "generate", model, "--prompt", "1 2", "--count", "3", "--max-tokens", "9"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert all(line.startswith("1 2") for line in out)
    assert main(["lm", "predict", model, "1 2", "-n", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split("\t")[1] == " "
    assert main(["lm", "generate", model, "--prompt", "1 ", "--max-tokens", "9"]) == 0
    assert capsys.readouterr().out.startswith("1 ")
    found = []
    for text in ("1", "1 "):
        assert main(["lm", "predict", model, text, "-n", "9", "--json"]) == 0
        found.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{text}\r\n".encode())))
            assert main(["lm", "predict", model, "-n", "9", "--json"]) == 0
        assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == found[-1]
    assert {row["next"]: row["probability"] for row in found[0]} != {
        row["next"]: row["probability"] for row in found[1]
    }
    assert main(["lm", "vectors", model, str(corpus), "--npy", str(tmp_path / "v.npy"), "-q"]) == 0
    assert np.load(tmp_path / "v.npy").shape == (sum(map(len, LINES)), 8)
    for more in (["gru"], ["ngram", "--order", "2"]):
        words = ["lm", "train", str(corpus), "-o", model, "--model", *more, "-q"]
        assert main([*words, *(base[5:-1] if more == ["gru"] else [])]) == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b" 1 2  \n")))
            assert main(["lm", "predict", model, "-n", "1"]) == 0
        assert capsys.readouterr().out.split("\t")[0] == "1 2"  # words have no blanks at their ends
    assert main([*base, "--model", "masked"]) == 0
    assert main(["lm", "predict", model, "1 ___ 3", "-n", "1"]) == 0
    capsys.readouterr()
    for arguments, message in [
        (["lm", "generate", model], "a masked-word model cannot generate"),
        (["lm", "predict", model, "1 2"], "expected one gap ___ in the text, found 0"),
        (["lm", "vectors", model, "--layers", "a", str(corpus)], "--layers takes numbers"),
        (["classify", "predict", model, str(corpus)], "expected a model of embedkit classify"),
    ]:
        assert main(arguments) in {1, 2}
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert main(["lm", "predict", model, "1 2"]) == main(["lm", "predict", model, "1 2", "--json"]) == 1


def test_bad_input(tmp_path):
    with pytest.raises(CorpusError, match="at least two lines with words to train on, found 1"):
        train_language_model(["one line", " "])
    with pytest.raises(CorpusError, match="`valid` holds no words"):
        train_language_model(["one line", "another line"], valid=[" "])
    with pytest.raises(ConfigError, match="`model` must be one of rnn, gru, lstm"):
        LanguageModelConfig(model="rnnt")
    model = make("rnn", dtype=np.float32)
    for ask in (model.next_probabilities, model.vectors):
        with pytest.raises(ConfigError, match="`tokens` must be a list of strings, got the string 'a b'"):
            ask("a b")
    with pytest.raises(ConfigError, match="`lines` must be a list, got a map"):
        evaluate_language_model(model, map(str, ["a b"]))
    with pytest.raises(CorpusError, match="found none"):
        evaluate_language_model(model, ["", " "])
    path = tmp_path / "m"
    model.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"m: "):
        LanguageModel.load(path)
