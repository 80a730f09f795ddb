"""``embedkit cooccur``: counting which words stand near each other, and looking at the counts."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from embedkit.cli.shared.cluster import cluster_engine, cluster_option, refuse_with_cluster
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import (
    READING,
    corpus_options,
    given,
    json_option,
    quiet_option,
    refuse,
    workers_option,
)
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.text_fields import unit_option
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError, EmptyCorpusError, counted
from embedkit.files.locations import is_file
from embedkit.files.outputs import spill_folder
from embedkit.files.urls import is_url, shown

if TYPE_CHECKING:
    from embedkit.counting import Cooccurrences, Window
    from embedkit.progress import ProgressCallback
    from embedkit.vocabulary import Vocabulary

_WINDOW = ("window", "symmetric", "weighting")


class Size(click.ParamType):
    """A number of bytes such as 500M or 4G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", str(value).strip(), re.IGNORECASE)
        if not match or float(match[1]) == 0:
            self.fail(f"expected a size such as 500M or 4G, got {value!r}", param, ctx)
        return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))


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
@click.option("--max-vocab", type=click.IntRange(1), help="Keep at most so many words, the most frequent ones.")
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
    from embedkit.counting.files import merge_files
    from embedkit.vocabulary import Vocabulary

    _check(output, table, ratio, probes, shard, vocab, merge)
    _refuse_idle(corpus, output, bool(table or ratio), vocab, merge)
    refuse_with_cluster(cluster, workers=workers, memory=memory, shard=shard, merge=merge)
    _check_folder(temporary, cluster)
    if ppmi:
        refuse(_NOT_OF_WEIGHTS, "with `ppmi`, which writes weights of all counts at once")
        if output is None or not output.lower().endswith((".npz", ".mtx")):
            raise ConfigError("--ppmi writes a sparse matrix: give -o FILE.npz (SciPy) or FILE.mtx (Matrix Market)")
    else:
        refuse(("shift", "context_smoothing"), "without `ppmi`")
    if cluster and output is None:
        raise click.UsageError("--cluster writes counts: give -o FILE, then look at the file with --table or --ratio")
    vocabulary = Vocabulary.load(vocab) if vocab else None
    if shard and vocabulary is not None and not vocabulary.has_counts:
        raise ConfigError(
            f"{vocab} is a list of words without counts, which each part would count for itself: --shard needs "
            "the counts of the whole corpus (embedkit vocab CORPUS -o vocab.txt)"
        )
    if words and not table:
        raise ConfigError("--words goes with --table")
    with progress_bar(quiet) as progress:
        if merge:
            cells = merge_files(
                corpus,
                str(output),
                vocabulary=vocabulary,
                window=Window(window, symmetric, weighting) if given(_WINDOW) else None,
                format=format_,
                workers=workers,
                memory=memory,
                folder=temporary,
                progress=progress,
            )
            note(f"{output}: {counted(cells, 'cell')} from {counted(len(corpus), 'file')}", quiet)
            return
        options = {
            "vocabulary": vocabulary,
            "min_count": min_count or (1 if table else 5),
            "max_vocab": max_vocab,
            "workers": workers,
            **reading,
        }
        if output is None or ppmi:
            counts = _looked_at(corpus, Window(window, symmetric, weighting), options, progress)
            if output is not None:
                _write_weights(counts, output, shift, context_smoothing, save_vocab, quiet)
                return
        else:
            cells = _count(
                cluster,
                quiet,
                corpus,
                output,
                format_,
                Window(window, symmetric, weighting),
                memory,
                temporary,
                shard,
                save_vocab,
                progress,
                **options,
            )
            note(f"{output}: {counted(cells, 'cell')}", quiet)
            if not table and not ratio:
                return
            from embedkit.counting.files import load

            counts = load(output, vocabulary if vocab or not save_vocab else Vocabulary.load(save_vocab))
    if table:
        _print_table(counts, word_list(words) if words else None, as_json)
    if ratio:
        _print_ratios(counts, ratio, str(probes), as_json)


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
) -> None:
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


def _looked_at(
    corpus: tuple[str, ...], window: Window, options: dict[str, Any], progress: ProgressCallback | None
) -> Cooccurrences:
    from embedkit.counting import count_cooccurrences, files, long_table, native
    from embedkit.vocabulary.corpus import Corpus

    if len(corpus) == 1 and is_file(corpus[0]):
        long_table.refuse(corpus[0])
        of_glove = corpus[0].endswith(".bin") and options["vocabulary"] is not None
        if of_glove or native.is_native(corpus[0]):
            return files.load(corpus[0], options["vocabulary"], progress=progress)
    encoded = Corpus.from_text(list(corpus), progress=progress, **options)
    return count_cooccurrences(encoded, window, workers=options["workers"], progress=progress)


def _count(
    cluster: str | None,
    quiet: bool,
    corpus: tuple[str, ...],
    output: str,
    format_: str | None,
    window: Window,
    memory: int | None,
    temporary: str | None,
    shard: str | None,
    save_vocab: str | None,
    progress: ProgressCallback | None,
    workers: int | None,
    vocabulary: Vocabulary | None,
    **options: Any,
) -> int:
    from embedkit.counting import shards
    from embedkit.counting.files import count_to_file
    from embedkit.vocabulary.corpus import Corpus

    if cluster is not None:
        return _count_on_cluster(
            cluster, quiet, list(corpus), output, format_, window, temporary, save_vocab, progress, vocabulary, options
        )
    options["folder"] = temporary or spill_folder(output)
    if memory is not None:
        options["mmap_above"] = memory // 8
    sources = shards.shard(list(corpus), *shards.parse_shard(shard)) if shard else list(corpus)
    try:
        encoded = Corpus.from_text(sources, vocabulary=vocabulary, workers=workers, progress=progress, **options)
    except EmptyCorpusError:
        if shard is None or vocabulary is None:
            raise
        note(f"note: part {shard} holds no word of the vocabulary", quiet)
        encoded = Corpus(np.empty(0, np.int32), vocabulary)  # which adds nothing to the other parts
    cells = count_to_file(
        encoded, output, window, format=format_, workers=workers, memory=memory, folder=temporary, progress=progress
    )
    if save_vocab:
        encoded.vocabulary.save(save_vocab)
    return cells


def _count_on_cluster(
    address: str,
    quiet: bool,
    corpus: list[str],
    output: str,
    format_: str | None,
    window: Window,
    folder: str | None,
    save_vocab: str | None,
    progress: ProgressCallback | None,
    vocabulary: Vocabulary | None,
    options: dict[str, Any],
) -> int:
    from embedkit.cluster.cooccurrence import SpreadCounts

    with cluster_engine(address, quiet) as engine:
        counts = SpreadCounts.from_text(engine, corpus, window, vocabulary=vocabulary, progress=progress, **options)
        cells = counts.save(output, format=format_, folder=folder, progress=progress)
    if save_vocab:
        counts.vocabulary.save(save_vocab)
    return cells


def _write_weights(
    counts: Cooccurrences, output: str, shift: float, context_smoothing: float, save_vocab: str | None, quiet: bool
) -> None:
    from embedkit.counting.ppmi import ppmi
    from embedkit.counting.tfidf import save_matrix

    matrix = ppmi(counts, shift, context_smoothing)
    save_matrix(matrix, output, counts.vocabulary.index_to_key)
    if save_vocab:
        counts.vocabulary.save(save_vocab)
    note(f"{output}: {len(matrix.values):,} of {counted(len(counts), 'cell')} above 0", quiet)


def _print_table(counts: Cooccurrences, words: list[str] | None, as_json: bool) -> None:
    table = counts.table(words)
    words = words or list(counts.vocabulary.index_to_key)
    with Results(["word", "values"] if as_json else ["word", *words], as_json, header=True) as results:
        for word, row in zip(words, table.tolist(), strict=True):
            values = [int(value) if value == int(value) else value for value in row]
            results.row(word, *([dict(zip(words, values, strict=True))] if as_json else values))


def _print_ratios(counts: Cooccurrences, ratio: str, probes: str, as_json: bool) -> None:
    first, second = (word.strip() for word in ratio.split(","))
    columns = ["k", f"count({first})", f"count({second})", f"P(k|{first})", f"P(k|{second})", "ratio"]
    with Results(columns, as_json, header=True, digits=6) as results:
        for found in counts.ratios(first, second, [probe.strip() for probe in probes.split(",")]):
            results.row(found.probe, found.count_first, found.count_second, found.p_first, found.p_second, found.ratio)
