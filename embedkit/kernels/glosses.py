"""Glosses in brackets and closing quotes inside Korean words, in bytes, for the tokenizer korean.

`embedkit.text.tokenizers.without_glosses` says the same with regular expressions.
"""

from __future__ import annotations

from embedkit.kernels.compiling import kernel
from embedkit.kernels.punctuation import OUTSIDE
from embedkit.kernels.utf8 import character, code_point, copy_plain, last_start

# An entry of the table: the class of `embedkit.kernels.punctuation`, above it these bits. A line that holds anything
# HARD is not for the one pass of `embedkit.kernels.korean`.
KIND = 7
HANGUL, HANJA, CLOSING, OPENING_BRACKET, CLOSING_BRACKET, LETTER, HARD = (1 << place for place in range(3, 10))
MOST_CHARACTERS = 80  # of a gloss
_BRACKET = OPENING_BRACKET | CLOSING_BRACKET


@kernel(forceinline=True)
def entry_and_length(data, i, entries):
    """The entry of the character at `i`, and its bytes; what is not UTF-8 is HARD."""
    if data[i] >= 0x80 and character(data, i) == 0:
        return HARD, 1
    code, length = code_point(data, i)
    if code < entries.shape[0]:
        return int(entries[code]), length
    return (HARD if 0xE0020 <= code < 0xE0080 or 0xE0100 <= code < 0xE01F0 else OUTSIDE), length


@kernel(borrows=True)
def behind_run(data, i, size, entries, wanted):
    """Where the run of characters with a bit of `wanted` that begins at `i` ends."""
    while i < size:
        entry, length = entry_and_length(data, i, entries)
        if not entry & wanted:
            break
        i += length
    return i


@kernel(borrows=True)
def is_behind_hangul(data, i, entries):
    """Whether the character before `i` is Hangul; all Hangul takes three bytes."""
    if i < 3 or data[i - 1] & 0xC0 != 0x80 or data[i - 2] & 0xC0 != 0x80 or data[i - 3] < 0xE0:
        return False
    return entry_and_length(data, i - 3, entries)[0] & HANGUL != 0


@kernel(borrows=True)
def end_of_gloss(data, start, size, entries):
    """Where the closing bracket of a gloss stands whose text begins at `start`, or −1."""
    i = start
    for _ in range(MOST_CHARACTERS + 1):
        if i >= size or data[i] == 10:
            return -1
        entry, length = entry_and_length(data, i, entries)
        if entry & _BRACKET:
            return i if entry & CLOSING_BRACKET and i > start else -1
        i += length
    return -1


@kernel(forceinline=True)
def last_entry(out, to, entries):
    """The entry of the last character that was written; OUTSIDE of none."""
    return entry_and_length(out, last_start(out, to), entries)[0] if to > 0 else OUTSIDE


@kernel(forceinline=True)
def _copy(data, start, stop, out, to):
    for i in range(start, stop):
        out[to] = data[i]
        to += 1
    return to


@kernel
def put_glosses_behind(data, size, out, entries, plain):
    """Copy valid UTF-8 with each gloss behind its word, its Hanja left out; return the new size, never greater.

    Parameters
    ----------
    data, out : uint8 (>= size,)
        Valid UTF-8, and what is written to.
    size : int
    entries : uint16 (n_code_points,)
        Of `embedkit.text.tokenizers.korean_entries`.
    plain : bool (256,)
        `embedkit.kernels.utf8.plain_bytes` of what is no opening bracket.
    """
    i = to = 0
    while i < size:
        n = copy_plain(data, i, size, plain, out, to)
        i += n
        to += n
        if i >= size:
            break
        found, bracket = entry_and_length(data, i, entries)
        if not found & OPENING_BRACKET:
            to = _copy(data, i, i + bracket, out, to)
            i += bracket
            continue
        end = end_of_gloss(data, i + bracket, size, entries) if is_behind_hangul(data, i, entries) else -1
        if end < 0:
            to = _copy(data, i, i + bracket, out, to)
            i += bracket
            continue
        _, length = entry_and_length(data, end, entries)
        ending = behind_run(data, end + length, size, entries, CLOSING)
        behind = behind_run(data, ending, size, entries, HANGUL)
        to = _copy(data, ending, behind, out, to)
        out[to] = 32
        to += 1
        place = i + bracket
        while place < end:
            found, length = entry_and_length(data, place, entries)
            if found & HANJA:
                place = behind_run(data, place, end, entries, HANJA)
                out[to] = 32
                to += 1
            else:
                to = _copy(data, place, place + length, out, to)
                place += length
        out[to] = 32
        to += 1
        i = behind
    return to


@kernel
def join_behind_closing(data, size, out, entries, plain):
    """Copy text without closing quotes and brackets between a letter and Hangul; return the new size.

    Parameters as in `put_glosses_behind`; `plain` is that of what closes nothing.
    """
    i = to = 0
    while i < size:
        n = copy_plain(data, i, size, plain, out, to)
        i += n
        to += n
        if i >= size:
            break
        found, length = entry_and_length(data, i, entries)
        stop = i + length
        if found & CLOSING:
            stop = behind_run(data, stop, size, entries, CLOSING)
            behind_letter = last_entry(out, to, entries) & LETTER != 0
            if behind_letter and stop < size and entry_and_length(data, stop, entries)[0] & HANGUL:
                i = stop
                continue
        to = _copy(data, i, stop, out, to)
        i = stop
    return to
