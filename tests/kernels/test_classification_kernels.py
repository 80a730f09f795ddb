"""The classifier's kernels against plain Python: features, the training step, the order of labels."""

import heapq
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedkit.classification.features import Features, Lines, count_tokens
from embedkit.kernels.bag_rows import add_to_bag, sum_bag, vectors_at_once
from embedkit.kernels.best_labels import best_in_tree, best_of
from embedkit.kernels.classification import ClassifierSettings, make_classifier
from embedkit.kernels.compiling import kernel
from embedkit.kernels.outputs import LabelSets, huffman_paths, huffman_tree
from embedkit.kernels.simd import LANES, aligned_zeros, padded_size
from embedkit.rows.subwords import Subwords, decode_word
from tests import reference_classification as reference

WORDS = [b"</s>", "영화".encode(), b"good", b"a", b"__label__kept"]
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([word.decode() for word in WORDS] + ["__label__x", "\0", "\u3000", "a\u00a0b", "x" * 70]),
        st.text(st.characters(codec="utf-8"), max_size=6),
    ),
    max_size=9,
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=4),
    st.sampled_from([(0, 0, 1, 9), (1, 4, 2, 1000), (2, 3, 1, 7), (0, 0, 5, 2**31 - 1), (3, 90, 3, 50)]),
)
def test_features_are_fasttexts(texts, lengths):
    min_n, max_n, word_ngrams, bucket = lengths
    features = Features(WORDS, min_n=min_n, max_n=max_n, word_ngrams=word_ngrams, bucket=bucket)
    indptr, rows = features.encode(Lines(texts))
    for i, text in enumerate(texts):
        wanted = reference.features(text, WORDS, min_n, max_n, word_ngrams, bucket)
        # row numbers are int32: a bucket near 2**31 wraps around as in the C++ program
        assert rows[indptr[i] : indptr[i + 1]].tolist() == np.array(wanted, np.int64).astype(np.int32).tolist()


@pytest.mark.parametrize("counts_absent", [True, False])
def test_ngrams_without_a_row_count_as_zeros_or_not_at_all(counts_absent):
    bucket_rows = np.array([-1, 5, -1, 6], np.int32)
    full = Features(WORDS, min_n=1, max_n=2, word_ngrams=2, bucket=4)
    some = Features(
        WORDS, min_n=1, max_n=2, word_ngrams=2, bucket=4, bucket_rows=bucket_rows, counts_absent=counts_absent
    )
    lines = Lines(["good 영화 was a bore"])
    everything, found = full.encode(lines)[1], some.encode(lines)[1]
    mapped = [row if row < 5 else int(bucket_rows[row - 5]) for row in everything]
    assert {-1, 5, 6} <= set(mapped)
    assert found.tolist() == [row for row in mapped if counts_absent or row >= 0]


@pytest.mark.parametrize("loss", ["softmax", "hs", "ova"])
@pytest.mark.parametrize("private", [False, True])
def test_training_agrees_with_plain_float64(loss, private):
    rng = np.random.default_rng(3)
    n_rows, n_labels, size = 40, 9, 20
    examples = [rng.integers(-1, n_rows, rng.integers(0, 8)).tolist() for _ in range(60)]
    labels = [sorted(rng.choice(n_labels, rng.integers(0, 4), replace=False).tolist()) for _ in range(60)]
    order = rng.permutation(60).astype(np.int32)
    w_in, w_out = (
        aligned_zeros(n_rows + 10, padded_size(size)),
        aligned_zeros((1 + private) * n_labels, padded_size(size)),
    )
    w_in[:n_rows, :size] = rng.uniform(-1, 1, (n_rows, size))
    w_out[:n_labels, :size] = rng.uniform(-1, 1, (n_labels, size))
    paths = huffman_paths(np.arange(n_labels, 0, -1))
    wanted_in, wanted_out = w_in[:n_rows].astype(float), w_out[:n_labels].astype(float)
    before = wanted_in.copy(), wanted_out.copy()
    total = reference.train(examples, order, labels, paths, wanted_in, wanted_out, 0.3, 7, loss)
    settings = ClassifierSettings(n_labels)
    if private:  # the first ten rows and all outputs are this thread's; half of their change is given back
        settings = ClassifierSettings(
            n_labels, n_inputs=10, inputs=n_rows, n_outputs=n_labels, outputs=n_labels, share=np.float32(0.5)
        )
        wanted_in[:10] = (before[0][:10] + wanted_in[:10]) / 2
        wanted_out = (before[1] + wanted_out) / 2
    found, n = make_classifier(loss)(
        csr(examples),
        order,
        LabelSets(*csr(labels)),
        paths if loss == "hs" else np.zeros((1, 2), np.uint32),
        settings,
        w_in,
        w_out,
        np.float32(0.3),
        np.array([7], np.uint64),
        np.zeros(1, np.int64),
    )
    assert n == sum(bool(rows) and bool(wanted) for rows, wanted in zip(examples, labels, strict=True)) > 30
    assert found == pytest.approx(total, rel=1e-4)
    assert np.abs(wanted_in - before[0]).max() > 0.01
    np.testing.assert_allclose(w_in[:n_rows], wanted_in, atol=2e-4)
    np.testing.assert_allclose(w_out[:n_labels], wanted_out, atol=2e-4)


def csr(lists):
    indptr = np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int64)
    return indptr, np.array([item for each in lists for item in each], np.int32)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1, width=16), min_size=1, max_size=30), st.integers(1, 30), st.floats(0, 0.9))
def test_the_best_labels_are_the_largest(probabilities, k, threshold):
    row = np.array([probabilities], np.float32)
    values, labels, found = np.zeros((1, k + 1), np.float32), np.zeros((1, k + 1), np.int32), np.zeros(1, np.int32)
    best_of(row, k, np.float32(threshold), values, labels, found)
    n = int(found[0])
    wanted = heapq.nlargest(k, [p for p in row[0] if p >= np.float32(threshold)])
    assert n == len(wanted)
    np.testing.assert_allclose(values[0, :n], wanted, atol=2e-5)
    np.testing.assert_allclose(row[0, labels[0, :n]], wanted, atol=0)
    assert len(set(labels[0, :n].tolist())) == n


def test_the_tree_gives_the_probabilities_of_its_paths():
    counts, rng = np.array([9, 5, 5, 3, 1, 1, 1]), np.random.default_rng(1)
    n = len(counts)
    parent, turn = huffman_tree(counts)
    children = np.full((2, 2 * n - 1), -1, np.int32)
    children[turn[np.arange(2 * n - 2)], parent[np.arange(2 * n - 2)]] = np.arange(2 * n - 2)
    scores = rng.normal(size=(1, n)).astype(np.float32)
    values, labels, found = np.zeros((1, n + 1), np.float32), np.zeros((1, n + 1), np.int32), np.zeros(1, np.int32)
    best_in_tree(scores, children[0], children[1], n, np.float32(0), values, labels, found)
    wanted = np.ones(n)
    for leaf in range(n):
        node = leaf
        while node != 2 * n - 2:
            sigma = 1 / (1 + np.exp(-scores[0, parent[node] - n]))
            wanted[leaf] *= sigma if turn[node] else 1 - sigma
            node = parent[node]
    assert found[0] == n
    np.testing.assert_allclose(values[0, :n], wanted[labels[0, :n]], atol=1e-3)
    assert wanted.sum() == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_ngrams_across_words_are_those_of_the_line_without_spaces(texts):
    plain = Features(WORDS, min_n=0, max_n=0, word_ngrams=2, bucket=1000)
    across = Features(WORDS, min_n=1, max_n=3, word_ngrams=2, bucket=1000, across=True)
    for text in texts:
        tokens = [token for token in reference.tokens(text) if token in WORDS or not token.startswith(b"__label__")]
        joined = b"".join(token for token in tokens if token != b"</s>")
        ngrams = Subwords("chars", min_n=1, max_n=3, bucket=1000).buckets(decode_word(joined)) if joined else []
        wanted = [*plain.encode(Lines([text]))[1].tolist(), *(len(WORDS) + n for n in ngrams)]
        assert sorted(across.encode(Lines([text]))[1].tolist()) == sorted(wanted)


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 3))
def test_tokens_are_counted(texts, min_count):
    wanted = Counter(token for text in texts for token in text.encode().replace(b"\0", b" ").split())
    wanted = Counter({token: n for token, n in wanted.items() if not token.startswith(b"__label__")})
    wanted[b"</s>"] += len(texts)
    tokens, counts, total = count_tokens(Lines(texts), min_count)
    assert dict(zip(tokens, counts.tolist(), strict=True)) == {t: n for t, n in wanted.items() if n >= min_count}
    assert (np.diff(counts) <= 0).all()
    assert total == wanted.total()


def test_a_table_of_tokens_grows():
    words = [f"w{i}" for i in range(9000)]
    tokens, counts, total = count_tokens(Lines([" ".join(words * 2)]))
    assert tokens == [*(word.encode() for word in words), b"</s>"]
    assert counts.tolist() == [2] * 9000 + [1]
    assert total == 18_001


@kernel
def bag_both_ways(matrix, rows, first, last, n_private, private, out, scale, source):
    """Both kernels of `embedkit.kernels.bag_rows`, called from compiled code as they must be."""
    width = vectors_at_once(matrix.shape[1])
    sum_bag(matrix, rows, first, last, n_private, private, width, out, 1)
    add_to_bag(matrix, rows, first, last, n_private, private, width, scale, source, 1, first, last - first)


@pytest.mark.parametrize("chunks", [1, 2, 5, 8, 10, 14, 27])
def test_rows_of_a_bag_are_summed_and_moved(chunks):
    size, rng = chunks * LANES, np.random.default_rng(chunks)
    matrix, out, source = (aligned_zeros(n, size) for n in (12, 2, 2))
    matrix[:], source[:] = rng.random(matrix.shape), rng.random(source.shape)
    rows = np.array([99, 3, 0, -1, 7, 7, 1, 99], np.int32)
    places, wanted = [3, 10, 7, 7, 11], matrix.astype(np.float64)
    total = wanted[places].sum(0)
    for place in places:
        wanted[place] += 0.5 * source[1]
    bag_both_ways(matrix, rows, 1, 7, 2, 10, out, np.float32(0.5), source)
    assert out[1] == pytest.approx(total, rel=1e-6)
    assert not out[0].any()
    assert matrix == pytest.approx(wanted, rel=1e-6)
