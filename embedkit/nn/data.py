"""Labelled text for the task models: reading, label sets, and batches of sentences of like length.

A classification file has ``text<TAB>label`` lines; a tagging file ``token<TAB>tag`` lines with a blank line between
sentences. What is wrong with a line is said with its file, its number and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from embedkit.errors import CorpusError

Source = str | os.PathLike[str]


@dataclass
class LabelledTexts:
    """The lines of a classification file.

    Attributes
    ----------
    texts, labels : list of str
    places : list of str
        ``"FILE line N"`` of each, for messages.
    empty : list of str
        The places of the lines that held no text and were left out.
    """

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class TaggedSentences:
    """The sentences of a tagging file: as many tags as tokens in each."""

    sentences: list[list[str]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sentences)


def numbered_lines(sources: Source | Iterable[Source], encoding_errors: str = "strict") -> Iterator[tuple[str, str]]:
    """Lines with their places, ``("FILE line N", line)``; ``-`` is standard input."""
    from embedkit.text.reading import read_lines

    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    for source in sources:
        name = "standard input" if str(source) == "-" else str(source)
        for number, line in enumerate(read_lines(source, encoding_errors=encoding_errors), 1):
            yield f"{name} line {number}", line.rstrip("\r\n")


def read_labelled(sources: Source | Iterable[Source], encoding_errors: str = "strict") -> LabelledTexts:
    """Read ``text<TAB>label`` lines; the last tab is the one that counts.

    Lines without text are left out and remembered in `LabelledTexts.empty`.

    Raises
    ------
    CorpusError
        For a line with one column, a line without a label, and where nothing is left.
    """
    data = LabelledTexts()
    place = "the input"
    for place, line in numbered_lines(sources, encoding_errors):
        text, tab, label = line.rpartition("\t")
        if not line.strip():
            data.empty.append(place)
        elif not tab:
            raise CorpusError(f"{place}: expected text<TAB>label, found one column: {_short(line)}")
        elif not label.strip():
            raise CorpusError(f"{place}: expected text<TAB>label, found no label after the tab: {_short(line)}")
        elif not text.strip():
            data.empty.append(place)
        else:
            data.texts.append(text)
            data.labels.append(label.strip())
            data.places.append(place)
    if not data.texts:
        raise CorpusError(f"no text<TAB>label lines in {_names(sources)}: there is nothing to work on")
    return data


def read_tagged(sources: Source | Iterable[Source], encoding_errors: str = "strict") -> TaggedSentences:
    """Read ``token<TAB>tag`` lines with a blank line between sentences (and between files).

    Raises
    ------
    CorpusError
        For a line that has not exactly a token and a tag, and where nothing is left.
    """
    data = TaggedSentences()
    tokens: list[str] = []
    tags: list[str] = []
    start = ""

    def finish() -> None:
        nonlocal tokens, tags
        if tokens:
            data.sentences.append(tokens)
            data.tags.append(tags)
            data.places.append(start)
            tokens, tags = [], []

    for place, line in numbered_lines(sources, encoding_errors):
        if place.endswith(" line 1") or not line.strip():
            finish()
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) != 2 or not columns[0].strip() or not columns[1].strip():
            raise CorpusError(f"{place}: tags do not line up with tokens: expected one token<TAB>tag, "
                              f"found {_columns(columns)}: {_short(line)}")
        if not tokens:
            start = place
        tokens.append(columns[0].strip())
        tags.append(columns[1].strip())
    finish()
    if not data.sentences:
        raise CorpusError(f"no token<TAB>tag lines in {_names(sources)}: there is nothing to work on")
    return data


def label_set(labels: Iterable[str]) -> list[str]:
    """The different labels in sorted order.

    Raises
    ------
    CorpusError
        Where there are fewer than two: nothing can be learned then.
    """
    names = sorted(set(labels))
    if len(names) < 2:
        raise CorpusError(f"expected at least two different labels, found only {names[0]!r}; "
                          "is the label in the last column?")
    return names


def encode_labels(labels: Sequence[str], names: Sequence[str], places: Sequence[str]) -> np.ndarray:
    """Numbers of labels, int64 (n,).

    Parameters
    ----------
    labels, names : sequence of str
        The labels and those that there are.
    places : sequence of str
        Where each label stands, for the message; one place for all is allowed.

    Raises
    ------
    CorpusError
        For a label that is not among `names`.
    """
    index = {name: i for i, name in enumerate(names)}
    for i, label in enumerate(labels):
        if label not in index:
            known = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise CorpusError(f"{places[i if len(places) > 1 else 0]}: the label {label!r} was never seen in training; "
                              f"expected one of {known}")
    return np.array([index[label] for label in labels], dtype=np.int64)


def hold_out(n: int, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split 0 .. n-1 at random into (training, validation); at least one of each where n > 1."""
    order = rng.permutation(n)
    n_valid = min(max(round(n * fraction), 1), n - 1) if n > 1 else 0
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def bucketed_batches(lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None,
                     max_tokens: int = 20_000) -> list[np.ndarray]:
    """Cut sentences into batches of like length.

    Parameters
    ----------
    lengths : int (n,)
    batch_size : int
        Sentences in a batch, at most.
    rng : Generator or None
        Shuffles: sentences of the same length change places, about a tenth of the sentences swaps with neighbouring
        lengths, and the batches come in random order. None: by length, longest first, the same each time.
    max_tokens : int
        A batch holds at most so many places, padding included, and always at least one sentence.

    Returns
    -------
    list of int64 (<= batch_size,)
        Each number 0 .. n-1 once.
    """
    key = lengths.astype(np.float64)
    if rng is not None:
        key *= rng.uniform(0.95, 1.05, len(key))
        key += rng.random(len(key))
    order = np.argsort(-key, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start:start + batch_size]].max()), 1)
        stop = start + min(batch_size, max(max_tokens // longest, 1))
        batches.append(order[start:stop])
        start = stop
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def padded(rows: Sequence[np.ndarray], fill: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Stack sequences of numbers.

    Returns
    -------
    ids : int64 (n, longest)
        Filled up with `fill`.
    mask : bool (n, longest)
        True where a row has a number.
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(max(int(lengths.max()), 1)) < lengths[:, None]
    ids = np.full(mask.shape, fill, dtype=np.int64)
    ids[mask] = np.concatenate(rows)
    return ids, mask


def _columns(columns: list[str]) -> str:
    if len(columns) == 2:
        return "an empty column"
    return "one column" if len(columns) == 1 else f"{len(columns)} columns"


def _short(line: str) -> str:
    return repr(line if len(line) <= 40 else line[:37] + "...")


def _names(sources: Source | Iterable[Source]) -> str:
    if isinstance(sources, (str, os.PathLike)):
        return str(sources)
    return ", ".join(str(Path(s)) for s in sources)
