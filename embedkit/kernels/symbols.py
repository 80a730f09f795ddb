"""Symbols set apart in bytes, for the tokenizers words and korean, and what a text needs at all.

`embedkit.text.symbols.apart` says the same with regular expressions.
"""

from __future__ import annotations

from embedkit.kernels.compiling import kernel
from embedkit.kernels.tokens import HIGH_BITS
from embedkit.kernels.utf8 import character, code_point, copy_plain, is_syllable, last_start

# What a code point is to `set_apart`; the table holds these in its low bits, and flags for `survey` above them.
PLAIN, LETTER, DIGIT, PICTURE, TONE, SELECTOR, KEYCAP, ZERO_WIDTH, FLAG, SIGN, IGNORED, FILLER, KEYCAP_SIGN = range(13)
KIND = 15
SPECIAL, UNCOMPOSED = 16, 32
SPACES_PER_BYTE = 2
"""`set_apart` writes at most so many bytes for each byte that it reads."""

_NOTHING, _IN_PICTURE, _JOINED, _ONE_FLAG, _DONE = range(5)


@kernel(forceinline=True)
def _class_and_length(data, i, classes):
    """The entry of the character at `i` of valid UTF-8, and its bytes."""
    code, length = code_point(data, i)
    if code < classes.shape[0]:
        return classes[code], length
    if 0xE0020 <= code < 0xE0080:  # tags, which end flags of regions
        return SELECTOR | SPECIAL, 4
    if 0xE0100 <= code < 0xE01F0:  # variation selectors of ideographs
        return IGNORED | SPECIAL, 4
    return PLAIN, 4


@kernel(forceinline=True)
def _line_start(data, i):
    while i > 0 and data[i - 1] != 10:
        i -= 1
    return i


@kernel
def survey(data, words, size, classes, lines):
    """Whether text needs `set_apart`, which of its lines may not be composed to NFC, and whether it is UTF-8.

    Parameters
    ----------
    data : uint8 (>= size + PADDING,)
        With the padding that `embedkit.kernels.tokens.close` writes.
    words : uint64
        `embedkit.kernels.tokens.eight_bytes` of `data`.
    size : int
    classes : uint8 (n_code_points,)
        Of `embedkit.text.symbols.symbol_classes`.
    lines : int64 (capacity, 2)
        Written to: where these lines begin and end.

    Returns
    -------
    is_special : bool
    n_lines : int
        May be greater than the capacity; those beyond it are not written.
    bad_byte : int
        The place of the first byte that is not UTF-8, or -1.
    """
    found = 0
    n_lines = 0
    i = 0
    while i < size:
        if data[i] < 0x80:
            i += 8 if words[i] & HIGH_BITS == 0 else 1
            continue
        if is_syllable(data[i], data[i + 1]) and data[i + 1] & 0xC0 == 0x80 and data[i + 2] & 0xC0 == 0x80:
            i += 3
            continue
        if character(data, i) == 0:
            return False, 0, i
        entry, length = _class_and_length(data, i, classes)
        i += length
        found |= entry
        if entry & UNCOMPOSED:
            start = _line_start(data, i)
            while i < size and data[i] != 10:
                if data[i] < 0x80:
                    i += 1
                    continue
                if character(data, i) == 0:
                    return False, 0, i
                entry, length = _class_and_length(data, i, classes)
                found |= entry
                i += length
            if n_lines < lines.shape[0]:
                lines[n_lines, 0] = start
                lines[n_lines, 1] = i
            n_lines += 1
    return found & SPECIAL != 0, n_lines, -1


@kernel(forceinline=True)
def _next(data, i, size, classes):
    """Kind and place of the first character from `i` on that is not ignored."""
    while i < size:
        entry, length = _class_and_length(data, i, classes)
        kind = entry & KIND
        if kind != IGNORED:
            return kind, i, length
        i += length
    return PLAIN, i, 0


@kernel(forceinline=True)
def _copy(data, i, length, out, to):
    for j in range(length):
        out[to + j] = data[i + j]
    return to + length


@kernel
def set_apart(data, size, out, classes, plain):
    """Copy valid UTF-8 with spaces around every sequence of symbols and without stray invisibles; return the new size.

    Parameters
    ----------
    data : uint8 (>= size,)
    size : int
    out : uint8 (>= SPACES_PER_BYTE * size,)
        Written to.
    classes : uint8 (n_code_points,)
        Of `embedkit.text.symbols.symbol_classes`.
    plain : bool (256,)
        `embedkit.kernels.utf8.plain_bytes` of what is neither special nor a key, as digits are.
    """
    state = _NOTHING
    before = PLAIN
    to = 0
    i = 0
    while True:
        while state == _NOTHING and i < size:
            n = copy_plain(data, i, size, plain, out, to)
            if n > 0:
                i += n
                to += n
                before = _class_and_length(out, last_start(out, to), classes)[0] & KIND
                continue
            entry, length = _class_and_length(data, i, classes)
            if entry & SPECIAL:
                break
            if entry & KIND in (DIGIT, KEYCAP_SIGN) and i + 1 < size and data[i + 1] >= 0x80:
                following, _ = _class_and_length(data, i + 1, classes)
                if following & SPECIAL:
                    break
            before = entry & KIND
            to = _copy(data, i, length, out, to)
            i += length
        kind, i, length = _next(data, i, size, classes)
        if length == 0:
            return to
        after, place, after_length = PLAIN, i, 0
        if kind in (DIGIT, KEYCAP_SIGN, ZERO_WIDTH):
            after, place, after_length = _next(data, i + length, size, classes)
        keycap = False
        if kind in (DIGIT, KEYCAP_SIGN):
            last, last_length = place, after_length
            if after == SELECTOR and after_length == 3:
                after, last, last_length = _next(data, place + after_length, size, classes)
                keycap = after == KEYCAP
            else:
                keycap = after == KEYCAP
        if kind in (PICTURE, TONE):
            if not (state == _JOINED or (kind == TONE and state == _IN_PICTURE)):
                out[to] = 32
                to += 1
            to = _copy(data, i, length, out, to)
            state = _IN_PICTURE
        elif kind == SELECTOR and state == _IN_PICTURE:
            to = _copy(data, i, length, out, to)
        elif kind == ZERO_WIDTH and state == _IN_PICTURE and after in (PICTURE, TONE) and data[i + 2] == 0x8D:
            to = _copy(data, i, length, out, to)
            state = _JOINED
        elif kind == FLAG:
            if state != _ONE_FLAG:
                out[to] = 32
                to += 1
            to = _copy(data, i, length, out, to)
            state = _DONE if state == _ONE_FLAG else _ONE_FLAG
        elif kind == SIGN or keycap:
            out[to] = 32
            to = _copy(data, i, length, out, to + 1)
            if keycap:
                if last != place:
                    to = _copy(data, place, after_length, out, to)
                to = _copy(data, last, last_length, out, to)
                i, length, kind = last, last_length, KEYCAP
            state = _DONE
        else:
            if state != _NOTHING:
                out[to] = 32
                to += 1
            state = _NOTHING
            inside = kind == ZERO_WIDTH and before in (LETTER, DIGIT) and after in (LETTER, DIGIT)
            if kind == FILLER:
                out[to] = 32
                to += 1
            elif kind in (PLAIN, LETTER, DIGIT, KEYCAP_SIGN) or inside:
                to = _copy(data, i, length, out, to)
        before = kind
        i += length
