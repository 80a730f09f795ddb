"""``embedkit vectors``: print the vectors of words or of lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import numpy as np

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import flush, note, print_json, print_line
from embedkit.cli.shared.queries import Inquiry, Refused, query_batches, questions
from embedkit.cli.shared.reading import load, reading_options
from embedkit.cli.shared.sentences import learning_options, method_of, method_options, refuse_for_words, text_batches
from embedkit.errors import counted
from embedkit.files.atomic import atomic_open
from embedkit.formats.npy import NpyWriter
from embedkit.formats.text_rows import format_rows
from embedkit.kernels import thresholds
from embedkit.query.combining import total
from embedkit.query.questions import Question

Batch = tuple[list[str], np.ndarray, Sequence[Refused | None]]  # lines, their rows, why some have none


@click.command(epilog="Example: embedkit vectors model.safetensors king queen")
@click.argument("model", type=INPUT)
@questions("words", "[WORD]...")
@click.option(
    "--npy",
    type=OUTPUT,
    metavar="FILE",
    help="Write a float32 matrix instead, a row a query; unknown words are rows of NaN.",
)
@method_options("Queries are texts")
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

    Prints word v1 v2 … with spaces, in digits that give the float32 back exactly; a phrase is its token or the mean of
    its words, "king - man + woman" a sum. In --npy a blank line is a row of NaN too. With --mean, --max, --fasttext,
    --tfidf, --sif or --usif each line of text, cut by the tokenizer that the model was trained with, gives one line
    v1 v2 …; a text without a known word has the zero vector.

    --tfidf, --sif and --usif learn from a text: the one of --fit, or standard input itself. --save-model keeps what was
    learnt (with --fit and no WORD that is all), --apply treats new lines alike.

    \b
    In Korean: embedkit vectors ko.safetensors --sif --fit corpora/ko.txt "왕이 빵을 먹는다"
    """
    if npy is not None:
        refuse(["as_json"], "with `npy`")
    inquiry = Inquiry(load(model), quiet)
    method = method_of(options)
    texts = method is not None or apply is not None
    batches: Iterator[Batch] = _words(inquiry, words)
    if texts:
        found = text_batches(inquiry.model, words, method, apply, quiet=quiet, **options)
        batches = ((lines, rows, [None] * len(lines)) for lines, rows, _ in found)
    else:
        refuse_for_words()
    if npy is not None:
        with atomic_open(npy) as stream:
            writer = NpyWriter(stream, inquiry.model.vector_size)
            for _, rows, _ in batches:
                writer.add(rows)
            writer.finish()
        note(f"{npy}: {counted(writer.n_rows, 'row')}, {counted(writer.vector_size, 'dimension')}", quiet)
        return inquiry.status
    show = _json_lines("text" if texts else "word") if as_json else _text_lines(not texts)
    for batch in batches:
        show(*batch)
        flush()
    return inquiry.status


def _words(inquiry: Inquiry, words: tuple[str, ...]) -> Iterator[Batch]:
    for lines in query_batches(words):
        rows = np.full((len(lines), inquiry.model.vector_size), np.nan, np.float32)
        asked = [inquiry.question(line) if line else None for line in lines]
        single: dict[int, str] = {}
        for i, question in enumerate(asked):
            if isinstance(question, Question):
                (what, weight), *others = question.terms
                if isinstance(what, str) and weight == 1 and not others:
                    single[i] = what
                else:
                    rows[i] = total(inquiry.model, question.terms, "dot")
        rows[list(single)] = inquiry.model.get_vectors(single.values())  # many at once are composed by a kernel
        yield lines, rows, [None if isinstance(question, Question) else question for question in asked]


def _text_lines(with_word: bool) -> Callable[[list[str], np.ndarray, Sequence[Refused | None]], None]:
    done = 0

    def show(lines: list[str], rows: np.ndarray, _: Sequence[Refused | None]) -> None:
        nonlocal done
        there = ~np.isnan(rows).any(axis=1)
        known = [line for line, has_vector in zip(lines, there, strict=True) if has_vector]
        done += rows[there].size
        for line, text in zip(known, format_rows(rows[there], done >= thresholds.PRINTED_NUMBERS), strict=True):
            values = text.decode("ascii")
            print_line(f"{line}{values}" if with_word else values[1:])

    return show


def _json_lines(key: str) -> Callable[[list[str], np.ndarray, Sequence[Refused | None]], None]:
    def show(lines: list[str], rows: np.ndarray, refused: Sequence[Refused | None]) -> None:
        for line, row, reason in zip(lines, rows, refused, strict=True):
            if reason is not None:
                print_json({"query": line, "error": reason.message})
            else:
                print_json({key: line, "vector": None if np.isnan(row).any() else row.tolist()})

    return show
