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

from embedkit.kernels.byte_vectors import BROKEN, BYTES, copy_letters, trailing_zeros
from embedkit.kernels.compiling import kernel
from embedkit.kernels.glosses import (
    CLOSING,
    HANGUL,
    HANJA,
    HARD,
    KIND,
    LETTER,
    OPENING_BRACKET,
    behind_run,
    end_of_gloss,
    entry_and_length,
    is_behind_hangul,
    last_entry,
)
from embedkit.kernels.punctuation import DIGIT, DIGIT_JOINER, JOINER, WHITE, WORD


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
    if entry & CLOSING and last_entry(out, to, entries) & LETTER:  # a run is walked once: then a space is the last
        end = behind_run(data, i + length, stop, entries, CLOSING)
        if end < stop and entry_and_length(data, end, entries)[0] & HANGUL:
            return end, to
    kind = entry & KIND
    kept = kind in (WORD, DIGIT, WHITE)
    if kind in (JOINER, DIGIT_JOINER) and i + length < stop:
        before = last_entry(out, to, entries) & KIND
        following, _ = entry_and_length(data, i + length, entries)
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
    _, length = entry_and_length(data, end, entries)
    behind = behind_run(data, end + length, size, entries, CLOSING)
    while behind < size:
        entry, length = entry_and_length(data, behind, entries)
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
        entry, length = entry_and_length(data, i, entries)
        if entry & HARD:
            return -1, to
        if entry & HANJA:
            i = behind_run(data, i, end, entries, HANJA)
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
        entry, length = entry_and_length(data, i, entries)
        following = -1
        if not entry & HARD:
            end = -1
            if entry & OPENING_BRACKET and is_behind_hangul(data, i, entries):
                end = end_of_gloss(data, i + length, size, entries)
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
