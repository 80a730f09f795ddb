"""The words of a corpus, most frequent first, with their counts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from embedkit.errors import CorpusError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.vocabulary.words import WordIndex, Words

_WRITTEN_AT_ONCE = 1 << 16


class Vocabulary:
    """Words and counts; a word's id is its place.

    Parameters
    ----------
    words : sequence of str
        Without repetitions; kept in this order.
    counts : sequence of int
        How often each occurs in the corpus.

    Attributes
    ----------
    index_to_key : Words
        The word of each id, most frequent first, ties in UTF-8 order (unless made or loaded in another order).
    key_to_index : WordIndex
        The id of each word; a few look-ups are binary searches, many get a dictionary.
    counts : int64 (n_words,)
    """

    def __init__(self, words: Sequence[str], counts: Sequence[int] | np.ndarray) -> None:
        self.index_to_key = Words.from_strings(words)
        self.key_to_index = WordIndex(self.index_to_key)
        self.counts = np.asarray(counts, dtype=np.int64)
        if len(self.index_to_key) != len(self.counts):
            raise ValueError(f"{len(self.index_to_key)} words but {len(self.counts)} counts")

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int] | Iterable[tuple[str, int]], min_count: int = 5, max_vocab: int | None = None
    ) -> Vocabulary:
        """Keep words of `min_count` or more, at most the `max_vocab` most frequent; ties in UTF-8 order.

        Raises
        ------
        CorpusError
            When no word is left.
        """
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        # Strings compare by code point, which is the order of their UTF-8 bytes.
        kept = sorted((pair for pair in pairs if pair[1] >= min_count), key=lambda pair: (-pair[1], pair[0]))
        if not kept:
            raise nothing_left(len(pairs), max((count for _, count in pairs), default=0), min_count)
        kept = kept[:max_vocab]
        return cls([word for word, _ in kept], [count for _, count in kept])

    @property
    def total(self) -> int:
        """The sum of all counts."""
        return int(self.counts.sum())

    def __len__(self) -> int:
        return len(self.counts)

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __iter__(self) -> Iterator[str]:
        return iter(self.index_to_key)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Vocabulary)
            and np.array_equal(self.counts, other.counts)
            and self.digest() == other.digest()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words, {self.total} tokens)"

    def keep_probabilities(self, sample: float) -> np.ndarray:
        """The probability that subsampling keeps a token of each word, float32 (n_words,).

        ``min(1, (sqrt(f / sample) + 1) · sample / f)`` with f the word's share of the tokens: the word2vec tool's
        formula (Mikolov et al. 2013, "Distributed Representations", section 2.3, gives the plainer
        ``sqrt(sample / f)``). With `sample` 0 nothing is left out.
        """
        if sample <= 0:
            return np.ones(len(self), dtype=np.float32)
        ratio = sample * self.total / np.maximum(self.counts, 1)
        return np.minimum(1.0, np.sqrt(ratio) + ratio).astype(np.float32)

    def negative_distribution(self, ns_exponent: float) -> np.ndarray:
        """The distribution of negative samples, float64 (n_words,): ``counts ** ns_exponent``, summing to 1.

        Mikolov et al. 2013, "Distributed Representations", section 2.2.
        """
        weights = self.counts.astype(np.float64) ** ns_exponent
        return weights / weights.sum()

    def save(self, path: str | os.PathLike[str], separator: str = " ") -> None:
        """Write ``word count`` lines in UTF-8, as GloVe's ``vocab.txt``; `load` reads a tab between them too.

        Raises
        ------
        FormatError
            When a word is empty or holds a line feed, which such a file cannot express.
        """
        for word in self.index_to_key:
            if not word or "\n" in word:
                raise FormatError(f"a vocabulary file cannot hold the word {word!r}: it is empty or has a line feed")
        with atomic_open(path) as stream:
            for start in range(0, len(self), _WRITTEN_AT_ONCE):
                stop = start + _WRITTEN_AT_ONCE
                rows = zip(self.index_to_key[start:stop], self.counts[start:stop].tolist(), strict=True)
                stream.write("".join(f"{word}{separator}{count}\n" for word, count in rows).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` or GloVe's ``vocab_count`` wrote; the words stay in the file's order.

        Raises
        ------
        FormatError
            When the file is missing, or a line is not ``word count``, not UTF-8, or a repetition.
        """
        words: list[str] = []
        counts: list[int] = []
        seen: dict[str, int] = {}
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise FormatError(f"{os.fspath(path)}: cannot be read: {error.strerror}") from error
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            word, _, count = line.rstrip(b"\r").rpartition(b"\t" if b"\t" in line else b" ")
            if not word or not count.isdigit() or len(count) > 19 or int(count) >= 2**63:
                raise FormatError(f"{os.fspath(path)}, line {number}: expected 'word count', found {line[:60]!r}")
            try:
                text = word.decode()
            except UnicodeDecodeError:
                raise FormatError(f"{os.fspath(path)}, line {number}: the word is not UTF-8: {word[:60]!r}") from None
            if text in seen:
                raise FormatError(f"{os.fspath(path)}, line {number}: {text!r} stands in line {seen[text]} already")
            seen[text] = number
            words.append(text)
            counts.append(int(count))
        if not words:
            raise FormatError(f"{os.fspath(path)}: expected 'word count' lines, found none")
        return cls(words, counts)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the words in order, whatever their counts: equal for equal ids."""
        digest = hashlib.sha256()
        words = self.index_to_key
        digest.update(np.diff(words.offsets).astype("<i8").tobytes())
        digest.update(words.blob[words.offsets[0] : words.offsets[-1]].tobytes())
        return digest.hexdigest()


def nothing_left(n_distinct: int, largest: int, min_count: int) -> CorpusError:
    """The error for a corpus in which no word reaches `min_count`."""
    if n_distinct == 0:
        return CorpusError("the corpus holds no words: expected text, found nothing but white space")
    return CorpusError(
        f"no word occurs {min_count} times: the corpus has {n_distinct:,} distinct words and the most frequent one "
        f"occurs {largest:,} time{'s' if largest != 1 else ''}; lower --min-count or give more text"
    )


def frequency_order(counts: np.ndarray, data: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Indices (int64) that sort distinct words by falling count, equal counts by their UTF-8 bytes.

    Parameters
    ----------
    counts : int64 (n,)
    data : uint8
        The words' bytes, with at least 7 spare bytes behind the last one.
    begins, lengths : int64 (n,)
        Where each word lies in `data`.

    Sorts by count and the first eight bytes; only words that tie go on to their next eight.
    """
    eights = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    order = np.arange(len(counts))
    places, groups, depth = order.copy(), -counts, 0
    while len(places):
        members = order[places]
        left = np.minimum(lengths[members] - depth, 8)
        prefixes = _big_endian(eights, begins[members] + depth, left)
        inner = np.lexsort((left, prefixes, groups))
        order[places] = members[inner]
        groups, left, prefixes = groups[inner], left[inner], prefixes[inner]
        same = (groups[1:] == groups[:-1]) & (prefixes[1:] == prefixes[:-1])
        same &= (left[1:] == 8) & (left[:-1] == 8)
        tied = np.concatenate([same, [False]]) | np.concatenate([[False], same])
        groups = np.cumsum(np.concatenate([[True], ~same]))[tied]
        places = places[tied]
        depth += 8
    return order


def _big_endian(eights: np.ndarray, begins: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The next `left` (0 to 8) bytes of each word as a number (uint64) that compares as the bytes do."""
    values = eights[np.minimum(begins, len(eights) - 1)].astype(np.uint64).byteswap()
    unused = np.uint64(8) * (8 - np.maximum(left, 1)).astype(np.uint64)
    return np.where(left > 0, values >> unused << unused, np.uint64(0))
