"""``embedkit tag``: train a tagger of words, measure it, tag lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.commands import Commands
from embedkit.cli.shared.files import INPUT, MODEL
from embedkit.cli.shared.neural import (
    encoder_options,
    fit_and_save,
    line_batches,
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
    encoding_errors,
    encoding_option,
    json_option,
    option_of,
    quiet_option,
    take_config,
)
from embedkit.cli.shared.output import Results, flush, note, print_json, print_line, warn
from embedkit.cli.shared.telling import GUESSES, Unknown, tell_left_out, tell_unseen, tell_valid
from embedkit.errors import CorpusError
from embedkit.nn.learning.entities import SCHEMES, check_legal, recognise
from embedkit.nn.models.tagger import TAGGER_TRAINING, Tagger, TaggerConfig
from embedkit.text.lines import shortened
from embedkit.text.user_dictionary import without_words

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors
    from embedkit.text.tagged import TaggedSentences


class Columns(click.ParamType):
    """Two column numbers with a comma between them."""

    name = "TOKEN,TAG"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if len(parts) != 2 or not all(re.fullmatch(r"-?[1-9]\d*", part.strip()) for part in parts):
            self.fail(f"{value!r}: expected the numbers of two columns, from 1, as 1,4 or 1,-1", param, ctx)
        return int(parts[0]), int(parts[1])


columns_option = click.option(
    "--columns",
    type=Columns(),
    help="Which columns hold token and tag, as 1,4; by default two columns or CoNLL-U.",
)


@click.group(cls=Commands, epilog="Example: embedkit tag train pos.tsv --vectors model.safetensors -o pos.safetensors")
def tag() -> None:
    """Label every word of a sentence: parts of speech, names.

    Files hold token<TAB>tag lines with a blank line between sentences, or are CoNLL-U; see --columns for others.
    """


@tag.command(epilog="Example: embedkit tag train pos.tsv --vectors model.safetensors -o pos.safetensors")
@click.argument("data", nargs=-1, required=True, type=INPUT)
@vectors_option
@click.option("--output", "--out", "-o", "out", required=True, type=MODEL, help="The file of the model.")
@chain(*(option_of(TaggerConfig, name) for name in ("model", "hidden_size", "num_layers")))
@option_of(TaggerConfig, "output", flag="--output-layer")
@chain(*(option_of(TaggerConfig, name) for name in ("spelling_size", "wide")))
@click.option(
    "--morphemes/--no-morphemes",
    default=None,
    show_default="where the vectors' text was cut into morphemes",
    help="Know Korean words by their morphemes and the kinds of these too; needs embedkit[korean].",
)
@option_of(
    TaggerConfig,
    "scheme",
    type=click.Choice([*SCHEMES, "none"]),
    show_default="recognised by the tags",
)
@columns_option
@encoding_option
@option_of(TaggerConfig, "dropout")
@encoder_options
@training_options(
    TAGGER_TRAINING, epochs="4; more below 100,000 words", fraction="0.1; less above 50,000 words, 5,000 of them"
)
def train(
    data: tuple[str, ...],
    vectors: str | None,
    out: str,
    scheme: str | None,
    morphemes: bool | None,
    columns: tuple[int, int] | None,
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
    from embedkit.nn.models.tagger_training import suited_epochs, train_tagger

    refuse_idle_training(vectors, valid)
    config = take_config(TaggerConfig, options)
    chosen = options["epochs"] is None
    training = take_training_options(options)
    sentences = _read(data, columns, quiet)
    held = _read(valid, columns, quiet) if valid else None
    if held is not None:
        tell_valid((tag for tags in sentences.tags for tag in tags), held.tags, quiet, "tag")
    if chosen:
        training = replace(training, epochs=suited_epochs(sentences))
    known = load_vectors(vectors)
    run = partial(
        train_tagger,
        sentences,
        known,
        config=replace(config, scheme=_scheme(sentences, scheme, quiet), morphemes=_morphemes(known, morphemes, quiet)),
        options=training,
        valid=held,
        encoder=load_encoder(encoder, tune_encoder),
        **options,
    )
    fit_and_save(run, out, "accuracy", log=log, checkpoint=checkpoint, resume=resume, quiet=quiet)


@tag.command(epilog="Example: embedkit tag evaluate pos.safetensors test.tsv")
@click.argument("model", type=INPUT)
@click.argument("data", nargs=-1, required=True, type=INPUT)
@vectors_option
@columns_option
@encoding_option
@click.option("--per-label", is_flag=True, help="Precision, recall and F1 of each tag, or of each type of entity.")
@json_option
@quiet_option
def evaluate(
    model: str,
    data: tuple[str, ...],
    vectors: str | None,
    columns: tuple[int, int] | None,
    per_label: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Accuracy a word at a time and mean F1 on files of token<TAB>tag lines.

    Where tags mark entities, precision, recall and F1 of whole entities too. Tags that training never saw count as
    wrong.
    """
    from embedkit.nn.models.tagger_training import evaluate_tagger

    tagger = Tagger.load(model, load_vectors(vectors))
    sentences = _read(data, columns, quiet)
    tell_unseen(tagger.labels, sentences.tags, quiet, "tag")
    unknown = Unknown(GUESSES, quiet, "sentence")
    unknown.count(tagger.knows(sentences.sentences))
    unknown.tell()
    words, entities, _ = evaluate_tagger(tagger, sentences)
    if entities is None or per_label:
        report_scores(words if entities is None else entities, "words", as_json, per_label)
        return
    names = ["accuracy", "macro_f1", "words", "precision", "recall", "f1", "entities"]
    with Results(names, as_json, header=True) as results:
        figures = (entities.precision, entities.recall, entities.f1, entities.count)
        results.row(words.accuracy, words.macro_f1, words.count, *figures)


@tag.command(epilog="Example: echo 'I like turtles' | embedkit tag predict pos.safetensors")
@click.argument("model", type=INPUT)
@click.argument("files", nargs=-1, type=INPUT, metavar="[FILE]...")
@vectors_option
@click.option("--tokens", is_flag=True, help="One token a line, a blank line between sentences.")
@encoding_option
@json_option
@quiet_option
def predict(model: str, files: tuple[str, ...], vectors: str | None, tokens: bool, as_json: bool, quiet: bool) -> None:
    """Tag the lines of files or of standard input: token<TAB>tag lines, a blank line after each sentence.

    A line is a sentence, cut into words as the vectors' training text was. --json also gives the probability of each
    tag and, where tags mark entities, these with their first token, the one behind the last, and their confidence.
    """
    tagger = Tagger.load(model, load_vectors(vectors))
    unknown = Unknown(GUESSES, quiet, "sentence")
    for lines in _sentences(files) if tokens else _lines(files, set(tagger.labels)):
        sentences = [line if isinstance(line, list) else tagger.tokens(line) for line in lines]
        unknown.count(tagger.knows([sentence for sentence in sentences if sentence]))
        for answer in tagger.answers(sentences, sure=as_json):
            if as_json:
                spans = {"spans": tagger.entities(answer)} if tagger.config.scheme else {}
                print_json({**answer._asdict(), **spans})
                continue
            for word, label in zip(answer.tokens, answer.tags, strict=True):
                print_line(word, label)
            print_line()
        flush()
    unknown.tell()


def _read(files: tuple[str, ...], columns: tuple[int, int] | None, quiet: bool) -> TaggedSentences:
    """Tagged sentences; says what was left out."""
    from embedkit.text.tagged import read_tagged

    data = read_tagged(list(files), columns, encoding_errors())
    tell_left_out(quiet, data.headers)
    return data


def _morphemes(vectors: KeyedVectors | None, chosen: bool | None, quiet: bool) -> str | None:
    """The tokenizer of morphemes that words are known by: that of the vectors where they have one."""
    from embedkit.nn.words.pieces import KIND, cuts_words
    from embedkit.nn.words.tokens import tokenizer_settings

    name = tokenizer_settings(vectors)["tokenizer"]
    if not cuts_words(name):
        return KIND if chosen else None
    if chosen is None:
        note(
            f"the vectors are of morphemes ({without_words(name)}), so words are known by theirs: "
            "--no-morphemes if they are not",
            quiet,
        )
    return None if chosen is False else name


def _scheme(data: TaggedSentences, chosen: str | None, quiet: bool) -> str | None:
    """The scheme of the tags: the one asked for, or the one they are of."""
    if chosen is not None:
        return None if chosen == "none" else chosen
    found = recognise(tag for tags in data.tags for tag in tags)
    if found is None:
        return None
    try:
        check_legal(data.tags, data.places, found)
    except CorpusError as error:
        note(f"the tags look like entities, but {error}; training without --scheme", quiet)
        return None
    note(f"the tags mark entities as {found} does: --scheme {found} (none for other tags)", quiet)
    return found


def _lines(files: tuple[str, ...], tags: set[str]) -> Iterator[list[str]]:
    """Blocks of lines; warns where one is a token and its tag."""
    number, told = 0, False
    for lines in line_batches(files):
        for i, line in enumerate(lines) if not told else ():
            token, _, label = line.partition("\t")
            if label.strip() in tags and len(token.split()) == 1:
                warn(
                    f"line {number + i + 1} looks like a token and its tag, and each line is a sentence here: --tokens "
                    "reads a token a line, embedkit tag evaluate measures",
                    "warning",
                )
                told = True
                break
        number += len(lines)
        yield lines


def _sentences(files: tuple[str, ...]) -> Iterator[list[list[str]]]:
    """Blocks of sentences given as a token a line."""
    sentence: list[str] = []
    number = 0
    for lines in line_batches(files):
        block = []
        for line in lines:
            number += 1
            if "\t" in line.strip():
                raise CorpusError(
                    f"line {number}: expected a token a line, found {len(line.split(chr(9)))} columns: "
                    f"{shortened(line, 40)}; cut -f1 FILE leaves the first"
                )
            if line.strip():
                sentence.append(line.strip())
            elif sentence:
                block.append(sentence)
                sentence = []
        yield block
    if sentence:
        yield [sentence]
