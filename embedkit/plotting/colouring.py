"""What the points of a picture are coloured by: a value or a category for each word."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedkit.errors import FormatError, counted
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.escaping import escape
from embedkit.text.lines import numbered_lines
from embedkit.text.reading import short_name

NONE = "–"


@dataclass(frozen=True)
class Column:
    """A value for each word of a picture.

    Attributes
    ----------
    name : str
    values : int (n,)
        0 to 255 between the smallest and the largest number, or the number of a category.
    labels : list of str or None
        The categories, the most frequent first; None for numbers.
    low, high : str
        The smallest and the largest number, as a legend writes them.
    """

    name: str
    values: np.ndarray
    labels: list[str] | None = None
    low: str = ""
    high: str = ""

    def to_page(self) -> dict[str, Any]:
        """What the page's script reads."""
        labels = None if self.labels is None else [escape(label) for label in self.labels]
        facts = {"name": escape(self.name), "labels": labels, "low": self.low, "high": self.high}
        return {**facts, "values": self.values.tolist()}


def column(source: str | os.PathLike[str], words: Sequence[str], model: KeyedVectors) -> Column:
    """The column that a picture is coloured by.

    Parameters
    ----------
    source : str or path
        ``counts`` for the logarithm of each word's frequency in the model's corpus, else a file of
        ``word<TAB>value`` lines: numbers become shades, anything else categories.
    words : sequence of str
        Those in the picture. Words that the file lacks are a category of their own; among numbers they get the
        smallest.
    model : KeyedVectors

    Raises
    ------
    FormatError
        For a line without a tab, a file that names none of the words, or a model without counts.
    """
    if os.fspath(source) == "counts":
        if model.counts is None:
            raise FormatError("this model holds no counts to colour by; use a file of word<TAB>value lines")
        known = {word: int(model.counts[model.row(word)]) for word in words if word in model}
        return _shades("counts, logarithmic", [float(np.log1p(known.get(word, 0))) for word in words], np.expm1)
    given: dict[str, str] = {}
    for place, line in numbered_lines(source):
        if not line.strip():
            continue
        word, tab, value = line.partition("\t")
        if not tab:
            raise FormatError(f"{place}: expected word<TAB>value, found no tab")
        given.setdefault(model.as_spelt(word), value.partition("\t")[0].strip())
    found = [given.get(model.as_spelt(word)) for word in words]
    if not any(value is not None for value in found):
        raise FormatError(f"{short_name(source)} names none of the {counted(len(words), 'word')} of the picture")
    name = os.path.basename(os.fspath(source))
    try:
        numbers = [None if value is None else float(value) for value in found]
    except ValueError:
        return _categories(name, found)
    least = min(value for value in numbers if value is not None)
    return _shades(name, [least if value is None else value for value in numbers], lambda value: value)


def _shades(name: str, numbers: list[float], unscaled: Any) -> Column:
    values = np.asarray(numbers)
    low, high = float(values.min()), float(values.max())
    steps = np.rint((values - low) / max(high - low, 1e-12) * 255).astype(int)
    return Column(name, steps, None, f"{unscaled(low):,.4g}", f"{unscaled(high):,.4g}")


def _categories(name: str, found: list[str | None]) -> Column:
    shown = [NONE if value is None else value for value in found]
    counts: dict[str, int] = {}
    for value in shown:
        counts[value] = counts.get(value, 0) + 1
    labels = sorted(counts, key=lambda label: (label == NONE, -counts[label], label))
    number = {label: i for i, label in enumerate(labels)}
    return Column(name, np.array([number[value] for value in shown]), labels)
