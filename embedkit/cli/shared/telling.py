"""What the commands over neural modules say of data that is not what it seems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import click
import numpy as np

from embedkit.cli.shared.output import note, warn
from embedkit.errors import counted, few_names
from embedkit.files.outputs import same_file
from embedkit.text.labelled import check_valid_labels, why_unknown

NOTHING = ("its vectors say nothing of it", "their vectors say nothing of them")
GUESSES = ("its answer is a guess", "their answers are guesses")
ZEROS = ("its vector is zero", "their vectors are zero")


class Unknown:
    """Counts the texts in which a model knows no word, for one line at the end of a command.

    Parameters
    ----------
    so : (str, str)
        What follows for one text, and for several.
    quiet : bool
    noun : str
        What a text is called.
    """

    def __init__(self, so: tuple[str, str], quiet: bool, noun: str = "text") -> None:
        self._so, self._quiet, self._noun = so, quiet, noun
        self._n = self._unknown = 0

    def count(self, known: Sequence[bool] | np.ndarray) -> None:
        """Some texts, and whether the model knows a word of each."""
        self._n += len(known)
        self._unknown += len(known) - int(np.count_nonzero(known))

    def count_vectors(self, rows: np.ndarray) -> None:
        """The vectors of some texts, zeros where no word is known."""
        self.count(np.any(rows, axis=1))

    def count_words(self, tokens: Sequence[str], knows: Callable[[Sequence[str]], bool]) -> None:
        """One text, where it has tokens."""
        self.count([knows(tokens)] if tokens else [])

    def tell(self) -> None:
        """Say how many there were, if any."""
        if self._unknown:
            hold, so = ("holds", self._so[0]) if self._unknown == 1 else ("hold", self._so[1])
            them = f"{self._unknown:,} of {counted(self._n, self._noun)}"
            note(f"note: {them} {hold} no word that the model knows: {so}", self._quiet)


def tell_left_out(quiet: bool, headers: Sequence[str], empty: Sequence[str] = ()) -> None:
    """Say which lines of a file of data are none."""
    if empty:
        note(f"left out {counted(len(empty), 'empty line')}, the first at {empty[0]}", quiet)
    for place in headers:
        note(f"left out {place}, which names the columns", quiet)


def tell_trained_on(name: str, files: Sequence[str]) -> None:
    """Warn where a file that is to measure, the value of the option `name`, is one that is trained on too."""
    params = click.get_current_context().params
    trained = [path for argument in ("data", "corpus") for path in params.get(argument) or ()]
    for path in files:
        if any(same_file(path, other) for other in trained):
            warn(f"`{name}` {path} is trained on too: what it measures says nothing of other texts", "warning")


def tell_unanswered(number: int, line: str, reason: str, quiet: bool) -> int:
    """Say why a line has no answer; returns the exit status, 0 where the line is blank and only keeps its place."""
    if not line.strip():
        note(f"line {number} is empty: nothing to do", quiet)
        return 0
    warn(f"line {number} {reason}")
    return 1


def tell_valid(
    known: Iterable[str], found: Sequence[Sequence[str]], quiet: bool, what: str = "label", name: str = "valid"
) -> None:
    """Refuse labels of texts that are to measure where none is known; say how many are not, which count as wrong."""
    names = set(known)
    check_valid_labels(names, {label for labels in found for label in labels}, what, name)
    tell_unseen(names, found, quiet, what)


def tell_unseen(known: Iterable[str], found: Sequence[Sequence[str]], quiet: bool, what: str = "label") -> None:
    """Say how many labels or tags of the data are none of the known ones, and warn where none is."""
    names = set(known)
    unseen = [label for labels in found for label in labels if label not in names]
    if not unseen:
        return
    if len(unseen) == sum(map(len, found)):
        expected = few_names(sorted(names))
        warn(
            f"no {what} is one that the model knows: found {unseen[0][:30]!r}, expected {expected}; "
            f"{why_unknown(names, unseen)}",
            "warning",
        )
        return
    are = counted(len(unseen), f"{what} is none", f"{what}s are none")
    wrong = "it counts as wrong" if len(unseen) == 1 else "they count as wrong"
    note(f"{are} that the model knows, as {unseen[0][:30]!r}: {wrong}", quiet)
