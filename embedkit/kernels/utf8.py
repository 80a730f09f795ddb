"""Code points of UTF-8, for kernels that look at characters."""

from __future__ import annotations

import numpy as np

from embedkit.kernels.compiling import kernel


@kernel(forceinline=True)
def character(data, i):
    """Bytes of the non-ASCII character at `i`: positive for a letter, negative for white space, 0 if not UTF-8.

    White space: U+0085, 00A0, 1680, 2000–200A, 2028, 2029, 202F, 205F, 3000.
    """
    b0 = data[i]
    b1 = data[i + 1]
    if b0 < 0xC2 or (b1 & 0xC0) != 0x80:
        return 0
    if b0 < 0xE0:
        return -2 if b0 == 0xC2 and b1 in (0x85, 0xA0) else 2
    b2 = data[i + 2]
    if (b2 & 0xC0) != 0x80:
        return 0
    if b0 < 0xF0:
        if b0 > 0xE3:
            return 0 if b0 == 0xED and b1 > 0x9F else 3
        if b0 == 0xE2:
            if b1 == 0x80 and (b2 <= 0x8A or b2 in (0xA8, 0xA9, 0xAF)):
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


@kernel(forceinline=True)
def code_point(data, i):
    """The code point of the character at `i` of valid UTF-8 (uint8), and its bytes."""
    b = int(data[i])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return (b & 31) << 6 | int(data[i + 1]) & 63, 2
    if b < 0xF0:
        return (b & 15) << 12 | (int(data[i + 1]) & 63) << 6 | int(data[i + 2]) & 63, 3
    return (b & 7) << 18 | (int(data[i + 1]) & 63) << 12 | (int(data[i + 2]) & 63) << 6 | int(data[i + 3]) & 63, 4


@kernel(forceinline=True)
def is_syllable(b0, b1):
    """Whether these first bytes of a character say that it is a Hangul syllable; those above U+D77F are left out."""
    return (b0 == 0xEB) | (b0 == 0xEC) | ((b0 == 0xEA) & (b1 >= 0xB0)) | ((b0 == 0xED) & (b1 < 0x9E))


def plain_bytes(is_plain: np.ndarray) -> np.ndarray:
    """For `copy_plain`: which bytes only plain characters begin with, and all that never begin one (bool (256,)).

    Parameters
    ----------
    is_plain : bool (n_code_points,)
        Characters above U+FFFF count as not plain.
    """
    plain = np.zeros(256, bool)
    plain[:0x80] = is_plain[:0x80]
    plain[0x80:0xC0] = True
    for lead in range(0xC2, 0xE0):
        plain[lead] = is_plain[(lead & 31) << 6 : ((lead & 31) + 1) << 6].all()
    for lead in range(0xE0, 0xF0):
        plain[lead] = is_plain[(lead & 15) << 12 : ((lead & 15) + 1) << 12].all()
    return plain


@kernel(forceinline=True)
def copy_plain(data, i, size, plain, out, to):
    """Copy valid UTF-8 from `i` on as long as its characters are plain; returns how many bytes.

    Byte by byte: walking from character to character took four times as long, since the next place waits for the
    length of this one.

    Parameters
    ----------
    data, out : uint8
    plain : bool (256,)
        Of `plain_bytes`.
    """
    for j in range(i, size):
        b = data[j]
        if not plain[b]:
            return j - i
        out[to] = b
        to += 1
    return size - i


@kernel(forceinline=True)
def last_start(data, size):
    """Where the last character of `size` > 0 bytes of valid UTF-8 begins."""
    i = size - 1
    while data[i] & 0xC0 == 0x80:
        i -= 1
    return i
