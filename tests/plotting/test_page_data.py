"""What the interactive page carries: true neighbours, vectors, names of regions, colours."""

import base64
import json
import re

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.errors import FormatError
from embedkit.plotting.colouring import column
from embedkit.plotting.page import cluster_names, page_data, to_grid
from embedkit.plotting.projection import project
from embedkit.plotting.selection import select
from embedkit.query.keyed_vectors import KeyedVectors


@pytest.fixture
def model():
    vectors = np.random.default_rng(3).normal(size=(500, 16)).astype(np.float32)
    counts = np.arange(500, 0, -1) ** 2
    return KeyedVectors([f"w{i}" for i in range(500)], vectors, counts=counts)


def test_neighbours_are_those_among_all_words_of_the_model(model):
    chosen = select(model, most_frequent=50)
    data = page_data(chosen, project(chosen.vectors)[0], model)
    assert len(data["x"]) == 50
    assert data["words"][:50] == chosen.words
    for i in (0, 7, 49):
        near = [data["words"][j] for j in data["neighbours"][i]]
        assert near == [word for word, _ in model.most_similar(chosen.words[i], topn=10)]
    assert any(j >= 50 for row in data["neighbours"] for j in row)


def test_vectors_on_the_page_give_the_models_cosines(model):
    chosen = select(model, most_frequent=400)
    data = page_data(chosen, project(chosen.vectors)[0], model)
    table = np.frombuffer(base64.b64decode(data["vectors"]), np.int8).reshape(400, 16).astype(float)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    true = model.vectors[:400] / np.linalg.norm(model.vectors[:400], axis=1, keepdims=True)
    assert np.abs(unit @ unit.T - true @ true.T).max() < 0.03


def test_large_pictures_carry_no_vectors(model, monkeypatch):
    monkeypatch.setattr("embedkit.plotting.page.MOST_VECTOR_BYTES", 100)
    chosen = select(model, most_frequent=50)
    assert page_data(chosen, project(chosen.vectors)[0], model)["vectors"] is None


def test_regions_are_named_by_words_of_their_middle():
    rng = np.random.default_rng(1)
    middles = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    group = np.arange(400) % 4
    grid = to_grid(middles[group] + rng.normal(0, 0.5, (400, 2)))
    named = cluster_names(grid, [f"g{g}n{i}" for i, g in enumerate(group)])
    assert len(named) == 4
    for x, y, name in named:
        words = name.split(" · ")
        assert len({word[:2] for word in words}) == 1
        assert 0 <= x <= 65535
        assert 0 <= y <= 65535
    assert len({name[:2] for _, _, name in named}) == 4
    assert cluster_names(grid[:100], ["x"] * 100) is None


def test_colour_by_counts_numbers_and_categories(model, tmp_path):
    words = ["w0", "w1", "w499"]
    shades = column("counts", words, model)
    assert shades.labels is None
    assert shades.values.tolist()[0] == 255
    assert shades.values.tolist()[2] == 0
    assert (shades.low, shades.high) == ("1", "2.5e+05")
    numbers = tmp_path / "year.tsv"
    numbers.write_text("w0\t1900\nw1\t1950\nw499\t2000\n", encoding="utf-8")
    found = column(numbers, words, model)
    assert found.values.tolist() == [0, 128, 255]
    assert (found.low, found.high) == ("1,900", "2,000")
    kinds = tmp_path / "kind.tsv"
    kinds.write_text("w0\t동물\nw1\t음식\n", encoding="utf-8")
    found = column(kinds, [*words, "w0"], model)
    assert found.labels == ["동물", "음식", "–"]
    assert found.values.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("text, message", [("w0 1\n", "no tab"), ("other\t1\n", "names none of")])
def test_a_file_of_colours_that_cannot_be_used_is_refused(model, tmp_path, text, message):
    path = tmp_path / "c.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        column(path, ["w0"], model)


def test_plot_colours_a_page_and_says_how_many_words_it_shows(model, tmp_path, capsys):
    model.save(tmp_path / "m.safetensors")
    page = tmp_path / "p.html"
    arguments = ["plot", str(tmp_path / "m.safetensors"), "--top", "40"]
    assert main([*arguments, "--colour", "counts", "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "40 of 500 words shown" in text
    data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)[1])
    assert data["column"]["name"] == "counts, logarithmic"
    assert main([*arguments, "--colour", "counts", "-o", str(tmp_path / "p.png")]) == 2
    assert "--colour" in capsys.readouterr().err
