"""Glosses in brackets and closing quotes inside Korean words, in bytes, for the tokenizer korean.

`embedkit.text.tokenizers.without_glosses` says the same with regular expressions.
"""

from __future__ import annotations

from embedkit.kernels.compiling import kernel
from embedkit.kernels.utf8 import code_point, copy_plain, last_start

HANGUL, HANJA, CLOSING, OPENING_BRACKET, CLOSING_BRACKET, LETTER = 1, 2, 4, 8, 16, 32
MOST_CHARACTERS = 80  # of a gloss
_BRACKET = OPENING_BRACKET | CLOSING_BRACKET


@kernel(forceinline=True)
def _bits_and_length(data, i, bits):
    """The bits of the character at `i` of valid UTF-8, and its bytes."""
    code, length = code_point(data, i)
    return (bits[code] if code < bits.shape[0] else 0), length


@kernel(forceinline=True)
def _behind_run(data, i, size, bits, wanted):
    """Where the run of characters with a bit of `wanted` that begins at `i` ends."""
    while i < size:
        found, length = _bits_and_length(data, i, bits)
        if not found & wanted:
            break
        i += length
    return i


@kernel(forceinline=True)
def _is_behind_hangul(data, i, bits):
    """Whether the character before `i` is Hangul; all Hangul takes three bytes."""
    if i < 3 or data[i - 1] & 0xC0 != 0x80 or data[i - 2] & 0xC0 != 0x80 or data[i - 3] < 0xE0:
        return False
    found, _ = _bits_and_length(data, i - 3, bits)
    return found & HANGUL != 0


@kernel
def _end_of_gloss(data, start, size, bits):
    """Where the closing bracket of a gloss stands whose text begins at `start`, or −1."""
    i = start
    for _ in range(MOST_CHARACTERS + 1):
        if i >= size or data[i] == 10:
            return -1
        found, length = _bits_and_length(data, i, bits)
        if found & _BRACKET:
            return i if found & CLOSING_BRACKET and i > start else -1
        i += length
    return -1


@kernel(forceinline=True)
def _copy(data, start, stop, out, to):
    for i in range(start, stop):
        out[to] = data[i]
        to += 1
    return to


@kernel
def put_glosses_behind(data, size, out, bits, plain):
    """Copy valid UTF-8 with each gloss behind its word, its Hanja left out; return the new size, never greater.

    Parameters
    ----------
    data, out : uint8 (>= size,)
        The text, and what is written to.
    size : int
    bits : uint8 (n_code_points,)
        Of `embedkit.text.tokenizers.gloss_bits`.
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
        found, bracket = _bits_and_length(data, i, bits)
        if not found & OPENING_BRACKET:
            to = _copy(data, i, i + bracket, out, to)
            i += bracket
            continue
        end = _end_of_gloss(data, i + bracket, size, bits) if _is_behind_hangul(data, i, bits) else -1
        if end < 0:
            to = _copy(data, i, i + bracket, out, to)
            i += bracket
            continue
        _, length = _bits_and_length(data, end, bits)
        ending = _behind_run(data, end + length, size, bits, CLOSING)
        behind = _behind_run(data, ending, size, bits, HANGUL)
        to = _copy(data, ending, behind, out, to)
        out[to] = 32
        to += 1
        place = i + bracket
        while place < end:
            found, length = _bits_and_length(data, place, bits)
            if found & HANJA:
                place = _behind_run(data, place, end, bits, HANJA)
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
def join_behind_closing(data, size, out, bits, plain):
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
        found, length = _bits_and_length(data, i, bits)
        stop = i + length
        if found & CLOSING:
            stop = _behind_run(data, stop, size, bits, CLOSING)
            behind_letter = to > 0 and _bits_and_length(out, last_start(out, to), bits)[0] & LETTER != 0
            if behind_letter and stop < size and _bits_and_length(data, stop, bits)[0] & HANGUL:
                i = stop
                continue
        to = _copy(data, i, stop, out, to)
        i = stop
    return to
