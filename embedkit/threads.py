"""The only place that starts threads.

All work has the same shape: tasks in a fixed order, which threads take when they are free, so that all end together;
one thread takes them in order, so that a run with one worker repeats bit for bit. What differs is what the caller
waits for:

- `ordered_map`: results one after the other in the order of the tasks, some tasks ahead (reading, counting, composing);
- `run_tasks`: one long list of tasks, with reports and checkpoints in between (Hogwild training);
- `run_rounds`: rounds of stages with a barrier behind each stage (GloVe's blocks, those of several rounds a stage;
  replicas, whose threads meet within a stage too);
- `heard_from`: one call of a native library that takes long and looks at nothing (LAPACK).

The calling thread hands out tasks and takes in results; it computes nothing itself, hears Ctrl-C, and holds no lock
while it waits.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from embedkit.progress import Timetable

HEARD_EVERY = 0.2  # seconds; Windows hears Ctrl-C between two waits only
_left: list[Any] = []  # teams whose call goes on though nobody waits for it
_leaving: list[int] = []  # the status of a process that is to end without them
Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Setting = TypeVar("Setting")


def usable_cores(most: int | None = None) -> int:
    """How many threads work at once by default: the cores that this process may run on, `most` at most.

    A container or ``taskset`` may leave it fewer than the machine has; threads beyond them would wait for each other.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return cores if most is None else min(cores, most)


class SharedSetting(Generic[Setting]):
    """Something that threads want set while they work: set by the first that comes, set back behind the last that goes.

    Parameters
    ----------
    put : callable
        ``put(value)`` sets it, and returns what it was.
    """

    def __init__(self, put: Callable[[Setting], Setting]) -> None:
        self._put, self._lock, self._within = put, threading.Lock(), 0

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedSetting, (self._put,)  # a copy begins with nobody within

    @contextlib.contextmanager
    def at(self, value: Setting) -> Iterator[None]:
        """Within it the setting is `value`, which all that are within have to want."""
        with self._lock:
            if not self._within:
                self._before = self._put(value)
            self._within += 1
        try:
            yield
        finally:
            with self._lock:
                self._within -= 1
                if not self._within:
                    self._put(self._before)


class _Team(Generic[Task, Outcome]):
    """Threads that stay, a queue of tasks into them and a queue of results out of them.

    Parameters
    ----------
    work : callable
        ``work(worker, task)``.
    workers : int
    name : str
        Of the threads, for debuggers and profilers.
    """

    def __init__(self, work: Callable[[int, Task], Outcome], workers: int, name: str) -> None:
        self._work = work
        self._todo: queue.SimpleQueue[tuple[int, Task] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[int, Outcome | None, BaseException | None]] = queue.SimpleQueue()
        self._stopped = False
        self.under_way = 0
        self._threads = [
            threading.Thread(target=self._loop, args=(k,), name=f"embedkit-{name}-{k}", daemon=True)
            for k in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def _loop(self, worker: int) -> None:
        while (item := self._todo.get()) is not None:
            index, task = item
            if self._stopped:
                continue
            try:
                self._done.put((index, self._work(worker, task), None))
            except BaseException as error:
                self._done.put((index, None, error))

    def give(self, index: int, task: Task) -> None:
        """Put a task at the end of the queue."""
        self.under_way += 1
        self._todo.put((index, task))

    def take(self, timeout: float | None = None) -> tuple[int, Outcome | None, BaseException | None] | None:
        """The next result, whichever task it is of; None when nothing came in time."""
        try:
            found = self._done.get(timeout=timeout)
        except queue.Empty:
            return None
        self.under_way -= 1
        return found

    def close(self) -> None:
        """Drop the tasks that nobody has begun, and wait for those under way."""
        self._stopped = True
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()


def ordered_map(
    function: Callable[[Task], Outcome], tasks: Iterable[Task], workers: int, name: str = "map"
) -> Iterator[Outcome]:
    """Yield ``function(task)`` for every task, in order, computed by threads a few tasks ahead.

    Parameters
    ----------
    function : callable
        Should release the GIL for most of its time.
    tasks : iterable
        Gone through by the calling thread, at most ``2 * workers`` tasks ahead of what has been yielded.
    workers : int
        With one everything happens in the calling thread.
    name : str
        Of the threads.

    Raises
    ------
    Exception
        What `function` raised, when it is the task's turn; all threads have ended by then.
    """
    if workers <= 1:
        yield from map(function, tasks)
        return
    team: _Team[Task, Outcome] = _Team(lambda _, task: function(task), workers, name)
    results: dict[int, tuple[Any, BaseException | None]] = {}
    given = yielded = 0
    try:
        remaining = iter(tasks)
        ended = False
        while not ended or yielded < given:
            while not ended and given - yielded <= 2 * workers:
                try:
                    task = next(remaining)
                except StopIteration:
                    ended = True
                else:
                    team.give(given, task)
                    given += 1
            if yielded == given:
                break
            while yielded not in results:
                index, outcome, error = team.take()  # type: ignore[misc]  # without a timeout there is a result
                results[index] = (outcome, error)
            outcome, error = results.pop(yielded)
            if error is not None:
                raise error
            yielded += 1
            yield outcome
    finally:
        team.close()


def for_each(function: Callable[[Task], Any], tasks: Iterable[Task], workers: int, name: str = "each") -> None:
    """Call ``function(task)`` for every task, on threads, and return when all are done."""
    for _ in ordered_map(function, tasks, workers, name):
        pass


def heard_from(function: Callable[[], Outcome], name: str) -> Outcome:
    """Call a function that is one long call of a native library, and hear Ctrl-C and other signals meanwhile.

    It cannot be stopped: where a signal ends the wait, its thread goes on, and the process waits for it at its end,
    unless `leave_at_once` was called.

    Parameters
    ----------
    function : callable
        Should release the GIL for most of its time.
    name : str
        Of the thread.

    Raises
    ------
    BaseException
        What `function` raised, or the signal's handler.
    """
    team: _Team[Callable[[], Outcome], Outcome] = _Team(lambda _, task: task(), 1, name)
    team.give(0, function)
    try:
        while (found := team.take(HEARD_EVERY)) is None:
            pass
    except BaseException:
        _left.append(team)
        raise
    team.close()
    if found[2] is not None:
        raise found[2]
    return found[1]  # type: ignore[return-value]  # without an error there is a result


def leave_at_once(status: int) -> None:
    """Let the process end with this status, when it comes to its end, without calls that `heard_from` left behind."""
    _leaving.append(status)


@atexit.register  # before all that is registered later, so that it runs behind that
def _end_of_left() -> None:
    """Keep the libraries whose calls go on from being taken down below them: OpenBLAS then waits for ever."""
    if _left and _leaving:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(_leaving[-1])
    for team in _left:
        team.close()


def run_tasks(
    work: Callable[[int, Task], Outcome],
    tasks: Sequence[Task],
    workers: int,
    *,
    control: np.ndarray,
    on_result: Callable[[int, Outcome], None],
    first: int = 0,
    timetable: Timetable | None = None,
    at_once: int = 1,
) -> int:
    """Do ``tasks[first:]`` on `workers` threads and return when all are done, or when the run was to stop.

    Parameters
    ----------
    work : callable
        ``work(worker, task)``, called in the threads; should release the GIL for most of its time.
    tasks : sequence
        Taken in order.
    workers : int
        Number of threads.
    control : int64 (1,)
        Set to 1 when the work must stop at once; kernels look at it.
    on_result : callable
        ``on_result(index, outcome)``, called by the calling thread, in the order in which tasks end.
    first : int
        Index of the first task (a resumed run).
    timetable : Timetable, optional
        Reports, checkpoints, and whether to stop early.
    at_once : int
        How many tasks a thread takes at a time, where they are short; fewer near the end, so that all threads end
        together (guided self-scheduling, Polychronopoulos and Kuck 1987).

    Returns
    -------
    position : int
        All tasks before it are done, none after.

    Raises
    ------
    BaseException
        Whatever a task or the timetable raised, KeyboardInterrupt included; all threads have ended by then.
    """
    timetable = timetable or Timetable()
    position = first
    pausing = False

    def some(worker: int, run: list[Task]) -> list[Outcome]:
        return [work(worker, task) for task in run]

    def on_results(start: int, outcomes: list[Outcome]) -> None:
        for index, outcome in enumerate(outcomes, start):
            on_result(index, outcome)

    with _working(some, workers, control) as team:
        while position < len(tasks) or team.under_way:
            while not pausing and position < len(tasks) and team.under_way < 2 * workers:
                n = max(1, min(at_once, (len(tasks) - position) // (4 * workers)))
                team.give(position, [tasks[k] for k in range(position, position + n)])
                position += n
            _take_one(team, timetable, on_results)
            pausing = timetable.wants_save() or timetable.stopping()
            if pausing and team.under_way == 0:
                timetable.save(position)
                if timetable.stopping():
                    break
                pausing = False
    return position


def run_rounds(
    work: Callable[[int, Task], Outcome],
    round_of: Callable[[int], Generator[Sequence[Task], list[Outcome], int | None]],
    n_rounds: int,
    workers: int,
    *,
    control: np.ndarray,
    first: int = 0,
    timetable: Timetable | None = None,
) -> int:
    """Do rounds of tasks on threads that stay, with a barrier behind each stage of a round.

    The tasks of a stage must not share what they write, or arrange among themselves who writes first, so that the
    outcome is the same whichever thread takes which and however many threads there are. They may wait for each other
    only where they are no more than the threads.

    Parameters
    ----------
    work : callable
        ``work(worker, task)``, called in the threads.
    round_of : callable
        ``round_of(k)``: a generator that yields the tasks of each stage of round k, taken in their order, and is sent
        their outcomes in the same order. It runs in the calling thread, while nothing else is under way. Where it did
        later rounds too it returns the round that comes next.
    n_rounds : int
    workers : int
    control : int64 (1,)
        As for `run_tasks`.
    first : int
        The first round (a resumed run).
    timetable : Timetable, optional
        Its positions are rounds.

    Returns
    -------
    position : int
        The number of rounds that are done.
    """
    timetable = timetable or Timetable()
    k = first
    with _working(work, workers, control) as team:
        while k < n_rounds:
            if timetable.wants_save() or timetable.stopping():
                timetable.save(k)
            if timetable.stopping():
                return k
            stages = round_of(k)
            outcomes: list[Any] | None = None
            try:
                while True:
                    tasks = stages.send(outcomes)  # type: ignore[arg-type]  # the first one starts the generator
                    outcomes = [None] * len(tasks)
                    for index, task in enumerate(tasks):
                        team.give(index, task)
                    while team.under_way:
                        _take_one(team, timetable, outcomes.__setitem__)
            except StopIteration as end:
                k = k + 1 if end.value is None else end.value
            timetable.tick()
    return k


@contextlib.contextmanager
def _working(work: Callable[[int, Task], Outcome], workers: int, control: np.ndarray) -> Iterator[_Team[Task, Outcome]]:
    """A team that is stopped at once when something goes wrong."""
    team = _Team(work, workers, "train")
    try:
        yield team
    except BaseException:
        control[0] = 1
        raise
    finally:
        team.close()


def _take_one(team: _Team[Any, Any], timetable: Timetable, on_result: Callable[[int, Any], None]) -> None:
    """Wait for a result, no longer than the timetable lets; what a task raised is raised here."""
    found = team.take(timetable.every / 4)
    if found is not None:
        index, outcome, error = found
        if error is not None:
            raise error
        on_result(index, outcome)
    timetable.tick()
