"""Categorisation and outlier detection: layouts, definitions, and the sets that come with embedkit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.analysis.grouping import (
    Categories,
    OutlierGroup,
    Outliers,
    evaluate_categories,
    evaluate_outliers,
    outlier_place,
    purity,
    read_categories,
    read_outliers,
    spherical_k_means,
)
from embedkit.analysis.testsets import LANGUAGES, bundled, bundled_analogies
from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.query.keyed_vectors import KeyedVectors


def blobs(n=8, k=3, spread=0.1, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(6, 6)))[0][:k]
    words = [f"{'abc'[j]}{i}" for j in range(k) for i in range(n)]
    rows = np.repeat(centres, n, axis=0) + spread * rng.normal(size=(n * k, 6))
    return words, rows.astype(np.float32)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_purity_is_its_definition(pairs):
    clusters, kinds = (np.array(column) for column in zip(*pairs, strict=True))
    most = sum(max(sum(pair == (c, k) for pair in pairs) for k in range(4)) for c in range(4))
    assert purity(clusters, kinds) == pytest.approx(most / len(pairs))


def test_well_parted_groups_are_found_and_a_seed_repeats():
    words, rows = blobs()
    kinds = [word[0] for word in words]
    found = evaluate_categories(KeyedVectors(words, rows), Categories("t", [*words, "unknown"], [*kinds, "a"]))
    assert (found.purity, found.used, found.total) == (1.0, 24, 25)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_array_equal(spherical_k_means(unit, 3, seed=4), spherical_k_means(unit, 3, seed=4))
    noise = np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    assert evaluate_categories(KeyedVectors(words, noise), Categories("t", words, kinds)).purity < 0.8
    assert np.isnan(evaluate_categories(KeyedVectors(["x"], rows[:1]), Categories("t", words, kinds)).purity)
    same = KeyedVectors(words, np.ones((24, 3), np.float32))
    assert evaluate_categories(same, Categories("t", words, kinds)).purity == pytest.approx(1 / 3)


def test_k_means_is_as_good_as_scikit_learn_s():
    cluster = pytest.importorskip("sklearn.cluster")
    _, rows = blobs(n=20, spread=0.6, seed=3)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def cosines(labels):
        return sum(np.linalg.norm(unit[labels == j].sum(axis=0)) for j in range(3))

    theirs = cluster.KMeans(3, n_init=20, random_state=0).fit_predict(unit)
    assert cosines(spherical_k_means(unit.astype(np.float64), 3)) >= cosines(theirs) - 1e-3


def test_outliers_by_the_definition_of_compactness():
    words, rows = blobs(n=4, k=2, spread=0.5, seed=2)
    vectors = KeyedVectors(words, rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    group = [*words[:4], words[5]]
    ids = [words.index(word) for word in group]

    def compactness_without(word):
        rest = [i for i in ids if words[i] != word]
        return np.mean([unit[i] @ unit[j] for i in rest for j in rest if i != j])

    scores = [compactness_without(word) for word in group]  # leaving the outlier out makes the rest most compact
    assert outlier_place(vectors, group[:4], group[4]) == sum(score < scores[4] for score in scores[:4])
    found = evaluate_outliers(vectors, Outliers("t", [OutlierGroup("g", [*words[:4], "no"], ["b0", "b1", "nowhere"])]))
    places = [outlier_place(vectors, words[:4], word) for word in ("b0", "b1")]
    assert (found.used, found.total) == (2, 3)
    assert found.accuracy == np.mean([place == 4 for place in places])
    assert found.opp == pytest.approx(np.mean(places) / 4)


def test_layouts(tmp_path):
    (tmp_path / "c.tsv").write_text("\ufeff# kinds\ndog\tanimal\n\nnew york\tcity\n개\tanimal\n", encoding="utf-8")
    found = read_categories(tmp_path / "c.tsv")
    assert (found.words, found.categories) == (["dog", "new york", "개"], ["animal", "city", "animal"])
    for mark in (",", ";", " ", "\t"):
        (tmp_path / "c.csv").write_text(f"dog{mark}animal\nrome{mark}city\n")
        assert read_categories(tmp_path / "c.csv").categories == ["animal", "city"]
    for text, words in (
        (";  mark\ndog   animal\n", [";", "dog"]),
        ("1,000 number\ndog animal\n", ["1,000", "dog"]),
        ("word,category\ndog,animal\nnew york,city\n", ["dog", "new york"]),
    ):
        (tmp_path / "odd.txt").write_text(text)
        assert read_categories(tmp_path / "odd.txt").words == words
    for text, message in (("dog animal x\n", "line 1"), ("dog\tanimal\n", "two categories")):
        (tmp_path / "bad.tsv").write_text(text)
        with pytest.raises(FormatError, match=message):
            read_categories(tmp_path / "bad.tsv")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "months.txt").write_text("may\njune\n\n\nred\nblue\n")
    assert read_outliers(tmp_path / "sets").groups == [OutlierGroup("months", ["may", "june"], ["red", "blue"])]
    (tmp_path / "sets" / "bad.txt").write_text("may\njune\n")
    with pytest.raises(FormatError, match=r"bad.txt: .*found 1 blocks"):
        read_outliers(tmp_path / "sets")


@pytest.mark.parametrize("language", LANGUAGES)
def test_bundled_sets_are_sound(language):
    questions = bundled_analogies(language)
    assert len(questions.sections) >= 7 and sum(len(q) for _, q in questions.sections) > 500
    for name, section in questions.sections:
        assert len(section) >= 12, name
        assert len(set(section)) == len(section), name
        assert all(len(set(question)) >= 3 for question in section), name
    kinds = read_categories(bundled(f"categories.{language}.tsv", language))
    assert len(set(kinds.words)) == len(kinds.words) == 64
    assert {kinds.categories.count(kind) for kind in kinds.categories} == {8}
    with pytest.raises(ConfigError, match="en and ko"):
        bundled_analogies("fr")


def test_the_command(tmp_path, capsys):
    words, rows = blobs()
    KeyedVectors(words, rows).save(tmp_path / "m.safetensors")
    (tmp_path / "c.tsv").write_text("".join(f"{word}\t{word[0]}\n" for word in words))
    (tmp_path / "o.txt").write_text("a0\na1\na2\na3\n\nb0\nc1\n")
    model = str(tmp_path / "m.safetensors")
    sets = ["--categories", str(tmp_path / "c.tsv"), "--outliers", str(tmp_path / "o.txt")]
    assert main(["evaluate", model, *sets, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["test"], r["measure"], r["value"], r["used"], r["total"]) for r in records] == [
        ("c.tsv", "purity", 1.0, 24, 24), ("o.txt", "accuracy", 1.0, 2, 2), ("o.txt", "opp", 1.0, 2, 2)
    ]  # fmt: skip
    assert main(["evaluate", model, "--bundled", "ko"]) == 1
    err = capsys.readouterr().err
    assert "no line of common words (ko) has all its words in the vocabulary, which begins with a0, a1, a2" in err
    assert main(["evaluate", model, *sets, "--method", "3cosmul"]) == 2
