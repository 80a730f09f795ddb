"""N-grams and vectors of many words at once, by kernels; one word needs only `embedkit.rows.subwords`.

Also the rows of n-grams where most buckets were never touched: a trained model uses some hundred thousand of two
million, and holds only those.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embedkit.rows.subwords import Subwords, encode_word
from embedkit.threads import for_each

WORDS_AT_ONCE = 4096


class SparseRows:
    """A float32 matrix (n_rows, vector_size) most of whose rows are zero, held as the others.

    Parameters
    ----------
    buckets : int64 (n_used,)
        The rows that are not zero, ascending.
    values : float32 (n_used, vector_size)
        Those rows.
    n_rows : int
        Rows in all.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, buckets: np.ndarray, values: np.ndarray, n_rows: int) -> None:
        self.buckets = buckets
        self.values = values
        self.shape = (n_rows, values.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self.buckets.nbytes + self.values.nbytes)

    def positions(self, buckets: np.ndarray) -> np.ndarray:
        """Where the rows of `buckets` are in `values`, -1 for zero rows: int32, the shape of `buckets`."""
        places = np.searchsorted(self.buckets, buckets)
        found = places < len(self.buckets)
        found[found] = self.buckets[places[found]] == buckets[found]
        return np.where(found, places, -1).astype(np.int32)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Rows by slice, array of row numbers or single row number, as of the full matrix."""
        if isinstance(index, slice):
            low, high, step = index.indices(len(self))
            if step == 1:
                first, last = np.searchsorted(self.buckets, (low, max(low, high)))
                rows = np.zeros((max(0, high - low), self.shape[1]), np.float32)
                rows[self.buckets[first:last] - low] = self.values[first:last]
                return rows
            index = np.arange(low, high, step)
        numbers = np.asarray(index)
        if numbers.ndim == 0:
            return self[numbers[None]][0]
        places = self.positions(numbers)
        rows = np.zeros((len(numbers), self.shape[1]), np.float32)
        rows[places >= 0] = self.values[places[places >= 0]]
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.float32, copy=False)


def hash_words(subwords: Subwords, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The n-grams' rows of many words.

    Returns
    -------
    indptr : int64 (n_words + 1,)
    rows : int32 (n_ngrams,)
        Those of word i are ``rows[indptr[i]:indptr[i + 1]]``: what ``subwords.buckets(word)`` gives.
    """
    return _hash(subwords, *_join(subwords, words))


def _join(subwords: Subwords, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The words' bytes one after the other, uint8, and where each begins, int64 (n_words + 1,)."""
    encoded = [encode_word(subwords.normalize(word)) for word in words]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return np.frombuffer(b"".join(encoded) or b"\0", np.uint8), offsets


def _hash(subwords: Subwords, data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`hash_words` of what `_join` gives, or of a stretch of its offsets."""
    from embedkit.kernels import subword

    if subwords.kind == "chars":
        lengths = subword.NgramLengths(subwords.min_n, subwords.max_n, 0, 0, subwords.bucket)
    else:
        lengths = subword.NgramLengths(
            subwords.min_syllables, subwords.max_syllables, subwords.min_jamo, subwords.max_jamo, subwords.bucket
        )
    indptr, buckets = subword.hash_words(data, offsets, lengths)
    return (indptr, buckets) if subwords.kept is None else _only_kept(subwords.kept, indptr, buckets)


def _only_kept(kept: Sequence[int], indptr: np.ndarray, buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of a pruned model; n-grams without a row fall away."""
    order = np.argsort(np.asarray(kept, np.int64), kind="stable")
    ascending = np.asarray(kept, np.int64)[order]
    places = np.searchsorted(ascending, buckets)
    found = places < len(ascending)
    found[found] = ascending[places[found]] == buckets[found]
    before = np.concatenate([[0], np.cumsum(found)])
    return before[indptr].astype(np.int64), order[places[found]].astype(np.int32)


def compose(
    subwords: Subwords, words: Sequence[str], ngram_vectors: Any, word_rows: Any = None, workers: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of many words from their n-grams: what fastText computes, bit for bit.

    Parameters
    ----------
    subwords : Subwords
    words : sequence of str
    ngram_vectors : float32 (subwords.n_rows, vector_size)
        An array, a memory map or `SparseRows`.
    word_rows : float32 (n_words, vector_size), optional
        The words' own rows; without them the words are unknown ones.
    workers : int, optional
        Threads; all cores by default.

    Returns
    -------
    vectors : float32 (n_words, vector_size)
        Zeros for a word that has neither n-grams nor a row of its own.
    n_ngrams : int64 (n_words,)
    """
    from embedkit.kernels import subword

    sparse = ngram_vectors if isinstance(ngram_vectors, SparseRows) else None
    matrix = _read_only(np.asarray(ngram_vectors) if sparse is None else sparse.values)
    size = matrix.shape[1]
    rows_of_words = _read_only(np.zeros((0, size), np.float32) if word_rows is None else np.asarray(word_rows))
    data, offsets = _join(subwords, words)
    vectors = np.empty((len(words), size), np.float32)
    n_ngrams = np.empty(len(words), np.int64)

    def do(first: int, last: int) -> None:
        indptr, rows = _hash(subwords, data, offsets[first : last + 1])
        n_ngrams[first:last] = np.diff(indptr)
        subword.mean_rows(
            indptr,
            rows if sparse is None else sparse.positions(rows),
            matrix,
            rows_of_words[first:last],
            0,
            last - first,
            vectors[first:last],
        )

    _in_threads(do, len(words), workers)
    return vectors, n_ngrams


def mean_rows(
    indptr: np.ndarray, positions: np.ndarray, matrix: np.ndarray, word_rows: np.ndarray, workers: int | None = None
) -> np.ndarray:
    """`embedkit.kernels.subword.mean_rows` over all words, in threads: float32 (n_words, vector_size)."""
    from embedkit.kernels import subword

    n_words = len(indptr) - 1
    out = np.empty((n_words, matrix.shape[1]), np.float32)
    matrix, word_rows = _read_only(matrix), _read_only(word_rows)
    _in_threads(
        lambda first, last: subword.mean_rows(indptr, positions, matrix, word_rows, first, last, out), n_words, workers
    )
    return out


def _in_threads(do: Callable[[int, int], None], n_words: int, workers: int | None) -> None:
    """``do(first, last)`` for stretches of the words; a first call, of none, compiles before there are threads."""
    do(0, 0)
    bounds = range(0, n_words, WORDS_AT_ONCE)
    for_each(
        lambda first: do(first, min(first + WORDS_AT_ONCE, n_words)),
        bounds,
        min(workers or os.cpu_count() or 1, len(bounds)),
        "compose",
    )


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written, so that arrays and memory maps share one compiled kernel."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
