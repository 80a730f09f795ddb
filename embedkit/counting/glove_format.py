"""The GloVe tools' ``cooccurrence.bin``: records of int32 row, int32 column (both from 1) and float64 count, 16 bytes
each, little-endian, nothing else. Its words are those of a ``vocab.txt``, in that file's order.

The tools' ``cooccur`` writes the records sorted by row and column, their ``shuffle`` in no order; both are read. A
pair that stands there twice counts as the sum.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np

from embedkit.counting.cooccurrences import Cooccurrences
from embedkit.counting.rows import BlockWorkers, RowBlock, check_values, cut_rows
from embedkit.errors import FormatError
from embedkit.files.atomic import atomic_open
from embedkit.progress import Progress, ProgressCallback
from embedkit.vocabulary import Vocabulary

RECORD = np.dtype([("row", "<i4"), ("column", "<i4"), ("value", "<f8")])
_AT_ONCE = 1 << 20  # records


def write(path: str | os.PathLike[str], blocks: Iterable[RowBlock]) -> int:
    """Write counts as their rows come. Returns the number of records."""
    n = 0
    with atomic_open(path) as stream:
        for block in blocks:
            records = np.empty(len(block.columns), RECORD)
            records["row"] = np.repeat(np.arange(block.first + 1, block.first + 1 + len(block.lengths)), block.lengths)
            records["column"] = block.columns + 1
            records["value"] = block.values
            stream.write(records.data)
            n += len(records)
    return n


def read_records(
    path: str | os.PathLike[str], n_words: int, progress: ProgressCallback | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the records, checked, about a million at a time: rows and columns (int32, from 0) and values (float64).

    Raises
    ------
    FormatError
        When the file ends in the middle of a record, an id is outside the vocabulary, or a count is not above 0.
    """
    name = os.fspath(path)
    try:
        size = os.path.getsize(path)
        if size % RECORD.itemsize:
            raise FormatError(
                f"{name}: cut off: expected records of 16 bytes, found {size:,} bytes, "
                f"{size % RECORD.itemsize} more than {size // RECORD.itemsize:,} records"
            )
        refuse_empty(path)
        with open(path, "rb") as stream:
            done = 0
            while len(records := np.fromfile(stream, RECORD, _AT_ONCE)):
                _check(name, records, done, n_words)
                yield records["row"] - np.int32(1), records["column"] - np.int32(1), records["value"].copy()
                done += len(records)
                if progress is not None:
                    progress(Progress("reading counts", done * RECORD.itemsize, size, "bytes"))
    except OSError as error:
        raise FormatError(f"{name}: cannot be read: {error.strerror or error}") from error


def refuse_empty(path: str | os.PathLike[str]) -> None:
    """Refuse a file without a byte, which is of no format.

    Raises
    ------
    FormatError
    """
    if os.path.getsize(path) == 0:
        raise FormatError(f"{os.fspath(path)}: expected counts, found an empty file")


def _check(name: str, records: np.ndarray, done: int, n_words: int) -> None:
    for field in ("row", "column"):
        ids = records[field]
        bad = (ids < 1) | (ids > n_words)
        if bad.any():
            at = int(np.argmax(bad))
            raise FormatError(
                f"{name}: record {done + at + 1:,} names word {ids[at]}, the vocabulary has {n_words:,} "
                "words; is this the vocabulary that was counted with?"
            )
    check_values(name, "record", records["value"], done + 1)


def read(
    path: str | os.PathLike[str], vocabulary: Vocabulary, *, workers: int = 1, progress: ProgressCallback | None = None
) -> Cooccurrences:
    """Read a file of counts into memory.

    Raises
    ------
    FormatError
        See `read_records`.
    """
    n_words = len(vocabulary)
    lengths = np.zeros(n_words, np.int64)
    ordered, last = True, -1
    for rows, columns, _ in read_records(path, n_words, progress):
        lengths += np.bincount(rows, minlength=n_words)
        cells = rows.astype(np.int64) * n_words + columns
        ordered = ordered and int(cells[0]) > last and bool((np.diff(cells) > 0).all())
        last = int(cells[-1])
    offsets = np.zeros(n_words + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    columns, values = np.empty(offsets[-1], np.int32), np.empty(offsets[-1])
    if ordered:
        done = 0
        for _, part, counts in read_records(path, n_words):
            columns[done : done + len(part)], values[done : done + len(part)] = part, counts
            done += len(part)
        return Cooccurrences(vocabulary, offsets, columns, values)
    from embedkit.kernels.cooccurrence import group_by_row, merge_rows

    fill = offsets[:-1].copy()
    for rows, part, counts in read_records(path, n_words):
        group_by_row(rows, part, counts, fill, columns, values)
    blocks = cut_rows(lengths)
    pool = BlockWorkers(n_words, max(int(lengths[a:b].sum()) for a, b in blocks), workers)

    def sort(
        first: int,
        last: int,
        scratch: tuple[np.ndarray, ...],
        out_lengths: np.ndarray,
        out_columns: np.ndarray,
        out_values: np.ndarray,
    ) -> int:
        return int(
            merge_rows(
                offsets[None, first : last + 1].copy(),
                columns,
                values,
                1.0,
                scratch,
                out_lengths,
                out_columns,
                out_values,
            )
        )

    return Cooccurrences.from_blocks(vocabulary, pool.blocks(blocks, sort))
