"""How Dask's workers are called past the scheduler, and tell each other things."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class Box(Protocol):
    """Where a worker is told something by another one; travels to that one."""

    def tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        """As `Engine.tell`."""


def threads_here() -> int:
    """How many threads the worker that asks may use; 1 elsewhere."""
    try:
        from distributed import get_worker

        return int(get_worker().state.nthreads)
    except (ImportError, ValueError):
        return 1


class Desk:
    """Dask's actor for `DaskEngine.call`: its calls go straight to the worker, past the scheduler."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        function(*arguments)  # in the worker's loop, so that it passes the call under way


class DeskBox(NamedTuple):
    """A worker's desk, for another worker."""

    worker: str
    desk: str

    def tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        from distributed import get_worker
        from distributed.protocol import to_serialize

        here = get_worker()

        async def send() -> None:
            told = [to_serialize(one) for one in (function, *arguments)]
            with contextlib.suppress(Exception):  # a worker that is lost is found out by who waits for it
                await here.rpc(self.worker).actor_execute(actor=self.desk, function="tell", args=told, kwargs={})

        loop: Any = here.loop
        asyncio.run_coroutine_threadsafe(send(), loop.asyncio_loop)
