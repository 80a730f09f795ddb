"""``embedkit keyness``: the words that are typical of one corpus against another."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import corpus_options, json_option, quiet_option, workers_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.counting.keyness import MEASURES
from embedkit.errors import counted


@click.command(epilog="Example: embedkit keyness corpora/en_questions.txt corpora/en.txt --tokenizer words --topn 10")
@click.argument("corpus", type=INPUT, metavar="A")
@click.argument("reference", type=INPUT, metavar="B")
@click.option(
    "--measure",
    default=MEASURES[0],
    show_default=True,
    type=click.Choice(MEASURES),
    help="Sort by how sure the difference is, or by how large.",
)
@click.option(
    "--min-count",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Leave out words that are rarer than this in A.",
)
@click.option("--topn", "-n", default=20, show_default=True, type=click.IntRange(1), help="How many words.")
@corpus_options
@workers_option
@json_option
@quiet_option
def keyness(
    corpus: str,
    reference: str,
    measure: str,
    min_count: int,
    topn: int,
    workers: int | None,
    as_json: bool,
    quiet: bool,
    **reading: Any,
) -> None:
    """The words that A has more of than B; each a file, a folder or -. The other way round: keyness B A.

    Prints word, its count and its frequency per million words in A and in B, log-likelihood (G²: how sure the
    difference is), log ratio (how large: 1 is twice as frequent, 2 four times) and BIC (above 10: very strong).

    \b
    In Korean: embedkit keyness corpora/ko_questions.txt corpora/ko.txt --tokenizer korean
    """
    from embedkit.counting.keyness import keyness as find
    from embedkit.vocabulary.corpus import count_words

    with progress_bar(quiet) as progress:
        both = [count_words([path], workers=workers, progress=progress, **reading) for path in (corpus, reference)]
    found = find(*both, measure=measure, min_count=min_count, topn=topn)
    note(f"{counted(both[0].total, 'word')} in {corpus}, {both[1].total:,} in {reference}", quiet)
    if not found:
        why = f"more frequent in {corpus} than in {reference}, and there {counted(min_count, 'time')} or more"
        note(f"note: no word is {why}; --min-count 1 takes rare ones", quiet)
    columns = ["word", "count_a", "count_b", "per_million_a", "per_million_b", "log_likelihood", "log_ratio", "bic"]
    with Results(columns, as_json, header=True) as results:
        for key in found:
            results.row(
                key.word,
                key.count,
                key.reference_count,
                key.per_million,
                key.reference_per_million,
                key.log_likelihood,
                key.log_ratio,
                key.bic,
            )
