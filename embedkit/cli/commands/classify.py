"""``embedkit classify``: train a classifier of sentences, measure it, label lines."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from embedkit.cli.shared.bag import (
    BAG,
    LINEAR,
    column_options,
    explain_lines,
    lines_to_label,
    load_classifier,
    pairs_of_weights,
    print_predictions,
    read_texts,
    report_sets,
    report_thresholds,
    several_options,
)
from embedkit.cli.shared.bag_training import (
    BAG_ONLY,
    BAG_SUFFIXES,
    bag_options,
    check_sizes,
    chooses_bag,
    note_network,
    train_and_save,
    train_suited_and_save,
    tune_and_save,
)
from embedkit.cli.shared.commands import Commands
from embedkit.cli.shared.files import INPUT, TrainedModelFile, check_model_name
from embedkit.cli.shared.heat_map import AttentionPlot, attention_plot_option
from embedkit.cli.shared.neural import (
    encoder_options,
    fit_and_save,
    load_encoder,
    load_vectors,
    refuse_idle_training,
    report_scores,
    take_training_options,
    training_options,
    vectors_option,
)
from embedkit.cli.shared.options import (
    chain,
    encoding_option,
    given,
    json_option,
    option_of,
    quiet_option,
    refuse,
    take_config,
)
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.reading import refuse_reading
from embedkit.cli.shared.telling import GUESSES, Unknown, tell_unanswered, tell_unseen, tell_valid
from embedkit.errors import ConfigError, counted
from embedkit.nn.layers.encoder import MODELS
from embedkit.nn.models.classifier import CLASSIFIER_TRAINING, Classifier, ClassifierConfig, Explanation

_NETWORK = ClassifierConfig().model


@click.group(
    cls=Commands,
    epilog="Example: embedkit classify train reviews.tsv --vectors model.safetensors -o reviews.safetensors",
)
def classify() -> None:
    """Label sentences: train on text<TAB>label lines, evaluate on others, predict labels of lines."""


@classify.command(epilog="Example: embedkit classify train reviews.tsv --vectors model.safetensors -o out.safetensors")
@click.argument("data", nargs=-1, required=True, type=INPUT)
@vectors_option
@click.option(
    "--output", "--out", "-o", "out", required=True, type=TrainedModelFile(BAG_SUFFIXES), help="The file of the model."
)
@click.option(
    "--model",
    show_default=f"{_NETWORK}; {LINEAR} without vectors and options of networks",
    type=click.Choice([*MODELS, BAG, LINEAR]),
    help="mean has no encoder: words are pooled as they are. fasttext and linear are bags of words and n-grams.",
)
@chain(*(option_of(ClassifierConfig, name) for name in ("hidden_size", "num_layers", "heads")))
@option_of(ClassifierConfig, "bidirectional", off="--unidirectional")
@chain(*(option_of(ClassifierConfig, name) for name in ("pooling", "dropout")))
@bag_options
@column_options
@encoding_option
@encoder_options
@training_options(CLASSIFIER_TRAINING, valid="; of linear the cost and the temperature")
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
    text_column: str | None,
    label_column: str | None,
    **options: Any,
) -> None:
    """Train on files of text<TAB>label lines, or of fastText's __label__x text lines; - is standard input."""
    from embedkit.nn.models.classifier_training import train_classifier

    check_sizes(out, quiet)
    if vectors is None:
        refuse_reading("without `vectors`", "vectors")
    bag = chooses_bag(vectors) if options["model"] is None else options["model"] in (BAG, LINEAR)
    columns = quiet, text_column, label_column
    if bag and options["autotune"]:
        tune_and_save(read_texts(data, *columns), read_texts((options["autotune"],), *columns), out, options, quiet)
        return
    if bag:
        apart = read_texts(valid, *columns) if valid else None
        train_bag = train_suited_and_save if options["model"] is None else train_and_save
        train_bag(read_texts(data, *columns), apart, out, options, quiet)
        return
    if options["model"] is None:
        options["model"] = _NETWORK
        note_network(_NETWORK, vectors, quiet)
    refuse(BAG_ONLY, f"with `model` {options['model']}: it is for {BAG} and {LINEAR}")
    for name in BAG_ONLY:
        del options[name]
    refuse_idle_training(vectors, valid)
    check_model_name(out)
    config = take_config(ClassifierConfig, options)
    training = take_training_options(options)
    texts = read_texts(data, *columns).single()
    held = read_texts(valid, *columns).single() if valid else None
    if held is not None:
        tell_valid(texts.labels, [held.labels], quiet)
    run = partial(
        train_classifier,
        texts,
        load_vectors(vectors),
        config=config,
        options=training,
        valid=held,
        encoder=load_encoder(encoder, tune_encoder),
        **options,
    )
    fit_and_save(run, out, "accuracy", log=log, checkpoint=checkpoint, resume=resume, quiet=quiet)


@classify.command(epilog="Example: embedkit classify evaluate reviews.safetensors test.tsv")
@click.argument("model", type=INPUT)
@click.argument("data", nargs=-1, required=True, type=INPUT)
@vectors_option
@click.option("--per-label", is_flag=True, help="Precision, recall and F1 of each label.")
@click.option(
    "--precision",
    type=click.FloatRange(0, 1, min_open=True),
    help="For each label, the least probability from which on it is right so often.",
)
@column_options
@encoding_option
@several_options
@json_option
@quiet_option
def evaluate(
    model: str,
    data: tuple[str, ...],
    vectors: str | None,
    per_label: bool,
    precision: float | None,
    text_column: str | None,
    label_column: str | None,
    k: int,
    threshold: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Accuracy and mean F1 on files of labelled lines.

    With -k, --threshold, or several labels a line: precision and recall of the labels given, as fastText's test.
    """
    classifier = load_classifier(model, vectors)
    texts = read_texts(data, quiet, text_column, label_column)
    tell_unseen(classifier.labels, texts.labels, quiet)
    unknown = Unknown(GUESSES, quiet)
    full = [text for text in texts.texts if not isinstance(classifier, Classifier) or classifier.tokens(text)]
    unknown.count(classifier.knows(full))
    unknown.tell()
    if n := len(texts) - len(full):
        note(f"note: {counted(n, 'text has', 'texts have')} no words: without an answer, which counts as wrong", quiet)
    if precision is not None:
        refuse(("k", "threshold", "per_label"), "with `precision`")
        report_thresholds(classifier, texts, precision, as_json)
        return
    if given(["k", "threshold"]) or any(len(labels) > 1 for labels in texts.labels):
        report_sets(classifier, texts, k, threshold, as_json, per_label)
        return
    from embedkit.nn.models.classifier_training import evaluate_classifier

    report_scores(evaluate_classifier(classifier, texts.single()), "texts", as_json, per_label)


@classify.command(epilog="Example: echo 'a moving film' | embedkit classify predict reviews.safetensors --explain")
@click.argument("model", type=INPUT)
@click.argument("files", nargs=-1, type=INPUT, metavar="[FILE]...")
@vectors_option
@click.option("--explain", is_flag=True, help="Add the weight of each word, as word:weight.")
@attention_plot_option(
    "The attention of each line as a heat map: on the terminal, or as .png, .svg or .html of the first."
)
@several_options
@click.option("--all", "every", is_flag=True, help="Every label with its probability, the likeliest first.")
@encoding_option
@json_option
@quiet_option
def predict(
    model: str,
    files: tuple[str, ...],
    vectors: str | None,
    explain: bool,
    attention_plot: str | None,
    k: int,
    threshold: float,
    every: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Label the lines of files or of standard input: label<TAB>probability, a line for each line.

    With -k there are up to k pairs of label and probability in a line, the likeliest first, without those below the
    threshold. With --explain a third column holds the words and their weights: by how much the label's log odds fall
    when the word is left out. Above 0 a word speaks for the label, below 0 against it.
    """
    plot = AttentionPlot(attention_plot, quiet)
    classifier = load_classifier(model, vectors)
    if plot and not (isinstance(classifier, Classifier) and classifier.has_attention):
        raise ConfigError(
            "--attention-plot needs a model with attention: train with --pooling attention or --model transformer"
        )
    if explain or plot:
        refuse(("k", "threshold", "every"), "with `explain` or `attention_plot`")
    elif every:
        refuse(("k", "threshold"), "with --all, which gives every label")
        return print_predictions(classifier, files, len(classifier.labels), -1.0, as_json, quiet)
    elif given(["k", "threshold"]) or not isinstance(classifier, Classifier):
        return print_predictions(classifier, files, k, threshold, as_json, quiet)
    if not isinstance(classifier, Classifier):
        return explain_lines(classifier, files, as_json, quiet)
    columns = ["label", "probability", "weights"] if explain else ["label", "probability"]
    number = status = 0
    unknown = Unknown(GUESSES, quiet)
    with Results(columns, as_json) as results:
        for lines in lines_to_label(files, classifier.labels):
            for line, answer in zip(lines, _answers(classifier, lines, explain or bool(plot)), strict=True):
                number += 1
                if answer is None:
                    status |= tell_unanswered(number, line, "has no words: nothing to classify", quiet)
                    results.row(*[None] * len(columns))
                    continue
                prediction = answer.prediction if isinstance(answer, Explanation) else answer
                unknown.count([prediction.known])
                results.row(prediction.label, prediction.probability, *([_weights(answer, as_json)] if explain else []))
                if plot:
                    results.flush()
                    _draw(answer, line, plot)
            results.flush()
    unknown.tell()
    return status


def _answers(classifier: Classifier, lines: list[str], explain: bool) -> list[Any]:
    """A prediction or explanation for each line, None for lines without words."""
    full = [line for line in lines if classifier.tokens(line)]
    found = iter([classifier.explain(line) for line in full] if explain else classifier.predict(full))
    return [next(found) if classifier.tokens(line) else None for line in lines]


def _weights(answer: Any, as_json: bool) -> Any:
    return pairs_of_weights(answer.tokens, answer.weights.tolist(), as_json)


def _draw(answer: Any, line: str, plot: AttentionPlot) -> None:
    several = answer.attention.ndim == 2
    weights = answer.attention if several else answer.attention[None]
    plot.show(weights, answer.tokens if several else [answer.prediction.label], answer.tokens, line)
