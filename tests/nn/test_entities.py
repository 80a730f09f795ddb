"""Entities: schemes, spans, scores; a tagger under a scheme never gives a tag where it may not stand."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.cli import main
from embedkit.errors import ConfigError, CorpusError
from embedkit.nn.layers.crf import ConditionalRandomField
from embedkit.nn.learning.entities import (
    Span,
    check_legal,
    check_scheme,
    legal,
    may_follow,
    recognise,
    score_entities,
    spans,
)
from embedkit.nn.learning.options import TrainingOptions
from embedkit.nn.models.tagger import Tagger, TaggerConfig
from embedkit.nn.models.tagger_training import evaluate_tagger, train_tagger
from embedkit.text.tagged import TaggedSentences

LABELS = {
    "bio": ["O", "B-A", "I-A", "B-B", "I-B"],
    "bioes": ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "E-B"],
    "bilou": ["O", "B-A", "I-A", "L-A", "U-A", "B-B", "L-B"],
    "bmes": ["O", "B-A", "M-A", "E-A", "S-A", "B-B", "E-B"],
    "io": ["O", "I-A", "I-B"],
}
INSIDE = {"bmes": "M"}
LAST = {"bioes": "E", "bilou": "L", "bmes": "E"}
SINGLE = {"bioes": "S", "bilou": "U", "bmes": "S"}


def test_spans_by_hand():
    assert spans(["B-A", "I-A", "O", "B-B", "B-B"]) == [Span(0, 2, "A"), Span(3, 4, "B"), Span(4, 5, "B")]
    assert spans(["S-A", "B-A", "E-A", "I-A"]) == [Span(0, 1, "A"), Span(1, 3, "A"), Span(3, 4, "A")]
    assert spans(["I-A", "I-A", "I-B", "O"]) == [Span(0, 2, "A"), Span(2, 3, "B")]
    assert spans([]) == [] and spans(["O"]) == []


def encoded(found, length, scheme):
    """The tags of some spans that do not overlap."""
    tags = ["O"] * length
    for span in found:
        inside = [INSIDE.get(scheme, "I")] * (span.end - span.start)
        if scheme != "io":
            inside[0] = "B"
        if scheme in LAST:
            inside[-1] = LAST[scheme] if len(inside) > 1 else SINGLE[scheme]
        tags[span.start : span.end] = [f"{letter}-{span.label}" for letter in inside]
    return tags


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("AB"), st.integers(1, 2)), max_size=5))
def test_spans_come_back_from_every_scheme_and_are_legal(parts):
    found, place = [], 0
    for length, label, gap in parts:
        found.append(Span(place, place + length, label))
        place += length + gap
    for scheme in LABELS:
        tags = encoded(found, place, scheme)
        assert spans(tags) == found
        check_legal([tags], ["line 1"], scheme)
        if found:
            check_scheme(tags, scheme)


def test_schemes_are_recognised_and_others_refused():
    assert [recognise(labels) for labels in LABELS.values()] == list(LABELS)
    assert recognise(["NOUN", "O"]) is None and recognise(["O"]) is None and recognise(["B", "I", "O"]) is None
    with pytest.raises(CorpusError, match="expected O or B-TYPE, I-TYPE under `scheme` bio, found the tag 'S-A'"):
        check_scheme(["O", "S-A"], "bio")
    with pytest.raises(CorpusError, match=r"the sentence at f, line 3: I-B cannot follow B-A"):
        check_legal([["O"], ["B-A", "I-B"]], ["f, line 1", "f, line 3"], "bio")
    with pytest.raises(ConfigError, match=r"`scheme` must be one of .*, got 'iob'"):
        TaggerConfig(scheme="iob")


@pytest.mark.parametrize("scheme", LABELS)
def test_a_crf_under_a_scheme_equals_brute_force_over_the_legal_sequences(scheme):
    labels, rng = LABELS[scheme], np.random.default_rng(0)
    crf = ConditionalRandomField(len(labels), rng, np.float64, legal(labels, scheme))
    emissions = rng.standard_normal((1, 4, len(labels))) * 2
    mask = np.ones((1, 4), bool)
    p = crf.parameters
    scores = {}
    for tags in itertools.product(range(len(labels)), repeat=4):
        names = ["O", *(labels[t] for t in tags), "O"]
        if all(may_follow(a, b, scheme) for a, b in itertools.pairwise(names)):
            score = p["start"][tags[0]] + p["end"][tags[-1]] + emissions[0, range(4), tags].sum()
            scores[tags] = score + sum(p["transitions"][a, b] for a, b in itertools.pairwise(tags))
    log_z = np.logaddexp.reduce(list(scores.values()))
    best = max(scores, key=scores.get)
    loss, _ = crf.forward(emissions, np.array([best]), mask)
    assert loss[0] == pytest.approx(log_z - scores[best], rel=1e-10)
    assert tuple(crf.decode(emissions, mask)[0]) == best
    marginals = np.zeros((4, len(labels)))
    for tags, score in scores.items():
        marginals[range(4), tags] += np.exp(score - log_z)
    np.testing.assert_allclose(crf.marginals(emissions, mask)[0], marginals, atol=1e-10)


def names_data(n=60, seed=0):
    """Names of one or two tokens after "mr" and "in"."""
    rng = np.random.default_rng(seed)
    data = TaggedSentences()
    for i in range(n):
        person, city = rng.choice(["kim", "lee", "park"]), rng.choice(["seoul", "busan"])
        words, tags = ["mr", person, "lives", "in", city], ["O", "B-PER", "O", "O", "B-LOC"]
        if rng.random() < 0.5:
            words, tags = [*words, "city"], [*tags, "I-LOC"]
        data.sentences.append(words)
        data.tags.append(tags)
        data.places.append(f"f, line {i}")
    return data


@pytest.mark.parametrize("output", ["crf", "linear"])
def test_a_tagger_finds_entities_and_never_breaks_the_scheme(output, tmp_path):
    config = TaggerConfig("gru", hidden_size=8, output=output, scheme="bio", dropout=0.1)
    options = TrainingOptions(epochs=8, batch_size=8, learning_rate=0.02)
    tagger, _ = train_tagger(names_data(), config=config, options=options, vector_size=8)
    scores = evaluate_tagger(tagger, names_data(20, 5))
    assert scores.entities.f1 > 0.95 and scores.entities.count == 40 and scores.n_unseen == 0
    tagger.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    rng = np.random.default_rng(1)
    for _ in range(20):
        sentence = rng.choice(["kim", "seoul", "city", "lives", "zzz", "in"], 6).tolist()
        answer = again.answers([sentence])[0]
        check_legal([answer.tags], ["here"], "bio")
        assert all(0 < p <= 1 + 1e-6 for p in answer.confidences)
        for entity in again.entities(answer):
            assert entity["tokens"] == sentence[entity["start"] : entity["end"]]
            assert entity["confidence"] == min(answer.confidences[entity["start"] : entity["end"]])


def test_a_tag_never_seen_counts_as_wrong():
    config = TaggerConfig("mean", scheme="bio")
    options = TrainingOptions(epochs=3, batch_size=8, learning_rate=0.02)
    tagger, _ = train_tagger(names_data(), config=config, options=options, vector_size=8)
    data = names_data(10, 3)
    before = evaluate_tagger(tagger, data)
    data.tags[0][1] = "B-ANIMAL"
    after = evaluate_tagger(tagger, data)
    assert (before.n_unseen, after.n_unseen) == (0, 1)
    assert after.words.accuracy == pytest.approx(before.words.accuracy - 1 / before.words.count)
    assert {row.label: row.count for row in after.words.labels}["B-ANIMAL"] == 1
    assert after.entities.count == before.entities.count


def test_entity_scores_by_hand():
    wanted = [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]]
    given_tags = [["B-A", "O", "O", "B-B"], ["B-A", "B-A"]]
    found = score_entities(wanted, given_tags)
    assert (found.precision, found.recall, found.count) == (2 / 4, 2 / 3, 3)
    assert found.f1 == pytest.approx(2 * 2 / (4 + 3))
    assert [(row.label, row.count) for row in found.labels] == [("A", 2), ("B", 1)]


def test_the_commands(tmp_path, capsys):
    data, model = tmp_path / "names.conll", str(tmp_path / "m.safetensors")
    rows = [zip(*parts, strict=True) for parts in zip(names_data().sentences, names_data().tags, strict=True)]
    text = "-DOCSTART- -X- O O\n\n" + "\n\n".join("\n".join(f"{w} NN x {t}" for w, t in row) for row in rows) + "\n"
    data.write_text(text, encoding="utf-8")
    base = ["tag", "train", str(data), "-o", model, "--hidden-size", "8", "--epochs", "20", "--vector-size", "8"]
    assert main(base) == 1
    assert "say which are which with --columns, as 1,4" in capsys.readouterr().err
    assert main([*base, "--columns", "1,-1"]) == 0
    assert "the tags mark entities as bio does" in capsys.readouterr().err
    assert main(["tag", "evaluate", model, str(data), "--columns", "1,4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["entities"] == 120 and found["f1"] > 0.8
    (tmp_path / "l.txt").write_text("mr kim lives in busan city\n", encoding="utf-8")
    assert main(["tag", "predict", model, str(tmp_path / "l.txt"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"tokens", "tags", "confidences", "spans"} and len(answer["confidences"]) == 6
    assert main(["tag", "train", str(data), "-o", model, "--columns", "token,tag"]) == 2
    assert "as 1,4 or 1,-1" in capsys.readouterr().err
