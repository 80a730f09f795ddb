"""The tokenizer korean in one pass over lines of ordinary text.

Nearly all lines hold letters, digits and punctuation only. For them, one pass does what `embedkit.kernels.glosses` and
`embedkit.kernels.punctuation` do in three, and checks that the bytes are UTF-8. Lines with anything else, characters
to be composed, set apart or left out as invisible, are left to those; `embedkit.vocabulary.cutting` puts them in.

Letters are copied sixteen bytes at a time, and only what is none is looked at: on Korean Wikipedia every fiftieth byte.
What passes one after the other see behind a character is what stands behind it in the text itself, but for the end of
a gloss, where they see a space; what they see before it is the end of what was written: what was left out left a space
there, which like itself is no letter.
"""

from __future__ import annotations

from embedkit.kernels import glosses
from embedkit.kernels.byte_vectors import BROKEN, BYTES, copy_letters, trailing_zeros
from embedkit.kernels.compiling import kernel
from embedkit.kernels.punctuation import DIGIT, DIGIT_JOINER, JOINER, OUTSIDE, WHITE, WORD
from embedkit.kernels.tokens import character
from embedkit.kernels.utf8 import code_point, last_start

# An entry of the table: the class of `embedkit.kernels.punctuation`, above it the bits of `embedkit.kernels.glosses`,
# and whether the line has to be left to others.
KIND = 7
GLOSS_SHIFT = 3
HANGUL, HANJA, CLOSING, OPENING_BRACKET, CLOSING_BRACKET, LETTER = (
    bit << GLOSS_SHIFT
    for bit in (
        glosses.HANGUL,
        glosses.HANJA,
        glosses.CLOSING,
        glosses.OPENING_BRACKET,
        glosses.CLOSING_BRACKET,
        glosses.LETTER,
    )
)
HARD = 2 * LETTER
_BRACKET = OPENING_BRACKET | CLOSING_BRACKET


@kernel(forceinline=True)
def _entry_and_length(data, i, entries):
    """The entry of the character at `i`, and its bytes; what is not UTF-8 is HARD."""
    if data[i] >= 0x80 and character(data, i) == 0:
        return HARD, 1
    code, length = code_point(data, i)
    if code < entries.shape[0]:
        return int(entries[code]), length
    return (HARD if 0xE0020 <= code < 0xE0080 or 0xE0100 <= code < 0xE01F0 else OUTSIDE), length


@kernel(borrows=True)
def _behind_run(data, i, size, entries, wanted):
    """Where the run of characters with a bit of `wanted` that begins at `i` ends."""
    while i < size:
        entry, length = _entry_and_length(data, i, entries)
        if not entry & wanted:
            break
        i += length
    return i


@kernel(borrows=True)
def _is_behind_hangul(data, i, entries):
    """Whether the character before `i` is Hangul; all Hangul takes three bytes."""
    if i < 3 or data[i - 1] & 0xC0 != 0x80 or data[i - 2] & 0xC0 != 0x80 or data[i - 3] < 0xE0:
        return False
    return _entry_and_length(data, i - 3, entries)[0] & HANGUL != 0


@kernel(borrows=True)
def _end_of_gloss(data, start, size, entries):
    """Where the closing bracket of a gloss stands whose text begins at `start`, or −1."""
    i = start
    for _ in range(glosses.MOST_CHARACTERS + 1):
        if i >= size or data[i] == 10:
            return -1
        entry, length = _entry_and_length(data, i, entries)
        if entry & _BRACKET:
            return i if entry & CLOSING_BRACKET and i > start else -1
        i += length
    return -1


@kernel(forceinline=True)
def _last_entry(out, to, entries):
    return _entry_and_length(out, last_start(out, to), entries)[0] if to > 0 else OUTSIDE


@kernel(borrows=True)
def _copy_one(data, i, stop, entry, length, in_gloss, out, to, entries):
    """Write what becomes of a character at `i`, or of the closing quotes that begin there.

    Parameters
    ----------
    stop : int
        Where its text ends: that of the gloss, or all of it.
    entry, length : int
        Its own.
    in_gloss : bool
        Whether Hanja become spaces.

    Returns
    -------
    i, to : int
    """
    if entry & CLOSING and _last_entry(out, to, entries) & LETTER:  # a run is walked once: then a space is the last
        end = _behind_run(data, i + length, stop, entries, CLOSING)
        if end < stop and _entry_and_length(data, end, entries)[0] & HANGUL:
            return end, to
    kind = entry & KIND
    kept = kind in (WORD, DIGIT, WHITE)
    if kind in (JOINER, DIGIT_JOINER) and i + length < stop:
        before = _last_entry(out, to, entries) & KIND
        following, _ = _entry_and_length(data, i + length, entries)
        after = WHITE if in_gloss and following & HANJA else following & KIND
        kept = before == DIGIT and after == DIGIT
        if kind == JOINER:
            kept = before in (WORD, DIGIT) and after in (WORD, DIGIT)
    if not kept:
        out[to] = 32
        return i + length, to + 1
    if kind == JOINER and length == 3:  # a typographic apostrophe
        out[to] = 39
        return i + length, to + 1
    for j in range(length):
        out[to + j] = data[i + j]
    return i + length, to + length


@kernel(borrows=True)
def _copy_gloss(data, i, end, size, out, to, entries):
    """Write a gloss, whose text is from `i` to `end`, behind the particle that follows it; returns (i, to).

    In place of i −1 where the line is not for this kernel.
    """
    _, length = _entry_and_length(data, end, entries)
    behind = _behind_run(data, end + length, size, entries, CLOSING)
    while behind < size:
        entry, length = _entry_and_length(data, behind, entries)
        if entry & HARD:
            return -1, to
        if not entry & HANGUL:
            break
        for j in range(length):
            out[to + j] = data[behind + j]
        to += length
        behind += length
    out[to] = 32
    to += 1
    while i < end:
        entry, length = _entry_and_length(data, i, entries)
        if entry & HARD:
            return -1, to
        if entry & HANJA:
            i = _behind_run(data, i, end, entries, HANJA)
            out[to] = 32
            to += 1
        else:
            i, to = _copy_one(data, i, end, entry, length, True, out, to, entries)
    out[to] = 32
    return behind, to + 1


@kernel(borrows=True)
def _leave_line(data, i, size, out, to, room, holes, n_holes):
    """Note as the last of `holes` where the line around `i` begins in `out` and in `data`, and where it ends there."""
    start = stop = i
    while start > 0 and data[start - 1] != 10:
        start -= 1
    while stop < size and data[stop] != 10:
        stop += 1
    while to > 0 and out[to - 1] != 10:
        to -= 1
    holes[n_holes, 0] = to
    holes[n_holes, 1] = start
    holes[n_holes, 2] = stop
    return stop, to + room * (stop - start)


@kernel(borrows=True)
def _is_cut_off(data, size):
    """Whether the last character lacks bytes."""
    for back in range(1, min(size, 3) + 1):
        byte = data[size - back]
        if byte >= 0xC0:
            return (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) > back
    return False


@kernel(borrows=True)
def _cut(data, size, out, entries, holes, room):
    i = to = n_holes = 0
    while i < size:
        if i >= 3:
            stops = copy_letters(data, i, out, to)
            if stops == 0:
                i += BYTES
                to += BYTES
                continue
            if stops >= BROKEN:
                return -1, 0
            n = trailing_zeros(stops)
            i += n
            to += n
            if i >= size:
                break
        entry, length = _entry_and_length(data, i, entries)
        following = -1
        if not entry & HARD:
            end = -1
            if entry & OPENING_BRACKET and _is_behind_hangul(data, i, entries):
                end = _end_of_gloss(data, i + length, size, entries)
            if end >= 0:
                following, to = _copy_gloss(data, i + length, end, size, out, to, entries)
            else:
                following, to = _copy_one(data, i, size, entry, length, False, out, to, entries)
        if following < 0:
            if n_holes == holes.shape[0]:
                return -1, 0
            following, to = _leave_line(data, i, size, out, to, room, holes, n_holes)
            n_holes += 1
        i = following
    if _is_cut_off(data, size):
        return -1, 0
    return to - max(i - size, 0), n_holes


@kernel
def cut_ordinary_lines(data, size, out, entries, holes, room):
    """Put white space between the tokens of all lines that hold nothing but ordinary text.

    Parameters
    ----------
    data : uint8 (>= size + PADDING,)
        With the padding that `embedkit.kernels.tokens.close` writes.
    size : int
    out : uint8 (>= room * size + PADDING,)
        Written to.
    entries : uint16 (n_code_points,)
        Of `embedkit.text.tokenizers.korean_entries`.
    holes : int64 (capacity, 3)
        Written to, for each of the other lines: where it would begin in `out`, where it begins and ends in `data`.
    room : int
        So many bytes are kept free in `out` for each of such a line, at least 1.

    Returns
    -------
    size : int
        Of what was written; -1 where the bytes are not UTF-8 or more lines than fit are not ordinary.
    n_holes : int
    """
    return _cut(data, size, out, entries, holes, room)
