"""Answers on standard output: a rich table on a terminal, TSV in a pipe, JSON lines on demand."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any


def note(message: str, quiet: bool = False) -> None:
    """Say something on standard error that is not an answer."""
    if not quiet:
        print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Say on standard error what went wrong with one item while the work goes on; never silenced."""
    print(f"embedkit: {message}", file=sys.stderr, flush=True)


class Results:
    """Rows of answers, printed as they come (pipe, JSON) or as one table at the end (terminal).

    Parameters
    ----------
    columns : sequence of str
        The names of the values in a row; the keys under ``--json``.
    as_json : bool
        One JSON object a line.
    title : str, optional
        Above the table on a terminal.
    digits : int
        Decimals of floats on a terminal and in TSV; JSON carries them all.
    header : bool
        A header line in TSV. Off by default, so that pipes get nothing but answers.

    Examples
    --------
    >>> with Results(["word", "similarity"]) as results:
    ...     results.row("queen", 0.81)   # doctest: +SKIP
    """

    def __init__(
        self,
        columns: Sequence[str],
        as_json: bool = False,
        title: str | None = None,
        digits: int = 4,
        header: bool = False,
    ) -> None:
        self.columns = list(columns)
        self.as_json = as_json
        self.title = title
        self.digits = digits
        self.header = header
        self._rows: list[tuple[Any, ...]] = []
        self._terminal = sys.stdout.isatty() and not as_json

    def __enter__(self) -> Results:
        if self.header and not self.as_json and not self._terminal:
            self._line("\t".join(self.columns))
        return self

    def row(self, *values: Any) -> None:
        """Add one row: as many values as there are columns; None prints as a dash."""
        if self._terminal:
            self._rows.append(values)
        elif self.as_json:
            record = dict(zip(self.columns, (_plain(v) for v in values), strict=True))
            self._line(json.dumps(record, ensure_ascii=False))
        else:
            self._line("\t".join(self._text(v) for v in values))

    def flush(self) -> None:
        """Print what has gathered now, so that somebody who types queries sees each answer at once."""
        if self._rows:
            self._print_table()
            self._rows.clear()
        sys.stdout.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def _text(self, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
            return f"{float(value):.{self.digits}f}"
        return str(value)

    def _print_table(self) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.title, title_justify="left")
        for name, value in zip(self.columns, self._rows[0], strict=True):
            numeric = not isinstance(value, str) and value is not None
            table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
        for row in self._rows:
            table.add_row(*(Text(self._text(v)) for v in row))
        Console().print(table)

    def _line(self, text: str) -> None:
        sys.stdout.write(text + "\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.tolist() if hasattr(value, "tolist") else value
