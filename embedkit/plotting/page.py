"""The interactive page: one HTML file that opens from disk, with no network, no server and no matplotlib.

The words, their places and their neighbours are a JSON block in the page; ``page.js`` draws them on a canvas. Words
reach the document as text only, never as markup, and the page's own policy forbids it to load anything. The same page
is what ``embedkit explore`` serves; then it may ask its own server, and nobody else.
"""

from __future__ import annotations

import base64
import html
import os
import string
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.files.atomic import atomic_open
from embedkit.plotting.colouring import Column
from embedkit.plotting.selection import Selection
from embedkit.query import neighbours
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.rows.norms import row_norms
from embedkit.text.escaping import escape, to_json

HERE = Path(__file__).parent
NEIGHBOURS = 10
STEPS = 65535
# Signed bytes of unit vectors that a page carries so that it can compute: 8 MB are 5,000 words in 300 dimensions five
# times over. Larger pictures leave them out and say so where one computes.
MOST_VECTOR_BYTES = 8_000_000
CLUSTERED_FROM, MOST_CLUSTERS = 300, 20


def write_page(
    selection: Selection,
    points: np.ndarray,
    path: str | os.PathLike[str],
    *,
    title: str,
    subtitle: str,
    model: KeyedVectors | None = None,
    column: Column | None = None,
) -> None:
    """Write the page.

    Parameters
    ----------
    selection : Selection
        The earlier a word stands, the earlier its label is drawn.
    points : float (n, 2)
    path : path
    title, subtitle : str
        What the page says about itself.
    model : KeyedVectors, optional
        Neighbours are looked for among all of its words; without it among the words of the picture.
    column : Column, optional
        What the points are coloured by.
    """
    data = page_data(selection, points, model, column)
    with atomic_open(path, streamed=True) as stream:
        stream.write(page_text(data, title, subtitle).encode("utf-8"))


def page_data(
    selection: Selection, points: np.ndarray, model: KeyedVectors | None = None, column: Column | None = None
) -> dict[str, Any]:
    """What the page's script works on."""
    if model is not None and len(model) > len(selection.words):
        words, near, values = _nearest_in_model(selection, model)
    else:
        words = list(selection.words)
        near, values = nearest_within(selection.vectors)
    grid = to_grid(points)
    return {
        "words": [escape(word) for word in words],
        "x": grid[:, 0].tolist(),
        "y": grid[:, 1].tolist(),
        "neighbours": near.tolist(),
        "similarities": np.round(values * 1000).astype(int).tolist(),
        "groups": selection.groups if any(group >= 0 for group in selection.groups) else None,
        "arrows": selection.arrows,
        "clusters": cluster_names(grid, selection.words),
        "vectors": _packed(selection.vectors),
        "column": column.to_page() if column else None,
        "live": None,
    }


def page_text(data: dict[str, Any], title: str, subtitle: str) -> str:
    """The page as HTML."""
    return string.Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(escape(title)),
        subtitle=html.escape(escape(subtitle)),
        n=len(data["x"]),
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        data=safe_json(data),
        connect="; connect-src 'self'" if data["live"] else "",
    )


def _nearest_in_model(selection: Selection, model: KeyedVectors) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Neighbours among all words: numbers of words in the picture, then of those that come only as neighbours."""
    words = list(selection.words)
    number = {word: i for i, word in enumerate(words)}
    topn = min(NEIGHBOURS, len(model) - 1)
    found = model.most_similar_batch(selection.vectors, topn, exclude=[[word] for word in words])
    near = np.zeros((len(found), topn), np.int64)
    values = np.zeros((len(found), topn), np.float32)
    for i, answers in enumerate(found):
        for k, (word, value) in enumerate(answers):
            if word not in number:
                number[word] = len(words)
                words.append(word)
            near[i, k], values[i, k] = number[word], value
    return words, near, values


def _packed(vectors: np.ndarray) -> str | None:
    """Unit vectors as signed bytes in base64, None where they would make the page too large."""
    if vectors.size > MOST_VECTOR_BYTES:
        return None
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1)
    scale = 127 / max(float(np.abs(unit).max()), 1e-12)
    return base64.b64encode(np.rint(unit * scale).astype(np.int8).tobytes()).decode("ascii")


def cluster_names(grid: np.ndarray, words: list[str]) -> list[list[Any]] | None:
    """Names for the regions of a picture with many words: [x, y, name], by k-means in the plane.

    A region is named by two of its more frequent words, those nearest its middle.
    """
    n = len(words)
    if n < CLUSTERED_FROM:
        return None
    k = min(MOST_CLUSTERS, n // 100)
    points = grid.astype(np.float64)
    centres = points[_far_apart(points, k)]
    for _ in range(20):
        nearest = _nearest_centre(points, centres)
        for j in range(k):
            if (nearest == j).any():
                centres[j] = points[nearest == j].mean(axis=0)
    nearest = _nearest_centre(points, centres)
    named = []
    for j in range(k):
        members = np.flatnonzero(nearest == j)
        if len(members) < 3:
            continue
        frequent = members[: max(3, len(members) // 3)]  # words come in the order of their frequency
        distance = np.square(points[frequent] - centres[j]).sum(axis=1)
        best = frequent[np.argsort(distance, kind="stable")[:2]]
        named.append([*np.rint(centres[j]).astype(int).tolist(), " · ".join(escape(words[i]) for i in sorted(best))])
    return named


def _far_apart(points: np.ndarray, k: int) -> list[int]:
    """Numbers of k points, each the farthest from those before it; the first is the first."""
    chosen = [0]
    distance = np.square(points - points[0]).sum(axis=1)
    while len(chosen) < k:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(axis=1))
    return chosen


def _nearest_centre(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    distance = np.square(centres).sum(axis=1) - 2 * points @ centres.T
    return np.argmin(distance, axis=1)


def safe_json(data: object) -> str:
    """JSON that can stand in a script element: nothing in it can end the element or begin a comment."""
    text = to_json(data, separators=(",", ":"))
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def to_grid(points: np.ndarray) -> np.ndarray:
    """Whole numbers 0 to `STEPS` with the picture's proportions kept, in the middle of a square: int (n, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = max(float((high - low).max()), 1e-12)
    return np.round(((points - (low + high) / 2) / span + 0.5) * STEPS).astype(int)


def nearest_within(vectors: np.ndarray, topn: int = NEIGHBOURS) -> tuple[np.ndarray, np.ndarray]:
    """The nearest neighbours by cosine of each vector among the others.

    Returns
    -------
    near : int (n, k)
        The nearest first; k is `topn`, or n - 1 where there are fewer.
    values : float32 (n, k)
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    n = len(vectors)
    hits = neighbours.nearest(vectors, row_norms(vectors), vectors, min(topn, n - 1), "cosine", [[i] for i in range(n)])
    return np.stack([rows for rows, _ in hits]), np.stack([found for _, found in hits])
