"""Rows however they are stored: each kind gives out what the array of the same numbers gives."""

import numpy as np
import pytest

from embedkit.errors import ConfigError, FormatError
from embedkit.formats.fasttext_quantized import FastTextCodes
from embedkit.kernels.thresholds import HASHED_WORDS
from embedkit.rows.composed import ComposedRows
from embedkit.rows.composing import compose
from embedkit.rows.protocol import as_array, blocks_of, stored_arrays
from embedkit.rows.quantization import QuantizedRows, quantize
from embedkit.rows.sparse import SparseRows
from embedkit.rows.subwords import Subwords
from embedkit.rows.table import EmbeddingTable

N, SIZE = 60, 6
CUT = Subwords("chars", 3, 4, 40)
WORDS = [f"낱말{i}" for i in range(N)]


def numbers(n=N, seed=1):
    return np.random.default_rng(seed).standard_normal((n, SIZE)).astype(np.float32)


def sparse():
    full = numbers()
    full[::3] = 0
    buckets = np.flatnonzero(full.any(axis=1))
    return SparseRows(buckets, full[buckets], N), full


def packed():
    rng = np.random.default_rng(2)
    codes, centroids = rng.integers(0, 256, (N, 3), dtype=np.uint8), rng.standard_normal(SIZE * 256).astype("f4")
    norms = rng.random(N).astype("f4")
    full = np.concatenate([centroids[p * 512 : (p + 1) * 512].reshape(256, 2)[codes[:, p]] for p in range(3)], axis=1)
    return FastTextCodes(codes, centroids, SIZE, 2, norms), full * norms[:, None]


def quantised(kind):
    rows = quantize(numbers(), kind)
    parts = rows.parts
    if kind == "float16":
        return rows, parts["rows"].astype("f4")
    if kind == "int8":
        return rows, parts["rows"].astype("f4") * parts["scales"][:, None]
    full = [np.concatenate([parts["centroids"][p, code] for p, code in enumerate(codes)]) for codes in parts["rows"]]
    return rows, np.stack(full)[:, :SIZE] * parts["scales"][:, None]


def composed():
    own, ngrams = numbers(), numbers(40, 3)
    full = []
    for word, row in zip(WORDS, own, strict=True):
        total = row.copy()
        buckets = CUT.buckets(word)
        for bucket in buckets:
            total += ngrams[bucket]
        full.append(total * np.float32(1 / (1 + len(buckets))))
    return ComposedRows(WORDS, own, CUT, ngrams), np.stack(full)


KINDS = {
    "array": lambda: (numbers(), numbers()),
    "sparse": sparse,
    "fastText codes": packed,
    **{kind: lambda kind=kind: quantised(kind) for kind in ("float16", "int8", "pq")},
    "composed": composed,
}


@pytest.fixture(params=KINDS)
def pair(request):
    return KINDS[request.param]()


def test_every_kind_of_index_gives_what_an_array_gives(pair):
    rows, full = pair
    assert (rows.shape, rows.dtype, len(rows)) == ((N, SIZE), np.float32, N)
    rng = np.random.default_rng(4)
    for index in (0, N - 1, -1, -N, np.int64(3)):
        assert rows[index].shape == (SIZE,)
        np.testing.assert_array_equal(rows[index], full[index])
    for index in (
        slice(None),
        slice(3, 9),
        slice(50, 999),
        slice(9, 3),
        slice(-5, None),
        slice(None, None, -1),
        slice(1, 40, 7),
        rng.integers(-N, N, 200),
        [3, 3, 1],
        np.zeros(0, np.int64),
        rng.random(N) > 0.5,
    ):
        found = rows[index]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, full[index])
    for index in (N, -N - 1, [0, N], np.array([-N - 1])):
        with pytest.raises(IndexError):
            rows[index]


def test_all_of_them_block_by_block(pair):
    rows, full = pair
    np.testing.assert_array_equal(as_array(rows), full)
    np.testing.assert_array_equal(np.asarray(rows), full)
    blocks = list(blocks_of(rows, 7))
    assert [low for low, _ in blocks] == list(range(0, N, 7))
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), full)
    assert rows.nbytes == sum(array.nbytes for array in stored_arrays(rows)) > 0


def test_a_table_measures_any_rows(pair):
    rows, full = pair
    table = EmbeddingTable(WORDS, rows)
    assert table.vector_size == SIZE
    np.testing.assert_allclose(table.lengths(), np.linalg.norm(full.astype(np.float64), axis=1), rtol=1e-6)
    with pytest.raises(ConfigError, match=r"expected vectors of shape \(59, vector_size\)"):
        EmbeddingTable(WORDS[:-1], rows)
    with pytest.raises(ConfigError, match="word_rows has 3 rows for 60 words"):
        EmbeddingTable(WORDS, rows, word_rows=full[:3])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "composed"])
def test_words_are_composed_of_any_rows(kind):
    rows, full = KINDS[kind]()
    cut = Subwords("chars", 2, 4, N)
    words = [f"{word}{i}" for i in range(HASHED_WORDS // 50) for word in ("시나브로", "word", "a")]
    for own in (None, np.tile(numbers(), (3, 1))[: len(words)]):
        found, n_ngrams = compose(cut, words, rows, own)
        expected, also = compose(cut, words, full, own)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(n_ngrams, also)


def test_few_words_and_many_are_composed_to_the_same_bits():
    words = [f"낱말 {i}" for i in range(HASHED_WORDS + 1)]
    rows = ComposedRows(words, np.tile(numbers(), (40, 1))[: len(words)], CUT, numbers(40, 3))
    many = rows[:]
    np.testing.assert_array_equal(rows[: HASHED_WORDS - 1], many[: HASHED_WORDS - 1])
    np.testing.assert_array_equal(rows[HASHED_WORDS], many[HASHED_WORDS])


def test_a_composed_vector_that_is_not_finite_is_named():
    own = numbers()
    own[7, 2] = np.inf
    rows = ComposedRows(WORDS, own, CUT, numbers(40, 3), "m.bin")
    assert np.isfinite(rows[6]).all()
    with pytest.raises(FormatError, match=r"m\.bin: the vector of '낱말7' \(row 7\): expected finite"):
        rows[5:9]


def test_quantised_rows_of_no_words():
    parts = {"rows": np.zeros((0, 2), np.uint8), "centroids": np.zeros((2, 256, 3), "f4"), "scales": np.zeros(0, "f4")}
    assert QuantizedRows("pq", SIZE, parts)[:].shape == (0, SIZE)
