"""What ``embedkit index --documents`` and ``embedkit search`` share: the options of an index of documents."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from embedkit.cli.shared.files import INPUT
from embedkit.cli.shared.options import chain, option_of, refuse
from embedkit.cli.shared.output import note
from embedkit.cli.shared.reading import load
from embedkit.cli.shared.sentences import METHODS, method_of, method_options, sentence_options
from embedkit.cli.shared.text_fields import field_options
from embedkit.cli.shared.words import word_list
from embedkit.documents.document_index import DocumentIndex, IndexOptions
from embedkit.errors import counted
from embedkit.options import defaults

if TYPE_CHECKING:
    from embedkit.query.keyed_vectors import KeyedVectors

READING = tuple(defaults(IndexOptions))
OF_VECTORS = (*METHODS, "smoothing", "components")

document_options = chain(
    click.option("--vectors", type=INPUT, metavar="MODEL", help="Vectors of words, to search by meaning too."),
    method_options("With --vectors"),
    *(option_of(IndexOptions, name) for name in READING),
    field_options,
)


def build_index(corpus: list[str], options: dict[str, Any], quiet: bool) -> tuple[DocumentIndex, KeyedVectors | None]:
    """Index a text as the options of the running command say; the vectors of words, where it was made with some."""
    path = options["vectors"]
    if path is None:
        refuse(OF_VECTORS, "without `vectors`")
    method = method_of(options) or "sif"
    sentences, stop_words = sentence_options(
        method, options["smoothing"], options["components"], options["stop_words"] if path else None
    )
    if path is None and options["stop_words"]:
        stop_words = word_list(options["stop_words"])
    chosen = IndexOptions(stop_words=tuple(stop_words), **{name: options[name] for name in READING})
    model = load(path) if path else None
    begun = time.perf_counter()
    index = DocumentIndex.build(corpus, chosen, model, sentences, path or "")
    seconds = time.perf_counter() - begun
    note(
        f"{counted(len(index.documents), 'document')}, {counted(len(index.terms.terms), 'word')}, {seconds:.1f} s",
        quiet,
    )
    return index, model
