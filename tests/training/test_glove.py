import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from embedkit.counting import Cooccurrences, Window, count_cooccurrences
from embedkit.counting.files import count_to_file
from embedkit.counting.rows import RowBlock
from embedkit.errors import ConfigError, CorpusError, EmbedkitError, TrainingError
from embedkit.files import spool
from embedkit.files.checkpoint import load_checkpoint, save_checkpoint
from embedkit.kernels.glove import group_of, make_train_block
from embedkit.kernels.simd import LANES
from embedkit.query.storing import load
from embedkit.training import TrainingConfig, glove, glove_records, train
from embedkit.training.run import Run
from embedkit.vocabulary.corpus import Corpus
from tests import reference_counting as reference

OF_COUNTS = {"vector_size": 10, "epochs": 3}
SMALL = {**OF_COUNTS, "window": 4}


def corpus(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return Corpus.from_sentences(
        [[f"w{int(x)}" for x in np.minimum(rng.exponential(12, rng.integers(2, 30)), 80)] for _ in range(n)],
        min_count=1,
    )


def parameters(n_words, size, row_size, seed):
    """Random rows as the kernel wants them, sums of squares included."""
    rng = np.random.default_rng(seed)
    both = []
    for fixed in (1, 0):
        rows = np.zeros((n_words, 2 * row_size), np.float32)
        rows[:, : size + 2] = rng.normal(0, 0.5, (n_words, size + 2))
        rows[:, fixed] = 1.0
        rows[:, row_size:] = 1 + rng.random((n_words, row_size))
        both.append(rows)
    return both


@pytest.mark.parametrize("size", [1, 5, 14, 100, 300])
def test_steps_are_the_paper_s(size):
    row_size = -(-(size + 2) // LANES) * LANES
    words, contexts = parameters(6, size, row_size, size)
    expected = reference.GloveState.from_rows(words, contexts, size)
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, 6, (40, 2)).astype(np.uint16)
    x = np.exp(rng.normal(2, 3, 40))
    targets = np.column_stack([np.log(x), np.minimum(1, (x / 100) ** 0.75)]).astype(np.float32)
    cost = make_train_block(row_size)(
        pairs, targets, 0, 40, words, contexts, 0, 0, np.float32(0.05), np.zeros(1, np.int64)
    )
    costs = [expected.step(int(i), int(j), value, 0.05) for (i, j), value in zip(pairs, x, strict=True)]
    assert cost == pytest.approx(sum(costs), rel=1e-4)
    found = reference.GloveState.from_rows(words, contexts, size)
    for name in ("w", "c", "b", "c_b", "w_sums", "c_sums", "b_sums", "c_b_sums"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=2e-4, atol=2e-5, err_msg=name)
    assert (words[:, 1] == 1).all() and (contexts[:, 0] == 1).all()
    assert (words[:, size + 2 : row_size] == 0).all()


def test_the_step_follows_the_cost_s_gradient():
    """The first step from sums of one is the rate times the gradient: compare with finite differences of the cost."""
    size, row_size = 6, LANES
    words, contexts = parameters(1, size, row_size, 3)
    words[:, row_size:] = contexts[:, row_size:] = 1.0
    before = reference.GloveState.from_rows(words, contexts, size)
    targets = np.array([[np.log(7.0), (7 / 100) ** 0.75]], np.float32)
    make_train_block(row_size)(
        np.zeros((1, 2), np.uint16), targets, 0, 1, words, contexts, 0, 0, np.float32(1e-3), np.zeros(1, np.int64)
    )
    after = reference.GloveState.from_rows(words, contexts, size)
    for name in ("w", "c", "b", "c_b"):
        gradient = reference.glove_gradient(before, name, 7.0)
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose(
            (getattr(before, name)[0] - getattr(after, name)[0]) / 1e-3, gradient, rtol=2e-2, atol=2e-3
        )


def test_gradients_are_clipped():
    words, contexts = parameters(1, 4, LANES, 0)
    words[0, 2:6], contexts[0, 2:6] = 500.0, 300.0
    words[0, LANES:] = contexts[0, LANES:] = 1.0
    targets = np.array([[0.0, 1.0]], np.float32)
    make_train_block(LANES)(
        np.zeros((1, 2), np.uint16), targets, 0, 1, words, contexts, 0, 0, np.float32(0.05), np.zeros(1, np.int64)
    )
    np.testing.assert_allclose(words[0, 2:6], 500 - 5, rtol=1e-5)  # 100 times the rate over the root of 1
    np.testing.assert_allclose(words[0, LANES + 2 : LANES + 6], 1 + 25, rtol=1e-5)


@pytest.mark.parametrize("n_words", [1, 5, 8, 70, 2001, 131_000])
def test_every_word_has_one_row(n_words):
    n_groups = glove_records.groups_for(n_words)
    rows = [glove_records.members(g, n_groups, n_words) for g in range(n_groups)]
    assert sorted(np.concatenate(rows).tolist()) == list(range(n_words))
    for g, words in enumerate(rows):
        assert all(group_of(w, n_groups) == g and w // n_groups == row for row, w in enumerate(words.tolist()))
        assert len(words) <= glove_records.MAX_GROUP_ROWS


def test_records_are_the_counts_shuffled():
    counts = count_cooccurrences(corpus())
    config = TrainingConfig.create("glove", x_max=10, **SMALL)
    groups = glove_records.Groups.of(len(counts.vocabulary), 1)
    made = glove.records_of(counts.blocks(), groups, config)
    found = []
    for i in range(groups.n):
        for j in range(groups.n):
            pairs, targets = made.records.read(i, j, j + 1)
            rows, columns = groups.members(i)[pairs[:, 0]], groups.members(j)[pairs[:, 1]]
            found += np.column_stack([rows, columns, targets]).tolist()
    rows = np.repeat(np.arange(len(counts.vocabulary)), np.diff(counts.offsets))
    weights = np.minimum(1, (counts.values / 10) ** 0.75)
    expected = np.column_stack([rows, counts.columns, np.log(counts.values), weights])
    found = np.array(found, float)
    np.testing.assert_allclose(found[np.lexsort(found[:, 1::-1].T)], expected, rtol=1e-6, atol=1e-7)
    assert (np.diff(found[:, 0]) < 0).any() and groups.n > 1 and len(made.records) == len(counts)


def test_neither_counts_nor_records_are_in_memory_as_a_whole(monkeypatch):
    monkeypatch.setattr(glove_records, "GROUP_ROWS", 50)
    rng = np.random.default_rng(1)
    corpus = Corpus.from_sentences(rng.integers(0, 2000, (600, 200)).astype(str).tolist(), min_count=1)
    config = TrainingConfig.create("glove", x_max=10, **SMALL)
    counts = count_cooccurrences(corpus, Window(15))
    groups = glove_records.Groups.of(len(counts.vocabulary), 1)
    lengths, at = np.diff(counts.offsets), counts.offsets
    blocks = (
        RowBlock(
            row, lengths[row : row + 20], counts.columns[at[row] : at[row + 20]], counts.values[at[row] : at[row + 20]]
        )
        for row in range(0, len(lengths), 20)
    )
    tracemalloc.start()
    try:
        made = glove.records_of(blocks, groups, config)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert groups.n == 40 and len(made.records) == len(counts) > 1_000_000
    assert peak < 4 * len(counts)  # of 12 bytes each


def test_progress_of_many_threads_counts_every_record_once():
    counts = count_cooccurrences(corpus())
    groups = glove_records.Groups.of(len(counts.vocabulary), 1)
    told = []
    config = TrainingConfig.create("glove", x_max=10, workers=4, **SMALL)
    made = glove.records_of(counts.blocks(), groups, config, lambda report: told.append(report.done))
    assert told == sorted(told) and len(told) == groups.n
    assert told[-1] == len(made.records) == len(counts)


def test_a_full_disk_is_one_line(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool.Spool, "_write_at", full)
    with pytest.raises(EmbedkitError, match=r"cannot keep the counts of words.*: No space left.*TMPDIR"):
        train(corpus(), model="glove", **SMALL)


def test_the_checkpoint_of_a_version_with_another_fingerprint_is_told_from_one_of_another_corpus(tmp_path):
    def press(report):
        if report.stage == "training":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(corpus(), model="glove", checkpoint=tmp_path, checkpoint_every=0.0, progress=press, **SMALL)
    values, arrays, rule = load_checkpoint(tmp_path, "glove", version=3)
    assert rule == 2
    save_checkpoint(tmp_path, "glove", {**values, "corpus": "of all counts"}, arrays, version=1)
    with pytest.raises(TrainingError, match="trained by another rule; go on with that version"):
        train(corpus(), model="glove", checkpoint=tmp_path, resume=True, **SMALL)


def test_rounds_share_no_parameters_and_a_pass_meets_every_block():
    blocks = [glove.round_blocks(7, 2, k, 11) for k in range(11)]
    for round_ in blocks:
        assert sorted(i for i, _ in round_) == sorted(j for _, j in round_) == list(range(11))
    assert len({block for round_ in blocks for block in round_}) == 121
    assert blocks != [glove.round_blocks(7, 3, k, 11) for k in range(11)]


@pytest.mark.parametrize(("n_groups", "replicas"), [(12, 3), (8, 8), (5, 1)])
def test_columns_stay_with_a_replica_until_its_rows_have_met_them(n_groups, replicas):
    each = n_groups // replicas
    blocks = [glove.round_blocks(7, 2, k, n_groups, replicas) for k in range(n_groups)]
    for round_ in blocks:
        assert sorted(i for i, _ in round_) == sorted(j for _, j in round_) == list(range(n_groups))
    assert len({block for round_ in blocks for block in round_}) == n_groups**2
    for turn in range(replicas):
        met = {(i // each, j // each) for round_ in blocks[turn * each : (turn + 1) * each] for i, j in round_}
        assert len(met) == replicas  # each part of rows with one part of columns
    assert blocks != [glove.round_blocks(7, 3, k, n_groups, replicas) for k in range(n_groups)]


@pytest.mark.parametrize(("n_words", "replicas"), [(3, 3), (70, 16), (2001, 7), (131_000, 5), (131_000, 300)])
def test_every_replica_has_as_many_groups(n_words, replicas):
    n_groups = glove_records.groups_for(n_words, replicas)
    assert n_groups % replicas == 0
    rows = [glove_records.members(g, n_groups, n_words) for g in range(n_groups)]
    assert all(0 < len(words) <= glove_records.MAX_GROUP_ROWS for words in rows)
    with pytest.raises(
        ConfigError, match=rf"`replicas` {n_words + 1} are more than the vocabulary has words, {n_words}"
    ):
        glove_records.groups_for(n_words, n_words + 1)


def test_replicas_depend_on_their_number_and_the_seed_alone(tmp_path):
    text = corpus()

    def vectors(n, *, seed=1, **options):
        return train(text, model="glove", replicas=n, seed=seed, **{**SMALL, **options}).vectors

    three = vectors(3, workers=1)
    np.testing.assert_array_equal(three, vectors(3, workers=4))
    np.testing.assert_array_equal(three, vectors(3, workers=2, deterministic=True))
    np.testing.assert_array_equal(vectors(1), train(text, model="glove", **SMALL).vectors)
    assert not np.array_equal(three, vectors(2))
    assert not np.array_equal(three, vectors(3, seed=2))
    pressed = []

    def press(report):
        if report.stage == "training" and not pressed:
            pressed.append(report.done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vectors(3, checkpoint=tmp_path, checkpoint_every=0.0, progress=press, workers=1)
    np.testing.assert_array_equal(vectors(3, checkpoint=tmp_path, resume=True, workers=3), three)
    with pytest.raises(EmbedkitError, match="`replicas` was 3, is 2"):
        vectors(2, checkpoint=tmp_path, resume=True)


def test_the_same_for_any_number_of_threads_and_another_with_another_seed():
    text = corpus()
    models = [train(text, model="glove", workers=n, seed=s, **SMALL).vectors for n, s in ((1, 5), (3, 5), (1, 6))]
    np.testing.assert_array_equal(models[0], models[1])
    assert not np.array_equal(models[0], models[2])


def test_vectors_reconstruct_the_logarithms_of_counts(tmp_path):
    log = tmp_path / "log.jsonl"
    words = [f"w{i}" for i in range(12)]
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(12, 0.3), 3)
    text = Corpus.from_sentences(
        [[words[i] for i in rng.choice(12, 12, p=topics[k % 3])] for k in range(600)], min_count=1
    )
    train(text, model="glove", vector_size=12, epochs=60, workers=1, log=log)
    epochs = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    costs = [line["cost"] for line in epochs if line["event"] == "epoch"]
    assert len(costs) == 60 and costs[-1] < 0.02 * costs[0]


def test_which_vectors():
    text = corpus()
    by_kind = {
        kind: train(text, model="glove", glove_vectors=kind, keep_output=True, **SMALL)
        for kind in ("sum", "word", "context")
    }
    np.testing.assert_array_equal(by_kind["sum"].vectors, by_kind["word"].vectors + by_kind["context"].vectors)
    np.testing.assert_array_equal(by_kind["word"].output_vectors, by_kind["context"].vectors)
    assert not np.array_equal(by_kind["word"].vectors, by_kind["context"].vectors)


def test_two_steps_give_what_one_step_gives(tmp_path):
    text, vocab = tmp_path / "text.txt", tmp_path / "vocab.txt"
    source = corpus()
    words = source.vocabulary.index_to_key
    text.write_text("".join(" ".join(words[i] for i in s) + "\n" for s in source.sentences()), encoding="utf-8")
    options = ["--model", "glove", "--vector-size", 8, "--epochs", 2, "--workers", 1]

    def embedkit(*arguments):
        subprocess.run([sys.executable, "-m", "embedkit", *map(str, arguments)], check=True)

    embedkit("train", text, "-o", tmp_path / "one.safetensors", *options)
    embedkit("cooccur", text, "-o", tmp_path / "counts.bin", "--save-vocab", vocab)
    embedkit(
        "train",
        "--cooccurrences",
        tmp_path / "counts.bin",
        "--vocab",
        vocab,
        "-o",
        tmp_path / "two.safetensors",
        *options,
    )
    one, two = load(tmp_path / "one.safetensors"), load(tmp_path / "two.safetensors")
    assert list(one.index_to_key) == list(two.index_to_key)
    np.testing.assert_array_equal(one.vectors, two.vectors)


def test_counts_carry_their_vocabulary(tmp_path):
    text = corpus()
    count_to_file(text, tmp_path / "c.safetensors")
    model = train(cooccurrences=tmp_path / "c.safetensors", model="glove", **OF_COUNTS)
    assert list(model.index_to_key) == list(text.vocabulary.index_to_key)
    with pytest.raises(ConfigError, match="another vocabulary"):
        train(cooccurrences=tmp_path / "c.safetensors", vocabulary=corpus(9, 1).vocabulary, model="glove", **OF_COUNTS)
    count_to_file(text, tmp_path / "c.bin")
    with pytest.raises(ConfigError, match="`vocabulary`"):
        train(cooccurrences=tmp_path / "c.bin", model="glove", **OF_COUNTS)


def test_a_cost_that_is_no_number_stops_the_run(tmp_path):
    counts = count_cooccurrences(corpus())
    broken = Cooccurrences(counts.vocabulary, counts.offsets, counts.columns, counts.values.copy())
    broken.values[len(broken) // 2] = np.nan
    config = TrainingConfig.create("glove", **SMALL)
    with pytest.raises(TrainingError, match="diverged: the cost is nan in epoch 1"):
        glove.fit(None, config, Run(), broken)


def test_starting_from_vectors_goes_on_where_they_stopped():
    text = corpus()
    first = train(text, model="glove", keep_output=True, **SMALL)
    family = glove.GloVe(text.vocabulary, TrainingConfig.create("glove", **SMALL), np.arange(len(first))[::-1])
    family.start(first)
    np.testing.assert_allclose(family.finish().vectors, first.vectors, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(family.arrays()["contexts"], first.output_vectors)
    second = train(text, model="glove", init=first, **SMALL)
    assert not np.array_equal(second.vectors, first.vectors)
    with pytest.raises(ConfigError, match="vector_size` 10"):
        train(text, model="glove", init=first, **{**SMALL, "vector_size": 12})


def test_nothing_stands_beside_anything():
    with pytest.raises(CorpusError, match="no two words"):
        train(Corpus.from_sentences([["a"], ["b"]], min_count=1), model="glove", **SMALL)


def test_a_corpus_and_counts_are_too_much(tmp_path):
    with pytest.raises(ConfigError, match="not both"):
        train([["a", "b"]], cooccurrences=tmp_path / "c.bin", model="glove")
