"""The commands of ``embedkit lm`` for n-gram models."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import click

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
from embedkit.cli.shared.files import INPUT, MODEL
from embedkit.cli.shared.options import (
    corpus_options,
    encoding_errors,
    json_option,
    quiet_option,
    refuse,
    topn_option,
    trained_encoding_option,
    workers_option,
)
from embedkit.cli.shared.output import Results, note
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.queries import answer_lines, questions
from embedkit.cli.shared.telling import GUESSES, Unknown
from embedkit.cli.shared.text_fields import unit_option
from embedkit.counting.ngram import SMOOTHED_BY_K, SMOOTHINGS, NgramModel
from embedkit.counting.ngram_text import read_text
from embedkit.errors import counted
from embedkit.text.tokens import of_chars

ONE_THREAD = "with characters and the blanks between them, which are read in one thread"


@click.command(epilog="Example: embedkit lm train corpus.txt -o lm.safetensors --model ngram --order 3")
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@click.option("--output", "-o", required=True, type=MODEL, help="The file of the model.")
@model_option
@click.option(
    "--order",
    default=3,
    show_default=True,
    type=click.IntRange(1, 10),
    help="Words in the longest n-gram: 2 predicts from one word, 3 from two.",
)
@click.option(
    "--smoothing",
    default="kneser-ney",
    show_default=True,
    type=click.Choice(SMOOTHINGS),
    help="kneser-ney is interpolated, with three discounts a level; mle is plain maximum likelihood.",
)
@click.option("--k", default=1.0, show_default=True, type=float, help="What add-k adds to every count.")
@click.option(
    "--min-count",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Count words that are rarer than this as <unk>.",
)
@unit_option
@corpus_options
@workers_option
@quiet_option
def train(
    corpus: tuple[str, ...],
    output: str,
    model: str,
    order: int,
    smoothing: str,
    k: float,
    min_count: int,
    tokenizer: str,
    lowercase: bool,
    json_field: str | None,
    encoding_errors: str,
    workers: int | None,
    quiet: bool,
) -> None:
    """Count the n-grams of CORPUS: files, folders or - for standard input, a sentence a line."""
    if smoothing != SMOOTHED_BY_K:
        refuse(["k"], f"with `smoothing` {smoothing}: it is for {SMOOTHED_BY_K}")
    reading: dict[str, Any] = {
        "tokenizer": tokenizer,
        "lowercase": lowercase,
        "json_field": json_field,
        "encoding_errors": encoding_errors,
    }
    blanks = of_chars({"tokenizer": tokenizer})
    if blanks:
        refuse(["workers"], ONE_THREAD)
    with progress_bar(quiet) as progress:
        encoded = read_text(list(corpus), workers=workers, progress=progress, **reading)
        ngrams = NgramModel.train(
            encoded,
            order=order,
            smoothing=smoothing,
            k=k,
            min_count=min_count,
            config={**reading, "min_count": min_count, **({"blanks": True} if blanks else {})},
            progress=progress,
        )
    ngrams.save(output)
    sizes = ", ".join(f"{len(level.keys):,} of {n}" for n, level in enumerate(ngrams.levels, 1))
    note(
        f"{output}: {counted(encoded.n_tokens, 'token')}, {counted(len(ngrams.words), 'word')}; n-grams: {sizes}", quiet
    )


@click.command(epilog="Example: embedkit lm evaluate lm.safetensors test.txt --sentences")
@click.argument("model", type=INPUT)
@click.argument("corpus", nargs=-1, required=True, type=INPUT, metavar="CORPUS...")
@sentences_option
@trained_encoding_option
@json_option
@workers_option
@quiet_option
def evaluate(
    model: str, corpus: tuple[str, ...], sentences: bool, as_json: bool, workers: int | None, quiet: bool
) -> None:
    """Perplexity of the MODEL on CORPUS, sentence ends included.

    With --sentences, each sentence's probability as well. Words outside the vocabulary are predicted as <unk>; the
    column unknown says how many there were, and known_perplexity leaves them out.
    """
    ngrams = NgramModel.load(model)
    if sentences:
        from embedkit.text.reading import read_lines, short_name

        refuse(["workers"], "with --sentences")
        options = _reading(ngrams)
        lines = read_lines(list(corpus), options.get("json_field"), options["encoding_errors"])
        scores = partial(_scores, ngrams)
        print_sentences(lines, short_name(corpus), partial(_line, ngrams), scores, as_json, ngrams.text_of)
        return
    if ngrams.blanks:
        refuse(["workers"], ONE_THREAD)
    with progress_bar(quiet) as progress:
        encoded = read_text(list(corpus), workers=workers, progress=progress, blanks=ngrams.blanks, **_reading(ngrams))
    with Results(FIGURES, as_json, header=True) as results:
        results.row(*figures(ngrams.score(encoded)))


@click.command(epilog="Example: embedkit lm generate lm.safetensors --prompt 'the king' --count 5 --seed 1")
@click.argument("model", type=INPUT)
@drawing_options
def generate(model: str, prompt: str, temperature: float, **options: Any) -> None:
    """Draw texts from the MODEL, a line each, that begin with the prompt."""
    refuse_idle_drawing(temperature)
    ngrams = NgramModel.load(model)
    start = ngrams.cut(prompt)
    print_drawn(ngrams, start, ngrams.knows, prompt=prompt, temperature=temperature, **options)


@click.command(epilog="Example: embedkit lm predict lm.safetensors 'the king of' --topn 5")
@click.argument("model", type=INPUT)
@questions("beginnings", "[TEXT]...")
@topn_option
@trained_encoding_option
@json_option
@quiet_option
def predict(model: str, beginnings: tuple[str, ...], topn: int, as_json: bool, quiet: bool) -> int:
    """The likeliest next words after each TEXT, the beginning of a sentence, with probabilities.

    Without TEXT, or with -, each line of standard input is one.
    """
    from embedkit.counting.ngram import END, UNKNOWN

    ngrams = NgramModel.load(model)
    unknown = Unknown(GUESSES, quiet)
    special = {ngrams.unknown: UNKNOWN, ngrams.end: END}

    def answer(text: str) -> list[tuple[str, float]]:
        tell_gap(text, quiet)
        tokens = ngrams.cut(text)
        p = ngrams.distribution(tokens)
        unknown.count_words(beside_gaps(tokens), ngrams.knows)
        return [(special.get(i) or ngrams.words[i], float(p[i])) for i in likeliest(p, topn)]

    errors = str(_reading(ngrams)["encoding_errors"])
    columns = ["text", "next", "probability"]
    status = answer_lines(beginnings, columns, answer, as_json, True, not ngrams.blanks, errors)
    unknown.tell()
    return status


def _reading(ngrams: NgramModel) -> dict[str, Any]:
    """How text is read: as in training, but for what the command says."""
    options = ngrams.corpus_options()
    return {**options, "encoding_errors": encoding_errors(options.get("encoding_errors", "strict"))}


def _line(ngrams: NgramModel, line: str) -> list[str]:
    """The tokens of a whole line."""
    return ngrams.cut(line.strip())


def _scores(ngrams: NgramModel, sentences: list[list[str]]) -> Iterable[Any]:
    from embedkit.vocabulary.corpus import Corpus

    return ngrams.score_sentences(Corpus.from_sentences(sentences, min_count=1)) if sentences else ()
