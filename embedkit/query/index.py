"""An approximate nearest-neighbour index: a graph that a query walks instead of comparing with every vector.

The graph is a hierarchical navigable small world (Malkov and Yashunin 2016, arXiv 1603.09320) of the package
``usearch``, over unit vectors in half precision. What it finds is ranked again by exact cosines, so values are those
of an exact search; only a neighbour may be missing now and then. How often is measured when the index is built.

File: the bytes ``EMBKHNSW``, uint64 n, n bytes of JSON, then usearch's own bytes. The JSON holds ``version``,
``words``, ``vector_size``, ``digest`` (of the vectors that it was built from), ``expansion`` (candidates that a query
keeps), ``recall`` (at 10, against exact search), ``payload_bytes`` and ``payload_sha256``.
All integers are little-endian.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.copies import on_disk
from embedkit.files.magic import NEIGHBOURS
from embedkit.files.safetensors import require_version
from embedkit.files.urls import shown
from embedkit.progress import Progress, ProgressCallback
from embedkit.query.graph_bytes import fault_of
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.neighbours import Hits, nearest, values
from embedkit.rows.norms import unit
from embedkit.threads import usable_cores

VERSION = 1  # of the header; the first files carry none
CONNECTIVITY = 24  # neighbours of a node; 16 stays below a recall of .95 on 250,000 trained words
EXPANSION_ADD = 200
EXPANSIONS = (64, 128, 256, 512, 1024, 2048)
TOPN = 10  # of the recall that is measured
_SAMPLE = 1000  # queries behind that
_ROWS = 8192  # rows added between two reports of progress
LARGEST_HEADER = 1 << 16


@dataclass
class NeighbourIndex:
    """An index over the vectors of a model.

    Attributes
    ----------
    vectors : KeyedVectors
    graph : usearch.index.Index
    expansion : int
        Candidates that a query keeps on its walk: more find more and take longer.
    recall : float
        Share of the true ten nearest neighbours that are found, measured on words of the vocabulary.
    """

    vectors: KeyedVectors
    graph: Any
    expansion: int
    recall: float

    @classmethod
    def build(
        cls,
        vectors: KeyedVectors,
        *,
        recall: float = 0.95,
        workers: int | None = None,
        seed: int = 1,
        progress: ProgressCallback | None = None,
    ) -> NeighbourIndex:
        """Build an index that reaches a recall at 10, or comes as near as it can.

        Parameters
        ----------
        vectors : KeyedVectors
        recall : float
            The number of candidates is doubled until this is reached.
        workers : int, optional
            Threads; all cores by default.
        seed : int
            Of the random choice of words that the recall is measured with.
        progress : callable, optional
        """
        if not len(vectors):
            raise ConfigError("there are no vectors to index")
        graph = _graph(vectors.vector_size)
        for start in range(0, len(vectors), _ROWS):
            rows = unit(vectors.vectors[start : start + _ROWS])
            graph.add(np.arange(start, start + len(rows)), rows, threads=workers or usable_cores())
            if progress is not None:
                progress(Progress("indexing", start + len(rows), len(vectors)))
        index = cls(vectors, graph, EXPANSIONS[0], 0.0)
        sample = np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE]
        exact = nearest(
            vectors.vectors, vectors.norms, vectors.vectors[sample], TOPN, "cosine", [[row] for row in sample.tolist()]
        )
        for expansion in EXPANSIONS:
            index.expansion = expansion
            index.recall = index.measure(sample, exact)
            if index.recall >= recall:
                break
        return index

    def measure(self, sample: np.ndarray, exact: Sequence[Hits]) -> float:
        """Share of the `exact` neighbours of the rows int64 (n,) in `sample` that the index finds."""
        if not any(len(rows) for rows, _ in exact):
            return 1.0
        found = self.nearest(self.vectors.vectors[sample], TOPN, [[row] for row in sample.tolist()])
        shared = sum(len(np.intersect1d(a, b)) for (a, _), (b, _) in zip(exact, found, strict=True))
        return shared / sum(len(rows) for rows, _ in exact)

    def nearest(self, queries: np.ndarray, topn: int, skip: Sequence[Sequence[int]] | None = None) -> list[Hits]:
        """The `topn` nearest rows by cosine, as `embedkit.query.neighbours.nearest` gives them, but for missed ones.

        Parameters
        ----------
        queries : float32 (q, vector_size)
        topn : int
        skip : sequence of sequences of int, optional
            For each query the rows that must not be among its answers.
        """
        prepared = unit(np.atleast_2d(queries))
        left_out = (
            [np.asarray(rows, np.int64) for rows in skip]
            if skip is not None
            else [np.zeros(0, np.int64)] * len(prepared)
        )
        wanted = min(len(self.vectors), max(topn + max(map(len, left_out), default=0), 2 * topn, 1))
        self.graph.expansion_search = max(self.expansion, wanted)
        matches = self.graph.search(np.concatenate([prepared, prepared[:1]]), wanted)  # two at least: always a batch
        hits: list[Hits] = []
        for query, keys, count, hidden in zip(prepared, matches.keys, matches.counts, left_out, strict=False):
            rows = keys[:count].astype(np.int64)
            rows = rows[~np.isin(rows, hidden)]
            cosines = values(self.vectors.vectors[rows], self.vectors.norms[rows], query, "cosine")
            order = np.lexsort((rows, -cosines))[:topn]
            hits.append((rows[order], cosines[order]))
        return hits

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index; an earlier file stays until the new one is whole."""
        payload = bytes(self.graph.save())
        header = json.dumps(
            {
                "version": VERSION,
                "words": len(self.vectors),
                "vector_size": self.vectors.vector_size,
                "digest": digest(self.vectors),
                "expansion": self.expansion,
                "recall": self.recall,
                "payload_bytes": len(payload),
                "payload_sha256": hashlib.sha256(payload).hexdigest(),
            }
        ).encode()
        with atomic_open(path) as stream:
            stream.write(NEIGHBOURS + len(header).to_bytes(8, "little") + header)
            stream.write(payload)

    @classmethod
    def open(cls, path: str | os.PathLike[str], vectors: KeyedVectors) -> NeighbourIndex:
        """Open an index of these vectors.

        Raises
        ------
        FormatError
            When the file is no index, damaged, or was built from other vectors.
        """
        name = shown(path)
        with on_disk(path) as here, open(here, "rb") as stream:
            start = stream.read(16)
            length = int.from_bytes(start[8:], "little")
            if start[:8] != NEIGHBOURS or not 0 < length <= LARGEST_HEADER:
                raise FormatError(f"{name}: not an index of embedkit; build one with: embedkit index MODEL")
            try:
                header = json.loads(stream.read(length))
                version = header.get("version", VERSION)
                expansion, recall = int(header["expansion"]), float(header["recall"])
                built_from = header["digest"], header["payload_bytes"], header["payload_sha256"]
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
                raise FormatError(f"{name}: damaged: its header cannot be read; build it again") from error
            require_version(name, "an index", version, VERSION)
            if built_from[0] != digest(vectors):
                raise FormatError(f"{name}: built from other vectors than these; build it again with: embedkit index")
            payload = stream.read()
        right = len(payload) == built_from[1] and hashlib.sha256(payload).hexdigest() == built_from[2]
        if not right or expansion not in EXPANSIONS or not 0 <= recall <= 1:
            raise FormatError(f"{name}: cut off or damaged; build it again")
        if fault := fault_of(payload, len(vectors), vectors.vector_size, CONNECTIVITY):
            raise FormatError(f"{name}: its graph is damaged ({fault}); build it again")
        graph = _graph(vectors.vector_size)
        try:
            graph.load(payload)
        except (RuntimeError, ValueError) as error:
            raise FormatError(f"{name}: written by another version of usearch ({error}); build it again") from error
        return cls(vectors, graph, expansion, recall)


def digest(vectors: KeyedVectors) -> str:
    """A fingerprint that changes when vectors or their order do: of shape, all lengths and 256 whole rows."""
    state = hashlib.sha256(f"{len(vectors)} {vectors.vector_size}".encode())
    state.update(np.ascontiguousarray(vectors.norms, "<f4").tobytes())
    rows = np.linspace(0, len(vectors) - 1, num=min(256, len(vectors)), dtype=np.int64)
    state.update(np.ascontiguousarray(vectors.vectors[rows], "<f4").tobytes())
    return state.hexdigest()


def _graph(vector_size: int) -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise EmbedkitError("an index needs the package usearch: pip install 'embedkit[index]'") from error
    return Index(ndim=vector_size, metric="ip", dtype="f16", connectivity=CONNECTIVITY, expansion_add=EXPANSION_ADD)
