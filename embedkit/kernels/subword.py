"""The n-grams of many words at once: n-grams hashed over UTF-8 bytes, and words composed from their n-grams' rows.

What is hashed and in which order is told in `embedkit.rows.subwords`, whose plain-Python version of one word is the
oracle of these kernels. Words come as one blob of bytes; characters begin at bytes that are not 10xxxxxx.

The hash of an n-gram is that of the n-gram one character shorter, carried on: each start costs one pass over the
bytes of its longest n-gram. Composing waits for memory, each n-gram being a row somewhere in hundreds of megabytes:
54 ns a row of 100 numbers, 9 ns where all rows are in the L2 cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.copying import copy_row
from embedkit.kernels.simd import LINE_FLOATS, prefetch

OFFSET, PRIME, MASK = np.uint64(2166136261), np.uint64(16777619), np.uint64(0xFFFFFFFF)
AHEAD = 16  # n-grams between asking for a row and adding it
SIGN, WIDEN = np.uint64(0x80), np.uint64(0xFFFFFF00)


class NgramLengths(NamedTuple):
    """Which n-grams a word has: the fields of `embedkit.rows.subwords.Subwords` as integers.

    For chars `shortest` and `longest` are `min_n` and `max_n` and `min_jamo`, `max_jamo` are 0; for jamo the first
    two are `min_syllables` and `max_syllables`.
    """

    shortest: int
    longest: int
    min_jamo: int
    max_jamo: int
    bucket: int


class Scratch(NamedTuple):
    """Room for one word: bytes and starts of its characters, of its jamo, and which character a symbol begins."""

    text: np.ndarray
    starts: np.ndarray
    jamo: np.ndarray
    jamo_starts: np.ndarray
    border: np.ndarray


@kernel
def make_scratch(longest_word, jamo):
    """`Scratch` for words of up to `longest_word` bytes (int); without room for jamo where `jamo` is False."""
    n = longest_word + 3
    m = 3 * n if jamo else 1
    return Scratch(
        np.empty(n, np.uint8),
        np.empty(n, np.int64),
        np.empty(m, np.uint8),
        np.empty(m, np.int64),
        np.empty(m, np.int64),
    )


@kernel(borrows=True)
def _bracket(data, start, stop, scratch):
    """Put ``<word>`` into the scratch; return its number of characters."""
    text, starts = scratch.text, scratch.starts
    text[0] = 60
    starts[0] = 0
    n = 1
    size = stop - start
    for i in range(size):
        text[i + 1] = data[start + i]
        if data[start + i] & 0xC0 != 0x80:
            starts[n] = i + 1
            n += 1
    text[size + 1] = 62
    starts[n] = size + 1
    starts[n + 1] = size + 2
    return n + 1


@kernel(borrows=True)
def _take_apart(scratch, n):
    """Write the jamo sequence of the bracketed word of `n` characters; return its number of symbols.

    A Hangul syllable is three bytes, 0xEA-0xED first; a conjoining jamo is U+1100-U+11C2, 0xE1 first.
    """
    text, starts, jamo, jamo_starts, border = scratch
    symbols = 0
    size = 0
    for c in range(n):
        begin, end = starts[c], starts[c + 1]
        border[symbols] = c
        code = 0
        if end - begin == 3 and text[begin] >= 0xEA and text[begin] <= 0xED:
            code = ((text[begin] & 0x0F) << 12) | ((text[begin + 1] & 0x3F) << 6) | (text[begin + 2] & 0x3F)
        if code >= 0xAC00 and code <= 0xD7A3:
            rest = code - 0xAC00
            for k in range(3):
                if k == 0:
                    part = 0x1100 + rest // 588
                elif k == 1:
                    part = 0x1161 + rest % 588 // 28
                else:
                    part = 0x11A7 + rest % 28
                if k > 0:
                    border[symbols] = -1
                jamo_starts[symbols] = size
                jamo[size] = 0xE1
                jamo[size + 1] = 0x80 | (part >> 6 & 0x3F)
                jamo[size + 2] = 0x80 | (part & 0x3F)
                size += 3
                symbols += 1
        else:
            jamo_starts[symbols] = size
            for i in range(begin, end):
                jamo[size] = text[i]
                size += 1
            symbols += 1
    jamo_starts[symbols] = size
    border[symbols] = n
    return symbols


@kernel(borrows=True)
def _hash_ngrams(text, starts, n, shortest, longest, bucket, out, place):
    """Append the buckets of the n-grams of `n` characters to ``out[place:]``; return the new place."""
    for start in range(n):
        h = OFFSET
        for length in range(1, min(longest, n - start) + 1):
            for i in range(starts[start + length - 1], starts[start + length]):
                byte = np.uint64(text[i])
                h = ((h ^ (byte | WIDEN if byte >= SIGN else byte)) * PRIME) & MASK
            lone_bracket = length == 1 and (start == 0 or start == n - 1)
            if length >= shortest and not lone_bracket:
                out[place] = np.int64(h % np.uint64(bucket))
                place += 1
    return place


@kernel(borrows=True)
def _hash_jamo(scratch, n, lengths, out, place):
    """`_hash_ngrams` over `n` jamo symbols, leaving out what the syllable n-grams already cover."""
    text, starts, border = scratch.jamo, scratch.jamo_starts, scratch.border
    for start in range(n):
        h = OFFSET
        for length in range(1, min(lengths.max_jamo, n - start) + 1):
            stop = start + length
            for i in range(starts[stop - 1], starts[stop]):
                byte = np.uint64(text[i])
                h = ((h ^ (byte | WIDEN if byte >= SIGN else byte)) * PRIME) & MASK
            if length < lengths.min_jamo or (length == 1 and (start == 0 or stop == n)):
                continue
            if border[start] >= 0 and border[stop] >= 0:
                characters = border[stop] - border[start]
                if characters >= lengths.shortest and characters <= lengths.longest:
                    continue
            out[place] = np.int64(h % np.uint64(lengths.bucket))
            place += 1
    return place


@kernel(borrows=True)
def _is_sentence_end(data, start, stop):
    """Whether this is ``</s>``."""
    return (
        stop - start == 4
        and data[start] == 60
        and data[start + 1] == 47
        and data[start + 2] == 115
        and data[start + 3] == 62
    )


@kernel(borrows=True)
def hash_characters(data, start, stop, lengths, scratch, out):
    """`hash_word` without jamo, which it does not even compile."""
    n = _bracket(data, start, stop, scratch)
    if _is_sentence_end(data, start, stop):
        return 0
    return _hash_ngrams(scratch.text, scratch.starts, n, lengths.shortest, lengths.longest, lengths.bucket, out, 0)


@kernel(borrows=True)
def hash_word(data, start, stop, lengths, scratch, out):
    """Buckets of the word in ``data[start:stop]``, into `out` (int64); return how many.

    `out` needs room for `max_ngrams` of them.
    """
    n = _bracket(data, start, stop, scratch)
    if _is_sentence_end(data, start, stop):
        return 0
    place = _hash_ngrams(scratch.text, scratch.starts, n, lengths.shortest, lengths.longest, lengths.bucket, out, 0)
    if lengths.max_jamo > 0:
        place = _hash_jamo(scratch, _take_apart(scratch, n), lengths, out, place)
    return place


@kernel(borrows=True)
def max_ngrams(size, lengths):
    """An upper bound of the n-grams of a word of `size` bytes."""
    ngrams = (size + 2) * (min(lengths.longest, size + 2) - min(lengths.shortest, size + 2) + 1)
    if lengths.max_jamo > 0:
        symbols = size + 2
        ngrams += symbols * (min(lengths.max_jamo, symbols) - min(lengths.min_jamo, symbols) + 1)
    return ngrams


@kernel(borrows=True)
def _longest(offsets):
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    return longest


@kernel
def hash_words(data, offsets, lengths):
    """The buckets of all words' n-grams.

    Parameters
    ----------
    data : uint8 (n_bytes,)
        The words in UTF-8, one after the other, in the form that is split (NFC for jamo).
    offsets : int64 (n_words + 1,)
        Word i is ``data[offsets[i]:offsets[i + 1]]``.
    lengths : NgramLengths

    Returns
    -------
    indptr : int64 (n_words + 1,)
    buckets : int32 (n_ngrams,)
        Those of word i are ``buckets[indptr[i]:indptr[i + 1]]``, in the order of `embedkit.rows.subwords`.
    """
    n_words = len(offsets) - 1
    longest = _longest(offsets)
    scratch = make_scratch(longest, lengths.max_jamo > 0)
    row = np.empty(max_ngrams(longest, lengths), np.int64)
    indptr = np.zeros(n_words + 1, np.int64)
    buckets = np.empty(max(64, 16 * n_words), np.int32)
    for i in range(n_words):
        n = hash_word(data, offsets[i], offsets[i + 1], lengths, scratch, row)
        end = indptr[i] + n
        if end > len(buckets):
            wider = np.empty(2 * end, np.int32)
            copy_row(buckets, wider[: indptr[i]])
            buckets = wider
        for k in range(n):
            buckets[indptr[i] + k] = np.int32(row[k])
        indptr[i + 1] = end
    return indptr, buckets[: indptr[n_words]].copy()


@kernel(borrows=True)
def _fetch(rows, position, size):
    """Ask for a row; it may begin and end within cache lines."""
    if position >= 0:
        for d in range(0, size, LINE_FLOATS):
            prefetch(rows, np.int64(position) * size + d)
        prefetch(rows, np.int64(position) * size + size - 1)


@kernel(borrows=True)
def mean_rows(indptr, positions, rows, word_rows, first, last, out):
    """Vectors of words: the mean of their own row, if any, and their n-grams' rows, bit for bit as fastText.

    The row `AHEAD` n-grams on is asked for while the current one is added.

    Parameters
    ----------
    indptr : int64 (n_words + 1,)
    positions : int32 (n_ngrams,)
        Rows of the n-grams of word i: ``positions[indptr[i]:indptr[i + 1]]``; -1 for a row of zeros.
    rows : float32 (n_rows, vector_size)
    word_rows : float32 (n_words or 0, vector_size)
        The words' own rows, or none.
    first, last : int
        The words to do.
    out : float32 (n_words, vector_size)
        Rows `first` to ``last - 1`` are written; all zeros where a word has neither a row of its own nor n-grams.
    """
    size = rows.shape[1]
    end = indptr[last]
    for k in range(indptr[first], min(indptr[first] + AHEAD, end)):
        _fetch(rows, positions[k], size)
    for i in range(first, last):
        vector = out[i]
        n = indptr[i + 1] - indptr[i]
        if len(word_rows) > 0:
            n += 1
            for d in range(size):
                vector[d] = word_rows[i, d]
        else:
            for d in range(size):
                vector[d] = np.float32(0)
        for k in range(indptr[i], indptr[i + 1]):
            if k + AHEAD < end:
                _fetch(rows, positions[k + AHEAD], size)
            if positions[k] >= 0:
                source = rows[positions[k]]
                for d in range(size):
                    vector[d] += source[d]
        scale = np.float32(1.0 / max(n, 1))
        for d in range(size):
            vector[d] *= scale
