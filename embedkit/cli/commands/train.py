"""``embedkit train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedkit.cli.shared.options import (
    corpus_options,
    json_option,
    quiet_option,
    seed_option,
    vocabulary_options,
    workers_option,
)


@click.command(
    epilog="Example: embedkit train corpus.txt -o model.safetensors --model skipgram --vector-size 100",
)
@click.argument("corpus", nargs=-1, metavar="CORPUS...")
@click.option("--output", "-o", type=click.Path(), help="The file of vectors to write; its suffix names the format.")
@click.option(
    "--model",
    default="skipgram",
    show_default=True,
    type=click.Choice(["skipgram", "cbow", "fasttext", "glove", "svd", "lsa"]),
    help="How to train.",
)
@click.option("--vector-size", "--dim", "--size", "-dim", type=int, help="Numbers in a vector.  [default: 100]")
@click.option("--window", "--ws", type=int, help="Words to each side.  [default: 5; glove 15]")
@click.option(
    "--shrink-windows/--no-shrink-windows",
    default=None,
    help="Draw each window from 1..window, as word2vec does.  [default: on; off for glove, svd]",
)
@click.option("--epochs", "--epoch", "--iter", type=int, help="Passes over the text.  [default: 5; glove 25]")
@click.option(
    "--learning-rate", "--lr", "--alpha", type=float, help="At the start.  [default: 0.025; cbow, fasttext, glove 0.05]"
)
@click.option(
    "--sample",
    "-t",
    type=float,
    help="Leave out words more frequent than this now and then; 0: never.  [default: 1e-3; fasttext 1e-4]",
)
@click.option(
    "--loss",
    type=click.Choice(["ns", "hs", "softmax"]),
    help="Negative sampling, hierarchical or full softmax.  [default: ns]",
)
@click.option("--negative", "--neg", type=int, help="Negatives for each pair.  [default: 5]")
@click.option("--ns-exponent", type=float, help="Draw negatives by count to this power.  [default: 0.75; fasttext 0.5]")
@click.option(
    "--cbow-gradient",
    type=click.Choice(["sum", "mean"]),
    help="Give each context word the whole gradient, or its share.  [default: sum]",
)
@vocabulary_options
@click.option(
    "--vocab",
    "vocabulary",
    type=click.Path(),
    metavar="FILE",
    help="Use the words of this `word count` file instead of counting.",
)
@click.option(
    "--subwords",
    type=click.Choice(["none", "chars", "jamo"]),
    help="Vectors of n-grams of words too.  [default: none; fasttext chars]",
)
@click.option("--min-n", "--minn", type=int, help="Shortest character n-gram.  [default: by script]")
@click.option("--max-n", "--maxn", type=int, help="Longest character n-gram.  [default: by script]")
@click.option("--bucket", type=int, help="Rows for n-grams.  [default: 2000000]")
@click.option("--min-jamo", type=int, help="Shortest n-gram of jamo.  [default: 3]")
@click.option("--max-jamo", type=int, help="Longest n-gram of jamo.  [default: 5]")
@click.option("--min-syllables", type=int, help="Shortest n-gram of syllables beside the jamo.  [default: 1]")
@click.option("--max-syllables", type=int, help="Longest n-gram of syllables beside the jamo.  [default: 4]")
@click.option("--x-max", type=float, help="GloVe: counts from here on weigh fully.  [default: 100]")
@click.option("--weight-exponent", type=float, help="GloVe: exponent of the weighting.  [default: 0.75]")
@click.option(
    "--glove-vectors",
    type=click.Choice(["sum", "word", "context"]),
    help="GloVe: which vectors are the result.  [default: sum]",
)
@click.option("--shift", type=float, help="svd: PMI less the logarithm of this.  [default: 1]")
@click.option("--context-smoothing", "--cds", type=float, help="svd: contexts count to this power.  [default: 0.75]")
@click.option(
    "--eigenvalue-weighting", type=float, help="svd, lsa: singular values to this power.  [default: 0.25; lsa 1]"
)
@click.option(
    "--cooccurrences",
    type=click.Path(),
    metavar="FILE",
    help="glove, svd: counts from `embedkit cooccur` instead of a corpus (.bin: with --vocab).",
)
@corpus_options
@click.option("--init", type=click.Path(), metavar="VECTORS", help="Start from these vectors, matched by word.")
@click.option("--keep-output", is_flag=True, help="Store the output vectors too (for `fill`, and for going on).")
@click.option("--checkpoint", type=click.Path(), metavar="DIR", help="Keep the state of the run in this folder.")
@click.option(
    "--checkpoint-every", default=60.0, show_default=True, metavar="SECONDS", help="How often to write the checkpoint."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, where there is one.")
@click.option("--log", type=click.Path(), metavar="FILE", help="Write the training curve as JSON lines.")
@click.option("--mmap-above", metavar="SIZE", help="Keep the id stream on disk above this size, e.g. 4G.")
@click.option("--format", "format_", metavar="NAME", help="Of the output, where the suffix does not tell.")
@click.option("--dry-run", is_flag=True, help="Only say what it would take: words, memory, disk, time.")
@workers_option
@seed_option
@json_option
@quiet_option
def train(
    corpus: tuple[str, ...],
    output: str | None,
    format_: str | None,
    dry_run: bool,
    mmap_above: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train word vectors on text files, folders, or standard input (-)."""
    from embedkit.cli.shared.training import show_plan, train_and_save

    if mmap_above is not None:
        from embedkit.cli.shared.options import parse_size

        options["mmap_above"] = parse_size(mmap_above)
    if not corpus and not options["cooccurrences"]:
        raise click.UsageError("name a corpus: text files, folders, or - for standard input")
    if dry_run:
        show_plan(list(corpus), options, as_json, quiet)
        return
    if output is None:
        raise click.UsageError("name the file to write: -o model.safetensors")
    train_and_save(list(corpus) or None, Path(output), format_, options, quiet)
