"""``vectors``, ``fill``, ``info`` and ``convert`` as somebody types them."""

import io
import json
import sys

import numpy as np
import pytest

from embedkit import formats
from embedkit.cli import main
from embedkit.query import storing
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["we", "watched", "a", "good", "movie", "film", "서울"]


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(12)
    return KeyedVectors(
        WORDS,
        rng.standard_normal((7, 4)),
        counts=[70, 60, 50, 40, 30, 20, 10],
        output_vectors=rng.standard_normal((7, 4)).astype(np.float32),
        config={"tokenizer": "words", "lowercase": True, "window": 2, "loss": "ns", "ns_exponent": 0.75},
    )


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    model.save(path)
    return path


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8"))))
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_vectors_print_digits_that_give_the_float_back(run, path, model):
    status, out, _ = run("vectors", path, "movie", "서울")
    assert status == 0
    for line, word in zip(out.splitlines(), ["movie", "서울"], strict=True):
        found, *values = line.split(" ")
        assert found == word
        np.testing.assert_array_equal(np.array(values, np.float64).astype(np.float32), model[word])


def test_vectors_as_json_and_of_a_stream_with_an_unknown_word(run, path, model):
    status, out, err = run("vectors", path, "--json", stdin="movie\nmovee\nfilm\n")
    assert status == 1
    records = [json.loads(line) for line in out.splitlines()]
    assert [record.get("word") for record in records] == ["movie", None, "film"]
    assert [*records[1]] == ["query", "error"]
    assert records[0]["vector"] == model["movie"].tolist()
    assert "unknown word 'movee'; did you mean movie?" in err


def test_vectors_into_a_matrix_keep_a_row_for_every_query(run, path, model, tmp_path):
    status, out, _ = run("vectors", path, "--npy", tmp_path / "v.npy", stdin="movie\nmovee\nfilm\n")
    assert (status, out) == (1, "")
    matrix = np.load(tmp_path / "v.npy", allow_pickle=False)
    np.testing.assert_array_equal(matrix[[0, 2]], model.get_vectors(["movie", "film"]))
    assert np.isnan(matrix[1]).all()


def test_mean_cuts_text_as_the_model_was_trained(run, path, model, tmp_path):
    text = "A GOOD movie!\n\nxyzzy\nfilm film we\n"
    status, out, err = run("vectors", path, "--mean", stdin=text)
    assert status == 0
    rows = np.array([line.split(" ") for line in out.splitlines()], np.float64)
    expected = [
        model.get_vectors(["a", "good", "movie"]).mean(axis=0),
        np.zeros(4),
        np.zeros(4),
        model.get_vectors(["film", "film", "we"]).mean(axis=0),
    ]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert "2 of 4 texts hold no word that the model knows: their vectors are zero" in err
    run("vectors", path, "--mean", "--npy", tmp_path / "v.npy", "--quiet", stdin=text)
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), expected, rtol=1e-6)


def test_fill_is_a_softmax_with_the_noise_multiplied_back(run, path, model):
    status, out, _ = run("fill", path, "We watched a good ___ yesterday", "--topn", 7)
    assert status == 0
    hidden = (model["a"].astype(float) + model["good"]) / 2  # window 2: "we watched" is too far, "yesterday" unknown
    scores = np.exp(model.output_vectors.astype(float) @ hidden) * model.counts**0.75
    scores /= scores.sum()
    order = np.argsort(-scores)
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[1] for row in rows] == [WORDS[i] for i in order]
    np.testing.assert_allclose([float(row[2]) for row in rows], scores[order], atol=6e-5)
    assert sum(value for _, value in model.fill("a ___ b", 7)) == pytest.approx(1)


@pytest.mark.parametrize(
    "change, text, message, expected",
    [
        ({}, "no gap here", "expected one gap, written ___, found 0", 1),
        ({}, "___ and ___", "expected one gap, written ___, found 2", 1),
        ({}, "xyzzy ___", "no word around the gap", 1),
        ({"output_vectors": None}, "a ___ movie", "train it with --keep-output", 1),
        ({"config": {"loss": "hs"}}, "a ___ movie", "hierarchical softmax", 1),
    ],
)
def test_fill_says_what_is_missing(run, model, tmp_path, change, text, message, expected):
    parts = {"output_vectors": model.output_vectors, "config": model.config, **change}
    KeyedVectors(WORDS, model.vectors, **parts).save(tmp_path / "m.safetensors")
    status, out, err = run("fill", tmp_path / "m.safetensors", text)
    assert (status, out) == (expected, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_fill_goes_on_after_a_line_without_a_gap(run, path):
    status, out, err = run("fill", path, "--topn", 1, stdin="a ___ movie\nnothing\ngood ___\n")
    assert status == 1
    assert [line.split("\t")[0] for line in out.splitlines()] == ["a ___ movie", "good ___"]
    assert "found 0 in 'nothing'" in err


def test_info_of_a_native_file(run, path, model):
    status, out, _ = run("info", path)
    assert status == 0
    facts = dict(line.split("\t") for line in out.splitlines())
    assert (facts["format"], facts["words"], facts["vector_size"]) == ("native", "7", "4")
    assert facts["memory_bytes"] == "0"
    assert int(facts["mapped_bytes"]) == model.vectors.nbytes * 2 + 7 * 4 + 7 * 8
    assert (facts["config.tokenizer"], facts["tokens_seen"]) == ("words", "280")
    facts = json.loads(run("info", path, "--json")[1])
    assert facts["config"] == model.config
    assert facts["first_words"] == WORDS[:5]


def test_convert_by_suffix_and_by_name(run, path, model, tmp_path):
    status, out, err = run("convert", path, tmp_path / "m.txt", "--words-only")
    assert (status, out) == (0, "")
    assert err == f"{tmp_path / 'm.txt'}: 7 words, 4 dimensions\n"
    assert run("convert", tmp_path / "m.txt", tmp_path / "m.dat", "--to", "glove-text", "--quiet") == (0, "", "")
    assert formats.sniff(tmp_path / "m.dat") == "glove-text"
    np.testing.assert_array_equal(storing.load(tmp_path / "m.dat").vectors, model.vectors)
    status, _, err = run("convert", path, tmp_path / "m.xyz")
    assert status == 2
    assert "cannot tell the format from the suffix" in err


def test_convert_of_a_broken_file_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "bad.txt").write_text("2 2\na 1 2\nbbbb 1\n")
    status, _, err = run("convert", tmp_path / "bad.txt", tmp_path / "out.safetensors")
    assert status == 1
    assert err == (
        f"embedkit: error: {tmp_path / 'bad.txt'}, line 3: expected a word and 2 values, found 1 value after 'bbbb'; "
        "--skip-bad-rows leaves such rows out\n"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["bad.txt"]
    assert run("convert", tmp_path / "none.txt", tmp_path / "out.npz")[0] == 1
