"""``embedkit collocates``: the words that a word keeps company with."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import READING, corpus_options, json_option, quiet_option, refuse, workers_option
from embedkit.cli.shared.output import Results, note, warn
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.text_fields import unit_option
from embedkit.counting.association import MEASURES
from embedkit.errors import UnknownWordError, counted


@click.command(epilog="Example: embedkit collocates corpora/en.txt king queen --measure logdice")
@click.argument("corpus", type=INPUT)
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@click.option(
    "--window",
    default=5,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Words to either side, within the line.",
)
@click.option(
    "--measure",
    default=MEASURES[0],
    show_default=True,
    type=click.Choice(MEASURES),
    help="What the collocates are sorted by.",
)
@click.option(
    "--min-count",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Leave out collocates that stand in the window less often.",
)
@click.option("--topn", "-n", default=20, show_default=True, type=click.IntRange(1), help="How many for each word.")
@unit_option
@corpus_options
@workers_option
@json_option
@quiet_option
def collocates(
    corpus: str,
    words: tuple[str, ...],
    window: int,
    measure: str,
    min_count: int,
    topn: int,
    workers: int | None,
    as_json: bool,
    quiet: bool,
    **reading: Any,
) -> int:
    """The collocates of each WORD in CORPUS: a file, a folder, -, or the counts that embedkit cooccur wrote.

    Prints word, collocate, count, the count that chance would give, log-likelihood (G²), MI, t and logDice. Counts
    made beforehand answer at once; make them with cooccur --weighting flat, so that each neighbour counts once.

    \b
    In Korean: embedkit collocates corpora/ko.txt 왕 여왕 --tokenizer korean
    """
    from embedkit.counting import Window, count_cooccurrences, files, long_table, native
    from embedkit.counting.collocates import collocates as find
    from embedkit.files.locations import is_file
    from embedkit.vocabulary.corpus import Corpus

    one_file = is_file(corpus)
    if one_file:
        long_table.refuse(corpus)
    if one_file and native.is_native(corpus):
        refuse(("window", "workers", *READING), f"on {corpus}, which holds counts that were made before")
        counts = files.load(corpus)
        if counts.window is None or counts.window.weighting != "flat":
            note(f"note: {corpus} holds counts weighted by distance; cooccur --weighting flat counts neighbours", quiet)
    else:
        with progress_bar(quiet) as progress:
            text = Corpus.from_text([corpus], min_count=1, workers=workers, progress=progress, **reading)
            counts = count_cooccurrences(text, Window(window, weighting="flat"), workers=workers, progress=progress)
    status = 0
    columns = ["word", "collocate", "count", "expected", "log_likelihood", "mi", "t", "log_dice"]
    with Results(columns, as_json, header=True) as results:
        for word in words:
            try:
                found = find(counts, word, measure=measure, min_count=min_count, topn=topn)
            except UnknownWordError as error:
                warn(str(error))
                results.refused(word, str(error))
                status = 1
                continue
            if not found:
                note(
                    f"note: nothing stands {counted(min_count, 'time')} or more near {word}; --min-count 1 shows all",
                    quiet,
                )
            for one in found:
                count = int(one.count) if one.count.is_integer() else one.count
                results.row(word, one.word, count, one.expected, one.log_likelihood, one.mi, one.t, one.log_dice)
    return status
