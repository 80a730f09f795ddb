"""The words of a corpus, most frequent first, with their counts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from embedkit.errors import ConfigError, CorpusError, FormatError, counted
from embedkit.files.atomic import atomic_open
from embedkit.text.lines import numbered_lines, shortened
from embedkit.text.reading import SNIFFED_BYTES, short_name
from embedkit.text.sniffing import describe_binary
from embedkit.vocabulary.words import WordIndex, Words

_WRITTEN_AT_ONCE = 1 << 16
_BREAKS_LINES = re.compile("[\n\r\ud800-\udfff]")
_BREAKS_LINES_AND_SPACES = re.compile("[\n\r\t\ud800-\udfff]")


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
            raise ValueError(f"{counted(len(self.index_to_key), 'word')} but {counted(len(self.counts), 'count')}")

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int] | Iterable[tuple[str, int]],
        min_count: int = 5,
        max_vocab: int | None = None,
        name: str = "the corpus",
    ) -> Vocabulary:
        """Keep words of `min_count` or more, at most the `max_vocab` most frequent; ties in UTF-8 order.

        `name` is what messages call the text.

        Raises
        ------
        CorpusError
            When no word is left.
        """
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        # Strings compare by code point, which is the order of their UTF-8 bytes.
        kept = sorted((pair for pair in pairs if pair[1] >= min_count), key=lambda pair: (-pair[1], pair[0]))
        if not kept:
            raise nothing_left(len(pairs), max((count for _, count in pairs), default=0), min_count, name)
        kept = kept[:max_vocab]
        return cls([word for word, _ in kept], [count for _, count in kept])

    @property
    def has_counts(self) -> bool:
        """Whether any word was counted; a plain list of words has zeros only."""
        return bool(self.counts.any())

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
        return f"Vocabulary({counted(len(self), 'word')}, {counted(self.total, 'token')})"

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

        Mikolov et al. 2013, "Distributed Representations", section 2.2. A word that was counted 0 times is never
        drawn.

        Raises
        ------
        ConfigError
            When no word was counted: there is nothing to weigh by.
        """
        if not self.has_counts:
            raise ConfigError("the vocabulary has no counts: give 'word count' lines, or count its words in a corpus")
        weights = np.where(self.counts > 0, self.counts.astype(np.float64), 0.0)
        weights[self.counts > 0] **= ns_exponent
        return weights / weights.sum()

    def save(self, path: str | os.PathLike[str], separator: str = " ") -> None:
        """Write ``word count`` lines in UTF-8, as GloVe's ``vocab.txt``; `load` reads a tab between them too.

        Raises
        ------
        FormatError
            When a word could not be read back: it is empty or holds a line end, or the separator's own tab; or a
            byte that is not UTF-8.
        """
        broken = _BREAKS_LINES if separator == "\t" else _BREAKS_LINES_AND_SPACES
        with atomic_open(path) as stream:
            for start in range(0, len(self), _WRITTEN_AT_ONCE):
                stop = start + _WRITTEN_AT_ONCE
                words = self.index_to_key[start:stop]
                for word in words:
                    if not word or broken.search(word):
                        raise FormatError(
                            f"a vocabulary file cannot hold the word {word!r}: it is empty, not UTF-8, or has a line "
                            "end or a tab"
                        )
                if start == 0 and words and words[0].startswith("\ufeff"):
                    raise FormatError(f"a vocabulary file cannot begin with the byte order mark of {words[0]!r}")
                rows = zip(words, self.counts[start:stop].tolist(), strict=True)
                data = "".join(f"{word}{separator}{count}\n" for word, count in rows).encode()
                if start == 0 and (what := describe_binary(data[:SNIFFED_BYTES])):
                    raise FormatError(
                        f"these words are no vocabulary that could be read back: it would look like {what}"
                    )
                stream.write(data)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` or GloVe's ``vocab_count`` wrote, or a plain list, a word a line.

        The words stay in the file's order. The first line tells whether there are counts; without them every count
        is 0 (`has_counts`), and what encodes a corpus counts the words there.

        Raises
        ------
        FormatError
            When a line is not ``word count`` (in a list: is), or a word stands there twice, or there is none.
        CorpusError
            When the file cannot be read, or is not text or not UTF-8.
        """
        words: list[str] = []
        counts: list[int] = []
        places: dict[str, str] = {}
        counted = True
        for place, line in numbered_lines(path):
            if not line.strip():
                continue
            word, count = _word_and_count(line)
            if not words:
                counted = count is not None
            if counted and count is None:
                raise FormatError(
                    f"{place}: expected 'word count' as in the lines before, found {shortened(line)}; a plain list of "
                    "words has no counts at all"
                )
            if not counted and count is not None:
                raise FormatError(
                    f"{place}: expected a word without a count as in the lines before, found {shortened(line)}"
                )
            word = word if counted else line.strip()
            if word in places:
                raise FormatError(f"{place}: {word!r} stands in {places[word]} already")
            places[word] = place
            words.append(word)
            counts.append(count or 0)
        if not words:
            raise FormatError(f"{short_name(path)}: expected 'word count' lines, or a word a line, found none")
        return cls(words, counts)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the words in order, whatever their counts: equal for equal ids."""
        digest = hashlib.sha256()
        words = self.index_to_key
        digest.update(np.diff(words.offsets).astype("<i8").tobytes())
        digest.update(words.blob[words.offsets[0] : words.offsets[-1]].tobytes())
        return digest.hexdigest()


def _word_and_count(line: str) -> tuple[str, int | None]:
    """The two parts of a ``word count`` line; no count where it has none."""
    word, _, count = line.rpartition("\t" if "\t" in line else " ")
    if word and count.isascii() and count.isdigit() and len(count) <= 19 and int(count) < 2**63:
        return word, int(count)
    return line, None


def no_words(name: str) -> CorpusError:
    """The error for a text, called `name`, without a word."""
    return CorpusError(
        f"{name} holds no words: expected text, found nothing but white space or what the tokenizer leaves out"
    )


def nothing_left(n_distinct: int, largest: int, min_count: int, name: str = "the corpus") -> CorpusError:
    """The error for a corpus in which no word reaches `min_count`; `name` tells it from others."""
    if n_distinct == 0:
        return no_words(name)
    return CorpusError(
        f"no word occurs {counted(min_count, 'time')}: {name} has {counted(n_distinct, 'distinct word')} and the most "
        f"frequent one occurs {counted(largest, 'time')}; lower `min_count` or give more text"
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
