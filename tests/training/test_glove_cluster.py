"""GloVe on a cluster has the bits of one machine, whoever has which part and whatever happens to the workers."""

import contextlib
import itertools
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.cluster import cooccurrence, words
from embedkit.cluster.cooccurrence import SpreadCounts
from embedkit.cluster.engine import LATE
from embedkit.cluster.shared import SharedMemory
from embedkit.counting import Window, count_cooccurrences
from embedkit.counting.files import count_to_file
from embedkit.errors import ConfigError, CorpusError, EmbedkitError, TrainingError
from embedkit.files import spool
from embedkit.training import glove_cluster, glove_disk, glove_worker, remote, remote_shares
from embedkit.training.glove_records import Groups, round_blocks
from embedkit.training.options import TrainingConfig
from embedkit.training.remote_plan import plan_parts
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus
from tests.cluster.here import Failing, Here, Misplacing

OPTIONS = {"model": "glove", "vector_size": 10, "epochs": 2, "replicas": 4, "window": 4, "workers": 1}


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
def expected(text):
    return embedkit.train(text, **OPTIONS)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setattr(words, "SMALLEST_RANGE", 1 << 12)
    monkeypatch.setattr(remote, "ORDER_SECONDS", 0.0)  # every step by itself
    monkeypatch.setattr(glove_cluster.RemoteParts, "note_times", 0.0)
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


@pytest.mark.parametrize("places", ["one machine", "machines", "two and one", "one worker"])
@pytest.mark.parametrize("at_once", [0.0, 1e6])
def test_the_bits_of_one_machine(text, expected, monkeypatch, places, at_once):
    monkeypatch.setattr(remote, "ORDER_SECONDS", at_once)
    engine, reports = Here(), []
    names = {"two and one": ["first", "second", "third"], "one worker": ["first"]}.get(places, ["first", "second"])
    engine.workers = lambda: names
    if places in ("machines", "two and one"):
        out_of_reach(monkeypatch, *([1] if places == "two and one" else []))
    there = embedkit.train(text, cluster=engine, progress=reports.append, **OPTIONS)
    np.testing.assert_array_equal(there.vectors, expected.vectors)
    assert list(there.config.items()) == list(expected.config.items())
    assert there.index_to_key == expected.index_to_key
    assert reports[-1].done == reports[-1].total


@pytest.mark.parametrize("calls", [[1], [2, 3], [12], [9, 10, 13, 16]])
@pytest.mark.parametrize("apart", [False, True])
def test_workers_that_die_change_nothing(text, expected, monkeypatch, calls, apart):
    if apart:
        out_of_reach(monkeypatch)
    engine = Failing(*calls)
    there = embedkit.train(text, cluster=engine, **OPTIONS)
    assert engine.lost == len(calls)
    np.testing.assert_array_equal(there.vectors, expected.vectors)


@pytest.mark.parametrize("name", ["counts.npz", "counts.bin"])
@pytest.mark.parametrize("calls", [[], [2, 3]])
def test_counts_that_are_there_are_handed_to_the_workers(text, tmp_path, monkeypatch, name, calls):
    """In pieces, and once more to who takes the place of a worker that died."""
    monkeypatch.setattr(cooccurrence, "_PIECE_RECORDS", 300)
    corpus = Corpus.from_text(text, min_count=3)
    count_to_file(corpus, tmp_path / name, Window(4))
    options = {name: value for name, value in OPTIONS.items() if name != "window"}
    options |= {"cooccurrences": tmp_path / name, "vocabulary": corpus.vocabulary if name.endswith("bin") else None}
    here, reports = embedkit.train(**options), []
    engine = Failing(*calls)
    there = embedkit.train(cluster=engine, progress=reports.append, **options)
    np.testing.assert_array_equal(there.vectors, here.vectors)
    assert there.config == here.config
    assert engine.lost == len(calls)
    assert max(report.total for report in reports if report.stage == "sending") > 5


def test_a_worker_that_does_not_answer_is_left_out(text, expected):
    class Hanging(Here):
        out = False
        n = 0

        def workers(self):
            return ["second"] if self.out else ["first", "second"]

        def answers(self, calls, seconds):
            self.n += 1
            for i, answer in super().answers(calls, seconds):
                yield i, LATE if i == 0 and self.n == 9 else answer

        def leave_out(self, worker):
            assert worker == "first"
            self.out = True

    told = []
    there = embedkit.train(text, cluster=Hanging(), note=told.append, **OPTIONS)
    np.testing.assert_array_equal(there.vectors, expected.vectors)
    assert "the worker first does not answer; others do its work" in told
    remote_shares.SHARES.clear()  # what it held is its own business


def test_workers_that_join_are_given_records_by_those_that_have_them(text, expected, monkeypatch):
    monkeypatch.setattr(remote, "LOOK_EVERY", 0.0)

    class Growing(Here):
        crew = 1
        counted = given = 0

        def workers(self):
            return ["a", "b", "c"][: self.crew]

        def submit(self, function, *arguments, worker=None):
            self.counted += function.__name__ == "count_ranges"
            self.given += function.__name__ == "give_group"
            return super().submit(function, *arguments, worker=worker)

    engine, seen, counted_before = Growing(), set(), []

    def grow(report):
        seen.add(report.fields.get("workers"))
        if report.stage == "training" and report.done > report.total / 3:
            engine.crew = 3
            counted_before.append(engine.counted)

    monkeypatch.setattr("embedkit.progress.Timetable.tick", lambda self: self._tick() if self._tick else None)
    there = embedkit.train(text, cluster=engine, progress=grow, **OPTIONS)
    np.testing.assert_array_equal(there.vectors, expected.vectors)
    assert {1, 3} <= seen
    assert engine.given > 0
    assert engine.counted == counted_before[0]  # not once more


@pytest.mark.parametrize("task", ["take_counts", "arrange_part", "open_parts", "join_parts"])
def test_counts_that_got_lost_on_their_way_are_dealt_again(text, expected, task):
    engine = Misplacing(task)
    np.testing.assert_array_equal(embedkit.train(text, cluster=engine, **OPTIONS).vectors, expected.vectors)
    assert engine.name is None


def test_records_that_get_lost_on_their_way_are_counted_again(text, expected, monkeypatch):
    monkeypatch.setattr(remote, "LOOK_EVERY", 0.0)

    class Losing(Here):
        n = 0

        def workers(self):
            return ["a", "b"][: 1 + (self.n > 0)]

        def submit(self, function, *arguments, worker=None):
            self.n += function.__name__ in ("give_group", "open_parts")
            return None if function.__name__ == "give_group" else super().submit(function, *arguments, worker=worker)

    np.testing.assert_array_equal(embedkit.train(text, cluster=Losing(), **OPTIONS).vectors, expected.vectors)


@pytest.mark.parametrize("task", ["arrange_part", "give_group"])
def test_what_arrived_is_not_dealt_again(text, expected, monkeypatch, task):
    """One part of several is lost on its way; the others stay where they are."""
    monkeypatch.setattr(remote, "LOOK_EVERY", 0.0)

    class Counting(Misplacing):
        def __init__(self):
            super().__init__(task)
            self.made = []

        def workers(self):
            return ["a", "b"][: 1 + (task == "arrange_part" or len(self.made) >= 4)]

        def submit(self, function, *arguments, worker=None):
            if function.__name__ in ("arrange_part", "close_part"):
                self.made.append((function.__name__, arguments[2 if function.__name__ == "arrange_part" else 1]))
            return super().submit(function, *arguments, worker=worker)

    engine = Counting()
    np.testing.assert_array_equal(embedkit.train(text, cluster=engine, **OPTIONS).vectors, expected.vectors)
    assert engine.name is None
    arranged = sorted(part for name, part in engine.made if name == "arrange_part")
    assert len(arranged) == 5  # four parts, and the one that was lost
    assert len(set(arranged)) == 4


def test_a_part_stays_with_its_holder_when_its_taker_dies(text, expected, monkeypatch):
    monkeypatch.setattr(remote, "LOOK_EVERY", 0.0)

    class Dying(Here):
        counted = asked = 0
        died = False

        def workers(self):
            self.asked += 1
            return ["a", "b"] if self.asked > 8 and not self.died else ["a"]

        def submit(self, function, *arguments, worker=None):
            self.counted += function.__name__ == "count_ranges"
            if worker == "b" and function.__name__ in ("take_group", "close_part"):
                self.died = True
                return None
            return super().submit(function, *arguments, worker=worker)

    engine = Dying()
    np.testing.assert_array_equal(embedkit.train(text, cluster=engine, **OPTIONS).vectors, expected.vectors)
    assert engine.died
    assert engine.counted == len(words.cut(text, engine.n_workers))  # once


def test_orders_may_last_as_long_as_they_do(text, monkeypatch):
    """Longer than a worker that hangs is waited for: the first one tells."""
    real, late = time.monotonic, [0.0]
    monkeypatch.setattr(remote, "time", SimpleNamespace(monotonic=lambda: real() + late[0], sleep=lambda seconds: None))

    class Slow(Here):
        def answers(self, calls, seconds):
            found = list(super().answers(calls, seconds))
            late[0] += 400.0
            for i, reply in found:
                yield i, reply if seconds > 400 else LATE

    embedkit.train(text, cluster=Slow(), **OPTIONS)


def test_orders_get_longer_where_the_model_takes_long_to_arrive(text, monkeypatch):
    """An order lasts ten times as long as taking note of what it changed, the way of that to this process included."""
    real, late = time.monotonic, [0.0]
    monkeypatch.setattr(remote, "time", SimpleNamespace(monotonic=lambda: real() + late[0], sleep=lambda seconds: None))
    monkeypatch.setattr(glove_cluster.RemoteParts, "note_times", 10.0)
    out_of_reach(monkeypatch)

    class Slow(Here):
        orders = 0

        def answers(self, calls, seconds):
            yield from super().answers(calls, seconds)
            late[0] += 1.0
            self.orders += 1

    engine = Slow()
    embedkit.train(text, cluster=engine, **{**OPTIONS, "epochs": 20})
    assert engine.orders < 15  # of 80 steps: one, two, four, eight, ten times as long as its way


@pytest.mark.parametrize("place", ["folder", "memory://runs/glove"])
def test_a_run_goes_on_elsewhere_from_its_checkpoint(text, tmp_path, expected, place):
    place = place if "://" in place else tmp_path / place

    class Ending(Here):
        n = 0

        def answers(self, calls, seconds):
            self.n += 1
            yield from super().answers(calls, seconds)
            if self.n > 9:
                raise EmbedkitError("the cluster was lost")

    with pytest.raises(EmbedkitError, match=r"the cluster was lost; the state of the run is in .*: give `resume`"):
        embedkit.train(text, cluster=Ending(), checkpoint=place, **OPTIONS)
    remote_shares.SHARES.clear()
    three = Here()
    three.workers = lambda: ["a", "b", "c"]
    for cluster in (None, three) if place == "memory://runs/glove" else (three,):
        resumed = embedkit.train(text, checkpoint=place, resume=True, cluster=cluster, **OPTIONS)
        np.testing.assert_array_equal(resumed.vectors, expected.vectors)


def test_a_run_of_one_machine_goes_on_on_a_cluster(text, tmp_path, expected):
    pressed = []

    def press(report):
        if report.stage == "training" and not pressed:
            pressed.append(report.done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedkit.train(text, checkpoint=tmp_path, checkpoint_every=0.0, progress=press, **OPTIONS)
    resumed = embedkit.train(text, checkpoint=tmp_path, resume=True, cluster=Here(), **OPTIONS)
    np.testing.assert_array_equal(resumed.vectors, expected.vectors)
    other = text.with_name("other.txt")
    other.write_text(text.read_text().replace("w3 ", "w4 "))
    with pytest.raises(EmbedkitError, match="corpus"):
        embedkit.train(other, checkpoint=tmp_path, resume=True, cluster=Here(), **OPTIONS)


def test_the_cost_is_that_of_one_machine(text, tmp_path):
    logs = []
    for name, cluster in (("here", None), ("there", Here())):
        embedkit.train(text, log=tmp_path / name, cluster=cluster, **OPTIONS)
        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        logs.append([line["cost"] for line in lines if line["event"] == "epoch"])
    assert len(logs[0]) == 2
    assert logs[0] == logs[1]


def test_vectors_to_start_from_and_words_without_counts(text):
    init = embedkit.train(text, **OPTIONS)
    listed = Vocabulary(["w1", "w2", "w3", "w4", "w7"], np.zeros(5))
    for options in ({"init": init}, {"vocabulary": listed}, {"seed": 4, "x_max": 5.0, "keep_output": True}):
        here, there = (embedkit.train(text, cluster=cluster, **{**OPTIONS, **options}) for cluster in (None, Here()))
        np.testing.assert_array_equal(here.vectors, there.vectors)
        assert list(here.config.items()) == list(there.config.items())
    np.testing.assert_array_equal(here.output_vectors, there.output_vectors)


def test_counts_of_words_without_counts_are_those_of_one_machine_without_replicas(text):
    listed = Vocabulary(["w1", "w2", "w3", "w4", "w7"], np.zeros(5))
    options = {**OPTIONS, "replicas": None, "vocabulary": listed}
    here, there = (embedkit.train(text, cluster=cluster, **options) for cluster in (None, Here()))
    np.testing.assert_array_equal(here.vectors, there.vectors)
    assert here.counts.tolist() == there.counts.tolist()
    assert list(here.config.items()) == list(there.config.items())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("w3 ", "w4 ", "its words were counted once more and differ"), ("w3 w4 ", "w4 w3 ", "since it was read at first")],
)
def test_a_corpus_that_changes_on_the_way(text, tmp_path, old, new, message):
    """When a worker is lost its parts are counted again; words may change, or only their order."""
    path = tmp_path / "changing.txt"
    path.write_text(text.read_text())

    class Changing(Failing):
        def call(self, worker, function, *arguments):
            if self.n_calls == 10:
                path.write_text(path.read_text().replace(old, new))
            return super().call(worker, function, *arguments)

    with pytest.raises(CorpusError, match=f"the corpus changed .*{message}"):
        embedkit.train(path, cluster=Changing(12), **OPTIONS)
    remote_shares.SHARES.clear()


def test_what_cannot_be_is_one_line(text, tmp_path):
    with pytest.raises(ConfigError, match="`replicas` 900 are more than the vocabulary has words"):
        embedkit.train(text, cluster=Here(), **{**OPTIONS, "replicas": 900})
    with pytest.raises(ConfigError, match="`cluster` has nothing to share out with `replicas` 1"):
        embedkit.train(text, cluster=Here(), **{**OPTIONS, "replicas": 1})
    with pytest.raises(ConfigError, match="needs for model glove a corpus in files"):
        embedkit.train([["a", "b"]] * 9, cluster=Here(), **OPTIONS)
    (tmp_path / "alone.txt").write_text("a\nb\nc\nd\ne\nf\n" * 9)
    with pytest.raises(CorpusError, match="no two words stand near each other"):
        embedkit.train(tmp_path / "alone.txt", cluster=Here(), **OPTIONS)
    with pytest.raises(TrainingError, match="training diverged"), np.errstate(all="ignore"):
        embedkit.train(text, cluster=Here(), **{**OPTIONS, "learning_rate": 1e30})


@pytest.mark.parametrize("what", ["the counts of a stretch of text", "the counts of words", "the records of"])
def test_a_full_disk_of_a_worker(text, monkeypatch, what):
    def full(kept, start, array):
        if kept._what.startswith(what):
            raise kept._full(OSError(28, "No space left on device"))
        write(kept, start, array)

    write = spool.Spool._write
    monkeypatch.setattr(spool.Spool, "_write", full)
    with pytest.raises(EmbedkitError, match=f"cannot keep {what}.*: No space left on device; TMPDIR"):
        embedkit.train(text, cluster=Here(), **OPTIONS)
    remote_shares.SHARES.clear()


def test_progress_tells_of_the_cluster(text, monkeypatch):
    reports = []
    out_of_reach(monkeypatch)
    embedkit.train(text, cluster=Here(), progress=reports.append, **OPTIONS)
    last = reports[-1].fields
    assert (last["workers"], last["round"]) == (2, 8)  # columns change hands four times in each of two passes
    assert last["moved_MB"] > 0.01
    assert 0 < last["merging_%"] < 100
    assert 0 < last["records/s_each"] <= last["rate"]
    assert {"counting", "training"} == {report.stage for report in reports}


def test_the_plan_is_near_what_happens(text):
    counts = SpreadCounts.from_text(Here(), text, Window(4), min_count=5)
    config = TrainingConfig.create(**OPTIONS)
    found = plan_parts(counts, config)
    n = len(count_cooccurrences(Corpus.from_text(text, min_count=5), Window(4)))
    assert (found.workers, found.replicas, found.rounds) == (2, 4, 4)
    assert found.stages == Groups.of(len(counts.vocabulary), 4).n
    assert found.shards > 3
    assert 0.5 * n < found.disk_bytes / 12 < 4 * n  # of half the parts, counts and records
    assert found.round_bytes == pytest.approx(2 * 2 * 8 * 16 * -(-len(counts.vocabulary) // 4) / 2, rel=0.1)


def test_the_plan_from_the_command_line(text, monkeypatch, capsys):
    class Told(Here):
        dashboard = ""

    monkeypatch.setattr("embedkit.cluster.connecting.connected", lambda address: contextlib.nullcontext(Told()))
    options = ["train", str(text), "--model", "glove", "--dry-run", "--cluster", "local:2", "--json", "--quiet"]
    assert main([*options, "--replicas", "4"]) == 0
    found = {row["what"]: row["value"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found["rounds in an epoch"] == 4
    assert found["disk of a worker, MB"] > 0
    assert main(options) == 2
    assert "--dry-run with --cluster plans replicas" in capsys.readouterr().err


def test_the_rows_of_a_part_are_those_of_its_groups():
    corpus = Corpus.from_sentences([[f"w{i * k % 41}" for i in range(9)] for k in range(60)], min_count=1)
    counts = count_cooccurrences(corpus, Window(3))
    groups = Groups(len(corpus.vocabulary), 6, 3)
    blocks = list(counts.blocks())
    cut = [block for block in blocks for block in _halves(block)]
    for part in range(3):
        held = glove_disk.PartCounts()
        held.add(1, glove_disk.rows_of_part(cut[1:], groups, part))
        held.add(0, glove_disk.rows_of_part(cut[:1], groups, part))
        for i, g in enumerate(groups.of_part(part)):
            lengths, columns, values = held.group(i)
            rows = [slice(counts.offsets[w], counts.offsets[w + 1]) for w in groups.members(g)]
            assert lengths.tolist() == [row.stop - row.start for row in rows]
            assert columns.tolist() == np.concatenate([counts.columns[row] for row in rows]).tolist()
            assert values.tolist() == np.concatenate([counts.values[row] for row in rows]).tolist()


def _halves(block):
    half = len(block.lengths) // 3
    n = int(block.lengths[:half].sum())
    return [
        type(block)(block.first, block.lengths[:half], block.columns[:n], block.values[:n]),
        type(block)(block.first + half, block.lengths[half:], block.columns[n:], block.values[n:]),
    ]


@pytest.mark.parametrize(("n", "replicas"), [(12, 3), (5, 1), (8, 8)])
def test_turns_are_the_rounds_of_one_machine(n, replicas):
    groups, each = Groups(1000, n, replicas), n // replicas
    found = [
        sorted((part * each + i, b * each + j) for part, b in enumerate(groups.met(7, turn)) for i, j in pairs)
        for turn, steps in groups.turns(1, 3 * n - 1)
        for pairs in (groups.pairs(7, turn, step) for step in steps)
    ]
    assert found == [sorted(round_blocks(7, *divmod(k, n), n, replicas)) for k in range(1, 3 * n)]


def test_columns_take_the_places_of_those_that_go():
    assert glove_worker.moved({4: 0, 7: 1, 2: 2}, [7, 9, 3], 3) == {7: 1, 3: 0, 9: 2}
    assert glove_worker.moved({4: 0, 7: 1}, [7, 4], 3) == {7: 1, 4: 0}


def test_the_order_of_an_order_is_that_of_its_time(text, expected, monkeypatch):
    """Where taking note takes long, more steps are ordered at once."""
    monkeypatch.setattr(glove_cluster.RemoteParts, "note_times", 1e9)
    calls = Failing()
    there = embedkit.train(text, cluster=calls, **OPTIONS)
    np.testing.assert_array_equal(there.vectors, expected.vectors)
    assert calls.n_calls < 2 * glove_cluster.Groups.of(len(expected), 4).n  # as many as there are steps
