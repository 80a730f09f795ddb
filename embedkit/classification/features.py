"""Lines of text as rows of a matrix: the words of a classifier and what its n-grams hash to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from embedkit.errors import check_texts
from embedkit.rows.subwords import SYLLABLE_LENGTHS, decode_word, default_lengths, encode_word

SENTENCE_END = b"</s>"
LABEL_PREFIX = b"__label__"


class Lines:
    """Texts as one blob of bytes.

    Parameters
    ----------
    texts : sequence of str or bytes
        A line feed inside ends a text, as in fastText.

    Attributes
    ----------
    data : uint8 (n_bytes,)
    offsets : int64 (n_lines + 1,)

    Raises
    ------
    ConfigError
        For one string in the place of several, and for what is no string.
    """

    def __init__(self, texts: Sequence[str | bytes]) -> None:
        check_texts(texts)
        encoded = [text if isinstance(text, bytes) else encode_word(text) for text in texts]
        self.offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=self.offsets[1:])
        # Writable, as the kernels' own arrays: one type, compiled once.
        self.data = np.frombuffer(bytearray().join(encoded) or bytearray(1), np.uint8)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def chunks(self, n_lines: int) -> Iterator[tuple[int, int]]:
        """(first, last) of groups of at most `n_lines` lines."""
        for low in range(0, len(self), n_lines):
            yield low, min(low + n_lines, len(self))


def count_tokens(lines: Lines, min_count: int = 1) -> tuple[list[bytes], np.ndarray, int]:
    """The tokens that occur `min_count` times, by falling count and then as they come; their counts, int64; how many
    tokens there are in all.

    `SENTENCE_END` counts once a line, and tokens that look like labels are left out.
    """
    from embedkit.kernels.bag import distinct_tokens

    starts, stops, counts = distinct_tokens(lines.data, lines.offsets)
    data, n = lines.data.tobytes(), len(lines)
    first = lines.data[starts] if len(starts) else np.zeros(0, np.uint8)
    for i in np.flatnonzero((first == LABEL_PREFIX[0]) | (first == SENTENCE_END[0])).tolist():
        token = data[starts[i] : stops[i]]
        if token.startswith(LABEL_PREFIX):
            counts[i] = 0
        elif token == SENTENCE_END:
            n, counts[i] = n + int(counts[i]), 0
    total = int(counts.sum()) + n
    starts, stops, counts = np.append(starts, 0), np.append(stops, -1), np.append(counts, n)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= max(min_count, 1)]
    bounds = zip(starts[order].tolist(), stops[order].tolist(), strict=True)
    return [data[a:b] if b >= 0 else SENTENCE_END for a, b in bounds], counts[order], total


def suited_lengths(texts: Sequence[str | bytes]) -> tuple[int, int]:
    """(min_n, max_n) of the n-grams of characters that suit the script: 1–5 for Hangul, whose syllables are dense, 3–6
    for letters."""
    words, counts, _ = count_tokens(Lines(list(islice(texts, 20_000))))
    found = {decode_word(word): n for word, n in zip(words, counts.tolist(), strict=True) if word != SENTENCE_END}
    lengths = default_lengths(list(found), list(found.values()))
    return (1, 5) if lengths == SYLLABLE_LENGTHS else (3, 6)


class Features:
    """What turns lines into rows.

    Parameters
    ----------
    words : sequence of bytes
    min_n, max_n, word_ngrams, bucket : int
        See `embedkit.classification.options.BagOptions`.
    bucket_rows : int32 (bucket,), optional
        The row of each bucket, -1 for none; by default bucket b has row ``n_words + b``.
    counts_absent : bool
        N-grams without a row count as rows of zeros.
    across : bool
        The n-grams of characters are those of a line without white space, rather than of each word.
    """

    def __init__(
        self,
        words: Sequence[bytes],
        *,
        min_n: int,
        max_n: int,
        word_ngrams: int,
        bucket: int,
        bucket_rows: np.ndarray | None = None,
        counts_absent: bool = True,
        across: bool = False,
    ) -> None:
        self.words = list(words)
        self.bucket_rows = bucket_rows
        self._numbers = (min_n, max_n, word_ngrams, bucket)
        self._counts_absent, self._across = counts_absent, across
        self._lexicon: Any = None

    @property
    def lexicon(self) -> Any:
        """The `embedkit.kernels.bag.Lexicon`, made when first asked for."""
        if self._lexicon is None:
            from embedkit.kernels.bag import Lexicon, fill_slots

            lines = Lines(self.words)
            slots = np.full(1 << max(4, (2 * len(self.words)).bit_length()), -1, np.int32)
            hashes = np.zeros(len(self.words), np.uint32)
            fill_slots(lines.data, lines.offsets, slots, hashes)
            rows = np.zeros(0, np.int32) if self.bucket_rows is None else self.bucket_rows
            self._lexicon = Lexicon(
                *(slots, hashes, lines.data, lines.offsets, *self._numbers, rows, self._counts_absent, self._across)
            )
        return self._lexicon

    def encode(self, lines: Lines, first: int = 0, last: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(indptr, rows) of lines `first` to `last` (`embedkit.kernels.bag.encode_lines`)."""
        from embedkit.kernels.bag import encode_lines

        indptr, rows = encode_lines(
            lines.data, lines.offsets[first : (len(lines) if last is None else last) + 1], self.lexicon
        )
        return indptr, rows

    def encoder(self, lines: Lines) -> Callable[[tuple[int, int]], tuple[np.ndarray, np.ndarray]]:
        """`encode` for threads, compiled and with its lexicon made."""
        self.encode(lines, 0, 0)
        return lambda bounds: self.encode(lines, *bounds)
