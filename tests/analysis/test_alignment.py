"""Alignment and comparison of two models: against what was hidden in them, and against plain loops."""

import json

import numpy as np
import pytest

from embedkit.analysis import alignment, comparison
from embedkit.analysis.alignment import align, procrustes, read_dictionary, shared_words
from embedkit.cli import main
from embedkit.errors import EmbedkitError, FormatError
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.storing import load


def rotation(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


def two_languages(n=200, size=12, noise=0.0, seed=1):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, size))
    order = rng.permutation(n)
    other = (rows @ rotation(size) + noise * rng.standard_normal((n, size)))[order]
    single = rows.astype(np.float32)
    source = KeyedVectors([f"낱말{i}" for i in range(n)], single, output_vectors=single)
    target = KeyedVectors([f"word{i}" for i in order], other.astype(np.float32))
    return source, target, [(f"낱말{i}", f"word{i}") for i in range(n)]


def test_procrustes_finds_the_hidden_rotation():
    rows = np.random.default_rng(2).standard_normal((50, 8))
    np.testing.assert_allclose(procrustes(rows, rows @ rotation(8)), rotation(8), atol=1e-12)


def test_procrustes_is_orthogonal_and_no_rotation_nearby_is_better():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 40, 5))
    best = procrustes(a, b)
    np.testing.assert_allclose(best @ best.T, np.eye(5), atol=1e-12)
    for _ in range(20):
        skew = rng.standard_normal((5, 5)) * 0.05
        turn = np.linalg.qr(np.eye(5) + skew - skew.T)[0]
        turn *= np.sign(np.diag(turn))
        assert np.linalg.norm(a @ best @ turn - b) > np.linalg.norm(a @ best - b)


@pytest.mark.parametrize("sizes", [(6, 4), (4, 6)])
def test_procrustes_between_different_sizes(sizes):
    rng = np.random.default_rng(4)
    w = procrustes(rng.standard_normal((30, sizes[0])), rng.standard_normal((30, sizes[1])))
    assert w.shape == sizes
    gram = w @ w.T if sizes[0] < sizes[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(min(sizes)), atol=1e-12)


def test_alignment_brings_translations_together():
    source, target, pairs = two_languages()
    found = align(source, target, [*pairs, ("낱말1", "unknown")])
    assert (found.used, found.skipped) == (200, 1)
    np.testing.assert_allclose(found.vectors["낱말7"], target["word7"], atol=1e-5)
    for row in found.retrieval:
        assert (row.precision, row.queries) == ((1.0, 1.0, 1.0), 40)
    # dot products with the output layer are what they were
    np.testing.assert_allclose(
        found.vectors.output_vectors @ found.vectors["낱말7"], source.output_vectors @ source["낱말7"], atol=1e-4
    )


def plain_retrieval(source, target, pairs, csls):
    """Precision at 1, 5, 10 by loops; source already rotated, both float64 of unit length."""
    cosines = source @ target.T
    near_source = np.array([np.sort(row)[-10:].mean() for row in cosines])
    near_target = np.array([np.sort(column)[-10:].mean() for column in cosines.T])
    hits = []
    for word in sorted({a for a, _ in pairs}):
        scores = 2 * cosines[word] - near_source[word] - near_target if csls else cosines[word]
        order = list(np.argsort(-scores))
        rank = min(order.index(b) for a, b in pairs if a == word)
        hits.append([rank < k for k in (1, 5, 10)])
    return np.mean(hits, axis=0)


def test_retrieval_is_that_of_plain_loops(monkeypatch):
    monkeypatch.setattr(alignment, "_ROWS", 13)
    source, target, pairs = two_languages(noise=0.9)
    pairs += [("낱말3", "word5"), ("낱말4", "word9")]
    found = align(source, target, pairs, held_out=0.5, seed=5)
    ids = np.array([(source.row(a), target.row(b)) for a, b in pairs])
    chosen = np.random.default_rng(5).permutation(200)[:100]
    apart = np.isin(ids[:, 0], chosen)
    unit = [m.vectors.astype(np.float64) / np.linalg.norm(m.vectors, axis=1)[:, None] for m in (source, target)]
    w = procrustes(unit[0][ids[~apart, 0]], unit[1][ids[~apart, 1]])
    for row, csls in zip(found.retrieval, (False, True), strict=True):
        expected = plain_retrieval(unit[0] @ w, unit[1], [tuple(p) for p in ids[apart]], csls)
        assert row.queries == 100
        np.testing.assert_allclose(row.precision, expected)
    assert found.retrieval[0].precision != found.retrieval[1].precision


def test_no_held_out_part_measures_nothing():
    found = align(*two_languages(), held_out=0)
    assert found.retrieval[0].queries == 0 and np.isnan(found.retrieval[0].precision[0])


def test_a_dictionary_of_unknown_words_is_an_error():
    source, target, _ = two_languages(20, 4)
    with pytest.raises(EmbedkitError, match="none of the 2 pairs"):
        align(source, target, [("x", "y"), ("낱말1", "y")])


def test_shared_words_are_a_dictionary():
    a = KeyedVectors(["가", "나", "다"], np.eye(3, dtype=np.float32))
    b = KeyedVectors(["다", "가"], np.eye(2, dtype=np.float32))
    assert shared_words(a, b) == [("가", "가"), ("다", "다")]
    assert shared_words(a, b, 1) == [("가", "가")]


def test_dictionaries_with_tabs_spaces_and_mistakes(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("# comment\n서울\tSeoul\nnew york\t뉴욕\n\nking 왕\n", encoding="utf-8")
    assert read_dictionary(path) == [("서울", "Seoul"), ("new york", "뉴욕"), ("king", "왕")]
    for text, place in (("a b\na b c\n", "line 2"), ("a\t\n", "line 1"), ("", "found none")):
        path.write_text(text)
        with pytest.raises(FormatError, match=place):
            read_dictionary(path)


# ---- comparison


def test_comparison_is_that_of_plain_loops(monkeypatch):
    monkeypatch.setattr(comparison, "_WORDS", 9)
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((40, 8))
    a = KeyedVectors([f"w{i}" for i in range(40)], rows.astype(np.float32))
    b = KeyedVectors(
        [f"w{i}" for i in range(39, 2, -1)], (rows + 0.5 * rng.standard_normal((40, 8)))[39:2:-1].astype(np.float32)
    )
    found = comparison.compare(a, b, topn=4, restrict_vocab=36)
    words = [f"w{i}" for i in range(4, 36)]
    assert found.words == words
    for place, word in enumerate(words):
        near = []
        for model in (a, b):
            order = sorted((w for w in words if w != word), key=lambda w: -model.similarity(word, w))
            near.append(order[:4])
        union = sorted(set(near[0]) | set(near[1]))
        both = len(set(near[0]) & set(near[1]))
        x, y = (np.array([model.similarity(word, w) for w in union]) for model in (a, b))
        assert found.overlap[place] == both / 4
        assert found.jaccard[place] == both / len(union)
        assert found.second_order[place] == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y), abs=1e-6)
        assert found.only(place)[0] == [w for w in near[0] if w not in near[1]]
    order = found.changed()
    assert found.overlap[order[0]] == found.overlap.min()
    assert len(order) == (found.overlap < 1).sum()


def test_a_model_agrees_with_itself_rotated():
    source, _, _ = two_languages()
    turned = KeyedVectors(source.index_to_key, (source.vectors @ rotation(12, 8)).astype(np.float32))
    found = comparison.compare(source, turned)
    assert found.overlap.mean() == found.jaccard.mean() == 1
    np.testing.assert_allclose(found.second_order, 1, atol=1e-6)


def test_too_few_shared_words_are_an_error():
    a, b, _ = two_languages(30, 4)
    with pytest.raises(EmbedkitError, match="share 0"):
        comparison.compare(a, b)


# ---- the commands


@pytest.fixture
def files(tmp_path):
    source, target, pairs = two_languages()
    source.save(tmp_path / "ko.safetensors")
    target.save(tmp_path / "en.safetensors")
    (tmp_path / "ko-en.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    return tmp_path


def test_align_prints_accuracy_and_writes_the_aligned_model(files, capsys):
    out = files / "aligned.safetensors"
    assert (
        main(
            [
                "align",
                str(files / "ko.safetensors"),
                str(files / "en.safetensors"),
                "--dictionary",
                str(files / "ko-en.tsv"),
                "-o",
                str(out),
                "--json",
            ]
        )
        == 0
    )
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert records[1] == {"method": "csls", "p_at_1": 1.0, "p_at_5": 1.0, "p_at_10": 1.0, "queries": 40}
    nearest = load(files / "en.safetensors").most_similar(load(out)["낱말11"], topn=1)
    assert nearest[0][0] == "word11"


def test_align_without_shared_words_or_dictionary_is_one_line(files, capsys):
    assert main(["align", str(files / "ko.safetensors"), str(files / "en.safetensors")]) == 2
    assert "--dictionary" in capsys.readouterr().err


def test_compare_lists_the_words_that_changed_and_what_they_left_and_joined(files, capsys):
    source, _, _ = two_languages()
    moved = source.vectors.copy()
    moved[17] = source["낱말3"] * 2
    KeyedVectors(source.index_to_key, moved).save(files / "moved.safetensors")
    assert (
        main(["compare", str(files / "ko.safetensors"), str(files / "moved.safetensors"), "--changed", "1", "--json"])
        == 0
    )
    _, worst = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert worst["word"] == "낱말17"
    assert worst["only_b"].split()[0] == "낱말3"


def test_compare_of_equal_models_prints_means_alone(files, capsys):
    assert main(["compare", str(files / "ko.safetensors"), str(files / "ko.safetensors"), "--changed", "3"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0][:4] == ["word", "overlap", "jaccard", "second_order"]
    assert rows[1][:4] == ["(mean)", "1.0000", "1.0000", "1.0000"]
    assert len(rows) == 2  # nothing changed
    assert "200 words" in err
