"""Bags of words of a corpus on many machines: rows of each byte range, put together in the order of the corpus."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedkit.cluster.engine import Engine, reported
from embedkit.cluster.words import count_words, cut, listed
from embedkit.counting.sparse import SparseMatrix
from embedkit.counting.tfidf import documents_over, read_documents
from embedkit.errors import EmptyCorpusError
from embedkit.progress import ProgressCallback
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import Sources, short_name
from embedkit.vocabulary import Vocabulary


def bag_of_words(
    engine: Engine,
    sources: Sources,
    *,
    min_count: int = 1,
    max_vocab: int | None = None,
    vocabulary: Vocabulary | None = None,
    progress: ProgressCallback | None = None,
    **reading: Any,
) -> tuple[SparseMatrix, Vocabulary]:
    """`embedkit.counting.tfidf.bag_of_words` on a cluster: the same matrix; parameters and errors as there."""
    sources = listed(sources)
    if vocabulary is None:
        vocabulary = count_words(
            engine, sources, min_count=min_count, max_vocab=max_vocab, progress=progress, **reading
        )
    known = engine.share(vocabulary)
    ranges = cut(sources, engine.n_workers)
    handles = [engine.submit(_count_range, span, known, reading) for span in ranges]
    parts = list(reported(engine.results(handles), len(ranges), "counting", progress))
    ends = np.cumsum([0, *(len(part.columns) for part in parts)])
    offsets = np.concatenate([np.zeros(1, np.int64), *(p.offsets[1:] + e for p, e in zip(parts, ends, strict=False))])
    columns, values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("columns", "values"))
    if not len(columns):
        raise EmptyCorpusError.of(short_name(sources))
    return SparseMatrix(offsets, columns, values, len(vocabulary)), vocabulary


def _count_range(span: str | ByteRange, vocabulary: Vocabulary, reading: dict[str, Any]) -> SparseMatrix:
    return documents_over(*read_documents([span], **reading), vocabulary)
