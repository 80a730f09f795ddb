"""The command line: a table of commands, imported when they are called.

Each command lives in a file of its own: it parses, calls one library function and prints. What goes wrong becomes
one line on standard error and an exit status here, once.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from embedkit._version import __version__
from embedkit.cli.flags import with_flags
from embedkit.cli.shared import output
from embedkit.cli.shared.commands import Commands, prepare, suggest_dashes
from embedkit.cli.shared.options import QUIET
from embedkit.cli.shared.output import note, note_keyboard, show_usage_error, warn
from embedkit.cli.shared.signals import stopping_signals
from embedkit.errors import ConfigError, EmbedkitError
from embedkit.files.copies import pipes_kept

# Options whose `-` is no text to read.
_OUTPUTS = (
    *("-o", "--output", "--out", "--log", "--npy", "--attention-plot"),
    *("--save-model", "--save-phrases", "--save-vocab", "--checkpoint"),
)
_READ = {"plot": ("--log",)}  # command: options of such a name that it reads
# name: (module in `commands`, which holds a command of the same name; section; one line of help)
COMMANDS = {
    "train": ("train", "Train", "Train word vectors on text."),
    "vocab": ("vocab", "Train", "Count the words of a corpus."),
    "phrases": ("phrases", "Train", "Join frequent collocations: new york -> new_york."),
    "cooccur": ("cooccur", "Train", "Count which words stand near each other."),
    "tfidf": ("tfidf", "Train", "Bag of words or TF-IDF as a sparse matrix."),
    "concordance": ("concordance", "Read texts", "Every place where a word stands, in context."),
    "collocates": ("collocates", "Read texts", "The words that a word keeps company with."),
    "keyness": ("keyness", "Read texts", "The words that are typical of one corpus."),
    "similar": ("similar", "Ask", "The nearest neighbours of words."),
    "analogy": ("analogy", "Ask", "A is to B as C is to ?"),
    "similarity": ("similarity", "Ask", "How similar two words are."),
    "odd-one-out": ("odd_one_out", "Ask", "The word that does not belong."),
    "fill": ("fill", "Ask", "The likeliest words for a gap in a sentence."),
    "vectors": ("vectors", "Ask", "Print the vectors of words or lines of text."),
    "infer": ("infer", "Ask", "Vectors of new lines from paragraph vectors."),
    "search": ("search", "Ask", "The documents that answer a question."),
    "subwords": ("subwords", "Ask", "The subwords that a word is made of."),
    "info": ("info", "Files", "What a file of vectors holds."),
    "convert": ("convert", "Files", "Turn one format of vectors into another."),
    "compress": ("compress", "Files", "Smaller files: float16, int8, product quantisation."),
    "evaluate": ("evaluate", "Compare", "Word pairs and analogies against human judgement."),
    "compare": ("compare", "Compare", "How far two models agree on neighbours."),
    "align": ("align", "Compare", "Rotate one model onto another (Procrustes)."),
    "drift": ("drift", "Compare", "How words change from period to period."),
    "axis": ("axis", "Compare", "Where words stand between two poles."),
    "bias": ("bias", "Compare", "Whether two sets of words lean to others (WEAT)."),
    "index": ("index", "Files", "Build an index of words, or of documents."),
    "plot": ("plot", "Compare", "A picture of words, training curves or counts."),
    "explore": ("explore", "Compare", "Look at whole models in a browser."),
    "show": ("show", "Neural modules", "The course in pictures: gradients, gates, attention, windows."),
    "classify": ("classify", "Neural modules", "Label sentences."),
    "tag": ("tag", "Neural modules", "Label every word of a sentence."),
    "lm": ("lm", "Neural modules", "Language models: n-gram, recurrent, Transformer."),
    "seq2seq": ("seq2seq", "Neural modules", "Turn one sequence of words into another."),
    "caption": ("caption", "Neural modules", "Words for a feature vector."),
    "manual": ("manual", "Help", "Read the manual: tutorial, recipes, course."),
    "help": ("help", "Help", "The help of a command."),
    "completion": ("completion", "Help", "Tab completion for bash, zsh or fish."),
}


class _ClosedPipe(Exception):
    """Nobody reads standard output any more."""


class LazyCommands(Commands):
    """A group that knows its commands' names and one-line helps without importing them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with pipes_kept():
                return super().invoke(ctx)
        except BrokenPipeError as error:  # which click would turn into exit status 1
            raise _ClosedPipe from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = COMMANDS[cmd_name][0]
        command: click.Command = getattr(import_module(f"embedkit.cli.commands.{name}"), name)
        prepare(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands from the table, without importing any of them."""
        names = [CompletionItem(name, help=row[2]) for name, row in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, (_, section, summary) in COMMANDS.items():
            sections.setdefault(section, []).append((name, summary))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample: embedkit train corpus.txt -o model.safetensors && embedkit similar model.safetensors king",
)
@click.version_option(__version__, prog_name="embedkit")
def cli() -> None:
    """Train and query word embeddings."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 done, 1 the work failed, 2 wrong usage, 130 after Ctrl-C, 128 + n after another signal n that ends a process.
    """
    _open_what_is_closed()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    with stopping_signals() as stopped:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                if _reads_keyboard(sys.argv[1:] if arguments is None else arguments):
                    note_keyboard("text")
                status = cli.main(args=arguments, prog_name="embedkit", standalone_mode=False)
                output.flush()
            return status if isinstance(status, int) else 0
        except (BrokenPipeError, _ClosedPipe):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (click.exceptions.Abort, KeyboardInterrupt):
            return _stopped(stopped.status)
        except SystemError as error:
            if not isinstance(error.__cause__, KeyboardInterrupt):  # which met a compiled function on its way back
                raise
            return _stopped(stopped.status)
        except click.ClickException as error:
            if isinstance(error, click.NoSuchOption):
                error = suggest_dashes(error, sys.argv[1:] if arguments is None else arguments)
            show_usage_error(error)
            return error.exit_code
        except EmbedkitError as error:
            message = with_flags(str(error), getattr(error, "command", None))
            return _fail(message, 2 if isinstance(error, ConfigError) else 1)
        except MemoryError:
            return _fail("out of memory: this needs more memory than the machine has free", 1)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            return _fail(f"{place}{error.strerror or error}", 1)


def _open_what_is_closed() -> None:
    """Give a process that was started without standard streams empty ones, before a file takes a stream's number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    warn(str(message), "warning")


def _with_flags_here(message: str) -> str:
    context = click.get_current_context(silent=True)
    return with_flags(message, context.command if context else None)


def _is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


output.naming, output.silenced = _with_flags_here, _is_quiet


def _fail(message: str, status: int) -> int:
    with contextlib.suppress(OSError):  # a terminal that hung up takes no last words
        warn(message)
    return status


def _stopped(status: int) -> int:
    with contextlib.suppress(OSError):  # a terminal that hung up takes no last words
        note("embedkit: stopped")
    if "embedkit.threads" in sys.modules:
        from embedkit.threads import leave_at_once

        leave_at_once(status)
    return status


def _reads_keyboard(arguments: list[str]) -> bool:
    """Whether a `-` among the arguments stands for text from standard input, not for an output; and no --quiet."""
    if {"-q", "--quiet"} & set(arguments):
        return False
    read = _READ.get(arguments[0], ()) if arguments else ()
    apart = [part for word in arguments for part in _apart(word)]
    pairs = zip(["", *apart], apart, strict=False)
    return any(word == "-" and (before in read or before not in _OUTPUTS) for before, word in pairs)


def _apart(word: str) -> list[str]:
    """An option and the `-` that is written to it, ``--log=-`` or ``-o-``, as two words."""
    found = re.fullmatch("(--[^=]+)=-|(-[a-zA-Z])-", word)
    return [word] if found is None else [found[1] or found[2], "-"]
