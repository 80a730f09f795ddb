"""``embedkit infer``: vectors of lines from paragraph vectors."""

from __future__ import annotations

from collections.abc import Iterator

import click
import numpy as np

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import encoding_errors, encoding_option, json_option, quiet_option, refuse
from embedkit.cli.shared.output import flush, note, print_json, print_line
from embedkit.cli.shared.queries import query_batches, questions
from embedkit.cli.shared.telling import ZEROS, Unknown
from embedkit.errors import ConfigError, counted
from embedkit.files.atomic import atomic_open
from embedkit.formats.npy import NpyWriter
from embedkit.formats.text_rows import format_rows
from embedkit.kernels import thresholds

ROWS_AT_ONCE = 4096
Batch = tuple[list[str] | None, np.ndarray]


@click.command(epilog='Example: embedkit infer doc2vec.safetensors "the king rules"')
@click.argument("model", type=INPUT)
@questions("texts", "[TEXT]...")
@click.option("--npy", type=OUTPUT, metavar="FILE", help="Write a float32 matrix instead, a row a line.")
@click.option("--trained", is_flag=True, help="The vectors of the lines of the training text instead.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over a line.  [default: as in training]")
@click.option("--learning-rate", type=float, help="At the start of a line.  [default: as in training]")
@encoding_option
@json_option
@quiet_option
def infer(
    model: str,
    texts: tuple[str, ...],
    npy: str | None,
    trained: bool,
    epochs: int | None,
    learning_rate: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """The vector of each TEXT, or of each line of standard input, from a model of embedkit train --model doc2vec.

    Prints v1 v2 … with spaces. A line gets the same vector whatever stands beside it; one without a known word gets
    zeros and keeps its row.

    \b
    In Korean: embedkit infer ko2vec.safetensors "왕이 빵을 먹는다"
    """
    from embedkit.query.storing import load
    from embedkit.training import doc2vec

    if npy is not None:
        refuse(["as_json"], "with `npy`")
    vectors = load(model)
    doc2vec.config_of(vectors, epochs, learning_rate)
    if trained:
        refuse(("epochs", "learning_rate", "encoding_errors"), "with `trained`: nothing is inferred")
        if texts:
            raise ConfigError("`trained` gives the vectors of the lines that were trained on: leave TEXTs out")
        found = vectors.table.document_vectors
        if found is None:
            raise ConfigError(f"{model} does not hold the vectors of its training text")
        batches: Iterator[Batch] = (
            (None, found[low : low + ROWS_AT_ONCE]) for low in range(0, len(found), ROWS_AT_ONCE)
        )
    else:
        batches = (
            (lines, doc2vec.infer(vectors, lines, epochs=epochs, learning_rate=learning_rate))
            for lines in query_batches(texts, texts=True, encoding_errors=encoding_errors())
        )
    unknown = Unknown(ZEROS, quiet, "line")
    if npy is not None:
        with atomic_open(npy) as stream:
            writer = NpyWriter(stream, vectors.vector_size)
            for _, rows in batches:
                unknown.count_vectors(rows)
                writer.add(rows)
            writer.finish()
        note(f"{npy}: {counted(writer.n_rows, 'row')}, {counted(writer.vector_size, 'dimension')}", quiet)
    else:
        n = 0
        for lines, rows in batches:
            n += len(rows)
            unknown.count_vectors(rows)
            _show(lines, rows, n, as_json)
    unknown.tell()


def _show(lines: list[str] | None, rows: np.ndarray, n: int, as_json: bool) -> None:
    if as_json:
        for i, row in enumerate(rows.tolist()):
            key = {"line": n - len(rows) + i + 1} if lines is None else {"text": lines[i]}
            print_json({**key, "vector": row})
    else:
        for text in format_rows(rows, rows.size >= thresholds.PRINTED_NUMBERS):
            print_line(text.decode("ascii")[1:])
    flush()
