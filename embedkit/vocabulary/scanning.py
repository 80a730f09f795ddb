"""From sources to a stream of provisional ids and the words they stand for, on several threads.

The main thread reads blocks; each worker turns one into ids with a `WordTable` of its own; the main thread appends
them in the order of the text. The tables are merged at the end, so that the outcome does not depend on how many
there were.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from embedkit.kernels.tokens import close
from embedkit.progress import Progress, ProgressCallback
from embedkit.text.reading import BLOCK_BYTES, Block, Sources, list_sources, not_utf8, read_blocks, total_bytes
from embedkit.text.tokenizers import Tokenizer
from embedkit.threads import ordered_map, usable_cores
from embedkit.vocabulary.cutting import buffer_of, cut
from embedkit.vocabulary.id_stream import IdStream
from embedkit.vocabulary.word_table import WordTable

REPORT_EVERY = 0.1  # seconds


@dataclass(frozen=True)
class Scanned:
    """The outcome of `scan_sources`.

    Attributes
    ----------
    stream : IdStream
        Ids by table, with SENTENCE_END at line ends.
    words : WordTable
        All words with their counts.
    numbers : list of int64 arrays
        For each table, which of `words` its words are.
    n_unknown : int
        Tokens outside a given vocabulary.
    """

    stream: IdStream
    words: WordTable
    numbers: list[np.ndarray]
    n_unknown: int


@dataclass(frozen=True)
class _Result:
    block: Block
    table: int
    ids: np.ndarray
    n_lines: int
    bad_byte: int


class _Scanner:
    """The tables and what a worker does with one block."""

    def __init__(
        self,
        tables: list[WordTable],
        tokenizer: Tokenizer,
        encoding_errors: str,
        frozen: bool,
        keep_empty: bool,
    ) -> None:
        self.tables = tables
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for i in range(len(tables)):
            self._free.put(i)
        self._tokenizer = tokenizer
        self._encoding_errors = encoding_errors
        self._frozen = frozen
        self._keep_empty = keep_empty
        self._spare: list[np.ndarray] = []  # room for ids, used again

    def recycle(self, result: _Result) -> None:
        """Take back the memory of a result that is no longer needed."""
        self._spare.append(result.ids.base if result.ids.base is not None else result.ids)

    def _room(self, size: int) -> np.ndarray:
        try:
            spare = self._spare.pop()
        except IndexError:
            spare = np.empty(0, dtype=np.int32)
        return spare if len(spare) >= size else np.empty(size, dtype=np.int32)

    def __call__(self, block: Block) -> _Result:
        table = self._free.get()
        try:
            return self._scan(block, table)
        finally:
            self._free.put(table)

    def _scan(self, block: Block, table: int) -> _Result:
        buffer, size, n_lines = block.buffer, block.size, 0
        if not self._tokenizer.is_plain:
            n_lines = int(np.count_nonzero(buffer[:size] == 10))
            if self._encoding_errors != "strict":
                buffer, size = buffer_of(block.bytes.decode("utf-8", self._encoding_errors).encode())
            buffer, size, bad_byte = cut(self._tokenizer, buffer, size)
            if bad_byte >= 0:
                return _Result(block, table, np.empty(0, np.int32), 0, bad_byte)
        if block.last and not (self._keep_empty and (size == 0 or buffer[size - 1] == 10)):
            buffer[size] = 10  # the end of a file ends a sentence
            size += 1
        close(buffer, size)
        out = self._room(size + 1)
        start = n_out = 0
        while True:
            n_out, lines, start, bad_byte = self.tables[table].scan(
                buffer, size, out, start, n_out, self._frozen, self._keep_empty
            )
            n_lines += lines if self._tokenizer.is_plain else 0
            if bad_byte < 0 or self._encoding_errors == "strict":
                break
            mended = buffer[start:size].tobytes().decode("utf-8", self._encoding_errors).encode()
            buffer, size = buffer_of(mended)
            close(buffer, size)
            out = np.concatenate([out[:n_out], np.empty(size + 1, dtype=np.int32)])
            start = 0
        return _Result(block, table, out[:n_out], n_lines, bad_byte)


def scan_lines(table: WordTable, tokenizer: Tokenizer, lines: Sequence[str]) -> np.ndarray | None:
    """The words of lines in memory as numbers of a table, which enters new ones: int32, `SENTENCE_END` for each line.

    None where the lines hold bytes that are not UTF-8.
    """
    text = "\n".join(line.replace("\n", " ") for line in lines) + "\n" if lines else ""
    try:
        buffer, size, _ = cut(tokenizer, *buffer_of(text.encode()))
    except UnicodeEncodeError:
        return None
    close(buffer, size)
    ids = np.empty(size + 1, np.int32)
    n, _, _, _ = table.scan(buffer, size, ids, keep_empty=True)
    return ids[:n]


def scan_sources(
    sources: Sources,
    tokenizer: Tokenizer,
    *,
    json_field: str | None,
    encoding_errors: str | None,
    known: WordTable | None,
    workers: int | None,
    mmap_above: int,
    folder: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None,
    keep_ids: bool = True,
    keep_empty: bool = False,
) -> Scanned:
    """Scan a corpus; `known` fixes the vocabulary, otherwise every word is entered.

    Without `keep_ids` the words are counted only and the stream stays empty; with `keep_empty` empty lines are
    sentences too.

    Raises
    ------
    CorpusError
        As `embedkit.text.reading.read_chunks`.
    """
    files = list_sources(sources)
    workers = workers or usable_cores()
    tables = [known.copy() if known is not None else WordTable() for _ in range(workers)]
    policy = encoding_errors or "strict"
    scanner = _Scanner(tables, tokenizer, policy, known is not None, keep_empty)
    stream = IdStream(mmap_above, folder)
    report = _reporter(progress, total_bytes(files))
    name, n_lines = "", 0
    for result in ordered_map(scanner, read_blocks(files, json_field, policy, BLOCK_BYTES), workers, "scan"):
        if result.block.name != name:
            name, n_lines = result.block.name, 0
        if result.bad_byte >= 0:
            raise not_utf8(result.block, result.bad_byte, n_lines, encoding_errors is not None)
        n_lines += result.n_lines
        if keep_ids:
            stream.append(result.ids, result.table)
        scanner.recycle(result)
        report(result.block.done)
    numbers = [np.arange(tables[0].n_words)]
    for table in tables[1:]:
        numbers.append(tables[0].insert(*table.index()))
    return Scanned(stream, tables[0], numbers, sum(table.n_unknown for table in tables))


def _reporter(progress: ProgressCallback | None, total: int | None) -> Callable[[int], None]:
    last = time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if progress is not None and (now - last >= REPORT_EVERY or done == total):
            last = now
            progress(Progress("reading", done, total, "bytes"))

    return report
