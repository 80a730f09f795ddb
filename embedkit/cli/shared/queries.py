"""Queries from arguments or standard input, and what to say about words that a model does not know."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from embedkit.cli.shared.files import STDIN_HOLDS_MODEL
from embedkit.cli.shared.output import note, note_keyboard, warn
from embedkit.errors import ConfigError, UnknownWordError
from embedkit.files.magic import BOM
from embedkit.query.keyed_vectors import KeyedVectors

CHUNK = 1 << 16


def query_batches(arguments: Sequence[str], most: int = 4096, keep_empty: bool = False) -> Iterator[list[str]]:
    """Yield lists of queries: the arguments, or where there are none the lines of standard input.

    A list ends where no more input is waiting, so that somebody who types gets each answer at once, and a fast
    producer is answered in bulk. Empty lines are left out unless `keep_empty`.
    """
    if arguments:
        if not all(argument.strip() for argument in arguments):
            raise ConfigError("expected words, found an empty argument")
        yield list(arguments)
        return
    if click.get_current_context().meta.get(STDIN_HOLDS_MODEL):
        raise ConfigError("standard input holds the model: give the words as arguments")
    note_keyboard("a question and Enter")
    stream: Any = sys.stdin.buffer  # a BufferedReader: read1 returns what waits, read would wait for more
    rest = b""
    first = True
    while chunk := stream.read1(CHUNK):
        if first:
            chunk, first = chunk.removeprefix(BOM), False
        complete, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            continue
        lines = _lines(rest + complete, keep_empty)
        rest = tail
        for low in range(0, len(lines), most):
            yield lines[low : low + most]
    if rest and (lines := _lines(rest, keep_empty)):
        yield lines


def _lines(block: bytes, keep_empty: bool) -> list[str]:
    lines = (line.decode("utf-8", "surrogateescape").strip() for line in block.split(b"\n"))
    return [line for line in lines if line or keep_empty]


def words_of(model: KeyedVectors, line: str) -> list[str]:
    """The words of a query: the whole line where the vocabulary holds it (a phrase), else split at white space."""
    return [line] if line in model else line.split()


def known(model: KeyedVectors, words: Sequence[str], quiet: bool = False) -> bool:
    """Whether every word has a vector; says on standard error which are unknown and which were composed."""
    sound = True
    for word in words:
        if word in model:
            continue
        if model.has_vector(word):
            note(f"note: {word} is not in the vocabulary; composed from its n-grams", quiet)
        else:
            warn(str(UnknownWordError(word, model.close_spellings(word))))
            sound = False
    return sound
