"""The nearest-neighbour index against exact search, stale and damaged files, and the commands."""

import hashlib
import json
import re

import numpy as np
import pytest

pytest.importorskip("usearch")

from embedkit.cli import main
from embedkit.errors import ConfigError, FormatError
from embedkit.files.magic import NEIGHBOURS
from embedkit.query import index as neighbour_index
from embedkit.query.index import NeighbourIndex, digest
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import nearest
from tests.nn.damage import CASES


def model(n=1500, size=12, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n, size)).astype(np.float32)
    rows[7] = 0
    return KeyedVectors([f"w{i}" for i in range(n)], rows)


@pytest.fixture(scope="module")
def indexed():
    vectors = model()
    return vectors, NeighbourIndex.build(vectors, workers=1)


def test_the_recall_it_states_is_that_against_exact_search(indexed):
    vectors, index = indexed
    assert index.recall >= 0.95
    rows = np.arange(1500)
    exact = nearest(vectors.vectors, vectors.norms, vectors.vectors, 10, skip=[[row] for row in rows])
    found = index.nearest(vectors.vectors, 10, skip=[[row] for row in rows])
    recall = np.mean([len(set(a.tolist()) & set(b.tolist())) / 10 for (a, _), (b, _) in zip(exact, found, strict=True)])
    assert recall == pytest.approx(index.recall, abs=0.02)


def test_values_are_exact_and_in_order(indexed):
    vectors, index = indexed
    query = vectors["w3"] + vectors["w9"]
    found = vectors.most_similar_batch(query[None, :], 8, exclude=[["w3", "w9"]], index=index)[0]
    assert len(found) == 8
    assert not {"w3", "w9"} & {word for word, _ in found}
    for word, value in found:
        wide = vectors[word].astype(np.float64)
        assert value == pytest.approx(wide @ query / np.linalg.norm(wide) / np.linalg.norm(query), abs=1e-5)
    assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)


def test_more_answers_than_the_walk_keeps_and_than_there_are_words(indexed):
    vectors, index = indexed
    assert len(index.nearest(vectors.vectors[:1], 200)[0][0]) == 200
    few = model(9)
    assert len(NeighbourIndex.build(few).nearest(few.vectors[:2], 50)[0][0]) == 9


def test_a_recall_that_takes_more_candidates_gets_them(monkeypatch):
    monkeypatch.setattr(neighbour_index, "CONNECTIVITY", 3)
    monkeypatch.setattr(neighbour_index, "EXPANSION_ADD", 6)
    vectors = model(4000, 40)
    easy, hard = (NeighbourIndex.build(vectors, recall=recall, workers=1) for recall in (0.1, 0.999))
    assert easy.expansion < hard.expansion
    assert easy.recall < hard.recall


def test_other_metrics_and_restrictions_are_refused(indexed):
    vectors, index = indexed
    for options in ({"metric": "l2"}, {"restrict_vocab": 10}):
        with pytest.raises(ConfigError, match="cosine"):
            vectors.most_similar_batch(vectors.vectors[:1], 3, index=index, **options)


def test_a_written_index_answers_alike(indexed, tmp_path):
    vectors, index = indexed
    index.save(tmp_path / "m.index")
    opened = NeighbourIndex.open(tmp_path / "m.index", vectors)
    assert (opened.expansion, opened.recall) == (index.expansion, index.recall)
    queries = vectors.vectors[:40]
    for (a, x), (b, y) in zip(index.nearest(queries, 5), opened.nearest(queries, 5), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("change", ["one value", "order", "fewer"])
def test_a_stale_index_is_refused(indexed, tmp_path, change):
    vectors, index = indexed
    index.save(tmp_path / "m.index")
    rows = vectors.vectors.copy()
    if change == "one value":
        rows[777, 3] += 0.01
    elif change == "order":
        rows[[5, 6]] = rows[[6, 5]]
    else:
        rows = rows[:-1]
    with pytest.raises(FormatError, match="other vectors"):
        NeighbourIndex.open(tmp_path / "m.index", KeyedVectors([f"w{i}" for i in range(len(rows))], rows))


def test_the_digest_sees_a_rotation():
    vectors = model()
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 12)))[0].astype(np.float32)
    assert digest(vectors) != digest(KeyedVectors(vectors.index_to_key, vectors.vectors @ turn))
    assert digest(vectors) == digest(KeyedVectors(["other"] * 1500, vectors.vectors))


def test_a_damaged_index_is_refused_before_it_is_walked(indexed, tmp_path):
    vectors, index = indexed
    index.save(tmp_path / "m.index")
    content = (tmp_path / "m.index").read_bytes()
    rng = np.random.default_rng(2)
    damaged = [content[:length] for length in (0, 5, 15, 40, 300, len(content) // 2, len(content) - 1)]
    for place in rng.integers(0, len(content), 30):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.integers(0, 8)
        damaged.append(bytes(flipped))
    for case in damaged:
        (tmp_path / "bad.index").write_bytes(case)
        try:
            opened = NeighbourIndex.open(tmp_path / "bad.index", vectors)
        except FormatError as error:
            assert "bad.index" in str(error)
        else:  # a bit in the recall or the expansion does no harm
            assert len(opened.nearest(vectors.vectors[:1], 5)[0][0]) == 5


def resealed(header, payload, **changes):
    """An index file around a payload, its size and digest right again."""
    sealed = {"payload_bytes": len(payload), "payload_sha256": hashlib.sha256(payload).hexdigest()}
    text = json.dumps({**header, **sealed, **changes}).encode()
    return NEIGHBOURS + len(text).to_bytes(8, "little") + text + payload


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    vectors = model(120, 4)
    path = tmp_path_factory.mktemp("small") / "m.index"
    NeighbourIndex.build(vectors, workers=1).save(path)
    content = path.read_bytes()
    start = 16 + int.from_bytes(content[8:16], "little")
    return vectors, json.loads(content[16:start]), content[start:]


def test_a_forged_graph_never_reaches_usearch(small, tmp_path):
    """Bytes, whole numbers and cuts of the payload under a right digest: refused, or every query is answered."""
    vectors, header, payload = small
    path, rng, refused = tmp_path / "bad.index", np.random.default_rng(3), 0
    graph = 8 + 120 * 8  # behind the rows
    cases = CASES or 400
    for _ in range(cases):
        forged = bytearray(payload)
        how = rng.integers(6)
        place = int(rng.integers(len(forged) if how else graph))
        if how < 3:
            forged[place] = rng.integers(256)
        elif how == 3:
            number = int(rng.choice([0, 1, 119, 120, 2**16, 2**31, 2**32 - 1]))
            place = graph + (place - graph) // 4 * 4 + int(rng.integers(4))
            forged[place : place + 4] = number.to_bytes(4, "little")
        elif how == 4:
            forged = forged[:place]
        else:
            forged[place:place] = bytes(int(rng.integers(1, 300)))
        path.write_bytes(resealed(header, bytes(forged)))
        try:
            opened = NeighbourIndex.open(path, vectors)
        except FormatError as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
        else:
            for rows, values in opened.nearest(vectors.vectors[:3], 5):
                assert len(rows) <= 5 and np.isfinite(values).all()
    assert refused > cases // 3


@pytest.mark.parametrize("changes", [{"expansion": 10**15}, {"expansion": 0}, {"recall": 7}, {"expansion": 65}])
def test_figures_that_no_build_writes_are_refused(small, tmp_path, changes):
    vectors, header, payload = small
    (tmp_path / "bad.index").write_bytes(resealed(header, payload, **changes))
    with pytest.raises(FormatError, match="damaged"):
        NeighbourIndex.open(tmp_path / "bad.index", vectors)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 121, "does not hold"),
        (8 + 960, 0, "not of usearch 2"),
        (8 + 960 + 64, 119, "sizes do not agree"),
        (8 + 960 + 64 + 24, 9, "levels do not agree"),
        (8 + 960 + 64 + 40 + 240 + 14, 120, "node 0 points where nothing is"),
        (8 + 960 + 64 + 40 + 240 + 10, 49, "node 0 points where nothing is"),
    ],
)
def test_each_part_of_a_graph_is_checked(small, tmp_path, place, value, message):
    vectors, header, payload = small
    forged = payload[:place] + value.to_bytes(4, "little") + payload[place + 4 :]
    (tmp_path / "bad.index").write_bytes(resealed(header, forged))
    with pytest.raises(FormatError, match=message):
        NeighbourIndex.open(tmp_path / "bad.index", vectors)


def test_a_payload_that_is_none_of_usearch_is_refused(indexed, tmp_path):
    vectors, index = indexed
    index.save(tmp_path / "m.index")
    content = (tmp_path / "m.index").read_bytes()
    header = json.loads(content[16 : 16 + int.from_bytes(content[8:16], "little")])
    (tmp_path / "bad.index").write_bytes(resealed(header, b"nonsense" * 20))
    with pytest.raises(FormatError, match="does not hold 1,500 vectors of 12"):
        NeighbourIndex.open(tmp_path / "bad.index", vectors)


def test_the_commands_build_and_ask(tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    model().save(path)
    assert main(["index", str(path), "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["recall_at_10"] >= 0.95 and record["words"] == 1500
    assert main(["similar", str(path), "w1", "w2 w3"]) == 0
    exact = capsys.readouterr().out
    assert main(["similar", str(path), "w1", "w2 w3", "--index", f"{path}.index"]) == 0
    found = capsys.readouterr().out
    exact, found = (dict(re.findall(r"^(.*)\t(.*)$", answers, re.M)) for answers in (exact, found))
    assert len(found) == len(exact) == 20
    common = exact.keys() & found.keys()  # threads build another graph each time, with misses of its own
    assert len(common) >= 14
    assert {pair: exact[pair] for pair in common} == {pair: found[pair] for pair in common}
    model(seed=5).save(path)
    assert main(["similar", str(path), "w1", "--index", f"{path}.index"]) == 1
    assert "other vectors" in capsys.readouterr().err
    assert main(["similar", str(path), "w1", "--index", str(tmp_path / "absent.index")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
