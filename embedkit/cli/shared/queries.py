"""Queries from arguments or standard input, and what to say about words that a model does not know."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import click

from embedkit.cli.shared.files import refuse_held_stdin
from embedkit.cli.shared.output import Results, note, note_empty, note_keyboard, warn
from embedkit.errors import ConfigError, EmbedkitError, UnknownWordError
from embedkit.files.locations import STDIN
from embedkit.files.magic import BOM
from embedkit.query.combining import Item, words_in
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.questions import ASCII_SPACES, Question, composed, item, question, split
from embedkit.text.escaping import escape

F = TypeVar("F", bound=Callable[..., Any])

CHUNK = 1 << 16
OPERATORS = re.compile("[-+\N{MINUS SIGN}]")
HINTS, HINT_SECONDS = 20, 0.1  # spent on spelling hints in a run that reads a pipe
REMEMBERED = 1 << 16  # words, whether the vocabulary holds them
NOTES = 20  # on how lines are read


class Asking(click.Command):
    """A command whose questions may begin with an operator: ``"- man + woman"`` is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {argument}" if argument.startswith("- ") else argument for argument in args])


def questions(name: str, metavar: str) -> Callable[[F], F]:
    """The argument of a command that reads standard input where it is not given, or is ``-`` alone."""

    def given(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
        return () if value == (STDIN,) else value

    return click.argument(name, nargs=-1, metavar=metavar, callback=given)


def query_batches(
    arguments: Sequence[str],
    most: int = 4096,
    *,
    needed: bool = True,
    texts: bool = False,
    stripped: bool = True,
    encoding_errors: str | None = None,
) -> Iterator[list[str]]:
    """Yield lists of queries: the arguments, or where there are none the lines of standard input.

    A list ends where no more input is waiting, so that somebody who types gets each answer at once, and a fast
    producer is answered in bulk. Blank lines come as empty strings: they keep their place among the answers. Others are
    `stripped` of white space at their ends, or of the line end alone.
    Where nothing comes and something was `needed`, that is told. Words may hold any bytes; `texts` are UTF-8, and where
    the command lets somebody say what to do with other bytes, they have `encoding_errors`.

    Raises
    ------
    ConfigError, CorpusError
        For an empty argument, and for texts as for a file that is not UTF-8.
    """
    if arguments:
        if not all(argument.strip(ASCII_SPACES) for argument in arguments):
            raise ConfigError("expected words, found an empty argument")
        yield _decoded(arguments, encoding_errors) if texts else list(arguments)
        return

    refuse_held_stdin("give the words as arguments")
    note_keyboard("a question and Enter")
    stream: Any = sys.stdin.buffer  # a BufferedReader: read1 returns what waits, read would wait for more
    rest = b""
    first = True
    decode = _decoder(encoding_errors) if texts else _any_bytes
    while chunk := stream.read1(CHUNK):
        if first:
            chunk, first = chunk.removeprefix(BOM), False
        complete, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            continue
        lines = _lines(decode(rest + complete), stripped)
        rest = tail
        for low in range(0, len(lines), most):
            yield lines[low : low + most]
    if rest:
        yield _lines(decode(rest), stripped)
    if first and needed:
        note_empty()


def _any_bytes(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _decoder(encoding_errors: str | None, name: str = STDIN) -> Callable[[bytes], str]:
    from embedkit.text.lines import Piped

    return Piped(encoding_errors, name).text


def _decoded(arguments: Sequence[str], encoding_errors: str | None) -> list[str]:
    """Texts that were given as arguments, by the rule of files."""
    return [
        argument
        if argument.isascii()
        else _decoder(encoding_errors, "text on the command line")(argument.encode("utf-8", "surrogateescape"))
        for argument in arguments
    ]


def _lines(text: str, stripped: bool) -> list[str]:
    bare = [line.strip(ASCII_SPACES) for line in text.split("\n")]
    if stripped:
        return bare
    return [line.removesuffix("\r") if full else "" for line, full in zip(text.split("\n"), bare, strict=True)]


def fields(model: KeyedVectors, line: str) -> list[str]:
    """The words or phrases of a line: at tabs, or else at white space."""
    if "\t" in line:
        return [field for field in line.split("\t") if field]
    return split(line, model.__contains__)


@dataclass(frozen=True)
class Refused:
    """A line that has no answer, and why."""

    message: str


class Inquiry:
    """The questions of one run: read as the model understands them, with what a user should know on standard error.

    Parameters
    ----------
    model : KeyedVectors
    quiet : bool

    Attributes
    ----------
    status : int
        The exit status: 1 once a line was refused.
    """

    def __init__(self, model: KeyedVectors, quiet: bool = False) -> None:
        self.model = model
        self.quiet = quiet
        self.status = 0
        self._hints_left = HINTS
        self._seconds_left = HINT_SECONDS
        self._notes_left = NOTES
        self._knows = lru_cache(REMEMBERED)(model.__contains__)

    def question(self, line: str) -> Question | Refused:
        """A line as a sum of words and phrases that all have vectors."""
        try:
            asked = question(line, self._knows)
        except ConfigError as error:
            return self.refuse(str(error))
        refused = self._unknown(asked.words)
        if refused is None:
            self.say(asked.said)
        return refused or asked

    def items(self, texts: Sequence[str]) -> list[Item] | Refused:
        """Words or phrases that all have vectors."""
        said: list[str] = []
        try:
            found = [item(text, self._knows, said) for text in texts]
        except ConfigError as error:
            return self.refuse(str(error))
        refused = self._unknown(words_in(found))
        if refused is None:
            self.say(said)
        return refused or found

    def vocabulary_words(self, texts: Sequence[str]) -> list[str]:
        """Those that the vocabulary holds; the others are errors, and leave these in the game."""
        return [word for word in map(self.vocabulary_word, texts) if not isinstance(word, Refused)]

    def vocabulary_word(self, text: str) -> str | Refused:
        """The word of the vocabulary that a text names."""
        found = self.items([text])
        if isinstance(found, Refused):
            return found
        if isinstance(found[0], str) and found[0] in self.model:
            return found[0]
        return self.refuse(f"{text!r} is not a word of the vocabulary")

    def tell_excluded(self, words: Sequence[str]) -> None:
        """Say which of the words that are to be left out of the answers are none of the vocabulary."""
        for word in words:
            if word not in self.model:
                file = ", and a file is not read" if os.path.isfile(word) else ""
                note(f"note: `exclude` {word} does nothing: it is no word of the vocabulary{file}", self.quiet)

    def refuse(self, message: str) -> Refused:
        """Say that a line has no answer; the run ends with status 1."""
        warn(message)
        self.status = 1
        return Refused(message)

    def _unknown(self, words: Sequence[str]) -> Refused | None:
        """Say which words are unknown and which are composed."""
        refused = None
        for word in words:
            if self._knows(word):
                continue
            message = _broken(word)
            if message is None:
                said = composed([word], self.model)
                for text in said:
                    note(f"note: {text}", self.quiet)
                if said:
                    continue
                message = str(UnknownWordError(word, self._hints(word))) + self._sum(word)
            again = self.refuse(message)
            refused = refused or again
        return refused

    def _sum(self, word: str) -> str:
        """What to say where a word looks like a sum without spaces of words that are known."""
        if not OPERATORS.search(word):
            return ""
        parts = OPERATORS.split(word)
        if not all(map(self._knows, parts)):
            return ""
        return f"; operators of a sum stand between spaces: {OPERATORS.sub(lambda found: f' {found[0]} ', word)!r}"

    def _hints(self, word: str) -> list[str]:
        """Close spellings, which take some milliseconds each: for somebody who types, and the first of a stream."""
        if sys.stdin.isatty():
            return self.model.close_spellings(word)
        if self._hints_left == 0 or self._seconds_left < 0:
            if self._hints_left >= 0:
                note("note: spellings are compared for the first unknown words only", self.quiet)
                self._hints_left = -1
            return []
        if self._hints_left < 0:
            return []
        start = time.perf_counter()
        found = self.model.close_spellings(word)
        self._seconds_left -= time.perf_counter() - start
        self._hints_left -= 1
        return found

    def say(self, said: Sequence[str]) -> None:
        """Notes on how lines are read, of which a run prints the first only."""
        for text in said:
            if self._notes_left > 0:
                note(f"note: {text}", self.quiet)
            elif self._notes_left == 0:
                note("note: how further lines are read is not told", self.quiet)
            self._notes_left -= 1


def _broken(word: str) -> str | None:
    """What is wrong with a word whose bytes are not UTF-8."""
    try:
        word.encode()
        return None
    except UnicodeEncodeError:
        data = word.encode("utf-8", "surrogateescape")
    from embedkit.text.sniffing import guess_encoding

    encoding = guess_encoding(data, fewest=1)
    hint = (
        f"it looks like {encoding}, where it is {data.decode(encoding, 'replace')}" if encoding else "write it in UTF-8"
    )
    return f"unknown word '{escape(word)}' is not UTF-8; {hint}"


def show(results: Results, line: str, answer: Refused | None) -> None:
    """What stands for a line without an answer: an empty line for a blank one, an error in JSON for a refused one."""
    if answer is None:
        results.blank()
    else:
        results.refused(line, answer.message)


def answer_lines(
    texts: Sequence[str],
    columns: Sequence[str],
    answer: Callable[[str], Iterable[Sequence[Any]]],
    as_json: bool,
    empty: bool = False,
    stripped: bool = True,
    encoding_errors: str | None = None,
) -> int:
    """Print the rows that `answer` gives for each text or line of standard input, behind it; returns the exit status.

    A text without an answer makes the status 1; its error names the line, or the text where there are several. With
    `empty` an empty argument is a text as well. `stripped` and `encoding_errors` as for texts in `query_batches`.
    """
    status = number = 0
    with Results(columns, as_json) as results:
        given = [_decoded(texts, encoding_errors)] if texts and empty else None
        batches = query_batches(texts, texts=True, stripped=stripped, encoding_errors=encoding_errors)
        for lines in given or batches:
            for line in lines:
                number += 1
                if not line and not texts:
                    results.blank()
                    continue
                try:
                    rows = list(answer(line))
                except EmbedkitError as error:
                    if len(texts) == 1 and not as_json:
                        raise EmbedkitError(str(error)) from error  # of status 1, whatever it was
                    place = "" if len(texts) == 1 else f"text {number}: " if texts else f"line {number}: "
                    warn(f"{place}{error}")
                    results.refused(line, str(error))
                    status = 1
                    continue
                for row in rows:
                    results.row(line, *row)
            results.flush()
    return status
