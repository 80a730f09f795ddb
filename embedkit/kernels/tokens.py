"""The byte scanner: from UTF-8 bytes to provisional word ids and counts in one pass.

A `WordTable` is an open-addressing hash table over words as bytes: a slot is two uint64, the word's key and
``length << 32 | id + 1`` (0: empty). The key of a word of up to eight bytes is a bijection of those bytes, so an equal
key and length *is* the word; longer words are compared with their bytes in the arena. Ids are given in the order of
first appearance, hence frequent words have small ids and their counts stay in the cache.

`scan` reads eight bytes at a time: ``((x - 0x21…) | x) & 0x80…`` marks the first byte that is below ``!`` or above
``~``, which ends most English words in one step. Only non-ASCII characters are looked at one by one, which validates
them (Unicode 15, table 3-7) and finds the white space among them: what separates words is exactly what `str.split`
takes, and only a line feed ends a sentence.

Measured on two cores (`python -m tests.benchmarks.tokens`), reading and counting included: see the README.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel

SENTENCE_END = -1
PADDING = 16  # bytes after the text in every buffer: a line feed, then spaces
POSITION, N_OUT, N_WORDS, ARENA_USED, NEEDED, BAD_BYTE, N_LINES, N_UNKNOWN = range(8)
DONE, GROW, INVALID = 0, 1, 2

ASCII_SPACES = np.zeros(256, dtype=np.bool_)
ASCII_SPACES[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = True

BELOW_LETTERS = np.uint64(0x2121212121212121)
HIGH_BITS = np.uint64(0x8080808080808080)
BYTE_INDEX = np.uint64(0x0001020304050607)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE, S7, S29, S32, S56 = np.uint64(1), np.uint64(7), np.uint64(29), np.uint64(32), np.uint64(56)
MIX1, MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
LOW_32 = np.uint64(0xFFFFFFFF)


def padded(size: int) -> np.ndarray:
    """An uninitialised uint8 buffer for `size` bytes of text and the padding that `scan` needs."""
    return np.empty(size + PADDING, dtype=np.uint8)


def close(buffer: np.ndarray, size: int) -> None:
    """Write the padding behind the first `size` bytes of `buffer`."""
    buffer[size : size + PADDING] = 32
    buffer[size] = 10


def eight_bytes(buffer: np.ndarray) -> np.ndarray:
    """`buffer` (uint8, contiguous) as overlapping little-endian uint64: item i holds bytes i .. i + 7."""
    return np.ndarray((len(buffer) - 7,), dtype="<u8", buffer=buffer, strides=(1,))


@kernel
def _character(data, i):
    """Bytes of the non-ASCII character at `i`: positive for a letter, negative for white space, 0 if not UTF-8.

    White space: U+0085, 00A0, 1680, 2000–200A, 2028, 2029, 202F, 205F, 3000.
    """
    b0 = data[i]
    b1 = data[i + 1]
    if b0 < 0xC2 or (b1 & 0xC0) != 0x80:
        return 0
    if b0 < 0xE0:
        return -2 if b0 == 0xC2 and (b1 == 0x85 or b1 == 0xA0) else 2
    b2 = data[i + 2]
    if (b2 & 0xC0) != 0x80:
        return 0
    if b0 < 0xF0:
        if b0 > 0xE3:
            return 0 if b0 == 0xED and b1 > 0x9F else 3
        if b0 == 0xE2:
            if b1 == 0x80 and (b2 <= 0x8A or b2 == 0xA8 or b2 == 0xA9 or b2 == 0xAF):
                return -3
            return -3 if b1 == 0x81 and b2 == 0x9F else 3
        if b0 == 0xE0:
            return 0 if b1 < 0xA0 else 3
        if b0 == 0xE1:
            return -3 if b1 == 0x9A and b2 == 0x80 else 3
        return -3 if b1 == 0x80 and b2 == 0x80 else 3
    if b0 > 0xF4 or (b0 == 0xF0 and b1 < 0x90) or (b0 == 0xF4 and b1 > 0x8F) or (data[i + 3] & 0xC0) != 0x80:
        return 0
    return 4


@kernel
def _key(words, begin, length):
    """Hash of `length` bytes at `begin` of `words` (`eight_bytes`); one-to-one for lengths up to 8."""
    h = np.uint64(0)
    i = begin
    left = length
    while left > 0:
        x = words[i]
        if left < 8:
            x &= ALL_BITS >> np.uint64(64 - 8 * left)
        h = (h ^ x) * MIX1
        h = (h ^ (h >> S32)) * MIX2
        h ^= h >> S29
        i += 8
        left -= 8
    return h


@kernel
def _same(words_a, a, words_b, b, length):
    """Whether `length` bytes at `a` and at `b` are equal."""
    while length >= 8:
        if words_a[a] != words_b[b]:
            return False
        a += 8
        b += 8
        length -= 8
    return length == 0 or ((words_a[a] ^ words_b[b]) << np.uint64(64 - 8 * length)) == 0


@kernel
def _find(words, begin, length, key, slots, starts, arena_words):
    """The id of a word, or -1 - s where s is the empty slot that it would take."""
    mask = np.int64(slots.shape[0] // 2 - 1)
    slot = np.int64(key & np.uint64(mask))
    while True:
        entry = slots[2 * slot + 1]
        if entry == 0:
            return -1 - slot
        if slots[2 * slot] == key and np.int64(entry >> S32) == length:
            word = np.int64(entry & LOW_32) - 1
            if length <= 8 or _same(words, begin, arena_words, starts[word], length):
                return word
        slot = (slot + 1) & mask


@kernel
def _add(data, begin, length, key, slot, slots, counts, starts, arena, state):
    """Enter a new word into `slot` and return its id, or -1 when the table must grow first."""
    word = state[N_WORDS]
    used = state[ARENA_USED]
    if word >= counts.shape[0] or used + length + PADDING > arena.shape[0]:
        state[NEEDED] = length
        return -1
    for i in range(length):
        arena[used + i] = data[begin + i]
    slots[2 * slot] = key
    slots[2 * slot + 1] = np.uint64(length) << S32 | np.uint64(word + 1)
    counts[word] = 0
    starts[word + 1] = used + length
    state[ARENA_USED] = used + length
    state[N_WORDS] = word + 1
    return word


@kernel
def scan(data, words, stop, slots, counts, starts, arena, arena_words, out, state, frozen):
    """Scan ``data[state[POSITION]:stop]`` and append ids to `out`.

    Parameters
    ----------
    data : uint8 (stop + PADDING,)
        Text followed by the padding that `close` writes.
    words : uint64 (stop + PADDING - 7,)
        `eight_bytes` of `data`.
    slots, counts, starts, arena, arena_words
        The arrays of a `WordTable`.
    out : int32 (>= stop + 1,)
        Receives ids, and `SENTENCE_END` for each line feed that does not follow another.
    state : int64 (8,)
        Position, ids written, words, bytes used in the arena; set on return also the room needed (GROW), the place
        of the first bad byte (INVALID), line feeds seen and words unknown to a frozen table.
    frozen : bool
        Leave out unknown words instead of adding them.

    Returns
    -------
    int
        DONE, GROW or INVALID. Call again from the same `state` after mending the cause.
    """
    pos = state[POSITION]
    n_out = state[N_OUT]
    status = DONE
    while pos < stop:
        byte = data[pos]
        if ASCII_SPACES[byte]:
            pos += 1
            if byte == 10:
                state[N_LINES] += 1
                if n_out == 0 or out[n_out - 1] != SENTENCE_END:
                    out[n_out] = SENTENCE_END
                    n_out += 1
            continue
        begin = pos
        step = 1
        while True:
            if byte < 0x80:
                x = words[pos]
                marks = ((x - BELOW_LETTERS) | x) & HIGH_BITS
                if marks == 0:
                    pos += 8
                    byte = data[pos]
                    continue
                pos += np.int64((((marks & (~marks + ONE)) >> S7) * BYTE_INDEX) >> S56)
                byte = data[pos]
                if byte < 0x80:
                    if ASCII_SPACES[byte]:
                        break
                    pos += 1
                    byte = data[pos]
                    continue
            step = _character(data, pos)
            if step <= 0:
                break
            pos += step
            byte = data[pos]
            if ASCII_SPACES[byte]:
                break
        if step == 0:
            state[BAD_BYTE] = pos
            pos = begin
            status = INVALID
            break
        length = pos - begin
        if length > 0:
            key = _key(words, begin, length)
            word = _find(words, begin, length, key, slots, starts, arena_words)
            if word < 0:
                if frozen:
                    state[N_UNKNOWN] += 1
                else:
                    word = _add(data, begin, length, key, -1 - word, slots, counts, starts, arena, state)
                    if word < 0:
                        pos = begin
                        status = GROW
                        break
            if word >= 0:
                counts[word] += 1
                out[n_out] = word
                n_out += 1
        if step < 0:
            pos -= step
    state[POSITION] = pos
    state[N_OUT] = n_out
    return status


@kernel
def rehash(old, new):
    """Enter all slots of `old` into the empty, larger `new` (uint64, two a slot)."""
    mask = np.int64(new.shape[0] // 2 - 1)
    for i in range(old.shape[0] // 2):
        if old[2 * i + 1] != 0:
            slot = np.int64(old[2 * i] & np.uint64(mask))
            while new[2 * slot + 1] != 0:
                slot = (slot + 1) & mask
            new[2 * slot] = old[2 * i]
            new[2 * slot + 1] = old[2 * i + 1]


@kernel
def insert(blob, blob_words, offsets, amounts, slots, counts, starts, arena, arena_words, ids, state):
    """Add the words ``blob[offsets[i]:offsets[i + 1]]`` with their `amounts` to a table; `ids` (int64) says where.

    Goes on from word ``state[POSITION]``; returns DONE or GROW.
    """
    i = state[POSITION]
    status = DONE
    while i < offsets.shape[0] - 1:
        begin = offsets[i]
        length = offsets[i + 1] - begin
        key = _key(blob_words, begin, length)
        word = _find(blob_words, begin, length, key, slots, starts, arena_words)
        if word < 0:
            word = _add(blob, begin, length, key, -1 - word, slots, counts, starts, arena, state)
            if word < 0:
                status = GROW
                break
        counts[word] += amounts[i]
        ids[i] = word
        i += 1
    state[POSITION] = i
    return status


@kernel
def gather(arena, starts, order, blob, offsets):
    """Copy the words `order` (int64) out of an arena: `blob` (uint8) and `offsets` (int64, one more than words)."""
    at = offsets[0]
    for i in range(order.shape[0]):
        for j in range(starts[order[i]], starts[order[i] + 1]):
            blob[at] = arena[j]
            at += 1
        offsets[i + 1] = at


@kernel
def renumber(ids, mapping, out, state):
    """Replace provisional `ids` (int32) by ``mapping[id]``, leaving out negative ones and empty sentences.

    `out` may be `ids` itself. `state` (int64 (3,)): whether the sentence so far has words, words and sentences in all;
    it carries over from piece to piece. Returns how many were written.
    """
    n = 0
    open_sentence = state[0]
    for i in range(ids.shape[0]):
        word = ids[i]
        if word >= 0:
            word = mapping[word]
            if word >= 0:
                out[n] = word
                n += 1
                open_sentence = 1
                state[1] += 1
        elif open_sentence != 0:
            out[n] = SENTENCE_END
            n += 1
            open_sentence = 0
            state[2] += 1
    state[0] = open_sentence
    return n


class WordTable:
    """Words as bytes with ids in order of first appearance and 64-bit counts; grows by doubling.

    Parameters
    ----------
    capacity : int
        Words that fit before it grows.

    Attributes
    ----------
    counts : int64 (n_words,)
    offsets : int64 (n_words + 1,)
        Where each word starts in `arena`.
    arena : uint8
        The words' bytes, one behind the other.
    n_unknown : int
        Tokens that a frozen table did not know.
    """

    def __init__(self, capacity: int = 1 << 15) -> None:
        slots = 2
        while slots < 2 * capacity:
            slots *= 2
        self.slots = np.zeros(2 * slots, dtype=np.uint64)
        self._counts = np.empty(slots // 2, dtype=np.int64)
        self._starts = np.zeros(slots // 2 + 1, dtype=np.int64)
        self.arena = np.empty(8 * slots, dtype=np.uint8)
        self.n_words = 0
        self.arena_used = 0
        self.n_unknown = 0

    @property
    def counts(self) -> np.ndarray:
        return self._counts[: self.n_words]

    @property
    def offsets(self) -> np.ndarray:
        return self._starts[: self.n_words + 1]

    def scan(self, buffer: np.ndarray, size: int, out: np.ndarray, start: int = 0, n_out: int = 0,
             frozen: bool = False) -> tuple[int, int, int, int]:
        """Scan ``buffer[start:size]``; `buffer` was padded by `close`.

        Returns
        -------
        (n_out, n_lines, position, bad_byte)
            `bad_byte` is -1, or where a byte is not UTF-8; then `position` is the start of the word that holds it.
        """
        words = eight_bytes(buffer)
        state = np.zeros(8, dtype=np.int64)
        state[[POSITION, N_OUT]] = start, n_out
        while True:
            state[[N_WORDS, ARENA_USED]] = self.n_words, self.arena_used
            status = scan(buffer, words, size, self.slots, self._counts, self._starts, self.arena,
                          eight_bytes(self.arena), out, state, frozen)
            self.n_words, self.arena_used = int(state[N_WORDS]), int(state[ARENA_USED])
            if status != GROW:
                break
            self._grow(int(state[NEEDED]))
        self.n_unknown += int(state[N_UNKNOWN])
        bad = int(state[BAD_BYTE]) if status == INVALID else -1
        return int(state[N_OUT]), int(state[N_LINES]), int(state[POSITION]), bad

    def insert(self, blob: np.ndarray, offsets: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Add words with their counts; `blob` has `PADDING` spare bytes behind the last word. Returns int64 ids."""
        ids = np.empty(len(counts), dtype=np.int64)
        state = np.zeros(8, dtype=np.int64)
        words = eight_bytes(blob)
        while True:
            state[[N_WORDS, ARENA_USED]] = self.n_words, self.arena_used
            status = insert(blob, words, offsets, counts, self.slots, self._counts, self._starts, self.arena,
                            eight_bytes(self.arena), ids, state)
            self.n_words, self.arena_used = int(state[N_WORDS]), int(state[ARENA_USED])
            if status == DONE:
                return ids
            self._grow(int(state[NEEDED]))

    def take(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The words `order` (int64 ids) as a blob (uint8, padded) and offsets (int64, one more than words)."""
        lengths = self._starts[order + 1] - self._starts[order]
        blob = np.zeros(int(lengths.sum()) + PADDING, dtype=np.uint8)
        offsets = np.zeros(len(order) + 1, dtype=np.int64)
        gather(self.arena, self._starts, order.astype(np.int64, copy=False), blob, offsets)
        return blob, offsets

    def _grow(self, length: int) -> None:
        if self.n_words == len(self._counts):
            if self.n_words >= 2**31 - 1:
                raise OverflowError("more than 2**31 - 1 distinct words")
            larger = np.zeros(2 * len(self.slots), dtype=np.uint64)
            rehash(self.slots, larger)
            self.slots = larger
            self._counts = _lengthened(self._counts, 2 * len(self._counts))
            self._starts = _lengthened(self._starts, len(self._counts) + 1)
        if self.arena_used + length + PADDING > len(self.arena):
            self.arena = _lengthened(self.arena, max(2 * len(self.arena), self.arena_used + length + PADDING))


def _lengthened(array: np.ndarray, size: int) -> np.ndarray:
    longer = np.empty(size, dtype=array.dtype)
    longer[: len(array)] = array
    return longer
