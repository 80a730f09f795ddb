"""Replicas on a cluster have the bits of one machine, whoever does the work and whatever happens to the workers."""

import functools
import itertools
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest

import embedkit
from embedkit.cluster import words
from embedkit.cluster.corpus import SpreadCorpus
from embedkit.cluster.engine import LATE
from embedkit.cluster.shared import SharedMemory
from embedkit.errors import ConfigError, CorpusError, EmbedkitError
from embedkit.files import spool
from embedkit.kernels.simd import padded_size
from embedkit.training import (
    remote,
    remote_exchange,
    remote_figures,
    remote_replicas,
    remote_round,
    remote_shares,
    remote_worker,
    schedule,
    seat,
)
from embedkit.training.merging import Merging
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_plan import plan_on_cluster, round_bytes
from embedkit.training.run import Run
from embedkit.training.suiting import suited
from embedkit.training.word2vec import Word2Vec
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from tests.cluster.here import Failing, Here, Misplacing

OPTIONS = {"vector_size": 10, "epochs": 2, "replicas": 3, "workers": 1}
MODELS = {
    "skipgram": {},
    "cbow-hs": {"model": "cbow", "loss": "hs"},
    "fasttext": {"model": "fasttext", "bucket": 300},
    "softmax": {"model": "cbow", "loss": "softmax"},
    "bfloat16": {"merge_bfloat16": True},
    "merge_every": {"merge_every": 200},
}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    rng = np.random.default_rng(3)
    lines = [
        " ".join(f"w{int(x)}" for x in np.minimum(rng.exponential(12, rng.integers(0, 30)), 80)) for _ in range(700)
    ]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def trained_here(text):
    """What one machine makes of the text with `OPTIONS` and others. To be called in a test, for its surroundings."""
    return functools.cache(lambda **options: embedkit.train(text, **{**OPTIONS, **options}))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setattr(words, "SMALLEST_RANGE", 1 << 12)
    monkeypatch.setattr(schedule, "SHORTEST_STAGE", 60)
    monkeypatch.setattr(schedule, "STAGES_AN_EPOCH", 30)
    monkeypatch.setattr(schedule, "FEWEST_ROUNDS", 8)
    monkeypatch.setattr(remote, "ORDER_SECONDS", 0.0)  # every round by itself
    monkeypatch.setattr(remote_replicas.RemoteReplicas, "note_times", 0.0)
    # Only this module's naps are left out: workers that wait for each other would look all the time.
    monkeypatch.setattr(remote, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: None))
    yield
    assert not remote_shares.SHARES  # nothing is left on the workers
    remote_shares.SHARES.clear()


def out_of_reach(monkeypatch, *calls):
    """No worker reaches the memory of another one, or not at these calls: each is as on a machine of its own."""
    join, count = SharedMemory.join, itertools.count()
    monkeypatch.setattr(
        SharedMemory, "join", lambda address: join(address) if calls and next(count) not in calls else None
    )


@pytest.mark.parametrize("places", ["one machine", "machines", "two and one"])
@pytest.mark.parametrize("name", MODELS)
def test_the_bits_of_one_machine(text, trained_here, monkeypatch, name, places):
    engine = Here()
    if places == "two and one":
        engine.workers = lambda: ["first", "second", "third"]
    if places != "one machine":
        out_of_reach(monkeypatch, *([1] if places == "two and one" else []))
    here = trained_here(**MODELS[name])
    there = embedkit.train(text, cluster=engine, **OPTIONS, **MODELS[name])
    np.testing.assert_array_equal(here.vectors, there.vectors)
    assert here.config == there.config
    assert here.index_to_key == there.index_to_key


def test_rounding_to_bfloat16_changes_the_vectors(text):
    plain, short = (embedkit.train(text, merge_bfloat16=short, **OPTIONS).vectors for short in (False, True))
    assert not np.array_equal(plain, short)
    np.testing.assert_allclose(plain, short, atol=0.05)


@pytest.mark.parametrize("calls", [[1], [2, 3], [12], [9, 10, 13, 16]])
@pytest.mark.parametrize("apart", [False, True])
def test_workers_that_die_change_nothing(text, trained_here, monkeypatch, calls, apart):
    if apart:
        out_of_reach(monkeypatch)
    engine = Failing(*calls)
    there = embedkit.train(text, cluster=engine, **OPTIONS)
    assert engine.lost == len(calls)
    np.testing.assert_array_equal(there.vectors, trained_here().vectors)


@pytest.mark.parametrize("task", ["take_ids", "hold_part", "open_node", "join_node"])
def test_text_that_got_lost_on_its_way_is_dealt_again(text, trained_here, task):
    engine = Misplacing(task)
    there = embedkit.train(text, cluster=engine, **OPTIONS)
    assert engine.name is None
    np.testing.assert_array_equal(there.vectors, trained_here().vectors)


@pytest.mark.parametrize("apart", [False, True])
def test_rounds_are_ordered_several_at_once(text, trained_here, monkeypatch, apart):
    """As many as take about so long; when workers die, all of an order are done again."""
    monkeypatch.setattr(remote, "ORDER_SECONDS", 1e6)
    if apart:
        out_of_reach(monkeypatch)
    engine, reports = Failing(4), []
    there = embedkit.train(text, cluster=engine, progress=reports.append, **OPTIONS)
    assert engine.lost == 1
    assert engine.n_calls < 20  # of 2 epochs with 10 rounds on up to 3 workers
    assert reports[-1].done == reports[-1].total
    np.testing.assert_array_equal(there.vectors, trained_here().vectors)


def test_a_worker_that_does_not_answer_is_left_out(text, trained_here):
    class Hanging(Here):
        out = False
        n = 0

        def workers(self):
            return ["second"] if self.out else ["first", "second"]

        def answers(self, calls, seconds):
            assert seconds > 1
            self.n += 1
            for i, answer in super().answers(calls, seconds):
                yield i, LATE if i == 0 and self.n == 9 else answer

        def leave_out(self, worker):
            assert worker == "first"
            self.out = True

    told = []
    there = embedkit.train(text, cluster=Hanging(), note=told.append, **OPTIONS)
    np.testing.assert_array_equal(there.vectors, trained_here().vectors)
    assert "the worker first does not answer; others do its work" in told
    remote_shares.SHARES.clear()  # what it held is its own business


def test_workers_that_join_get_a_share(text, trained_here, monkeypatch):
    monkeypatch.setattr(remote, "LOOK_EVERY", 0.0)

    class Growing(Here):
        crew = 1

        def workers(self):
            return ["a", "b", "c"][: self.crew]

    engine, seen = Growing(), set()

    def grow(report):
        seen.add(report.fields.get("workers"))
        if report.stage == "training" and report.done > report.total / 2:
            engine.crew = 3

    monkeypatch.setattr("embedkit.progress.Timetable.tick", lambda self: self._tick() if self._tick else None)
    there = embedkit.train(text, cluster=engine, progress=grow, **OPTIONS)
    np.testing.assert_array_equal(there.vectors, trained_here().vectors)
    assert {1, 3} <= seen


@pytest.mark.parametrize("place", ["folder", "memory://runs/two"])
def test_a_run_goes_on_elsewhere_from_its_checkpoint(text, trained_here, tmp_path, place):
    place = place if "://" in place else tmp_path / place

    class Ending(Here):
        n = 0

        def answers(self, calls, seconds):
            self.n += 1
            yield from super().answers(calls, seconds)
            if self.n > 9:
                raise EmbedkitError("the cluster was lost")

    whole = trained_here()
    with pytest.raises(EmbedkitError, match=r"the cluster was lost; the state of the run is in .*: give `resume`"):
        embedkit.train(text, cluster=Ending(), checkpoint=place, **OPTIONS)
    remote_shares.SHARES.clear()
    clusters = (None, Here()) if place == "memory://runs/two" else (Here(),)
    for cluster in clusters:
        resumed = embedkit.train(text, checkpoint=place, resume=True, cluster=cluster, **OPTIONS)
        np.testing.assert_array_equal(resumed.vectors, whole.vectors)
    with pytest.raises(EmbedkitError, match="the cluster was lost; start it again"):
        embedkit.train(text, cluster=type("E", (Ending,), {"answers": _lost})(), **OPTIONS)
    remote_shares.SHARES.clear()


def _lost(self, calls, seconds):
    yield from Here.answers(self, calls, seconds)
    raise EmbedkitError("the cluster was lost; start it again")


def test_the_ids_are_those_of_one_machine(text, tmp_path):
    other = tmp_path / "b.txt"
    other.write_text("\nw1 w2\n\nnever seen\nw3\n")
    corpus = Corpus.from_text([text, other], min_count=3)
    for spread in (
        SpreadCorpus.from_text(Here(), [text, other], min_count=3),
        SpreadCorpus.from_corpus(Here(), corpus),
    ):
        assert (spread.n_ids, spread.n_tokens, spread.n_sentences) == (
            len(corpus.ids),
            corpus.n_tokens,
            corpus.n_sentences,
        )
        for low, high in ((0, len(corpus.ids)), (5, 6), (1000, 4000), (len(corpus.ids) - 1, len(corpus.ids))):
            pieces = spread.pieces(low, high)
            np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), corpus.ids[low:high])
            assert [start for start, _ in pieces] == np.cumsum([0, *(len(p) for _, p in pieces[:-1])]).tolist()
    assert spread.options == corpus.options


def test_words_without_counts_are_counted(text):
    listed = Vocabulary(["w1", "w2", "w3", "w4"], np.zeros(4))
    here, there = (embedkit.train(text, vocabulary=listed, cluster=cluster, **OPTIONS) for cluster in (None, Here()))
    np.testing.assert_array_equal(here.vectors, there.vectors)


def test_a_corpus_that_changes_on_the_way(text, tmp_path):
    path = tmp_path / "changing.txt"
    path.write_text(text.read_text())

    class Changing(Here):
        def __init__(self, function):
            self.function = function

        def submit(self, function, *arguments, worker=None):
            if function.__name__ == self.function:
                path.write_text(path.read_text().replace("w1 ", "w2 "))
            return super().submit(function, *arguments, worker=worker)

    with pytest.raises(CorpusError, match="the corpus changed while it was read"):
        embedkit.train(path, cluster=Changing("_encode"), **OPTIONS)

    class ChangingLater(Failing):
        def call(self, worker, function, *arguments):
            if self.n_calls == 10:
                path.write_text(path.read_text().replace("w3 ", "w4 "))
            return super().call(worker, function, *arguments)

    with pytest.raises(CorpusError, match="the corpus changed since it was read at first"):
        embedkit.train(path, cluster=ChangingLater(12), **OPTIONS)
    remote_shares.SHARES.clear()


def test_what_cannot_be_is_one_line(text):
    with pytest.raises(ConfigError, match="`replicas` 900 are more than the corpus has sentences"):
        embedkit.train(text, cluster=Here(), **{**OPTIONS, "replicas": 900})
    with pytest.raises(ConfigError, match="`merge_every` has no effect without `replicas`"):
        embedkit.train(text, merge_every=10)


def test_a_full_disk_of_a_worker(text, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "nameless_file", full)
    with pytest.raises(EmbedkitError, match=r"cannot keep the ids .*: No space left on device; TMPDIR"):
        embedkit.train(text, cluster=Here(), **OPTIONS)
    remote_shares.SHARES.clear()


def test_progress_tells_of_the_cluster(text, monkeypatch):
    reports = []
    out_of_reach(monkeypatch)
    embedkit.train(text, cluster=Here(), progress=reports.append, **OPTIONS)
    last = reports[-1].fields
    assert last["workers"] == 2
    assert last["moved_MB"] > 0.01
    assert 0 < last["merging_%"] < 100
    assert 0 <= last["waiting_%"] < 100
    assert last["round"] > 8
    assert 0 < last["words/s_each"] <= last["rate"]
    assert reports[-1].done == reports[-1].total


def test_bfloat16_by_hand():
    numbers = np.array([1.0, -1.0, 1.00390625, 1.01171875, 3.0e-3, 0.0, -0.0, 1e30], np.float32)
    found = remote_exchange.longer(remote_exchange.shorter(numbers))
    assert found[:4].tolist() == [1.0, -1.0, 1.0, 1.015625]  # ties go to the even neighbour
    assert np.all(np.abs(found - numbers) <= np.abs(numbers) / 256)
    from embedkit.kernels.replicas import shorten

    same = numbers.copy()
    shorten(same.view(np.uint32))
    np.testing.assert_array_equal(same, found)


def test_the_plan_of_a_cluster_is_near_what_happens(text, monkeypatch):
    out_of_reach(monkeypatch)
    config = TrainingConfig.create(**OPTIONS)
    corpus = SpreadCorpus.from_text(Here(), text, min_count=5)
    found = plan_on_cluster(corpus, config)
    assert (found.workers, found.replicas, found.shards) == (2, 3, corpus.n_shards)
    assert corpus.n_shards > 3
    reports = []
    embedkit.train(text, cluster=Here(), progress=reports.append, **OPTIONS)
    moved = reports[-1].fields["moved_MB"] * 1e6 / (2 * found.rounds)
    two, one = (round_bytes_of(corpus, config, most) for most in (2, 1))
    assert two == pytest.approx(found.round_bytes)
    assert two + one == pytest.approx(2 * moved, rel=0.25)  # what one sends another gets
    assert found.disk_bytes == pytest.approx(4 * corpus.n_ids * 2 / 3, rel=0.01)
    row = 4 * padded_size(10)
    assert found.memory_bytes == pytest.approx(3 * 2 * len(corpus.vocabulary) * row, rel=0.1)


def round_bytes_of(corpus, config, most):
    config = suited(config, corpus.vocabulary, corpus.n_tokens, Run())
    family = Word2Vec(corpus, config, Run())
    return round_bytes(Merging(family, config), schedule.Schedule.of(corpus.n_ids, config), config, most, 2)


def test_workers_of_different_kinds_are_told(text):
    class Mixed(Here):
        processors = ("znver4 with numba 1", "skylake with numba 1")

    told = []
    embedkit.train(text, cluster=Mixed(), note=told.append, **OPTIONS)
    assert any("the workers differ (znver4 with numba 1; skylake with numba 1)" in line for line in told)
    assert any(
        re.match(r"\d workers?, .* MB moved; of the time merging .*waiting for other workers", line) for line in told
    )


def test_what_went_into_a_round_adds_up():
    figures = remote_figures.Figures()
    assert figures.shown() == {"moved_MB": 0, "waiting_%": 0, "merging_%": 0}
    # The stages last 2 and 1 seconds; of 6 worker-seconds in them 2 are waited; the round took 4 seconds.
    trained = [2.0, 0.0], [1.0, 1.0]
    figures.add(4.0, [remote_round.Reply([], one, 0.0, 500_000, 3.0, []) for one in trained])
    assert figures.shown() == pytest.approx({"moved_MB": 1, "waiting_%": 25, "merging_%": 25})


def test_workers_that_take_turns_wait_and_do_not_merge():
    figures = remote_figures.Figures()
    # Two on one processor: each trains for a second while the other has to wait, and merging takes half a second.
    figures.add(2.5, [remote_round.Reply([], [1.0], 1.0, 0, 2.5, []) for _ in range(2)])
    assert figures.shown() == pytest.approx({"moved_MB": 0, "waiting_%": 40, "merging_%": 20})


def test_rows_travel_in_one_buffer():
    rng = np.random.default_rng(0)
    for dtype, short in ((np.float32, False), (np.uint16, True)):
        parts = [
            remote_exchange.Rows(np.arange(n, dtype=np.int32), (rng.random((n, 5)) * 99).astype(dtype))
            for n in (3, 0, 7)
        ]
        found = remote_exchange.unpack(remote_exchange.pack(parts), 5, short)
        for one, other in zip(parts, found, strict=True):
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_array_equal(one.changes, other.changes)
    assert remote_exchange.unpack(remote_exchange.pack([]), 5, False) == []


def test_every_row_has_one_owner():
    for n in (1, 3, 8):
        owned = seat.owned_rows(1000, n)
        assert np.array_equal(np.sort(np.concatenate(owned)), np.arange(1000))
        assert max(map(len, owned)) - min(map(len, owned)) <= seat.OWNED_AT_ONCE
        assert len({i for i, rows in enumerate(owned) if (rows < 16 * n).any()}) == n  # the most used are spread


def test_a_worker_that_does_not_come_is_not_waited_for():
    node = remote_worker.Node.new(remote_worker.Layout(2, [0], [(3, 8)]))
    control = np.zeros(1, np.int64)
    assert node.wait(np.array([0]), 0, 1, control, 1.0)
    assert not node.wait(np.array([0, 1]), 0, 2, control, 0.01)
    control[0] = 1
    assert not node.wait(np.array([0, 1]), 0, 3, control, 60.0)
    mail = remote_exchange.Mailbox()
    assert mail.take(("changes", 0, 0, 1), 0.01) is None
    mail.put(("changes", 0, 0, 1), node.arrived)
    assert mail.take(("changes", 0, 0, 1), 1.0) is node.arrived
    mail.stop()
    assert mail.take(("changes", 0, 0, 1), 60.0) is None
