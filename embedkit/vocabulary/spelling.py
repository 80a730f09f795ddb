"""Close spellings of an unknown word, found without decoding the vocabulary.

All words are scored at once by the neighbouring pairs of bytes that they share with the unknown one; the best few
hundred are decoded and ranked by edit distance over decomposed characters, so that Hangul is compared jamo by jamo.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from embedkit.vocabulary.words import Words, encode

CANDIDATES = 300
BLOCK_WORDS = 1 << 18


def close_spellings(words: Words, word: str, n: int = 3) -> list[str]:
    """At most `n` words of the vocabulary that are spelt almost like `word`, the closest first.

    A word counts as close when its edit distance (Damerau-Levenshtein, adjacent letters swapped is one edit, case
    ignored) is at most a third of the length of `word`. Of equally close ones the earlier row wins, which is the
    more frequent word in a trained model.
    """
    wanted = np.frombuffer(encode(word), np.uint8)
    if not len(words) or not len(wanted) or len(wanted) > 200:
        return []
    rows = _candidates(words, wanted)
    target = _letters(word)
    limit = max(1, len(target) // 3)
    ranked = []
    for row in rows.tolist():
        candidate = words[row]
        letters = _letters(candidate)
        if abs(len(letters) - len(target)) <= limit:
            distance = _edit_distance(target, letters)
            if distance <= limit and distance < max(len(letters), len(target)):  # not of one letter in place of another
                ranked.append((distance, row, candidate))
    return [candidate for _, _, candidate in sorted(ranked)[:n] if candidate]


def _letters(word: str) -> str:
    return unicodedata.normalize("NFD", word).casefold()


def _candidates(words: Words, wanted: np.ndarray) -> np.ndarray:
    """Rows of the `CANDIDATES` words that share most byte pairs, relative to their lengths (Dice)."""
    best_rows = np.zeros(0, np.int64)
    best_scores = np.zeros(0, np.float32)
    for low in range(0, len(words), BLOCK_WORDS):
        offsets = np.asarray(words.offsets[low : low + BLOCK_WORDS + 1])
        lengths = np.diff(offsets)
        shared = _shared_pairs(np.ascontiguousarray(words.blob[offsets[0] : offsets[-1]]), offsets - offsets[0], wanted)
        scores = 2 * shared / (lengths + len(wanted)).astype(np.float32)
        top = np.argpartition(-scores, CANDIDATES)[:CANDIDATES] if len(scores) > CANDIDATES else np.arange(len(scores))
        best_rows = np.concatenate([best_rows, top + low])
        best_scores = np.concatenate([best_scores, scores[top]])
    keep = np.lexsort((best_rows, -best_scores))[:CANDIDATES]
    return best_rows[keep]


def _shared_pairs(block: np.ndarray, offsets: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How many neighbouring byte pairs of each word are pairs of `wanted`: float32 (n_words,).

    Pairs are looked up in a table of all 65,536, once from even and once from odd positions.
    """
    hits = np.zeros(len(block) + 1, np.uint8)
    if len(wanted) == 1:
        hits[:-1] = block == wanted[0]
    elif len(block) > 1:
        table = np.zeros(1 << 16, np.uint8)
        table[wanted[:-1].astype(np.intp) | wanted[1:].astype(np.intp) << 8] = 1
        for start in (0, 1):
            n = (len(block) - start) // 2
            hits[start : start + 2 * n : 2] = table[np.frombuffer(block, "<u2", n, start)]
    counts = np.add.reduceat(hits, np.minimum(offsets[:-1], len(block)), dtype=np.uint8)
    return np.where(np.diff(offsets) > 0, counts, 0).astype(np.float32)


def _edit_distance(a: str, b: str) -> int:
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
