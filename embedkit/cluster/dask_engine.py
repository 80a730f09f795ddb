"""Dask's ``distributed`` as the engine of a cluster; `embedkit.cluster.connecting` imports it and makes one."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from embedkit._version import __version__
from embedkit.cluster.desk import Box, Desk, DeskBox
from embedkit.cluster.engine import GONE, LATE
from embedkit.errors import EmbedkitError

CONNECT_SECONDS = 10.0
BUSY_SECONDS = 600.0  # that a worker may be busy with other tasks before it takes up training
FIRST_LOOK, LONGEST_LOOK = 0.001, 0.01  # seconds between looks for answers, a hundredth of the time waited so far
ALONE_SECONDS = 300.0  # that a task waits while no worker lives; Dask starts killed ones again, in 30 seconds and more
PATIENCE_SECONDS = 5.0  # between looks whether one lives
BOUND_SECONDS = 0.5  # the same for a task that one worker alone can do
RETRIES = 3  # of a task that fails with its worker
# What Dask raises when an actor's worker is no more, beside what the operating system raises.
_OF_A_LOST_CLUSTER = ("CommClosedError", "CancelledError", "FutureCancelledError", "TimeoutError")
_OF_THE_DEAD = ("RuntimeError", "CommClosedError", "KilledWorker", "CancelledError", "FutureCancelledError", "KeyError")


class DaskEngine:
    """A `distributed.Client` as an engine.

    Parameters
    ----------
    client : distributed.Client

    Raises
    ------
    EmbedkitError
        When there are no workers, or one has another version of embedkit or none.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._left_out: set[str] = set()
        self._desks: dict[str, Any] = {}
        # Of tasks: the workers without which they are never done.
        self._bound: weakref.WeakKeyDictionary[Any, frozenset[str]] = weakref.WeakKeyDictionary()
        with _lost(client):
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
            found = client.run(_describe, on_error="return")
        self.n_workers = len(found)
        self.processors = sorted({d["processor"] for d in found.values() if isinstance(d, dict)})
        for worker, described in found.items():
            if not isinstance(described, dict):
                raise EmbedkitError(
                    f"the worker {worker} cannot import embedkit ({described}); install {__version__} there"
                )
            if described["version"] != __version__:
                raise EmbedkitError(
                    f"the worker {worker} has embedkit {described['version']}, this is {__version__}; "
                    "install the same version everywhere"
                )

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard."""
        return str(self._client.dashboard_link or "")

    def workers(self) -> list[str]:
        with _lost(self._client):
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
            found = sorted(self._client.nthreads())
        return [name for name in found if name not in self._left_out]

    def leave_out(self, worker: str) -> None:
        self._left_out.add(worker)
        with contextlib.suppress(Exception):  # of a scheduler that is lost, or lets nobody do this
            self._client.run_on_scheduler(_drop, worker=worker)

    def submit(self, function: Callable[..., Any], *arguments: Any, worker: str | None = None) -> Any:
        where: dict[str, Any] = {}
        if worker is not None:
            where = {"workers": [worker], "allow_other_workers": True}
        elif self._left_out:  # others are taken where all of these are gone
            where = {"workers": self.workers(), "allow_other_workers": True}
        with _lost(self._client):
            return self._submit(function, *arguments, **where)

    def submit_to(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        with _lost(self._client):
            handle = self._submit(function, *arguments, workers=[worker], allow_other_workers=False)
        self._bound[handle] = self._bound_by(handle) | {worker}
        return handle

    def _submit(self, function: Callable[..., Any], *arguments: Any, **where: Any) -> Any:
        handle = self._client.submit(function, *arguments, pure=False, retries=RETRIES, **where)
        # What waits for a task that waits for a worker waits for that worker.
        bound: frozenset[str] = frozenset().union(*map(self._bound_by, arguments))
        if bound:
            self._bound[handle] = bound
        return handle

    def _bound_by(self, value: Any) -> frozenset[str]:
        return self._bound.get(value, frozenset()) if hasattr(value, "key") else frozenset()

    def call(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        with self._client.as_current():
            try:
                return worker, self._desk(worker).call(function, *arguments)
            except Exception as error:  # a worker that is going answers in many ways
                return worker, error

    def _desk(self, worker: str) -> Any:
        if worker not in self._desks:
            made = self._client.submit(Desk, actor=True, workers=[worker], allow_other_workers=True, pure=False)
            self._desks[worker] = made.result(timeout=BUSY_SECONDS)
        return self._desks[worker]

    def tell(self, worker: str, function: Callable[..., Any], *arguments: Any) -> None:
        with self._client.as_current(), contextlib.suppress(Exception):  # of a worker that is no more
            if worker in self._desks:
                self._desks[worker].tell(function, *arguments)

    def box(self, worker: str) -> Box:
        with self._client.as_current():
            try:
                return DeskBox(worker, self._desk(worker).key)
            except Exception:  # its call will be answered with `GONE`
                return DeskBox(worker, "")

    def answers(self, calls: list[Any], seconds: float) -> Iterator[tuple[int, Any]]:
        begun = time.monotonic()
        waiting = dict(enumerate(calls))
        while waiting:
            for i, (worker, call) in list(waiting.items()):
                if isinstance(call, Exception) or call.done():
                    del waiting[i]
                    yield i, self._answer(worker, call)
            waited = time.monotonic() - begun
            if waiting and waited > seconds:
                for i, (worker, _) in waiting.items():
                    self._desks.pop(worker, None)
                    yield i, LATE
                return
            time.sleep(min(max(waited / 100, FIRST_LOOK), LONGEST_LOOK))

    def _answer(self, worker: str, call: Any) -> Any:
        try:
            if isinstance(call, Exception):
                raise call
            return call.result()
        except EmbedkitError:
            raise
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__name__ not in _OF_THE_DEAD:
                raise
            self._desks.pop(worker, None)
            return GONE

    def _result(self, handle: Any) -> Any:
        alone_since, bound = None, self._bound_by(handle)
        while True:
            waits = bound and handle.status == "pending"
            if waits and bound - set(self._client.nthreads()) | bound & self._left_out:
                return None
            try:
                return handle.result(timeout=BOUND_SECONDS if waits else PATIENCE_SECONDS)
            except (TimeoutError, UnboundLocalError):  # the latter from Dask, when its own wait is cut off
                # Pending, or lost with its worker and to be done again, or its result is on its way.
                if handle.status == "error":
                    return handle.result(timeout=PATIENCE_SECONDS)  # raises what the task did
            living = set(self._client.nthreads()) - self._left_out
            if bound - living:
                return None
            if living:
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since > ALONE_SECONDS:
                raise EmbedkitError(
                    f"no worker of the cluster has lived for {ALONE_SECONDS:.0f} seconds; start some and run this again"
                )

    def share(self, value: Any) -> Any:
        return self.submit(_same, value)

    def results(self, handles: Iterable[Any]) -> Iterator[Any]:
        waiting = list(handles)
        try:
            for i, handle in enumerate(waiting):
                with _lost(self._client):
                    result = self._result(handle)
                waiting[i] = None
                handle.release()
                yield result
        finally:
            for handle in waiting:
                if handle is not None:
                    with contextlib.suppress(Exception):  # of a scheduler that is lost
                        handle.cancel()


@contextlib.contextmanager
def _lost(client: Any) -> Iterator[None]:
    """Turn what Dask raises of its own into one line; errors of the tasks pass as they are.

    Of a client that was closed, as it is when its scheduler is gone, that may be anything.
    """
    try:
        yield
    except EmbedkitError:
        raise
    except Exception as error:
        name = type(error).__name__
        if name == "KilledWorker":
            raise EmbedkitError(
                "a task ended its worker again and again; more memory for each worker may help"
            ) from error
        closed = client.status in ("closing", "closed")
        if closed or name in _OF_A_LOST_CLUSTER or isinstance(error, OSError):
            raise EmbedkitError(f"the cluster was lost ({name}: {error}); start it again and run this again") from error
        raise


def _describe() -> dict[str, str]:
    """What a worker is, told by the worker."""
    from embedkit.kernels.compiling import compiled_for

    return {"version": __version__, "processor": compiled_for()}


async def _drop(dask_scheduler: Any, worker: str) -> None:
    """Have the scheduler forget a worker: what it holds is made again rather than waited for."""
    await dask_scheduler.remove_worker(worker, stimulus_id="embedkit: it does not answer")


def _same(value: Any) -> Any:
    """A shared value is the result of a task, so that it is made again when its worker is lost."""
    return value
