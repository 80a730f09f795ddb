"""The interactive page: one HTML file that opens from disk, with no network, no server and no matplotlib.

The words, their places and their neighbours are a JSON block in the page; ``page.js`` draws them on a canvas. Words
reach the document as text only, never as markup, and the page's own policy forbids it to load anything.
"""

from __future__ import annotations

import html
import os
import string
from pathlib import Path

import numpy as np

from embedkit.files.atomic import atomic_open
from embedkit.plotting.selection import Selection
from embedkit.query import neighbours
from embedkit.rows.norms import row_norms
from embedkit.text.escaping import escape, to_json

HERE = Path(__file__).parent
NEIGHBOURS = 10
STEPS = 65535


def write_page(
    selection: Selection, points: np.ndarray, path: str | os.PathLike[str], *, title: str, subtitle: str
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
    """
    near, values = nearest_within(selection.vectors)
    data = {
        "words": [escape(word) for word in selection.words],
        "x": None,
        "y": None,
        "neighbours": near.tolist(),
        "similarities": np.round(values * 1000).astype(int).tolist(),
        "groups": selection.groups if any(group >= 0 for group in selection.groups) else None,
        "arrows": selection.arrows,
    }
    data["x"], data["y"] = to_grid(points).T.tolist()
    text = string.Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(escape(title)),
        subtitle=html.escape(escape(subtitle)),
        n=len(selection.words),
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        data=safe_json(data),
    )
    with atomic_open(path, streamed=True) as stream:
        stream.write(text.encode("utf-8"))


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
