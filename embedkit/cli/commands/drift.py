"""``embedkit drift``: how words change from period to period."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedkit.analysis.drift import MIN_COUNT
from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse, topn_option
from embedkit.cli.shared.output import Results, note, warn
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError, UnknownWordError, counted

if TYPE_CHECKING:
    from embedkit.analysis.drift import Drift
    from embedkit.query.keyed_vectors import KeyedVectors


@click.command(epilog="Example: embedkit drift before.safetensors after.safetensors --topn 5")
@click.argument("models", nargs=-1, required=True, type=INPUT, metavar="MODEL...")
@click.option("--word", "words", multiple=True, metavar="WORD", help="Follow this word; repeatable.")
@click.option(
    "--baseline",
    nargs=2,
    type=INPUT,
    metavar="A B",
    help="Two models of one period, of two halves of its text: how far words move by chance.",
)
@click.option(
    "--min-count",
    type=click.IntRange(0),
    help=f"Leave out words that are rarer than this in any period.  [default: {MIN_COUNT} where models have counts]",
)
@click.option(
    "--restrict-vocab", type=click.IntRange(1), metavar="N", help="Only the first N words of each model take part."
)
@click.option(
    "--align/--no-align",
    default=None,
    help="Rotate the models onto each other; by default unless they were trained against one --compass.",
)
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="Draw the words of --word: .png, .svg, .pdf.")
@topn_option
@reading_options
@json_option
@quiet_option
def drift(
    models: tuple[str, ...],
    words: tuple[str, ...],
    baseline: tuple[str, str] | None,
    min_count: int | None,
    restrict_vocab: int | None,
    align: bool | None,
    output: str | None,
    topn: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Which words changed most over the MODELs, trained on one period each and given in order of time.

    The models are rotated onto each other (Procrustes), unless they were trained against one model of all periods
    (embedkit train --compass); change is the cosine distance between a word's vectors.
    Prints word, the distance between first and last period, and noise: the share of words that move as far between
    the two models of --baseline, between which no time has passed. With --word: word, from, to, distance, noise, and
    the nearest neighbours in the later period.

    \b
    In Korean: embedkit drift 1990.safetensors 2000.safetensors --word 손전화
    """
    from embedkit.analysis.drift import drift as compare

    if output and not words:
        raise ConfigError("-o draws the words of --word: name some")
    if words:
        refuse(["topn"], "with `words`")
    if output:
        from embedkit.plotting.canvas import check_target

        check_target(output)
    loaded = [load(model) for model in models]
    halves = None if baseline is None else (load(baseline[0]), load(baseline[1]))
    with progress_bar(quiet) as progress:
        found = compare(
            loaded,
            baseline=halves,
            min_count=min_count,
            restrict_vocab=restrict_vocab,
            align=align,
            progress=progress,
        )
    if min_count is None and not found.min_count:
        note("note: not all models carry counts: rare words, whose vectors are noise, take part", quiet)
    if align is None and not found.aligned:
        note("note: the models have one compass: they are compared as they are", quiet)
    note(f"{counted(len(found.words), 'word')} in all periods, of count {found.min_count} or more", quiet)
    if baseline is None:
        note("note: without --baseline nobody knows how much of this is noise", quiet)
    if not words:
        with Results(["word", "distance", "noise"], as_json, header=True) as results:
            shares = found.noise(found.total)
            for place in found.changed()[:topn].tolist():
                results.row(found.words[place], float(found.total[place]), _share(shares[place]))
        return 0
    names = [Path(model).stem for model in models]
    followed = _follow(found, loaded, names, words, as_json)
    if output and followed:
        _draw(found, followed, names, output, quiet)
        note(f"{output}: {len(followed)} of {counted(len(words), 'word')} over {len(names)} periods", quiet)
    return 0 if len(followed) == len(words) else 1


def _follow(
    found: Drift, models: Sequence[KeyedVectors], names: Sequence[str], words: Sequence[str], as_json: bool
) -> list[int]:
    """Print how far words went from period to period; the places of those that are in all of them."""
    followed = []
    with Results(["word", "from", "to", "distance", "noise", "neighbours"], as_json, header=True) as results:
        for word in map(models[0].as_spelt, words):
            if word not in found.words:
                why = f"{word} is not in all periods, or rarer than {found.min_count}"
                if word not in models[0]:
                    why = str(UnknownWordError(word, models[0].close_spellings(word)))
                warn(why)
                results.refused(word, why)
                continue
            place = found.words.index(word)
            followed.append(place)
            for i, distance in enumerate(found.steps[:, place].tolist()):
                near = [neighbour for neighbour, _ in models[i + 1].most_similar(word, topn=5)]
                noise = _share(found.noise(found.steps[i, [place]])[0])
                shown = near if as_json else " ".join(near)
                results.row(word, names[i], names[i + 1], distance, noise, shown)
    return followed


def _draw(found: Drift, places: list[int], names: Sequence[str], output: str, quiet: bool) -> None:
    from embedkit.plotting.drift import draw_drift

    draw_drift(
        [found.words[place] for place in places],
        found.steps[:, places],
        names,
        output,
        noise=found.baseline,
        say=lambda message: note(f"note: {message}", quiet),
    )


def _share(value: float) -> float | None:
    return None if isnan(value) else float(value)
