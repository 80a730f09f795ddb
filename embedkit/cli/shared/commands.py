"""Groups of commands: what they answer to a name that is none of theirs; what every command is given."""

from __future__ import annotations

from collections.abc import Iterator
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


class Commands(click.Group):
    """A group that answers another tool's name with what does the same here, and a misspelt one with those like it."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"no command named {args[0]!r}{_hint(args[0], names, ctx.command_path)}")
        return super().resolve_command(ctx, args)


def _hint(name: str, names: list[str], group: str) -> str:
    from difflib import get_close_matches

    if name in OTHER_NAMES:
        return f"; here it is embedkit {OTHER_NAMES[name]}"
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else f"; see {group} --help"


class CommandContext(click.Context):
    """The context of a command; tells an error of the library which command it ends."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        if isinstance(error, EmbedkitError) and not hasattr(error, "command"):
            error.command = self.command  # type: ignore[attr-defined]
        return super().__exit__(kind, error, trace)


def prepare(command: click.Command) -> None:
    """Give a command the context that errors need, and keep click from wrapping the example at the end of its help:
    a copied line must run."""
    command.context_class = CommandContext
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            _refuse_options_as_values(parameter)
    if command.epilog and not command.epilog.startswith("\b"):
        command.epilog = "\b\n" + command.epilog
    if isinstance(command, click.Group):
        for part in command.commands.values():
            prepare(part)


def _refuse_options_as_values(option: click.Option) -> None:
    """An option that takes values must not swallow the next option: `--analogy man king woman -o picture.png`."""
    inner = option.callback

    def check(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        names = {name for other in ctx.command.params for name in (*other.opts, *other.secondary_opts)}
        found = next((word for word in _strings(value) if word.startswith("-") and word in names), None)
        if found is not None:
            takes = f"{option.nargs} values" if option.nargs > 1 else "a value"
            raise click.UsageError(f"{option.opts[0]} takes {takes}, found the option {found} among them", ctx)
        return inner(ctx, parameter, value) if inner else value

    check.refuses_options = True  # type: ignore[attr-defined]
    if not hasattr(inner, "refuses_options"):
        option.callback = check


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _strings(part)
