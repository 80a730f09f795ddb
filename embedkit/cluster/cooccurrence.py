"""Co-occurrence counts of a corpus on many machines: each byte range counted apart, the counts merged by rows.

A range's counts stay on the worker that made them (Dask moves them to its disk when memory is short), or go to a store
that all workers reach (`embedkit.cluster.stored`). Each piece of the rows is then added up by one task, and the pieces
arrive here in order and go to the file as they come. Weights
are whole numbers (`embedkit.counting.window.Window.weights`), so the sums are those of one machine, bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import Engine, reported
from embedkit.cluster.stored import StoredRun
from embedkit.cluster.words import count_words, cut
from embedkit.counting.cooccurrences import Cooccurrences, estimate_cells
from embedkit.counting.counting import count_blocks
from embedkit.counting.files import save
from embedkit.counting.rows import RowBlock
from embedkit.counting.runs import HeldRun, merge_held
from embedkit.counting.window import Window
from embedkit.errors import EmptyCorpusError
from embedkit.files.locations import is_url, remove
from embedkit.files.temporary import temporary_name
from embedkit.progress import ProgressCallback
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import Sources
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

_PIECES_EACH = 2  # pieces of the rows for a worker


def count_to_file(
    engine: Engine,
    sources: Sources,
    vocabulary: Vocabulary,
    path: str | os.PathLike[str],
    window: Window,
    *,
    format: str | None = None,
    folder: str | None = None,
    progress: ProgressCallback | None = None,
    **reading: Any,
) -> int:
    """`embedkit.counting.files.count_to_file` on a cluster: the same file. Returns the number of cells.

    Parameters
    ----------
    engine : Engine
    sources : path or list of paths
        That every worker can read under the same names.
    vocabulary : Vocabulary
        Of the whole corpus.
    path : path
    window : Window
    format : str, optional
    folder : str, optional
        A folder or URL that all workers reach, for the counts of each range until they are added up.
    **reading
        tokenizer, lowercase, json_field, encoding_errors.
    """
    counts = count(engine, sources, vocabulary, window, folder=folder, progress=progress, **reading)
    return save(path, vocabulary, counts, window, format)


def count_corpus(
    engine: Engine,
    sources: Sources,
    window: Window,
    *,
    vocabulary: Vocabulary | None = None,
    min_count: int = 5,
    max_vocab: int | None = None,
    progress: ProgressCallback | None = None,
    **reading: Any,
) -> Cooccurrences:
    """The words and the counts of a corpus in memory, for GloVe and svd.

    Parameters
    ----------
    vocabulary : Vocabulary, optional
        Instead of counting words; `min_count` and `max_vocab` are not used then.
    """
    spread = SpreadCounts.from_text(
        engine,
        sources,
        window,
        vocabulary=vocabulary,
        min_count=min_count,
        max_vocab=max_vocab,
        progress=progress,
        **reading,
    )
    blocks = count(engine, sources, spread.vocabulary, window, progress=progress, **reading)
    return Cooccurrences.from_blocks(spread.vocabulary, blocks, window)


def count(
    engine: Engine,
    sources: Sources,
    vocabulary: Vocabulary,
    window: Window,
    *,
    folder: str | None = None,
    progress: ProgressCallback | None = None,
    **reading: Any,
) -> Iterator[RowBlock]:
    """The rows of the counts, in order; parameters as in `count_to_file`."""
    known = engine.share(vocabulary)
    runs = _count_ranges(engine, sources, known, window, reading)
    names: list[str] = []
    try:
        if folder is not None:
            names += [_name_in(folder) for _ in runs]
            # A task for each, so that none has to be done again when its worker is lost.
            runs = [engine.submit(StoredRun.write, run, name) for run, name in zip(runs, names, strict=True)]
        sums = _add_up(engine, runs, vocabulary, known, window)
        del runs
        for blocks in reported(engine.results(sums), len(sums), "counting", progress):
            yield from blocks
    finally:
        for name in names:
            remove(name)


class SpreadCounts:
    """Counts that the workers of a cluster make of a corpus in files, and keep.

    Parameters
    ----------
    engine : Engine
    sources : path or list of paths
    vocabulary : Vocabulary
        With counts.
    window : Window
    reading : dict
        How the text is read.
    """

    def __init__(
        self, engine: Engine, sources: Sources, vocabulary: Vocabulary, window: Window, reading: dict[str, Any]
    ) -> None:
        self.engine, self.sources, self.vocabulary = engine, sources, vocabulary
        self.window, self.reading = window, reading

    @classmethod
    def from_text(
        cls,
        engine: Engine,
        sources: Sources,
        window: Window,
        *,
        vocabulary: Vocabulary | None = None,
        min_count: int = 5,
        max_vocab: int | None = None,
        progress: ProgressCallback | None = None,
        **reading: Any,
    ) -> SpreadCounts:
        """Count the words; parameters and errors as of `count_corpus`."""
        if vocabulary is None:
            vocabulary = count_words(
                engine, sources, min_count=min_count, max_vocab=max_vocab, progress=progress, **reading
            )
        elif not vocabulary.has_counts:
            spread = SpreadCorpus.from_text(engine, sources, vocabulary=vocabulary, progress=progress, **reading)
            vocabulary = spread.vocabulary
        return cls(engine, sources, vocabulary, window, reading)

    @property
    def n_shards(self) -> int:
        """In how many stretches the corpus is read."""
        return len(cut(self.sources, self.engine.n_workers))

    def estimate_cells(self) -> int:
        """About how many cells there are, from the first and the middle stretch of the corpus."""
        ranges, known = cut(self.sources, self.engine.n_workers), self.engine.share(self.vocabulary)
        some = {0: ranges[0], len(ranges) // 2: ranges[len(ranges) // 2]}.values()
        handles = [self.engine.submit(_estimate, span, known, self.window, self.reading) for span in some]
        return max(self.engine.results(handles))

    def pieces(self) -> list[Any]:
        """Count; handles of lists of RowBlock, which in their order are all rows."""
        known = self.engine.share(self.vocabulary)
        runs = _count_ranges(self.engine, self.sources, known, self.window, self.reading)
        return _add_up(self.engine, runs, self.vocabulary, known, self.window)


def _count_ranges(engine: Engine, sources: Sources, known: Any, window: Window, reading: dict[str, Any]) -> list[Any]:
    return [engine.submit(count_range, span, known, window, reading) for span in cut(sources, engine.n_workers)]


def _add_up(engine: Engine, runs: list[Any], vocabulary: Vocabulary, known: Any, window: Window) -> list[Any]:
    """Handles of the sums of all runs, a piece of the rows each."""
    return [
        engine.submit(_add_rows, rows, known, window, *[engine.submit(_rows, run, *rows) for run in runs])
        for rows in _row_pieces(vocabulary, _PIECES_EACH * engine.n_workers)
    ]


def count_range(span: str | ByteRange, vocabulary: Vocabulary, window: Window, reading: dict[str, Any]) -> HeldRun:
    """The counts of one range, times the scale of the window's weights."""
    try:
        corpus = Corpus.from_text([span], vocabulary=vocabulary, workers=1, **reading)
    except EmptyCorpusError:
        return HeldRun(np.zeros(len(vocabulary) + 1, np.int64), np.empty(0, np.int32), np.empty(0))
    return HeldRun.gather(count_blocks(corpus, window, workers=1, scaled=True))


def _estimate(span: str | ByteRange, vocabulary: Vocabulary, window: Window, reading: dict[str, Any]) -> int:
    try:
        corpus = Corpus.from_text([span], vocabulary=vocabulary, workers=1, **reading)
    except EmptyCorpusError:
        return 0
    return estimate_cells(corpus, window, times=max(1.0, vocabulary.total / corpus.n_tokens))


def _add_rows(rows: tuple[int, int], vocabulary: Vocabulary, window: Window, *runs: HeldRun) -> list[RowBlock]:
    _, scale = window.weights(int(vocabulary.counts.max(initial=0)))
    return list(merge_held(runs, len(vocabulary), rows, scale))


def _name_in(folder: str) -> str:
    """A name that nothing has yet; what a run that was killed leaves in a folder is swept, in a store it stays."""
    if is_url(folder):
        return f"{folder.rstrip('/')}/embedkit-counts-{os.urandom(8).hex()}"
    return os.path.abspath(temporary_name(folder, "counts"))


def _rows(run: HeldRun | StoredRun, first: int, last: int) -> HeldRun:
    return run.rows(first, last)


def _row_pieces(vocabulary: Vocabulary, n: int) -> list[tuple[int, int]]:
    """Stretches of rows that hold about equally many tokens."""
    ends = np.cumsum(np.maximum(vocabulary.counts, 1))
    cuts = np.unique(np.searchsorted(ends, ends[-1] * np.arange(1, n) / n, side="right"))
    edges = [0, *cuts[(cuts > 0) & (cuts < len(ends))].tolist(), len(ends)]
    return list(pairwise(edges))
