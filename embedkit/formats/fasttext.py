"""Word vectors as fastText's ``.bin`` (`embedkit.formats.fasttext_parts` tells its layout).

The word's vector is the mean of its own row and its n-grams' rows (`embedkit.rows.subwords`). A supervised model's
input vectors are read, its labels are not. An unknown word whose n-grams have no rows but zeros, or none, is an error
where it is asked for; fastText answers zeros.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from embedkit.errors import EmbedkitError, counted, warn_caller
from embedkit.formats.blocks import Reading, check_dimensions, first_ones, rows_from, warn_of_repeated
from embedkit.formats.fasttext_parts import Dictionary, FastTextFile, read_parts, write_parts
from embedkit.formats.fasttext_quantized import FastTextCodes
from embedkit.formats.table import JAMO_IN_BIN
from embedkit.rows.composed import ComposedRows
from embedkit.rows.protocol import Rows
from embedkit.rows.subwords import Subwords
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words

SAME_NGRAMS = ("utf-8", "ascii")  # encodings in which an unknown word has the n-grams that the file would give it


def read(path: str | os.PathLike[str], name: str | None = None, reading: Reading | None = None) -> EmbeddingTable:
    """Open a fastText model, memory-mapped: a word or an unknown word touches its own rows.

    Words that are not UTF-8 keep their bytes (surrogateescape) unless `reading` names another encoding, or what to do
    with them. Then the words' vectors are composed from the bytes of the file still, but the n-grams are left out, with
    a warning: they are n-grams of those bytes, and other words would be composed of rows that are not theirs.

    Raises
    ------
    FormatError
        When the file is cut off, damaged, newer than version 12, or floret's, or holds words of another encoding than
        the one that was named.
    """
    name = os.fspath(path) if name is None else name
    return _named(_vectors(name, read_parts(path, name)), name, reading or Reading())


def _named(table: EmbeddingTable, name: str, reading: Reading) -> EmbeddingTable:
    """The table with its words as they are asked for: as it is where that changes no word and no n-gram."""
    if (reading.encoding, reading.encoding_errors) == ("utf-8", "strict"):
        return table
    encoded = table.packed_words.to_bytes()
    found, places = reading.decoded(encoded, np.arange(len(encoded)), rows_from(name, 0))
    reading.tell(name)
    reading.left_out.clear()
    if found == encoded and (table.subwords is None or reading.encoding in SAME_NGRAMS):
        return table
    repeated: list[bytes] = []
    kept = first_ones(found, set(), repeated)
    warn_of_repeated(name, repeated)
    if table.subwords is not None:
        warn_caller(
            f"{name}: read without its n-grams (unknown words will have no vectors): they are n-grams of the file's "
            f"bytes, which are not those of the words as they are read now ({reading.encoding}, "
            f"{reading.encoding_errors})"
        )
    words = Words.from_bytes([found[i] for i in kept])
    rows, outputs = places[kept], table.output_vectors
    whole = len(rows) == len(encoded)
    if not whole and outputs is not None:
        outputs = outputs[rows] if len(outputs) == len(encoded) else None
    return EmbeddingTable(
        words,
        table.vectors if whole else _rows_of(table, rows),
        counts=None if table.counts is None else table.counts[rows],
        output_vectors=outputs,
        config=table.config,
        left_behind=table.left_behind,
    )


def _rows_of(table: EmbeddingTable, rows: np.ndarray) -> ComposedRows:
    """Some of the rows, composed when they are asked for, from the words as the file has them."""
    composed = table.vectors
    assert isinstance(composed, ComposedRows)
    words = table.packed_words
    return ComposedRows(
        Words.from_bytes([words.encoded(row) for row in rows.tolist()]),
        composed.word_rows[rows],
        composed.subwords,
        composed.ngram_vectors,
        composed.name,
    )


def _vectors(name: str, parts: FastTextFile) -> EmbeddingTable:
    arguments, dictionary, rows, output = parts.arguments, parts.dictionary, parts.rows, parts.output
    n_words = len(dictionary.words)
    words = Words.from_bytes(dictionary.words)
    own, ngrams = _split(rows, n_words)
    subwords = None
    shortest, longest = max(1, arguments["min_n"]), arguments["max_n"]
    if arguments["bucket"] > 0 and longest >= shortest and dictionary.kept != ():
        subwords = Subwords("chars", min_n=shortest, max_n=longest, bucket=arguments["bucket"], kept=dictionary.kept)
    config = {"tool": "fasttext", **_in_use(arguments), "n_tokens": dictionary.n_tokens}
    kept_output = arguments["model"] != "supervised" and arguments["loss"] in ("ns", "softmax")
    return EmbeddingTable(
        words,
        ComposedRows(words, own, subwords, None if subwords is None else ngrams, name),
        counts=dictionary.counts,
        subwords=subwords,
        ngram_vectors=None if subwords is None else ngrams,
        word_rows=own,
        output_vectors=output if kept_output and isinstance(output, np.ndarray) else None,
        config=config,
        left_behind=_left_behind(arguments["model"] == "supervised", len(dictionary.labels)),
    )


def _in_use(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments without those that every file has room for and a classifier has no use for."""
    if arguments["model"] != "supervised":
        return arguments
    idle = {"window", "update_rate", "sample"}
    if arguments["loss"] != "ns":
        idle.add("negative")
    if arguments["max_n"] == 0:
        idle |= {"min_n"} if arguments["word_ngrams"] > 1 else {"min_n", "bucket"}
    if arguments["epochs"] == 0:  # of a linear model
        idle.add("epochs")
    return {name: value for name, value in arguments.items() if name not in idle}


def _left_behind(supervised: bool, n_labels: int) -> tuple[str, ...]:
    return (f"the classifier of {counted(n_labels, 'label')}",) if supervised else ()


def _split(rows: Rows, n_words: int) -> tuple[Rows, Rows]:
    if isinstance(rows, FastTextCodes):
        return rows.rows(0, n_words), rows.rows(n_words, len(rows))
    return rows[:n_words], rows[n_words:]


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write a model with character subwords (or none) as fastText's version 12.

    The ``fasttext`` package gives bit-identical vectors for known and unknown words. Without output vectors, or with
    those of hierarchical softmax, the output matrix is zeros: the vectors are whole, but training cannot go on there.

    Raises
    ------
    EmbedkitError
        For jamo subwords and pruned models, which the format cannot express, for vectors whose rows were not kept,
        and for a word with a NUL byte.
    """
    check_dimensions(table.vector_size, "fastText .bin")
    own, ngrams = _expressible(table)
    n_words, size = len(table), table.vector_size
    counts = np.ones(n_words, np.int64) if table.counts is None else table.counts
    dictionary = Dictionary(
        words=table.packed_words.to_bytes(),
        counts=counts,
        labels=[],
        label_counts=np.zeros(0, np.int64),
        n_tokens=max(int(counts.sum()), table.setting("n_tokens", 0)),
        kept=None,
        end=0,
    )
    output = table.output_vectors
    if output is None or output.shape != (n_words, size) or table.config.get("loss") == "hs":
        output = np.broadcast_to(np.float32(0), (n_words, size))
    write_parts(path, _arguments(table), dictionary, [own] if ngrams is None else [own, ngrams], output)


def _expressible(table: EmbeddingTable) -> tuple[Rows, Rows | None]:
    """The words' own rows and the n-grams' rows, where a .bin can hold them."""
    subwords = table.subwords
    if subwords is None:
        return table.vectors, None
    if subwords.kind != "chars":
        raise EmbedkitError(JAMO_IN_BIN)
    if subwords.kept is not None:
        raise EmbedkitError(
            "cannot write fastText .bin: the model's n-grams were pruned, and fastText reads pruned "
            "models only when they are quantised; use .safetensors or .vec"
        )
    if table.word_rows is None or table.ngram_vectors is None:
        raise EmbedkitError(
            "cannot write fastText .bin: the rows of words and n-grams were not kept with these "
            "vectors; use .vec, or convert the model they came from"
        )
    return table.word_rows, table.ngram_vectors


def _arguments(table: EmbeddingTable) -> dict[str, Any]:
    config, subwords = table.config, table.subwords
    arguments: dict[str, Any] = {"window": 5, "epochs": 5, "min_count": 1, "negative": 5, "update_rate": 100}
    for name in arguments:
        value = config.get(name)
        if isinstance(value, int) and 0 <= value < 2**31:
            arguments[name] = value
    if subwords is not None:
        arguments |= {"bucket": subwords.bucket, "min_n": subwords.min_n, "max_n": subwords.max_n}
    if isinstance(config.get("sample"), int | float):
        arguments["sample"] = float(config["sample"])
    model = "cbow" if config.get("model") == "cbow" else "skipgram"
    return {**arguments, "vector_size": table.vector_size, "word_ngrams": 1, "loss": "ns", "model": model}
