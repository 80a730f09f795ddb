"""``embedkit convert``: turn one format of vectors into another."""

from __future__ import annotations

from typing import Any

import click

from embedkit.cli.shared.files import INPUT, OutputFile
from embedkit.cli.shared.operations import change_of, operation_options
from embedkit.cli.shared.options import json_option, quiet_option
from embedkit.cli.shared.output import note, print_json
from embedkit.cli.shared.progress import progress_bar
from embedkit.cli.shared.reading import reading, row_options
from embedkit.errors import counted
from embedkit.files.outputs import is_standard_output
from embedkit.formats import FORMATS
from embedkit.query.storing import convert as convert_file


@click.command(epilog="Example: embedkit convert glove.6B.100d.txt glove.safetensors")
@click.argument("source", metavar="IN", type=INPUT)
@click.argument("target", metavar="OUT", type=OutputFile("source", folders=True))
@click.option(
    "--from",
    "source_format",
    type=click.Choice(list(FORMATS)),
    metavar="FORMAT",
    help="Where the content of IN does not tell.",
)
@click.option(
    "--to",
    "target_format",
    type=click.Choice(list(FORMATS)),
    metavar="FORMAT",
    help="Where the suffix of OUT does not tell.",
)
@click.option(
    "--encoding-errors",
    type=click.Choice(["strict", "replace", "ignore"]),
    help="What to do with words that are not UTF-8; strict by default.",
)
@click.option("--vocab", type=INPUT, help="glove-binary: the file of words and counts.")
@click.option(
    "--glove-vectors",
    type=click.Choice(["sum", "word", "context"]),
    help="glove-binary: which rows make the vectors; sum by default, as the C tool prints them.",
)
@click.option("--scores", type=INPUT, help="hub, static-embedding: JSON lines of embedkit evaluate for the model card.")
@click.option(
    "--words-only",
    is_flag=True,
    help="Words and vectors are all that is wanted: no word about n-grams, output vectors or a classifier left behind.",
)
@row_options
@operation_options
@json_option
@quiet_option
def convert(
    source: str,
    target: str,
    source_format: str | None,
    target_format: str | None,
    encoding_errors: str | None,
    vocab: str | None,
    scores: str | None,
    glove_vectors: str | None,
    words_only: bool,
    as_json: bool,
    quiet: bool,
    **operations: Any,
) -> None:
    """Turn the vectors in IN into the format of OUT.

    IN is recognised by its content, compressed (.gz .bz2 .xz .zst), in a .zip or not; - is standard input. OUT is
    recognised by its suffix: .safetensors native, .txt word2vec-text, .vec fasttext-vec, .bin fasttext or
    word2vec-binary, .fifu finalfusion, .npz, .npy, .parquet, .arrow or .feather, .csv, .tsv projector, .sqlite; one of
    .gz .bz2 .xz .zst behind it compresses. Other formats: glove-text, glove-binary; static-embedding, a folder
    that model2vec, sentence-transformers and FastEmbed open; hub, a folder with a model card, which hf://OWNER/MODEL
    is by itself; in only: floret, safetensors of other programs, spaCy's
    folders. Vectors pass by in blocks
    where the format allows it: files larger than the memory can be converted. Operations work on the whole matrix,
    in this order: --keep-words, --top-words, --concat, --center, --all-but-the-top, --unit.

    What the format of OUT does not keep (n-grams, output vectors, a classifier) is said, and refused where IN itself
    would lose it.
    """
    if as_json and is_standard_output(target):
        raise click.UsageError("--json prints on standard output, where OUT goes as well: name a file for OUT")
    options = {
        "encoding_errors": encoding_errors,
        "vocab": vocab,
        "scores": scores,
        "glove_vectors": glove_vectors,
        **reading(),
    }
    with progress_bar(quiet) as progress:
        vectors = convert_file(
            source,
            target,
            source_format,
            target_format,
            progress,
            change=change_of(operations),
            words_only=words_only,
            **{name: value for name, value in options.items() if value is not None},
        )
    if as_json:
        print_json({"file": target, "words": len(vectors), "vector_size": vectors.vector_size})
    note(f"{target}: {counted(len(vectors), 'word')}, {counted(vectors.vector_size, 'dimension')}", quiet)
