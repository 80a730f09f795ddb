"""The byte scanner: from UTF-8 bytes to provisional word ids and counts in one pass.

`embedkit.vocabulary.word_table.WordTable` is an open-addressing hash table over words as bytes. Each word has a record
in an arena of uint64: its count, ``length << 32 | id``, then its bytes, padded with zeros. A slot of the table is one
uint64, 24 bits of the word's key above 40 bits of its record's place (0: empty). So a word costs two memory accesses,
its slot and its record. Ids are given in the order of first appearance.

`scan` goes in batches: cut `BATCH` words, load all their slots, load all their records, then compare and count. The
loads of a step do not wait for each other, which hides most of the memory's latency: on Korean text, where every
fifth token is a new word, that made the scanner twice as fast.

What bounds it now, on a quiet core: English 22 ns a token, half of it cutting, half the table; Korean 67 ns, of which
20 are cutting, 25 the table of 1.6 million words, and the rest entering new ones. With two workers and many distinct
words the merge of their tables, on one thread, is a fifth of the whole.

Cutting reads eight bytes of ASCII at a time: ``((x - 0x21…) | x) & 0x80…`` marks the first byte that is below ``!`` or
above ``~``, which ends most English words in one step. From a word's first other character on sixteen bytes are looked
at in one step, which finds the white space among them and checks that they are UTF-8 (`embedkit.kernels.byte_vectors`);
only where that says so are characters looked at one by one (Unicode standard, table 3-7). What separates words is
exactly what `str.split` takes, and only a line feed ends a sentence. A word of invisible characters alone is none.
"""

from __future__ import annotations

import numpy as np

from embedkit.kernels import SENTENCE_END
from embedkit.kernels.byte_vectors import BROKEN, BYTES, trailing_zeros, word_ends
from embedkit.kernels.compiling import kernel
from embedkit.kernels.invisible import MAY_BE_INVISIBLE, is_unseen
from embedkit.kernels.simd import prefetch
from embedkit.kernels.utf8 import character

PADDING = 16  # bytes after the text in every buffer: a line feed, then spaces
BATCH = 128
POSITION, N_OUT, N_WORDS, ARENA_USED, NEEDED, BAD_BYTE, N_LINES, N_UNKNOWN = range(8)
DONE, GROW, INVALID = 0, 1, 2
NEW_LINE = -1  # in place of a word's beginning in a batch
FIRST_PLACE = 2  # of a record; an empty slot reads as the place 0, where nothing but zeros lie

ASCII_SPACES = np.zeros(256, dtype=np.bool_)
ASCII_SPACES[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = True

BELOW_LETTERS = np.uint64(0x2121212121212121)
HIGH_BITS = np.uint64(0x8080808080808080)
BYTE_INDEX = np.uint64(0x0001020304050607)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE, S7, S32, S56 = np.uint64(1), np.uint64(7), np.uint64(32), np.uint64(56)
MIX = np.uint64(0x9E3779B97F4A7C15)
LOW_32, S40, LOW_40 = np.uint64(0xFFFFFFFF), np.uint64(40), np.uint64((1 << 40) - 1)


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


@kernel(forceinline=True)
def _key(words, begin, length):
    """A 64-bit hash of `length` bytes at `begin` of `words` (`eight_bytes`)."""
    h = np.uint64(length)
    i = begin
    left = length
    while left > 0:
        x = words[i]
        if left < 8:
            x &= ALL_BITS >> np.uint64(64 - 8 * left)
        h = (h ^ x) * MIX
        h ^= h >> S32
        i += 8
        left -= 8
    return h


@kernel(forceinline=True)
def _is_word(words, begin, length, arena, place):
    """Whether the record at `place` is that of the `length` bytes at `begin`."""
    if np.int64(arena[place + 1] >> S32) != length:
        return False
    place += 2
    while length >= 8:
        if words[begin] != arena[place]:
            return False
        begin += 8
        place += 1
        length -= 8
    return length == 0 or words[begin] & (ALL_BITS >> np.uint64(64 - 8 * length)) == arena[place]


@kernel
def _add(words, begin, length, key, slot, slots, arena, state, max_words):
    """Enter a new word into an empty `slot`; returns the place of its record, or -1 when the table must grow first."""
    place = state[ARENA_USED]
    word = state[N_WORDS]
    end = place + 2 + (length + 7) // 8
    if word >= max_words or end > arena.shape[0]:
        state[NEEDED] = length
        return -1
    slots[slot] = key >> S40 << S40 | np.uint64(place)
    arena[place] = 0
    arena[place + 1] = np.uint64(length) << S32 | np.uint64(word)
    to = place + 2
    while length > 0:
        x = words[begin]
        if length < 8:
            x &= ALL_BITS >> np.uint64(64 - 8 * length)
        arena[to] = x
        to += 1
        begin += 8
        length -= 8
    state[ARENA_USED] = end
    state[N_WORDS] = word + 1
    return place


@kernel(forceinline=True)
def _find(words, begin, length, key, slots, arena):
    """The place of a word's record, or -1 - s where s is the empty slot that it would take."""
    mask = np.int64(slots.shape[0] - 1)
    slot = np.int64(key & np.uint64(mask))
    while True:
        entry = slots[slot]
        if entry == 0:
            return -1 - slot
        if entry >> S40 == key >> S40:
            place = np.int64(entry & LOW_40)
            if _is_word(words, begin, length, arena, place):
                return place
        slot = (slot + 1) & mask


@kernel(inline="always")
def _fetch(n, keys, slots, arena, entries, heads):
    """Load the first slot of each key into `entries`, and the head of the record that it points to into `heads`."""
    mask = np.uint64(slots.shape[0] - 1)
    for i in range(n):
        entries[i] = slots[np.int64(keys[i] & mask)]
    for i in range(n):
        heads[i] = arena[np.int64(entries[i] & LOW_40) + 1]


@kernel(borrows=True)
def _end_of_word(data, pos):
    """Where from a character on (at 3 or later) a word ends or a closer look is needed; -1 near what is not UTF-8."""
    while True:
        stops = word_ends(data, pos)
        if stops >= BROKEN:
            return -1
        if stops:
            return pos + trailing_zeros(stops)
        pos += BYTES


@kernel(inline="always")
def _cut(data, words, pos, stop, begins, lengths, keys, state):
    """Cut a batch of words, and line feeds as `NEW_LINE`; returns (how many, position, whether all bytes are UTF-8).

    Part of `scan`; inlined by numba, which compiles half a second faster than leaving that to LLVM.
    """
    n = 0
    while pos < stop and n < BATCH:
        byte = data[pos]
        if ASCII_SPACES[byte]:
            pos += 1
            if byte == 10:
                begins[n] = NEW_LINE
                keys[n] = 0
                n += 1
            continue
        begin = pos
        singly_below = 3
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
            if pos >= singly_below:
                end = _end_of_word(data, pos)
                if end < 0:  # here or just behind this word bytes are not UTF-8: character by character
                    pos = begin
                    byte = data[pos]
                    singly_below = stop
                    continue
                pos = end
                byte = data[pos]
                if byte < 0x80:
                    break
            step = character(data, pos)
            if step <= 0:
                break
            pos += step
            byte = data[pos]
            if ASCII_SPACES[byte]:
                break
        if step == 0:
            state[BAD_BYTE] = pos
            return n, begin, False
        length = pos - begin
        if length > 0 and not (MAY_BE_INVISIBLE[data[begin]] and is_unseen(data, begin, pos)):
            begins[n] = begin
            lengths[n] = length
            keys[n] = _key(words, begin, length)
            n += 1
        if step < 0:
            pos -= step
    return n, pos, True


@kernel
def scan(data, words, stop, slots, arena, max_words, out, state, frozen, keep_empty):
    """Scan ``data[state[POSITION]:stop]`` and append ids to `out`.

    Parameters
    ----------
    data : uint8 (stop + PADDING,)
        Text followed by the padding that `close` writes.
    words : uint64 (stop + PADDING - 7,)
        `eight_bytes` of `data`.
    slots, arena : uint64
        The arrays of a `WordTable`.
    max_words : int
        Words that `slots` may hold.
    out : int32 (>= stop + 1,)
        Receives ids, and `SENTENCE_END` for each line feed, of several side by side for the first.
    state : int64 (8,)
        Position, ids written, words, items used in the arena; on return also the length of the word that needs room
        (GROW), the place of the first bad byte (INVALID), line feeds seen and words unknown to a frozen table.
    frozen : bool
        Leave out unknown words instead of adding them.
    keep_empty : bool
        Write `SENTENCE_END` for every line feed.

    Returns DONE, GROW or INVALID; call again from the same `state` after mending the cause.
    """
    begins, lengths = np.empty(BATCH, dtype=np.int64), np.empty(BATCH, dtype=np.int64)
    keys, entries, heads = np.empty(BATCH, np.uint64), np.empty(BATCH, np.uint64), np.empty(BATCH, np.uint64)
    n_out = state[N_OUT]
    valid = True
    while state[POSITION] < stop and valid:
        n, next_position, valid = _cut(data, words, state[POSITION], stop, begins, lengths, keys, state)
        _fetch(n, keys, slots, arena, entries, heads)
        for i in range(n):
            begin = begins[i]
            if begin == NEW_LINE:
                state[N_LINES] += 1
                if keep_empty or n_out == 0 or out[n_out - 1] != SENTENCE_END:
                    out[n_out] = SENTENCE_END
                    n_out += 1
                continue
            place = np.int64(entries[i] & LOW_40)
            if np.int64(heads[i] >> S32) != lengths[i] or not _is_word(words, begin, lengths[i], arena, place):
                place = _find(words, begin, lengths[i], keys[i], slots, arena)
            if place < 0:
                if frozen:
                    state[N_UNKNOWN] += 1
                    continue
                place = _add(words, begin, lengths[i], keys[i], -1 - place, slots, arena, state, max_words)
                if place < 0:
                    state[POSITION] = begin
                    state[N_OUT] = n_out
                    return GROW
            arena[place] += ONE
            out[n_out] = np.int32(arena[place + 1] & LOW_32)
            n_out += 1
        state[POSITION] = next_position
    state[N_OUT] = n_out
    return DONE if valid else INVALID


@kernel
def rehash(arena, used, slots):
    """Enter every word of an arena into empty `slots`."""
    mask = np.int64(slots.shape[0] - 1)
    keys, places = np.empty(BATCH, np.uint64), np.empty(BATCH, np.int64)
    place = FIRST_PLACE
    while place < used:
        n = 0
        while n < BATCH and place < used:
            length = np.int64(arena[place + 1] >> S32)
            h = np.uint64(length)
            for i in range(place + 2, place + 2 + (length + 7) // 8):
                h = (h ^ arena[i]) * MIX
                h ^= h >> S32
            keys[n] = h
            places[n] = place
            n += 1
            place += 2 + (length + 7) // 8
        for i in range(n):
            prefetch(slots, np.int64(keys[i]) & mask)
        for i in range(n):
            slot = np.int64(keys[i]) & mask
            while slots[slot] != 0:
                slot = (slot + 1) & mask
            slots[slot] = keys[i] >> S40 << S40 | np.uint64(places[i])


@kernel
def insert(words, begins, lengths, amounts, slots, arena, max_words, ids, state):
    """Add words with their `amounts` to a table: `lengths` bytes at `begins` of `words`; `ids` (int64) says where.

    Goes on from word ``state[POSITION]``; returns DONE or GROW.
    """
    keys, entries, heads = np.empty(BATCH, np.uint64), np.empty(BATCH, np.uint64), np.empty(BATCH, np.uint64)
    for start in range(state[POSITION], begins.shape[0], BATCH):
        n = min(BATCH, begins.shape[0] - start)
        for i in range(n):
            keys[i] = _key(words, begins[start + i], lengths[start + i])
        _fetch(n, keys, slots, arena, entries, heads)
        for i in range(n):
            begin, length = begins[start + i], lengths[start + i]
            place = _find(words, begin, length, keys[i], slots, arena)
            if place < 0:
                place = _add(words, begin, length, keys[i], -1 - place, slots, arena, state, max_words)
                if place < 0:
                    state[POSITION] = start + i
                    return GROW
            arena[place] += np.uint64(amounts[start + i])
            ids[start + i] = np.int64(arena[place + 1] & LOW_32)
    return DONE


@kernel
def index(arena, place, places, lengths, counts):
    """Fill in where each word's bytes start (in bytes), how many there are, and its count (all int64 (n_words,)).

    `place` is that of the first word's record.
    """
    for i in range(places.shape[0]):
        places[i] = 8 * (place + 2)
        lengths[i] = np.int64(arena[place + 1] >> S32)
        counts[i] = np.int64(arena[place])
        place += 2 + (lengths[i] + 7) // 8


@kernel
def gather(data, begins, lengths, blob, offsets):
    """Copy words, `lengths` bytes at `begins` of `data`, into `blob` (uint8) at `offsets` (int64)."""
    for i in range(begins.shape[0]):
        for j in range(lengths[i]):
            blob[offsets[i] + j] = data[begins[i] + j]


@kernel
def renumber(ids, mapping, out, state, keep_empty=False):
    """Replace provisional `ids` (int32) by ``mapping[id]``, leaving out negative ones and, as a rule, empty sentences.

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
        elif keep_empty or open_sentence != 0:
            out[n] = SENTENCE_END
            n += 1
            open_sentence = 0
            state[2] += 1
    state[0] = open_sentence
    return n
