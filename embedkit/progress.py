"""How long work tells the outside how far it is, without knowing who listens; and when it does that."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """One report of a stage of work.

    Attributes
    ----------
    stage : str
        What is being done, in the infinitive's -ing form: ``"reading"``, ``"training"``, ``"saving"``.
    done : float
        How much is done, in `unit`.
    total : float or None
        How much there is in all; None where that is not known (standard input).
    unit : str
        ``"words"``, ``"bytes"``, ``"records"``, ...
    fields : dict
        Further figures by name, e.g. ``loss``, ``learning_rate``, ``epoch``.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = "words"
    fields: dict[str, float] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]


def default_progress() -> ProgressCallback | None:
    """Who listens where nobody was named: a bar in a notebook, else the log where a program has one at INFO."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and "IPKernelApp" in getattr(shell, "config", {}):
        return notebook_bar()
    logging = sys.modules.get("logging")  # who has not imported it has not asked for a log
    if logging is not None and logging.getLogger("embedkit").isEnabledFor(logging.INFO):
        return log_lines()
    return None


def log_lines(every: float = 10.0) -> ProgressCallback:
    """A callback that writes to the logger ``embedkit``: each stage's beginning, its end, and a line in between.

    Parameters
    ----------
    every : float, default 10
        Seconds between two lines of a stage.
    """
    import logging

    logger = logging.getLogger("embedkit")
    last: dict[str, float] = {}

    def report(event: Progress) -> None:
        now = time.monotonic()
        finished = event.total is not None and event.done >= event.total
        if event.stage in last and not finished and now - last[event.stage] < every:
            return
        last[event.stage] = now
        logger.info("%s: %s", event.stage, described(event))

    return report


def notebook_bar(every: float = 0.2) -> ProgressCallback:
    """A callback that draws a bar for each stage under a notebook's cell.

    Parameters
    ----------
    every : float, default 0.2
        Seconds between two drawings.
    """
    from IPython.display import HTML, display

    bars: dict[str, Any] = {}
    last: dict[str, float] = {}

    def report(event: Progress) -> None:
        now = time.monotonic()
        finished = event.total is not None and event.done >= event.total
        if event.stage in bars and not finished and now - last[event.stage] < every:
            return
        last[event.stage] = now
        value = f'value="{event.done:g}" max="{event.total:g}"' if event.total else ""
        bar = HTML(f"{event.stage} <progress {value}></progress> {described(event)}")
        if event.stage in bars:
            bars[event.stage].update(bar)
        else:
            bars[event.stage] = display(bar, display_id=True)

    return report


def unit_of(event: Progress) -> str:
    """The unit as it stands behind `done`: one pass, two passes."""
    if event.done != 1:
        return event.unit
    return event.unit.removesuffix("es" if event.unit.endswith(("ses", "ches")) else "s")


def described(event: Progress) -> str:
    """How far a stage is, in a few words: ``45%, loss 0.21``."""
    done = f"{event.done / event.total:.0%}" if event.total else f"{event.done:,.0f} {unit_of(event)}"
    return ", ".join([done, *(f"{name.replace('_', ' ')} {value:.4g}" for name, value in event.fields.items())])


class Timetable:
    """When to report and when to write a checkpoint, for the thread that waits.

    Parameters
    ----------
    tick : callable, optional
        Called every `every` seconds; may raise to stop the run.
    every : float
    save : callable, optional
        ``save(position)``, called every `save_every` seconds when no task is under way.
    save_every : float
    stopping : callable, optional
        Whether somebody asked for the end of the run: a checkpoint is written first, then it ends.
    """

    def __init__(
        self,
        tick: Callable[[], None] | None = None,
        *,
        every: float = 0.2,
        save: Callable[[int], None] | None = None,
        save_every: float = 60.0,
        stopping: Callable[[], bool] | None = None,
    ) -> None:
        self._tick, self.every = tick, every
        self._save, self._save_every = save, save_every
        self._stopping = stopping
        self._ticked = self._saved = time.monotonic()

    def tick(self) -> None:
        """Report if it is time."""
        if self._tick is not None and time.monotonic() - self._ticked >= self.every:
            self._tick()
            self._ticked = time.monotonic()

    def stopping(self) -> bool:
        """Whether the run is to end early."""
        return self._stopping is not None and self._stopping()

    def wants_save(self) -> bool:
        """Whether a checkpoint is due."""
        return self._save is not None and time.monotonic() - self._saved >= self._save_every

    def save(self, position: int) -> None:
        """Write a checkpoint: all tasks before `position` are done, none after."""
        if self._save is not None:
            self._save(position)
        self._saved = time.monotonic()
