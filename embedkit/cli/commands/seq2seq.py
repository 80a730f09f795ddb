"""``embedkit seq2seq``: train a translator of sequences, measure it, translate lines."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from embedkit.cli.shared.commands import Commands
from embedkit.cli.shared.files import INPUT, MODEL
from embedkit.cli.shared.heat_map import AttentionPlot, attention_plot_option
from embedkit.cli.shared.neural import (
    fit_and_save,
    line_batches,
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
from embedkit.cli.shared.output import Results, warn
from embedkit.cli.shared.reading import reading_options_of
from embedkit.cli.shared.telling import GUESSES, Unknown, tell_left_out, tell_unanswered
from embedkit.cli.shared.tokenizing import TOKENIZER
from embedkit.errors import ConfigError
from embedkit.nn.models.seq2seq import Seq2Seq, Seq2SeqConfig
from embedkit.nn.models.seq2seq_training import SEQ2SEQ_TRAINING, Pairs, read_pairs
from embedkit.options import defaults


@click.group(cls=Commands, epilog="Example: embedkit seq2seq train pairs.tsv -o model.safetensors")
def seq2seq() -> None:
    """Turn sequences into sequences: train on source<TAB>target lines, evaluate by BLEU, translate lines."""


@seq2seq.command(epilog="Example: embedkit seq2seq train pairs.tsv -o out.safetensors --model gru --attention general")
@click.argument("data", nargs=-1, required=True, type=INPUT)
@click.option("--output", "--out", "-o", "out", required=True, type=MODEL, help="The file of the model.")
@vectors_option
@click.option("--target-vectors", type=INPUT, metavar="MODEL", help="Word vectors of the target's language.")
@reading_options_of("target-vectors")
@chain(*(option_of(Seq2SeqConfig, name) for name in defaults(Seq2SeqConfig)))
@click.option("--tokenizer", type=TOKENIZER, help="By default the vectors' own, else whitespace.")
@click.option("--target-tokenizer", type=TOKENIZER, help="By default as the source's.")
@click.option("--lowercase", is_flag=True, help="Lower-case every token of both sides.")
@table_options(of=" of each side")
@encoding_option
@training_options(SEQ2SEQ_TRAINING)
def train(
    data: tuple[str, ...],
    out: str,
    vectors: str | None,
    target_vectors: str | None,
    tokenizer: str | None,
    target_tokenizer: str | None,
    lowercase: bool,
    valid: tuple[str, ...],
    log: str | None,
    checkpoint: str | None,
    resume: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train on files of source<TAB>target lines; - is standard input. No source is in both parts of the data."""
    from embedkit.nn.models.seq2seq_training import train_seq2seq

    refuse_idle_training(vectors, valid, target_vectors)
    config = take_config(Seq2SeqConfig, options)
    training = take_training_options(options)
    pairs = _read(data, quiet)
    run = partial(
        train_seq2seq,
        pairs,
        load_vectors(vectors),
        load_vectors(target_vectors, "target-vectors"),
        config=config,
        options=training,
        valid=_read(valid, quiet) if valid else None,
        tokenizer=tokenizer_choice(tokenizer, lowercase),
        target_tokenizer=tokenizer_choice(target_tokenizer, lowercase) if target_tokenizer else None,
        **options,
    )
    fit_and_save(run, out, "perplexity", log=log, checkpoint=checkpoint, resume=resume, quiet=quiet)


@seq2seq.command(epilog="Example: embedkit seq2seq evaluate translator.safetensors test.tsv --beam 4")
@click.argument("model", type=INPUT)
@click.argument("data", nargs=-1, required=True, type=INPUT)
@search_options(beam=4, max_tokens=100, what="answer")
@encoding_option
@json_option
@quiet_option
def evaluate(model: str, data: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """BLEU and the share of exact matches on source<TAB>target lines.

    Lines with the same source are references of one translation.
    """
    from embedkit.nn.models.seq2seq_training import evaluate_seq2seq

    translator, pairs = Seq2Seq.load(model), _read(data, quiet)
    score = evaluate_seq2seq(translator, pairs, take_search(options))
    unknown = Unknown(GUESSES, quiet, "source")
    unknown.count(translator.knows(list(dict.fromkeys(pairs.sources))))
    unknown.tell()
    with Results(["bleu", "exact", "sources", "references"], as_json, header=True) as results:
        results.row(*score)


@seq2seq.command(epilog="Example: echo 'how are you ?' | embedkit seq2seq predict translator.safetensors")
@click.argument("model", type=INPUT)
@click.argument("files", nargs=-1, type=INPUT, metavar="[FILE]...")
@search_options(beam=4, max_tokens=100, what="answer")
@n_best_option
@attention_plot_option("What each word looked at: on the terminal, or as .png, .svg or .html of the first line.")
@encoding_option
@json_option
@quiet_option
def predict(
    model: str,
    files: tuple[str, ...],
    attention_plot: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Translate the lines of files or of standard input, a line for each: target<TAB>score.

    The score is the target's log-probability, with a beam divided by a length penalty.
    """
    from embedkit.nn.words.token_table import END

    plot = AttentionPlot(attention_plot, quiet)
    translator, search = Seq2Seq.load(model), take_search(options)
    blind = translator.config.model != "transformer" and translator.config.attention == "none"
    if plot and blind:
        raise ConfigError("--attention-plot needs a model with attention: train without --attention none")
    several = search.n_best > 1
    number, status, told, unknown = 0, 0, False, Unknown(GUESSES, quiet)
    with Results([*(["line", "rank"] if several else []), "target", "score"], as_json) as results:
        for lines in line_batches(files):
            reasons = [_reason(translator, line) for line in lines]
            full = [line for line, reason in zip(lines, reasons, strict=True) if reason is None]
            unknown.count(translator.knows(full))
            found = iter(translator.translations(full, search))
            for line, reason in zip(lines, reasons, strict=True):
                number += 1
                if "\t" in line.strip() and not told:
                    told = True
                    warn(
                        f"line {number} has columns, which are all read as the source: give sources alone, or measure "
                        "with embedkit seq2seq evaluate",
                        "warning",
                    )
                if reason is not None:
                    status |= tell_unanswered(number, line, reason, quiet)
                    results.row(*([number, None] if several else []), None, None)
                    continue
                answers = next(found)
                for rank, answer in enumerate(answers, 1):
                    results.row(*([number, rank] if several else []), answer.text, answer.score)
                weights = answers[0].weights
                if plot and weights is not None:
                    results.flush()
                    plot.show(weights, [*answers[0].tokens, END][: len(weights)], answers[0].source, line)
            results.flush()
    unknown.tell()
    return status


def _read(files: tuple[str, ...], quiet: bool) -> Pairs:
    """Sources and targets; says what was left out."""
    pairs = read_pairs(files, encoding_errors())
    tell_left_out(quiet, pairs.headers, pairs.empty)
    return pairs


def _reason(translator: Seq2Seq, line: str) -> str | None:
    """Why a line gets no answer, None where it gets one."""
    return translator.too_long(line) if translator.cut_source(line) else "has no words: nothing to translate"


seq2seq.add_command(predict, "translate")
