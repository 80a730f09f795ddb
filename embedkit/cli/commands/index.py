"""``embedkit index``: an approximate nearest-neighbour index of words, or an index of documents."""

from __future__ import annotations

import time
from typing import Any

import click

from embedkit.cli.shared.documents import OF_VECTORS, READING, build_index, document_options
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse, seed_option, workers_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options_beside, refuse_reading


@click.command(epilog="Example: embedkit index model.safetensors")
@click.argument("model", nargs=-1, required=True, type=INPUT, metavar="MODEL|CORPUS...")
@click.option("--documents", is_flag=True, help="Index the texts of CORPUS for embedkit search.")
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="MODEL.index by default; needed with --documents.")
@click.option(
    "--recall",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the true ten nearest neighbours that a query should find.",
)
@workers_option
@seed_option
@document_options
@reading_options_beside("--column", "--encoding-errors")
@json_option
@quiet_option
def index(
    model: tuple[str, ...],
    documents: bool,
    output: str | None,
    recall: float,
    workers: int | None,
    seed: int,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Build an index: of the words of a model, or with --documents of texts.

    Of a model: the nearest neighbours, for vocabularies above some hundred thousand words.

    Prints recall@10 against exact search, measured on words of the model, and the time of a query by exact search
    and by the index, in bulk. `embedkit similar --index FILE` then asks the index. It needs the package usearch:
    pip install 'embedkit[index]'.

    Of texts (files, folders or -): BM25, and with --vectors the vectors of documents (--sif by default), for
    `embedkit search`. A document is a line, a paragraph or a file, or a record of JSON lines.

    \b
    Example: embedkit index --documents corpora/en.txt -o en.index --vectors model.safetensors
    In Korean: embedkit index --documents corpora/ko.txt -o ko.index --tokenizer korean
    """
    if documents:
        refuse(("recall", "workers", "seed"), "with `documents`")
        _index_documents(list(model), output, options, as_json, quiet)
        return
    refuse(("vectors", "stop_words", *OF_VECTORS, *READING), "without `documents`")
    if len(model) > 1:
        raise click.UsageError("name one model; several texts are indexed with --documents")
    _index_words(model[0], output, recall, workers, seed, as_json, quiet)


def _index_documents(
    corpus: list[str], output: str | None, options: dict[str, Any], as_json: bool, quiet: bool
) -> None:
    from embedkit.files.locations import size_of
    from embedkit.files.outputs import is_stream

    if output is None:
        raise click.UsageError("name the file to write: -o texts.index")
    if options["vectors"] is None:
        refuse_reading("without `vectors`")
    index, _ = build_index(corpus, options, quiet)
    index.save(output)
    with Results(["documents", "words", "vector_size", "bytes"], as_json, header=True) as results:
        size = None if index.vectors is None else index.vectors.shape[1]
        n_bytes = None if is_stream(output) else size_of(output)
        results.row(len(index.documents), len(index.terms.terms), size, n_bytes)
    note(f"written to {output}", quiet)


def _index_words(
    model: str, output: str | None, recall: float, workers: int | None, seed: int, as_json: bool, quiet: bool
) -> None:
    import numpy as np

    from embedkit.files.locations import size_of
    from embedkit.files.outputs import is_stream
    from embedkit.query.index import TOPN, NeighbourIndex

    vectors = load(model)
    target = output or f"{model}.index"
    with progress_bar(quiet) as progress:
        found = NeighbourIndex.build(vectors, recall=recall, workers=workers, seed=seed, progress=progress)
    found.save(target)
    queries = vectors.vectors[np.random.default_rng(seed).permutation(len(vectors))[:256]]
    begun = time.perf_counter()
    vectors.most_similar_batch(queries, TOPN)
    between = time.perf_counter()
    vectors.most_similar_batch(queries, TOPN, index=found)
    ended = time.perf_counter()
    columns = ["words", "recall_at_10", "expansion", "bytes", "exact_ms", "index_ms"]
    with Results(columns, as_json, header=True) as results:
        results.row(
            len(vectors),
            found.recall,
            found.expansion,
            None if is_stream(target) else size_of(target),
            (between - begun) / len(queries) * 1e3,
            (ended - between) / len(queries) * 1e3,
        )
    if found.recall < recall:
        note(f"note: {recall:g} was not reached", quiet)
    note(f"written to {target}", quiet)
