"""The numbers that ``embedkit show`` shows, by value, and the ways it shows them."""

import json
import re

import numpy as np
import pytest
from rich.cells import cell_len

from embedkit.cli import main
from embedkit.cli.shared.heat_map import print_heat_map
from embedkit.counting.ngram import NgramModel
from embedkit.errors import ConfigError
from embedkit.nn.layers.attention import positions
from embedkit.nn.layers.recurrent import LSTM
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models import showing
from embedkit.nn.models.classifier import ClassifierConfig
from embedkit.nn.models.classifier_training import train_classifier
from embedkit.nn.models.language_config import LanguageModelConfig
from embedkit.nn.models.language_training import train_language_model
from embedkit.plotting import panels
from embedkit.text.labelled import LabelledTexts
from embedkit.vocabulary.corpus import Corpus

ONE = TrainingOptions(epochs=1, batch_size=8)
LINES = ["a b c", "b c a", "c a b", "a a b", "b b c", "c c a"] * 2
TEXTS = LabelledTexts(list(LINES), ["x", "y"] * 6, [f"line {i}" for i in range(12)])


def language_model(path, kind, **config):
    model, _ = train_language_model(
        LINES, config=LanguageModelConfig(kind, hidden_size=4, heads=2, **config), options=ONE, vector_size=3
    )
    model.save(path)
    return model


def test_gradients_by_a_difference_and_their_clipping():
    lines, table = showing.gradients(steps=6, hidden_size=5, clip=0.01, forget_bias=0.0, seed=3)
    rng = np.random.default_rng(3)
    layer = LSTM(8, 5, rng=rng, dtype=np.float64)
    x, w = rng.standard_normal((1, 6, 8)), rng.standard_normal(5) / np.sqrt(5)

    def loss(change, place):
        moved = x.copy()
        moved[0, place[0], place[1]] += change
        return float(layer.forward(moved)[0][0, -1] @ w)

    slopes = [(loss(1e-6, (2, i)) - loss(-1e-6, (2, i))) / 2e-6 for i in range(8)]
    assert lines.curves["lstm"][2] == pytest.approx(np.linalg.norm(slopes), rel=1e-5)
    _, norm, clipped, _ = table.rows[2]
    assert clipped == pytest.approx(0.01)
    np.testing.assert_allclose(lines.curves["lstm, clipped"], lines.curves["lstm"] * clipped / norm)


def test_open_gates_let_the_gradient_through():
    closed, open_ = (showing.gradients(steps=30, forget_bias=bias)[0].curves for bias in (0.0, 6.0))
    assert closed["rnn"][0] == open_["rnn"][0]
    for cell in ("lstm", "gru"):
        assert closed[cell][0] < 1e-4 * closed[cell][-1] and open_[cell][0] > 0.1 * open_[cell][-1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_by_default_the_gradient_of_gated_cells_stays_and_that_of_the_rnn_vanishes(seed):
    lines, _ = showing.gradients(seed=seed)
    left = {name: curve[0] / curve[-1] for name, curve in lines.curves.items()}
    assert left["rnn"] < 1e-10 and left["gru"] > 1e-3 and left["lstm"] > 1e-2
    assert lines.title.endswith("recurrent weights × 1, forget bias 2")


def test_larger_recurrent_weights_make_the_gradient_explode():
    calm, wild = (showing.gradients(60, scale=scale)[0].curves["rnn"] for scale in (0.5, 4.0))
    assert calm[0] < 1e-6 * calm[-1] and wild[0] > 1e-2 * wild[-1]


def test_the_softmax_network_starts_at_ln_v_and_learns_the_circle():
    loss, first, _, last = showing.softmax_network(["you", "say", "goodbye", "hello"], steps=400)
    assert loss.curves["loss"][0] == pytest.approx(np.log(4)) and loss.curves["loss"][-1] < 0.05
    assert np.all(np.diff(loss.curves["loss"][:5]) < 0)
    np.testing.assert_allclose(first.values[:, 4:], 0.25)
    assert last.values[:, 4:].argmax(1).tolist() == [1, 2, 3, 0]
    with pytest.raises(ConfigError, match="at least two different words"):
        showing.softmax_network(["a", "a"])


def test_a_word_that_stands_twice_has_both_its_followers():
    words = ["you", "say", "goodbye", "and", "i", "say", "hello"]
    loss, _, _, last = showing.softmax_network(words, steps=3000)
    p = dict(zip(last.rows, last.values[:, 4:], strict=True))
    assert last.rows == ["you", "say", "goodbye", "and", "i", "hello"]
    assert p["i"].argmax() == p["you"].argmax() == 1
    assert p["say"][2] == pytest.approx(0.5, abs=0.03) and p["say"][5] == pytest.approx(0.5, abs=0.03)
    assert loss.curves["loss"][-1] == pytest.approx(2 / 7 * np.log(2), abs=0.02)


def test_weights_that_let_nothing_back_are_clipped_to_nothing():
    lines, table = showing.gradients(steps=2, scale=1e10, clip=1.0)
    assert all(row[1:3] == (0, 0) for row in table.rows if row[1] == 0) and any(row[1] == 0 for row in table.rows)
    assert {row[0]: row[3] for row in table.rows}["lstm"] is None  # nothing at the last step to compare the first with
    assert all(row[3] is None or np.isfinite(row[3]) for row in showing.gradients(scale=1e10)[1].rows)
    assert set(lines.curves) == {f"{name}{clipped}" for name in ("rnn", "gru", "lstm") for clipped in ("", ", clipped")}


def test_windows_by_hand():
    cbow, pairs = showing.windows(["a", "b", "c"], window=1, negative=3)
    assert cbow.rows == [("b", "a"), ("a c", "b"), ("b", "c")]
    assert [row[:2] for row in pairs.rows] == [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")]
    assert all(word not in drawn.split() and len(drawn.split()) == 3 for _, word, drawn in pairs.rows)
    for tokens in ([], ["a"]):
        with pytest.raises(ConfigError, match="at least two words"):
            showing.windows(tokens)


def test_markov_multiplies_to_the_models_own_probability():
    model = NgramModel.train(Corpus.from_sentences([line.split() for line in LINES], min_count=1), order=2)
    steps, chain = showing.markov(model, ["a", "zzz", "b"])
    score = model.score(Corpus.from_sentences([["a", "zzz", "b"]], min_count=1))
    assert steps.rows[-1][3] == pytest.approx(np.exp(score.log_probability))
    assert steps.rows[1][0] == "a" and steps.rows[0][0] == "<s>"
    assert chain.values[1, 1] == pytest.approx(model.distribution(["a"])[model.unknown])


def test_the_probability_of_a_sentence_is_in_the_picture_and_unknown_words_are_marked(tmp_path):
    model = NgramModel.train(Corpus.from_sentences([line.split() for line in LINES], min_count=1), order=2)
    steps, chain = showing.markov(model, ["a", "zzz", "b"])
    assert [row[:2] for row in steps.rows][1:3] == [("a", "zzz <unk>"), ("zzz <unk>", "b")]
    assert chain.columns == ["a", "zzz <unk>", "b", "</s>"] and chain.rows == ["<s>", "a", "zzz <unk>", "b"]
    panels.draw_panels([steps, chain], tmp_path / "p.svg")
    assert f"{steps.rows[-1][3]:.6g}" in (tmp_path / "p.svg").read_text(encoding="utf-8")


def test_a_table_too_long_for_a_picture_says_how_much_is_left(tmp_path):
    table = showing.Table("t", ["$a$", "b"], [(f"$row{i}$", i) for i in range(100)])
    panels.draw_panels([table], tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text(encoding="utf-8")
    assert "$row58$" in text and "$row59$" not in text and "… and 41 more" in text


def test_the_chain_of_a_longer_model_says_what_it_depends_on():
    corpus = Corpus.from_sentences([line.split() for line in LINES], min_count=1)
    bigrams, trigrams = (showing.markov(NgramModel.train(corpus, order=n), ["a"])[1] for n in (2, 3))
    assert bigrams.title.endswith("one word of context")
    assert trigrams.title.endswith("being the first of a sentence")


def test_positions():
    table, alike = showing.positional(5, 8)
    np.testing.assert_allclose(table.values, positions(5, 8, np.float64))
    np.testing.assert_allclose(np.diag(alike.values), 1)
    np.testing.assert_allclose(np.diag(showing.positional(6, 7)[1].values), 1)  # an odd width has a sine more


@pytest.mark.parametrize(("kind", "names"), [("lstm", 6), ("gru", 4)])
def test_gates_give_the_layers_own_state(tmp_path, kind, names):
    model = language_model(tmp_path / "lm", kind)
    (heat,) = showing.gates(tmp_path / "lm", "a b c", unit=2)
    assert heat.columns == ["</s>", "a", "b", "c"] and len(heat.rows) == names
    ids = np.concatenate([[1], model.table.encode(["a", "b", "c"])])[None]
    y, _ = model.stacks["stack"].forward(model.embed(ids)[0], np.ones(ids.shape, bool))
    np.testing.assert_allclose(heat.values[heat.rows.index("h")], y[0][0, :, 2], atol=1e-6)
    with pytest.raises(ConfigError, match="`unit` must be between 0 and 3"):
        showing.gates(tmp_path / "lm", "a", unit=4)
    with pytest.raises(ConfigError, match=r"of a Transformer.*this one, (lstm|gru), has a recurrent layer"):
        showing.attention(tmp_path / "lm", "a")


def test_attention_before_and_after_the_softmax(tmp_path):
    language_model(tmp_path / "lm", "transformer", num_layers=2)
    scores, scaled, after = (showing.attention(tmp_path / "lm", "a b c", stage) for stage in showing.STAGES)
    assert len(after) == 4 and after[3].title.startswith("layer 2, head 2")
    np.testing.assert_allclose(scaled[0].values, scores[0].values / np.sqrt(2), rtol=1e-5)
    assert all("later tokens are masked" in panel.title for panel in after)
    lower = np.where(np.tri(4, dtype=bool), np.exp(scaled[2].values), 0)
    np.testing.assert_allclose(after[2].values, lower / lower.sum(1, keepdims=True), rtol=1e-4)
    with pytest.raises(ConfigError, match="an LSTM or a GRU: this one, transformer, has attention"):
        showing.gates(tmp_path / "lm", "a")


def test_classifiers_show_theirs_and_other_models_are_refused(tmp_path):
    for kind in ("gru", "transformer"):
        config = ClassifierConfig(kind, hidden_size=4, heads=2)
        model, _ = train_classifier(TEXTS, config=config, options=ONE, vector_size=4)
        model.save(tmp_path / kind)
    assert showing.gates(tmp_path / "gru", "a b")[0].columns == ["a", "b"]
    assert showing.attention(tmp_path / "transformer", "a b")[0].values.shape == (2, 2)
    language_model(tmp_path / "lm", "gru")
    for name in ("gru", "lm"):
        with pytest.raises(ConfigError, match="no words"):
            showing.gates(tmp_path / name, " ")


COMMANDS = [
    ["gradients", "--steps", "5", "--clip", "1"],
    ["positions", "--length", "4", "--width", "4"],
    ["softmax-network", "왕 여왕 남자 여자", "--steps", "20"],
    ["windows", "the <king> rules"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_way_of_showing(command, tmp_path, capsys):
    assert main(["show", *command]) == 0
    assert "\t" in capsys.readouterr().out
    assert main(["show", *command, "--json"]) == 0
    assert all(json.loads(line)["title"] for line in capsys.readouterr().out.splitlines())
    page = tmp_path / "p.html"
    assert main(["show", *command, "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<h2>" in text and "<king>" not in text and text.count("<svg") == (command[0][0] in "gs")
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        status = main(["show", *command, "-o", str(tmp_path / f"p{suffix}")])
        assert status == 0 and (tmp_path / f"p{suffix}").read_bytes().startswith(start)
    drawn = (tmp_path / "p.svg").read_text(encoding="utf-8")
    if command[0] == "windows":
        assert "&lt;king&gt;" in drawn and "skip-gram" in drawn
    if command[0] == "gradients":
        assert "after clipping" in drawn and "forget bias 2" in drawn
    assert main(["show", *command, "-o", str(page), "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(page)


def test_a_long_text_is_shortened_above_a_picture(tmp_path):
    panels.draw_panels(showing.positional(2, 2), tmp_path / "p.svg", title="word " * 80)
    assert (tmp_path / "p.svg").read_text(encoding="utf-8").count("word") <= 14
    panels.draw_panels(showing.positional(2, 2), tmp_path / "p.svg", title="가나다라" * 80)  # without a blank
    drawn = (tmp_path / "p.svg").read_text(encoding="utf-8")
    assert 4 <= drawn.count("가나다라") <= 9 and "…" in drawn


@pytest.mark.parametrize("columns", [40, 300])
def test_cells_that_a_terminal_has_no_room_for_follow_below(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["show", "positions", "--length", "3", "--width", "12"]) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).partition("\n\ncosine")[0].splitlines()
    assert max(map(len, lines)) <= columns
    assert sum(line.split() == [str(i) for i in range(12)] for line in lines) == (columns == 300)
    values = [value for line in lines if line.split()[:1] == ["1"] for value in line.split()[1:]]
    assert values == [f"{value:.2f}" for value in positions(2, 12, np.float64)[1]]


def test_words_above_and_beside_cells_are_not_too_long_for_them(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    words = ["가나다라마바사아자차", "x" * 40]
    print_heat_map(np.array([[0.25, 0.75], [0.5, 0.5]]), words, words)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= 30
    assert {"0.25", "0.75", "0.50"} <= {part for line in lines for part in line.split()}


WORDS = ["internationalisation", "internationalization", "a", "국제축구연맹회장님의말씀"]


def test_names_of_cells_are_whole_where_there_is_room(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "150")
    print_heat_map(np.eye(4), WORDS, WORDS)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == [row.split()[0] for row in rows] == WORDS


def test_names_of_cells_stay_different_where_there_is_none(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    print_heat_map(np.eye(4), WORDS, ["k", "l" * 40, "m", "n"])
    lines = capsys.readouterr().out.splitlines()
    assert "…" not in "".join(lines) and max(map(cell_len, lines)) <= 60
    assert "".join(re.findall(r"(?m)^ (\S+)", "\n".join(lines))) == "".join(WORDS)


def test_names_of_cells_have_room_for_what_is_printed_of_them(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    print_heat_map(np.eye(2), ["\t\n", "x\ty\u202e"], ["\t\n", "x\ty\u202e"])
    shown = [r"\t\n", r"x\ty\u202e"]
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == [row.split()[0] for row in rows] == shown
