"""The engine behind the cluster: submit a task, gather its result.

Today's is Dask's ``distributed`` (`embedkit.cluster.dask_engine`); another one is another class with these methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from embedkit.cluster.desk import Box
from embedkit.progress import Progress, ProgressCallback

LATE, GONE = "late", "gone"  # in the place of an answer: the worker gives none, or is no more


class Engine(Protocol):
    """What counting and training need of a cluster."""

    n_workers: int
    processors: list[str]
    """The kinds of processors and libraries of the workers."""

    def submit(self, function: Callable[..., Any], *arguments: Any, worker: str | None = None) -> Any:
        """Do ``function(*arguments)`` somewhere, on `worker` if it lives; arguments may be what `submit` returned."""

    def submit_to(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Do ``function(*arguments)`` on `worker` and nowhere else; the result is None when that is no more."""

    def share(self, value: Any) -> Any:
        """A handle for a value that many tasks take; it outlives the worker that holds it."""

    def results(self, handles: Iterable[Any]) -> Iterator[Any]:
        """The results in order; each is let go when it has been yielded."""

    def workers(self) -> list[str]:
        """The names of the workers that live, sorted; waits for the first one."""

    def call(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Do ``function(*arguments)`` on that worker and nowhere else, at once: for the many short calls of rounds."""

    def answers(self, calls: list[Any], seconds: float) -> Iterator[tuple[int, Any]]:
        """What calls return, with their numbers, as they come; `GONE` where the worker is no more.

        In the end `LATE` where it took longer than so many seconds.
        """

    def tell(self, worker: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Do ``function(*arguments)`` there beside the call that is under way; it must be short, and has no answer."""

    def box(self, worker: str) -> Box:
        """What another worker tells `worker` something with."""

    def leave_out(self, worker: str) -> None:
        """Give `worker` nothing any more, and let the cluster forget it: it does not answer."""


def reported(results: Iterable[Any], total: int, what: str, progress: ProgressCallback | None) -> Iterator[Any]:
    """`results`, with progress told after each."""
    for n, result in enumerate(results, start=1):
        if progress is not None:
            progress(Progress(what, n, total, "parts"))
        yield result
