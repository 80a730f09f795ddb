"""Labelled lines, ``text<TAB>label``, for classification.

What is wrong with a line is said with its file, its number and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from embedkit.errors import CorpusError
from embedkit.text.lines import Source, names_of, numbered_lines, shortened

FASTTEXT_LABEL = "__label__"
# What the first line of a file names its two columns, in either order.
HEADERS = [
    {text, label}
    for text in ("text", "sentence", "document", "review", "comment", "utterance", "question", "문장", "텍스트")
    for label in ("label", "labels", "class", "category", "sentiment", "target", "intent", "라벨", "레이블")
]


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


def read_labelled(sources: Source | Iterable[Source], encoding_errors: str = "strict") -> LabelledTexts:
    """Read ``text<TAB>label`` lines, of which the last tab counts, or fastText's ``__label__name text``.

    Lines without text are left out and remembered in `LabelledTexts.empty`, first lines that name the columns
    (``text``, ``label`` and the like) in `LabelledTexts.headers`.

    Raises
    ------
    CorpusError
        For a line with one column, a line without a label, one with several labels, and where nothing is left.
    """
    data = LabelledTexts()
    for place, line in numbered_lines(sources, encoding_errors):
        text, tab, label = line.rpartition("\t")
        if line.lstrip().startswith(FASTTEXT_LABEL):
            text, label = _fasttext_line(place, line)
        elif line.strip() and not tab:
            raise CorpusError(f"{place}: expected text<TAB>label, found one column: {shortened(line, 40)}")
        elif text.strip() and not label.strip():
            raise CorpusError(f"{place}: expected text<TAB>label, found no label after the tab: {shortened(line, 40)}")
        if not text.strip():
            data.empty.append(place)
        elif place.endswith(", line 1") and {text.strip().lower(), label.strip().lower()} in HEADERS:
            data.headers.append(place)
        else:
            data.texts.append(text)
            data.labels.append(label.strip())
            data.places.append(place)
    if not data.texts:
        raise CorpusError(f"no text<TAB>label lines in {names_of(sources)}: there is nothing to work on")
    return data


def _fasttext_line(place: str, line: str) -> tuple[str, str]:
    """``__label__name text`` as (text, label)."""
    tokens = line.split()
    labels = [token for token in tokens if token.startswith(FASTTEXT_LABEL)]
    if len(labels) > 1:
        raise CorpusError(f"{place}: expected one label a text, found {len(labels)}: {' '.join(labels[:3])}")
    return " ".join(token for token in tokens if token != labels[0]), labels[0].removeprefix(FASTTEXT_LABEL)
