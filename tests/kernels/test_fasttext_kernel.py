"""The kernels of subword training against plain float64 loops, and hashing and composing against the plain version."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.kernels.compiling import kernel
from embedkit.kernels.copying import order_in_place
from embedkit.kernels.fasttext import Settings, make_train
from embedkit.kernels.fasttext_blocks import make_train_blocks
from embedkit.kernels.fasttext_rows import Model, flush_all
from embedkit.kernels.outputs import huffman_paths
from embedkit.kernels.rows import SCORES, TILE, add_row, dot_rows, update_rows
from embedkit.kernels.sampling import alias_table
from embedkit.kernels.simd import LANES, aligned_rows, padded_size
from embedkit.kernels.word2vec import LOSS_EVERY
from embedkit.rows.composing import compose, hash_words, mean_rows
from embedkit.rows.sparse import SparseRows
from embedkit.rows.subwords import Subwords
from tests import reference_fasttext as reference

ANY_WORDS = st.lists(
    st.text(
        st.one_of(
            st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
            st.characters(),
            st.sampled_from("abz<>/s樂ㅋé\u0301\u1112\u1161"),
        ),
        max_size=9,
    ),
    max_size=6,
)
SPLITS = [
    Subwords("chars", bucket=1000),
    Subwords("chars", min_n=1, max_n=2, bucket=2**31 - 1),
    Subwords("jamo", bucket=999),
    Subwords("jamo", min_jamo=1, max_jamo=7, min_syllables=2, max_syllables=2),
]


@settings(max_examples=150, deadline=None)
@given(ANY_WORDS, st.sampled_from(SPLITS))
def test_hashing_many_words_is_hashing_each(words, subwords):
    words = [*words, "</s>", "x" * 300, "하늘"]
    indptr, found = hash_words(subwords, words)
    for i, word in enumerate(words):
        assert found[indptr[i] : indptr[i + 1]].tolist() == subwords.buckets(word).tolist(), word


def test_hashing_for_a_pruned_model_leaves_ngrams_out():
    full = Subwords("chars", min_n=2, max_n=3, bucket=50)
    pruned = Subwords("chars", min_n=2, max_n=3, bucket=50, kept=(40, 7, 3, 22, 31, 12, 49))
    words = ["하늘", "seaside", "", "바람결에"]
    indptr, found = hash_words(pruned, words)
    assert 0 < len(found) < len(hash_words(full, words)[1])
    for i, word in enumerate(words):
        assert found[indptr[i] : indptr[i + 1]].tolist() == pruned.buckets(word).tolist()


@pytest.mark.parametrize("known", [False, True])
def test_composing_is_the_mean_in_fasttexts_order(known):
    rng = np.random.default_rng(1)
    subwords = Subwords("chars", bucket=500)
    ngrams = rng.normal(size=(500, 10)).astype("f4")
    words = ["바람결에", "", "sea", "seaside"] * 9000  # more than one thread's share
    own = rng.normal(size=(len(words), 10)).astype("f4") if known else None
    found, has_vector = compose(subwords, words, ngrams, own)
    assert has_vector[:4].tolist() == [True, known, True, True]  # the empty word has no n-gram
    for i in (0, 1, 2, 3, len(words) - 1):
        total, n = np.zeros(10, "f4"), 0
        for row in ([own[i]] if known else []) + list(ngrams[subwords.buckets(words[i])]):
            total, n = total + row, n + 1
        assert np.array_equal(found[i], total * np.float32(1 / max(n, 1)))


def test_sparse_rows_are_the_full_matrix():
    rng = np.random.default_rng(2)
    full = np.zeros((40, 3), "f4")
    buckets = np.array([2, 3, 17, 39])
    full[buckets] = rng.normal(size=(4, 3))
    sparse = SparseRows(buckets, full[buckets], 40)
    assert sparse.shape == full.shape
    assert len(sparse) == 40
    for index in (slice(None), slice(3, 18), slice(0, 40, 7), slice(50, 60), 17, np.int64(5), [39, 0, 2, 2]):
        assert np.array_equal(sparse[index], full[index])
    assert np.array_equal(np.asarray(sparse), full)
    words = ["하늘", "sea"]
    subwords = Subwords("chars", bucket=40)
    assert np.array_equal(compose(subwords, words, sparse)[0], compose(subwords, words, full)[0])


def test_mean_rows_counts_rows_of_zeros():
    rows = np.ones((2, 4), "f4")
    found = mean_rows(np.array([0, 2, 2]), np.array([1, -1], np.int32), rows, np.zeros((0, 4), "f4"))
    assert found.tolist() == [[0.5] * 4, [0.0] * 4]


@kernel
def _tile(matrix, rows, first, vectors, gradient, scale, scores):
    dot_rows(matrix, rows, first, vectors, 1, scores)
    update_rows(matrix, rows, first, gradient, vectors, 1, 2, 0)
    add_row(matrix, 0, scale, matrix, 9)


@pytest.mark.parametrize("vector_size", [1, 16, 100, 300])
def test_a_tile_of_rows_against_numpy(vector_size):
    rng = np.random.default_rng(3)
    size = padded_size(vector_size)
    matrix = rng.normal(size=(10, size)).astype("f4")
    vectors = rng.normal(size=(3, size)).astype("f4")
    _, vector, start = vectors.copy()
    rows = np.array([0] * TILE + [4, 5, 4, 8, 1, 2])  # row 4 occurs twice
    gradient = rng.normal(size=2 * SCORES).astype("f4")
    expected = matrix.astype(float)
    scores = np.full(2 * SCORES, 7, "f4")
    tile_rows, g = rows[TILE:], gradient[SCORES : SCORES + TILE].astype(float)
    old = expected[tile_rows].copy()
    np.add.at(expected, tile_rows, np.outer(g, vector))
    expected[0] += 1.5 * expected[9]
    _tile(matrix, rows, TILE, vectors, gradient, np.float32(1.5), scores)
    np.testing.assert_allclose(scores[SCORES : SCORES + TILE], old @ vector, rtol=1e-4, atol=1e-4)
    assert scores[SCORES + TILE :].tolist() == [0, 0]
    assert scores[:SCORES].tolist() == [7] * SCORES
    np.testing.assert_allclose(matrix, expected, rtol=1e-4, atol=1e-5)
    first, second = np.flatnonzero(tile_rows == 4)
    again = old.copy()
    again[second] = old[first] + g[first] * vector  # the second visit of a row sees the first one's update
    np.testing.assert_allclose(vectors[1:], [vector, start])
    np.testing.assert_allclose(vectors[0], start + g @ again, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("n", "row_size", "size"), [(1, 4, 3), (9, 16, 10), (300, 32, 32), (2, 8, 1), (0, 8, 5)])
def test_rows_are_ordered_where_they_are(n, row_size, size):
    rng = np.random.default_rng(n)
    matrix, order = rng.normal(size=(n, row_size)).astype("f4"), rng.permutation(n).astype(np.int32)
    expected = matrix[order, :size]
    order_in_place(matrix, order, size)
    np.testing.assert_array_equal(matrix.reshape(-1)[: n * size].reshape(n, size), expected)
    assert order.tolist() == list(range(n))


def test_aligned_rows_begin_at_cache_lines():
    @kernel
    def address():
        return aligned_rows(3, 16).ctypes.data % 64

    assert address() == 0
    assert LANES in (8, 16)


def problem(n_cached=0, interval=1, seed=4, shared=True, vector_size=20):
    """A vocabulary of 30 words with 2 to 5 rows each, a text, and small matrices."""
    rng = np.random.default_rng(seed)
    n_words = 30
    size = padded_size(vector_size)
    own = [[w] for w in range(n_words)]
    for w in range(n_words):
        n = 1 + w % 4
        own[w] += (
            sorted(rng.choice(np.arange(n_words, 60), n, replace=False))
            if shared
            else list(range(n_words + 4 * w, n_words + 4 * w + n))
        )
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in own])])
    entries = np.concatenate(own).astype(np.int32)
    ids = rng.integers(0, n_words, 400).astype(np.int32)
    ids[rng.integers(0, 400, 30)] = -1
    ids.flags.writeable = False  # as those of a corpus: this is the compiled form that trainings have
    w_in, w_out = aligned_rows(30 + 4 * 30, size), aligned_rows(n_words, size)
    w_in[:, :vector_size] = rng.uniform(-0.5, 0.5, (150, vector_size))
    w_out[:, :vector_size] = rng.uniform(-0.5, 0.5, (n_words, vector_size))
    lazy_start = indptr[:-1] + 1
    model = Model(
        indptr,
        lazy_start,
        entries,
        w_in,
        w_out,
        aligned_rows(2 * n_cached, size),
        np.full(n_cached, interval, np.int32),
        np.full(n_cached, interval, np.int32),
    )
    flush_all(model)
    keep = np.where(np.arange(n_words) % 3, 1.0, 0.6).astype("f4")
    return ids, keep, own, model


def tables(loss, n_words=30):
    counts = np.arange(n_words, 0, -1)
    if loss == "hs":
        paths = huffman_paths(counts)
        return paths, int(np.diff(paths.indptr).max())
    if loss == "softmax":
        return np.zeros((1, 1), np.uint32), n_words
    return alias_table(counts / counts.sum()), 6


@pytest.mark.parametrize(
    ("cbow", "loss", "mean"),
    [
        (True, "ns", False),
        (True, "ns", True),
        (False, "ns", False),
        (False, "hs", False),
        (False, "softmax", False),
        (True, "softmax", True),
    ],
)
def test_training_agrees_with_plain_float64(cbow, loss, mean):
    ids, keep, own, model = problem()
    table, max_outputs = tables(loss)
    options = Settings(3, not mean, 5 if loss == "ns" else 0, 4, mean, max_outputs)
    w_in, w_out = model.w_in.astype(float), model.w_out.astype(float)
    before = w_in.copy()
    loss_sum, n_pairs = reference.train(ids, keep, table, options, own, w_in, w_out, 0.05, 99, cbow, loss)
    state, control = np.array([99], np.uint64), np.zeros(1, np.int64)
    n_words, found_loss, found_pairs = make_train(model.w_in.shape[1], cbow, loss)(
        ids, keep, table, options, model, np.float32(0.05), state, control
    )
    flush_all(model)
    assert n_words == (ids >= 0).sum()
    assert found_pairs == n_pairs > 10
    assert found_loss == pytest.approx(loss_sum, rel=1e-5)
    assert np.abs(w_in - before).max() > 0.02
    np.testing.assert_allclose(model.w_in, w_in, atol=1e-5)
    np.testing.assert_allclose(model.w_out, w_out, atol=1e-5)


BLOCKS = Settings(3, True, 0, 1, False, 30, n_shared=12, negative_weight=np.float32(5 / 12))


def train_blocks(ids, keep, settings, model, *behind, seed=99, control=0):
    train = make_train_blocks(model.w_in.shape[1])
    state = np.array([seed], np.uint64)
    return train(
        ids, keep, tables("ns")[0], settings, model, np.float32(0.05), state, np.full(1, control, np.int64), *behind
    )


@pytest.mark.parametrize("window", [1, 3, 7])
@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("n_shared", [5, 12, 30])
def test_blocks_of_centres_agree_with_plain_float64(window, shrink, n_shared):
    ids, keep, own, model = problem(seed=window)
    options = BLOCKS._replace(window=window, shrink=shrink, n_shared=n_shared, negative_weight=np.float32(5 / n_shared))
    w_in, w_out = model.w_in.astype(float), model.w_out.astype(float)
    before = w_in.copy()
    reference.train_blocks(ids, keep, tables("ns")[0], options, own, w_in, w_out, 0.05, 99)
    n_words, _, _ = train_blocks(ids, keep, options, model)
    assert n_words == (ids >= 0).sum()
    assert np.abs(w_in - before).max() > 0.02
    np.testing.assert_allclose(model.w_in, w_in, atol=5e-4)
    np.testing.assert_allclose(model.w_out, w_out, atol=5e-4)
    assert not model.w_in[:, 20:].any() and not model.w_out[:, 20:].any()


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_blocks_of_a_few_words_agree_with_plain_float64(n):
    """Fewer centres than a block has, words alone in their sentence, the same word twice."""
    ids = np.array([3, -1, 5, 5, 7, -1, -1, 9, 8, 1, 4, 3][: n * 2], np.int32)
    _, keep, own, model = problem()
    keep[:] = 1
    w_in, w_out = model.w_in.astype(float), model.w_out.astype(float)
    found = reference.train_blocks(ids, keep, tables("ns")[0], BLOCKS, own, w_in, w_out, 0.05, 99)
    n_words, loss, n_pairs = train_blocks(ids, keep, BLOCKS, model)
    assert n_words == (ids >= 0).sum()
    assert found[1] >= n_pairs and (n_pairs > 0) == (loss > 0)
    np.testing.assert_allclose(model.w_in, w_in, atol=1e-5)
    np.testing.assert_allclose(model.w_out, w_out, atol=1e-5)


def test_the_loss_of_blocks_is_of_the_first_of_so_many():
    ids, keep, own, model = problem()
    keep[:] = 1
    ids = np.tile(np.array([1, 2, 3, 4, -1], np.int32), LOSS_EVERY)  # each sentence is a block
    options = BLOCKS._replace(window=2, shrink=False)
    w_in, w_out = model.w_in.astype(float), model.w_out.astype(float)
    expected = reference.train_blocks(ids[:5], keep, tables("ns")[0], options, own, w_in, w_out, 0.05, 99)
    _, loss, n_pairs = train_blocks(ids, keep, options, model)
    assert n_pairs == expected[1] == 10
    assert loss == pytest.approx(expected[0], rel=1e-5)


def test_private_rows_give_back_what_they_learnt():
    ids, keep, own, model = problem()
    n_inputs, n_outputs, share = 20, 9, np.float32(0.5)
    w_in, w_out = model.w_in.astype(float), model.w_out.astype(float)
    reference.train_blocks(ids, keep, tables("ns")[0], BLOCKS, own, w_in, w_out, 0.05, 99)
    for before, after, n in ((model.w_in, w_in, n_inputs), (model.w_out, w_out, n_outputs)):
        after[:n] = before[:n] + share * (after[:n] - before[:n])
    wider = [
        np.concatenate([rows, np.full((2 * n, rows.shape[1]), 9, np.float32)])
        for rows, n in ((model.w_in, n_inputs), (model.w_out, n_outputs))
    ]
    of_second = BLOCKS._replace(
        n_inputs=n_inputs, inputs=len(w_in) + n_inputs, n_outputs=n_outputs, outputs=len(w_out) + n_outputs, share=share
    )
    train_blocks(ids, keep, of_second, model._replace(w_in=wider[0], w_out=wider[1]))
    for rows, expected, n in zip(wider, (w_in, w_out), (n_inputs, n_outputs), strict=True):
        np.testing.assert_allclose(rows[: len(expected)], expected, atol=1e-4)
        assert (rows[len(expected) : len(expected) + n] == 9).all()


def test_locked_rows_stay_and_drawn_words_are_marked():
    ids, keep, own, model = problem()
    locked, touched = np.zeros(len(model.w_in), np.uint8), np.zeros(30, np.uint8)
    locked[[2, 7, 35, 40]] = 1
    w_in, w_out = model.w_in.astype(float), model.w_out.astype(float)
    before = model.w_in.copy()
    reference.train_blocks(ids, keep, tables("ns")[0], BLOCKS, own, w_in, w_out, 0.05, 99, {2, 7, 35, 40})
    train_blocks(ids, keep, BLOCKS, model, touched, locked)
    np.testing.assert_array_equal(model.w_in[[2, 7, 35, 40]], before[[2, 7, 35, 40]])
    np.testing.assert_allclose(model.w_in, w_in, atol=5e-4)
    assert touched[:9].all()  # the likeliest of 30


def test_a_late_flush_is_the_same_where_words_share_no_rows():
    results = []
    for n_cached, interval in [(0, 1), (12, 7)]:
        ids, keep, _, model = problem(n_cached, interval, shared=False)
        train_blocks(ids, keep, BLOCKS, model)
        flush_all(model)
        results.append(model.w_in.copy())
    np.testing.assert_allclose(results[1], results[0], atol=2e-5)


def test_control_stops_at_once():
    ids, keep, _, model = problem()
    before = model.w_in.copy()
    train_blocks(ids, keep, BLOCKS, model, control=1)
    assert np.array_equal(model.w_in, before)


@pytest.mark.parametrize("loss", ["logistic", "softmax"])
def test_the_references_steps_follow_the_slope_of_the_loss(loss):
    rng = np.random.default_rng(6)
    hidden, w_out = rng.normal(size=5), rng.normal(size=(7, 5))
    outputs, labels = np.array([1, 4, 6]), np.array([1.0, 0.0, 0.0])
    if loss == "softmax":

        def value(h, w):
            return reference.softmax_loss(h, w, 2)
    else:

        def value(h, w):
            return reference.logistic_loss(h, w, outputs, labels)

    moved = w_out.copy()
    rate = 1e-3
    new = (
        reference.learn_softmax(hidden, moved, 2, rate)
        if loss == "softmax"
        else reference.learn_logistic(hidden, moved, outputs, labels, rate)
    )[0]
    for _ in range(5):
        along_h, along_w = rng.normal(size=5), rng.normal(size=(7, 5))
        eps = 1e-6
        slope = (
            value(hidden + eps * along_h, w_out + eps * along_w) - value(hidden - eps * along_h, w_out - eps * along_w)
        ) / (2 * eps)
        step = ((new - hidden) @ along_h + ((moved - w_out) * along_w).sum()) / rate
        assert abs(slope) > 1e-3
        assert step == pytest.approx(-slope, rel=1e-6)
