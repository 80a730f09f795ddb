"""``embedkit train``."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.cluster import cluster_option
from embedkit.cli.shared.files import CHECKPOINT, INPUT, OUTPUT
from embedkit.cli.shared.options import Size, given, json_option, options_of, quiet_option, refuse
from embedkit.cli.shared.text_fields import field_options, unit_option
from embedkit.cli.shared.tokenizing import morpheme_options
from embedkit.training.options import CONFIGS, MODELS, OPTIONS


@click.command(
    epilog="Example: embedkit train corpus.txt -o model.safetensors --model skipgram --vector-size 100",
)
@click.argument("corpus", nargs=-1, type=INPUT, metavar="CORPUS...")
@click.option("--output", "-o", type=OUTPUT, help="The file of vectors to write; its suffix names the format.")
@click.option(
    "--model",
    default="skipgram",
    show_default=True,
    type=click.Choice(MODELS),
    help="How to train.",
)
@click.option(
    "--vocab",
    "vocabulary",
    type=INPUT,
    metavar="FILE",
    help="Use the words of this `word count` file instead of counting.",
)
@click.option(
    "--cooccurrences",
    type=INPUT,
    metavar="FILE",
    help="glove, svd: counts from `embedkit cooccur` instead of a corpus (.bin: with --vocab).",
)
@click.option("--init", type=INPUT, metavar="VECTORS", help="Start from these vectors, matched by word.")
@click.option(
    "--continue",
    "continue_from",
    type=INPUT,
    metavar="MODEL",
    help="Go on from this model: its words stay, new ones join them; size and options are the model's.",
)
@click.option("--lock", is_flag=True, help="With --continue or --init: vectors that are known stay as they are.")
@click.option(
    "--compass",
    type=INPUT,
    metavar="MODEL",
    help="skipgram, cbow: train one period against this model of all, made with --keep-output; see drift.",
)
@click.option("--checkpoint", type=CHECKPOINT, metavar="DIR", help="Keep the state of the run in this folder or URL.")
@click.option(
    "--checkpoint-every", default=60.0, show_default=True, metavar="SECONDS", help="How often to write the checkpoint."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, where there is one.")
@click.option("--log", type=OUTPUT, metavar="FILE", help="Write the training curve as JSON lines.")
@click.option("--mmap-above", type=Size(), metavar="SIZE", help="Keep the id stream on disk above this size, e.g. 4G.")
@click.option("--format", "format_", metavar="NAME", help="Of the output, where the suffix does not tell.")
@click.option("--dry-run", is_flag=True, help="Only say what it would take: words, memory, disk, time.")
@options_of(CONFIGS)
@unit_option
@field_options
@morpheme_options
@cluster_option
@json_option
@quiet_option
def train(
    corpus: tuple[str, ...],
    output: str | None,
    format_: str | None,
    dry_run: bool,
    mmap_above: int | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train word vectors on text files, folders, or standard input (-).

    --continue keeps a model's words and adds those of new text: embedkit train new.txt --continue old.safetensors -o
    grown.safetensors, with --lock without moving the old ones. Best is a model made with --keep-output.

    \b
    In Korean: embedkit train corpora/ko.txt -o ko.safetensors --tokenizer korean
    """
    from embedkit.cli.shared.training import show_plan, train_and_save

    if not dry_run:
        refuse(["as_json"], "without `dry_run`")
    if options["checkpoint"] is None:
        refuse(["checkpoint_every"], "without `checkpoint`")
    if (options["continue_from"] or options["compass"]) and not given(["model"]):
        options["model"] = None  # that of the file
    asked = set(given(OPTIONS))
    options = {name: value for name, value in options.items() if name in asked or name not in OPTIONS}
    if mmap_above is not None:
        options["mmap_above"] = mmap_above
    if not corpus and not options["cooccurrences"]:
        raise click.UsageError("name a corpus: text files, folders, or - for standard input")
    if dry_run:
        show_plan(list(corpus), output, format_, options, as_json, quiet)
        return
    if output is None:
        raise click.UsageError("name the file to write: -o model.safetensors")
    train_and_save(list(corpus) or None, output, format_, options, quiet)
