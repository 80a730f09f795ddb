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
from embedkit.rows.sparse import SparseRows, TakenRows, without_zeros
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


def sparse_of_int8():
    rows, full = sparse()
    values = quantize(rows.values, "int8")
    full[rows.buckets] = values[:]
    return SparseRows(rows.buckets.astype(np.int32), values, N), full


def taken():
    numbers_of_rows = np.random.default_rng(6).integers(0, 90, N)
    return TakenRows(numbers(90), numbers_of_rows), numbers(90)[numbers_of_rows]


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
    "sparse int8": sparse_of_int8,
    "taken": taken,
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
        found, known = compose(cut, words, rows, own)
        expected, also = compose(cut, words, full, own)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(known, also)


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


@pytest.mark.parametrize("rows_a_number", [0, 10**9])  # searched for, or looked up in a table
@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("buckets", [[], [0], [N - 1], [2, 3, 9], list(range(N))])
def test_places_of_sparse_rows(monkeypatch, rows_a_number, kind, buckets):
    monkeypatch.setattr("embedkit.rows.sparse._ROWS_A_NUMBER", rows_a_number)
    rows = SparseRows(np.array(buckets, kind), numbers(len(buckets)), N)
    asked = np.random.default_rng(5).integers(0, N, 200)
    for numbers_asked in (asked, asked.astype(np.int32), asked[:0]):
        found = rows.places(numbers_asked)
        assert found.dtype == np.int32
        assert found.tolist() == [buckets.index(n) if n in buckets else -1 for n in numbers_asked.tolist()]
    full = np.zeros((N, SIZE), np.float32)
    full[buckets] = rows.values
    np.testing.assert_array_equal(rows[asked], full[asked])
    np.testing.assert_array_equal(rows[3:9], full[3:9])


def test_rows_without_zeros():
    rows, full = sparse()
    assert without_zeros(rows) is rows
    found = without_zeros(full)
    assert isinstance(found, SparseRows) and found.buckets.tolist() == rows.buckets.tolist()
    np.testing.assert_array_equal(as_array(found), full)
    np.testing.assert_array_equal(as_array(without_zeros(np.asfortranarray(full))), full)
    assert isinstance(without_zeros(numbers()), np.ndarray)
    every = without_zeros(SparseRows(np.arange(N), numbers(), N))
    assert isinstance(every, np.ndarray)
    np.testing.assert_array_equal(every, numbers())
    for kept in (quantize(full, "int8"), SparseRows(np.arange(N), quantize(full, "int8"), N)):
        assert without_zeros(kept) is kept
