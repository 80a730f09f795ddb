"""``embedkit align``: one model rotated into the space of another."""

from __future__ import annotations

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse, seed_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError, counted


@click.command(epilog="Example: embedkit align ko.vec en.vec --dictionary ko-en.tsv -o out.vec")
@click.argument("source", type=INPUT, metavar="A")
@click.argument("target", type=INPUT, metavar="B")
@click.option(
    "--dictionary",
    type=INPUT,
    metavar="PAIRS",
    help="A word of A and its translation in B a line; the first 5000 words that both hold by default.",
)
@click.option("--output", "-o", type=OUTPUT, metavar="OUT", help="Write A in the space of B; any format.")
@click.option(
    "--held-out",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1, max_open=True),
    help="Share of the dictionary that measures rather than fits.",
)
@click.option(
    "--restrict-vocab",
    default=30_000,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Look for translations among the first N words.",
)
@reading_options
@seed_option
@json_option
@quiet_option
def align(
    source: str,
    target: str,
    dictionary: str | None,
    output: str | None,
    held_out: float,
    restrict_vocab: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Rotate A into the space of B (orthogonal Procrustes).

    Prints how often the translation of a held-out word is the nearest, among the nearest five and ten words: by
    cosine and by CSLS, which mends hubs. The rotation that is written is then fitted to the whole dictionary.
    """
    from embedkit.analysis.alignment import align as rotate
    from embedkit.analysis.alignment import read_dictionary, shared_words
    from embedkit.query.storing import save

    if held_out == 0:
        refuse(("seed", "restrict_vocab"), "with `held_out` 0, which leaves nothing to measure")
    pairs = read_dictionary(dictionary) if dictionary else None
    a, b = load(source), load(target)
    pairs = pairs or shared_words(a, b)
    if not pairs:
        raise ConfigError(f"{source} and {target} have no word in common: give --dictionary PAIRS")
    with progress_bar(quiet) as progress:
        found = rotate(a, b, pairs, held_out=held_out, restrict_vocab=restrict_vocab, seed=seed, progress=progress)
    skipped = f", {found.skipped} skipped with an unknown word" if found.skipped else ""
    note(f"{counted(found.used, 'pair')} used{skipped}", quiet)
    if found.used < a.vector_size:
        note(f"note: fewer pairs than the {a.vector_size} dimensions leave the rotation partly open", quiet)
    with Results(["method", "p_at_1", "p_at_5", "p_at_10", "queries"], as_json, header=True) as results:
        for row in found.retrieval:
            results.row(row.method, *(value if row.queries else None for value in row.precision), row.queries)
    if output:
        save(found.vectors, output)
        note(
            f"{output}: {counted(len(found.vectors), 'word')}, {counted(found.vectors.vector_size, 'dimension')}", quiet
        )
