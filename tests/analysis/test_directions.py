"""Axes and the association test against plain definitions."""

import json
from itertools import combinations

import numpy as np
import pytest

from embedkit.analysis.directions import axis, projections, weat
from embedkit.cli import main
from embedkit.errors import ConfigError, UnknownWordError
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["man", "boy", "woman", "girl", "king", "queen", "왕", "여왕", "zero", "art", "poem", "sum", "tree"]


@pytest.fixture(scope="module")
def vectors():
    rows = np.random.default_rng(5).normal(size=(len(WORDS), 6)).astype(np.float32)
    rows[:, 0] = [-2, -3, 2, 3, -1, 1, -1, 1, 0, 2, 1, -2, 0]
    rows[WORDS.index("zero")] = 0
    return KeyedVectors(WORDS, rows)


def unit(vectors, word):
    vector = vectors[word].astype(np.float64)
    return vector / (np.linalg.norm(vector) or 1)


def test_an_axis_runs_from_mean_to_mean(vectors):
    direction = axis(vectors, ["man", "boy"], ["woman", "girl"])
    expected = (unit(vectors, "woman") + unit(vectors, "girl") - unit(vectors, "man") - unit(vectors, "boy")) / 2
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(direction, expected, rtol=1e-6)
    places = projections(vectors, direction, ["king", "여왕", "zero"])
    expected = [unit(vectors, word) @ expected for word in ("king", "여왕", "zero")]
    np.testing.assert_allclose(places, expected, rtol=1e-5, atol=1e-7)
    assert places[2] == 0
    with pytest.raises(ConfigError, match="no direction"):
        axis(vectors, ["man"], ["man"])
    with pytest.raises(UnknownWordError):
        axis(vectors, ["mann"], ["woman"])


def plain_weat(vectors, first, second, a, b):
    def s(word):
        return np.mean([unit(vectors, word) @ unit(vectors, x) for x in a]) - np.mean(
            [unit(vectors, word) @ unit(vectors, x) for x in b]
        )

    every = [*first, *second]
    values = {word: s(word) for word in every}
    observed = sum(values[w] for w in first) - sum(values[w] for w in second)
    spread = np.std(list(values.values()), ddof=1)
    effect = (np.mean([values[w] for w in first]) - np.mean([values[w] for w in second])) / spread
    larger = total = 0
    for chosen in combinations(every, len(first)):
        total += 1
        larger += sum(values[w] if w in chosen else -values[w] for w in every) >= observed - 1e-9
    return effect, larger / total, observed, total


TARGETS = (["king", "왕", "man"], ["queen", "여왕", "woman"])
ATTRIBUTES = (["sum", "tree"], ["art", "poem"])


def test_the_association_test_is_its_definition(vectors):
    found = weat(vectors, TARGETS, ATTRIBUTES)
    effect, p, statistic, total = plain_weat(vectors, *TARGETS, *ATTRIBUTES)
    assert (found.effect_size, found.p_value, found.statistic) == pytest.approx((effect, p, statistic), rel=1e-5)
    assert (found.divisions, found.exact) == (total, True)
    other = weat(vectors, TARGETS[::-1], ATTRIBUTES)
    assert other.effect_size == pytest.approx(-found.effect_size)


def test_drawn_divisions_come_near_all_of_them(vectors, monkeypatch):
    exact = weat(vectors, TARGETS, ATTRIBUTES)
    monkeypatch.setattr("embedkit.analysis.directions.EXACT_UP_TO", 1)
    drawn = weat(vectors, TARGETS, ATTRIBUTES, permutations=20_000)
    assert not drawn.exact and drawn.divisions == 20_001
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.02)
    assert weat(vectors, TARGETS, ATTRIBUTES, permutations=500) == weat(vectors, TARGETS, ATTRIBUTES, permutations=500)


def test_sets_that_can_be_gone_through_but_once(vectors):
    expected = weat(vectors, TARGETS, ATTRIBUTES)
    assert weat(vectors, map(iter, TARGETS), (iter(words) for words in ATTRIBUTES)) == expected


def test_sets_that_cannot_be(vectors):
    with pytest.raises(ConfigError, match="`targets` must be two sets of words, got 3"):
        weat(vectors, [*TARGETS, ["a", "b"]], ATTRIBUTES)
    with pytest.raises(ConfigError, match="2 words or more in each set of `targets`, found 1 in the first: king"):
        weat(vectors, (["king"], ["queen", "여왕"]), ATTRIBUTES)
    with pytest.raises(ConfigError, match=r"1 word or more in each set of `attributes`, found 0 in the second$"):
        weat(vectors, TARGETS, (["man"], []))
    with pytest.raises(ConfigError, match="both sets"):
        weat(vectors, (["king", "왕"], ["king", "여왕"]), ATTRIBUTES)
    same = weat(KeyedVectors(list("abcdef"), np.ones((6, 3), np.float32)), (["a", "b"], ["c", "d"]), (["e"], ["f"]))
    assert np.isnan(same.effect_size) and same.p_value == 1
    for sets in (("king", "queen"), ATTRIBUTES), (TARGETS, ("man", "woman")):
        with pytest.raises(ConfigError, match="must be a list of strings"):
            weat(vectors, *sets)


def test_the_commands(vectors, tmp_path, capsys):
    model = str(tmp_path / "m.safetensors")
    vectors.save(model)
    (tmp_path / "women.txt").write_text("woman\ngirl\n")
    poles = ["--from", "man,boy", "--to", str(tmp_path / "women.txt")]
    assert main(["axis", model, "king", "여왕", *poles]) == 0
    direction = axis(vectors, ["man", "boy"], ["woman", "girl"])
    expected = projections(vectors, direction, ["king", "여왕"])
    assert capsys.readouterr().out.splitlines() == [f"king\t{expected[0]:.4f}", f"여왕\t{expected[1]:.4f}"]
    assert main(["axis", model, *poles, "--extremes", "2"]) == 0
    places = [float(line.split("\t")[1]) for line in capsys.readouterr().out.splitlines()]
    every = np.sort(projections(vectors, direction, WORDS))
    np.testing.assert_allclose(places, [*every[:2], *every[-2:]], atol=1e-4)
    assert main(["axis", model, "kinng", *poles]) == 1
    assert "unknown word 'kinng'" in capsys.readouterr().err
    sets = ["--targets", "king,왕,man", "queen,여왕,woman", "--attributes", "sum,tree", "art,poem,nowhere"]
    assert main(["bias", model, *sets, "--json"]) == 0
    out, err = capsys.readouterr()
    found = weat(vectors, TARGETS, ATTRIBUTES)
    assert json.loads(out)["effect_size"] == found.effect_size and json.loads(out)["exact"] is True
    assert err == "note: 1 word without a vector left out: nowhere\n"
    assert main(["bias", model, *sets, "--words", "-q"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"king\t{found.associations['king']:.4f}"
