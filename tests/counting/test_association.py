"""Collocates and key words against SciPy, plain definitions and published figures."""

import json
from math import log, log2, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.cli import main
from embedkit.counting import Window, association, count_cooccurrences
from embedkit.counting.collocates import collocates
from embedkit.counting.keyness import keyness
from embedkit.errors import ConfigError, UnknownWordError
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

tables = st.tuples(st.integers(0, 60), st.integers(0, 500), st.integers(0, 500), st.integers(1, 10**6))


@given(tables)
def test_log_likelihood_is_scipy_s(cells):
    stats = pytest.importorskip("scipy.stats")
    o, more_a, more_b, rest = cells
    table = np.array([[o, more_a], [more_b, rest]])
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return
    expected = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    a, b, n = o + more_a, o + more_b, table.sum()
    found = float(association.log_likelihood(o, a, b, n))
    assert abs(found) == pytest.approx(max(expected, 0), rel=1e-6, abs=1e-6)
    assert found <= 0 if o < a * b / n else found >= 0


def test_dunning_s_own_example():
    """Dunning 1993, table 2: "the swiss" in a corpus of 31777 pairs, G² 270.72."""
    assert float(association.log_likelihood(110, 110 + 2442, 110 + 111, 31777)) == pytest.approx(270.72, abs=0.01)


def test_measures_by_their_definitions():
    o, a, b, n = 30.0, 100.0, 400.0, 10_000.0
    assert float(association.mutual_information(o, a, b, n)) == pytest.approx(log2(o * n / (a * b)))
    assert float(association.t_score(o, a, b, n)) == pytest.approx((o - a * b / n) / sqrt(o))
    assert float(association.log_dice(o, a, b)) == pytest.approx(14 + log2(2 * o / (a + b)))


SENTENCES = [["strong", "tea", "and", "milk"], ["strong", "tea"], ["a", "powerful", "computer"], ["tea", "strong"]] * 3


def test_collocates_are_counted_in_windows():
    counts = count_cooccurrences(Corpus.from_sentences(SENTENCES, min_count=1), Window(2, weighting="flat"))
    pairs = [
        (s[i], s[j]) for s in SENTENCES for i in range(len(s)) for j in range(len(s)) if i != j and abs(i - j) <= 2
    ]
    found = collocates(counts, "strong", min_count=1, topn=None)
    assert {one.word for one in found} == {b for a, b in pairs if a == "strong"}
    for one in found:
        o = sum(pair == ("strong", one.word) for pair in pairs)
        a, b, n = sum(p[0] == "strong" for p in pairs), sum(p[1] == one.word for p in pairs), len(pairs)
        assert (one.count, one.expected) == (o, pytest.approx(a * b / n))
        assert one.mi == pytest.approx(log2(o * n / (a * b)))
        assert one.log_likelihood == pytest.approx(float(association.log_likelihood(o, a, b, n)))
    assert [one.log_likelihood for one in found] == sorted((one.log_likelihood for one in found), reverse=True)
    by_dice = collocates(counts, "strong", measure="logdice", min_count=1)
    assert by_dice[0].word == "tea" and by_dice[0].log_dice == max(one.log_dice for one in by_dice)
    assert collocates(counts, "strong", min_count=10**6) == []
    with pytest.raises(UnknownWordError, match="strong"):
        collocates(counts, "stronk")
    with pytest.raises(ConfigError, match="chi2"):
        collocates(counts, "tea", measure="chi2")


def test_key_words():
    a, b = Vocabulary(["rose", "the", "only"], [40, 100, 60]), Vocabulary(["the", "rose"], [990, 10])
    found = {key.word: key for key in keyness(a, b)}
    assert list(found) == ["only", "rose"]  # "the" is rarer in a
    rose = found["rose"]
    assert (rose.per_million, rose.reference_per_million) == (200_000, 10_000)
    assert rose.log_ratio == pytest.approx(log2(20))
    assert rose.log_likelihood == pytest.approx(float(association.log_likelihood(40, 200, 50, 1200)))
    assert rose.bic == pytest.approx(rose.log_likelihood - log(1200))
    assert found["only"].log_ratio == pytest.approx(log2((60 / 200) / (0.5 / 1000)))
    assert [key.word for key in keyness(a, b, measure="log-ratio", topn=1)] == ["only"]
    with pytest.raises(ConfigError, match="need them"):
        keyness(a, Vocabulary(["x"], [0]))


def run(capsys, *arguments, status=0):
    assert main([str(argument) for argument in arguments]) == status
    return capsys.readouterr()


def test_the_commands(tmp_path, capsys):
    lines = "\n".join(" ".join(sentence) for sentence in SENTENCES)
    (tmp_path / "a.txt").write_text(lines + "\n진한 차 우유\n진한 차\n")
    (tmp_path / "b.txt").write_text("the computer\n" * 9)
    out = run(capsys, "collocates", tmp_path / "a.txt", "strong", "진한", "--min-count", 1, "--window", 2).out
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert header[:4] == ["word", "collocate", "count", "expected"]
    assert rows[0][:3] == ["strong", "tea", "9"] and ["진한", "차", "2"] in [row[:3] for row in rows]
    options = ["--min-count", 1, "--window", 2, "--weighting", "flat"]
    run(capsys, "cooccur", tmp_path / "a.txt", "-o", tmp_path / "c.safetensors", *options)
    again = run(capsys, "collocates", tmp_path / "c.safetensors", "strong", "진한", "--min-count", 1).out
    assert again == out
    err = run(capsys, "collocates", tmp_path / "c.safetensors", "stronk", "--window", 3, status=2).err
    assert "has no effect" in err
    assert "unknown word 'stronk'" in run(capsys, "collocates", tmp_path / "c.safetensors", "stronk", status=1).err
    out = run(capsys, "keyness", tmp_path / "a.txt", tmp_path / "b.txt", "--min-count", 2, "--json").out
    records = [json.loads(line) for line in out.splitlines()]
    assert {"tea", "strong", "차"} <= {record["word"] for record in records}
    assert "computer" not in {record["word"] for record in records}


def test_frequencies_in_a_million_and_by_file(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.txt").write_text("왕 왕 king rare\n")
    (tmp_path / "d" / "2.txt").write_text("king\n")
    out = run(capsys, "vocab", tmp_path / "d", "--per-million", "--min-count", 2).out
    assert out.splitlines() == ["king\t2\t400000.0000", "왕\t2\t400000.0000"]
    (tmp_path / "d" / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    found = run(capsys, "vocab", tmp_path / "d", "--by-file", "--per-million", "--min-count", 2)
    out = found.out
    assert found.err.count("left out") == 1
    one, two = tmp_path / "d" / "1.txt", tmp_path / "d" / "2.txt"
    assert out.splitlines() == [
        f"king\t{one}\t1\t250000.0000", f"king\t{two}\t1\t1000000.0000", f"왕\t{one}\t2\t500000.0000"
    ]  # fmt: skip
    assert "no effect" in run(capsys, "vocab", tmp_path / "d", "--by-file", "-o", tmp_path / "v", status=2).err
