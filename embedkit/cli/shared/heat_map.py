"""Attention and similarities as a heat map: coloured cells on the terminal, or a picture in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import numpy as np

from embedkit.cli.shared.files import OUTPUT
from embedkit.cli.shared.output import note, print_line
from embedkit.errors import ConfigError
from embedkit.text.escaping import escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

F = TypeVar("F", bound=Callable[..., Any])
SUFFIXES = (".png", ".svg", ".html")
LONGEST_HEAD, LONGEST_LABEL = 8, 16  # of words above columns and before rows where a table is too wide, in characters
SHADES = 24  # of the 256-colour terminal's grey ramp, 232 (black) to 255 (white)


def attention_plot_option(text: str) -> Callable[[F], F]:
    """``--attention-plot``, alone or with a file, see `AttentionPlot`; `text` is its help."""
    return click.option("--attention-plot", metavar="FILE", type=OUTPUT, is_flag=False, flag_value="-", help=text)


class AttentionPlot:
    """The heat maps that ``--attention-plot`` asks for: all of them on a terminal, the first one in a file.

    Parameters
    ----------
    target : str or None
        ``-`` for standard error's terminal, else a .png, .svg or .html file; None: no heat map.
    quiet : bool

    Raises
    ------
    ConfigError
        For a file that is no picture.
    """

    def __init__(self, target: str | None, quiet: bool) -> None:
        if target not in (None, "-") and not str(target).lower().endswith(SUFFIXES):
            raise ConfigError(f"--attention-plot writes .png, .svg or .html, not {target}")
        self._target, self._quiet = target, quiet

    def __bool__(self) -> bool:
        """Whether one more is wanted."""
        return self._target is not None

    def show(self, weights: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str) -> None:
        """Draw weights, float (n_rows, n_columns), with the words beside them."""
        target = str(self._target)
        if target == "-":
            print_heat_map(weights, rows, columns, on_standard_error=True)
            return
        if target.lower().endswith(".html"):
            from embedkit.plotting.attention import write_attention_page

            write_attention_page(weights, rows, columns, target, title=title)
        else:
            from embedkit.plotting.attention import draw_attention

            draw_attention(weights, rows, columns, target, title=title, say=lambda message: note(message, self._quiet))
        note(f"attention drawn to {target}", self._quiet)
        self._target = None


def print_heat_map(
    weights: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    on_standard_error: bool = False,
    digits: int | None = None,
) -> None:
    """Print weights, float (n_rows, n_columns), as cells of grey with their figures; plain columns in a pipe.

    Without `digits` figures above 1 are taken for counts, others have two digits.
    """
    from rich.console import Console
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=on_standard_error)
    top = max(float(weights.max()), 1e-12)

    def cell(value: float) -> Text:
        level = max(value / top, 0.0)
        dark = int(level * (SHADES - 1))
        shown = f"{value:.{(2 if top <= 1 else 0) if digits is None else digits}f}"
        return Text(shown, Style(bgcolor=f"color({232 + dark})", color="white" if dark < 14 else "black"))

    if len(rows) > 1:
        print_cells(console, rows, columns, [list(map(cell, values)) for values in weights.tolist()])
        return
    table = Table(show_header=False, box=None, padding=(0, 1))  # one row of weights reads better as a column of words
    for word, value in zip(columns, weights[0].tolist(), strict=True):
        table.add_row(Text(escape(word)), cell(value), Text("█" * round(20 * value / top)))
    console.print(table)


def print_cells(
    console: Console,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Text]],
    title: str = "",
    justify: Literal["left", "right"] = "left",
) -> None:
    """Print cells below and beside their words, so many columns at a time as the console has room for.

    Where it has no room for all, longer words go on in the next lines.

    Parameters
    ----------
    cells : sequence of sequences of rich.text.Text
        A row for each of `rows`; none is cut off.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    labels, heads = list(map(escape, rows)), list(map(escape, columns))
    label = max(map(cell_len, labels))
    value = max(cell.cell_len for row in cells for cell in row)
    widths = [max(value, cell_len(head)) for head in heads]
    if label + 2 + sum(width + 2 for width in widths) > console.width:
        label = min(label, LONGEST_LABEL)
        widths = [max(value, min(cell_len(head), LONGEST_HEAD)) for head in heads]
    for number, part in enumerate(_blocks(widths, console.width - label - 2)):
        if number:
            console.print()
        heading = Text(escape(title)) if title and not number else None
        table = Table(title=heading, title_justify="left", box=None, padding=(0, 1))
        table.add_column("", width=label, overflow="fold")
        for head, width in zip(heads[part], widths[part], strict=True):
            table.add_column(Text(head), width=width, justify=justify, overflow="fold")
        for word, row in zip(labels, cells, strict=True):
            table.add_row(Text(word), *row[part])
        console.print(table)


def _blocks(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Columns that have room beside each other, with a blank on both sides of each; at least one."""
    start = used = 0
    for i, width in enumerate(widths):
        if i > start and used + width + 2 > room:
            yield slice(start, i)
            start, used = i, 0
        used += width + 2
    yield slice(start, len(widths))


def print_matrix(values: np.ndarray, words: Sequence[str]) -> None:
    """Print values of words with each other, float (n, n): a heat map on a terminal, TSV with a header in a pipe."""
    if sys.stdout.isatty():
        print_heat_map(values, words, words, digits=2)
        return
    print_line("", *words)
    for word, row in zip(words, values.tolist(), strict=True):
        print_line(word, *(f"{value:.4f}" for value in row))
