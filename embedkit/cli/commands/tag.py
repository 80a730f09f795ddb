"""``embedkit tag``: train a tagger of words, measure it, tag lines."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.neural import (
    encoder_options,
    line_batches,
    load_encoder,
    load_vectors,
    log_file,
    refuse_idle_training,
    report_history,
    report_scores,
    save_result,
    take_training_options,
    training_options,
    vectors_option,
)
from embedkit.cli.shared.options import json_option, quiet_option, refuse
from embedkit.cli.shared.output import note, print_json, print_line
from embedkit.cli.shared.progress import progress_bar
from embedkit.nn.models.tagger import OUTPUTS, TAGGER_TRAINING, Tagger, TaggerConfig

_DEFAULT = TaggerConfig()


@click.group(epilog="Example: embedkit tag train pos.tsv --vectors model.safetensors -o pos.safetensors")
def tag() -> None:
    """Label every word of a sentence: parts of speech, names.

    Files hold token<TAB>tag lines with a blank line between sentences.
    """


@tag.command(epilog="Example: embedkit tag train pos.tsv --vectors model.safetensors -o pos.safetensors")
@click.argument("data", nargs=-1, required=True, type=INPUT)
@vectors_option
@click.option("--output", "--out", "-o", "out", required=True, type=OUTPUT, help="The file of the model.")
@click.option(
    "--model",
    default=_DEFAULT.model,
    show_default=True,
    type=click.Choice(["lstm", "gru", "rnn", "mean"]),
    help="Reads both ways; mean has no encoder and tags each word by itself.",
)
@click.option(
    "--hidden-size", default=_DEFAULT.hidden_size, show_default=True, type=click.IntRange(1), help="Of one direction."
)
@click.option("--num-layers", default=_DEFAULT.num_layers, show_default=True, type=click.IntRange(1))
@click.option(
    "--output-layer",
    "output",
    default=_DEFAULT.output,
    show_default=True,
    type=click.Choice(OUTPUTS),
    help="crf weighs whole tag sequences, linear each tag by itself.",
)
@click.option(
    "--spelling-size",
    default=_DEFAULT.spelling_size,
    show_default=True,
    type=click.IntRange(0),
    help="Width of the vector of a word's ends, beginning and shape; 0 for none.",
)
@click.option("--dropout", default=_DEFAULT.dropout, show_default=True, type=click.FloatRange(0, 1, max_open=True))
@encoder_options
@training_options(TAGGER_TRAINING)
def train(
    data: tuple[str, ...],
    vectors: str | None,
    out: str,
    encoder: str | None,
    tune_encoder: bool,
    valid: tuple[str, ...],
    log: str | None,
    checkpoint: str | None,
    resume: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train on files of token<TAB>tag lines; - is standard input."""
    from embedkit.nn.models.tagger_training import train_tagger
    from embedkit.text.labelled import read_tagged

    refuse_idle_training(vectors, valid)
    if options["model"] == "mean":
        refuse(("hidden_size", "num_layers"), "with `model` mean, which has no encoder")
    training = take_training_options(options)
    settings = {name: options.pop(name) for name in ("valid_fraction", "vector_size", "unfreeze_after")}
    sentences = read_tagged(list(data))
    with progress_bar(quiet) as progress, log_file(log, resume) as stream:
        model, history = train_tagger(
            sentences,
            load_vectors(vectors),
            config=TaggerConfig(**options),
            options=training,
            valid=read_tagged(list(valid)) if valid else None,
            progress=progress,
            note=lambda message: note(message, quiet),
            encoder=load_encoder(encoder, tune_encoder),
            log=stream,
            checkpoint=checkpoint,
            resume=resume,
            **settings,
        )
        save_result(model, out, checkpoint)
    report_history(history, "accuracy", out, quiet)


@tag.command(epilog="Example: embedkit tag evaluate pos.safetensors test.tsv")
@click.argument("model", type=INPUT)
@click.argument("data", nargs=-1, required=True, type=INPUT)
@vectors_option
@click.option("--per-label", is_flag=True, help="Precision, recall and F1 of each tag.")
@json_option
def evaluate(model: str, data: tuple[str, ...], vectors: str | None, per_label: bool, as_json: bool) -> None:
    """Accuracy a word at a time and mean F1 on files of token<TAB>tag lines."""
    from embedkit.nn.models.tagger_training import evaluate_tagger
    from embedkit.text.labelled import read_tagged

    tagger = Tagger.load(model, load_vectors(vectors))
    report_scores(evaluate_tagger(tagger, read_tagged(list(data))), "words", as_json, per_label)


@tag.command(epilog="Example: echo 'I like turtles' | embedkit tag predict pos.safetensors")
@click.argument("model", type=INPUT)
@click.argument("files", nargs=-1, type=INPUT, metavar="[FILE]...")
@vectors_option
@click.option("--tokens", is_flag=True, help="One token a line, a blank line between sentences.")
@json_option
@quiet_option
def predict(model: str, files: tuple[str, ...], vectors: str | None, tokens: bool, as_json: bool, quiet: bool) -> None:
    """Tag the lines of files or of standard input: token<TAB>tag lines, a blank line after each sentence.

    A line is a sentence, cut into words as the vectors' training text was.
    """
    import sys

    tagger = Tagger.load(model, load_vectors(vectors))
    for lines in _sentences(files) if tokens else line_batches(files):
        sentences = [line if isinstance(line, list) else tagger.tokens(line) for line in lines]
        for words, tags in zip(sentences, tagger.tag(sentences), strict=True):
            if as_json:
                print_json({"tokens": words, "tags": tags})
                continue
            for word, label in zip(words, tags, strict=True):
                print_line(word, label)
            print_line()
        sys.stdout.flush()


def _sentences(files: tuple[str, ...]) -> Any:
    """Blocks of sentences given as a token a line."""
    sentence: list[str] = []
    for lines in line_batches(files):
        block = []
        for line in lines:
            if line.strip():
                sentence.append(line.strip())
            elif sentence:
                block.append(sentence)
                sentence = []
        yield block
    if sentence:
        yield [sentence]
