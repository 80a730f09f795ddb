"""Groups of commands: what they answer to a name that is none of theirs; what every command is given."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

import click

from embedkit.errors import EmbedkitError

# Commands of fastText, word2vec and GloVe, and gensim's methods that people try as commands.
OTHER_NAMES = {
    "skipgram": "train --model skipgram",
    "cbow": "train --model cbow",
    "word2vec": "train --model skipgram, or cbow",
    "fasttext": "train --model fasttext, and classify train --model fasttext",
    "glove": "train --model glove",
    "doc2vec": "train --model doc2vec",
    "supervised": "classify train --model fasttext",
    "quantize": "compress, for a classifier classify train --quantize",
    "test": "classify evaluate",
    "test-label": "classify evaluate --per-label",
    "predict": "classify predict, tag predict or caption predict",
    "predict-prob": "classify predict, which prints probabilities too",
    "print-word-vectors": "vectors",
    "print-sentence-vectors": "vectors --fasttext",
    "print-ngrams": "subwords",
    "nn": "similar",
    "analogies": "analogy",
    "dump": "info, and convert for the vectors",
    "distance": "similar, and similarity for two words",
    "word-analogy": "analogy",
    "word2phrase": "phrases",
    "compute-accuracy": "evaluate --analogies",
    "vocab_count": "vocab",
    "cooccurrence": "cooccur",
    "most_similar": "similar",
    "most-similar": "similar",
    "doesnt_match": "odd-one-out",
    "distances": "similarity --distance, and similar --among",
    "wmdistance": "similarity --wmd",
}


# The same, inside a group that has a command of this name.
OF_GROUPS = {"test": "evaluate", "test-label": "evaluate --per-label", "predict-prob": "predict", "score": "evaluate"}


# Flags of word2vec, fastText and gensim that every command with such an option takes too.
ALIASES = {
    "--vector-size": ("--dim", "--size", "-dim"),
    "--window": ("--ws",),
    "--negative": ("--neg",),
    "--epochs": ("--epoch", "--iter"),
    "--learning-rate": ("--lr", "--alpha"),
    "--workers": ("--threads", "--thread"),
    "--sample": ("-t",),
    "--min-count": ("--minCount",),
    "--min-count-label": ("--minCountLabel",),
    "--min-n": ("--minn",),
    "--max-n": ("--maxn",),
    "--word-ngrams": ("--wordNgrams",),
}


class Commands(click.Group):
    """A group that answers another tool's name with what does the same here, and a misspelt one with those like it."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"no command named {args[0]!r}{self._hint(ctx, args[0], names)}")
        return super().resolve_command(ctx, args)

    def _hint(self, ctx: click.Context, name: str, names: list[str]) -> str:
        from difflib import get_close_matches

        ours, *options = OF_GROUPS.get(name, "-").split()
        command = self.commands.get(ours)
        if command is not None:
            known = {option for parameter in command.params for option in parameter.opts}
            return f"; here it is {' '.join([ctx.command_path, ours, *(o for o in options if o in known)])}"
        if name in OTHER_NAMES:
            return f"; here it is embedkit {OTHER_NAMES[name]}"
        close = get_close_matches(name, names, n=3, cutoff=0.5)
        return f"; did you mean {', '.join(close)}?" if close else f"; see {ctx.command_path} --help"


class CommandContext(click.Context):
    """The context of a command; tells an error of the library which command it ends."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        if isinstance(error, EmbedkitError) and not hasattr(error, "command"):
            error.command = self.command  # type: ignore[attr-defined]
        return super().__exit__(kind, error, trace)


def prepare(command: click.Command) -> None:
    """Give a command the context that errors need, and keep click from wrapping the example at the end of its help:
    a copied line must run. Its options have other tools' names too; they neither swallow others nor take what is no
    number for one."""
    command.context_class = CommandContext
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            _add_aliases(parameter)
            _check_values(parameter)
    if command.epilog and not command.epilog.startswith("\b"):
        command.epilog = "\b\n" + command.epilog
    if isinstance(command, click.Group):
        for part in command.commands.values():
            prepare(part)


def _add_aliases(option: click.Option) -> None:
    """Let an option be called as other tools call it."""
    for name in ALIASES.get(option.opts[0], ()):
        if name not in option.opts:
            option.opts.append(name)


def suggest_dashes(error: click.NoSuchOption, arguments: list[str]) -> click.NoSuchOption:
    """The error of ``-epoch``, which click takes for ``-e``, with the option that has two dashes."""
    known = {name for parameter in (error.ctx.command.params if error.ctx else ()) for name in parameter.opts}
    words = [f"-{word.partition('=')[0]}" for word in arguments if word.startswith(error.option_name[:2])]
    meant = next((word for word in words if word in known), None)
    if meant is None:
        return error
    message = f"No such option {meant[1:]!r}: it has two dashes, {meant}."
    return click.NoSuchOption(error.option_name, message, ctx=error.ctx)


def _check_values(option: click.Option) -> None:
    """An option that takes values must not swallow the next option: `--analogy man king woman -o picture.png`; nor
    is NaN a number, which click takes for one of every range."""
    inner = option.callback

    def check(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        names = {name for other in ctx.command.params for name in (*other.opts, *other.secondary_opts)}
        for part in _parts(value):
            if isinstance(part, str) and part.startswith("-") and part in names:
                takes = f"{option.nargs} values" if option.nargs > 1 else "a value"
                raise click.UsageError(f"{option.opts[0]} takes {takes}, found the option {part} among them", ctx)
            if isinstance(part, float) and isnan(part):
                raise click.BadParameter("expected a number, found nan", ctx, parameter)
        return inner(ctx, parameter, value) if inner else value

    check.is_prepared = True  # type: ignore[attr-defined]
    if not hasattr(inner, "is_prepared"):
        option.callback = check


def _parts(value: Any) -> Iterator[Any]:
    """The values of an option that takes several, or its one."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from _parts(part)
    else:
        yield value
