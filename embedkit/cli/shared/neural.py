"""What the commands over neural modules share: options of training, reading lines, reporting."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from embedkit.cli.shared.files import CHECKPOINT, INPUT, OUTPUT, refuse_held_stdin
from embedkit.cli.shared.options import chain, encoding_errors, option_of, quiet_option, refuse
from embedkit.cli.shared.output import note, note_empty, note_keyboard
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import load, reading_options_of, refuse_reading
from embedkit.cli.shared.telling import tell_trained_on
from embedkit.errors import ConfigError
from embedkit.nn.learning.options import VALID_FRACTION, VECTOR_SIZE, TrainingOptions
from embedkit.nn.words.token_table import MAX_VOCAB
from embedkit.options import defaults, described
from embedkit.text.lines import Piped, plain_lines

if TYPE_CHECKING:
    from embedkit.nn.learning.run_state import History
    from embedkit.text.tokens import TokenizerSettings

F = TypeVar("F", bound=Callable[..., Any])
CHUNK = 1 << 16
BLOCK = 1024


_FINE_TUNING = ("layer_rate", "gradual_unfreezing")
_TRAINING = tuple(name for name in defaults(TrainingOptions) if name not in _FINE_TUNING)
vectors_option = chain(
    click.option("--vectors", type=INPUT, metavar="MODEL", help="Word vectors, any format."),
    reading_options_of("vectors"),
)
encoder_options = chain(
    click.option(
        "--encoder",
        type=INPUT,
        metavar="LM",
        help="A model of embedkit lm train: words also get its vectors in their sentence.",
    ),
    click.option("--tune-encoder", is_flag=True, help="Train the language model too."),
    *(
        option_of(TrainingOptions, name, help=f"With --tune-encoder: {described(TrainingOptions)[name].help}")
        for name in _FINE_TUNING
    ),
)


def table_options(max_vocab: int | None = MAX_VOCAB, of: str = "") -> Callable[[F], F]:
    """Which tokens a model writes, by default `max_vocab`; `of` says of which texts, where there are several."""
    return chain(
        click.option(
            "--min-count", default=1, show_default=True, type=click.IntRange(1), help="Rarer tokens are <unk>."
        ),
        click.option(
            "--max-vocab",
            default=max_vocab,
            show_default="no limit" if max_vocab is None else True,
            type=click.IntRange(1),
            help=f"Keep at most so many tokens{of}, the most frequent ones.",
        ),
    )


def load_encoder(path: str | None, tuned: bool) -> Any:
    """The language model at `path`, None for no path."""
    if not tuned:
        refuse(_FINE_TUNING, "without `tune_encoder`, for whose layers it is")
    if path is None:
        if tuned:
            raise ConfigError("--tune-encoder needs --encoder, the language model to train along")
        return None
    from embedkit.nn.models.contextual import ContextualEncoder

    return ContextualEncoder.open(path, tuned)


def training_options(
    standard: TrainingOptions, epochs: str | None = None, valid: str = "", fraction: str | None = None
) -> Callable[[F], F]:
    """The options of a training run, with the defaults in `standard`.

    `epochs` says how many there are where the command chooses it itself, `fraction` how large the part held out is
    then: the option is None. `valid` says what else than the epoch is chosen on those texts.
    """
    usual: dict[str, Any] = {name: {"default": getattr(standard, name)} for name in _TRAINING}
    if epochs is not None:
        usual["epochs"] = {"default": None, "show_default": epochs}
    return chain(
        click.option(
            "--valid",
            multiple=True,
            type=INPUT,
            metavar="FILE",
            help=f"Tells the best epoch{valid}; by default a random part of the training data.",
        ),
        click.option(
            "--valid-fraction",
            default=None if fraction else VALID_FRACTION,
            show_default=fraction or True,
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            help="How large that part is.",
        ),
        click.option(
            "--vector-size",
            default=VECTOR_SIZE,
            show_default=True,
            type=click.IntRange(1),
            help="Of random vectors, without --vectors.",
        ),
        click.option("--frozen", is_flag=True, help="Keep the pretrained vectors as they are."),
        click.option(
            "--unfreeze-after",
            type=click.IntRange(1),
            metavar="N",
            help="Keep the pretrained vectors as they are for N epochs, then train them too.",
        ),
        *(option_of(TrainingOptions, name, **changes) for name, changes in usual.items()),
        click.option("--log", type=OUTPUT, metavar="FILE", help="One JSON object an epoch."),
        click.option(
            "--checkpoint",
            type=CHECKPOINT,
            metavar="DIR",
            help="Keep the state of the run here, a folder or URL.",
        ),
        click.option("--resume", is_flag=True, help="Go on from the checkpoint, where there is one."),
        quiet_option,
    )


def take_training_options(options: dict[str, Any]) -> TrainingOptions:
    """Take the fields of `TrainingOptions` out of a command's options; one that is None has the class's default."""
    given = {name: options.pop(name) for name in (*_TRAINING, *_FINE_TUNING) if name in options}
    return TrainingOptions(**{name: value for name, value in given.items() if value is not None})


def refuse_idle_training(vectors: str | None, valid: Sequence[str], target_vectors: str | None = None) -> None:
    """Refuse options of `training_options` and `vectors_option` that would do nothing.

    Raises
    ------
    ConfigError
    """
    tell_trained_on("valid", valid)
    if valid:
        refuse(["valid_fraction"], "with `valid`, which is all that measures")
    params = click.get_current_context().params
    if vectors and (target_vectors or "target_vectors" not in params):
        refuse(["vector_size"], "with `vectors`, whose size it is")
    if not vectors and not target_vectors:
        refuse(("frozen", "unfreeze_after"), "without `vectors`")
    if params["frozen"]:
        refuse(["unfreeze_after"], "with `frozen`, which keeps the vectors to the end")


def search_options(beam: int, max_tokens: int, what: str) -> Callable[[F], F]:
    """How the best text is searched for: fields of `embedkit.nn.models.decoding.Search`, see `take_search`."""
    decorators = [
        click.option(
            "--beam",
            default=beam,
            show_default=True,
            type=click.IntRange(1),
            help="Beginnings kept in beam search; 1 is greedy.",
        ),
        click.option(
            "--max-tokens", default=max_tokens, show_default=True, type=click.IntRange(1), help=f"The longest {what}."
        ),
        click.option(
            "--length-penalty",
            default=0.6,
            show_default=True,
            type=click.FloatRange(0),
            help="Of beam search: 0 favours short texts, 1 the best mean per token.",
        ),
        click.option(
            "--no-repeat",
            default=0,
            show_default=True,
            type=click.IntRange(0),
            metavar="N",
            help="No N tokens in a row stand in a text twice; 0 allows it.",
        ),
    ]

    def wrap(command: F) -> F:
        for decorate in reversed(decorators):
            command = decorate(command)
        return command

    return wrap


n_best_option = click.option(
    "--n-best",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="The N best of the --beam, the best first, with the columns line and rank.",
)


def take_search(options: dict[str, Any]) -> Any:
    """The `Search` that `search_options` and `n_best_option` ask for."""
    from embedkit.nn.models.decoding import Search

    return Search(**options)


def fit_and_save(
    train: Callable[..., tuple[Any, History]],
    out: str,
    score: str,
    *,
    log: str | None,
    checkpoint: str | None,
    resume: bool,
    quiet: bool,
) -> None:
    """Train, write the model and say how it went.

    Parameters
    ----------
    train : callable
        Takes ``progress``, ``note``, ``log``, ``checkpoint`` and ``resume``.
    out : str
        The file of the model.
    score : str
        What the first figure of an epoch is called.
    log, checkpoint, resume, quiet
        Of `training_options`.
    """
    with progress_bar(quiet) as progress, _log_file(log, resume) as stream:
        model, history = train(
            progress=progress,
            note=lambda message: note(message, quiet),
            log=stream,
            checkpoint=checkpoint,
            resume=resume,
        )
        model.save(out)
        if checkpoint is not None:
            from embedkit.files.checkpoint import clear_checkpoint

            clear_checkpoint(checkpoint)
    note(
        f"best epoch {history.best_epoch} of {len(history.epochs)}: {score} {history.best_score:.4f} "
        f"after {history.seconds_to_best:.0f} s; saved to {out}",
        quiet,
    )


@contextlib.contextmanager
def _log_file(path: str | None, resume: bool) -> Iterator[Any]:
    """The log to write to, if any; a resumed run goes on in it."""
    if path is None:
        yield None
        return
    from embedkit.files.log import LogFile

    with LogFile(path, append=resume) as stream:
        yield stream


def tokenizer_choice(tokenizer: str | None, lowercase: bool) -> TokenizerSettings | None:
    """What --tokenizer and --lowercase say; None where neither was given: the vectors' own."""
    return {"tokenizer": tokenizer or "whitespace", "lowercase": lowercase} if tokenizer or lowercase else None


def load_vectors(path: str | None, of: str = "vectors") -> Any:
    """The vectors at `path`, the value of the option `of`, read as its options say; None for no path.

    Raises
    ------
    ConfigError
        Where such options were given and no path.
    """
    if path is None:
        refuse_reading(f"without `{of.replace('-', '_')}`", of)
        return None
    return load(path, of)


def line_batches(files: Sequence[str], size: int = BLOCK) -> Iterator[list[str]]:
    """Lines of files (`size` at a time) or of standard input, empty ones too.

    A block of standard input ends where no more input is waiting, so that somebody who types gets each answer at
    once.
    """
    if files and list(files) != ["-"]:
        yield from _blocks_of(files, size)
        return
    if not files:
        refuse_held_stdin("name files of text")
    note_keyboard("a line of text and Enter")
    rest, empty, piped = b"", True, Piped(encoding_errors())
    waiting: Any = sys.stdin.buffer
    while chunk := waiting.read1(CHUNK):
        complete, newline, rest = (rest + chunk).rpartition(b"\n")
        empty = False
        lines = _texts(piped.text(complete)) if newline else []
        for low in range(0, len(lines), BLOCK):
            yield lines[low : low + BLOCK]
    if rest:
        yield _texts(piped.text(rest))
    if empty:
        note_empty()


def _blocks_of(files: Sequence[str], size: int) -> Iterator[list[str]]:
    from embedkit.text.reading import short_name

    _refuse_text(files)
    lines, empty = iter(plain_lines(files, encoding_errors())), True
    while block := list(islice(lines, size)):
        empty = False
        yield block
    if empty:
        note_empty(short_name(files))


def _refuse_text(files: Sequence[str]) -> None:
    """Text given where the name of a file belongs is told from a file that is missing by its blanks."""
    for name in files:
        if any(map(str.isspace, name)) and not os.path.exists(name):
            command = click.get_current_context().command_path
            raise ConfigError(
                f"expected files of text, found the text {name!r}; pipe it in: "
                f"echo {shlex.quote(name)} | {command} MODEL"
            )


def _texts(lines: str) -> list[str]:
    return [line.removeprefix("\ufeff").rstrip("\r") for line in lines.split("\n")]


def report_scores(scores: Any, unit: str, as_json: bool, per_label: bool) -> None:
    """Print accuracy and mean F1, or the figures of each label."""
    from embedkit.cli.shared.output import Results

    if per_label:
        with Results(["label", "precision", "recall", "f1", "count"], as_json, header=True) as results:
            for row in scores.labels:
                results.row(row.label, row.precision, row.recall, row.f1, row.count)
        return
    with Results(["accuracy", "macro_f1", unit], as_json, header=True) as results:
        results.row(scores.accuracy, scores.macro_f1, scores.count)
