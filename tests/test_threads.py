"""The one place that starts threads: order, barriers, checkpoints between tasks, errors, stopping early."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

import embedkit
from embedkit import threads
from embedkit.progress import Timetable
from embedkit.threads import (
    SharedSetting,
    for_each,
    heard_from,
    ordered_map,
    run_rounds,
    run_tasks,
    usable_cores,
)


def control():
    return np.zeros(1, np.int64)


def test_no_other_file_starts_threads():
    for path in Path(embedkit.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "threads.py":
            assert "Thread(" not in text and "ThreadPoolExecutor" not in text, path


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_and_only_so_many_ahead(workers):
    taken, got = [], []

    def tasks():
        for k in range(40):
            taken.append(k)
            yield k

    def slow(k):
        time.sleep(0.002 * (k % 3))
        return k * k

    for value in ordered_map(slow, tasks(), workers):
        got.append(value)
        assert len(taken) - len(got) <= 2 * workers
    assert got == [k * k for k in range(40)]
    assert list(ordered_map(slow, [], workers)) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_is_raised_when_its_turn_comes(workers):
    def work(k):
        if k in (5, 7):
            raise ValueError(str(k))
        return k

    seen = []
    with pytest.raises(ValueError, match="5"):
        for value in ordered_map(work, range(100), workers):
            seen.append(value)
    assert seen == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="5"):
        for_each(work, range(100), workers)


def test_leaving_early_ends_the_threads():
    before = threading.active_count()
    results = ordered_map(lambda k: k, range(1000), 4)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before


def test_tasks_are_all_done_once_and_errors_come_out():
    seen = []
    end = run_tasks(
        lambda worker, task: task, range(100), 3, control=control(), on_result=lambda i, r: seen.append((i, r))
    )
    assert end == 100
    assert sorted(seen) == [(i, i) for i in range(100)]

    def fail(worker, task):
        if task == 7:
            raise ValueError("seven")

    flag = control()
    with pytest.raises(ValueError, match="seven"):
        run_tasks(fail, range(1000), 2, control=flag, on_result=lambda i, r: None)
    assert flag[0] == 1  # kernels see that they must stop


def test_one_worker_takes_tasks_in_order():
    order = []
    run_tasks(
        lambda worker, task: order.append(task), range(50), 1, control=control(), on_result=lambda i, r: None, first=3
    )
    assert order == list(range(3, 50))


@pytest.mark.parametrize("at_once", [1, 2, 7, 1000])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_short_tasks_are_taken_several_at_once_and_one_at_a_time_near_the_end(at_once, workers, monkeypatch):
    given, done, order = [], [], []
    give = threads._Team.give
    monkeypatch.setattr(threads._Team, "give", lambda team, k, run: (given.append((k, list(run))), give(team, k, run)))

    def work(worker, task):
        order.append(task)
        return -task

    end = run_tasks(
        work,
        range(200),
        workers,
        control=control(),
        on_result=lambda i, r: done.append((i, r)),
        first=3,
        at_once=at_once,
    )
    assert end == 200
    assert sorted(done) == [(i, -i) for i in range(3, 200)]
    assert [task for _, run in given for task in run] == list(range(3, 200))
    assert all(run[0] == k for k, run in given)
    assert max(len(run) for _, run in given) == max(1, min(at_once, 197 // (4 * workers)))
    assert [len(run) for _, run in given[-workers:]] == [1] * workers
    assert workers > 1 or order == list(range(3, 200))


@pytest.mark.parametrize("at_once", [1, 6])
def test_checkpoints_happen_between_tasks(at_once):
    running, saved, done = [], [], []

    def work(worker, task):
        running.append(task)
        time.sleep(0.01)
        running.remove(task)
        return task

    run_tasks(
        work,
        range(60),
        2,
        control=control(),
        on_result=lambda i, r: done.append(i),
        timetable=Timetable(save=lambda k: saved.append((k, sorted(done), list(running))), save_every=0.05),
        at_once=at_once,
    )
    assert saved
    for position, finished, under_way in saved:
        assert finished == list(range(position))
        assert under_way == []


def test_a_run_that_is_to_stop_saves_and_says_where_it_is():
    done, saved = [], []
    timetable = Timetable(save=saved.append, save_every=1e9, stopping=lambda: len(done) >= 5)
    end = run_tasks(
        lambda worker, task: task,
        range(1000),
        2,
        control=control(),
        on_result=lambda i, r: done.append(i),
        timetable=timetable,
    )
    assert sorted(done) == list(range(end))
    assert saved == [end]
    assert 5 <= end < 20


def test_rounds_have_a_barrier_and_outcomes_in_order():
    under_way, rounds_seen, lock = [0], [], threading.Lock()

    def work(worker, task):
        k, i = task
        assert rounds_seen == list(range(k))  # every earlier round has been closed
        with lock:
            under_way[0] += 1
        time.sleep(0.001 * (i % 4))
        with lock:
            under_way[0] -= 1
        return i

    def round_of(k):
        outcomes = yield [(k, i) for i in range(k + 1)]
        assert under_way == [0]
        assert outcomes == list(range(k + 1))
        assert (yield [(k, i) for i in range(7)]) == list(range(7))
        assert under_way == [0]
        rounds_seen.append(k)

    end = run_rounds(work, round_of, 12, 3, control=control())
    assert end == 12
    assert rounds_seen == list(range(12))


def test_rounds_stop_and_save_between_rounds():
    closed, saved = [], []

    def round_of(k):
        yield range(3)
        closed.append(k)

    end = run_rounds(
        lambda worker, task: None,
        round_of,
        100,
        2,
        control=control(),
        first=10,
        timetable=Timetable(save=saved.append, save_every=1e9, stopping=lambda: len(closed) == 4),
    )
    assert (end, saved, closed) == (14, [14], [10, 11, 12, 13])


def test_a_round_may_do_later_ones_too():
    begun = []

    def round_of(k):
        begun.append(k)
        yield range(3)
        return min(k + 4, 10)

    assert run_rounds(lambda worker, task: None, round_of, 10, 2, control=control(), first=1) == 10
    assert begun == [1, 5, 9]


def test_threads_by_default_are_the_cores_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: {1, 3, 4}, raising=False)
    assert (usable_cores(), usable_cores(2), usable_cores(16)) == (3, 2, 3)
    assert embedkit.SkipGramConfig().workers == 3
    monkeypatch.delattr(threads.os, "sched_getaffinity")
    monkeypatch.setattr(threads.os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_nothing_else_asks_how_many_cores_there_are():
    files = Path(embedkit.__file__).parent.rglob("*.py")
    asking = [file.name for file in files if "cpu_count" in file.read_text(encoding="utf-8")]
    assert asking == ["threads.py"]


def test_a_setting_that_several_threads_share_is_set_back_behind_the_last():
    value = [4]

    def put(new):
        before, value[0] = value[0], new
        return before

    setting = SharedSetting(put)
    first, second = setting.at(1), setting.at(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert value == [1]
    second.__exit__(None, None, None)
    assert value == [4]
    with pytest.raises(ValueError), setting.at(1):
        raise ValueError
    assert value == [4]


def test_one_long_call_gives_its_result_or_its_error():
    assert heard_from(lambda: threading.current_thread().name, "alone") == "embedkit-alone-0"
    with pytest.raises(ZeroDivisionError):
        heard_from(lambda: 1 / 0, "alone")
    assert not any("alone" in thread.name for thread in threading.enumerate())
