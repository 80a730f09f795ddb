"""Vectors for pandas, NumPy, Arrow and notebooks, without a copy where their memory can be shared."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError, counted
from embedkit.rows.table import EmbeddingTable

SHOWN_WORDS, SHOWN_VALUES = 8, 6


class Exports:
    """What `KeyedVectors` hands to other libraries."""

    table: EmbeddingTable

    @property
    def vectors(self) -> np.ndarray:
        """All word vectors: float32 (n_words, vector_size)."""
        raise NotImplementedError

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The matrix for ``numpy.asarray``: float32 (n_words, vector_size), not copied unless asked for."""
        if copy is False and dtype is not None and np.dtype(dtype) != np.float32:
            raise ValueError(f"the vectors are float32: as {np.dtype(dtype)} they must be copied")
        matrix = self.vectors if dtype is None else self.vectors.astype(dtype, copy=False)
        return matrix.copy() if copy and np.may_share_memory(matrix, self.vectors) else matrix

    def to_dataframe(self) -> Any:
        """A ``pandas.DataFrame`` with a row a word; its values are the vectors' own memory.

        Raises
        ------
        EmbedkitError
            When pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise EmbedkitError("to_dataframe needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.vectors, index=pandas.Index(list(self.table.words), name="word"), copy=False)

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table`` of ``word`` (large string), ``vector`` (fixed-size list of float32) and ``count``.

        Nothing is copied: the columns are the memory, or the mapped file, that the vectors and words are in.

        Raises
        ------
        EmbedkitError
            When pyarrow is not installed, or a word is not valid Unicode.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise EmbedkitError("to_arrow needs pyarrow: pip install 'embedkit[parquet]'") from error
        words, matrix = self.table.packed_words, np.ascontiguousarray(self.vectors)
        n, size = matrix.shape
        blob, offsets = np.ascontiguousarray(words.blob), np.ascontiguousarray(words.offsets, np.int64)
        texts = pa.LargeStringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(blob))
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise EmbedkitError(f"to_arrow: a word is not valid Unicode ({error}); Arrow's strings are") from error
        values = pa.Array.from_buffers(pa.float32(), n * size, [None, pa.py_buffer(matrix)])
        columns = {"word": texts, "vector": pa.FixedSizeListArray.from_arrays(values, size)}
        if self.table.counts is not None:
            columns["count"] = pa.array(self.table.counts)
        return pa.table(columns)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The table of `to_arrow` for polars, DuckDB and others, by Arrow's PyCapsule interface."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """What a notebook shows: the size, and the first words with their first numbers."""
        from html import escape  # which brings a table of all entities along: no question has a use for it

        table, rows = self.table, []
        for row in range(min(len(table), SHOWN_WORDS)):
            values = np.asarray(table.vectors[row])[:SHOWN_VALUES].tolist()
            count = "" if table.counts is None else f"<td>{int(table.counts[row]):,}</td>"
            numbers = "".join(f"<td>{value:.4f}</td>" for value in values)
            rows.append(f"<tr><th>{escape(table.words[row])}</th>{count}{numbers}</tr>")
        heads = ["word", *([] if table.counts is None else ["count"])]
        heads += [str(i) for i in range(min(SHOWN_VALUES, table.vector_size))]
        more = "<p>…</p>" if len(table) > SHOWN_WORDS else ""
        return (
            f"<p>KeyedVectors: {counted(len(table), 'word')}, "
            f"{counted(table.vector_size, 'dimension')}</p><table><thead><tr>"
            + "".join(f"<th>{head}</th>" for head in heads)
            + f"</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"
        )
