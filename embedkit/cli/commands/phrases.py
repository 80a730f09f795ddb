"""``embedkit phrases``: joins frequent collocations, so that they get vectors of their own."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import click

from embedkit.cli.shared.cluster import cluster_engine, cluster_option, refuse_with_cluster
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import corpus_options, json_option, quiet_option, refuse, workers_option
from embedkit.cli.shared.output import Results, note, print_text
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.text_fields import unit_option
from embedkit.cli.shared.words import word_list
from embedkit.errors import counted

_FINDING = ("threshold", "npmi", "min_count", "delta", "passes", "delimiter", "connector_words")


@click.command(epilog="Example: embedkit phrases corpus.txt --passes 2 -o joined.txt")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="Write the text there; standard output by default.")
@click.option("--threshold", type=float, help="Join pairs that score higher.  [default: 100; 0.5 with --npmi]")
@click.option("--npmi", is_flag=True, help="Score by normalised pointwise mutual information, -1 to 1.")
@click.option(
    "--min-count",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="A pair must occur so often.",
)
@click.option(
    "--delta", type=float, help="Taken from each pair's count in word2phrase's score.  [default: --min-count]"
)
@click.option(
    "--passes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Each pass joins what the one before left; n passes reach phrases of 2^n words.",
)
@click.option("--delimiter", default="_", show_default=True, metavar="TEXT", help="Between the words of a phrase.")
@click.option(
    "--connector-words",
    metavar="FILE|WORD,…|english",
    help="Words that may stand inside of a phrase, not at its ends; english is a list that comes with embedkit.",
)
@click.option("--save-phrases", type=OUTPUT, metavar="FILE", help="Keep the phrases there, for --apply.")
@click.option("--apply", type=INPUT, metavar="FILE", help="Join the phrases of this file, whatever their counts here.")
@click.option("--list", "as_list", is_flag=True, help="Print phrase, count and score instead of the text.")
@unit_option
@corpus_options
@cluster_option
@workers_option
@json_option
@quiet_option
def phrases(
    corpus: tuple[str, ...],
    output: str | None,
    threshold: float | None,
    npmi: bool,
    min_count: int,
    delta: float | None,
    passes: int,
    delimiter: str,
    connector_words: str | None,
    save_phrases: str | None,
    apply: str | None,
    as_list: bool,
    tokenizer: str,
    lowercase: bool,
    json_field: str | None,
    encoding_errors: str,
    cluster: str | None,
    workers: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Join frequent collocations of CORPUS with an underscore: new york becomes new_york.

    Scores as the word2phrase tool: how many times more often than by chance two words stand side by side. The text
    comes out with one space between tokens and without blank lines. Phrases found in one text are kept with
    --save-phrases and joined in others with --apply, which are cut by the same tokenizer. With --connector-words
    english (of, the, and, …) bank of america becomes bank_of_america, if bank and america are near each other often.

    \b
    Example: embedkit phrases corpora/en.txt --connector-words english --threshold 20 --list
    In Korean: embedkit phrases corpora/ko.txt --tokenizer korean --save-phrases ko.phrases -o joined.txt
    """
    from embedkit.counting.phrase_model import PhraseModel
    from embedkit.counting.phrases import join_phrases, spell
    from embedkit.files.atomic import atomic_open
    from embedkit.vocabulary.corpus import Corpus

    if npmi:
        refuse(["delta"], "with `npmi`: it belongs to word2phrase's score")
    if as_json and not as_list:
        raise click.UsageError("--json goes with --list")
    if as_list and output is not None:
        raise click.UsageError("--list prints the phrases; leave out --output, or redirect")
    refuse_with_cluster(cluster, workers=workers, apply=apply)
    if apply:
        refuse((*_FINDING, "tokenizer", "lowercase", "as_list", "save_phrases"), "with `apply`: the file says them")
    reading: dict[str, Any] = {
        "tokenizer": tokenizer,
        "lowercase": lowercase,
        "json_field": json_field,
        "encoding_errors": encoding_errors,
    }
    scoring: dict[str, Any] = {
        "threshold": threshold,
        "delta": delta,
        "min_count": min_count,
        "npmi": npmi,
        "passes": passes,
        "delimiter": delimiter,
        "connector_words": _connector_words(connector_words),
    }
    model = PhraseModel.load(apply) if apply else None
    if model is not None:
        reading.update(tokenizer=model.tokenizer, lowercase=model.lowercase)
    with contextlib.ExitStack() as opened:
        if cluster is not None:
            from embedkit.cluster import phrases as on_cluster

            engine = opened.enter_context(cluster_engine(cluster, quiet))
            progress = opened.enter_context(progress_bar(quiet))
            text, found = on_cluster.join_phrases(engine, list(corpus), progress=progress, **scoring, **reading)
        else:
            with progress_bar(quiet) as progress:
                encoded = Corpus.from_text(corpus, min_count=1, workers=workers, progress=progress, **reading)
            ids, words = encoded.ids, encoded.vocabulary.index_to_key
            if model is not None:
                found, (ids, words) = [list(phrases) for phrases in model.passes], model.apply(ids, words)
            else:
                ids, words, found = join_phrases(ids, words, **scoring)
            text = spell(ids, words)
        if scoring["connector_words"] and not any(phrase.between for phrase in itertools.chain.from_iterable(found)):
            note("note: no phrase holds a connector word", quiet)
        if save_phrases:
            PhraseModel(found, delimiter, tokenizer, lowercase, scoring["connector_words"]).save(save_phrases)
        if as_list:
            with Results(["phrase", "count", "score"], as_json) as results:
                for phrase in itertools.chain.from_iterable(found):
                    results.row(phrase.text, phrase.count, phrase.score)
        elif output is None:
            print_text(text)
        else:
            with atomic_open(output, streamed=True) as stream:
                stream.writelines(text)
    note(f"{counted(sum(map(len, found)), 'phrase')}{f' of {apply}' if apply else ''}", quiet)


def _connector_words(given: str | None) -> tuple[str, ...]:
    from embedkit.counting.phrase_pairs import ENGLISH

    if given is None:
        return ()
    return ENGLISH if given == "english" else tuple(word_list(given))
