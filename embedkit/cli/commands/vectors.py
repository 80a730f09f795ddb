"""``embedkit vectors``: print the vectors of words or of lines of text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click
import numpy as np

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import note, print_json, print_line
from embedkit.cli.shared.queries import known, query_batches
from embedkit.cli.shared.reading import load, reading_options
from embedkit.files.atomic import atomic_open
from embedkit.formats.npy import NpyWriter
from embedkit.formats.text_rows import format_rows
from embedkit.kernels import thresholds
from embedkit.query.keyed_vectors import KeyedVectors


@click.command(epilog="Example: embedkit vectors model.safetensors king queen")
@click.argument("model", type=INPUT)
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option(
    "--npy",
    type=OUTPUT,
    metavar="FILE",
    help="Write a float32 matrix instead, a row a query; unknown words are rows of NaN.",
)
@click.option("--mean", is_flag=True, help="Queries are texts: one vector each, the mean of its words' vectors.")
@json_option
@reading_options
@quiet_option
def vectors(model: str, words: tuple[str, ...], npy: str | None, mean: bool, as_json: bool, quiet: bool) -> int:
    """The vector of each WORD, or of each line of standard input.

    Prints word v1 v2 … with spaces, in digits that give the float32 back exactly. With --mean each line of text,
    cut by the tokenizer that the model was trained with, gives one line v1 v2 …; a text without a known word has
    the zero vector.
    """
    if npy is not None:
        refuse(["as_json"], "with `npy`")
    source = load(model)
    status = 0
    batches = _means(source, words, quiet) if mean else _words(source, words, quiet)
    if npy is not None:
        with atomic_open(npy) as stream:
            writer = NpyWriter(stream, source.vector_size)
            for _, rows, sound in batches:
                status = status if sound else 1
                writer.add(rows)
            writer.finish()
        return status
    show = _json_lines("text" if mean else "word") if as_json else _text_lines(not mean)
    for lines, rows, sound in batches:
        status = status if sound else 1
        has_vector = ~np.isnan(rows).any(axis=1)
        show([line for line, there in zip(lines, has_vector, strict=True) if there], rows[has_vector])
        sys.stdout.flush()
    return status


def _words(model: KeyedVectors, words: tuple[str, ...], quiet: bool) -> Iterator[tuple[list[str], np.ndarray, bool]]:
    for lines in query_batches(words):
        rows = np.full((len(lines), model.vector_size), np.nan, np.float32)
        sound = True
        for i, word in enumerate(lines):
            if known(model, [word], quiet):
                rows[i] = model[word]
            else:
                sound = False
        yield lines, rows, sound


def _means(model: KeyedVectors, texts: tuple[str, ...], quiet: bool) -> Iterator[tuple[list[str], np.ndarray, bool]]:
    from embedkit.text.tokenizers import get_tokenizer

    tokenizer = get_tokenizer(model.table.setting("tokenizer", "whitespace"), model.table.setting("lowercase", False))
    without = n = 0
    for lines in query_batches(texts, keep_empty=True):
        rows = np.zeros((len(lines), model.vector_size), np.float32)
        for i, line in enumerate(lines):
            tokens = [token for token in tokenizer.tokens(line) if model.has_vector(token)]
            if tokens:
                rows[i] = model.get_vectors(tokens).mean(axis=0, dtype=np.float64)
            without += not tokens
        n += len(lines)
        yield lines, rows, True
    if without:
        note(f"note: {without:,} of {n:,} texts have no word that the model knows; their vectors are zero", quiet)


def _text_lines(with_word: bool) -> Callable[[list[str], np.ndarray], None]:
    done = 0

    def show(lines: list[str], rows: np.ndarray) -> None:
        nonlocal done
        done += rows.size
        for line, text in zip(lines, format_rows(rows, done >= thresholds.PRINTED_NUMBERS), strict=True):
            values = text.decode("ascii")
            print_line(f"{line}{values}" if with_word else values[1:])

    return show


def _json_lines(key: str) -> Callable[[list[str], np.ndarray], None]:
    def show(lines: list[str], rows: np.ndarray) -> None:
        for line, row in zip(lines, rows.tolist(), strict=True):
            print_json({key: line, "vector": row})

    return show
