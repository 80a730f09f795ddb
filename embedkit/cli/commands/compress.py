"""``embedkit compress``: vectors in fewer bytes, and what that costs."""

from __future__ import annotations

from math import isnan

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import json_option, quiet_option, refuse, seed_option
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options
from embedkit.errors import ConfigError
from embedkit.files.locations import size_of
from embedkit.rows.quantization import KINDS


@click.command(epilog="Example: embedkit compress model.safetensors --report --pairs ws353.tsv")
@click.argument("model", type=INPUT)
@click.option("--output", "-o", type=OUTPUT, metavar="OUT", help="Write the compressed model: a native file.")
@click.option(
    "--quantize",
    "kind",
    default="int8",
    show_default=True,
    type=click.Choice(KINDS),
    help="Two bytes a number; one, and four a vector; or product quantisation: a byte a subvector.",
)
@click.option(
    "--subvectors", type=click.IntRange(1), metavar="N", help="pq: bytes a vector; half its dimensions by default."
)
@click.option("--report", is_flag=True, help="Print what each way costs in bytes and in quality.")
@click.option(
    "--pairs",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="Word pairs that the report measures Spearman's correlation on; repeatable.",
)
@reading_options
@seed_option
@json_option
@quiet_option
def compress(
    model: str,
    output: str | None,
    kind: str,
    subvectors: int | None,
    report: bool,
    pairs: tuple[str, ...],
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Store vectors in fewer bytes: float16, int8 or product quantisation.

    All commands read the compressed file like any other; its vectors are decoded when they are needed. Words are
    kept, and the subwords' vectors compressed too; what only training and `fill` need is left out. --report prints
    for each way: bytes, the mean cosine with the original vectors, and the share of the ten nearest neighbours that
    stay, both over the first 5000 words.
    """
    if not output and not report:
        raise ConfigError("nothing to do: give -o OUT or --report")
    if output and not output.endswith(".safetensors"):
        raise ConfigError(
            f"compressed vectors are native files: expected a name that ends with .safetensors, found {output}"
        )
    if not report:
        refuse(("pairs", "as_json"), "without `report`")
        if kind != "pq":
            refuse(("subvectors", "seed"), f"with `kind` {kind}: it is for pq")
    if not output:
        refuse(["kind"], "without `output`: `report` tells of every kind")
    from embedkit.analysis.compression import compress as compress_vectors
    from embedkit.analysis.compression import costs
    from embedkit.analysis.testsets import read_pairs
    from embedkit.files.outputs import is_stream
    from embedkit.query.storing import save

    pair_sets = [read_pairs(path) for path in pairs]
    vectors = load(model)
    if report:
        columns = [
            "quantize",
            "bytes",
            "share",
            "cosine",
            "overlap",
            *(f"spearman {pair_set.name}" for pair_set in pair_sets),
        ]
        with progress_bar(quiet) as progress, Results(columns, as_json, header=True) as results:
            full = None
            for cost in costs(vectors, pair_sets, subvectors=subvectors, seed=seed, progress=progress):
                full = full or cost.bytes
                measures = (cost.cosine, cost.overlap, *cost.spearman)
                results.row(
                    cost.kind,
                    cost.bytes,
                    cost.bytes / max(full, 1),
                    *(None if isnan(measure) else measure for measure in measures),
                )
    if output:
        with progress_bar(quiet) as progress:
            smaller = compress_vectors(
                vectors, kind, subvectors=subvectors if kind == "pq" else None, seed=seed, progress=progress
            )
        save(smaller, output, "native")
        if not is_stream(output):
            before, after = (size_of(file) or 0 for file in (model, output))
            note(f"{model}: {before:,} bytes; {output}: {after:,} bytes, {after / max(before, 1):.0%} of it", quiet)
