"""``embedkit index``: an approximate nearest-neighbour index."""

from __future__ import annotations

import os
import time

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, seed_option, workers_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar


@click.command(epilog="Example: embedkit index model.safetensors")
@click.argument("model", type=INPUT)
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="MODEL.index by default.")
@click.option(
    "--recall",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the true ten nearest neighbours that a query should find.",
)
@workers_option
@seed_option
@json_option
@quiet_option
def index(
    model: str, output: str | None, recall: float, workers: int | None, seed: int, as_json: bool, quiet: bool
) -> None:
    """Build a nearest-neighbour index, for vocabularies above some hundred thousand words.

    Prints recall@10 against exact search, measured on words of the model, and the time of a query by exact search
    and by the index, in bulk. `embedkit similar --index FILE` then asks the index. It needs the package usearch:
    pip install 'embedkit[index]'.
    """
    import numpy as np

    from embedkit.files.outputs import is_stream
    from embedkit.query.index import TOPN, NeighbourIndex
    from embedkit.query.storing import load

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
            None if is_stream(target) else os.path.getsize(target),
            (between - begun) / len(queries) * 1e3,
            (ended - between) / len(queries) * 1e3,
        )
    if found.recall < recall:
        note(f"note: {recall:g} was not reached", quiet)
    note(f"written to {target}", quiet)
