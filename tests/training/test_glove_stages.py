import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embedkit
from embedkit.counting import count_cooccurrences
from embedkit.kernels import glove as kernel
from embedkit.training import glove
from embedkit.training.glove_records import round_blocks
from embedkit.training.glove_stages import Stage, Trained, by_round, in_order_of_need


def rounds_of(n_groups, n_rounds, seed=3):
    return [round_blocks(seed, *divmod(k, n_groups), n_groups) for k in range(n_rounds)]


@given(n=st.integers(1, 12), n_rounds=st.integers(1, 9), workers=st.integers(1, 5), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_blocks_come_behind_those_that_had_their_groups(n, n_rounds, workers, seed):
    rounds = rounds_of(n, n_rounds, seed)
    stage = Stage(rounds, np.zeros(1, np.int64))
    rows, columns, taken, lock = [0] * n, [0] * n, [], threading.Lock()
    pause = np.random.default_rng(seed).random(n * n_rounds) / 5000

    def work():
        for k, i, j in stage.take():
            with lock:
                place = len(taken)
                taken.append((k, i, j))
                assert (rows[i], columns[j]) == (k, k)
            time.sleep(pause[place])
            with lock:
                rows[i], columns[j] = k + 1, k + 1

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted((k, i, j) for k, blocks in enumerate(rounds) for i, j in blocks)
    assert rows == columns == [n_rounds] * n


def test_many_blocks_stand_between_two_that_need_each_other():
    rows, columns, nearest = {}, {}, []
    for at, (k, i, j) in enumerate(in_order_of_need(rounds_of(75, 150))):
        assert rows.get(i, (-1,))[0] == columns.get(j, (-1,))[0] == k - 1
        if k:
            nearest.append(at - max(rows[i][1], columns[j][1]))
        rows[i] = columns[j] = (k, at)
    assert min(nearest) > 25


def test_nobody_waits_for_a_thread_that_failed():
    control = np.zeros(1, np.int64)
    stage = Stage([[(0, 0)], [(0, 0)]], control)
    next(stage.take())  # and never asks for more
    waiting = threading.Thread(target=lambda: list(stage.take()))
    waiting.start()
    control[0] = 1
    waiting.join(10)
    assert not waiting.is_alive()


def test_rounds_are_summed_whoever_trained_what():
    blocks = [
        Trained(k, i, 10 * k + i, cost) for (k, i), cost in zip(np.ndindex(3, 4), np.logspace(-9, 9, 12), strict=True)
    ]
    mine, theirs = by_round([blocks[::2], blocks[1::2]]), by_round([blocks[:7][::-1], [], blocks[7:]])
    assert mine == theirs
    assert [n for n, _ in mine] == [6, 46, 86]
    assert [cost for _, cost in mine] == [sum(block.cost for block in blocks[k : k + 4]) for k in (0, 4, 8)]


@pytest.mark.parametrize("replicas", [None, 3])
def test_the_result_is_that_of_one_round_after_the_other(monkeypatch, replicas):
    text = [" ".join(f"w{int(x)}" for x in row) for row in np.random.default_rng(1).zipf(1.3, (300, 12)) % 90]
    counts = count_cooccurrences(embedkit.Corpus.from_sentences([line.split() for line in text]))
    options = {"model": "glove", "vector_size": 6, "epochs": 3, "replicas": replicas}
    monkeypatch.setattr("embedkit.training.glove_records.GROUP_ROWS", 5)

    def run(records, workers):
        monkeypatch.setattr(glove, "STAGE_RECORDS", records)
        told = []
        kv = embedkit.train(cooccurrences=counts, workers=workers, progress=told.append, **options)
        return kv.vectors.tobytes(), told[-1].fields["cost"]

    one_round_each = run(1, 1)
    assert [run(records, workers) for records in (1, 700, 1 << 23) for workers in (1, 2, 4)] == [one_round_each] * 9


def test_an_error_in_a_thread_ends_the_run(monkeypatch):
    calls = []

    def failing(row_size):
        train_block = make_train_block(row_size)

        def fail(*arguments):
            calls.append(1)
            if len(calls) == 40:
                raise OSError("the disk is gone")
            return train_block(*arguments)

        return fail

    make_train_block = kernel.make_train_block
    monkeypatch.setattr(kernel, "make_train_block", failing)
    sentences = [[f"w{(i * 7 + j) % 60}" for j in range(10)] for i in range(200)]
    with pytest.raises(OSError, match="the disk is gone"):
        embedkit.train(sentences, model="glove", min_count=1, vector_size=4, epochs=5, workers=3)
    assert len(calls) < 8 * 8 * 5
