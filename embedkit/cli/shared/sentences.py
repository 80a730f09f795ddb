"""Lines of text as vectors, for ``embedkit vectors`` and the search in documents: options, learning, applying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from embedkit.cli.shared.files import INPUT, OUTPUT
from embedkit.cli.shared.options import chain, refuse
from embedkit.cli.shared.output import note
from embedkit.cli.shared.queries import query_batches
from embedkit.cli.shared.telling import ZEROS, Unknown
from embedkit.cli.shared.words import word_list
from embedkit.errors import ConfigError, counted
from embedkit.query.keyed_vectors import KeyedVectors

if TYPE_CHECKING:
    from embedkit.documents.sentence_model import SentenceOptions
    from embedkit.documents.sentences import SentenceEncoder

F = TypeVar("F", bound=Callable[..., Any])
Batches = Iterator[tuple[list[str], np.ndarray, bool]]

FEW_LINES = 100  # to learn common directions from
LINES_AT_ONCE = 16_384

_WHAT = {
    "mean": "one vector each, the mean of its words' vectors.",
    "max": "the largest value of each dimension.",
    "fasttext": "the mean of unit vectors, as fasttext print-sentence-vectors.",
    "tfidf": "the mean weighted by inverse document frequency.",
    "sif": "frequent words weigh less, and what all lines share is removed.",
    "usif": "the same without a parameter, five directions removed in part.",
}


def method_options(before: str) -> Callable[[F], F]:
    """The flags of all ways to make one vector of a text; `before` begins their help."""
    return chain(
        *(click.option(f"--{name}", is_flag=True, help=f"{before}: {what}") for name, what in _WHAT.items()),
        click.option("--stop-words", metavar="W,...|FILE", help="Leave these words of texts out."),
        click.option(
            "--smoothing",
            type=float,
            metavar="A",
            help="sif: the smaller, the less frequent words count.  [default: 0.001]",
        ),
        click.option(
            "--components",
            type=int,
            metavar="N",
            help="sif, usif: so many directions that all lines share are removed.  [default: 1; usif 5]",
        ),
    )


learning_options = chain(
    click.option(
        "--fit", type=INPUT, metavar="CORPUS", help="tfidf, sif, usif: learn weights and directions from this text."
    ),
    click.option("--save-model", type=OUTPUT, metavar="FILE", help="Keep what was learnt there."),
    click.option("--apply", type=INPUT, metavar="FILE", help="Queries are texts: treat them by that model."),
)
METHODS = tuple(_WHAT)
OPTIONS = ("stop_words", "smoothing", "components", "fit", "save_model")


def text_batches(
    model: KeyedVectors,
    texts: tuple[str, ...],
    method: str | None,
    apply: str | None,
    fit: str | None,
    save_model: str | None,
    quiet: bool,
    **options: Any,
) -> Batches:
    """Texts and their vectors, piece by piece; none where a model is only learnt and kept."""
    from embedkit.documents.sentence_model import LEARNT, SentenceModel
    from embedkit.documents.sentences import SentenceEncoder, learn
    from embedkit.text.reading import short_name

    if apply or method is None:
        refuse((*METHODS, *OPTIONS), "with `apply`: the model says how it was made")
        return _counted(_encoded(SentenceEncoder(model, SentenceModel.load(str(apply))), texts), quiet)
    chosen, stop_words = sentence_options(method, **options)
    if method not in LEARNT:
        refuse(("fit",), f"with --{method}, which learns nothing from a text")
        fitted = SentenceModel.unlearnt(model, chosen, stop_words)
        encoder = SentenceEncoder(model, fitted)
        batches = _encoded(encoder, texts)
    elif fit:
        fitted, encoder = learn(model, corpus_lines(fit), chosen, stop_words, name=short_name(fit))
        batches = iter(()) if save_model and not texts else _encoded(encoder, texts)
    elif texts:
        raise ConfigError(
            f"--{method} learns from a text: name it with `fit`, or give a model that was kept before with `apply`"
        )
    else:
        pieces: list[list[str]] = []
        fitted, encoder = learn(model, _kept(pieces), chosen, stop_words, name="standard input")
        n_lines = sum(map(len, pieces))
        if n_lines < FEW_LINES and method != "tfidf":
            note(
                f"note: what is removed was learnt from {counted(n_lines, 'line')}; --fit CORPUS learns from another "
                "text",
                quiet,
            )
        batches = ((lines, rows, True) for lines, rows in zip(pieces, encoder.learnt_lines(), strict=True))
    if save_model:
        fitted.save(save_model)
        note(f"{save_model}: {method}, to be used with --apply", quiet)
    return _counted(batches, quiet)


def corpus_lines(corpus: str | Sequence[str]) -> Iterator[list[str]]:
    """The lines of a text in pieces."""
    from embedkit.text.reading import read_lines

    lines = read_lines(corpus)
    while piece := list(islice(lines, LINES_AT_ONCE)):
        yield piece


def _kept(pieces: list[list[str]]) -> Iterator[list[str]]:
    for lines in query_batches((), needed=False, texts=True):  # else learning tells
        pieces.append(lines)
        yield lines


def _encoded(encoder: SentenceEncoder, texts: tuple[str, ...]) -> Batches:
    for lines in query_batches(texts, texts=True):
        yield lines, encoder.vectors(lines), True


def _counted(batches: Batches, quiet: bool) -> Batches:
    """The batches; says at their end how many texts had no vector."""
    unknown = Unknown(ZEROS, quiet)
    for lines, rows, sound in batches:
        unknown.count_vectors(rows)
        yield lines, rows, sound
    unknown.tell()


def method_of(options: dict[str, Any]) -> str | None:
    """Which way to make vectors of texts was asked for, taken out of the command's options.

    Raises
    ------
    ConfigError
        For two ways.
    """
    asked = [name for name in METHODS if options.pop(name)]
    if len(asked) > 1:
        raise ConfigError(f"--{asked[0]} and --{asked[1]} are two ways to make a vector; give one")
    return asked[0] if asked else None


def refuse_for_words() -> None:
    """Refuse options that are for texts only."""
    refuse(OPTIONS, "without a way to make vectors of texts: " + ", ".join(f"--{name}" for name in METHODS))


def sentence_options(
    method: str, smoothing: float | None, components: int | None, stop_words: str | None
) -> tuple[SentenceOptions, list[str]]:
    """The options of a method and its stop words."""
    from embedkit.documents.sentence_model import SentenceOptions

    if method != "sif":
        refuse(("smoothing",), f"with --{method}: it is for --sif")
    if method not in ("sif", "usif"):
        refuse(("components",), f"with --{method}: it is for --sif and --usif")
    chosen = SentenceOptions.create(method=method, smoothing=smoothing, components=components)
    return chosen, word_list(stop_words) if stop_words else []
