"""``embedkit vocab``: the words of a corpus and how often they occur."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.cluster import cluster_engine, cluster_option, refuse_with_cluster
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import corpus_options, json_option, quiet_option, refuse, workers_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar


@click.command(epilog="Example: embedkit vocab corpus.txt --min-count 10 | head")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option(
    "--min-count",
    "--minCount",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Leave out words that are rarer than this.",
)
@click.option(
    "--max-vocab", default=None, type=click.IntRange(1), help="Keep at most so many words, the most frequent ones."
)
@click.option(
    "--output",
    "-o",
    type=OUTPUT,
    metavar="FILE",
    help="Write there instead; other commands take the file as --vocab, and so do the GloVe tools.",
)
@corpus_options
@cluster_option
@workers_option
@json_option
@quiet_option
def vocab(
    corpus: tuple[str, ...],
    min_count: int,
    max_vocab: int | None,
    output: str | None,
    tokenizer: str,
    lowercase: bool,
    json_field: str | None,
    encoding_errors: str,
    cluster: str | None,
    workers: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Count the words of CORPUS: files, folders or - for standard input.

    Prints word<TAB>count, the most frequent first, equal counts in UTF-8 order.
    """
    refuse_with_cluster(cluster, workers=workers)
    if output is not None:
        refuse(["as_json"], "with `output`")
    options: dict[str, Any] = {
        "tokenizer": tokenizer,
        "lowercase": lowercase,
        "json_field": json_field,
        "encoding_errors": encoding_errors,
        "min_count": min_count,
        "max_vocab": max_vocab,
    }
    if cluster is not None:
        from embedkit.cluster import words as on_cluster

        with cluster_engine(cluster, quiet) as engine, progress_bar(quiet) as progress:
            words = on_cluster.count_words(engine, list(corpus), progress=progress, **options)
    else:
        from embedkit.vocabulary.corpus import count_words

        with progress_bar(quiet) as progress:
            words = count_words(corpus, workers=workers, progress=progress, **options)
    if output is not None:
        words.save(output, separator="\t")
        note(f"{len(words):,} words, {words.total:,} tokens: {output}", quiet)
        return
    with Results(["word", "count"], as_json) as results:
        for word, count in zip(words, words.counts.tolist(), strict=True):
            results.row(word, count)
