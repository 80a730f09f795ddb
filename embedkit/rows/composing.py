"""N-grams and vectors of many words at once, by kernels; one word needs only `embedkit.rows.subwords`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedkit.rows.norms import require_finite
from embedkit.rows.protocol import Rows
from embedkit.rows.sparse import SparseRows
from embedkit.rows.subwords import Subwords, encode_word
from embedkit.threads import for_each, usable_cores

WORDS_AT_ONCE = 4096


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
    subwords: Subwords,
    words: Sequence[str],
    ngram_vectors: Rows,
    word_rows: Rows | None = None,
    workers: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of many words from their n-grams: what fastText computes, bit for bit.

    Parameters
    ----------
    subwords : Subwords
    words : sequence of str
    ngram_vectors : Rows (subwords.n_rows, vector_size)
        Of rows that are not an array, nor sparse ones over an array, those that the words need are decoded, a stretch
        of words at a time.
    word_rows : Rows (n_words, vector_size), optional
        The words' own rows; without them the words are unknown ones.
    workers : int, optional
        Threads; all cores by default.

    Returns
    -------
    vectors : float32 (n_words, vector_size)
        Zeros for a word of which nothing is known.
    known : bool (n_words,)
        Whether something is: of a word without n-grams, or whose n-grams' rows are all zeros, it is not.

    Raises
    ------
    EmbedkitError
        When the vector of an unknown word is not finite.
    """
    from embedkit.kernels import subword

    size = ngram_vectors.shape[1]
    rows_of_words: Rows = np.zeros((0, size), np.float32) if word_rows is None else word_rows
    data, offsets = _join(subwords, words)
    vectors = np.empty((len(words), size), np.float32)

    def do(first: int, last: int) -> None:
        indptr, rows = _hash(subwords, data, offsets[first : last + 1])
        matrix = ngram_vectors
        if isinstance(ngram_vectors, SparseRows) and isinstance(ngram_vectors.values, np.ndarray):
            matrix, rows = ngram_vectors.values, ngram_vectors.places(rows)
        elif not isinstance(matrix, np.ndarray):
            used, rows = np.unique(rows, return_inverse=True)
            matrix, rows = ngram_vectors[used], rows.astype(np.int32)
        subword.mean_rows(
            indptr,
            rows,
            _read_only(matrix),
            _read_only(rows_of_words[first:last]),
            0,
            last - first,
            vectors[first:last],
        )

    _in_threads(do, len(words), workers)
    if word_rows is None:
        require_finite(words, vectors)
    return vectors, np.any(vectors, axis=1)


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
        min(workers or usable_cores(), len(bounds)),
        "compose",
    )


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written, so that arrays and memory maps share one compiled kernel."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
