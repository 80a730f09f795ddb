"""Co-occurrence counts of a corpus on many machines: each byte range counted apart, the counts merged by rows.

A few neighbouring ranges are one task, which counts so many words of them at a time and adds that up on its disk
(`embedkit.counting.counting`), however long the text is. A task's counts stay on the disk of the worker that made them
(`embedkit.cluster.kept`), or go to a store that all workers reach (`embedkit.cluster.stored`). Each piece of the rows
is then added up by one task, and the pieces arrive here in order and go to the file as they come; no more of them are
under way than there are workers for. Weights are whole numbers (`embedkit.counting.window.Window.weights`), so the sums
are those of one machine, bit for bit.

Words are counted first, and once more with the co-occurrences: where the sums differ, the text is another one.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import Engine, reported
from embedkit.cluster.kept import KeptRun, Mark, Stretch
from embedkit.cluster.stored import StoredRun
from embedkit.cluster.words import MERGED_AT_ONCE, count_words, cut, listed
from embedkit.counting.cooccurrences import Cooccurrences, estimate_cells
from embedkit.counting.counting import count_blocks, memory_for
from embedkit.counting.files import save
from embedkit.counting.rows import RowBlock
from embedkit.counting.runs import merge_held
from embedkit.counting.window import Window
from embedkit.errors import CorpusError, EmptyCorpusError
from embedkit.files.locations import remove
from embedkit.files.temporary import temporary_name
from embedkit.files.urls import is_url
from embedkit.progress import ProgressCallback
from embedkit.text.ranges import ByteRange
from embedkit.text.reading import Sources
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

_PIECE_RECORDS = 1 << 19  # of all ranges, about, that are added up at a time
_PIECES_EACH = 2  # pieces for a worker, at least
_TASKS = 200_000  # that hand pieces on, at most
_RUNS_EACH = 4  # tasks that count, for a worker: so that a slow one does not hold up the rest
_TOKENS_AT_ONCE = 1 << 21  # counted at a time
_MAPPED_ABOVE = 4 * _TOKENS_AT_ONCE  # bytes of ids
_AHEAD = 1  # pieces under way for a worker


class SpreadCounts:
    """Counts that the workers of a cluster make of a corpus in files, and keep.

    Parameters
    ----------
    engine : Engine
    sources : path or list of paths
        That every worker can read under the same names.
    vocabulary : Vocabulary
        With counts.
    window : Window
    reading : dict
        How the text is read: tokenizer, lowercase, json_field, encoding_errors.
    counted : bool
        Whether the counts of the vocabulary are those of this text, so that counting again has to find them.
    """

    def __init__(
        self,
        engine: Engine,
        sources: Sources,
        vocabulary: Vocabulary,
        window: Window,
        reading: dict[str, Any],
        counted: bool,
    ) -> None:
        self.engine, self.sources, self.vocabulary = engine, sources, vocabulary
        self.window, self.reading, self.counted = window, reading, counted

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
        """Count the words.

        Parameters
        ----------
        engine : Engine
        sources : path or list of paths
        window : Window
        vocabulary : Vocabulary, optional
            Instead of counting words; `min_count` and `max_vocab` are not used then.
        min_count : int
        max_vocab : int, optional
        progress : callable, optional
        **reading
            tokenizer, lowercase, json_field, encoding_errors.

        Raises
        ------
        CorpusError
            When a text cannot be read or no word is left.
        """
        sources = listed(sources)
        counted = vocabulary is None or not vocabulary.has_counts
        if vocabulary is None:
            vocabulary = count_words(
                engine, sources, min_count=min_count, max_vocab=max_vocab, progress=progress, **reading
            )
        elif not vocabulary.has_counts:
            spread = SpreadCorpus.from_text(engine, sources, vocabulary=vocabulary, progress=progress, **reading)
            vocabulary = spread.vocabulary
        return cls(engine, sources, vocabulary, window, reading, counted)

    @property
    def n_shards(self) -> int:
        """In how many stretches the corpus is read."""
        return len(self._ranges())

    def _ranges(self) -> list[str | ByteRange]:
        return cut(self.sources, self.engine.n_workers)

    def _groups(self) -> list[list[str | ByteRange]]:
        """The ranges of each task that counts."""
        ranges = self._ranges()
        n = min(len(ranges), _RUNS_EACH * self.engine.n_workers)
        return [ranges[len(ranges) * i // n : len(ranges) * (i + 1) // n] for i in range(n)]

    def estimate_cells(self) -> int:
        """About how many cells there are, from the first and the middle stretch of the corpus."""
        ranges, known = self._ranges(), self.engine.share(self.vocabulary)
        some = {0: ranges[0], len(ranges) // 2: ranges[len(ranges) // 2]}.values()
        handles = [self.engine.submit(_estimate, span, known, self.window, self.reading) for span in some]
        return max(self.engine.results(handles))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        folder: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> int:
        """Count, and write the file that `embedkit.counting.files.count_to_file` writes; the number of its cells.

        Parameters
        ----------
        path : path
        format : str, optional
        folder : str, optional
            A folder or URL that all workers reach, for the counts of each range until they are added up.
        progress : callable, optional

        Raises
        ------
        CorpusError
            When the text changed since its words were counted; the file is not written.
        """
        return save(path, self.vocabulary, self.blocks(folder, progress), self.window, format)

    def gather(self, progress: ProgressCallback | None = None) -> Cooccurrences:
        """Count; all counts in the memory of this process. Raises as `save`."""
        return Cooccurrences.from_blocks(self.vocabulary, self.blocks(None, progress), self.window)

    def blocks(self, folder: str | None = None, progress: ProgressCallback | None = None) -> Iterator[RowBlock]:
        """Count; the rows in order. Parameters and errors as of `save`."""
        with contextlib.ExitStack() as ending:
            pieces = self._pieces(folder, progress, ending)
            sums = _in_turn(self.engine, pieces, lambda n, piece: [piece])
            for (blocks,) in reported(sums, len(pieces), "merging", progress):
                yield from blocks

    def for_each_piece(
        self, use: Callable[[int, Any], list[Any]], progress: ProgressCallback | None = None
    ) -> list[list[Any]]:
        """Count, and submit something with each piece of the rows.

        Parameters
        ----------
        use : callable
            ``use(n, handle)`` is given the handle of the n-th list of RowBlock, which in their order are all rows, and
            returns handles.
        progress : callable, optional

        Returns
        -------
        list of list
            What these come to, for each piece.

        Raises
        ------
        CorpusError
            As `save`.
        """
        with contextlib.ExitStack() as ending:
            return list(_in_turn(self.engine, self._pieces(None, progress, ending), use))

    def _pieces(
        self, folder: str | None, progress: ProgressCallback | None, ending: contextlib.ExitStack
    ) -> list[Callable[[], Any]]:
        """Count all ranges; what submits the sum of each piece of the rows. In the end files in `folder` go away."""
        engine, known = self.engine, self.engine.share(self.vocabulary)
        counting = known, self.window, self.reading, folder is not None
        runs = [engine.submit(count_ranges, spans, *counting) for spans in self._groups()]
        layer = [engine.submit(_lengths, run) for run in runs]
        while len(layer) > 1:
            layer = [engine.submit(_add, *layer[i : i + MERGED_AT_ONCE]) for i in range(0, len(layer), MERGED_AT_ONCE)]
        if folder is not None:
            names = [_name_in(folder) for _ in runs]
            for name in names:
                ending.callback(remove, name)
            # A task for each, so that none has to be done again when its worker is lost.
            runs = [engine.submit(StoredRun.write, run, name) for run, name in zip(runs, names, strict=True)]
        counted = [engine.submit(_counted, run) for run in runs]
        found = list(reported(engine.results(counted), len(counted), "counting", progress))
        marks, (held,) = _checksum(found), engine.results(layer)

        def add_up(rows: tuple[int, int]) -> Any:
            parts = [engine.submit(_rows, run, *rows) for run in runs]
            return engine.submit(_add_rows, rows, known, self.window, self.counted, marks, *parts)

        return [partial(add_up, rows) for rows in self._row_pieces(held, len(runs))]

    def _row_pieces(self, held: np.ndarray, n_runs: int) -> list[tuple[int, int]]:
        """Stretches of rows whose counts a worker adds up at a time; `held` is how many records each row has."""
        n = min(int(held.sum()) // _PIECE_RECORDS, _TASKS // n_runs)
        return row_pieces(np.maximum(held, 1), max(n, _PIECES_EACH * self.engine.n_workers))


class HeldCounts:
    """Counts that this process has, and hands to the workers of a cluster.

    Parameters
    ----------
    engine : Engine
    counts : Cooccurrences
    """

    def __init__(self, engine: Engine, counts: Cooccurrences) -> None:
        self.engine, self.counts, self.vocabulary = engine, counts, counts.vocabulary

    def for_each_piece(
        self, use: Callable[[int, Any], list[Any]], progress: ProgressCallback | None = None
    ) -> list[list[Any]]:
        """Submit something with each piece of the rows; parameters as of `SpreadCounts.for_each_piece`."""
        most = np.diff(self.counts.offsets)
        rows = row_pieces(np.maximum(most, 1), max(1, len(self.counts) // _PIECE_RECORDS))
        pieces = [partial(self._handed, *stretch) for stretch in rows]
        return list(reported(_in_turn(self.engine, pieces, use), len(pieces), "sending", progress))

    def _handed(self, first: int, last: int) -> Any:
        low, high = self.counts.offsets[first], self.counts.offsets[last]
        lengths = np.diff(self.counts.offsets[first : last + 1])
        columns, values = np.array(self.counts.columns[low:high]), np.array(self.counts.values[low:high])
        return self.engine.share([RowBlock(first, lengths, columns, values)])


def _in_turn(
    engine: Engine, pieces: Sequence[Callable[[], Any]], use: Callable[[int, Any], list[Any]]
) -> Iterator[list[Any]]:
    """What the handles of ``use(n, handle)`` come to, piece after piece; a few are submitted ahead."""
    waiting: deque[list[Any]] = deque()
    for n, make in enumerate(pieces):
        waiting.append(use(n, make()))
        if len(waiting) > _AHEAD * engine.n_workers:
            yield list(engine.results(waiting.popleft()))
    while waiting:
        yield list(engine.results(waiting.popleft()))


def row_pieces(most: np.ndarray, n: int) -> list[tuple[int, int]]:
    """About n stretches of rows that hold about equally much.

    Parameters
    ----------
    most : int64 (n_rows,)
        What each row holds.
    n : int
    """
    ends = np.cumsum(most)
    cuts = np.unique(np.searchsorted(ends, ends[-1] * np.arange(1, n) / n, side="right"))
    edges = [0, *cuts[(cuts > 0) & (cuts < len(ends))].tolist(), len(ends)]
    return list(pairwise(edges))


def count_ranges(
    spans: Sequence[str | ByteRange],
    vocabulary: Vocabulary,
    window: Window,
    reading: dict[str, Any],
    apart: bool = False,
) -> KeptRun:
    """The counts of some ranges, times the scale of the window's weights; `apart` as for `KeptRun`."""
    n_words = len(vocabulary)
    words = np.zeros(n_words, np.int64)
    try:
        corpus = Corpus.from_text(spans, vocabulary=vocabulary, workers=1, mmap_above=_MAPPED_ABOVE, **reading)
    except EmptyCorpusError:
        return KeptRun(words, [], apart)
    for start in range(0, len(corpus.ids), _TOKENS_AT_ONCE):
        ids = corpus.ids[start : start + _TOKENS_AT_ONCE]
        words += np.bincount(ids[ids >= 0], minlength=n_words)
    memory = memory_for(_TOKENS_AT_ONCE, n_words, 1)
    return KeptRun(words, count_blocks(corpus, window, workers=1, memory=memory, scaled=True), apart)


def _estimate(span: str | ByteRange, vocabulary: Vocabulary, window: Window, reading: dict[str, Any]) -> int:
    try:
        corpus = Corpus.from_text([span], vocabulary=vocabulary, workers=1, **reading)
    except EmptyCorpusError:
        return 0
    return estimate_cells(corpus, window, times=max(1.0, vocabulary.total / corpus.n_tokens))


def _add_rows(
    rows: tuple[int, int], vocabulary: Vocabulary, window: Window, counted: bool, marks: int, *parts: Stretch
) -> list[RowBlock]:
    if _checksum(part.mark for part in parts) != marks:
        raise CorpusError("the corpus changed while it was read: a part that was counted once more differs")
    if counted and not np.array_equal(sum(part.words for part in parts), vocabulary.counts[slice(*rows)]):
        raise CorpusError("the corpus changed while it was read: its words were counted once more and differ")
    _, scale = window.weights(int(vocabulary.counts.max(initial=0)))
    return list(merge_held([part.run for part in parts], len(vocabulary), rows, scale))


def _checksum(marks: Iterable[Mark]) -> int:
    return zlib.crc32(repr(list(marks)).encode())


def _name_in(folder: str) -> str:
    """A name that nothing has yet; what a run that was killed leaves in a folder is swept, in a store it stays."""
    if is_url(folder):
        return f"{folder.rstrip('/')}/embedkit-counts-{os.urandom(8).hex()}"
    return os.path.abspath(temporary_name(folder, "counts"))


def _counted(run: KeptRun | StoredRun) -> Mark:
    return run.mark


def _lengths(run: KeptRun) -> np.ndarray:
    return np.diff(run.offsets(0, run.n_words))


def _add(*parts: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.sum(parts, axis=0)
    return total


def _rows(run: KeptRun | StoredRun, first: int, last: int) -> Stretch:
    return run.stretch(first, last)
