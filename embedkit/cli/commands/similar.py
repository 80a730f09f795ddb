"""``embedkit similar``: the nearest neighbours of words."""

from __future__ import annotations

import warnings

import click
import numpy as np

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse, topn_option
from embedkit.cli.shared.output import Results
from embedkit.cli.shared.queries import known, query_batches, words_of
from embedkit.cli.shared.reading import load, reading_options
from embedkit.query.isotropy import learnt_nothing
from embedkit.query.neighbours import METRICS


@click.command(epilog="Example: embedkit similar model.safetensors king queen --topn 5")
@click.argument("model", type=INPUT)
@click.argument("words", nargs=-1, metavar="[WORD]...")
@topn_option
@click.option(
    "--metric",
    default="cosine",
    show_default=True,
    type=click.Choice(METRICS),
    help="l2 is the Euclidean distance: smaller is nearer.",
)
@click.option("--exclude", multiple=True, metavar="WORD", help="Leave this word out of the answers; repeatable.")
@click.option(
    "--restrict-vocab",
    type=click.IntRange(1),
    metavar="N",
    help="Search the first N words only: the most frequent ones.",
)
@click.option(
    "--index",
    "index_file",
    type=INPUT,
    metavar="FILE",
    help="Ask this index, made by embedkit index, rather than compare with every vector.",
)
@json_option
@reading_options
@quiet_option
def similar(
    model: str,
    words: tuple[str, ...],
    topn: int,
    metric: str,
    exclude: tuple[str, ...],
    restrict_vocab: int | None,
    index_file: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """The nearest neighbours of each WORD, or of each line of standard input.

    Several words on a line (or in one quoted argument) stand for their mean. Piped, each answer is a line
    query<TAB>neighbour<TAB>value. A word outside the vocabulary is composed from its n-grams where the model has
    them; else it is an error that names close spellings, the other queries go on, and the exit status is 1.
    """
    if index_file:
        refuse(("metric", "restrict_vocab"), "with `index_file`: it answers for cosine and the whole vocabulary")
    vectors = load(model)
    alike = learnt_nothing(vectors, vectors.config.get("epochs"))
    if alike is not None:
        warnings.warn(alike, stacklevel=2)
    index = None
    if index_file:
        from embedkit.query.index import NeighbourIndex

        index = NeighbourIndex.open(index_file, vectors)
    status = 0
    with Results(["query", "neighbour", "value"], as_json) as results:
        for lines in query_batches(words):
            asked = [(line, words_of(vectors, line)) for line in lines]
            queries = [query for query in asked if known(vectors, query[1], quiet)]
            status = 1 if len(queries) < len(asked) else status
            if queries:
                combined = np.stack([vectors.combine(parts, metric=metric) for _, parts in queries])
                answers = vectors.most_similar_batch(
                    combined,
                    topn,
                    exclude=[[*parts, *exclude] for _, parts in queries],
                    restrict_vocab=restrict_vocab,
                    metric=metric,
                    index=index,
                )
                for (line, _), neighbours in zip(queries, answers, strict=True):
                    for word, value in neighbours:
                        results.row(line, word, value)
            results.flush()
    return status
