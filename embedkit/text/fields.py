"""Texts in a field of JSON lines or a column of a table (CSV, TSV), or larger than a line.

Where they are is one string, so that it is stored with what was made of them:

==================== =============================================================================================
``text``             the field of that name in each line of JSON, dots lead into nested objects
``skip:text``        the same; a line without it, or with null there, is read as a blank line
``column:text``      the column of that name in a table with a header, or, a number, that column of one without
``unit:paragraph``   plain text: the lines up to a blank one, with spaces between them
``unit:file``        plain text: all lines of a file
==================== =============================================================================================

A table has tabs, commas or semicolons between its columns: what cuts its first lines into as many columns, or else what
the first has most of. With commas and
semicolons quotes are those of RFC 4180, and a field may hold line ends, which are read as spaces. With tabs a quote is
a letter like any other, unless it stands around a whole field and all inside are doubled, as pandas writes them.
"""

from __future__ import annotations

import csv
import json
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from embedkit.errors import CorpusError, counted, few_names, warn_caller

LARGEST_CELL = 1 << 30
_DELIMITERS = "\t,;"
_LOOKED_AT = 20  # lines, to tell the delimiter by

Place = Callable[[], str]


class TextField(NamedTuple):
    """Where the text is.

    Attributes
    ----------
    name : str
        Of the field, or name or number of the column, or the unit.
    kind : {"json", "skip", "column", "unit"}
    """

    name: str
    kind: str = "json"

    @classmethod
    def parse(cls, text: str) -> TextField:
        """What a string of the module's table says."""
        kind, colon, name = text.partition(":")
        return cls(name, kind) if colon and kind in ("skip", "column", "unit") else cls(text)

    def __str__(self) -> str:
        return self.name if self.kind == "json" else f"{self.kind}:{self.name}"

    def texts(self, lines: Iterator[bytes], place: Place, encoding_errors: str) -> Iterator[bytes]:
        """The texts, UTF-8, of the lines of one file; `place` names the line that was read last.

        Raises
        ------
        CorpusError
            With the place of a line that has no such text.
        """
        if self.kind == "column":
            return _column(lines, self.name, place, encoding_errors)
        if self.kind == "unit":
            return _units(lines, self.name, place, encoding_errors)
        return self._json(lines, place, encoding_errors)

    def _json(self, lines: Iterator[bytes], place: Place, encoding_errors: str) -> Iterator[bytes]:
        without = 0
        for line in lines:
            if line.strip():
                text = json_text(line, self, encoding_errors, place())
                without += text is None
                yield text or b""
        if without:
            file = place().rpartition(", line ")[0]
            warn_caller(
                f"{file}: {counted(without, 'line has', 'lines have')} no text in {self.name!r}: taken for blank"
            )


def json_text(line: bytes, field: TextField, encoding_errors: str, place: str) -> bytes | None:
    """The text of one field of one line of JSON, UTF-8; None where it has none and may be skipped.

    Raises
    ------
    CorpusError
        With `place`, where the line is no JSON object or the field is missing or no text.
    """
    try:
        value = json.loads(line.decode("utf-8", encoding_errors))
    except UnicodeDecodeError as error:
        raise _not_utf8(place, error) from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{place}: expected a JSON object on each line: {error}") from None
    for key in field.name.split("."):
        if not isinstance(value, dict) or key not in value:
            if field.kind == "skip" and (value is None or isinstance(value, dict)):
                return None
            found = few_names(list(value)) if isinstance(value, dict) else type(value).__name__
            raise CorpusError(
                f"{place}: no field {field.name!r}; found {found}; `json_missing` skip passes over such lines"
            )
        value = value[key]
    if value is None and field.kind == "skip":
        return None
    if isinstance(value, list):
        value = _joined_tokens(value, field.name, place)
    if not isinstance(value, str):
        raise CorpusError(
            f"{place}: the field {field.name!r} must be a string or a list of tokens, found {json.dumps(value)[:40]}"
            + ("; `json_missing` skip passes over null" if value is None else "")
        )
    try:
        return value.encode()
    except UnicodeEncodeError:
        if encoding_errors == "strict":
            raise CorpusError(
                f"{place}: the field {field.name!r} holds half a surrogate pair; `encoding_errors` replace or "
                "ignore reads on"
            ) from None
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", encoding_errors).encode()


def _joined_tokens(tokens: list[Any], field: str, place: str) -> str:
    """A list of tokens as text with a space between them, from which the tokenizer whitespace gets them back."""
    for token in tokens:
        if not isinstance(token, str) or token.split() != [token]:
            raise CorpusError(
                f"{place}: the list {field!r} must hold tokens, strings without white space, found "
                f"{json.dumps(token)[:40]}; join their words with _"
            )
    return " ".join(tokens)


def _units(lines: Iterator[bytes], unit: str, place: Place, encoding_errors: str) -> Iterator[bytes]:
    """Lines put together."""
    gathered: list[str] = []
    for line in _decoded(lines, place, encoding_errors):
        text = line.strip()
        if text:
            gathered.append(text)
        elif gathered and unit == "paragraph":
            yield " ".join(gathered).encode()
            gathered = []
    if gathered:
        yield " ".join(gathered).encode()


def _column(lines: Iterator[bytes], name: str, place: Place, encoding_errors: str) -> Iterator[bytes]:
    """One column of a table."""
    return map(_line, (text for _, (text,) in columns_of(lines, (name,), place, encoding_errors)))


def columns_of(
    lines: Iterator[bytes], names: Sequence[str], place: Place, encoding_errors: str = "strict"
) -> Iterator[tuple[Place, list[str]]]:
    """The fields of some columns of a table, row by row, blank rows left out; with what names the row's last line.

    Parameters
    ----------
    lines : iterator of bytes
        Of one file, without line ends.
    names : sequence of str
        Of columns in the header; or numbers, from 1, of a table without one.
    place : callable
        Names the line that was read last; some are looked at before their rows come.
    encoding_errors : {"strict", "replace", "ignore"}

    Raises
    ------
    CorpusError
        Where a column is missing or stands there twice, or a row has another number of columns than the first.
    """
    texts = _Ahead(_decoded(lines, place, encoding_errors), place)
    place, rows = texts.place, _rows(texts)
    first = next(rows, None)
    if first is None:
        return
    numbered = all(name.isascii() and name.isdigit() for name in names)
    header, wanted = ([unicodedata.normalize("NFC", name) for name in row] for row in (first, names))
    columns = [int(name) - 1 if numbered else header.index(name) if name in header else -1 for name in wanted]
    for name, column in zip(wanted, columns, strict=True):
        if not 0 <= column < len(first):
            raise CorpusError(f"{place()}: no column {name!r}; found {few_names(first)}")
        if not numbered and header.count(name) > 1:
            raise CorpusError(
                f"{place()}: expected one column {name!r}, found {header.count(name)} of that name; give its number "
                "and leave out the header"
            )
    if numbered:
        yield place, [first[column] for column in columns]
    for row in rows:
        if len(row) != len(first):
            raise CorpusError(
                f"{place()}: expected {counted(len(first), 'column')} as in the first row, found {len(row)}"
            )
        yield place, [row[column] for column in columns]


def _line(text: str) -> bytes:
    return " ".join(text.splitlines()).encode()


class _Ahead:
    """Lines of which the first can be looked at before they are read, each with its place."""

    def __init__(self, lines: Iterator[str], place: Place) -> None:
        self._lines, self._place = lines, place
        self._seen: deque[tuple[str, str]] = deque()
        self._now: str | None = None

    def first(self, n: int) -> list[str]:
        """The first n, fewer where there are not so many; blank ones before them are gone."""
        for line in self._lines:
            if self._seen or line.strip():
                self._seen.append((line, self._place()))
                if len(self._seen) == n:
                    break
        return [line for line, _ in self._seen]

    def __iter__(self) -> Iterator[str]:
        while self._seen:
            line, self._now = self._seen.popleft()
            yield line
        self._now = None
        yield from self._lines

    def place(self) -> str:
        """The place of the line that was read last."""
        return self._now or self._place()


def _delimiter(lines: list[str]) -> str:
    """What cuts all of these lines into as many columns, two or more; else the commonest sign in the first."""
    for delimiter in _DELIMITERS:
        if delimiter == "\t":
            counts = [line.count("\t") for line in lines if line.strip("\r\n")]
        else:
            try:
                counts = [len(row) - 1 for row in csv.reader(lines, delimiter=delimiter) if row]
            except csv.Error:
                continue
            if len(lines) == _LOOKED_AT and len(counts) > 1:
                counts.pop()  # a cell with line ends may be cut off
        if counts and counts[0] and len(set(counts)) == 1:
            return delimiter
    return max(_DELIMITERS, key=lines[0].count)


def _rows(texts: _Ahead) -> Iterator[list[str]]:
    """The rows of a table, blank ones left out."""
    first = texts.first(_LOOKED_AT)
    if not first:
        return
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_CELL))
    delimiter = _delimiter(first)
    if delimiter == "\t":
        for text in texts:
            if text.strip("\r\n"):
                yield [_unquoted(cell) for cell in text.rstrip("\r\n").split("\t")]
        return
    try:
        for row in csv.reader(texts, delimiter=delimiter, strict=True):
            if row:
                yield row
    except csv.Error as error:
        raise CorpusError(f"{texts.place()}: the table cannot be read: {error}") from None


def _unquoted(cell: str) -> str:
    inner = cell[1:-1]
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return cell


def _decoded(lines: Iterator[bytes], place: Place, encoding_errors: str) -> Iterator[str]:
    for line in lines:
        try:
            yield line.decode("utf-8", encoding_errors) + "\n"
        except UnicodeDecodeError as error:
            raise _not_utf8(place(), error) from None


def _not_utf8(place: str, error: UnicodeDecodeError) -> CorpusError:
    return CorpusError(
        f"{place}: byte {error.start + 1} of the line is not UTF-8; `encoding_errors` replace or ignore reads on"
    )
