"""Labelled texts, for classification: ``text<TAB>label``, fastText's lines, tables with named columns.

fastText's lines begin with their labels, each with the prefix ``__label__``; further labels may stand among the words.
A table is comma-separated (``.csv``) or tab-separated, has a header, and one label a row. What is wrong with a line is
said with its file, its number and what was expected.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from embedkit.errors import ConfigError, CorpusError, few_names
from embedkit.text.lines import Source, names_of, numbered_lines, shortened

FASTTEXT_LABEL = "__label__"
# What the first line of a file names its two columns, in either order.
HEADERS = [
    {text, label}
    for text in ("text", "sentence", "document", "review", "comment", "utterance", "question", "문장", "텍스트")
    for label in ("label", "labels", "class", "category", "sentiment", "target", "intent", "라벨", "레이블")
]


FEW_LABELLED = 20  # below, everything may have a label of its own


def check_labels(names: Collection[str], n: int, what: str = "label", expected: str = "text<TAB>label") -> None:
    """Refuse n labels of which nothing can be learned.

    Parameters
    ----------
    names : collection of str
        The different ones.
    n : int
    what, expected : str
        For the message.

    Raises
    ------
    CorpusError
        Where there are fewer than two different ones, or almost as many as labelled things.
    """
    if n >= FEW_LABELLED and len(names) > n // 2:
        raise CorpusError(
            f"found {len(names)} different {what}s in {n} places, as {min(names)[:30]!r}: expected {expected}; are the "
            "columns the other way round?"
        )
    if len(names) < 2:
        found = ", ".join(map(repr, names)) or "none"
        raise CorpusError(
            f"expected at least two different {what}s, found only {found}; is the {what} in the last column?"
        )


@dataclass
class LabelledTexts:
    """The lines of a classification file.

    Attributes
    ----------
    texts, labels : list of str
    places : list of str
        ``"FILE, line N"`` of each, for messages.
    empty : list of str
        The places of the lines that held no text and were left out.
    headers : list of str
        The places of lines that name columns and were left out.
    """

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class LabelledSets:
    """Texts, each with one label or more; otherwise as `LabelledTexts`."""

    texts: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    def single(self) -> LabelledTexts:
        """The same where every text has one label.

        Raises
        ------
        CorpusError
            Where a text has several.
        """
        for labels, place in zip(self.labels, self.places, strict=True):
            if len(labels) > 1:
                raise CorpusError(
                    f"{place}: expected one label a text, found {len(labels)}: {', '.join(labels[:3])}; "
                    "several need `model` fasttext"
                )
        return LabelledTexts(self.texts, [labels[0] for labels in self.labels], self.places, self.empty, self.headers)


def read_labelled(sources: Source | Iterable[Source]) -> LabelledTexts:
    """Read texts with one label each, ``text<TAB>label`` or ``__label__name text``; see `read_label_sets`."""
    return read_label_sets(sources).single()


def read_label_sets(
    sources: Source | Iterable[Source], text_column: str | None = None, label_column: str | None = None
) -> LabelledSets:
    """Read labelled texts in any of the forms that this module describes.

    Of ``text<TAB>label`` lines the last tab counts. Lines without text are left out and remembered in
    `LabelledSets.empty`, first lines that name the columns (``text``, ``label`` and the like) in `headers`.

    Parameters
    ----------
    sources : path or iterable of paths
    text_column, label_column : str, optional
        The header's names of the two columns of a table; both or neither.

    Raises
    ------
    CorpusError
        For a line with one column, a line without a label, a table without these columns, and where nothing is left.
    ConfigError
        When one column is named without the other.
    """
    if (text_column is None) != (label_column is None):
        raise ConfigError("`text_column` and `label_column` go together: give both or neither")
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    sources = list(sources)
    data = LabelledSets()
    for source in sources:
        if text_column is not None and label_column is not None:
            rows = _table(source, text_column, label_column)
        else:
            rows = _lines(source)
        for place, text, labels in rows:
            if not text.strip():
                data.empty.append(place)
            elif place.endswith(", line 1") and {text.strip().lower(), *(x.lower() for x in labels)} in HEADERS:
                data.headers.append(place)
            else:
                data.texts.append(text)
                data.labels.append(labels)
                data.places.append(place)
    if not data.texts:
        raise CorpusError(f"no text<TAB>label lines in {names_of(sources)}: there is nothing to work on")
    return data


def _lines(source: Source) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(place, text, labels) of every line; a text may be empty, labels are not."""
    for place, line in numbered_lines(source):
        text, tab, label = line.rpartition("\t")
        if line.lstrip().startswith(FASTTEXT_LABEL):
            words = line.split()
            labels = dict.fromkeys(w.removeprefix(FASTTEXT_LABEL) for w in words if w.startswith(FASTTEXT_LABEL))
            yield place, " ".join(word for word in words if not word.startswith(FASTTEXT_LABEL)), tuple(labels)
            continue
        if line.strip() and not tab:
            raise CorpusError(f"{place}: expected text<TAB>label, found one column: {shortened(line, 40)}")
        if text.strip() and not label.strip():
            raise CorpusError(f"{place}: expected text<TAB>label, found no label after the tab: {shortened(line, 40)}")
        yield place, text, (label.strip(),)


def _table(source: Source, text_column: str, label_column: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The same of the rows of a table."""
    name, place = os.fspath(source), ""
    separator = "," if name.lower().removesuffix(".gz").endswith(".csv") else "\t"

    def lines() -> Iterator[str]:
        nonlocal place
        for place, line in numbered_lines(source):  # noqa: B007  # read by the loop below
            yield line + "\n"

    rows = csv.reader(lines(), delimiter=separator)
    header = next(rows, [])
    for column in (text_column, label_column):
        if column not in header:
            raise CorpusError(f"{name}: expected a column {column!r} in the header, found {few_names(header)}")
    text_at, label_at = header.index(text_column), header.index(label_column)
    for row in rows:
        if not row:
            yield place, "", ()
        elif len(row) <= max(text_at, label_at):
            raise CorpusError(f"{place}: expected {len(header)} columns as in the header, found {len(row)}")
        elif row[text_at].strip() and not row[label_at].strip():
            raise CorpusError(f"{place}: expected a label in the column {label_column!r}, found none")
        else:
            yield place, " ".join(row[text_at].split()), (row[label_at].strip(),)
