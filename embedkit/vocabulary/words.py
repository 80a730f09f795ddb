"""The words of a model as one block of UTF-8 bytes: a look-up is a binary search, no dictionary, no list of str.

A model of two million words opens in milliseconds this way; a program that asks for many words gets a dictionary
after `DICT_AFTER` look-ups, when it begins to pay. Bytes that are not UTF-8 survive as Python's lone surrogates
(``surrogateescape``), so that what another tool wrote can be handed on unchanged.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, overload

import numpy as np

from embedkit.errors import EmbedkitError, FormatError, counted

DICT_AFTER = 2000
DECODE_BLOCK = 65536


def encode(word: str) -> bytes:
    """The bytes of a word as files hold them.

    Raises
    ------
    EmbedkitError
        When the word holds a lone surrogate that stands for no byte.
    """
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise EmbedkitError(f"the word {word!r} is not valid Unicode text: {error.reason}") from error


class Words(Sequence[str]):
    """Words by row number, read from one block of bytes.

    Parameters
    ----------
    blob : uint8 (n_bytes,)
        The words' UTF-8 bytes, one after the other; may go on behind the last word.
    offsets : int64 (n_words + 1,)
        Word ``i`` is ``blob[offsets[i]:offsets[i + 1]]``.
    order : int32 (n_words,), optional
        Row numbers in the words' byte order; worked out when the first word is looked up.
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray, order: np.ndarray | None = None) -> None:
        self.blob = blob
        self.offsets = offsets
        self._view = blob.data
        self._order = order

    def __reduce__(self) -> tuple[Any, ...]:
        return Words, (np.array(self.blob), np.array(self.offsets), self._order)  # maps of files become arrays

    @classmethod
    def from_strings(cls, words: Sequence[str]) -> Words:
        """Pack words; a `Words` comes back as it is."""
        if isinstance(words, Words):
            return words
        return cls.from_bytes([encode(word) for word in words])

    @classmethod
    def from_bytes(cls, encoded: Sequence[bytes]) -> Words:
        """Pack words that are bytes already."""
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum(np.fromiter((len(word) for word in encoded), np.int64, len(encoded)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    @classmethod
    def checked(cls, blob: np.ndarray, offsets: np.ndarray, order: np.ndarray | None = None) -> Words:
        """Words from arrays that a file brought.

        Raises
        ------
        FormatError
            When the arrays cannot be read as words.
        """
        if blob.dtype != np.uint8 or blob.ndim != 1 or offsets.dtype != np.int64 or offsets.ndim != 1:
            raise FormatError("expected words as one row of bytes and one row of int64 offsets")
        n = len(offsets) - 1
        if n < 0 or offsets[0] < 0 or (np.diff(offsets) < 0).any() or offsets[-1] > len(blob):
            raise FormatError(f"the offsets of the words do not cut {len(blob)} bytes into {counted(n, 'word')}")
        if order is not None and (
            order.dtype.kind != "i" or order.shape != (n,) or (n and (order.min() < 0 or order.max() >= n))
        ):
            raise FormatError(f"the order of the words does not name {counted(n, 'word')}")
        return cls(blob, offsets, order)

    @property
    def order(self) -> np.ndarray:
        """Row numbers in the words' byte order, equal words by row: int32 (n_words,)."""
        if self._order is None:
            encoded = self.to_bytes()
            self._order = np.array(sorted(range(len(encoded)), key=encoded.__getitem__), np.int32)
        return self._order

    def to_bytes(self) -> list[bytes]:
        """All words as bytes."""
        return list(self._slices(0, len(self)))

    def encoded(self, row: int) -> bytes:
        """The bytes of the word in a row."""
        return bytes(self._view[self.offsets[row] : self.offsets[row + 1]])

    def find(self, word: str) -> int:
        """The row of a word by binary search, -1 where there is none; of equal words the first."""
        try:
            wanted = word.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return -1
        order = self.order
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            if self.encoded(order[middle]) < wanted:
                low = middle + 1
            else:
                high = middle
        if low < len(order) and self.encoded(order[low]) == wanted:
            return int(order[low])
        return -1

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = int(index)
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError(f"row {index} of {counted(len(self), 'word')}")
        return self.encoded(row).decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        for word in self._slices(0, len(self)):
            yield word.decode("utf-8", "surrogateescape")

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.find(word) >= 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(word) for word in self[:3])
        return f"<{counted(len(self), 'word')}: {shown}{', …' if len(self) > 3 else ''}>"

    def _slices(self, start: int, stop: int) -> Iterator[bytes]:
        for low in range(start, stop, DECODE_BLOCK):
            high = min(low + DECODE_BLOCK, stop)
            base = int(self.offsets[low])
            block = bytes(self._view[base : int(self.offsets[high])])
            ends = (self.offsets[low : high + 1] - base).tolist()
            for begin, end in pairwise(ends):
                yield block[begin:end]


class WordIndex(Mapping[str, int]):
    """Rows by word: a binary search in `Words` at first, a dictionary once many words have been asked for.

    Parameters
    ----------
    words : sequence of str
        A list gets its dictionary at the first look-up. Of equal words the first row counts.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._searches_left = DICT_AFTER if isinstance(words, Words) else 0
        self._rows: dict[str, int] | None = None

    def get(self, word: str, default: Any = None) -> Any:
        if self._rows is None:
            if self._searches_left > 0 and isinstance(self._words, Words):
                self._searches_left -= 1
                row = self._words.find(word)
                return row if row >= 0 else default
            self._rows = {}
            for row, known in enumerate(self._words):
                self._rows.setdefault(known, row)
        return self._rows.get(word, default)

    def __getitem__(self, word: str) -> int:
        row = self.get(word)
        if row is None:
            raise KeyError(word)
        return int(row)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.get(word) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


def find_normalised(index: Mapping[str, int], word: str) -> int:
    """The row of a word as it is written, or else composed (NFC), or else decomposed (NFD); -1 for none.

    Hangul typed on macOS often arrives decomposed; to the reader it is the same word.
    """
    row = index.get(word)
    if row is None and not word.isascii():
        for form in ("NFC", "NFD"):
            row = index.get(unicodedata.normalize(form, word))
            if row is not None:
                break
    return -1 if row is None else int(row)


def in_each_form(words: Iterable[str]) -> frozenset[str]:
    """Words as they are written, composed (NFC) and decomposed (NFD)."""
    words = list(words)
    return frozenset(words).union(*(map(partial(unicodedata.normalize, form), words) for form in ("NFC", "NFD")))
