"""Lines of text as rows of a matrix: the words of a classifier and what its n-grams hash to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from embedkit.rows.subwords import SYLLABLE_LENGTHS, decode_word, default_lengths, encode_word

SENTENCE_END = b"</s>"
LABEL_PREFIX = b"__label__"
_NUL_IS_SPACE = bytes.maketrans(b"\0", b" ")


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
    """

    def __init__(self, texts: Sequence[str | bytes]) -> None:
        encoded = [text if isinstance(text, bytes) else encode_word(text) for text in texts]
        self.offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=self.offsets[1:])
        self.data = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def chunks(self, n_lines: int) -> Iterator[tuple[int, int]]:
        """(first, last) of groups of at most `n_lines` lines."""
        for low in range(0, len(self), n_lines):
            yield low, min(low + n_lines, len(self))


def count_tokens(texts: Sequence[str | bytes]) -> Counter[bytes]:
    """How often each token occurs, `SENTENCE_END` once a line; tokens that look like labels are left out."""
    found: Counter[bytes] = Counter()
    for low in range(0, len(texts), 10_000):
        block = texts[low : low + 10_000]
        encoded = [text if isinstance(text, bytes) else encode_word(text) for text in block]
        found.update(b" ".join(encoded).translate(_NUL_IS_SPACE).split())
    found[SENTENCE_END] += len(texts)
    for token in [token for token in found if token.startswith(LABEL_PREFIX)]:
        del found[token]
    return found


def suited_lengths(texts: Sequence[str | bytes]) -> tuple[int, int]:
    """(min_n, max_n) of the n-grams of characters that suit the script: 1–5 for Hangul, whose syllables are dense, 3–6
    for letters."""
    counts = count_tokens(texts[:20_000])
    del counts[SENTENCE_END]
    words = list(counts)
    lengths = default_lengths([decode_word(word) for word in words], [counts[word] for word in words])
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
    ) -> None:
        self.words = list(words)
        self.bucket_rows = bucket_rows
        self._numbers = (min_n, max_n, word_ngrams, bucket)
        self._counts_absent = counts_absent
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
            min_n, max_n, word_ngrams, bucket = self._numbers
            rows = np.zeros(0, np.int32) if self.bucket_rows is None else self.bucket_rows
            self._lexicon = Lexicon(
                slots, hashes, lines.data, lines.offsets, min_n, max_n, word_ngrams, bucket, rows, self._counts_absent
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
