"""``embedkit vectors``: print the vectors of words or of lines of text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import print_json, print_line
from embedkit.cli.shared.queries import known, query_batches
from embedkit.cli.shared.reading import load, reading_options
from embedkit.cli.shared.sentences import learning_options, method_of, method_options, text_batches
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
@method_options
@learning_options
@json_option
@reading_options
@quiet_option
def vectors(
    model: str,
    words: tuple[str, ...],
    npy: str | None,
    apply: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """The vector of each WORD, or of each line of standard input.

    Prints word v1 v2 … with spaces, in digits that give the float32 back exactly. With --mean, --max, --fasttext,
    --tfidf, --sif or --usif each line of text, cut by the tokenizer that the model was trained with, gives one line
    v1 v2 …; a text without a known word has the zero vector.

    --tfidf, --sif and --usif learn from a text: the one of --fit, or standard input itself. --save-model keeps what was
    learnt (with --fit and no WORD that is all), --apply treats new lines alike.

    \b
    In Korean: embedkit vectors ko.safetensors --sif --fit corpora/ko.txt "왕이 빵을 먹는다"
    """
    if npy is not None:
        refuse(["as_json"], "with `npy`")
    source = load(model)
    status = 0
    method = method_of(options, apply)
    texts = method is not None or apply is not None
    if texts:
        batches = text_batches(source, words, method, apply, quiet=quiet, **options)
    else:
        batches = _words(source, words, quiet)
    if npy is not None:
        with atomic_open(npy) as stream:
            writer = NpyWriter(stream, source.vector_size)
            for _, rows, sound in batches:
                status = status if sound else 1
                writer.add(rows)
            writer.finish()
        return status
    show = _json_lines("text" if texts else "word") if as_json else _text_lines(not texts)
    for lines, rows, sound in batches:
        status = status if sound else 1
        has_vector = np.asarray(~np.isnan(rows).any(axis=1))
        show([line for line, there in zip(lines, has_vector.tolist(), strict=True) if there], rows[has_vector])
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
