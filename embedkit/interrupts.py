"""Ctrl-C and requests to end, held back until the work is at a place where it can stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupts:
    """What has arrived since `held_back` began."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._arrived: int | None = None

    def __bool__(self) -> bool:
        return self._arrived is not None

    def __call__(self, number: int, _frame: Any) -> None:
        """The signal handler: the first signal is remembered, the second ends the process as it would have."""
        if self._arrived is not None:
            self.let_through()
        self._arrived = number

    def let_through(self) -> None:
        """Do what the signal would have done: for Ctrl-C, raise KeyboardInterrupt. Nothing where none came."""
        number, self._arrived = self._arrived, None
        self.restore()
        if number is not None:
            signal.raise_signal(number)
            raise KeyboardInterrupt  # where the handler only took note

    def restore(self) -> None:
        """Put the handlers back that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def hold(self) -> None:
        """Begin; signals that are ignored stay ignored, as a background job of a shell wants it."""
        for number in _SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self)


@contextlib.contextmanager
def held_back() -> Iterator[Interrupts]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back in this block, which asks now and then whether one came.

    Who asks ends the work in good order and calls `Interrupts.let_through`; what nobody asked about goes through at
    the end of the block. Outside of the main thread, where Python delivers no signals, nothing is held back.
    """
    interrupts = Interrupts()
    if threading.current_thread() is threading.main_thread():
        interrupts.hold()
    try:
        yield interrupts
    except BaseException:
        interrupts.restore()
        raise
    interrupts.let_through()
