"""floret text (``.floret``): a table of hashed n-grams, no words; words come from a list. ``.bin``: `floret_binary`.

A header line ``bucket dim minn maxn hashCount hashSeed BOW EOW``, then ``bucket`` lines ``row v1 … vdim``. A word's
n-grams are ``BOW word EOW`` as a whole and all its n-grams of `minn` to `maxn` code points. Each n-gram is hashed by
MurmurHash3_x64_128 (Appleby 2011) with the seed; the first `hashCount` of the hash's four uint32, modulo `bucket`, are
its rows. A word's vector is the mean of all its n-grams' rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import numpy as np

from embedkit.errors import FormatError
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks
from embedkit.formats.floret_hash import Table, words_to_compose
from embedkit.formats.text_rows import read_rows

HEADER = re.compile(rb"(\d{1,12}) (\d{1,9}) (\d{1,4}) (\d{1,4}) (\d{1,2}) (\d{1,10}) (\S+) (\S+)[ \t]*\r?\n")
ROWS = 4096
FASTTEXT_MAGIC = b"\xba\x16\x4f\x2f"


def blocks(path: str | os.PathLike[str], name: str | None = None, words: str | None = None) -> Blocks:
    """Compose the vectors of a list of words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    words : path
        The words, one a line; a ``.bin`` has its own.

    Raises
    ------
    ConfigError
        Without words.
    FormatError
        When the table is cut off or damaged.
    """
    file = MappedFile(path, name)
    if file.bytes[:4] == FASTTEXT_MAGIC:
        from embedkit.formats import floret_binary

        return floret_binary.blocks(path, file.name, words)
    header = HEADER.match(file.bytes[:1000])
    if header is None:
        raise FormatError(
            f"{file.name}, line 1: expected 'bucket dim minn maxn hashCount hashSeed BOW EOW', found "
            f"{file.bytes[:80].split(bytes([10]))[0].decode('utf-8', 'replace')!r}"
        )
    bucket, size, min_n, max_n, hash_count, seed = map(int, header.groups()[:6])
    table = Table(
        bucket,
        size,
        min_n,
        max_n,
        hash_count,
        seed,
        header[7].decode("utf-8", "replace"),
        header[8].decode("utf-8", "replace"),
    )
    if table.bucket < 1 or not 1 <= table.hash_count <= 4 or table.min_n > table.max_n:
        raise FormatError(
            f"{file.name}, line 1: expected at least one bucket, one to four hashes and minn <= maxn, "
            f"found {header[0].decode('utf-8', 'replace').strip()!r}"
        )
    if table.bucket * (2 * table.vector_size + 2) - 1 > file.size - header.end():
        raise FormatError(
            f"{file.name}: cut off: the header promises {table.bucket:,} rows of {table.vector_size:,} "
            f"values, but only {file.size - header.end():,} bytes follow"
        )
    listed = words_to_compose(file.name, words)
    return Blocks(file.name, table.vector_size, len(listed), _compose(file, header.end(), table, listed))


def _compose(file: MappedFile, start: int, table: Table, words: list[str]) -> Iterator[tuple[list[bytes], np.ndarray]]:
    matrix = np.empty((table.bucket, table.vector_size), np.float32)
    done = 0
    for labels, rows in read_rows(file, start, table.vector_size):
        expected = [b"%d" % row for row in range(done, done + len(rows))]
        if done + len(rows) > table.bucket or labels != expected:
            raise FormatError(
                f"{file.name}: expected rows numbered 0 to {table.bucket - 1:,}, found another order "
                f"or more rows after row {done:,}"
            )
        matrix[done : done + len(rows)] = rows
        done += len(rows)
    if done < table.bucket:
        raise FormatError(f"{file.name}: cut off: expected {table.bucket:,} rows, found {done:,}")
    for low in range(0, len(words), ROWS):
        part = words[low : low + ROWS]
        composed = np.stack([matrix[table.rows_of(word)].mean(axis=0) for word in part])
        yield [word.encode("utf-8", "surrogateescape") for word in part], composed
