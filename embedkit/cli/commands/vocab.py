"""``embedkit vocab``: the words of a corpus and how often they occur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.cluster import cluster_engine, cluster_option, refuse_with_cluster
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import corpus_options, json_option, option_of, quiet_option, refuse, workers_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.errors import ConfigError, counted
from embedkit.vocabulary.options import VocabularyOptions

if TYPE_CHECKING:
    from embedkit.text.reading import Listed
    from embedkit.vocabulary import Vocabulary

_MILLION = ["per_million"]


@click.command(epilog="Example: embedkit vocab corpus.txt --min-count 10 | head")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@option_of(VocabularyOptions, "min_count", default=1)
@option_of(VocabularyOptions, "max_vocab")
@click.option(
    "--output",
    "-o",
    type=OUTPUT,
    metavar="FILE",
    help="Write there instead; other commands take the file as --vocab, and so do the GloVe tools.",
)
@click.option("--per-million", is_flag=True, help="A third column: how often a word stands in a million words.")
@click.option("--by-file", is_flag=True, help="A row for each word and each file in which it stands.")
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
    per_million: bool,
    by_file: bool,
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

    Prints word<TAB>count, the most frequent first, equal counts in UTF-8 order; with --by-file
    word<TAB>file<TAB>count, with --per-million a column more.

    \b
    In Korean: embedkit vocab corpora/ko.txt --tokenizer korean --per-million
    """
    if output is not None:
        refuse(("per_million", "by_file"), "with `output`, whose file holds words and counts for other commands")
    if by_file:
        refuse(["cluster"], "with `by_file`")
    refuse_with_cluster(cluster, workers=workers)
    if output is not None:
        refuse(["as_json"], "with `output`")
    reading: dict[str, Any] = {
        "tokenizer": tokenizer,
        "lowercase": lowercase,
        "json_field": json_field,
        "encoding_errors": encoding_errors,
    }
    # Frequencies are shares of all words, rare ones included.
    limits: dict[str, Any] = {
        "min_count": 1 if per_million else min_count,
        "max_vocab": None if per_million else max_vocab,
    }
    if cluster is not None:
        from embedkit.cluster import words as on_cluster

        with cluster_engine(cluster, quiet) as engine, progress_bar(quiet) as progress:
            words = on_cluster.count_words(engine, list(corpus), progress=progress, **reading, **limits)
    else:
        from embedkit.text.reading import list_sources
        from embedkit.vocabulary.corpus import count_words

        files = list_sources(corpus)
        with progress_bar(quiet) as progress:
            words = count_words(files, workers=workers, progress=progress, **reading, **limits)
    total = words.total
    if per_million:
        from embedkit.vocabulary.merging import merge_vocabularies

        words = merge_vocabularies([words], min_count, max_vocab)
    if output is not None:
        words.save(output, separator="\t")
        note(f"{counted(len(words), 'word')}, {counted(words.total, 'token')}: {output}", quiet)
    elif by_file:
        _print_by_file(files, words, per_million, as_json, workers=workers, **reading)
    else:
        with Results(["word", "count", *_MILLION[:per_million]], as_json) as results:
            for word, count in zip(words, words.counts.tolist(), strict=True):
                results.row(word, count, *[1e6 * count / total][:per_million])


def _print_by_file(files: Listed, words: Vocabulary, per_million: bool, as_json: bool, **reading: Any) -> None:
    """A row for each word and each file in which it stands: word by word, the files in the order of reading."""
    from embedkit.vocabulary.corpus import count_all_words

    if "-" in files:
        raise ConfigError("--by-file reads its files twice; standard input can be read only once")
    by_file = {str(file): count_all_words([file], **reading) for file in files}
    totals = {name: max(counted.total, 1) for name, counted in by_file.items()}
    with Results(["word", "file", "count", *_MILLION[:per_million]], as_json) as results:
        for word in words:
            for name, counted in by_file.items():
                row = counted.key_to_index.get(word)
                if row is not None:
                    count = int(counted.counts[row])
                    results.row(word, name, count, *[1e6 * count / totals[name]][:per_million])
