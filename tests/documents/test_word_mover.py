"""Word Mover's Distance and its bounds against a linear program by brute force; the two commands that use them."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedkit.cli import main
from embedkit.documents.document_index import DocumentIndex, IndexOptions
from embedkit.documents.search import Searcher
from embedkit.documents.word_mover import KINDS, WordMover
from embedkit.errors import ConfigError
from embedkit.kernels import thresholds
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.subwords import Subwords
from tests.reference_documents import rwmd, wcd, wmd

WORDS = ["a", "b", "c", "d", "왕이", "빵을"]
BY_HAND = {"exact": wmd, "relaxed": rwmd, "centroid": wcd}


def model(**more):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((len(WORDS), 5)).astype(np.float32)
    return KeyedVectors(WORDS, vectors, config={"tokenizer": "words"}, **more)


VECTORS = model()
texts = st.lists(st.sampled_from(WORDS[:3]), min_size=1, max_size=6) | st.lists(
    st.sampled_from(WORDS[3:]), min_size=1, max_size=6
)


@given(texts, texts, st.booleans(), st.sampled_from(KINDS))
def test_distances_are_those_of_the_formulas(a, b, unit, kind):
    mover = WordMover(VECTORS, unit=unit)
    expected = BY_HAND[kind](VECTORS, a, b, unit)
    assert mover.distance(a, b, kind) == pytest.approx(expected, abs=1e-7)
    assert mover.distance(" ".join(a), " ".join(b), kind) == mover.distance(a, b, kind)


anything = st.lists(st.sampled_from([*WORDS, "unheard"]), max_size=8)


@given(anything, st.lists(anything, max_size=12), st.integers(1, 4))
def test_bounds_are_bounds_and_nothing_near_is_pruned(query, others, topn):
    mover = WordMover(VECTORS)
    exact = mover.distances(query, others)
    for kind in ("relaxed", "centroid"):
        assert (mover.distances(query, others, kind) <= exact + 1e-9).all()
    for text, distance in zip(others, exact, strict=True):
        assert mover.distance(text, query) == pytest.approx(distance, abs=1e-9)
        if sorted(w for w in text if w != "unheard") == sorted(w for w in query if w != "unheard") and text:
            assert distance == 0 or np.isinf(distance)
    found, distances = mover.nearest(query, others, topn)
    near = np.argsort(exact, kind="stable")
    np.testing.assert_allclose(distances, exact[near[np.isfinite(exact[near])]][:topn], atol=1e-9)
    np.testing.assert_allclose(exact[found], distances)


def test_few_distances_are_worked_out(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = KeyedVectors([f"w{i}" for i in range(300)], rng.standard_normal((300, 20)).astype(np.float32))
    lines = [" ".join(f"w{i}" for i in rng.integers(0, 300, 8)) for _ in range(500)]
    worked_out = []
    from embedkit.documents import word_mover

    exact = word_mover._Task.exact
    monkeypatch.setattr(word_mover._Task, "exact", lambda task, n: worked_out.append(n) or exact(task, n))
    mover = WordMover(vectors)
    found, distances = mover.nearest(lines[7], lines, 3)
    assert found[0] == 7 and distances[0] == 0 and len(worked_out) < 250
    worked_out.clear()
    np.testing.assert_array_equal(found, np.argsort(mover.distances(lines[7], lines), kind="stable")[:3])
    assert len(worked_out) == 500


def test_blocks_and_the_scanner_change_nothing(monkeypatch):
    from embedkit.documents import word_mover

    lines = ["a b b", "", "c 왕이 d", "unheard", "빵을", "a a a b c d"] * 5
    query = "a 왕이 c c"
    plain = {kind: WordMover(VECTORS).distances(query, lines, kind) for kind in KINDS}
    assert np.isinf(plain["relaxed"]).sum() == 10
    monkeypatch.setattr(word_mover, "_NUMBERS_AT_ONCE", 7)
    monkeypatch.setattr(thresholds, "SCANNED_CHARACTERS", 0)
    for kind in KINDS:
        np.testing.assert_allclose(WordMover(VECTORS).distances(query, lines, kind), plain[kind], atol=1e-9)


def test_words_are_composed_left_out_and_refused():
    rng = np.random.default_rng(2)
    ngrams = rng.standard_normal((50, 5)).astype(np.float32)
    composing = model(subwords=Subwords("chars", 3, 4, 50), ngram_vectors=ngrams)
    assert 0 < WordMover(composing).distance("unheard", "a") < 2
    assert WordMover(VECTORS, stop_words=["b"]).distance("a b", "a") == 0
    assert np.isinf(WordMover(VECTORS).distance("a", ""))
    with pytest.raises(ConfigError, match="`kind` must be one of exact, relaxed, centroid, got 'wmd'"):
        WordMover(VECTORS).distance("a", "b", "wmd")
    damaged = VECTORS.vectors.copy()
    damaged[1, 2] = np.nan
    with pytest.raises(ConfigError, match="NaN or an infinity"):
        WordMover(KeyedVectors(WORDS, damaged)).distance("a", "b")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model().save("m.safetensors")
    (tmp_path / "t.txt").write_text("a b c\nc c a\n왕이 빵을\na unheard\nunheard c\n", encoding="utf-8")
    return tmp_path


def test_two_texts_on_the_command_line(folder, capsys, monkeypatch):
    def answer(*arguments):
        status = main(["similarity", "m.safetensors", *arguments])
        return status, *capsys.readouterr()

    expected = wmd(VECTORS, ["a", "b"], ["왕이", "빵을", "c"])
    assert answer("--wmd", "a B", "왕이 빵을 c")[:2] == (0, f"a B\t왕이 빵을 c\t{expected:.4f}\n")
    assert float(answer("--wmd", "a b", "b a")[1].split("\t")[2]) == 0
    raw = answer("--rwmd", "a b", "d", "--metric", "l2", "--json")[1]
    assert json.loads(raw)["value"] == pytest.approx(rwmd(VECTORS, ["a", "b"], ["d"], unit=False), abs=1e-7)
    assert answer("--wmd", "a b", "a", "--stop-words", "b")[1] == "a b\ta\t0.0000\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a b\tb\n\nno tab\na\tunheard\nc\tc\n")))
    status, out, said = answer("--wmd", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and len(rows) == 5 and rows[1]["value"] is None and rows[4]["value"] == 0
    assert "expected two texts with a tab between them, found 1 in 'no tab'" in rows[2]["error"]
    assert "'unheard' has no word that the model knows" in said
    status, out, said = answer("--wmd", "a odd strange", "a odd the", "--stop-words", "the")
    assert (status, out) == (0, "a odd strange\ta odd the\t0.0000\n")
    assert said == "".join(f"note: {word} is unknown and left out\n" for word in ("odd", "strange", "odd"))
    for wrong, message in (
        (["--wmd", "a"], "expected two texts A B in quotes"),
        (["--wmd", "a", "b", "--metric", "dot"], "`metric`|--metric dot is no distance"),
        (["--wmd", "--rwmd", "a", "b"], "give one"),
        (["--wmd", "a", "b", "--distance"], "no effect with"),
        (["a", "b", "--stop-words", "c"], "no effect without"),
    ):
        status, _, said = answer(*wrong)
        assert status == 2 and any(part in said for part in message.split("|")), said


def test_answers_are_put_in_order_by_distance(folder, capsys):
    texts = [line.split() for line in (folder / "t.txt").read_text(encoding="utf-8").splitlines()]
    known = [[word for word in words if word in VECTORS] for words in texts]
    searcher = Searcher(DocumentIndex.build("t.txt", IndexOptions()), VECTORS)
    for rerank, by_hand in (("wmd", wmd), ("rwmd", rwmd)):
        hits = searcher.search("c unheard", 4, "words", rerank)
        expected = sorted((by_hand(VECTORS, ["c"], known[i]), i) for i in (0, 1, 3, 4))
        assert [hit.number for hit in hits] == [i for _, i in expected]
        np.testing.assert_allclose([hit.score for hit in hits], [d for d, _ in expected], atol=1e-7)
    with pytest.raises(ConfigError, match="`candidates` at least `topn`, got 'wmd' and 2 for 4 answers"):
        searcher.search("c", 4, "words", "wmd", 2)

    assert main(["index", "--documents", "t.txt", "-o", "t.index", "--quiet"]) == 0
    capsys.readouterr()
    asked = ["search", "t.index", "--query", "c unheard", "--rerank", "wmd"]
    assert main(asked) == 2
    assert "--rerank goes by those of words, --vectors MODEL" in capsys.readouterr().err
    assert main([*asked, "--vectors", "m.safetensors", "-n", "2"]) == 0
    assert capsys.readouterr().out.split("\n")[0] == "t.txt\t5\t0.00000\tunheard c"
    assert main(["search", "t.txt", "--query", "c", "--rerank", "rwmd", "--vectors", "m.safetensors", "-q"]) == 0
    assert capsys.readouterr().out.startswith("t.txt\t5\t0.00000\t")
    assert main(["search", "t.txt", "--query", "c", "--rerank", "wmd"]) == 2
    assert main(["search", "t.txt", "--query", "c", "--candidates", "5"]) == 2
    assert "without --rerank" in capsys.readouterr().err.replace("`rerank`", "--rerank")


def test_documents_and_questions_without_a_known_word(folder, capsys):
    asked = ["search", "t.txt", "--query", "unheard", "--by", "words", "--rerank", "wmd", "--vectors", "m.safetensors"]
    assert main(asked) == 1
    assert "no document answers 'unheard'" in capsys.readouterr().err
    (folder / "u.txt").write_text("b strange\nodd strange\n", encoding="utf-8")
    for rerank in ("wmd", "rwmd"):
        asked = ["search", "u.txt", "--query", "a strange", "--by", "words", "--rerank", rerank, "--vectors"]
        assert main([*asked, "m.safetensors", "-q"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith("u.txt\t1\t") and second == "u.txt\t2\t–\todd strange"


def test_a_relaxed_distance_needs_no_compiler(folder):
    code = "import sys; from embedkit.cli import main; main(sys.argv[1:]); sys.exit('numba' in sys.modules)"
    command = [sys.executable, "-c", code, "similarity", "m.safetensors", "--rwmd", "a b", "c"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
