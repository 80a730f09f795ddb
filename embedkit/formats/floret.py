"""floret text (``.floret``): a table of hashed n-grams, no words; words come from a list.

A header line ``bucket dim minn maxn hashCount hashSeed BOW EOW``, then ``bucket`` lines ``row v1 … vdim``. A word's
n-grams are ``BOW word EOW`` as a whole and all its n-grams of `minn` to `maxn` code points. Each n-gram is hashed by
MurmurHash3_x64_128 (Appleby 2011) with the seed; the first `hashCount` of the hash's four uint32, modulo `bucket`, are
its rows. A word's vector is the mean of all its n-grams' rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from embedkit.errors import ConfigError, FormatError
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import Blocks
from embedkit.formats.npy import read_words
from embedkit.formats.text_rows import read_rows

HEADER = re.compile(rb"(\d{1,12}) (\d{1,9}) (\d{1,4}) (\d{1,4}) (\d{1,2}) (\d{1,10}) (\S+) (\S+)[ \t]*\r?\n")
MASK = (1 << 64) - 1
C1, C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
ROWS = 4096


@dataclass(frozen=True)
class Table:
    """The header of a floret file."""

    bucket: int
    vector_size: int
    min_n: int
    max_n: int
    hash_count: int
    seed: int
    begin: str
    end: str

    def rows_of(self, word: str) -> list[int]:
        """The rows of all n-grams of a word."""
        whole = self.begin + word + self.end
        ngrams = [
            whole,
            *(whole[i : i + n] for n in range(self.min_n, self.max_n + 1) for i in range(len(whole) - n + 1)),
        ]
        return [
            part % self.bucket
            for ngram in ngrams
            for part in murmur3(ngram.encode("utf-8", "surrogateescape"), self.seed)[: self.hash_count]
        ]


def blocks(path: str | os.PathLike[str], name: str | None = None, words: str | None = None) -> Blocks:
    """Compose the vectors of a list of words.

    Parameters
    ----------
    path : path
    name : str, optional
        What messages call the file.
    words : path
        The words, one a line.

    Raises
    ------
    ConfigError
        Without words.
    FormatError
        When the table is cut off or damaged.
    """
    file = MappedFile(path, name)
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
    if words is None:
        raise ConfigError(f"{file.name} holds n-grams without words: give `words`, a file with a word a line")
    listed = [word for word in read_words(words) if word]
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


def murmur3(data: bytes, seed: int) -> tuple[int, int, int, int]:
    """MurmurHash3_x64_128 as four uint32, in the order of memory."""
    h1 = h2 = seed
    whole = len(data) // 16 * 16
    for start in range(0, whole, 16):
        h1 ^= _mix(int.from_bytes(data[start : start + 8], "little"), C1, 31, C2)
        h1 = (_rotate(h1, 27) + h2) * 5 + 0x52DCE729 & MASK
        h2 ^= _mix(int.from_bytes(data[start + 8 : start + 16], "little"), C2, 33, C1)
        h2 = (_rotate(h2, 31) + h1) * 5 + 0x38495AB5 & MASK
    h1 ^= _mix(int.from_bytes(data[whole : whole + 8], "little"), C1, 31, C2)
    h2 ^= _mix(int.from_bytes(data[whole + 8 :], "little"), C2, 33, C1)
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = h1 + h2 & MASK
    h2 = h2 + h1 & MASK
    h1, h2 = _finish(h1), _finish(h2)
    h1 = h1 + h2 & MASK
    h2 = h2 + h1 & MASK
    return h1 & 0xFFFFFFFF, h1 >> 32, h2 & 0xFFFFFFFF, h2 >> 32


def _rotate(x: int, bits: int) -> int:
    return (x << bits | x >> (64 - bits)) & MASK


def _mix(k: int, first: int, bits: int, second: int) -> int:
    return _rotate(k * first & MASK, bits) * second & MASK


def _finish(h: int) -> int:
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & MASK
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ h >> 33
