"""``embedkit tfidf``: bag of words or TF-IDF as a sparse matrix for other tools."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.cluster import cluster_engine, cluster_option
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import corpus_options, quiet_option, refuse
from embedkit.cli.shared.output import note
from embedkit.cli.shared.progress import progress_bar
from embedkit.errors import ConfigError


@click.command(epilog="Example: embedkit tfidf corpus.txt -o documents.npz --save-vocab words.txt")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option("--output", "-o", required=True, type=OUTPUT, help=".npz for SciPy's load_npz, .mtx for Matrix Market.")
@click.option(
    "--weighting",
    default="tfidf",
    show_default=True,
    type=click.Choice(["tfidf", "count"]),
    help="TF-IDF, or the bare counts: a bag of words.",
)
@click.option("--sublinear", is_flag=True, help="Weigh a word that stands there tf times by 1 + ln tf.")
@click.option(
    "--idf",
    default="smooth",
    show_default=True,
    type=click.Choice(["smooth", "plain"]),
    help="ln((1 + N) / (1 + df)) + 1, as scikit-learn, or ln(N / df).",
)
@click.option(
    "--norm",
    default="l2",
    show_default=True,
    type=click.Choice(["l2", "none"]),
    help="Give each document length 1, or not.",
)
@click.option("--vocab", type=INPUT, metavar="FILE", help="Use the words of this 'word count' file.")
@click.option("--save-vocab", type=OUTPUT, metavar="FILE", help="Write the columns' words there.")
@click.option(
    "--min-count",
    "--minCount",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Leave out words that are rarer than this.",
)
@click.option("--max-vocab", type=click.IntRange(1), help="Keep at most so many words, the most frequent ones.")
@corpus_options
@cluster_option
@quiet_option
def tfidf(
    corpus: tuple[str, ...],
    output: str,
    weighting: str,
    sublinear: bool,
    idf: str,
    norm: str,
    vocab: str | None,
    save_vocab: str | None,
    cluster: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Count and weigh the words of CORPUS, files, folders or -: one line is one document, and one row.

    Columns are the words, the most frequent first, as in the file of --save-vocab (an .npz carries them as well).
    """
    from embedkit.counting.tfidf import bag_of_words, save_matrix
    from embedkit.counting.tfidf import tfidf as weigh
    from embedkit.vocabulary import Vocabulary

    if not output.lower().endswith((".npz", ".mtx")):
        raise ConfigError(f"cannot tell the format of {output}: use .mtx (Matrix Market) or .npz (SciPy)")
    if weighting == "count":
        refuse(("sublinear", "idf", "norm"), "with `weighting` count")
    if vocab:
        refuse(("min_count", "max_vocab"), "with `vocab`, which names the words")
    options["vocabulary"] = Vocabulary.load(vocab) if vocab else None
    if cluster is not None:
        from embedkit.cluster import documents as on_cluster

        with cluster_engine(cluster, quiet) as engine, progress_bar(quiet) as progress:
            counts, vocabulary = on_cluster.bag_of_words(engine, list(corpus), progress=progress, **options)
    else:
        with progress_bar(quiet) as progress:
            counts, vocabulary = bag_of_words(list(corpus), progress=progress, **options)
    matrix = counts if weighting == "count" else weigh(counts, sublinear=sublinear, idf=idf, norm=norm)
    save_matrix(matrix, output, vocabulary.index_to_key)
    if save_vocab:
        vocabulary.save(save_vocab)
    note(f"{output}: {matrix.shape[0]:,} documents, {matrix.shape[1]:,} words, {len(matrix.values):,} cells", quiet)
