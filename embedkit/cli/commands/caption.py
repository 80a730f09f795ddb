"""``embedkit caption``: words for feature vectors."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import numpy as np

from embedkit.cli.shared.commands import Commands
from embedkit.cli.shared.features import load_features
from embedkit.cli.shared.files import INPUT, MODEL
from embedkit.cli.shared.heat_map import AttentionPlot, attention_plot_option
from embedkit.cli.shared.neural import (
    fit_and_save,
    load_vectors,
    n_best_option,
    refuse_idle_training,
    search_options,
    table_options,
    take_search,
    take_training_options,
    tokenizer_choice,
    training_options,
    vectors_option,
)
from embedkit.cli.shared.options import (
    chain,
    encoding_errors,
    encoding_option,
    json_option,
    option_of,
    quiet_option,
    take_config,
)
from embedkit.cli.shared.output import Results
from embedkit.cli.shared.tokenizing import TOKENIZER
from embedkit.errors import ConfigError
from embedkit.nn.models.captioner import CAPTION_TRAINING, CaptionConfig, Captioner

BEFORE_CAPTIONS = "FEATURES, which stand before CAPTIONS"  # two files that may be swapped


@click.group(cls=Commands, epilog="Example: embedkit caption train images.npy captions.txt -o model.safetensors")
def caption() -> None:
    """Words for feature vectors (.npy, from any image network): train, evaluate by BLEU, predict."""


@caption.command(epilog="Example: embedkit caption train images.npy captions.txt -o model.safetensors")
@click.argument("features", type=INPUT)
@click.argument("captions", type=INPUT)
@click.option("--output", "--out", "-o", "out", required=True, type=MODEL, help="The file of the model.")
@vectors_option
@chain(*(option_of(CaptionConfig, name) for name in ("hidden_size", "num_layers", "dropout")))
@click.option("--tokenizer", type=TOKENIZER, help="By default the vectors' own, else whitespace.")
@click.option("--lowercase", is_flag=True, help="Lower-case every token.")
@table_options(max_vocab=None)
@encoding_option
@training_options(CAPTION_TRAINING)
def train(
    features: str,
    captions: str,
    out: str,
    vectors: str | None,
    tokenizer: str | None,
    lowercase: bool,
    valid: tuple[str, ...],
    log: str | None,
    checkpoint: str | None,
    resume: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train on FEATURES, an .npy matrix, and CAPTIONS, a text file with a caption for each of its rows.

    An array of (images, regions, features) trains a model whose words look at the regions.
    """
    from embedkit.nn.models.caption_training import train_captioner

    if valid:
        raise ConfigError("--valid names one file, captions need two: use --valid-fraction")
    refuse_idle_training(vectors, ())
    config = take_config(CaptionConfig, options)
    training = take_training_options(options)
    run = partial(
        train_captioner,
        load_features(features, BEFORE_CAPTIONS),
        _captions(captions),
        load_vectors(vectors),
        config=config,
        options=training,
        tokenizer=tokenizer_choice(tokenizer, lowercase),
        **options,
    )
    fit_and_save(run, out, "perplexity", log=log, checkpoint=checkpoint, resume=resume, quiet=quiet)


@caption.command(epilog="Example: embedkit caption evaluate model.safetensors images.npy captions.txt")
@click.argument("model", type=INPUT)
@click.argument("features", type=INPUT)
@click.argument("captions", type=INPUT)
@search_options(beam=3, max_tokens=50, what="caption")
@encoding_option
@json_option
@quiet_option
def evaluate(model: str, features: str, captions: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """BLEU and the share of exact matches; equal rows of features share their captions as references."""
    from embedkit.nn.models.caption_training import evaluate_captioner

    captioner, rows, texts = Captioner.load(model), load_features(features, BEFORE_CAPTIONS), _captions(captions)
    score = evaluate_captioner(captioner, rows, texts, take_search(options))
    with Results(["bleu", "exact", "images", "references"], as_json, header=True) as results:
        results.row(*score)


@caption.command(epilog="Example: embedkit caption predict model.safetensors images.npy")
@click.argument("model", type=INPUT)
@click.argument("features", type=INPUT)
@search_options(beam=3, max_tokens=50, what="caption")
@n_best_option
@attention_plot_option(
    "Which regions each word looked at: on the terminal, or as .png, .svg or .html of the first image."
)
@json_option
@quiet_option
def predict(model: str, features: str, attention_plot: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """A caption for each row of FEATURES: caption<TAB>score."""
    from embedkit.nn.words.token_table import END
    from embedkit.text.tokens import join_tokens

    plot = AttentionPlot(attention_plot, quiet)
    captioner, search = Captioner.load(model), take_search(options)
    if plot and not captioner.config.regions:
        raise ConfigError("--attention-plot needs a model of regions: train on an array of (images, regions, features)")
    several = search.n_best > 1
    with Results([*(["line", "rank"] if several else []), "caption", "score"], as_json) as results:
        for number, found in enumerate(captioner.decoded(load_features(features), search), 1):
            tokens = [captioner.table.decode(one.ids) for one in found]
            for rank, one in enumerate(found, 1):
                text = join_tokens(tokens[rank - 1], captioner.tokenizer)
                results.row(*([number, rank] if several else []), text, one.score)
            if plot:
                results.flush()
                weights = np.array(found[0].weights)
                regions = [str(i + 1) for i in range(weights.shape[1])]
                plot.show(weights, [*tokens[0], END][: len(weights)], regions, f"image {number}")


def _captions(path: str) -> list[str]:
    from embedkit.text.lines import plain_lines
    from embedkit.text.reading import short_name
    from embedkit.vocabulary.vocabulary import no_words

    captions = list(plain_lines(path, encoding_errors()))
    if not any(map(str.strip, captions)):
        raise no_words(short_name(path))
    return captions
