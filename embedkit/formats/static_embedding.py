"""A folder of model2vec and sentence-transformers (``StaticEmbedding``): a row for each token of a tokenizer.

=========================  ===========================================================================================
``model.safetensors``      ``embeddings`` (model2vec) or ``embedding.weight`` (sentence-transformers), (n_rows, d); also
                           ``mapping`` (n_tokens,), the row of each token, and ``weights`` (n_tokens,), its factor
``tokenizer.json``         how text becomes tokens (`embedkit.formats.tokenizer_json`)
``config.json``            ``normalize``, ``max_length``; ``embedkit``: the training configuration
``modules.json``           the modules of sentence-transformers; the two files above may be in the folder it names
``tokenizer_config.json``  length and padding, for FastEmbed
``model.onnx``             the look-up as an ONNX model whose matrix is ``model.safetensors`` (`embedkit.formats.onnx`)
=========================  ===========================================================================================

Written are whole words with their vectors as they are (``normalize`` false), so that a word's encoding there is its
vector here. Behind the words come ``[UNK]`` and ``[PAD]``, zero; special tokens whose row is zero are no words and are
left out when such a folder is read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError, FormatError, counted, warn_caller
from embedkit.files.folders import atomic_folder, check_folder
from embedkit.files.safetensors import SafetensorsFile, json_object
from embedkit.files.safetensors_writer import SafetensorsWriter
from embedkit.formats.blocks import check_dimensions, show
from embedkit.formats.model_card import card_for
from embedkit.formats.onnx import gather_model
from embedkit.formats.tokenizer_json import PADDING, UNKNOWN, read_tokens, write_tokenizer
from embedkit.rows.norms import row_norms
from embedkit.rows.table import EmbeddingTable
from embedkit.text.user_dictionary import without_words
from embedkit.vocabulary.words import Words

MATRICES = ("embeddings", "embedding.weight")
MODEL, TOKENIZER = "model.safetensors", "tokenizer.json"
FILES = (MODEL, TOKENIZER, "config.json", "modules.json", "tokenizer_config.json", "model.onnx", "README.md")
SAME_TOKENIZER = ("whitespace", "words", "chars")
LONGEST_TEXT = 1_000_000  # tokens
ROWS = 16384


def part(folder: str | os.PathLike[str]) -> Path | None:
    """The folder, itself or inside `folder`, that holds a matrix and its tokenizer; None where there is none."""
    here = Path(folder)
    places = [here]
    modules = here / "modules.json"
    if modules.is_file():
        try:
            listed = json.loads(modules.read_bytes())
            places += [here / module["path"] for module in listed if "StaticEmbedding" in module["type"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
    places.append(here / "0_StaticEmbedding")
    return next((place for place in places if (place / MODEL).is_file() and (place / TOKENIZER).is_file()), None)


def read(path: str | os.PathLike[str], name: str | None = None) -> EmbeddingTable:
    """Read the tokens and their rows, mapped where they are stored as float32.

    Raises
    ------
    FormatError
        When the folder holds no such model, or a damaged one.
    """
    name = name or os.fspath(path)
    folder = part(path)
    if folder is None:
        raise FormatError(f"{name}: expected a folder with {MODEL} and {TOKENIZER}, found none of that kind")
    file = SafetensorsFile(folder / MODEL, f"{name}/{MODEL}", expected="word vectors")
    matrix = next((key for key in MATRICES if key in file.matrices()), None)
    if matrix is None:
        raise FormatError(
            f"{name}: expected a static model, with the tensor {' or '.join(MATRICES)}, found {_kind(folder)} with "
            f"{file.shown(4)}; a Transformer's vectors depend on the whole sentence; its table of tokens alone is read "
            "from the file: give `tensor` and `words`"
        )
    vectors = _rows(file, matrix)
    tokens = read_tokens(folder / TOKENIZER)
    if len(tokens.by_row) > len(vectors):
        raise FormatError(
            f"{name}: expected a row for each of {counted(len(tokens.by_row), 'token')}, found "
            f"{counted(len(vectors), 'row')}"
        )
    named = [row for row, token in enumerate(tokens.by_row) if token is not None]
    kept = [row for row in named if not (row in tokens.special and not vectors[row].any())]
    words = Words.from_strings([str(tokens.by_row[row]) for row in kept])
    rows = vectors[: len(kept)] if kept == list(range(len(kept))) else vectors[kept]
    return EmbeddingTable(words, rows, norms=row_norms(rows), config=_config(folder, name))


def _rows(file: SafetensorsFile, matrix: str) -> np.ndarray:
    """A row for each token: those of the matrix, chosen by ``mapping`` and multiplied by ``weights`` where they are."""
    vectors = file.matrix(matrix)
    if "mapping" in file.entries:
        mapping = file.vector("mapping")
        if len(mapping) and not (mapping.min() >= 0 and mapping.max() < len(vectors)):
            raise FormatError(f"{file.name}: damaged: the mapping names rows outside 0–{len(vectors) - 1:,}")
        vectors = vectors[mapping.astype(np.int64)]
    if "weights" in file.entries:
        weights = file.vector("weights").astype(np.float32)
        if len(weights) != len(vectors):
            raise FormatError(
                f"{file.name}: damaged: expected {counted(len(vectors), 'weight')}, found {len(weights):,}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            vectors = vectors * weights[:, None]
    return vectors


def _config(folder: Path, name: str) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        return {}
    own = json_object(f"{name}/config.json", "configuration", file.read_bytes()).get("embedkit")
    return own if isinstance(own, dict) else {}


def _kind(folder: Path) -> str:
    try:
        found = json.loads((folder / "config.json").read_bytes())["architectures"][0]
        return f"the model {str(found)[:60]}"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return "another model"


def check(path: str | os.PathLike[str]) -> None:
    """See before the work whether the folder could be written; raises as `write`."""
    check_folder(path, FILES)


def write(table: EmbeddingTable, path: str | os.PathLike[str], scores: str | None = None) -> None:
    """Write the folder, on disk or at a URL, with a card; a README.md that somebody wrote stays.

    Parameters
    ----------
    table : EmbeddingTable
    path : path or URL
    scores : path, optional
        JSON lines of ``embedkit evaluate --json`` for the card.

    Raises
    ------
    EmbedkitError
        When the package ``tokenizers`` is not installed, a word is not valid Unicode or empty, or the folder holds
        other files.
    """
    check_dimensions(table.vector_size, "static-embedding")
    words = _checked(table)
    config = dict(table.config)
    unknown = UNKNOWN if UNKNOWN not in table.words else "[embedkit unknown]"
    padding = PADDING if PADDING not in table.words else "[embedkit padding]"
    card = card_for(path, table, _usage, scores)
    with atomic_folder(path, FILES) as folder:
        _write_files(table, folder, config, unknown, padding)
        tokenizer = str(config.get("tokenizer") or "whitespace")
        write_tokenizer(
            folder / TOKENIZER, [*words, unknown, padding], unknown, padding, tokenizer, bool(config.get("lowercase"))
        )
        (folder / "README.md").write_text(card, encoding="utf-8", newline="")
    if tokenizer not in SAME_TOKENIZER:
        warn_caller(
            f"{os.fspath(path)}: its tokenizer cuts text at white space; the tokenizer {without_words(tokenizer)} of "
            "the model has no counterpart there: give it text that is cut already"
        )


def _usage(name: str) -> str:
    opened = f'StaticModel.from_pretrained("{name}")'
    return f'from model2vec import StaticModel\n\nmodel = {opened}\nmodel.encode(["a text"])'


def _checked(table: EmbeddingTable) -> list[str]:
    words = list(table.words)
    spaced = 0
    for row, encoded in enumerate(table.packed_words.to_bytes()):
        try:
            encoded.decode()
        except UnicodeDecodeError:
            raise EmbedkitError(
                f"cannot write static-embedding: the word {show(encoded)} is not Unicode; convert to native instead"
            ) from None
        if not encoded:
            raise EmbedkitError("cannot write static-embedding: the word '' is empty; convert to native instead")
        spaced += words[row].split() != [words[row]]
    if spaced:
        warn_caller(
            f"{counted(spaced, 'word holds', 'words hold')} white space: written, but no text is cut into such words"
        )
    return words


def _write_files(table: EmbeddingTable, folder: Path, config: dict[str, Any], unknown: str, padding: str) -> None:
    n_rows, size = len(table) + 2, table.vector_size
    with open(folder / MODEL, "xb") as stream:
        writer = SafetensorsWriter(stream, {"format": "pt"}, 1)
        for low in range(0, len(table), ROWS):
            writer.append(table.vectors[low : low + ROWS], "<f4")
        writer.append(np.zeros((2, size), np.float32), "<f4")
        writer.close(MATRICES[0], "<f4", (n_rows, size))
        writer.finish()
        offset = writer.start
    described = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": "embedkit",
        "hidden_dim": size,
        "normalize": False,
        "max_length": None,
        "embedkit": config,
    }
    modules = [{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}]
    lengths = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": LONGEST_TEXT,
        "unk_token": unknown,
        "pad_token": padding,
    }
    for name, content in (("config.json", described), ("modules.json", modules), ("tokenizer_config.json", lengths)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (folder / "model.onnx").write_bytes(gather_model(n_rows, size, MODEL, offset))
