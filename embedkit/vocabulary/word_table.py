"""The scanner's hash table of words, as an object that grows when the kernels ask for room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embedkit.kernels.tokens import (
    ARENA_USED,
    BAD_BYTE,
    FIRST_PLACE,
    GROW,
    INVALID,
    N_LINES,
    N_OUT,
    N_UNKNOWN,
    N_WORDS,
    NEEDED,
    PADDING,
    POSITION,
    eight_bytes,
    gather,
    index,
    insert,
    rehash,
    scan,
)


class WordTable:
    """Words as bytes with ids in order of first appearance and 64-bit counts; grows by doubling.

    Parameters
    ----------
    capacity : int
        Words that fit before it grows.

    Attributes
    ----------
    n_words : int
    n_unknown : int
        Tokens that it did not know while it was frozen.
    """

    def __init__(self, capacity: int = 1 << 15) -> None:
        n_slots = 16
        while n_slots < 2 * capacity:
            n_slots *= 2
        self._slots = np.zeros(n_slots, dtype=np.uint64)
        self._arena = np.empty(2 * n_slots, dtype=np.uint64)
        self._arena[:FIRST_PLACE] = 0
        self._used = FIRST_PLACE
        self.n_words = 0
        self.n_unknown = 0

    def copy(self) -> WordTable:
        """A second table with the same words, ids and counts."""
        twin = WordTable(1)
        twin._slots, twin._arena, twin._used = self._slots.copy(), self._arena.copy(), self._used
        twin.n_words, twin.n_unknown = self.n_words, self.n_unknown
        return twin

    def scan(
        self,
        buffer: np.ndarray,
        size: int,
        out: np.ndarray,
        start: int = 0,
        n_out: int = 0,
        frozen: bool = False,
        keep_empty: bool = False,
    ) -> tuple[int, int, int, int]:
        """Scan ``buffer[start:size]``; `buffer` was padded by `close`, `out` (int32) has room for `size` + 1 ids.

        With `frozen` unknown words are left out, with `keep_empty` empty lines are kept.

        Returns
        -------
        (n_out, n_lines, position, bad_byte)
            `bad_byte` is -1, or where a byte is not UTF-8; then `position` is the start of the word that holds it.
        """
        state = np.zeros(8, dtype=np.int64)
        state[[POSITION, N_OUT]] = start, n_out
        status = self._growing(
            state,
            lambda: scan(
                buffer,
                eight_bytes(buffer),
                size,
                self._slots,
                self._arena,
                self._max_words,
                out,
                state,
                frozen,
                keep_empty,
            ),
        )
        self.n_unknown += int(state[N_UNKNOWN])
        bad_byte = int(state[BAD_BYTE]) if status == INVALID else -1
        return int(state[N_OUT]), int(state[N_LINES]), int(state[POSITION]), bad_byte

    def insert(self, blob: np.ndarray, begins: np.ndarray, lengths: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Add the words of `lengths` bytes at `begins` of `blob`, with their counts; returns their ids (int64).

        `blob` (uint8) has `PADDING` bytes behind the last word.
        """
        ids = np.empty(len(counts), dtype=np.int64)
        state = np.zeros(8, dtype=np.int64)
        words = eight_bytes(blob)
        self._growing(
            state, lambda: insert(words, begins, lengths, counts, self._slots, self._arena, self._max_words, ids, state)
        )
        return ids

    def index(self, since: tuple[int, int] = (0, FIRST_PLACE)) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All words as (bytes, begins, lengths, counts): what `insert` of another table takes.

        With an earlier `mark` only the words that were entered after it.
        """
        places, lengths, counts = (np.empty(self.n_words - since[0], dtype=np.int64) for _ in range(3))
        index(self._arena, since[1], places, lengths, counts)
        return self._arena.view(np.uint8), places, lengths, counts

    def mark(self) -> tuple[int, int]:
        """How far the table is filled, for `index`."""
        return self.n_words, self._used

    @property
    def _max_words(self) -> int:
        return min(len(self._slots) // 2, 2**31 - 1)

    def _growing(self, state: np.ndarray, step: Callable[[], int]) -> int:
        """Call `step` again and again until the table has been large enough for it."""
        while True:
            state[[N_WORDS, ARENA_USED]] = self.n_words, self._used
            status = step()
            self.n_words, self._used = int(state[N_WORDS]), int(state[ARENA_USED])
            if status != GROW:
                return status
            self._grow(int(state[NEEDED]))

    def _grow(self, length: int) -> None:
        if self.n_words == self._max_words:
            if self.n_words == 2**31 - 1:
                raise OverflowError("more than 2**31 - 1 distinct words")
            self._slots = np.zeros(2 * len(self._slots), dtype=np.uint64)
            rehash(self._arena, self._used, self._slots)
        needed = self._used + 4 + length // 8 + PADDING // 8
        if needed > len(self._arena):
            larger = np.empty(max(2 * len(self._arena), needed), dtype=np.uint64)
            larger[: self._used] = self._arena[: self._used]
            self._arena = larger


def packed(data: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words of `lengths` bytes at `begins` of `data`, one behind the other.

    Returns (blob, offsets): uint8 with padding, and int64, one more than words.
    """
    offsets = np.zeros(len(begins) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    blob = np.zeros(int(offsets[-1]) + PADDING, dtype=np.uint8)
    gather(data, begins, lengths, blob, offsets)
    return blob, offsets
