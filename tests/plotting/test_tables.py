"""The picture as a table, and the picture in characters."""

import numpy as np
import pytest

from embedkit.cli import main
from embedkit.plotting.terminal import scatter, width_of
from embedkit.plotting.tsne import tsne
from embedkit.query.keyed_vectors import KeyedVectors


@pytest.fixture
def model(tmp_path):
    vectors = np.random.default_rng(3).normal(size=(60, 8)).astype(np.float32)
    words = ["서울", "tab\tword", *(f"w{i}" for i in range(58))]
    path = tmp_path / "m.safetensors"
    KeyedVectors(words, vectors, counts=np.arange(60, 0, -1)).save(path)
    return path


def test_a_tsv_of_places(model, tmp_path):
    assert main(["plot", str(model), "-o", str(tmp_path / "p.tsv"), "--quiet"]) == 0
    header, *rows = (tmp_path / "p.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "word\tx\ty\tcount"
    assert len(rows) == 60
    assert all(len(row.split("\t")) == 4 for row in rows)
    assert rows[0].startswith("서울\t")
    assert rows[0].endswith("\t60")


def test_a_parquet_that_embedding_atlas_opens(model, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main(["plot", str(model), "-o", str(tmp_path / "p.parquet"), "--quiet"]) == 0
    table = parquet.read_table(tmp_path / "p.parquet").to_pydict()
    assert set(table) == {"word", "x", "y", "vector", "count"}
    assert table["word"][1] == "tab\tword"
    assert main(["plot", str(model), "-o", str(tmp_path / "p.tsv"), "--quiet"]) == 0
    first = (tmp_path / "p.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")
    assert np.allclose([table["x"][0], table["y"][0]], [float(first[1]), float(first[2])], atol=1e-4)
    # the same file is a model again
    assert main(["similar", str(tmp_path / "p.parquet"), "서울", "-n", "1"]) == 0


def test_a_table_takes_no_looks(model, tmp_path, capsys):
    assert main(["plot", str(model), "--dark", "-o", str(tmp_path / "p.tsv")]) == 2
    assert "--dark has no effect" in capsys.readouterr().err


def test_words_stand_at_their_places_and_never_overlap():
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    words = ["left", "right", "위", "오른쪽", "mid", "before", "hidden"]
    lines = scatter(words, points, 40, 11)
    assert len(lines) == 11
    assert lines[0].startswith("·위")
    assert lines[0].rstrip().endswith("오른쪽·")
    assert lines[10].startswith("·left")
    assert lines[10].endswith("right·")
    assert "before·mid" in lines[5]
    assert "hidden" not in "".join(lines)
    assert all(width_of(line) <= 40 for line in lines)


def test_wide_and_joined_characters_take_the_room_that_they_take():
    assert width_of("한글") == 4
    assert width_of("e\u0301") == 1
    lines = scatter(["한글", "e\u0301t"], np.array([[0.0, 0], [1, 1]]), 20, 5)
    assert lines[-1] == "·한글"
    assert lines[0].endswith("e\u0301t·")


def test_open_tsne_keeps_neighbours_and_repeats():
    pytest.importorskip("openTSNE")
    rng = np.random.default_rng(1)
    middles = rng.normal(size=(12, 10)) * 8
    group = np.arange(1200) % 12
    vectors = middles[group] + rng.normal(size=(1200, 10))
    points = tsne(vectors)
    distance = np.square(points[:200, None] - points[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(axis=1)] == group[:200]).mean() > 0.98
    assert np.array_equal(points, tsne(vectors))
