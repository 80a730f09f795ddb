"""What tells a word's tag, as features of a linear model: how it is written, and what stands on either side.

Each feature is a string, known by its CRC-32: of a word its ends and beginnings of 1 to 4 characters, its characters
and pairs of them wherever they stand, its last jamo, its length, its shape, and itself, with and without capitals; of
the words before and behind the last two characters, shape and form alone (with all of a neighbour's features Korean
tags were .014 worse); of each two neighbours both forms, both shapes, and the form of one with the end and the shape of
the other; and both forms of the two words before and of the two behind. Where there are vectors, the groups of a word
and of its neighbours are features too (`embedkit.nn.words.groups`). Ratnaparkhi 1996 has such features for English,
where capitals beside known words tell names; characters within a word say most about Korean, where half of the words
are new in each text.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from embedkit.nn.words.pieces import kind_features, piece_features
from embedkit.nn.words.spelling import HANGUL, shape
from embedkit.text.hangul import is_syllable

AFFIX, END, ENDING, LONGEST = 4, 2, 3, 6
BORDER = "\n"  # stands before the first and behind the last word; no token is one
BAGS = 7  # of a word: its own, two of the neighbours, two of the pairs that it is in, two of those beside it
TWICE = 100_000  # in texts of so many words every feature must be there twice, in shorter ones those of pairs alone


class WordBags(NamedTuple):
    """The features of the words of some sentences.

    Attributes
    ----------
    starts : int64 (n_sentences + 1,)
    bags : int32 (n_words, BAGS)
        Bags of features; the words of all sentences, one after the other.
    offsets, hashes : int64 (n_bags + 1,), uint32
        The features of bag b are ``hashes[offsets[b]:offsets[b + 1]]``.
    n_single : int
        The first bags are of single words, those from this one on of pairs.
    """

    starts: np.ndarray
    bags: np.ndarray
    offsets: np.ndarray
    hashes: np.ndarray
    n_single: int

    def chosen(self, sentences: np.ndarray) -> WordBags:
        """Those sentences alone (int64 (n,)), with the bags of all."""
        counts = np.diff(self.starts)[sentences]
        starts = np.concatenate([[0], np.cumsum(counts)])
        places = np.repeat(self.starts[sentences] - starts[:-1], counts) + np.arange(starts[-1])
        return self._replace(starts=starts, bags=self.bags[places])


def own_features(token: str) -> list[str]:
    """What a word, composed (NFC), says about its own tag.

    Examples
    --------
    >>> own_features("at")
    ['-t', '-at', 'a-', 'at-', '/a', '/t', '/<a', '/at', '/t>', '+2', '+2t', '=at', '#x']
    """
    lower = token.lower()
    ends = range(1, min(AFFIX, len(lower)) + 1)
    features = ["-" + lower[-n:] for n in ends] + [lower[:n] + "-" for n in ends]
    if lower and is_syllable(lower[-1]):
        features += [f"_{lower[-2:-1]}{jamo}" for jamo in unicodedata.normalize("NFD", lower[-1])[1:]]
    framed, size = f"<{lower}>", min(len(lower), LONGEST)
    features += ["/" + character for character in lower]
    features += ["/" + framed[i : i + 2] for i in range(len(framed) - 1)]
    features += [f"+{size}", f"+{size}{lower[-1:]}", "=" + lower, "#" + shape(token)]
    return features if token == lower else [*features, "!" + token]


def neighbour_features(token: str) -> list[str]:
    """What a word says about the tags beside it."""
    lower = token.lower()
    ends = ["-" + lower[-n:] for n in range(1, min(END, len(lower)) + 1)]
    return [*ends, "=" + lower, "#" + shape(token)]


def pair_features(first: str, second: str) -> list[str]:
    """What two neighbours say about the tag of either; the last of them about the first's alone.

    The shape of Hangul, which nearly all words of a Korean text have, adds nothing to a form.
    """
    a, b, shapes = first.lower(), second.lower(), (shape(first), shape(second))
    features = [f"&{a}\n{b}", f"#{shapes[0]}\n#{shapes[1]}", f"-{a[-ENDING:]}\n={b}", f"={a}\n-{b[-ENDING:]}"]
    features += [f"#{shapes[0]}\n={b}"] if HANGUL not in shapes[0] else []
    features += [f"={a}\n#{shapes[1]}"] if HANGUL not in shapes[1] else []
    return [*features, f"^{a[-1:]}\n{b[:1]}"]


def form_features(first: str, second: str) -> list[str]:
    """What two neighbours say about the tag of a word beside both."""
    return [f"&{first.lower()}\n{second.lower()}"]


def word_bags(
    tokens: Sequence[str],
    ids: Sequence[np.ndarray],
    pieces: Sequence[Sequence[str]] | None = None,
    groups: Sequence[Sequence[str]] | None = None,
) -> WordBags:
    """The features of sentences.

    Parameters
    ----------
    tokens : sequence of str
        Token types.
    ids : sequence of int64 (n_words,)
        Sentences as places in `tokens`, each of at least one word.
    pieces : sequence of sequences of str, optional
        The morphemes of each token type: features too.
    groups : sequence of sequences of str, optional
        The groups of each token type, as `embedkit.nn.words.groups.WordGroups.features` gives them.
    """
    n = len(tokens) + 1
    border, types = n - 1, [*(unicodedata.normalize("NFC", token) for token in tokens), BORDER]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in ids])]).astype(np.int64)
    own = np.concatenate([np.zeros(0, np.int64), *ids])
    before, behind = _beside(own, own, starts, border)
    firsts, seconds = np.concatenate([before, own, [border]]), np.concatenate([own, behind, [border]])
    pairs, place = np.unique(firsts * n + seconds, return_inverse=True)
    as_second, as_first = place[: len(own)], place[len(own) : -1]
    of_pairs = (as_second, as_first, *_beside(as_second, as_first, starts, int(place[-1])))
    bags = [own, n + before, 2 * n + behind, *(3 * n + i * len(pairs) + each for i, each in enumerate(of_pairs))]
    words, neighbours = _features_of_words(types, pieces, groups)
    couples = [(types[pair // n], types[pair % n]) for pair in pairs.tolist()]
    both = [pair_features(*couple) for couple in couples]
    forms = [form_features(*couple) for couple in couples]
    hashes: list[int] = []
    offsets = [0]
    for mark, features in (
        ("", words),
        ("<", neighbours),
        (">", neighbours),
        ("2", [features[:-1] for features in both]),
        ("1", both),
        ("<<", forms),
        (">>", forms),
    ):
        _add(hashes, offsets, mark, features)
    return WordBags(
        starts, np.stack(bags, axis=1).astype(np.int32), np.array(offsets, np.int64), np.array(hashes, np.uint32), 3 * n
    )


def _beside(before: np.ndarray, behind: np.ndarray, starts: np.ndarray, nothing: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each word what `before` has of the one before it, and `behind` of the one behind; `nothing` at both ends."""
    left, right = np.full(len(before), nothing), np.full(len(behind), nothing)
    left[1:], right[:-1] = before[:-1], behind[1:]
    left[starts[:-1]] = right[starts[1:] - 1] = nothing
    return left, right


def _features_of_words(
    types: list[str], pieces: Sequence[Sequence[str]] | None, groups: Sequence[Sequence[str]] | None
) -> tuple[list[list[str]], list[list[str]]]:
    """What each of the words, the border last, says about its own tag, and about those beside it."""
    own, neighbours = [], []
    nothing: list[Sequence[str]] = [()] * len(types)
    for token, morphemes, group in zip(
        types, [*(pieces or nothing[1:]), ()], [*(groups or nothing[1:]), ()], strict=True
    ):
        own.append([*own_features(token), *piece_features(morphemes), *group])
        neighbours.append([*neighbour_features(token), *kind_features(morphemes), *group])
    return own, neighbours


def _add(hashes: list[int], offsets: list[int], mark: str, bags: Iterable[list[str]]) -> None:
    crc: Callable[[bytes], int] = zlib.crc32
    for features in bags:
        hashes += [crc((mark + feature).encode("utf-8", "surrogatepass")) for feature in features]
        offsets.append(len(hashes))


def frequent(words: WordBags, most: int) -> np.ndarray:
    """The features worth a weight, uint32 ascending: those that are there often enough, at most `most`."""
    uses = np.bincount(words.bags.reshape(-1), minlength=len(words.offsets) - 1)
    found, place = np.unique(words.hashes, return_inverse=True)
    counts = np.bincount(place, np.repeat(uses, np.diff(words.offsets)), len(found))
    least = np.full(len(found), 2 if len(words.bags) >= TWICE else 1)
    least[place[words.offsets[words.n_single] :]] = 2
    found, counts = found[counts >= least], counts[counts >= least]
    return np.sort(found[np.argsort(-counts, kind="stable")[:most]])


def known_rows(words: WordBags, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(offsets, rows int32) of the bags, without the features that are not in `known`."""
    place = np.searchsorted(known, words.hashes)
    is_known = known[np.minimum(place, len(known) - 1)] == words.hashes if len(known) else place < 0
    offsets = np.concatenate([[0], np.cumsum(is_known)])[words.offsets]
    return offsets, place[is_known].astype(np.int32)
