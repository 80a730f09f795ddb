"""Sequence to sequence: gradients, decoding against brute force, BLEU, that attention learns to copy, commands."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError, FormatError
from embedkit.nn.learning.bleu import bleu
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.decoding import Search, beam_search, greedy, repeating
from embedkit.nn.models.seq2seq import Seq2Seq, Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import (
    Pairs,
    evaluate_seq2seq,
    read_pairs,
    split_by_source,
    train_seq2seq,
)
from embedkit.nn.models.translators import without_end
from embedkit.nn.words.token_table import END_ID, TokenTable
from tests.nn.gradients import check_gradients

KINDS = [("rnn", "none"), ("gru", "dot"), ("lstm", "additive"), ("gru", "general"), ("transformer", "general")]


def make(model, attention, dtype=np.float64, dropout=0.0, layers=2):
    rng = np.random.default_rng(1)
    source, target = TokenTable(list("abcd")), TokenTable(list("xyz"))
    weights = [rng.standard_normal((len(t), 4)).astype(dtype) for t in (source, target)]
    return Seq2Seq(
        Seq2SeqConfig(model, attention, 6, layers, 2, dropout),
        source,
        target,
        *weights,
        tokenizers={"source": {}, "target": {}},
        rng=rng,
    )


@pytest.mark.parametrize("model, attention", KINDS)
def test_gradients(model, attention):
    translator = make(model, attention, dropout=0.2)
    sources, targets = [np.array([3, 4, 5]), np.array([6])], [np.array([5, 3]), np.array([4, 4, 5, 3])]

    def run():
        return translator.loss_and_gradients(sources, targets, np.random.default_rng(2))

    _, grads = run()
    assert set(grads) == set(translator.parameters)
    check_gradients(lambda: run()[0], translator.parameters, grads, directions=1)


def test_words_look_at_words_and_not_at_the_end():
    assert without_end(np.array([[True, True, True], [True, True, False], [True, False, False]])).tolist() == [
        [True, True, False],
        [True, False, False],
        [True, False, False],
    ]
    for attention in ("dot", "general", "additive"):
        answers = make("gru", attention).translate(["a b c", ""], max_tokens=3)
        np.testing.assert_allclose(answers[0].weights[:, :3].sum(axis=1), 1)
        assert not answers[0].weights[:, 3].any() and (answers[1].weights == 1).all()


@pytest.mark.parametrize("model, attention", KINDS)
def test_step_by_step_is_the_whole_at_once(model, attention):
    translator = make(model, attention)
    sources, target = [np.array([3, 4, 5]), np.array([6])], np.array([5, 3, 4])
    state = translator._encode(sources).state
    total = 0.0
    for read, wanted in zip([END_ID, *target], [*target, END_ID], strict=True):
        x, _ = translator.target_embedding.forward(np.full((2, 1), read))
        hidden, state, _ = translator.pair.decode(x, np.ones((2, 1), bool), state)
        logits = translator.output.forward(hidden[0, -1])[0]
        total += logits[wanted] - np.log(np.exp(logits).sum())
    assert translator.score(sources[:1], [target])[0] == pytest.approx(total, rel=1e-10)


def toy_step(table):
    """A decoder whose next token depends on the last one only; table : (n, n) of log-probabilities."""
    return lambda ids, state: (table[ids], state, None)


def all_texts(table, longest, penalty):
    """Every text of at most `longest` tokens with its score, the best first."""
    found = []
    for length in range(longest + 1):
        for text in itertools.product([0, 2, 3], repeat=length):
            path = [END_ID, *text, END_ID]
            score = sum(table[a, b] for a, b in itertools.pairwise(path)) / ((5 + length + 1) / 6) ** penalty
            found.append((score, list(text)))
    return sorted(found, reverse=True)


STATE = (np.zeros((1, 1)),)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("longest", [1, 2, 3, 4])
@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.5])
def test_a_wide_beam_is_an_exhaustive_search(seed, longest, penalty):
    table = np.log(np.random.default_rng(seed).dirichlet(np.ones(4) * 0.5, size=4))
    table[:, END_ID] -= 2  # so that the best text often is as long as is allowed
    expected = all_texts(table, longest, penalty)[:4]
    found = beam_search(toy_step(table), STATE, longest, beam=90, length_penalty=penalty, n_best=4)
    assert [one.ids for one in found] == [text for _, text in expected]
    np.testing.assert_allclose([one.score for one in found], [score for score, _ in expected])


def test_greedy_is_a_beam_of_one_and_ends_at_the_longest_length():
    table = np.log(np.random.default_rng(3).dirichlet(np.ones(4), size=4))
    table[:, END_ID] = -50.0
    found = greedy(toy_step(table), STATE, 3)[0]
    path = [END_ID, *found.ids, END_ID]
    assert len(found.ids) == 3
    assert found.score == pytest.approx(sum(table[a, b] for a, b in itertools.pairwise(path)))


@pytest.mark.parametrize("beam", [1, 4])
def test_no_repeat_forbids_ngrams_that_stand_in_the_text(beam):
    table = np.full((4, 4), -9.0)
    table[END_ID, 2] = table[2, 3] = table[3, 2] = -0.1  # 2 3 2 3 2 3 ... for ever
    for n in (1, 2, 3):
        found = Search(beam, 8, no_repeat=n).run(toy_step(table), STATE)[0][0].ids
        ngrams = [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]
        assert len(set(ngrams)) == len(ngrams)
    assert Search(beam, 8).run(toy_step(table), STATE)[0][0].ids == [2, 3] * 4


def test_repeating_by_hand():
    assert repeating([5, 6, 7, 5, 6], 3) == [7]
    assert repeating([5, 6, 5, 7, 5], 2) == [6, 7]
    assert repeating([5, 6], 1) == [5, 6] and repeating([5, 5], 0) == [] and repeating([5], 3) == []


@pytest.mark.parametrize("wrong", [{"n_best": 3}, {"beam": 0}, {"max_tokens": 0}, {"length_penalty": float("nan")}])
def test_searches_that_cannot_work(wrong):
    with pytest.raises(ConfigError):
        Search(**{"beam": 2, **wrong})


def test_bleu_by_hand():
    candidate, reference = ["the", "cat", "sat", "on", "the", "mat"], ["the", "cat", "is", "on", "the", "mat"]
    assert bleu([reference], [[reference]]) == 1.0
    assert bleu([candidate], [[reference]]) == 0.0  # no four words in a row
    assert bleu([candidate], [[reference]], max_n=2) == pytest.approx(math.sqrt(5 / 6 * 3 / 5))
    # clipping: "the" counts twice at most (Papineni et al. 2002, section 2.1)
    other = ["there", "is", "a", "cat", "on", "the", "mat"]
    assert bleu([["the"] * 7], [[reference, other]], max_n=1) == pytest.approx(2 / 7)
    # two references: the closest length counts
    assert bleu([list("abc")], [[list("abcd"), list("abcdefgh")]], max_n=1) == pytest.approx(math.exp(1 - 4 / 3))
    assert bleu([[]], [[list("ab")]]) == 0.0
    assert bleu([list("abc"), list("ab")], [[list("abc")], [list("ab")]]) == 1.0  # no reference has four words
    assert bleu([list("abc")], [[list("abc"), list("abcd")]]) == 0.0


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from("abc"), max_size=8),
            st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=8), min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_bleu_lies_between_0_and_1_and_more_references_never_lower_the_precision(cases):
    candidates, references = zip(*cases, strict=True)
    assert 0.0 <= bleu(candidates, references) <= 1.0
    assert bleu([r[0] for r in references], references, max_n=1) == pytest.approx(1.0)


def pairs_of(n, seed, reverse=False):
    draws = np.random.default_rng(seed)
    pairs = Pairs()
    for _ in range(n):
        text = draws.choice(list("abcdef"), draws.integers(2, 6)).tolist()
        pairs.sources.append(" ".join(text))
        pairs.targets.append(" ".join(reversed(text) if reverse else text))
    return pairs


@pytest.mark.parametrize("model, attention", [("gru", "general"), ("transformer", "none")])
def test_learns_to_copy(model, attention, tmp_path):
    translator, _ = train_seq2seq(
        pairs_of(1500, 1),
        config=Seq2SeqConfig(model, attention, 32, 1, 2, 0.0),
        vector_size=16,
        options=TrainingOptions(epochs=8, batch_size=32, learning_rate=1e-2, warmup=0.1),
    )
    test = pairs_of(100, 2)
    score = evaluate_seq2seq(translator, test)
    assert score.exact > 0.9
    assert score.bleu > 0.9
    path = tmp_path / "m.safetensors"
    translator.save(path)
    again = Seq2Seq.load(path)
    for ours, before in zip(
        again.translate(test.sources[:5], beam=3), translator.translate(test.sources[:5], beam=3), strict=True
    ):
        assert (ours.text, ours.score) == (before.text, before.score)
    answer = again.translate(["a b c"], beam=2)[0]
    assert answer.tokens == ["a", "b", "c"]
    assert answer.source == ["a", "b", "c", "</s>"]
    assert answer.weights.shape == (4, 4)
    np.testing.assert_allclose(answer.weights.sum(axis=1), 1, atol=1e-5)
    assert again.translate(["f e d c", "a"])[1].tokens == ["a"]


def test_sources_are_on_one_side_of_the_split():
    pairs = Pairs(["a", "b", "a", "c"] * 3, [str(i) for i in range(12)])
    train, held = split_by_source(pairs, 0.4, np.random.default_rng(0))
    assert not set(train.sources) & set(held.sources)
    assert len(train.sources) + len(held.sources) == 12
    with pytest.raises(CorpusError, match="two different sources"):
        split_by_source(Pairs(["a", "a"], ["b", "c"]), 0.5, np.random.default_rng(0))


@pytest.mark.parametrize(
    "text, message",
    [
        ("a b\n", "line 1: expected source<TAB>target, found one column"),
        ("a\tb\n\na\t\n", "line 3: expected source<TAB>target, found an empty column"),
        ("a\tb\tc\n", "line 1: expected source<TAB>target, found 3 columns"),
        ("\n", "no source<TAB>target lines"),
    ],
)
def test_bad_lines(text, message, tmp_path, capsys):
    path = tmp_path / "p.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_pairs(path)
    assert main(["seq2seq", "train", str(path), "-o", str(tmp_path / "m")]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "m").exists()


def test_commands_and_other_bad_input(tmp_path, capsys):
    data, model = tmp_path / "p.tsv", str(tmp_path / "m.safetensors")
    pairs = pairs_of(60, 1)
    data.write_text("".join(f"{s}\t{t}\n" for s, t in zip(pairs.sources, pairs.targets, strict=True)) + "\n")
    assert (
        main(
            [
                "seq2seq",
                "train",
                str(data),
                "-o",
                model,
                "--epochs",
                "1",
                "--hidden-size",
                "8",
                "--vector-size",
                "6",
                "--attention",
                "none",
                "-q",
            ]
        )
        == 0
    )
    assert main(["seq2seq", "evaluate", model, str(data), "--json", "--beam", "2", "--max-tokens", "8"]) == 0
    assert json.loads(capsys.readouterr().out)["references"] == 60
    lines = tmp_path / "l.txt"
    lines.write_text("a b\n\nc d\n")
    assert main(["seq2seq", "translate", model, str(lines), "--max-tokens", "5"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert "line 2 is empty" in captured.err
    lines.write_text("a b\n" + "a " * 1001 + "\nc d\n")
    assert main(["seq2seq", "predict", model, str(lines), "--beam", "3", "--n-best", "2", "--max-tokens", "5"]) == 1
    captured = capsys.readouterr()
    assert [line.split("\t")[:2] for line in captured.out.splitlines()] == [
        ["1", "1"],
        ["1", "2"],
        ["2", "–"],
        ["3", "1"],
        ["3", "2"],
    ]
    assert captured.err.endswith(": line 2 is too long, 1,001 tokens of at most 1,000: split it into sentences\n")
    assert main(["seq2seq", "predict", model, str(lines), "--n-best", "9"]) == 2
    assert "--n-best" in capsys.readouterr().err
    assert main(["seq2seq", "predict", model, str(data), "--max-tokens", "2"]) == 0
    assert capsys.readouterr().err.count("warning: line 1 has columns, which are all read as the source") == 1
    assert main(["seq2seq", "predict", model, str(lines), "--attention-plot", "x.jpg"]) == 2
    captured = capsys.readouterr()
    assert "--attention-plot writes .png, .svg or .html, not x.jpg" in captured.err and not captured.out
    lines.write_text("a " * 1001)
    for arguments, message in [
        (["seq2seq", "predict", model, str(data), "--attention-plot", "-"], "needs a model with attention"),
        (["lm", "generate", model], "expected a model of embedkit lm"),
    ]:
        assert main(arguments) in {1, 2}
        error = capsys.readouterr().err
        assert message in error
    with pytest.raises(ConfigError, match="`attention` must be one of none, additive, dot, general"):
        Seq2SeqConfig(attention="luong")
    with pytest.raises(FormatError):
        Seq2Seq.load(data)


def test_one_string_is_no_list_of_sources():
    model = make("gru", "general", np.float32)
    with pytest.raises(ConfigError, match="`lines` must be a list of strings, got the string 'a b'"):
        model.translate("a b")
    with pytest.raises(ConfigError, match="`lines` must be a list of strings, got the string 'a b'"):
        model.knows("a b")


def test_lines_may_be_an_iterator():
    model = make("gru", "dot")
    assert model.knows(iter(["a b", "q"])) == [True, False]
    found, expected = model.translate(iter(["a b", "c"]), max_tokens=3), model.translate(["a b", "c"], max_tokens=3)
    assert [answer.tokens for answer in found] == [answer.tokens for answer in expected]
    with pytest.raises(ConfigError, match="`lines` must be strings, found int 3"):
        model.translate(iter(["a", 3]))
