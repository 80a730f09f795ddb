"""The panels of ``embedkit show`` as a picture (.png, .svg, .pdf) or as one page that needs nothing beside it."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from embedkit.files.atomic import atomic_open
from embedkit.nn.models.showing import Heat, Lines, Panel, Table
from embedkit.plotting.canvas import COLOURS
from embedkit.text.escaping import escape

WRITTEN_UP_TO = 20
DRAWN_ROWS = 60  # of a table
HEIGHT, ROW_HEIGHT = 4.5, 0.28  # inches
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #1d2330; background: #fff }}
h1 {{ font-size: 1.3em }} h2 {{ font-size: 1em; margin: 2em 0 .5em }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .5em; font-variant-numeric: tabular-nums }}
th {{ font-weight: 500; text-align: left }} td.n {{ text-align: right }}
</style></head><body><h1>{title}</h1>
{body}
</body></html>
"""


def draw_panels(
    panels: Sequence[Panel],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    dpi: int = 150,
    say: Callable[[str], None] | None = None,
) -> None:
    """Draw panels below each other, two beside each other where there are many; of a long table the first rows."""
    from embedkit.plotting import canvas

    words = [title, *(word for panel in panels for word in _words(panel))]
    with canvas.style(words, say=say) as palette:
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

        colours = LinearSegmentedColormap.from_list("signed", ["#a3262f", palette["paper"], "#1f5a9c"])
        columns = 2 if len(panels) > 3 else 1
        heights = [max(map(_height, panels[low : low + columns])) for low in range(0, len(panels), columns)]
        figure = Figure(figsize=(8 * columns, sum(heights)), dpi=dpi, layout="constrained")
        grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
        figure.suptitle(canvas.short_title(title, 70 * columns), parse_math=False)
        for number, panel in enumerate(panels):
            axes = figure.add_subplot(grid[divmod(number, columns)])
            axes.set_title(escape(panel.title), parse_math=False, fontsize=11)
            if isinstance(panel, Table):
                _draw_table(axes, panel)
                continue
            if isinstance(panel, Lines):
                for (name, curve), colour in zip(panel.curves.items(), cycle(COLOURS), strict=False):
                    axes.plot(panel.x, curve, label=name, color=colour, linestyle="--" if "," in name else "-")
                axes.set_xlabel(panel.along)
                axes.legend()
                if panel.log:
                    axes.set_yscale("log")
                continue
            top = _top(panel)
            axes.imshow(panel.values, vmin=-top, vmax=top, cmap=colours, aspect="auto")
            _ticks(axes, panel)
            if max(panel.values.shape) <= WRITTEN_UP_TO:
                for (row, column), value in np.ndenumerate(panel.values):
                    ink = palette["paper" if abs(value) > 0.5 * top else "ink"]
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=ink)
        canvas.save(figure, path, dpi)


def _words(panel: Panel) -> list[str]:
    if isinstance(panel, Lines):
        return []
    cells = [_written(cell) for row in panel.rows for cell in row] if isinstance(panel, Table) else panel.rows
    return [*panel.columns, *cells]


def _height(panel: Panel) -> float:
    """Inches."""
    return ROW_HEIGHT * (min(len(panel.rows), DRAWN_ROWS) + 4) if isinstance(panel, Table) else HEIGHT


def _draw_table(axes: Any, panel: Table) -> None:
    """Rows of text; what is beyond `DRAWN_ROWS` is counted in the last one."""
    cells = [[escape(_written(value)) for value in row] for row in panel.rows]
    if len(cells) > DRAWN_ROWS:
        rest = f"… and {len(cells) - DRAWN_ROWS + 1} more"
        cells = [*cells[: DRAWN_ROWS - 1], [rest, *[""] * (len(panel.columns) - 1)]]
    axes.axis("off")
    drawn = axes.table(
        cells, colLabels=panel.columns, cellLoc="left", colLoc="left", edges="horizontal", bbox=(0, 0, 1, 1)
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    for cell in drawn.get_celld().values():
        cell.set_edgecolor("0.8")
        cell.get_text().set_parse_math(False)


def _ticks(axes: object, panel: Heat) -> None:
    """Names beside a heat map, every so many where there is no room for all."""
    for names, put, turn in ((panel.columns, "set_xticks", 60), (panel.rows, "set_yticks", 0)):
        step = -(-len(names) // 40)
        places = range(0, len(names), step)
        getattr(axes, put)(places, [escape(names[i]) for i in places], rotation=turn, parse_math=False, fontsize=8)


def _top(panel: Heat) -> float:
    return max(float(np.abs(panel.values).max()), 1e-12)


def write_page(panels: Sequence[Panel], path: str | os.PathLike[str], *, title: str = "") -> None:
    """All panels, tables too, as HTML with its pictures inside."""
    body = "\n".join(f"<h2>{_text(panel.title)}</h2>\n{_as_html(panel)}" for panel in panels)
    with atomic_open(path, streamed=True) as stream:
        stream.write(PAGE.format(title=_text(title), body=body).encode())


def _as_html(panel: Panel) -> str:
    if isinstance(panel, Lines):
        return _curves(panel)
    if isinstance(panel, Table):
        head = "".join(f"<th>{_text(name)}</th>" for name in panel.columns)
        rows = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in panel.rows)
        return f"<table><tr>{head}</tr>{rows}</table>"
    top = _top(panel)
    lines = ["<tr><td></td>" + "".join(f"<th>{_text(name)}</th>" for name in panel.columns) + "</tr>"]
    for name, values in zip(panel.rows, panel.values.tolist(), strict=True):
        cells = ""
        for column, value in zip(panel.columns, values, strict=True):
            colour = "31,90,156" if value >= 0 else "163,38,47"
            ink = ";color:#fff" if abs(value) > 0.6 * top else ""
            where = f"{_text(name)} → {_text(column)}"
            cells += (
                f'<td class=n style="background:rgba({colour},{abs(value) / top:.3f}){ink}" title="{where}">'
                f"{value:.2f}</td>"
            )
        lines.append(f"<tr><th>{_text(name)}</th>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _curves(panel: Lines) -> str:
    """Curves as an inline SVG of 640 × 260."""
    with np.errstate(divide="ignore"):
        curves = {name: np.log10(curve) if panel.log else curve for name, curve in panel.curves.items()}
    every = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    width, left = max(panel.x[-1] - panel.x[0], 1), panel.x[0]
    parts, legend = [], []
    for (name, curve), colour in zip(curves.items(), cycle(COLOURS), strict=False):
        points = " ".join(
            f"{20 + 600 * (x - left) / width:.1f},{240 - 220 * (y - low) / (high - low or 1):.1f}"
            for x, y in zip(panel.x, curve.tolist(), strict=True)
            if np.isfinite(y)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        legend.append(f'<span style="color:{colour}">■ {_text(name)}</span>')
    scale = f"{10**low:.3g} to {10**high:.3g}, logarithmic" if panel.log else f"{low:.4g} to {high:.4g}"
    return (
        f'<svg viewBox="0 0 640 260" width="640" role="img">{"".join(parts)}</svg>'
        f"<p>{' '.join(legend)} · along {_text(panel.along)}, {scale}</p>"
    )


def _cell(value: object) -> str:
    text = _written(value)
    return f"<td class=n>{text}</td>" if isinstance(value, float) else f"<td>{_text(text)}</td>"


def _written(value: object) -> str:
    """A cell of a table; None is a dash."""
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _text(text: str) -> str:
    return html.escape(escape(text))
