"""The commands of ``embedkit lm`` for neural models: recurrent, Transformer, ELMo, masked words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import click
import numpy as np

from embedkit.cli.commands.lm import (
    FIGURES,
    beside_gaps,
    drawing_options,
    figures,
    likeliest,
    model_option,
    print_drawn,
    print_sentences,
    refuse_idle_drawing,
    sentences_option,
    tell_gap,
)
from embedkit.cli.shared.files import INPUT, MODEL, OUTPUT, refuse_held_stdin
from embedkit.cli.shared.neural import (
    fit_and_save,
    load_vectors,
    refuse_idle_training,
    table_options,
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
    refuse,
    take_config,
    topn_option,
)
from embedkit.cli.shared.output import Results, note, note_empty, print_json, print_line
from embedkit.cli.shared.queries import answer_lines, questions
from embedkit.cli.shared.telling import GUESSES, NOTHING, Unknown
from embedkit.cli.shared.tokenizing import TOKENIZER
from embedkit.errors import ConfigError, counted
from embedkit.nn.models.language_config import LEAST_CONTEXT, LanguageModelConfig
from embedkit.nn.models.language_model import LanguageModel
from embedkit.nn.models.language_training import LANGUAGE_TRAINING
from embedkit.nn.models.masking import cut_with_gap
from embedkit.options import defaults, described
from embedkit.text.reading import short_name
from embedkit.text.tokens import TokenizerSettings, of_chars, part_cutter

_MADE_OF = [name for name in defaults(LanguageModelConfig) if name not in ("model", "token_layer")]
_TIED = described(LanguageModelConfig)["tied"]
_CHANGES: dict[str, dict[str, Any]] = {
    "context": {"type": click.IntRange(LEAST_CONTEXT)},
    "tied": {"help": f"{_TIED.help} So --vector-size must be --hidden-size."},
}


@click.command(epilog="Example: embedkit lm train corpus.txt -o lm.safetensors --model lstm --vectors m.safetensors")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option("--output", "--out", "-o", "out", required=True, type=MODEL, help="The file of the model.")
@model_option
@vectors_option
@click.option(
    "--tokenizer",
    type=TOKENIZER,
    help="chars for a model of characters, blanks included; by default the vectors' own, else whitespace.",
)
@click.option("--lowercase", is_flag=True, help="Lower-case every token.")
@chain(*(option_of(LanguageModelConfig, name, **_CHANGES.get(name, {})) for name in _MADE_OF))
@table_options()
@encoding_option
@training_options(LANGUAGE_TRAINING)
def train(
    corpus: tuple[str, ...],
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
    """Train on CORPUS: files, folders or - for standard input, a text a line."""
    from embedkit.nn.models.language_training import train_language_model

    refuse_idle_training(vectors, valid)
    config = take_config(LanguageModelConfig, options)
    training = take_training_options(options)
    run = partial(
        train_language_model,
        _texts(corpus),
        load_vectors(vectors),
        config=config,
        options=training,
        valid=_texts(valid) if valid else None,
        tokenizer=tokenizer_choice(tokenizer, lowercase),
        **options,
    )
    fit_and_save(run, out, "perplexity", log=log, checkpoint=checkpoint, resume=resume, quiet=quiet)


@click.command(epilog="Example: embedkit lm evaluate lm.safetensors test.txt")
@click.argument("model", type=INPUT)
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@sentences_option
@encoding_option
@json_option
@quiet_option
def evaluate(model: str, corpus: tuple[str, ...], sentences: bool, as_json: bool, quiet: bool) -> None:
    """Perplexity of the MODEL on CORPUS, ends of lines included.

    Of a masked-word model on a random 15 % of the words (the same each time), of ELMo the mean of both
    directions, each of which guesses all. Words outside the vocabulary are guessed as <unk>; the column unknown says
    how many of the guesses (tokens) these are, and known_perplexity leaves them out. With --sentences, each line's
    probability as well, whatever --block was.
    """
    from embedkit.nn.models.language_training import evaluate_language_model, score_lines

    language_model = LanguageModel.load(model)
    if sentences:
        score = partial(score_lines, language_model)
        cut, join = language_model.cut, language_model.text_of
        print_sentences(_lines(corpus), short_name(corpus), cut, score, as_json, join)
        return
    found = figures(evaluate_language_model(language_model, _texts(corpus)))
    with Results(FIGURES, as_json, header=True) as results:
        results.row(*found)


@click.command(epilog="Example: embedkit lm generate lm.safetensors --prompt 'the king' --count 5 --temperature 0.8")
@click.argument("model", type=INPUT)
@drawing_options
def generate(model: str, prompt: str, temperature: float, **options: Any) -> None:
    """Draw texts from the MODEL, a line each, that begin with the prompt."""
    refuse_idle_drawing(temperature)
    language_model = LanguageModel.load(model)
    start = _beginning(prompt, language_model.tokenizer)
    print_drawn(language_model, start, language_model.table.knows, prompt=prompt, temperature=temperature, **options)


@click.command(epilog="Example: embedkit lm predict lm.safetensors 'the king of' --topn 5")
@click.argument("model", type=INPUT)
@questions("beginnings", "[TEXT]...")
@topn_option
@encoding_option
@json_option
@quiet_option
def predict(model: str, beginnings: tuple[str, ...], topn: int, as_json: bool, quiet: bool) -> int:
    """The likeliest next words after each TEXT, with probabilities; of a masked-word model those for its gap ___.

    Without TEXT, or with -, each line of standard input is one.
    """
    language_model = LanguageModel.load(model)
    masked = language_model.config.model == "masked"
    unknown = Unknown(GUESSES, quiet)

    def answer(text: str) -> list[tuple[str, float]]:
        if not masked:
            tell_gap(text, quiet)
        tokens = (cut_with_gap if masked else _beginning)(text, language_model.tokenizer)
        p = language_model.fill(tokens) if masked else language_model.next_probabilities(tokens)
        unknown.count_words(beside_gaps(tokens), language_model.table.knows)
        return [(language_model.table.tokens[i], float(p[i])) for i in likeliest(p, topn)]

    columns = ["text", "word" if masked else "next", "probability"]
    stripped = not of_chars(language_model.tokenizer)
    status = answer_lines(beginnings, columns, answer, as_json, True, stripped, encoding_errors())
    unknown.tell()
    return status


@click.command(epilog="Example: echo 'the bank of the river' | embedkit lm vectors elmo.safetensors")
@click.argument("model", type=INPUT)
@click.argument("files", nargs=-1, type=INPUT, metavar="[FILE]...")
@click.option("--layers", metavar="W1,W2,...", help="How much each layer counts, the lowest first; equal by default.")
@click.option("--npy", type=OUTPUT, metavar="FILE", help="Write all vectors to this .npy instead.")
@encoding_option
@json_option
@quiet_option
def vectors(
    model: str, files: tuple[str, ...], layers: str | None, npy: str | None, as_json: bool, quiet: bool
) -> None:
    """The vector of each token in its context: token v1 v2 ..., a blank line after each text; with --json an object
    for each text.

    The layers of the model are combined linearly; ELMo's are its two directions beside each other, the lowest the
    words' own vectors.
    """
    refuse(["as_json"] if npy is not None else [], "with `npy`")
    if not files:
        refuse_held_stdin("name files of text")
    language_model = LanguageModel.load(model)
    weights = _weights(layers)
    found, unknown = [], Unknown(NOTHING, quiet)
    lines = _lines(files or ("-",))
    if not lines:
        note_empty(short_name(files or ("-",)))
    for line in lines:
        tokens = language_model.cut(line)
        unknown.count_words(tokens, language_model.table.knows)
        values = language_model.vectors(tokens, weights)
        if npy is not None:
            found.append(values)
            continue
        if as_json:
            print_json({"tokens": tokens, "vectors": values.tolist()})
            continue
        for token, row in zip(tokens, values, strict=True):
            print_line(f"{token} {' '.join(map(str, row))}")
        print_line()
    if npy is not None:
        from embedkit.files.atomic import atomic_open

        table = np.concatenate([*found, np.zeros((0, language_model.width), np.float32)])
        with atomic_open(npy) as stream:
            np.save(stream, table)
        note(f"{npy}: {counted(len(table), 'vector')} of {table.shape[1]}", quiet)
    unknown.tell()


def _lines(sources: Iterable[str]) -> list[str]:
    from embedkit.text.reading import read_lines

    return [line.rstrip("\r") for line in read_lines(list(sources), encoding_errors=encoding_errors())]


def _texts(sources: Sequence[str]) -> list[str]:
    """Lines of which some have words."""
    from embedkit.vocabulary.vocabulary import no_words

    lines = _lines(sources)
    if not any(map(str.strip, lines)):
        raise no_words(short_name(sources))
    return lines


def _weights(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--layers takes numbers with commas between them, as 0.2,0.8, not {text!r}") from error


def _beginning(text: str, settings: TokenizerSettings) -> list[str]:
    """The tokens of a text that goes on."""
    return part_cutter(settings)(text.lstrip())
