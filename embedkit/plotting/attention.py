"""Attention weights as a picture: a heat map whose rows look at its columns."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Sequence

import numpy as np

from embedkit.files.atomic import atomic_open
from embedkit.text.escaping import escape

WRITTEN_UP_TO = 20
LONGEST = 120  # characters of a title

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #1d2330; background: #fff }}
table {{ border-collapse: collapse }}
td {{ min-width: 2.6em; height: 2.2em; text-align: center; font-variant-numeric: tabular-nums }}
th {{ font-weight: 500; padding: .2em .6em; text-align: right }}
thead th {{ writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: .6em .2em }}
td.strong {{ color: #fff }}
</style></head><body><h1 style="font-size:1.2em">{title}</h1>
<table><thead><tr><td></td>{columns}</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def draw_attention(
    weights: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    dpi: int = 150,
    say: Callable[[str], None] | None = None,
) -> None:
    """Draw weights, float (n_rows, n_columns), with matplotlib.

    Parameters
    ----------
    weights : float (n_rows, n_columns)
        At least 0. Up to 20 rows and columns each is also written into its cell.
    rows, columns : sequence of str
        The words that look, and those that are looked at.
    path : path
        Ends in .png, .svg or .pdf.
    title : str
    dpi : int, default 150
    say : callable, optional
        Is told about a missing Korean font.
    """
    from embedkit.plotting import canvas

    rows, columns = [escape(word) for word in rows], [escape(word) for word in columns]
    title = canvas.short_title(title, LONGEST)
    with canvas.style([*rows, *columns, title], say=say) as palette:
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

        width, height = (min(max(2.5 + 0.5 * n, 3), 30) for n in (len(columns), len(rows)))
        figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
        axes = figure.add_subplot()
        colours = LinearSegmentedColormap.from_list("weights", [palette["paper"], "#7db0e0", "#1f5a9c", "#0c2748"])
        axes.imshow(weights, vmin=0, cmap=colours, aspect="auto" if len(rows) == 1 else "equal")
        axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", color=palette["ink"], parse_math=False)
        axes.set_yticks(range(len(rows)), rows, color=palette["ink"], parse_math=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title, parse_math=False, wrap=True)
        if max(weights.shape) <= WRITTEN_UP_TO:
            top = float(weights.max())
            for (row, column), weight in np.ndenumerate(weights):
                axes.text(
                    column,
                    row,
                    f"{weight:.2f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=palette["paper"] if weight > 0.5 * top else palette["ink"],
                )
        canvas.save(figure, path, dpi)


def write_attention_page(
    weights: np.ndarray, rows: Sequence[str], columns: Sequence[str], path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """The same as one HTML page that needs nothing beside it; parameters as for `draw_attention`."""
    rows, columns, title = [_as_html(word) for word in rows], [_as_html(word) for word in columns], _as_html(title)
    top = max(float(weights.max()), 1e-12)
    lines = []
    for word, values in zip(rows, weights.tolist(), strict=True):
        cells = "".join(
            f'<td style="background:rgba(31,90,156,{value / top:.3f})"{" class=strong" * (value > 0.6 * top)} '
            f'title="{word} → {column}">{value:.2f}</td>'
            for column, value in zip(columns, values, strict=True)
        )
        lines.append(f"<tr><th>{word}</th>{cells}</tr>")
    page = PAGE.format(title=title, columns="".join(f"<th>{column}</th>" for column in columns), rows="\n".join(lines))
    with atomic_open(path, streamed=True) as stream:
        stream.write(page.encode())


def _as_html(word: str) -> str:
    return html.escape(escape(word))
