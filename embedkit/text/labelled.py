"""Labelled texts, for classification: ``text<TAB>label``, fastText's lines, tables with named columns.

fastText's lines begin with their labels, each with the prefix ``__label__``; further labels may stand among the words.
They are cut where fastText cuts them, at ASCII white space and NUL: a no-break space is a letter of its word.
A table is one of `embedkit.text.fields`. Labels behind a tab or in a column may have that prefix too, and are several
then where each has it. What is wrong with a line is said with its file, its number and what was expected.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from embedkit.errors import (
    ConfigError,
    CorpusError,
    check_aligned,
    check_lasting,
    check_strings,
    check_texts,
    few_names,
    warn_caller,
)
from embedkit.text.fields import columns_of
from embedkit.text.headers import LABEL_NAMES, TEXT_LABEL, TEXT_NAMES, is_short, looks_like_header
from embedkit.text.lines import Source, numbered_lines, shortened
from embedkit.text.reading import short_name
from embedkit.text.repeated import tell_repeated

FASTTEXT_LABEL = "__label__"
_SPACE = re.compile(r"[\0\t-\r ]+")
Row = tuple[str, str, tuple[str, ...], bool]  # place, text, labels, and whether these had that prefix
FEW_LABELLED = 20  # below, everything may have a label of its own


def fasttext_tokens(line: str) -> list[str]:
    """The words of a line, labels included, as fastText and the bags of features cut it."""
    return [token for token in _SPACE.split(line) if token]


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

    Warns
    -----
    UserWarning
        Where one is there composed (NFC) and decomposed (NFD).
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
    composed = Counter(unicodedata.normalize("NFC", name) for name in names)
    label, n_forms = composed.most_common(1)[0]
    if n_forms > 1:
        warn_caller(
            f"the {what} {label!r} is there in {n_forms} forms of Unicode, which count as different {what}s: bring the "
            "text to one, such as NFC"
        )


def check_valid_labels(
    known: Collection[str], found: Collection[str], what: str = "label", name: str = "valid"
) -> None:
    """Refuse the labels of texts that are to measure, the parameter `name`, where none is one that is learnt.

    Raises
    ------
    CorpusError
    """
    if not set(known) & set(found):
        raise CorpusError(
            f"`{name}` holds none of the {what}s that are trained on: expected {few_names(sorted(known))}, found "
            f"{few_names(sorted(found)) or 'none'}; {why_unknown(known, found)}"
        )


def why_unknown(known: Iterable[str], found: Iterable[str]) -> str:
    """What to do where none of the labels found is known, for a message."""
    ours, theirs = ({unicodedata.normalize("NFC", label) for label in labels} for labels in (known, found))
    if ours & theirs:
        return "these are alike in Unicode's composed form, NFC: bring both files to it"
    return "are the columns the other way round?"


def check_sets(
    texts: Collection[Any], labels: Sequence[Sequence[str]], names: tuple[str, str] = ("texts", "labels")
) -> None:
    """Refuse labels that are not one list of strings for each text: kernels trust that they are.

    Raises
    ------
    ConfigError
    """
    check_lasting(texts, names[0])
    check_lasting(labels, names[1])
    check_aligned(texts, labels, names)
    string = next((each for each in labels if isinstance(each, str | bytes)), None)
    if string is not None:
        raise ConfigError(f"`{names[1]}` must be a list of labels for each text, got {string[:30]!r}: put it in a list")
    check_strings(list(chain.from_iterable(labels)), names[1])


@dataclass
class LabelledTexts:
    """The lines of a classification file.

    Attributes
    ----------
    texts, labels : list of str
        Given as any sequence, such as an array or a column.
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

    def __post_init__(self) -> None:
        check_texts(self.texts)
        check_texts(self.labels, "labels")
        check_aligned(self.texts, self.labels)
        self.texts, self.labels = list(self.texts), list(self.labels)

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

    def __post_init__(self) -> None:
        check_texts(self.texts)
        check_sets(self.texts, self.labels)
        self.texts, self.labels = list(self.texts), list(self.labels)

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
                    "several need `model` linear or fasttext"
                )
        return LabelledTexts(self.texts, [labels[0] for labels in self.labels], self.places, self.empty, self.headers)


def read_labelled(sources: Source | Iterable[Source]) -> LabelledTexts:
    """Read texts with one label each, ``text<TAB>label`` or ``__label__name text``; see `read_label_sets`."""
    return read_label_sets(sources).single()


def read_label_sets(
    sources: Source | Iterable[Source],
    text_column: str | None = None,
    label_column: str | None = None,
    encoding_errors: str = "strict",
) -> LabelledSets:
    """Read labelled texts in any of the forms that this module describes.

    Of ``text<TAB>label`` lines the last tab counts. Lines without text are left out and remembered in
    `LabelledSets.empty`, first lines that name the columns, see `embedkit.text.headers`, in `headers`.

    Parameters
    ----------
    sources : path or iterable of paths
    text_column, label_column : str, optional
        The header's names of the two columns of a table, or the columns' numbers, from 1, of one without; both or
        neither.
    encoding_errors : {"strict", "replace", "ignore"}

    Raises
    ------
    CorpusError
        For a line with one column, a line without a label, a header of more than two columns without
        `text_column` or one that names the columns the other way round, a table without these columns, and where
        nothing is left.
    ConfigError
        When one column is named without the other, or as the other.

    Warns
    -----
    UserWarning
        Where all lines have the same number of tabs, and more than one, or a file is named twice.
    """
    if (text_column is None) != (label_column is None):
        raise ConfigError("`text_column` and `label_column` go together: give both or neither")
    if text_column is not None and text_column == label_column:
        raise ConfigError(f"`text_column` and `label_column` must be two columns, got {text_column!r} for both")
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    sources = list(sources)
    tell_repeated(sources)
    data, first = LabelledSets(), list[int]()
    for source in sources:
        if text_column is not None and label_column is not None:
            rows = _table(source, text_column, label_column, encoding_errors)
        else:
            rows = _lines(source, encoding_errors)
        for place, text, labels, prefixed in rows:
            may_be_header = place.endswith(", line 1") and not prefixed
            if not text.strip():
                data.empty.append(place)
            elif may_be_header and TEXT_LABEL.named_by(place, text, " ".join(labels)):
                data.headers.append(place)
            else:
                if may_be_header:
                    first.append(len(data))
                data.texts.append(text)
                data.labels.append(labels)
                data.places.append(place)
    if not data.texts:
        raise CorpusError(f"no text<TAB>label lines in {short_name(sources)}: there is nothing to work on")
    _leave_out_headers(data, first)
    return data


def _leave_out_headers(data: LabelledSets, first: list[int]) -> None:
    """Leave those of the first lines out that are headers though their names are not known."""
    seen = set(first)
    others = Counter(label for i, labels in enumerate(data.labels) if i not in seen for label in labels)
    n_short = sum(is_short(text) for i, text in enumerate(data.texts) if i not in seen)
    share = n_short / max(1, len(data) - len(first))
    for i in reversed(first):
        if looks_like_header(data.places[i], data.texts[i], data.labels[i], others, share):
            data.headers.insert(0, data.places[i])
            for column in (data.texts, data.labels, data.places):
                del column[i]


def _lines(source: Source, encoding_errors: str) -> Iterator[Row]:
    """Every line; a text may be empty, labels are not."""
    tabs: set[int] = set()
    n = 0
    of_fasttext = False
    for place, line in numbered_lines(source, encoding_errors):
        text, tab, label = line.rpartition("\t")
        if line.lstrip().startswith(FASTTEXT_LABEL):
            words = fasttext_tokens(line)
            labels = dict.fromkeys(w.removeprefix(FASTTEXT_LABEL) for w in words if w.startswith(FASTTEXT_LABEL))
            of_fasttext = True
            if "" in labels:
                raise CorpusError(f"{place}: expected {FASTTEXT_LABEL}NAME, found no name: {shortened(line, 40)}")
            yield place, " ".join(word for word in words if not word.startswith(FASTTEXT_LABEL)), tuple(labels), True
            continue
        if line.strip() and not tab:
            expected = f"{FASTTEXT_LABEL}NAME text as in lines before" if of_fasttext else "text<TAB>label"
            table = "; `text_column` and `label_column` read tables" if _names_columns(line) else ""
            raise CorpusError(f"{place}: expected {expected}, found one column: {shortened(line, 40)}{table}")
        if text.strip() and not label.strip():
            raise CorpusError(f"{place}: expected text<TAB>label, found no label after the tab: {shortened(line, 40)}")
        if "\t" in text:
            names = _names_columns(line) if place.endswith(", line 1") else None
            if names:
                raise CorpusError(
                    f"{place}: expected text<TAB>label, found the header of a table: give `text_column` {names[0]} and "
                    f"`label_column` {names[1]}"
                )
        if line.strip():
            n += 1
            tabs.add(line.count("\t"))
        yield place, text, *_labels(label)
    if n > 1 and len(tabs) == 1 and (most := max(tabs)) > 1:
        warn_caller(
            f"{short_name(source)}: each line has {most + 1} columns, and the first {most} are the text; where one of "
            f"them is, give its number as `text_column`, and `label_column` {most + 1}"
        )


def _names_columns(line: str) -> tuple[str, str] | None:
    """The names of the columns of texts and labels where a line is a table's header."""
    names = [cell.strip(' "\r\ufeff') for cell in line.replace(";", "\t").replace(",", "\t").split("\t")]
    texts, labels = ([name for name in names if name.lower() in known] for known in (TEXT_NAMES, LABEL_NAMES))
    return (texts[0], labels[0]) if texts and labels else None


def _labels(field: str) -> tuple[tuple[str, ...], bool]:
    """The labels in a field, one unless each has fastText's prefix, and whether each has."""
    words = fasttext_tokens(field)
    if words and all(word.startswith(FASTTEXT_LABEL) and word != FASTTEXT_LABEL for word in words):
        return tuple(dict.fromkeys(word.removeprefix(FASTTEXT_LABEL) for word in words)), True
    return (field.strip(),), False


def _table(source: Source, text_column: str, label_column: str, encoding_errors: str) -> Iterator[Row]:
    """The same of the rows of a table."""
    last = os.fspath(source)

    def lines() -> Iterator[bytes]:
        nonlocal last
        for last, line in numbered_lines(source, encoding_errors):  # noqa: B007  # read by the loop below
            yield line.encode()

    for place, (text, label) in columns_of(lines(), (text_column, label_column), lambda: last):
        if text.strip() and not label.strip():
            raise CorpusError(f"{place()}: expected a label in the column {label_column!r}, found none")
        yield place(), " ".join(fasttext_tokens(text)), *_labels(label)
