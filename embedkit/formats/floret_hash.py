"""The pieces of a word in floret, and the rows that they are hashed into (`embedkit.formats.floret`)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from embedkit.errors import ConfigError
from embedkit.text.lines import read_words

MASK = (1 << 64) - 1
C1, C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


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


def words_to_compose(name: str, words: str | os.PathLike[str] | None) -> list[str]:
    """The words that are to be composed of the n-grams in a file called `name`, which holds none.

    Raises
    ------
    ConfigError
        Where no file of words was given.
    """
    if words is None:
        raise ConfigError(f"{name} holds n-grams without words: give `words`, a file with a word a line")
    return [word for word in read_words(words) if word]
