"""A live progress bar on standard error for what the library reports."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from embedkit.progress import Progress, ProgressCallback


@contextlib.contextmanager
def progress_bar(quiet: bool = False) -> Iterator[ProgressCallback | None]:
    """Yield a callback for `embedkit.progress.Progress` reports, drawn with rich; None where nobody looks.

    Nothing is drawn with ``--quiet`` or where standard error is not a terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=False,
    )
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
