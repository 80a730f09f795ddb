"""Skip-gram and CBOW kernels against their plain float64 versions, and what they are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.kernels import sampling, word2vec
from embedkit.kernels.cbow import make_cbow
from embedkit.kernels.compiling import kernel
from embedkit.kernels.outputs import Paths, huffman_paths
from embedkit.kernels.positional import make_positional
from embedkit.kernels.private import private_rows
from embedkit.kernels.products import TILE_ROWS, make_products
from embedkit.kernels.sampling import alias_table, draw
from embedkit.kernels.simd import LANES, MAX_CHUNKS, aligned_zeros, logistic_steps, padded_size, runs_of
from embedkit.kernels.word2vec import BLOCK, Settings, make_skipgram
from embedkit.kernels.word2vec_softmax import SoftmaxSettings, make_softmax
from tests import reference

SIZE = LANES + 4  # two vectors, the second partly filled
ROW = padded_size(SIZE)
N_WORDS = 30


def corpus(seed, n=400):
    random = np.random.default_rng(seed)
    ids = random.integers(0, N_WORDS, n).astype(np.int32)
    ids[random.random(n) < 0.08] = -1
    return ids


def matrices(seed):
    random = np.random.default_rng(seed)
    w_in, w_out = aligned_zeros(N_WORDS, ROW), aligned_zeros(N_WORDS, ROW)
    w_in[:, :SIZE] = random.normal(0, 0.3, (N_WORDS, SIZE))
    w_out[:, :SIZE] = random.normal(0, 0.3, (N_WORDS, SIZE))
    return w_in, w_out


def run(train, ids, keep, table, chosen, w_in, w_out, rate, seed, *behind, stop=0):
    ids = ids.view()
    ids.flags.writeable = False  # as those of a corpus: this is the compiled form that trainings have
    return train(
        ids,
        keep,
        table,
        chosen,
        w_in,
        w_out,
        np.float32(rate),
        np.array([seed], np.uint64),
        np.full(1, stop),
        *behind,
    )


def compare(train, oracle, table, chosen, seed, tolerance=2e-4):
    ids = corpus(seed)
    keep = np.random.default_rng(seed).uniform(0.5, 1.2, N_WORDS).astype(np.float32)
    w_in, w_out = matrices(seed)
    expected_in, expected_out = w_in.astype(np.float64), w_out.astype(np.float64)
    before = w_in.copy()
    n_words, _, _ = run(train, ids, keep, table, chosen, w_in, w_out, 0.05, 99)
    oracle(ids, keep, table, chosen, expected_in, expected_out, 0.05, 99)
    assert n_words == (ids >= 0).sum()
    assert np.abs(w_in - before).max() > 0.01
    np.testing.assert_allclose(w_in, expected_in, atol=tolerance)
    np.testing.assert_allclose(w_out, expected_out, atol=tolerance)
    assert not w_in[:, SIZE:].any()


NEGATIVES = alias_table(np.arange(1, N_WORDS + 1) / np.arange(1, N_WORDS + 1).sum())


@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("window", [1, 5])
def test_skipgram_agrees_with_the_reference(window, shrink):
    chosen = Settings(window, shrink, 8, np.float32(5 / 8), False)
    compare(make_skipgram(ROW), reference.skipgram, NEGATIVES, chosen, seed=window)


@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("window", [1, 2, 5])
def test_positional_agrees_with_the_reference(window, shrink):
    chosen = Settings(window, shrink, 8, np.float32(5 / 8), False)
    ids, keep = corpus(window), np.random.default_rng(window).uniform(0.5, 1.2, N_WORDS).astype(np.float32)
    w_in, w_out = matrices(window)[0], aligned_zeros(2 * window * N_WORDS, ROW)
    w_out[:, :SIZE] = np.random.default_rng(1).normal(0, 0.3, (len(w_out), SIZE))
    expected_in, expected_out = w_in.astype(np.float64), w_out.astype(np.float64)
    before = w_in.copy()
    train = make_positional(ROW)
    n_words, loss, n_pairs = run(train, ids, keep, NEGATIVES, chosen, w_in, w_out, 0.05, 99)
    whole, pairs = reference.positional(ids, keep, NEGATIVES, chosen, expected_in, expected_out, 0.05, 99)
    assert n_words == (ids >= 0).sum() and np.abs(w_in - before).max() > 0.01
    np.testing.assert_allclose(w_in, expected_in, atol=2e-4)
    np.testing.assert_allclose(w_out, expected_out, atol=2e-4)
    assert not w_in[:, SIZE:].any() and 0 < n_pairs < pairs
    assert loss / n_pairs == pytest.approx(whole / pairs, rel=0.25)


def test_positional_leaves_locked_rows_as_they_are():
    chosen, keep = Settings(2, True, 8, np.float32(5 / 8), False), np.ones(N_WORDS, np.float32)
    ids, locked = corpus(4), np.zeros(N_WORDS, np.uint8)
    locked[::3] = 1
    w_in, w_out = matrices(4)[0], aligned_zeros(4 * N_WORDS, ROW)
    before = w_in.copy()
    run(make_positional(ROW), ids, keep, NEGATIVES, chosen, w_in, w_out, 0.05, 99, locked)
    np.testing.assert_array_equal(w_in[::3], before[::3])
    run(make_positional(ROW), ids, keep, NEGATIVES, chosen, w_in, w_out, 0.05, 99, locked)
    assert (w_in[1::3] != before[1::3]).any(axis=1).all() and w_out[:, :SIZE].any()


@pytest.mark.parametrize("mean_gradient", [True, False])
@pytest.mark.parametrize("n_shared", [5, 8])
def test_cbow_agrees_with_the_reference(mean_gradient, n_shared):
    chosen = Settings(3, True, n_shared, np.float32(5 / n_shared), mean_gradient)
    compare(make_cbow(ROW), reference.cbow, NEGATIVES, chosen, seed=7)


@pytest.mark.parametrize("make, oracle", [(make_skipgram, reference.skipgram), (make_cbow, reference.cbow)])
def test_private_rows_give_back_what_they_learnt(make, oracle):
    n_private, share = 7, np.float32(0.5)
    chosen = Settings(3, True, 8, np.float32(5 / 8), True)
    ids, keep = corpus(11), np.ones(N_WORDS, np.float32)
    w_in, w_out = matrices(11)
    expected_in, expected_out = w_in.astype(np.float64), w_out.astype(np.float64)
    oracle(ids, keep, NEGATIVES, chosen, expected_in, expected_out, 0.05, 99)
    for matrix, expected in ((w_in, expected_in), (w_out, expected_out)):
        expected[:n_private] = matrix[:n_private] + share * (expected[:n_private] - matrix[:n_private])
    first = N_WORDS + n_private  # the second thread's
    both = [np.concatenate([matrix, np.full((2 * n_private, ROW), 9, np.float32)]) for matrix in (w_in, w_out)]
    chosen = chosen._replace(n_private=n_private, private=first, private_share=share)
    run(make(ROW), ids, keep, NEGATIVES, chosen, *both, 0.05, 99)
    for matrix, expected in zip(both, (expected_in, expected_out), strict=True):
        np.testing.assert_allclose(matrix[:N_WORDS], expected, atol=2e-4)
        assert (matrix[N_WORDS:first] == 9).all()


def test_cbow_leaves_locked_rows_and_frozen_outputs_as_they_are():
    chosen, keep = Settings(3, True, 5, np.float32(1), False), np.ones(N_WORDS, np.float32)
    ids, locked = corpus(4), np.zeros(N_WORDS, np.uint8)

    def trained(chosen, locked):
        w_in, w_out = matrices(4)
        behind = () if locked is None else (None, locked)
        run(make_cbow(ROW), ids, keep, NEGATIVES, chosen, w_in, w_out, 0.05, 99, *behind)
        return w_in, w_out

    free = trained(chosen, None)
    for found, expected in zip(trained(chosen, locked), free, strict=True):
        np.testing.assert_array_equal(found, expected)
    locked[[3, 7]] = 1
    w_in, _ = trained(chosen, locked)
    np.testing.assert_array_equal(w_in[[3, 7]], matrices(4)[0][[3, 7]])
    assert (np.abs(w_in - matrices(4)[0]).max(axis=1) > 0.01).sum() == N_WORDS - 2
    w_in, w_out = trained(chosen._replace(learn_outputs=False), None)
    np.testing.assert_array_equal(w_out, matrices(4)[1])
    assert np.abs(w_in - matrices(4)[0]).max() > 0.01


@pytest.mark.parametrize("n", [0, 1, 7, 9])
def test_cbow_of_a_few_words_agrees_with_the_reference(n):
    """Fewer centres than a step takes, one more than that, words alone in their sentence."""
    ids = np.array([2, -1, 5, 6, 7, 5, -1, -1, 9, 8, 1, 4, 3][: n + 4 * (n > 1)], np.int32)
    chosen, keep = Settings(2, True, 3, np.float32(2), True), np.ones(N_WORDS, np.float32)
    w_in, w_out = matrices(n)
    inputs, outputs = w_in.astype(np.float64), w_out.astype(np.float64)
    n_words, _, _ = run(make_cbow(ROW), ids, keep, NEGATIVES, chosen, w_in, w_out, 0.05, 5)
    reference.cbow(ids, keep, NEGATIVES, chosen, inputs, outputs, 0.05, 5)
    assert n_words == (ids >= 0).sum()
    np.testing.assert_allclose(w_in, inputs, atol=2e-4)
    np.testing.assert_allclose(w_out, outputs, atol=2e-4)


def test_draws_in_bulk_are_the_draws_one_by_one():
    one_by_one, in_bulk = np.empty(1000, np.int64), np.empty(1000, np.int32)
    draw_many(NEGATIVES, np.array([3], np.uint64), one_by_one)
    bulk(NEGATIVES, np.array([3], np.uint64), in_bulk)
    np.testing.assert_array_equal(one_by_one, in_bulk)


@kernel
def bulk(table, state, words):
    sampling.draw_many(table, state, words)


def test_one_thread_and_small_vocabularies_have_no_private_rows():
    assert private_rows(100_000, 1) == private_rows(100, 4) == 0
    assert private_rows(1_000, 2) < private_rows(100_000, 2) == private_rows(100_000, 16) == 64


@pytest.mark.parametrize("loss", ["hs", "softmax"])
@pytest.mark.parametrize("cbow", [True, False])
@pytest.mark.parametrize("mean_gradient", [True, False])
def test_softmaxes_agree_with_the_reference(loss, cbow, mean_gradient):
    def oracle(*arguments):
        reference.softmax(*arguments, cbow, loss)

    paths = huffman_paths(np.arange(N_WORDS, 0, -1))
    chosen = SoftmaxSettings(3, True, mean_gradient, 30 if loss == "softmax" else 9)
    compare(make_softmax(cbow, loss), oracle, paths, chosen, seed=3, tolerance=5e-4)


def test_the_loss_is_the_mean_over_the_blocks_that_it_was_computed_of():
    ids = np.array([1, 2, 3, 4, -1], np.int32)
    chosen = Settings(2, False, 8, np.float32(5 / 8), False)
    keep = np.ones(N_WORDS, np.float32)
    w_in, w_out = matrices(1)
    expected = reference.skipgram(ids, keep, NEGATIVES, chosen, w_in.astype(float), w_out.astype(float), 0.0, 5)
    _, loss, n_pairs = run(make_skipgram(ROW), ids, keep, NEGATIVES, chosen, w_in, w_out, 0.0, 5)
    assert n_pairs == expected[1] == 10
    assert loss == pytest.approx(expected[0], rel=1e-5)


def pairs_of(sentence, window):
    """(centre, context) pairs that the kernels train on, read off the 0/1 matrix of each block."""
    kept = np.array([*range(len(sentence)), -1], np.int32)
    chosen = Settings(window, False, 0, np.float32(0), False)
    rows, outputs = np.zeros(64, np.int64), np.zeros(BLOCK, np.int64)
    places, lows, highs = (np.zeros(BLOCK, np.int64) for _ in range(3))
    weights = np.zeros((64, BLOCK), np.float32)
    bounds, state = np.array([0, -1]), np.zeros(1, np.uint64)
    position, pairs = 0, []
    while True:
        n, position = word2vec.take_block(
            kept, len(kept), position, bounds, chosen, state, (outputs, places, lows, highs)
        )
        if n == 0:
            return pairs
        n_rows = word2vec.context_rows(kept, places, lows, highs, rows, weights, np.float32(0))
        for q in range(n):
            pairs += [(sentence[outputs[q]], sentence[rows[r]]) for r in range(n_rows) if weights[r, q]]


def test_the_pairs_of_a_sentence_for_windows_2_and_3():
    sentence = ["the", "small", "boat", "crosses", "a", "wide", "river"]
    near = [
        "the small",
        "the boat",
        "small the",
        "small boat",
        "small crosses",
        "boat the",
        "boat small",
        "boat crosses",
        "boat a",
        "crosses small",
        "crosses boat",
        "crosses a",
        "crosses wide",
        "a boat",
        "a crosses",
        "a wide",
        "a river",
        "wide crosses",
        "wide a",
        "wide river",
        "river a",
        "river wide",
    ]
    assert pairs_of(sentence, 2) == [tuple(p.split()) for p in near]
    third = {("the", "crosses"), ("small", "a"), ("boat", "wide"), ("crosses", "river")}
    assert set(pairs_of(sentence, 3)) == set(pairs_of(sentence, 2)) | third | {(b, a) for a, b in third}


def test_windows_do_not_cross_sentence_ends():
    ids = np.array([1, 2, -1, 3, 4, -1], np.int32)
    chosen = Settings(5, False, 8, np.float32(0), False)
    w_in, w_out = matrices(2)
    _, _, n_pairs = run(make_skipgram(ROW), ids, np.ones(N_WORDS, np.float32), NEGATIVES, chosen, w_in, w_out, 0.1, 1)
    assert n_pairs == 4


def test_windows_are_drawn_uniformly():
    ids = np.zeros(40_000, np.int32)
    chosen = Settings(4, True, 0, np.float32(0), False)
    kept, bounds, state = ids, np.array([0, -1]), np.ones(1, np.uint64)
    arrays = tuple(np.zeros(BLOCK, np.int64) for _ in range(4))
    position, reaches = 0, []
    while position < len(kept):
        _, position = word2vec.take_block(kept, len(kept), position, bounds, chosen, state, arrays)
        reaches += list(arrays[3] - arrays[1])
    shares = np.bincount(reaches[10:-10], minlength=5)[1:] / len(reaches)
    np.testing.assert_allclose(shares, 0.25, atol=0.015)


def test_the_plain_network_on_four_words_starts_at_ln_4_and_falls():
    ids = np.array([0, 1, 2, 3, -1] * 20, np.int32)
    paths = huffman_paths(np.array([5, 5, 5, 5]))
    chosen = SoftmaxSettings(1, False, False, 4)
    w_in, w_out = aligned_zeros(4, ROW), aligned_zeros(4, ROW)
    w_in[:, :SIZE] = np.random.default_rng(1).normal(0, 0.1, (4, SIZE))
    keep = np.ones(4, np.float32)
    losses = []
    for epoch in range(30):
        rate = 0.0 if epoch == 0 else 0.2
        _, loss, n = run(make_softmax(False, "softmax"), ids, keep, paths, chosen, w_in, w_out, rate, epoch)
        losses.append(loss / n)
    assert losses[0] == pytest.approx(np.log(4), abs=1e-6)
    assert losses[-1] < 0.9
    assert losses[10] < losses[1]


def test_training_stops_soon_after_control_is_set():
    ids = corpus(1, 10_000)
    chosen = Settings(5, True, 8, np.float32(1), False)
    w_in, w_out = matrices(1)
    before = w_in.copy()
    run(make_skipgram(ROW), ids, np.ones(N_WORDS, np.float32), NEGATIVES, chosen, w_in, w_out, 0.1, 1, stop=1)
    np.testing.assert_array_equal(w_in, before)


@kernel
def draw_many(table, state, out):
    for i in range(len(out)):
        out[i] = draw(table, state)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda p: sum(p) > 0.01))
@settings(max_examples=25, deadline=None)
def test_the_alias_table_holds_the_distribution_exactly(weights):
    p = np.array(weights) / sum(weights)
    table = alias_table(p)
    share = table[:, 0].astype(float) / 2**32
    share[table[:, 1] == np.arange(len(p))] = 1
    found = share.copy()
    np.add.at(found, table[:, 1], 1 - share)
    np.testing.assert_allclose(found / len(p), p, atol=1e-8)


def test_draws_follow_the_alias_table():
    p = np.array([0.5, 0.25, 0.125, 0.125])
    out = np.empty(100_000, np.int64)
    draw_many(alias_table(p), np.array([3], np.uint64), out)
    np.testing.assert_allclose(np.bincount(out) / len(out), p, atol=0.01)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=60))
@settings(max_examples=50, deadline=None)
def test_huffman_paths_are_a_shortest_prefix_code(counts):
    import heapq

    counts = np.array(sorted(counts, reverse=True))
    paths = huffman_paths(counts)
    lengths = np.diff(paths.indptr)
    heap = list(counts)
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        cost += pair
        heapq.heappush(heap, pair)
    assert (lengths * counts).sum() == cost
    assert (2.0**-lengths).sum() == pytest.approx(1)
    codes = {
        tuple(zip(paths.nodes[a:b], paths.labels[a:b], strict=True))
        for a, b in zip(paths.indptr[:-1], paths.indptr[1:], strict=True)
    }
    assert len(codes) == len(counts)
    assert paths.nodes.max() == len(counts) - 2
    assert all(paths.nodes[a] == len(counts) - 2 for a in paths.indptr[:-1])


def test_a_vocabulary_of_one_word_has_an_empty_path():
    paths = huffman_paths(np.array([7]))
    assert isinstance(paths, Paths)
    assert list(paths.indptr) == [0, 0]


@pytest.mark.parametrize("size", [1, 16, 100, 128, 300, 1000])
def test_padded_sizes_are_whole_groups_of_vectors(size):
    row = padded_size(size)
    each, full, rest = runs_of(row // LANES, MAX_CHUNKS)
    assert row >= size
    assert each * full * LANES == row
    assert each <= MAX_CHUNKS
    assert rest == 0
    assert row <= max(1.1 * size + LANES, LANES)


@pytest.mark.parametrize("longest", [6, 8])
@pytest.mark.parametrize("chunks", [1, 6, 7, 13, 14, 40])
def test_runs_make_up_a_row_and_are_even_where_they_can_be(chunks, longest):
    each, full, rest = runs_of(chunks, longest)
    assert each * full + rest == chunks
    assert 0 <= rest < each <= longest
    assert runs_of(14, 6) == (5, 2, 4)
    assert runs_of(20, 8) == (5, 4, 0)


@pytest.mark.parametrize("size", [20, 100, 300])
def test_matrix_products_agree_with_numpy(size):
    row = padded_size(size)
    scores_of, add_products, _ = make_products(row)
    random = np.random.default_rng(size)
    matrix = random.normal(size=(40, row)).astype(np.float32)
    others = random.normal(size=(12, row)).astype(np.float32)
    rows = random.integers(0, 40, 9 + TILE_ROWS)
    rows[3] = rows[2]
    scores = np.zeros((9 + TILE_ROWS, 12), np.float32)
    scores_of(matrix, rows, 9, others, 12, scores)
    np.testing.assert_allclose(scores[:9], matrix[rows[:9]] @ others.T, rtol=1e-4, atol=1e-3)
    weights = random.normal(size=(9, 12)).astype(np.float32)
    expected = matrix.astype(float)
    np.add.at(expected, rows[:9], weights.astype(float) @ others)
    add_products(matrix, rows, 9, 12, others, np.arange(12), 12, weights, 1)
    np.testing.assert_allclose(matrix, expected, atol=1e-4)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_logistic_steps_agree_with_the_sigmoid(values):
    n = len(values)
    scores, weights, labels = (np.zeros(n + LANES, np.float32) for _ in range(3))
    scores[:n] = values
    weights[:n] = np.linspace(0.5, 2, n)
    labels[:n] = np.arange(n) % 2
    expected = 0.1 * weights[:n] * (labels[:n] - reference.sigmoid(scores[:n].astype(float)))
    steps(scores, weights, labels, n)
    np.testing.assert_allclose(weights[:n], expected, atol=3e-5)


@kernel
def steps(scores, weights, labels, n):
    logistic_steps(scores, weights, labels, n, np.float32(0.1))
