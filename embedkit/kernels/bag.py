"""The features of a line of text, as fastText's classifier takes them: words, n-grams of words and of characters.

A line is cut at ASCII white space and NUL and ends with the token ``</s>``, also where that stands in its text. Each
token gives the row of its word, if it is known, and those of its character n-grams (`embedkit.kernels.subword`); then
come the n-grams of 2 to `word_ngrams` tokens. The hash of these goes over the tokens' 32-bit hashes, taken as signed:
``h = h * 116049371 + next`` in 64 bits, modulo `bucket`. Unknown tokens that begin with ``__label__`` are left out.

The n-grams of characters can also be those of the whole line without its white space, which then run across words: in
Korean, where people set spaces as they like. That is no feature of fastText.

Words are looked up in a table of their hashes with linear probing, at most half full.

numba compiles a helper again for each type of array, and for each constant, that it is called with; and what it calls
with it. So all texts here are of one type, arrays that can be written, and helpers are called with variables: a first
prediction waits half as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.copying import copy_row
from embedkit.kernels.subword import NgramLengths, hash_characters, make_scratch, max_ngrams

OFFSET, PRIME, LOW_32 = np.uint64(2166136261), np.uint64(16777619), np.uint64(0xFFFFFFFF)
SIGN, WIDEN = np.uint64(0x80), np.uint64(0xFFFFFF00)
SIGN_32, HIGH_32 = np.uint64(0x80000000), np.uint64(0xFFFFFFFF00000000)
WORD_PRIME = np.uint64(116049371)
END = np.frombuffer(b"</s>", np.uint8).copy()
LABEL = np.frombuffer(b"__label__", np.uint8).copy()


class Lexicon(NamedTuple):
    """The words of a classifier and where the rows of everything are.

    Attributes
    ----------
    slots : int32 (a power of two, at least twice the words,)
        Word, or -1.
    hashes : uint32 (n_words,)
    blob, offsets : uint8, int64 (n_words + 1,)
        The words' bytes.
    min_n, max_n, word_ngrams, bucket : int
        `max_n` 0: no n-grams of characters; `word_ngrams` 1: none of words.
    bucket_rows : int32 (bucket or 0,)
        The row of each bucket, -1 for none; empty: bucket b has row ``n_words + b``.
    counts_absent : bool
        N-grams whose bucket has no row appear as -1, which counts in the mean as a row of zeros; else, as in pruned
        models, they do not appear.
    across : bool
        The n-grams of characters are those of the line without white space, rather than those of each token.
    """

    slots: np.ndarray
    hashes: np.ndarray
    blob: np.ndarray
    offsets: np.ndarray
    min_n: int
    max_n: int
    word_ngrams: int
    bucket: int
    bucket_rows: np.ndarray
    counts_absent: bool
    across: bool


@kernel(borrows=True)
def _hash(data, start, stop):
    h = OFFSET
    for i in range(start, stop):
        byte = np.uint64(data[i])
        h = ((h ^ (byte | WIDEN if byte >= SIGN else byte)) * PRIME) & LOW_32
    return h


@kernel(borrows=True)
def _enter(slots, hashes, n):
    """Put n different tokens into the slots, which are all -1."""
    mask = len(slots) - 1
    for token in range(n):
        slot = np.int64(hashes[token]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = token


@kernel
def fill_slots(blob, offsets, slots, hashes):
    """Enter words into `slots` (int32, all -1) and write their hashes (uint32)."""
    for word in range(len(offsets) - 1):
        hashes[word] = _hash(blob, offsets[word], offsets[word + 1])
    _enter(slots, hashes, len(offsets) - 1)


@kernel(borrows=True)
def _is_space(byte):
    return byte == 32 or (byte >= 9 and byte <= 13) or byte == 0


@kernel(borrows=True)
def _equal(data, start, stop, other, begin, end):
    same = stop - start == end - begin
    i = 0
    while same and i < stop - start:
        same = data[start + i] == other[begin + i]
        i += 1
    return same


@kernel(borrows=True)
def _find(lexicon, h, data, start, stop):
    """The word in ``data[start:stop]``, or -1."""
    mask = len(lexicon.slots) - 1
    slot = np.int64(h) & mask
    while lexicon.slots[slot] >= 0:
        word = lexicon.slots[slot]
        if lexicon.hashes[word] == h and _equal(
            data, start, stop, lexicon.blob, lexicon.offsets[word], lexicon.offsets[word + 1]
        ):
            return np.int64(word)
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel(borrows=True)
def _put(lexicon, bucket, rows, n):
    """Append the row of a bucket to ``rows[n:]``; returns the new length."""
    if len(lexicon.bucket_rows) == 0:
        rows[n] = len(lexicon.hashes) + bucket
        return n + 1
    row = lexicon.bucket_rows[bucket]
    if row < 0 and not lexicon.counts_absent:
        return n
    rows[n] = row
    return n + 1


@kernel(borrows=True)
def _characters(lexicon, lengths, data, start, stop, scratch, buckets, rows, n):
    """Append the rows of the n-grams of characters of ``data[start:stop]``; returns the new length."""
    for k in range(hash_characters(data, start, stop, lengths, scratch, buckets)):
        n = _put(lexicon, buckets[k], rows, n)
    return n


@kernel(borrows=True)
def _token(lexicon, lengths, data, start, stop, is_end, scratch, buckets, rows, n):
    """Append the rows of one token; returns (new length, its hash, whether it counts as a word)."""
    h = _hash(data, start, stop)
    word = _find(lexicon, h, data, start, stop)
    if word < 0 and stop - start >= len(LABEL) and _equal(data, start, start + len(LABEL), LABEL, 0, len(LABEL)):
        return n, h, False
    if word >= 0:
        rows[n] = word
        n += 1
    if lexicon.max_n > 0 and not is_end and not lexicon.across:
        n = _characters(lexicon, lengths, data, start, stop, scratch, buckets, rows, n)
    return n, h, True


@kernel(borrows=True)
def _word_ngrams(lexicon, hashes, n_hashes, rows, n):
    for i in range(n_hashes):
        h = hashes[i]
        for j in range(i + 1, min(n_hashes, i + lexicon.word_ngrams)):
            h = h * WORD_PRIME + hashes[j]
            n = _put(lexicon, np.int64(h % np.uint64(lexicon.bucket)), rows, n)
    return n


@kernel
def distinct_tokens(data, offsets):
    """The distinct tokens of some lines, in the order in which they first occur.

    Parameters
    ----------
    data : uint8
    offsets : int64 (n_lines + 1,)

    Returns
    -------
    starts, stops : int64 (n_tokens,)
        Token i is ``data[starts[i]:stops[i]]``.
    counts : int64 (n_tokens,)
    """
    slots = np.full(1 << 12, -1, np.int32)
    hashes = np.empty(1 << 11, np.uint32)
    starts, stops, counts = np.empty(1 << 11, np.int64), np.empty(1 << 11, np.int64), np.empty(1 << 11, np.int64)
    n = 0
    for i in range(len(offsets) - 1):
        at, stop = offsets[i], offsets[i + 1]
        while at < stop:
            if _is_space(data[at]):
                at += 1
                continue
            begin = at
            while at < stop and not _is_space(data[at]):
                at += 1
            h = _hash(data, begin, at)
            slot = np.int64(h) & (len(slots) - 1)
            while slots[slot] >= 0:
                token = slots[slot]
                if hashes[token] == h and _equal(data, begin, at, data, starts[token], stops[token]):
                    break
                slot = (slot + 1) & (len(slots) - 1)
            if slots[slot] >= 0:
                counts[slots[slot]] += 1
                continue
            slots[slot] = n
            hashes[n], counts[n] = h, 1
            starts[n], stops[n] = begin, at
            n += 1
            if n == len(counts):
                hashes = np.append(hashes, hashes)
                starts, stops, counts = np.append(starts, starts), np.append(stops, stops), np.append(counts, counts)
                slots = np.full(4 * n, -1, np.int32)
                _enter(slots, hashes, n)
    return starts[:n].copy(), stops[:n].copy(), counts[:n].copy()


@kernel
def encode_lines(data, offsets, lexicon):
    """The rows of the features of every line.

    Parameters
    ----------
    data : uint8
    offsets : int64 (n_lines + 1,)
        Line i is ``data[offsets[i]:offsets[i + 1]]``; a line feed in it ends it.
    lexicon : Lexicon

    Returns
    -------
    indptr : int64 (n_lines + 1,)
    rows : int32 (n,)
        Those of line i are ``rows[indptr[i]:indptr[i + 1]]``, in fastText's order.
    """
    n_lines, zero = len(offsets) - 1, np.int64(0)
    longest = np.int64(0)
    for i in range(n_lines):
        longest = max(longest, offsets[i + 1] - offsets[i])
    lengths = NgramLengths(max(lexicon.min_n, 1), lexicon.max_n, 0, 0, max(lexicon.bucket, 1))
    scratch = make_scratch(longest, False)
    buckets = np.empty(max_ngrams(longest, lengths) + 1 if lexicon.max_n > 0 else 1, np.int64)
    hashes = np.empty(longest // 2 + 2, np.uint64)
    joined = np.empty(longest if lexicon.across else 0, np.uint8)
    end = np.empty(len(END), np.uint8)
    copy_row(END, end)
    indptr = np.zeros(n_lines + 1, np.int64)
    rows = np.empty(max(1024, 16 * n_lines), np.int32)
    for i in range(n_lines):
        start, stop = offsets[i], offsets[i + 1]
        size = stop - start
        # Every token has at most as many n-grams as its share of the line's bytes allows.
        room = (size + 2) * (2 + max(lexicon.word_ngrams, 1))
        if lexicon.max_n > 0:
            room += 4 * (size + 2) * min(lexicon.max_n, size + 2)
        n = indptr[i]
        if n + room > len(rows):
            wider = np.empty(2 * (n + room), np.int32)
            copy_row(rows, wider[:n])
            rows = wider
        n_hashes = n_joined = np.int64(0)
        at = start
        ended = False
        while not ended:
            while at < stop and _is_space(data[at]) and data[at] != 10:
                at += 1
            begin = at
            while at < stop and not _is_space(data[at]):
                at += 1
            ended = begin == at or _equal(data, begin, at, end, 0, len(end))
            if begin == at:
                n, h, counts = _token(lexicon, lengths, end, zero, np.int64(len(end)), ended, scratch, buckets, rows, n)
            else:
                n, h, counts = _token(lexicon, lengths, data, begin, at, ended, scratch, buckets, rows, n)
            if lexicon.across and counts and not ended:
                for k in range(begin, at):
                    joined[n_joined] = data[k]
                    n_joined += 1
            if counts:
                hashes[n_hashes] = h | HIGH_32 if h & SIGN_32 else h
                n_hashes += 1
        if n_joined > 0 and lexicon.max_n > 0:
            n = _characters(lexicon, lengths, joined, zero, n_joined, scratch, buckets, rows, n)
        if lexicon.word_ngrams > 1:
            n = _word_ngrams(lexicon, hashes, n_hashes, rows, n)
        indptr[i + 1] = n
    return indptr, rows[: indptr[n_lines]].copy()
