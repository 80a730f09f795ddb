"""Progress on standard error: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from embedkit.cli.shared.output import note
from embedkit.progress import Progress, ProgressCallback, unit_of

# Outside a terminal (a log file, a job's output) short work says nothing, long work once a minute.
FIRST_LINE_AFTER, LINE_EVERY = 15.0, 60.0
NARROW = 72  # columns: below them bar, figures and elapsed time make room for what is left


@contextlib.contextmanager
def progress_bar(quiet: bool = False) -> Iterator[ProgressCallback | None]:
    """Yield a callback for `embedkit.progress.Progress` reports: drawn with rich on a terminal, else lines.

    With ``--quiet`` it is None: nobody looks.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _live() as report:
            yield report
    else:
        yield lines_now_and_then()


def lines_now_and_then() -> ProgressCallback:
    """A callback that prints a line once a minute; nothing for work of some seconds."""
    begun: dict[str, float] = {}
    last = time.monotonic() + FIRST_LINE_AFTER - LINE_EVERY

    def report(event: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        begin = begun.setdefault(event.stage, now)
        if now - last < LINE_EVERY:
            return
        last = now
        note(f"{event.stage}: {_told(event, now - begin)}")

    return report


def _told(event: Progress, seconds: float) -> str:
    parts = [f"{_short(event.done)} {unit_of(event)}"]
    if event.total:
        parts = [f"{event.done / event.total:.0%}"]
    rate = event.fields.get("rate") or (event.done / seconds if seconds > 0 else 0)
    if rate:
        parts.append(f"{_short(rate)} {event.unit}/s")
    parts += [f"{name.replace('_', ' ')} {value:.4g}" for name, value in event.fields.items() if name != "rate"]
    if event.total and event.done and seconds > 0:
        left = seconds * (event.total - event.done) / event.done
        parts.append(f"{_clock(left)} left")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextlib.contextmanager
def _live() -> Iterator[ProgressCallback]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    narrow = console.width < NARROW
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), TextColumn("{task.percentage:>3.0f}%")]
    if narrow:
        columns += [TimeRemainingColumn(compact=True), TextColumn("left")]
    else:
        columns.insert(1, BarColumn(bar_width=20))
        columns += [TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[figures]}"), TimeElapsedColumn()]
        columns += [TextColumn("left"), TimeRemainingColumn()]
    bars = Bars(*columns, console=console, transient=False)
    tasks: dict[str, TaskID] = {}

    def report(event: Progress) -> None:
        if event.stage not in tasks:
            tasks[event.stage] = bars.add_task(event.stage, total=event.total, rate="", figures="")
        task = tasks[event.stage]
        speed = next(t.speed for t in bars.tasks if t.id == task) if event.total is None or event.done else None
        rate = event.fields.get("rate", speed)
        bars.update(
            task,
            completed=event.done,
            total=event.total,
            rate=f"{_short(rate)} {event.unit}/s" if rate else "",
            figures=" ".join(f"{k.replace('_', ' ')} {v:.4g}" for k, v in event.fields.items() if k != "rate"),
        )

    with bars:
        yield report


def _short(value: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"
