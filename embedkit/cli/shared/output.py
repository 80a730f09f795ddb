"""Answers on standard output: a rich table on a terminal, TSV in a pipe, JSON lines on demand.

Everything that a command prints goes through this file, which escapes control characters (`embedkit.text.escaping`):
no word reaches a terminal raw, none forges a column or a row.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from embedkit.text.escaping import escape, to_json

if TYPE_CHECKING:
    import click
    from rich.text import Text


naming: Callable[[str], str] = str  # turns the parameters that the library names into flags, once there is a program
silenced: Callable[[], bool] = bool  # whether the command that runs was given --quiet, once there is a program


def note(message: str, quiet: bool = False) -> None:
    """Say something on standard error that is neither an answer nor an error; not with ``--quiet``."""
    if not (quiet or silenced()):
        _say(message)


def warn(message: str, kind: str = "error") -> None:
    """Say on standard error what went wrong, with the prefix that all errors have; ``--quiet`` silences warnings."""
    if kind == "error" or not silenced():
        _say(f"embedkit: {kind}: {message}")


def _say(message: str) -> None:
    print(escape(naming(message)), file=sys.stderr, flush=True)


def note_keyboard(what: str) -> None:
    """Say that the program waits for somebody to type, where standard input is a terminal."""
    if sys.stdin.isatty():
        end = "Ctrl-Z, Enter" if sys.platform == "win32" else "Ctrl-D"
        note(f"note: type {what}; {end} ends")


def note_empty(name: str = "standard input") -> None:
    """Say that there is nothing to answer; the status stays 0, as of a filter whose input is empty."""
    note(f"{name} is empty: nothing to do")


def show_usage_error(error: click.ClickException) -> None:
    """Say what click found wrong, with the command's usage above it."""
    shown = io.StringIO()
    error.show(file=shown)
    message = error.format_message()
    for line in shown.getvalue().replace(f"Error: {message}", f"embedkit: error: {escape(message)}").split("\n")[:-1]:
        _say(line)


def print_line(*fields: str) -> None:
    """One line on standard output, tabs between its fields. In a pipe bytes that are not UTF-8 stay as they were."""
    keep_bytes = not sys.stdout.isatty()
    _write("\t".join(escape(field, keep_bytes=keep_bytes) for field in fields) + "\n")


def print_lines(rows: Iterable[Sequence[str]]) -> None:
    """Many lines at once, whose fields are often the same: as `print_line`, in a fifth of the time."""
    shown = _Escaped(not sys.stdout.isatty())
    _write("".join(["\t".join([shown[field] for field in row]) + "\n" for row in rows]))


class _Escaped(dict[str, str]):
    """Fields as `print_line` writes them, each worked out once."""

    def __init__(self, keep_bytes: bool) -> None:
        self._keep_bytes = keep_bytes

    def __missing__(self, field: str) -> str:
        self[field] = shown = escape(field, keep_bytes=self._keep_bytes)
        return shown


def print_json(record: Any) -> None:
    """One line of JSON on standard output."""
    _write(to_json(record) + "\n")


def print_text(pieces: Iterable[bytes]) -> None:
    """A text of many lines on standard output, byte for byte; on a terminal its control characters escaped."""
    if not sys.stdout.isatty():
        flush()
        try:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
        except OSError as error:
            _refuse(error)
        return
    for piece in pieces:
        lines = piece.decode("utf-8", "surrogateescape").split("\n")
        _write("\n".join(map(escape, lines)))


def flush() -> None:
    """Hand to the system what has been printed.

    Raises
    ------
    EmbedkitError
        When standard output takes no more, such as a full disk.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        _refuse(error)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    from embedkit.files.atomic import refuse_unwritten  # with all that it brings: --help has no use for it
    from embedkit.files.outputs import STDOUT

    refuse_unwritten(STDOUT, error)


NARROWEST = 10  # characters that a column of text needs, unless it holds less


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
    small : bool
        Numbers so small that `digits` would leave less than three of theirs are written with an exponent.

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
        small: bool = False,
    ) -> None:
        self.columns = list(columns)
        self.as_json = as_json
        self.title = title
        self.digits = digits
        self.header = header
        self._least = 10.0 ** (2 - digits) if small else 0.0
        self._rows: list[tuple[Any, ...]] = []
        self._terminal = sys.stdout.isatty() and not as_json

    def __enter__(self) -> Results:
        if self.header and not self.as_json and not self._terminal:
            print_line(*self.columns)
        return self

    def row(self, *values: Any) -> None:
        """Add one row: as many values as there are columns; None prints as a dash."""
        if self._terminal:
            self._rows.append(values)
        elif self.as_json:
            record = dict(zip(self.columns, (_plain(v) for v in values), strict=True))
            print_json(record)
        else:
            print_line(*(self._text(v) for v in values))

    def blank(self) -> None:
        """An empty line for a blank line of input; a record of nulls in JSON, nothing on a terminal."""
        if self.as_json:
            print_json({name: "" if i == 0 else None for i, name in enumerate(self.columns)})
        elif not self._terminal:
            print_line("")

    def refused(self, line: str, message: str) -> None:
        """A record with ``error`` for a line that has no answer; JSON only, the others read standard error.

        The line is a ``text`` where it is one in the records of answers, else a ``query``.
        """
        if self.as_json:
            print_json({"text" if self.columns[0] == "text" else "query": line, "error": message})

    def flush(self) -> None:
        """Print what has gathered now, so that somebody who types queries sees each answer at once."""
        if self._rows:
            self._print_table()
            self._rows.clear()
        flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def _text(self, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, bool):
            return to_json(value)
        if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
            number = float(value)
            return f"{number:.2e}" if 0 < abs(number) < self._least else f"{number:.{self.digits}f}"
        return str(value)

    def _print_table(self) -> None:
        """All rows as one table, or where the terminal has no room for its columns as blocks of names and values."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console()
        title = None if self.title is None else Text(escape(self.title))
        table = Table(title=title, title_justify="left")
        rows = [[Text(escape(self._text(value))) for value in row] for row in self._rows]
        names = [Text(escape(name.replace("_", " "))) for name in self.columns]  # a bare str would be rich's markup
        numeric = [not isinstance(value, str) and value is not None for value in self._rows[0]]
        if self._is_too_narrow(console.width, [names, *rows], numeric):
            table.show_header = False
            for row in rows:
                for name, cell in zip(names, row, strict=True):
                    table.add_row(name, cell)
                table.add_section()
            table.columns[0].no_wrap = True
            table.columns[1].overflow = "fold"
        else:
            for name, is_number in zip(names, numeric, strict=True):
                table.add_column(name, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
            for row in rows:
                table.add_row(*row)
        console.print(table)

    @staticmethod
    def _is_too_narrow(width: int, rows: Sequence[Sequence[Text]], numeric: Sequence[bool]) -> bool:
        """Whether columns of text would have no room beside the numbers: each row is a block of lines then."""
        natural = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
        room = width - 3 * len(numeric) - 1 - sum(n for n, is_number in zip(natural, numeric, strict=True) if is_number)
        texts = [min(n, NARROWEST) for n, is_number in zip(natural, numeric, strict=True) if not is_number]
        return len(numeric) > 2 and sum(texts) > room


def _plain(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.tolist() if hasattr(value, "tolist") else value
