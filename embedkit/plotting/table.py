"""The picture as a table, for programs that draw their own: a line a word with its place in the plane."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError
from embedkit.files.atomic import atomic_open, atomic_path
from embedkit.plotting.selection import Selection
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.escaping import escape


def write_table(selection: Selection, points: np.ndarray, path: str | os.PathLike[str], model: KeyedVectors) -> None:
    """Write ``word``, ``x``, ``y`` and, where the model has counts, ``count``; Parquet carries the ``vector`` too.

    Parameters
    ----------
    selection : Selection
    points : float (n, 2)
    path : path
        Ends in .tsv (with a header) or .parquet, which needs ``pyarrow``. embedding-atlas opens the latter as it is.
    model : KeyedVectors

    Raises
    ------
    EmbedkitError
        When ``pyarrow`` is not installed.
    """
    counts = _counts(selection, model)
    if Path(path).suffix.lower() == ".parquet":
        _write_parquet(selection, points, path, counts)
        return
    with atomic_open(path, streamed=True) as stream:
        stream.write(f"word\tx\ty{'' if counts is None else chr(9) + 'count'}\n".encode())
        for i, word in enumerate(selection.words):
            count = "" if counts is None else f"\t{counts[i]}"
            stream.write(f"{escape(word)}\t{points[i, 0]:.6g}\t{points[i, 1]:.6g}{count}\n".encode())


def rows_of(selection: Selection, points: np.ndarray, model: KeyedVectors) -> Iterator[dict[str, Any]]:
    """``word``, ``x``, ``y`` and, where the model has counts, ``count`` of each word."""
    counts = _counts(selection, model)
    for i, word in enumerate(selection.words):
        row = {"word": word, "x": float(points[i, 0]), "y": float(points[i, 1])}
        yield row if counts is None else {**row, "count": counts[i]}


def _counts(selection: Selection, model: KeyedVectors) -> list[int] | None:
    if model.counts is None:
        return None
    rows = [model.row(word) for word in selection.words]
    return [int(model.counts[row]) if row >= 0 else 0 for row in rows]


def _write_parquet(
    selection: Selection, points: np.ndarray, path: str | os.PathLike[str], counts: list[int] | None
) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise EmbedkitError("Parquet needs pyarrow: pip install 'embedkit[parquet]'") from error
    vectors = np.ascontiguousarray(selection.vectors, np.float32)
    columns = {
        "word": pa.array(selection.words, pa.string()),
        "x": pa.array(points[:, 0], pa.float32()),
        "y": pa.array(points[:, 1], pa.float32()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
    }
    if counts is not None:
        columns["count"] = pa.array(counts, pa.int64())
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns), temporary)
