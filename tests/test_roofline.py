"""The benchmark of what bounds training: its model of the work, and the bandwidths and shares that it tells."""

from collections import OrderedDict

import numpy as np
import pytest

from embedkit.kernels import word2vec
from embedkit.kernels.blocks import context_rows, take_block
from tests.benchmarks import machine, roofline, work

TEXT = work.Windows(kept=0.5, contexts=2.0, block_rows=6.0, step_words=8.0)
SHARES, NEGATIVES = np.array([0.3, 0.2]), np.array([0.75, 0.25])
COMMON = {"size": 10, "row_bytes": 64, "text": TEXT, "shares": SHARES, "negatives": NEGATIVES}


def test_windows_of_a_text_counted_by_hand():
    ids = np.array([0, 1, 2, -1, 3, 4, -1], np.int32)
    found = work.count_windows(ids, np.ones(5, np.float32), 1)
    assert found == (1.0, 6 / 5, 4.0, 5 / 2)


def test_rows_of_a_block_are_those_that_the_kernel_finds():
    random = np.random.default_rng(3)
    kept = random.integers(0, 50, 4001).astype(np.int32)
    kept[random.random(len(kept)) < 0.1] = -1
    settings = word2vec.Settings(1, True, 8, np.float32(1), False)
    block = [np.zeros(12, np.int64), *(np.zeros(4, np.int64) for _ in range(3))]
    sentence, state = np.array([0, -1, 0]), np.ones(1, np.uint64)
    rows, weights = np.zeros(40, np.int64), np.zeros((40, 12), np.float32)
    position, found = 0, []
    while position < len(kept):
        n, position = take_block(kept, len(kept), position, sentence, settings, state, tuple(block))
        if n == 4:
            found.append(context_rows(kept, *block[1:], rows, weights, np.float32(1)))
    assert work.count_windows(kept, np.ones(50, np.float32), 1).block_rows == pytest.approx(np.mean(found))


def test_a_block_of_skipgram():
    found = work.skipgram(n_shared=8, **COMMON)
    # Three products of 6 by 12 rows of 10, for four centres, half of the words.
    assert found.operations == 2 * 3 * 6 * 12 * 10 / 4 / 2
    assert found.near == 2 * 64 * (6 + 12) / 4 / 2
    assert found.visits.tolist() == [0.3, 0.2, 0.3 + 0.75, 0.2 + 0.25]


def test_a_centre_of_cbow_and_of_dm():
    found = work.cbow(n_shared=5, **COMMON)
    # Two context rows are added up and changed; a target and five negatives make three products.
    assert found.operations == (2 * 2 + 3 * 2 * 6) * 10 / 2
    assert found.near == 2 * 64 * (2 + 1 + 5 / 4) / 2
    assert found.visits == pytest.approx([0.3, 0.2, 0.3 + 5 / 16 * 0.75, 0.2 + 5 / 16 * 0.25])
    memory = work.cbow(n_shared=5, documents=np.array([0.01]), **COMMON)
    assert memory.operations - found.operations == 2 * 10 / 2
    assert memory.near - found.near == 2 * 64 / 2
    assert memory.visits[4:].tolist() == [0.01]


def test_a_step_of_dbow():
    found = work.dbow(n_shared=10, documents=np.array([0.01]), **COMMON)
    assert found.operations == 2 * 3 * 18 * 10 / 8 / 2
    assert found.near == 2 * 64 * (18 + 1) / 8 / 2
    assert found.visits == pytest.approx([0.3 + 10 / 16 * 0.75, 0.2 + 10 / 16 * 0.25, 0.01])


def test_a_centre_of_fasttext():
    # Word 0 has row 0, and rows 1 and 2 lazily, flushed at every fourth use; word 1 has row 3.
    subwords = work.Subwords(np.array([0, 3, 4]), np.array([1, 3]), np.array([0, 1, 2, 3]), np.array([4]))
    found = work.fasttext(n_shared=8, subwords=subwords, **COMMON)
    moved = 0.3 * (2 + 3) + 0.2 * (1 + 1) + 0.3 / 4 * 4
    # Three products of 4 hidden vectors with 6 words of their windows and 8 negatives, a block for half of the words.
    assert found.operations == pytest.approx(10 * (moved + 2 * 3 * 4 * 14 / 4 / 2))
    assert found.near == pytest.approx(2 * 64 * (0.3 * 3 + 0.2 + 0.3 / 4 * 2 + 14 / 4 / 2))
    assert found.visits[:6] == pytest.approx([0.3, 0.075, 0.075, 0.2, 0.3, 0.3])
    assert found.visits[6:] == pytest.approx([0.3 + 0.75, 0.2 + 0.25])


def test_a_record_of_glove():
    found = work.glove(8, 64, np.array([4, 2]), 2)
    assert found.operations == 10 * (2 + 2 * 6)
    assert found.near == 2 * 2 * 64
    assert found.visits == pytest.approx([2 / 3, 1 / 3] * 2)
    # Three records in a block, for which four rows come: each read and written.
    assert found.beyond(1 << 20) == pytest.approx(2 * 64 * 4 / 3 + 12)
    assert found.beyond(0) == pytest.approx(2 * 64 * (2 + 4 / 3) + 12)


def test_a_counted_word():
    found = work.counting(neighbours=30, window=16, cells=4)
    assert (found.operations, found.near) == (30, 30 * 24)
    # The ids of a window lie on three lines; a position, and counts that are written to lines that are read first.
    assert found.beyond(1 << 20) == 3 * 64 + 4 + 2 * 4 * 12


def test_what_a_cache_does_not_hold():
    equal = np.full(1000, 0.01)
    assert work.missed(equal, 1000) == 0
    assert work.missed(equal, 0) == pytest.approx(10)
    assert work.missed(equal, 250) == pytest.approx(10 * 0.75)
    assert work.missed(np.append(equal, np.zeros(50)), 1000) == 0


def test_what_a_cache_does_not_hold_is_what_one_misses():
    rates = 1 / np.arange(1, 2001)
    rates /= rates.sum()
    visits = np.random.default_rng(1).choice(len(rates), 60_000, p=rates)
    used, misses = OrderedDict(), 0
    for k, row in enumerate(visits.tolist()):
        misses += row not in used and k >= 10_000
        used[row] = None
        used.move_to_end(row)
        if len(used) > 300:
            used.popitem(last=False)
    assert work.missed(rates, 300) == pytest.approx(misses / 50_000, rel=0.03)


def test_shares_of_the_time():
    needed = work.Work(100.0, 800.0, 8, np.full(100, 0.5))
    cache = machine.Caches(l1=8 * 20, l2=8 * 50, l3=8 * 90)
    found = roofline.levels(needed, cache)
    # Of 50 rows a word, read and written, four fifths are not in the first cache, half not in the second, a tenth not
    # in the third.
    assert found == pytest.approx((2 * 8 * 15, 2 * 8 * 20, 2 * 8 * 5))
    able = machine.Machine(peak=1e4, l1=1e5, l2=1e4, l3=1e3, memory=1e2, streamed=1, read=1)
    shares = roofline.shares(1.0, needed, able, cache)
    assert shares == pytest.approx((0.01, 0.008, 240 / 1e4 + 320 / 1e3 + 80 / 1e2))


@pytest.mark.parametrize(
    "peak, near, expected",
    [(0.3, 0.5, "rows"), (0.6, 0.9, "arithmetic"), (0.1, 0.8, "instructions"), (0.1, float("nan"), "")],
)
def test_what_bounds_is_the_largest_part(peak, near, expected):
    assert roofline.bound(peak, near) == expected


@pytest.mark.parametrize("change", [machine.change_rows, machine.change_near])
def test_bandwidth_is_of_rows_that_change(change):
    matrix, source = np.zeros((40, machine.ROW), np.float32), np.ones((1, machine.ROW), np.float32)
    order = np.array([3, 1, 3, 39], np.int32)
    change(matrix, order, source)
    assert matrix.sum(1).tolist() == [machine.ROW * np.count_nonzero(order == k) for k in range(40)]
    machine.read_rows(matrix, order, source)
    assert source.tolist() == [[2 + 1 + 2 + 1.0] * machine.ROW]


def test_the_machine_has_three_caches():
    l1, l2, l3 = machine.caches()
    assert 0 < l1 < l2 <= l3


def test_without_a_text_the_machine_is_told(monkeypatch, capsys, tmp_path):
    able = machine.Machine(*range(1_000_000_000, 8_000_000_000, 1_000_000_000))
    monkeypatch.setattr(roofline, "measured", lambda threads, rounds: able)
    monkeypatch.setattr("sys.argv", ["roofline", "--data", str(tmp_path)])
    assert roofline.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| multiply-adds, float32, Gflop/s | 1 | 1 |" in lines
    assert lines[-1] == f"left out, en_wiki.txt(.xz) is not in {tmp_path}, see corpora/README.md: training"
