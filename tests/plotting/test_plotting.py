"""Projections, labels, selection and the page's data."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.errors import ConfigError, UnknownWordError
from embedkit.plotting import page, projection
from embedkit.plotting.labels import place_labels
from embedkit.plotting.pca import pca
from embedkit.plotting.projection import project, suited
from embedkit.plotting.selection import select
from embedkit.plotting.tsne import conditional_affinities, gradient, joint_affinities, squared_distances, tsne
from embedkit.query.keyed_vectors import KeyedVectors
from tests import reference_plotting as reference


def some_points(n=12, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_pca_finds_the_axes_of_largest_variance():
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    points = (rng.normal(size=(400, 5)) * [5, 2, 0.1, 0.1, 0.1]) @ turn.T
    layout, shares = pca(points)
    _, values, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(layout), np.abs((points - points.mean(axis=0)) @ axes[:2].T), atol=1e-9)
    np.testing.assert_allclose(shares, (values**2 / np.sum(values**2))[:2], rtol=1e-9)


def test_pca_does_not_depend_on_the_sign_that_the_solver_chose():
    points = some_points(30)
    assert np.array_equal(pca(points)[0], pca(points)[0])
    axes = np.linalg.lstsq(points - points.mean(axis=0), pca(points)[0], rcond=None)[0]
    assert (axes[np.abs(axes).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("points", [np.ones((3, 4)), np.zeros((2, 1)), np.arange(4.0)[:, None]])
def test_pca_of_flat_data_is_flat(points):
    layout, shares = pca(points)
    assert layout.shape == (len(points), 2)
    assert np.isfinite(layout).all()
    assert 0 <= shares[1] <= shares[0] <= 1


def test_distances_agree_with_loops():
    points = some_points()
    np.testing.assert_allclose(squared_distances(points), reference.squared_distances(points), atol=1e-12)


@pytest.mark.parametrize("perplexity", [2.0, 5.0, 10.0])
def test_every_row_has_the_perplexity_asked_for(perplexity):
    points = some_points(40) * np.linspace(0.1, 30, 40)[:, None]  # dense and sparse regions
    affinities = conditional_affinities(squared_distances(points), perplexity)
    assert np.diag(affinities).max() == 0
    for row in affinities:
        assert row.sum() == pytest.approx(1)
        assert reference.perplexity(row) == pytest.approx(perplexity, rel=1e-4)


def test_the_affinities_are_gaussians_as_in_equation_1():
    points = some_points()
    affinities = conditional_affinities(squared_distances(points), 4)
    # The width follows from any two entries of a row; all others must then agree with the formula.
    distances = reference.squared_distances(points)
    sigmas = []
    for i in range(len(points)):
        j, k = [m for m in range(len(points)) if m != i][:2]
        sigmas.append(np.sqrt((distances[i, k] - distances[i, j]) / (2 * np.log(affinities[i, j] / affinities[i, k]))))
    np.testing.assert_allclose(affinities, reference.conditional_affinities(points, sigmas), rtol=1e-6)


def test_the_gradient_is_the_slope_of_the_divergence():
    affinities = joint_affinities(squared_distances(some_points()), 4)
    assert affinities.sum() == pytest.approx(1)
    assert np.array_equal(affinities, affinities.T)
    layout = some_points(d=2, seed=3)
    slope = gradient(affinities, layout)
    rng = np.random.default_rng(5)
    for _ in range(5):
        direction = rng.normal(size=layout.shape)
        step = 1e-5
        expected = (
            reference.divergence(affinities, layout + step * direction)
            - reference.divergence(affinities, layout - step * direction)
        ) / (2 * step)
        assert abs(expected) > 1e-4
        assert (slope * direction).sum() == pytest.approx(expected, rel=1e-5)


def test_tsne_keeps_clusters_apart_and_repeats():
    centres = np.eye(3).repeat(25, axis=0) * 10
    points = centres + 0.3 * some_points(75, 3)
    layout = tsne(points, perplexity=8, steps=750)
    means = layout.reshape(3, 25, 2).mean(axis=1)
    spread = np.linalg.norm(layout.reshape(3, 25, 2) - means[:, None], axis=2).max()
    gaps = [np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 2 * spread
    assert np.array_equal(layout, tsne(points, perplexity=8, steps=750))


def test_tsne_survives_equal_points_and_few_points():
    assert np.isfinite(tsne(np.ones((6, 3)), steps=60)).all()
    assert np.isfinite(tsne(some_points(3), steps=60)).all()


@pytest.mark.parametrize("n, perplexity, match", [(2, 30, "3 to"), (5001, 30, "pca"), (10, 1.0, "perplexity")])
def test_tsne_refuses_what_it_cannot_do(n, perplexity, match, monkeypatch):
    monkeypatch.setattr("embedkit.plotting.tsne.find_spec", lambda name: None)  # where openTSNE is installed
    with pytest.raises(ConfigError, match=match):
        tsne(np.zeros((n, 2), np.float32), perplexity)


@pytest.mark.parametrize(
    "vectors, method, match",
    [
        (np.ones((1, 3)), "pca", "at least two"),
        (np.ones((3, 3)), "umap", "pca"),
        (np.array([[1, np.nan], [0, 1]]), "pca", "NaN"),
    ],
)
def test_project_refuses_what_it_cannot_do(vectors, method, match):
    with pytest.raises(ConfigError, match=match):
        project(vectors, method)


boxes = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300)), min_size=n, max_size=n),
        st.lists(st.tuples(st.floats(5, 90), st.floats(8, 14)), min_size=n, max_size=n),
    )
)


@settings(max_examples=60, deadline=None)
@given(boxes)
def test_no_two_labels_overlap_and_none_leaves_the_picture(drawn):
    points, sizes = np.array(drawn[0]), np.array(drawn[1])
    centres = place_labels(points, sizes, (0, 0, 400, 300))
    placed = np.flatnonzero(~np.isnan(centres[:, 0]))
    for i in placed:
        assert (centres[i] - sizes[i] / 2 >= -1e-9).all()
        assert (centres[i] + sizes[i] / 2 <= np.array([400, 300]) + 1e-9).all()
        for j in placed:
            if i != j:
                gap = np.abs(centres[i] - centres[j]) - (sizes[i] + sizes[j]) / 2
                assert gap.max() >= -1e-9


def test_a_label_stands_beside_its_point_and_keeps_off_other_points():
    points = np.array([[100.0, 100.0], [125.0, 100.0]])
    sizes = np.array([[40.0, 10.0], [40.0, 10.0]])
    centres = place_labels(points, sizes, (0, 0, 300, 300))
    assert centres[0, 0] < 100  # on the right it would cover the second point
    assert centres[1, 0] > 125


def test_a_label_without_room_is_left_out():
    centres = place_labels(np.array([[10.0, 10.0]]), np.array([[500.0, 10.0]]), (0, 0, 100, 100))
    assert np.isnan(centres).all()


@pytest.fixture
def model():
    rng = np.random.default_rng(2)
    words = ["man", "king", "woman", "queen", "서울", "</script><script>alert(1)</script>", "a&b", "<!--"]
    return KeyedVectors(words, rng.normal(size=(len(words), 5)).astype(np.float32))


def test_selection_of_words_with_neighbours_and_arrows(model):
    chosen = select(model, ["king"], neighbours=2, analogies=[("man", "king", "woman", "queen")])
    assert chosen.words[:4] == ["king", "man", "woman", "queen"]
    assert chosen.is_query[:4] == [True] * 4
    assert chosen.arrows == [(1, 0), (2, 3)]
    nearest = [word for word, _ in model.most_similar("king", topn=2)]
    assert set(nearest) <= set(chosen.words)
    assert len(set(chosen.words)) == len(chosen.words)
    np.testing.assert_array_equal(chosen.vectors, model.get_vectors(chosen.words))


def test_selection_without_words_takes_the_most_frequent(model):
    chosen = select(model, most_frequent=3)
    assert chosen.words == ["man", "king", "woman"]
    assert chosen.groups == [-1] * 3


def test_selection_refuses_unknown_words_and_short_analogies(model):
    with pytest.raises(UnknownWordError, match="quen"):
        select(model, ["quen"])
    with pytest.raises(ConfigError, match="four words"):
        select(model, analogies=[("man", "king", "woman")])


def test_the_grid_keeps_proportions():
    grid = page.to_grid(np.array([[0.0, 0.0], [10.0, 5.0]]))
    assert grid.tolist() == [[0, 16384], [65535, 49151]]
    assert page.to_grid(np.zeros((2, 2))).tolist() == [[32768, 32768]] * 2


def test_the_page_holds_its_data_and_nothing_breaks_out(model, tmp_path):
    chosen = select(model, most_frequent=20)
    page.write_page(chosen, project(chosen.vectors)[0], tmp_path / "p.html", title="<b>&", subtitle="s")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert text.count("<script") == 2
    assert text.count("</script") == 2
    assert "<b>" not in text
    assert "<title>&lt;b&gt;&amp;</title>" in text
    data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)[1])
    assert data["words"] == chosen.words
    own = text.replace("link.href = URL.createObjectURL", "")  # the file that the page makes for its reader
    assert not re.search(r"""(src|href)\s*=|@import|url\(|https?:""", own)
    for i, word in enumerate(chosen.words):
        expected = model.most_similar(word, topn=7)
        assert [chosen.words[j] for j in data["neighbours"][i]] == [w for w, _ in expected]
        assert data["similarities"][i] == [round(value * 1000) for _, value in expected]


@given(st.recursive(st.text(max_size=20), lambda inner: st.lists(inner, max_size=4), max_leaves=6))
def test_json_in_the_page_comes_back_and_cannot_end_its_element(value):
    text = page.safe_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&")


def test_a_word_that_is_not_text_is_shown_as_an_escape(tmp_path):
    odd = KeyedVectors(["a", "b\udcff"], np.eye(2, dtype=np.float32))
    chosen = select(odd)
    page.write_page(chosen, project(chosen.vectors)[0], tmp_path / "p.html", title="t", subtitle="s")
    assert r'"b\\xff"' in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_the_method_suits_the_picture(monkeypatch):
    monkeypatch.setattr(projection, "has_fast_tsne", lambda: False)
    assert suited(29, False) == ("pca", None)
    assert suited(200, True) == ("pca", None)
    assert suited(200, False) == ("tsne", None)
    method, better = suited(5000, False)
    assert method == "pca" and "embedkit[layout]" in better
    monkeypatch.setattr(projection, "has_fast_tsne", lambda: True)
    assert suited(5000, False) == ("tsne", None)
