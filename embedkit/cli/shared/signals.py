"""SIGTERM and SIGHUP end a command as Ctrl-C does: what was begun is cleaned up, a checkpoint is written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Stopped:
    """Which signal ended the command, if one did.

    Attributes
    ----------
    by : int, optional
        The signal's number.
    """

    def __init__(self) -> None:
        self.by: int | None = None

    @property
    def status(self) -> int:
        """The exit status that shells expect: 128 and the signal's number; 130 after Ctrl-C."""
        return 128 + (self.by or signal.SIGINT)


@contextlib.contextmanager
def stopping_signals() -> Iterator[Stopped]:
    """Treat the signals that ask a process to end as Ctrl-C, as long as the block runs.

    Whoever handles Ctrl-C at that moment, such as a training loop that finishes its step first, handles them too. A
    signal that is ignored (as SIGHUP is under nohup) stays ignored.
    """
    stopped = Stopped()

    def stop(number: int, frame: Any) -> None:
        stopped.by = number
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:  # a shell starts what runs in the background with Ctrl-C ignored
            raise KeyboardInterrupt

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
