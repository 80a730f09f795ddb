"""Misspelt Korean made of a model's own words: one jamo is mistaken for one that sounds or lies like it.

Sixteen mistakes that people made (`tests.benchmarks.korean_probe`) are too few to compare models by: three seeds of one
model differ by .13. Here are hundreds, of frequent words, the same for every model of a vocabulary.
"""

from __future__ import annotations

import numpy as np

from embedkit.query.keyed_vectors import KeyedVectors

INITIALS, VOWELS, FINALS = (
    "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ",
    "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ",
    "_ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ",
)
# Those of a group are taken for one another.
MISTAKEN = (
    ["ㄱㅋㄲ", "ㄷㅌㄸ", "ㅂㅍㅃ", "ㅅㅆ", "ㅈㅊㅉ"],
    ["ㅐㅔ", "ㅒㅖ", "ㅚㅙㅞ", "ㅓㅗ", "ㅏㅑ", "ㅓㅕ", "ㅗㅛ", "ㅜㅠ", "ㅡㅜ", "ㅢㅣ"],
    ["ㄱㄲㅋ", "ㅅㅆㄷㅌ", "ㄴㅇ", "ㄴㄶ", "ㅂㅍ", "ㅂㅄ", "ㄹㅀ", "ㄴㄵ", "_ㅎ", "_ㅇ", "_ㄴ"],
)
FIRST, LAST = 0xAC00, 0xD7A3


def misspelt(word: str, random: np.random.Generator) -> str | None:
    """The word with one jamo mistaken, or None where it has none that is easily mistaken."""
    ways = []
    for place, syllable in enumerate(word):
        if not FIRST <= ord(syllable) <= LAST:
            continue
        code = ord(syllable) - FIRST
        parts = [code // 588, code // 28 % 21, code % 28]
        for k, (letters, groups) in enumerate(zip((INITIALS, VOWELS, FINALS), MISTAKEN, strict=True)):
            for group in groups:
                for other in group if letters[parts[k]] in group else "":
                    wrong = [*parts[:k], letters.index(other), *parts[k + 1 :]]
                    if wrong != parts:
                        made = chr(FIRST + (wrong[0] * 21 + wrong[1]) * 28 + wrong[2])
                        ways.append(word[:place] + made + word[place + 1 :])
    return ways[random.integers(len(ways))] if ways else None


def found_again(model: KeyedVectors, n: int = 500, seed: int = 1) -> tuple[float, int]:
    """How often the right word is among the five nearest of its misspelling, and of how many.

    The words are drawn from the 20,000 most frequent ones of two syllables and more; a misspelling that is a word of
    the vocabulary, or that the model has no vector for, is left out.
    """
    random, rows = np.random.default_rng(seed), []
    words = [word for word in model.index_to_key[:20_000] if len(word) > 1 and word.isalpha()]
    for k in random.permutation(len(words)):
        typo = misspelt(words[k], random)
        if typo is not None and typo not in model and model.has_vector(typo):
            rows.append((words[k], typo))
        if len(rows) == n:
            break
    hits = [right in [word for word, _ in model.most_similar(typo, topn=5)] for right, typo in rows]
    return float(np.mean(hits)) if hits else 0.0, len(rows)
