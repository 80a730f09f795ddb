"""``embedkit lm``: language models. Each kind of model brings its own commands; this is where they meet.

``train`` looks for ``--model``, the other commands look into the saved file, and the command of that kind takes
over, options and ``--help`` included. A new kind is a line in `KINDS`, and a module with the commands that it has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import chain, islice, repeat
from math import exp, log
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.commands import Commands, prepare
from embedkit.cli.shared.options import chain as chain_options
from embedkit.cli.shared.options import json_option, quiet_option, refuse, seed_option
from embedkit.cli.shared.output import Results, note, print_json, print_line
from embedkit.cli.shared.telling import GUESSES, Unknown
from embedkit.files.copies import is_pipe
from embedkit.files.locations import STDIN
from embedkit.files.urls import is_url

if TYPE_CHECKING:
    import numpy as np

# --model: the module with that kind's commands, attributes named as the commands
KINDS = {
    "ngram": "embedkit.cli.commands.lm_ngram",
    **dict.fromkeys(("rnn", "gru", "lstm", "transformer", "elmo", "masked"), "embedkit.cli.commands.lm_neural"),
}
DEFAULT_KIND = "ngram"
FLAGS = ("--json", "--quiet", "-q", "--sentences")  # options without a value, behind which a model may be named


class ByModel(click.Command):
    """A command whose options and work are those of the kind of model it is called for."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        name = str(self.name)
        kind = chosen_model(args) if name == "train" else saved_kind(args)
        command = _command(kind or DEFAULT_KIND, name)
        if command is None and kind is None:  # help, or a mistake that any kind's command explains
            command = next(found for of in KINDS if (found := _command(of, name)))
        if command is None:
            raise click.UsageError(f"embedkit lm {name} is not for models of kind {kind}", parent)
        prepare(command)
        try:
            return command.make_context(info_name, args, parent, **extra)
        except click.NoSuchOption as error:
            others = [of for of in KINDS if (other := _command(of, name)) and _has_option(other, error.option_name)]
            if not others:
                raise
            own = f"{kind or DEFAULT_KIND}, but for {', '.join(others)}"
            raise click.UsageError(f"{error.option_name} is not for models of kind {own}", error.ctx) from None


def _command(kind: str, name: str) -> click.Command | None:
    """The command of this name of a kind of model, which may have none."""
    found: click.Command | None = getattr(import_module(KINDS[kind]), name, None)
    return found


def _has_option(command: click.Command, flag: str) -> bool:
    return any(flag in parameter.opts for parameter in command.params)


def chosen_model(args: Sequence[str]) -> str:
    """The value of ``--model`` among the arguments."""
    kind = DEFAULT_KIND
    for i, arg in enumerate(args):
        if arg == "--model" and i + 1 < len(args):
            kind = args[i + 1]
        elif arg.startswith("--model="):
            kind = arg.removeprefix("--model=")
    if kind not in KINDS:
        raise click.UsageError(f"no language model named {kind!r}; --model takes {', '.join(KINDS)}")
    return kind


def saved_kind(args: Sequence[str]) -> str | None:
    """The kind of the model file among the arguments; None without, where a command explains itself."""
    for before, arg in zip(["", *args], args, strict=False):
        value = before.startswith("-") and before not in FLAGS
        there = os.path.isfile(arg) or is_url(arg) or is_pipe(arg)
        if (arg == STDIN or not arg.startswith("-")) and not (value and (arg == STDIN or not there)):
            from embedkit.files.model_file import load_model

            if not there:
                break
            kind = load_model(arg, "lm").kind
            if kind not in KINDS:
                raise click.UsageError(
                    f"{arg}: a language model of kind {kind!r}, which this embedkit does not know; install a newer one"
                )
            return kind
    return None


@click.group(
    cls=Commands,
    epilog="Example: embedkit lm train corpus.txt -o lm.safetensors --model ngram && "
    "embedkit lm generate lm.safetensors --prompt 'the king'",
)
def lm() -> None:
    """Language models: n-gram, recurrent, Transformer, ELMo, masked words.

    The options of train are those of its --model, the options of the other commands those of the saved model:
    embedkit lm train --model ngram --help.
    """


for _name, _summary in (
    ("train", "Train a language model on text."),
    ("evaluate", "Perplexity on text, or the probability of each sentence."),
    ("generate", "Write on from a prompt."),
    ("predict", "The likeliest next words."),
    ("vectors", "The vector of each word in its context."),
):
    lm.add_command(ByModel(_name, short_help=_summary))

model_option = click.option(
    "--model",
    default=DEFAULT_KIND,
    show_default=True,
    type=click.Choice(list(KINDS)),
    help="The kind of model; each has options of its own.",
)

FIGURES = ("perplexity", "log10_probability", "tokens", "unknown", "known_perplexity")
SCORED_TOGETHER = 1024  # lines

sentences_option = click.option("--sentences", is_flag=True, help="A line for each sentence instead of one for all.")


def figures(score: Any) -> tuple[float, float, int, int, float]:
    """The values of `FIGURES`."""
    counts = (score.n_predicted, score.n_unknown)
    return score.perplexity, score.log_probability / log(10), *counts, score.known_perplexity


def print_sentences(
    lines: Iterable[str],
    name: str,
    cut: Callable[[str], list[str]],
    score: Callable[[list[list[str]]], Iterable[Any]],
    as_json: bool,
    join: Callable[[list[str]], str] = " ".join,
) -> None:
    """The probability of each line, as `join` writes its tokens, and its figures; blank lines keep their place.

    Raises
    ------
    CorpusError
        Where no line has words; `name` is what it calls the text.
    """
    from embedkit.vocabulary.vocabulary import no_words

    sentences: Iterator[list[str]] = map(cut, lines)
    n_blank = 0
    for first in sentences:
        if first:
            break
        n_blank += 1
    else:
        raise no_words(name)
    sentences = chain(repeat([], n_blank), [first], sentences)
    with Results(["sentence", "probability", *FIGURES], as_json, header=True, digits=6, small=True) as results:
        while block := list(islice(sentences, SCORED_TOGETHER)):
            found = iter(score([tokens for tokens in block if tokens]))
            for tokens in block:
                if not tokens:
                    results.blank()
                    continue
                each = next(found)
                results.row(join(tokens), exp(each.log_probability), *figures(each))


def beside_gaps(tokens: list[str]) -> list[str]:
    """The words of a text that are no gap."""
    from embedkit.nn.models.masking import GAPS

    return [token for token in tokens if token not in GAPS]


def tell_gap(text: str, quiet: bool) -> None:
    """Say that a gap is none for a model that guesses what comes next."""
    from embedkit.text.tokens import around_gaps

    if len(around_gaps(text)) > 1:
        note("note: ___ is a gap for models of kind masked; this one guesses the word behind the text", quiet)


def likeliest(p: np.ndarray, topn: int) -> list[int]:
    """The places of the largest of some probabilities, without those that are 0."""
    return [i for i in (-p).argsort(kind="stable")[:topn].tolist() if p[i] > 0]


drawing_options = chain_options(
    click.option("--prompt", default="", help="How the text begins."),
    click.option("--count", default=1, show_default=True, type=click.IntRange(1), help="How many texts."),
    click.option(
        "--max-tokens",
        default=50,
        show_default=True,
        type=click.IntRange(1),
        help="The longest continuation, in tokens.",
    ),
    click.option(
        "--temperature",
        default=1.0,
        show_default=True,
        type=click.FloatRange(0),
        help="Below 1 likelier words, above 1 more daring ones; 0 always takes the likeliest.",
    ),
    click.option("--topk", "--top-k", type=click.IntRange(1), metavar="N", help="Draw among the N likeliest words."),
    click.option(
        "--top-p",
        type=click.FloatRange(0, 1, min_open=True),
        metavar="P",
        help="Draw among the likeliest words that together have probability P.",
    ),
    seed_option,
    json_option,
    quiet_option,
)


def refuse_idle_drawing(temperature: float) -> None:
    """Refuse options of `drawing_options` that would do nothing.

    Raises
    ------
    ConfigError
    """
    if temperature == 0:
        refuse(("topk", "top_p", "seed"), "with `temperature` 0, which always takes the likeliest")


def print_drawn(
    model: Any,
    start: Sequence[str],
    knows: Callable[[Sequence[str]], bool],
    *,
    prompt: str,
    count: int,
    seed: int,
    as_json: bool,
    quiet: bool,
    **drawing: Any,
) -> None:
    """Print texts that a model draws, a line each.

    Parameters
    ----------
    model : NgramModel or LanguageModel
    start : sequence of str
        The tokens of the prompt.
    knows : callable
        Whether the model knows one of some tokens.
    prompt, count, seed, as_json, quiet
        Of `drawing_options`.
    **drawing
        The others of these.
    """
    import numpy as np

    unknown = Unknown(GUESSES, quiet, "prompt")
    unknown.count_words(start, knows)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        text = model.text_of([*start, *model.generate(start, rng=rng, **drawing)])
        if as_json:
            print_json({"prompt": prompt, "text": text})
        else:
            print_line(text)
    unknown.tell()
