"""The only place that starts threads for training.

Work is a list of tasks (slices of the corpus, blocks of records) in a fixed order. Threads take the next task when
they are free, so that all end together; one thread takes them in order, so that a run with one worker repeats bit
for bit. The main thread only watches: it reports, saves checkpoints between tasks and hears Ctrl-C.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def run_tasks(
    work: Callable[[int, Any], Any],
    tasks: Sequence[Any],
    workers: int,
    *,
    control: np.ndarray,
    on_result: Callable[[int, Any], None],
    first: int = 0,
    tick: Callable[[], None] | None = None,
    every: float = 0.2,
    save: Callable[[int], None] | None = None,
    save_every: float = 60.0,
) -> None:
    """Do ``tasks[first:]`` on `workers` threads and return when all are done.

    Parameters
    ----------
    work : callable
        ``work(worker, task)``, called in the threads; should release the GIL for most of its time.
    tasks : sequence
        Taken in order.
    workers : int
        Number of threads.
    control : int64 (1,)
        Set to 1 when the work must stop early; kernels look at it.
    on_result : callable
        ``on_result(index, outcome)``, called under a lock, in the order in which tasks end.
    first : int
        Index of the first task (a resumed run).
    tick : callable, optional
        Called by the main thread every `every` seconds; may raise to stop the run.
    save : callable, optional
        ``save(next_index)``, called every `save_every` seconds while no task is under way: all tasks before
        `next_index` are done, none after.

    Raises
    ------
    BaseException
        Whatever a task, `tick` or `save` raised, KeyboardInterrupt included; all threads have ended by then.
    """
    taking = threading.Lock()  # only the threads wait for it: Ctrl-C must never find the main thread inside
    position = first
    running = 0
    paused = False
    failure: BaseException | None = None

    def take() -> int | None:
        """The index of the next task, -1 while a checkpoint is written, None when there is nothing left to do."""
        nonlocal position, running
        with taking:
            if control[0] != 0 or position >= len(tasks):
                return None
            if paused:
                return -1
            running += 1
            position += 1
            return position - 1

    def loop(worker: int) -> None:
        nonlocal running, failure
        while (index := take()) is not None:
            if index < 0:
                time.sleep(0.002)
                continue
            try:
                outcome = work(worker, tasks[index])
                with taking:
                    on_result(index, outcome)
            except BaseException as error:
                failure = failure or error
                control[0] = 1
            finally:
                with taking:
                    running -= 1

    def checkpoint() -> None:
        nonlocal paused
        paused = True
        try:
            with taking:  # whoever has not seen `paused` yet counts as running behind this line
                pass
            while running:
                time.sleep(0.001)
            if failure is None and save is not None:
                save(position)
        finally:
            paused = False

    threads = [threading.Thread(target=loop, args=(k,), name=f"embedkit-{k}", daemon=True) for k in range(workers)]
    saved = ticked = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        while failure is None and (alive := [thread for thread in threads if thread.is_alive()]):
            alive[0].join(timeout=min(every / 4, save_every) if save is not None else every / 4)
            if tick is not None and time.monotonic() - ticked >= every:
                tick()
                ticked = time.monotonic()
            if save is not None and time.monotonic() - saved >= save_every:
                checkpoint()
                saved = time.monotonic()
    except BaseException:
        control[0] = 1
        raise
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    if failure is not None:
        raise failure
