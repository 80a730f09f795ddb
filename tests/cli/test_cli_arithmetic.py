"""Sums, phrases, chosen words, radii, places and matrices on the command line; blank and wrong lines of a stream."""

import json
import time

import numpy as np
import pytest

from embedkit.query.keyed_vectors import KeyedVectors

WORDS = [
    "king",
    "queen",
    "man",
    "woman",
    "new_york",
    "old town",
    "10\u00a0km",
    "왕",
    "여왕",
    "남자",
    "여자",
    "-",
    "city",
]


@pytest.fixture(scope="module")
def vectors():
    rows = np.random.default_rng(3).standard_normal((len(WORDS), 6)).astype(np.float32)
    for a, b, c, d in ((0, 1, 2, 3), (7, 8, 9, 10)):
        rows[[a, c, d]] /= np.linalg.norm(rows[[a, c, d]], axis=1, keepdims=True)
        rows[b] = rows[a] - rows[c] + rows[d]
    return KeyedVectors(WORDS, rows)


@pytest.fixture(scope="module")
def model(vectors, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    vectors.save(path)
    return str(path)


def test_plus_and_minus_and_one_argument_say_the_same(ask, model):
    expected = ["왕 + 여자 - 남자\t여왕\t1.0000"]
    assert ask("similar", model, "왕", "--minus", "남자", "--plus", "여자", "-n", 1) == (0, expected, "")
    status, rows, err = ask("similar", model, "왕 - 남자 + 여자", "-n", 1)
    assert (status, rows) == (0, ["왕 - 남자 + 여자\t여왕\t1.0000"])
    assert "is read as a sum, though '-' is a word of the vocabulary too" in err
    assert ask("similar", model, "king + woman", "--minus", "man", "-n", 1)[1] == ["king + woman - man\tqueen\t1.0000"]


def test_plus_and_minus_reach_each_line_and_stand_alone_without_any(ask, model):
    _, rows, _ = ask("similar", model, "--minus", "man", "--plus", "woman", "-n", 1, stdin="king\n\nqueen\n")
    assert [row.split("\t")[0] for row in rows] == ["king + woman - man", "", "queen + woman - man"]
    _, rows, _ = ask("similar", model, "--plus", "king", "--plus", "woman", "--minus", "man", "-n", 1)
    assert rows == ["+ king + woman - man\tqueen\t1.0000"]
    assert ask("similar", model, "--minus", "man", "-n", 1)[1][0].startswith("- man\t")


def test_a_factor_weighs_a_word(ask, model, vectors):
    (word, value), *_ = vectors.most_similar([("king", 2)], ["man"], topn=1)
    assert ask("similar", model, "2*king - man", "-n", 1)[1] == [f"2*king - man\t{word}\t{value:.4f}"]
    query = vectors["king"] * 2 - vectors["man"]
    found = ask("similar", model, "2*king - man", "-n", 1, "--metric", "l2", "--json")[1]
    record = json.loads(found[0])
    assert record["value"] == pytest.approx(np.linalg.norm(vectors[record["neighbour"]] - query), rel=1e-5)


def test_an_unfinished_sum_and_an_unknown_plus_are_one_line(ask, model):
    status, rows, err = ask("similar", model, "king +")
    assert (status, rows, err) == (1, [], "embedkit: error: expected a word behind '+' in 'king +'\n")
    status, rows, err = ask("similar", model, "king", "--plus", "womn")
    assert (status, rows, err) == (1, [], "embedkit: error: unknown word 'womn'; did you mean woman?\n")


def test_phrases_are_alike_in_every_command(ask, model, vectors):
    said = "note: 'new york' is 'new_york' in the vocabulary\n"
    assert ask("similar", model, "new york", "-n", 1)[1][0].startswith("new york\t")
    assert ask("vectors", model, "new york")[1][0].split(" ")[2:] == ask("vectors", model, "new_york")[1][0].split()[1:]
    value = vectors.similarity("new_york", "city")
    assert ask("similarity", model, "new york", "city") == (0, [f"new york\tcity\t{value:.4f}"], said)
    assert ask("similarity", model, stdin="old_town\tcity\n")[1] == [
        f"old_town\tcity\t{vectors.similarity('old town', 'city'):.4f}"
    ]
    assert ask("analogy", model, "king", "new york", "city", "-n", 1)[1] == [
        line.replace("new_york", "new york") for line in ask("analogy", model, "king", "new_york", "city", "-n", 1)[1]
    ]
    assert ask("odd-one-out", model, "new york", "old_town", "king")[0] == 0
    status, rows, err = ask("axis", model, "--from", "new york", "--to", "king queen,city", "man woman")
    assert (status, len(rows)) == (0, 1)
    assert "stands for the mean of king, queen" in err
    status, rows, err = ask(
        "bias", model, "--targets", "king,new york", "queen,city", "--attributes", "man woman", "왕"
    )
    assert (status, rows[1].split("\t")[-2:]) == (0, ["6", "true"])


def test_the_mean_of_a_phrase_is_that_of_its_words(ask, model, vectors):
    status, rows, err = ask("vectors", model, "king city")
    assert (status, err) == (0, "note: 'king city' stands for the mean of king, city\n")
    mean = (vectors["king"].astype(np.float64) + vectors["city"]) / 2
    np.testing.assert_allclose(np.array(rows[0].split(" ")[2:], float), mean, rtol=1e-6)
    _, rows, _ = ask("vectors", model, "king + woman - man")
    np.testing.assert_allclose(np.array(rows[0].split(" ")[5:], float), vectors["queen"], rtol=1e-5, atol=1e-6)


def test_words_with_no_break_spaces_can_be_asked(ask, model):
    assert ask("similar", model, stdin="10\u00a0km\n")[0] == 0
    assert ask("similarity", model, stdin="10\u00a0km city\n")[:2] == ask("similarity", model, "10\u00a0km", "city")[:2]
    assert ask("odd-one-out", model, "10\u00a0km city king")[0] == 0
    assert ask("analogy", model, "10\u00a0km city king")[0] == 0
    assert ask("vectors", model, "10\u00a0km")[0] == 0


def test_neighbours_among_words_and_files(ask, model, tmp_path, vectors):
    listed = tmp_path / "words.txt"
    listed.write_text("man\nwoman\n여자\n", encoding="utf-8")
    expected = [word for word, _ in vectors.most_similar("king", topn=None) if word in ("man", "woman", "여자")]
    for among in ("man,woman,여자", listed):
        assert [row.split("\t")[1] for row in ask("similar", model, "king", "--among", among)[1]] == expected
    status, rows, err = ask("similar", model, "king", "--among", "man,womn")
    assert (status, [row.split("\t")[1] for row in rows]) == (1, ["man"])
    assert "unknown word 'womn'" in err


def test_a_radius_and_a_place(ask, model, vectors):
    every = vectors.most_similar("king", topn=None)
    inside = [word for word, value in every if value >= 0.2]
    assert [row.split("\t")[1] for row in ask("similar", model, "king", "--above", 0.2)[1]] == inside
    assert len(ask("similar", model, "king", "--above", -1, "-n", 3)[1]) == 3
    assert ask("similar", model, "king", "--above", 2) == (0, [], "note: no word is as near to 'king' as 2\n")
    assert ask("similar", model, "king", "--above", 1, "--metric", "l2")[0] == 2
    _, rows, _ = ask("similar", model, "king", "--rank", every[4][0], "--rank", every[0][0])
    assert rows == [f"king\t{every[i][0]}\t{i + 1}\t{every[i][1]:.4f}" for i in (4, 0)]
    status, _, err = ask("similar", model, "king", "--rank", "city", "--topn", 3)
    assert status == 2
    assert "--topn has no effect" in err


def test_a_matrix_of_similarities(ask, model, vectors, tmp_path):
    picture = tmp_path / "m.svg"
    status, rows, err = ask("similarity", model, "--matrix", "king,new york,여왕,kng", "-o", picture)
    assert status == 1
    assert "unknown word 'kng'" in err
    table = [row.split("\t") for row in rows]
    assert table[0] == ["", "king", "new york", "여왕"]
    assert table[2][:2] == ["new york", f"{vectors.similarity('new_york', 'king'):.4f}"]
    assert picture.stat().st_size > 1000
    _, rows, _ = ask("similarity", model, "--matrix", "king,여왕", "--distance", "--json")
    assert json.loads(rows[0])["values"]["여왕"] == pytest.approx(1 - vectors.similarity("king", "여왕"))
    assert ask("similarity", model, "king", "여왕", "--distance")[1] == [
        f"king\t여왕\t{1 - vectors.similarity('king', '여왕'):.4f}"
    ]
    assert ask("similarity", model, "king", "queen", "-o", picture)[0] == 2
    assert ask("similarity", model, "king", "--matrix", "queen")[0] == 2


def test_odd_one_out_takes_a_stream_and_a_quoted_question(ask, model, vectors):
    words = ["king", "queen", "man", "city"]
    answer = vectors.odd_one_out(words)
    assert ask("odd-one-out", model, " ".join(words)) == (0, [answer], "")
    status, rows, err = ask("odd-one-out", model, "--json", stdin=f"{' '.join(words)}\nking\nold town\tking\tcity\n")
    assert status == 1
    first, second, third = map(json.loads, rows)
    assert first == {"query": " ".join(words), "word": answer}
    assert second["query"] == "king"
    assert "at least two words" in second["error"]
    assert third["word"] in ("old town", "king", "city")
    assert err == "embedkit: error: expected at least two words to find the odd one out, found 1 in 'king'\n"


def test_blank_and_wrong_lines_keep_their_place(ask, model, tmp_path):
    stream = "king\n\nkng\n여왕\n"
    _, rows, _ = ask("similar", model, "--json", "-n", 1, stdin=stream)
    records = [json.loads(row) for row in rows]
    assert [record["query"] for record in records] == ["king", "", "kng", "여왕"]
    assert records[1] == {"query": "", "neighbour": None, "value": None}
    assert records[2] == {"query": "kng", "error": "unknown word 'kng'; did you mean king?"}
    assert ask("vectors", model, "--npy", tmp_path / "v.npy", stdin=stream)[0] == 1
    rows = np.load(tmp_path / "v.npy")
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, True, False]
    assert [*json.loads(ask("vectors", model, "--json", stdin=stream)[1][2])] == ["query", "error"]
    status, rows, _ = ask("similarity", model, stdin="king queen\n\nking 왕\n")
    assert (status, [row.split("\t")[0] for row in rows]) == (0, ["king", "", "king"])
    _, rows, _ = ask("similarity", model, "--json", stdin="king\n\n")
    assert json.loads(rows[0])["error"].startswith("expected two words a line")
    assert json.loads(rows[1]) == {"a": "", "b": None, "value": None}


def test_many_unknown_words_cost_little(ask, model):
    stream = "".join(f"unknown{i}\n" for i in range(5000))
    start = time.process_time()
    status, rows, err = ask("similar", model, stdin=stream)
    assert time.process_time() - start < 2
    assert (status, rows, err.count("unknown word")) == (1, [], 5000 + 1)
    assert err.count("compared for the first unknown words only") == 1
