"""Training curves from the log files that training writes with ``--log``: JSON lines, one record a line."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from embedkit.errors import ConfigError, FormatError
from embedkit.files.locations import open_location
from embedkit.plotting import canvas
from embedkit.text.escaping import escape
from embedkit.text.reading import short_name

# What a curve may run along, the finest first; and figures that say nothing as a curve.
ALONG = ("words", "records", "tokens", "examples", "step", "steps", "epoch")
NOT_DRAWN = {"seconds", "best", "clipped", "exploded", "seed", "total"}
MOST_PANELS = 6


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the records of one log; a last line still being written is left out.

    Raises
    ------
    FormatError
        When the file cannot be read, holds no record, or a line is not a JSON object.
    """
    try:
        with open_location(path) as stream:
            lines = stream.read().decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FormatError(f"cannot read the log {path}: {reason}") from error
    records = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                break
            raise FormatError(
                f"{path}, line {number}: expected a JSON object as `log` writes them, found {line.strip()[:40]!r}"
            ) from error
        if not isinstance(record, dict):
            raise FormatError(f"{path}, line {number}: expected a JSON object, found {line.strip()[:40]!r}")
        records.append(record)
    if not records:
        raise FormatError(f"{short_name(path)}: expected a log as `log` of training writes it, found no record")
    return records


def series(records: Sequence[dict[str, Any]]) -> tuple[str, list[float], dict[str, list[float]]]:
    """Turn the records of one log into curves.

    Records of the kind ``progress`` are drawn along the work done; where there are fewer than three (a short run)
    those of the kind ``epoch`` take their place.

    Returns
    -------
    along : str
        What the curves run along: ``words``, ``epoch``, ...
    x : list of float
    curves : dict of str to list of float
        By figure, as long as `x`; NaN where a record lacks it.
    """
    progress = [record for record in records if record.get("event") == "progress"]
    rows = progress if len(progress) >= 3 else [r for r in records if r.get("event") != "progress"] or progress
    choices = ("epoch", *ALONG) if rows is not progress else ALONG
    along = next((name for name in choices if all(_is_number(row.get(name)) for row in rows)), "record")
    x = [float(row[along]) for row in rows] if along != "record" else [float(i + 1) for i in range(len(rows))]
    names = dict.fromkeys(name for row in rows for name, value in row.items() if _is_number(value))
    kept = [
        name
        for name in names
        if name not in NOT_DRAWN and name not in ALONG and not name.endswith("_per_second") and name != along
    ]
    return (
        along,
        x,
        {name: [float(row[name]) if _is_number(row.get(name)) else math.nan for row in rows] for name in kept},
    )


def draw_curves(
    logs: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    dpi: int = 150,
    dark: bool = False,
    say: Callable[[str], None] | None = None,
) -> None:
    """Draw the curves of one or several logs, a panel for each figure, the logs in different colours.

    Parameters
    ----------
    logs : sequence of paths
    path : path
        Ends in .png, .svg or .pdf.
    title : str, optional
    size : (float, float), optional
        Width and height in inches; by default it grows with the panels.
    dpi : int, default 150
    dark : bool, default False
    say : callable, optional
        Is told about a missing Korean font.

    Raises
    ------
    FormatError
        When a log cannot be read or has nothing to draw.
    """
    if not logs:
        raise ConfigError("training curves need at least one log file")
    found = {str(log): series(read_log(log)) for log in logs}
    names = list(dict.fromkeys(name for _, _, curves in found.values() for name in curves))[:MOST_PANELS]
    if not names:
        raise FormatError(f"{logs[0]}: expected figures such as a loss in the log, found none")
    titles, title = [escape(name) for name in _short_names(list(found))], escape(title or "")
    with canvas.style([*titles, title], dark, say) as palette:
        from matplotlib.figure import Figure
        from matplotlib.ticker import EngFormatter, MaxNLocator

        columns = min(len(names), 2)
        rows = math.ceil(len(names) / columns)
        figure = Figure(figsize=size or (6 * columns, 3.6 * rows), dpi=dpi, layout="constrained")
        if title:
            figure.suptitle(title, x=0.02, ha="left", parse_math=False)
        for number, name in enumerate(names):
            axes = figure.add_subplot(rows, columns, number + 1)
            axes.set_title(escape(name.replace("_", " ")), fontsize=12, parse_math=False)
            axes.grid(color=palette["line"], linewidth=0.6)
            axes.set_axisbelow(True)
            for colour, (along, x, curves), label in zip(cycle(canvas.COLOURS), found.values(), titles, strict=False):
                if name in curves:
                    axes.plot(
                        x,
                        curves[name],
                        color=colour,
                        linewidth=1.8,
                        label=label,
                        marker="o" if len(x) <= 30 else None,
                        markersize=4,
                    )
                    axes.set_xlabel(along.replace("_", " "))
                    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
                    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            if number == 0 and len(found) > 1:
                for text in axes.legend().get_texts():
                    text.set_parse_math(False)
        canvas.save(figure, path, dpi)


def _is_number(value: Any) -> bool:
    """Whether a figure can be drawn; whole numbers beyond a float's range cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _short_names(paths: Sequence[str]) -> list[str]:
    """File names without folder and suffix, or whole paths where those would be the same."""
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else list(paths)
