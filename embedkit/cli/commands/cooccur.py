"""``embedkit cooccur``: counting which words stand near each other, and looking at the counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.cluster import cluster_option, refuse_with_cluster
from embedkit.cli.shared.counts import (
    Counting,
    count_into,
    count_on_cluster,
    counts_of,
    print_ratios,
    print_table,
    write_weights,
)
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import (
    READING,
    Size,
    corpus_options,
    given,
    json_option,
    option_of,
    quiet_option,
    refuse,
    workers_option,
)
from embedkit.cli.shared.output import note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.text_fields import unit_option
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError, counted
from embedkit.files.locations import is_file
from embedkit.files.urls import is_url, shown
from embedkit.vocabulary.options import VocabularyOptions

if TYPE_CHECKING:
    from embedkit.progress import ProgressCallback

_WINDOW = ("window", "symmetric", "weighting")


@click.command(epilog="Example: embedkit cooccur corpus.txt -o counts.safetensors --window 10 --memory 4G")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option(
    "--output",
    "-o",
    type=OUTPUT,
    help="The file of counts; .bin is GloVe's cooccurrence.bin; .csv, .tsv and .parquet are long tables, a cell a row.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["native", "glove", "csv", "tsv", "parquet"]),
    help="Of the output, whatever its name.",
)
@click.option(
    "--window",
    default=15,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Words to either side, within the line.",
)
@click.option(
    "--symmetric/--left-only",
    default=True,
    show_default=True,
    help="Count each pair from both sides, or only as word (row) before neighbour (column), as GloVe's -symmetric 0.",
)
@click.option(
    "--weighting",
    default="inverse",
    show_default=True,
    type=click.Choice(["inverse", "flat", "linear"]),
    help="A neighbour at distance d counts 1/d, or 1, or (window + 1 - d) / window as on average in word2vec.",
)
@click.option("--vocab", type=INPUT, metavar="FILE", help="Count these words: lines of 'word count'.")
@click.option("--save-vocab", type=OUTPUT, metavar="FILE", help="Write the words that were counted there.")
@click.option(
    "--min-count",
    type=click.IntRange(1),
    help="Leave out words that are rarer than this.  [default: 5, 1 with --table]",
)
@option_of(VocabularyOptions, "max_vocab")
@click.option("--memory", type=Size(), help="All that the process may take, e.g. 4G; beyond that it spills to disk.")
@click.option(
    "--temporary",
    metavar="DIR",
    help="Where to spill; beside the output by default. With --cluster a folder or URL that all workers reach.",
)
@click.option("--shard", metavar="I/N", help="Count the I-th of N parts of the corpus; needs --vocab.")
@click.option("--merge", is_flag=True, help="CORPUS... are files of counts: add them up.")
@click.option("--table", is_flag=True, help="Print the matrix of a small text, or of the words of --words.")
@click.option("--words", metavar="W,...|FILE", help="The words of --table: with commas, or a file, a word a line.")
@click.option("--ratio", metavar="A,B", help="Print P(k|A), P(k|B) and their ratio for the words k of --with.")
@click.option("--with", "probes", metavar="K,...", help="The words k of --ratio.")
@click.option(
    "--ppmi", is_flag=True, help="Write positive pointwise mutual information instead, as a sparse .npz or .mtx."
)
@click.option("--shift", default=1.0, type=click.FloatRange(0, min_open=True), help="Of --ppmi, as in train.")
@click.option("--context-smoothing", "--cds", default=0.75, type=click.FloatRange(-10, 10), help="The same.")
@unit_option
@corpus_options
@cluster_option
@workers_option
@json_option
@quiet_option
def cooccur(
    corpus: tuple[str, ...],
    output: str | None,
    format_: str | None,
    window: int,
    symmetric: bool,
    weighting: str,
    vocab: str | None,
    save_vocab: str | None,
    min_count: int | None,
    max_vocab: int | None,
    memory: int | None,
    temporary: str | None,
    shard: str | None,
    merge: bool,
    table: bool,
    words: str | None,
    ratio: str | None,
    probes: str | None,
    ppmi: bool,
    shift: float,
    context_smoothing: float,
    as_json: bool,
    cluster: str | None,
    workers: int | None,
    quiet: bool,
    **reading: Any,
) -> None:
    """Count which words stand near each other in CORPUS: files, folders or -, a sentence a line.

    The counts are exact and the same for any number of threads. Parts of a corpus counted apart (--shard) add up
    with --merge. A CORPUS that is a file of counts already is looked at with --table or --ratio.
    """
    from embedkit.counting import Window
    from embedkit.vocabulary import Vocabulary

    _check(output, table, ratio, probes, shard, vocab, merge, words)
    _refuse_idle(corpus, output, bool(table or ratio), vocab, merge)
    refuse_with_cluster(cluster, workers=workers, memory=memory, shard=shard, merge=merge)
    _check_folder(temporary, cluster)
    _check_weights(ppmi, output)
    if cluster and output is None:
        raise click.UsageError("--cluster writes counts: give -o FILE, then look at the file with --table or --ratio")
    vocabulary = Vocabulary.load(vocab) if vocab else None
    if shard and vocabulary is not None and not vocabulary.has_counts:
        raise ConfigError(
            f"{vocab} is a list of words without counts, which each part would count for itself: --shard needs "
            "the counts of the whole corpus (embedkit vocab CORPUS -o vocab.txt)"
        )
    kept = {"min_count": min_count or (1 if table else 5), "max_vocab": max_vocab}
    asked = Counting(corpus, Window(window, symmetric, weighting), vocabulary, {**kept, **reading}, workers)
    with progress_bar(quiet) as progress:
        beside: dict[str, Any] = {"temporary": temporary, "progress": progress}
        if merge:
            _merge(asked, str(output), format_, memory=memory, **beside)
            return
        if output is None or ppmi:
            counts = counts_of(asked, progress)
        elif cluster is not None:
            cells = count_on_cluster(cluster, asked, output, format_, save_vocab=save_vocab, quiet=quiet, **beside)
        else:
            cells = count_into(asked, output, format_, memory=memory, shard=shard, save_vocab=save_vocab, **beside)
        if ppmi:
            write_weights(counts, str(output), shift, context_smoothing, save_vocab, quiet)
            return
        if output is not None:
            note(f"{output}: {counted(cells, 'cell')}", quiet)
            if not table and not ratio:
                return
            from embedkit.counting.files import load

            counts = load(output, vocabulary if vocab or not save_vocab else Vocabulary.load(save_vocab))
    if table:
        print_table(counts, word_list(words) if words else None, as_json)
    if ratio:
        print_ratios(counts, ratio, str(probes), as_json)


def _merge(
    asked: Counting,
    output: str,
    format: str | None,
    *,
    memory: int | None,
    temporary: str | None,
    progress: ProgressCallback | None,
) -> None:
    from embedkit.counting.files import merge_files

    cells = merge_files(
        asked.corpus,
        output,
        vocabulary=asked.vocabulary,
        window=asked.window if given(_WINDOW) else None,
        format=format,
        workers=asked.workers,
        memory=memory,
        folder=temporary,
        progress=progress,
    )
    note(f"{output}: {counted(cells, 'cell')} from {counted(len(asked.corpus), 'file')}")


def _check_weights(ppmi: bool, output: str | None) -> None:
    if not ppmi:
        refuse(("shift", "context_smoothing"), "without `ppmi`")
        return
    refuse(_NOT_OF_WEIGHTS, "with `ppmi`, which writes weights of all counts at once")
    if output is not None:
        from embedkit.counting.tfidf import check_matrix_name

        check_matrix_name(output)


def _check_folder(temporary: str | None, cluster: str | None) -> None:
    if temporary is None or (cluster is not None and is_url(temporary)) or os.path.isdir(temporary):
        return
    what = "is a URL, which goes with --cluster only" if is_url(temporary) else "is no folder that exists"
    raise click.UsageError(f"--temporary {shown(temporary)} {what}; name a folder")


def _check(
    output: str | None,
    table: bool,
    ratio: str | None,
    probes: str | None,
    shard: str | None,
    vocab: str | None,
    merge: bool,
    words: str | None,
) -> None:
    if words and not table:
        raise ConfigError("--words goes with --table")
    if output is None and (merge or not (table or ratio)):
        raise ConfigError("where to? give -o FILE, or --table or --ratio to look at the counts")
    if ratio and (len(ratio.split(",")) != 2 or not probes):
        raise ConfigError(
            "--ratio takes two words and --with the words to compare them by: --ratio ice,steam --with solid,gas,water"
        )
    if probes and not ratio:
        raise ConfigError("--with goes with --ratio A,B")
    if shard and not vocab:
        raise ConfigError(
            "--shard needs --vocab FILE: parts add up only when all are counted with one vocabulary "
            "(embedkit vocab CORPUS > vocab.txt)"
        )
    if output is not None and (table or ratio) and output.lower().endswith((".csv", ".tsv", ".parquet")):
        raise ConfigError(
            f"--table and --ratio do not look at {output}; give a file of counts, e.g. -o counts.safetensors"
        )
    if merge and (table or ratio or shard):
        raise ConfigError("--merge adds up files of counts; look at the result in a second step")


_NOT_OF_WEIGHTS = ("format_", "memory", "temporary", "shard", "merge", "table", "ratio", "cluster")
_OF_COUNTING = (*_WINDOW, "min_count", "max_vocab", *READING)


def _refuse_idle(corpus: tuple[str, ...], output: str | None, shown: bool, vocab: str | None, merge: bool) -> None:
    from embedkit.counting import native

    if merge:
        idle = ("min_count", "max_vocab", *READING, "save_vocab")  # the window is that of GloVe's files
        refuse(idle, "with `merge`, which adds up counts that were made before")
    if output is None:
        refuse(("memory", "temporary", "save_vocab", "format_", "shard"), "without `output`")
    counted = len(corpus) == 1 and is_file(corpus[0]) and native.is_native(corpus[0])
    if counted and (output is None or given(["ppmi"])):
        refuse(_OF_COUNTING, f"on {corpus[0]}, which holds counts that were made before")
    if not shown:
        refuse(["as_json"], "without `table` or `ratio`")
    if vocab:
        refuse(("min_count", "max_vocab"), "with `vocab`, which names the words")
