"""``embedkit bias``: the word embedding association test."""

from __future__ import annotations

from math import isnan
from typing import cast

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import given, json_option, quiet_option, refuse, seed_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.reading import load, reading_options_beside
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError, EmbedkitError, counted
from embedkit.options import listed


@click.command(
    epilog="Example: embedkit bias model.safetensors --targets king,prince queen,princess --attributes man woman"
)
@click.argument("model", type=INPUT)
@click.option(
    "--targets", nargs=2, required=True, metavar="X Y", help="Two sets of words, each W,... or a file, a word a line."
)
@click.option(
    "--attributes", nargs=2, required=True, metavar="A B", help="The two sets they are compared with, given likewise."
)
@click.option(
    "--permutations",
    default=10_000,
    show_default=True,
    type=click.IntRange(1),
    help="Drawn for the p-value where there are more than 100,000 divisions of the targets; else all are tried.",
)
@click.option("--words", "by_word", is_flag=True, help="The association of each target instead.")
@reading_options_beside("--words")
@seed_option
@json_option
@quiet_option
def bias(
    model: str,
    targets: tuple[str, str],
    attributes: tuple[str, str],
    permutations: int,
    by_word: bool,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Whether the words of X stand nearer to those of A than to those of B, compared with the words of Y: WEAT.

    Prints effect size d (from −2 to 2; above 0: X goes with A and Y with B), one-sided p-value, the test statistic,
    how many divisions of the targets were tried and whether these were all (Caliskan, Bryson and Narayanan 2017).

    \b
    In Korean: embedkit bias ko.safetensors --targets 왕,왕자 여왕,공주 --attributes 남자 여자
    """
    from embedkit.analysis.directions import Phrase, weat
    from embedkit.query.combining import words_in
    from embedkit.query.questions import composed, item

    if by_word:
        refuse(["permutations", "seed"], "with `by_word`: they are of the p-value")
    vectors = load(model)
    missing: list[str] = []
    sets: list[list[Phrase]] = []
    for words in map(word_list, (*targets, *attributes)):
        sets.append([])
        for word in words:
            said: list[str] = []
            phrase = cast("Phrase", item(word, vectors.__contains__, said))
            parts = words_in([phrase])
            if all(map(vectors.has_vector, parts)):
                sets[-1].append(phrase)
                for text in [*said, *composed(parts, vectors)]:
                    note(f"note: {text}", quiet)
            else:
                missing.append(word)
    if missing:
        note(f"note: {counted(len(missing), 'word')} without a vector left out: {', '.join(missing[:10])}", quiet)
    try:
        found = weat(vectors, (sets[0], sets[1]), (sets[2], sets[3]), permutations=permutations, seed=seed)
    except ConfigError as error:
        raise EmbedkitError(str(error)) if missing else error from None
    idle = given(["permutations", "seed"]) if found.exact else []
    if idle:
        note(f"note: {listed(idle)} did nothing: all {found.divisions:,} divisions were tried", quiet)
    if by_word:
        with Results(["word", "association"], as_json) as results:
            for word, value in found.associations.items():
                results.row(word, value)
    else:
        with Results(["effect_size", "p_value", "statistic", "divisions", "exact"], as_json, header=True) as results:
            effect = None if isnan(found.effect_size) else found.effect_size
            results.row(effect, found.p_value, found.statistic, found.divisions, found.exact)
    return 0
