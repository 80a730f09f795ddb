"""The parts of fastText's ``.bin``: a whole model, little-endian, without padding.

1. int32 magic 793712314, int32 version (11 or 12).
2. Twelve int32: dim, ws, epoch, minCount, neg, wordNgrams, loss (hs 1, ns 2, softmax 3, ova 4), model (cbow 1,
   skipgram 2, supervised 3), bucket, minn, maxn, lrUpdateRate; float64 t, the subsampling threshold.
3. Dictionary: int32 size, nwords, nlabels; int64 ntokens, pruneidx_size. Then `size` entries: bytes and a NUL, int64
   count, int8 type (0 word, 1 label), words first. Then pruneidx_size pairs of int32 (bucket, row): the n-gram
   bucket's row stands at nwords + row, other buckets have none. -1: not pruned; 0: no n-grams at all.
4. uint8, whether the input matrix is quantised. If not: int64 m, n; float32 (m, n), m = nwords + the n-grams' rows.
   If so: uint8 qnorm; int64 m, n; int32 codesize; uint8 (codesize,); a quantiser; with qnorm also uint8 (m,) and a
   quantiser of one dimension. A quantiser: int32 dim, nsubq, dsub, lastdsub; float32 (dim * 256,).
5. uint8 qout; the output matrix, likewise: nwords rows (words by row, or the inner nodes of the tree with hs), or
   nlabels rows when supervised.

Files of 2016 begin with item 2 and have neither pruneidx_size nor the two uint8. floret's files begin with the same
magic but have two more int32, mode and hashCount, behind maxn (`embedkit.formats.floret_binary`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.mapped import MappedFile
from embedkit.formats.blocks import show
from embedkit.formats.fasttext_quantized import FastTextCodes
from embedkit.rows.protocol import Rows

MAGIC, NEWEST, OLDEST = 793712314, 12, 11
ARGUMENTS = (
    "vector_size",
    "window",
    "epochs",
    "min_count",
    "negative",
    "word_ngrams",
    "loss",
    "model",
    "bucket",
    "min_n",
    "max_n",
    "update_rate",
)
LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
WRITE_ROWS = 16384


@dataclass
class Dictionary:
    """The words of a file and what stands beside them."""

    words: list[bytes]
    counts: np.ndarray
    labels: list[bytes]
    label_counts: np.ndarray
    n_tokens: int
    kept: tuple[int, ...] | None
    end: int


class Reader:
    """Takes values from a mapped file one after the other."""

    def __init__(self, file: MappedFile) -> None:
        self.file = file
        self.at = 0

    def take(self, layout: str, what: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + layout)
        if self.at + size > self.file.size:
            raise self.damaged(
                f"{what} should end at byte {self.at + size:,}, but the file ends at byte {self.file.size:,}"
            )
        values = struct.unpack_from("<" + layout, self.file.bytes, self.at)
        self.at += size
        return values

    def array(self, dtype: str, count: int, what: str) -> np.ndarray:
        values = self.file.array(dtype, self.at, count, what)
        self.at += values.nbytes
        return values

    def damaged(self, problem: str) -> FormatError:
        return FormatError(f"{self.file.name}: cut off or damaged fastText file: {problem}")


@dataclass
class FastTextFile:
    """The parts of a file, checked against each other.

    Attributes
    ----------
    arguments : dict
        `ARGUMENTS` and ``sample``; loss and model by name.
    dictionary : Dictionary
    rows, output : float32 array or FastTextCodes
        The input and the output matrix.
    """

    arguments: dict[str, Any]
    dictionary: Dictionary
    rows: Any
    output: Any


def read_parts(path: str | os.PathLike[str], name: str | None = None) -> FastTextFile:
    """The arguments, dictionary and matrices of a fastText model, memory-mapped; raises as `read`."""
    file = MappedFile(path, name)
    reader = Reader(file)
    arguments, old = _arguments(reader)
    dictionary = read_dictionary(reader, old)
    reader.at = dictionary.end
    n_words = len(dictionary.words)
    rows = read_matrix(reader, old, "the input matrix")
    if rows.shape[1] != arguments["vector_size"]:
        raise reader.damaged(f"expected rows of {arguments['vector_size']} values, found {rows.shape[1]}")
    n_ngrams = arguments["bucket"] if dictionary.kept is None else len(dictionary.kept)
    if len(rows) != n_words + n_ngrams:
        raise reader.damaged(f"expected {n_words:,} + {n_ngrams:,} rows in the input matrix, found {len(rows):,}")
    output = read_matrix(reader, old, "the output matrix")
    expected = len(dictionary.labels) if arguments["model"] == "supervised" else n_words
    if len(output) != expected:
        raise reader.damaged(f"expected {expected:,} rows in the output matrix, found {len(output):,}")
    if reader.at != file.size:
        raise reader.damaged(
            f"expected the end of the file at byte {reader.at:,}, found {file.size - reader.at:,} bytes more"
        )
    return FastTextFile(arguments, dictionary, rows, output)


def _arguments(reader: Reader) -> tuple[dict[str, Any], bool]:
    (magic,) = reader.take("i", "the magic number")
    old = magic != MAGIC
    if old:
        reader.at = 0
    else:
        (version,) = reader.take("i", "the version")
        if version > NEWEST:
            raise FormatError(
                f"{reader.file.name}: fastText file of version {version}; this embedkit reads versions "
                f"{OLDEST} and {NEWEST}, install a newer embedkit"
            )
        if version < OLDEST:
            raise reader.damaged(f"expected version {OLDEST} or {NEWEST}, found {version}")
    start = reader.at
    arguments = dict(zip((*ARGUMENTS, "sample"), reader.take("12id", "the arguments"), strict=True))
    if not _plausible(reader, arguments):
        if not old and is_floret(reader.file.bytes[start : start + 100]):
            raise FormatError(
                f"{reader.file.name}: a floret model, which hashes words otherwise than fastText: read it as floret"
            )
        if old:
            raise FormatError(
                f"{reader.file.name}: not a fastText file: expected magic number {MAGIC}, or the "
                f"arguments of a file of 2016, found {magic}"
            )
        raise reader.damaged("its arguments and dictionary sizes contradict each other")
    arguments["loss"] = LOSSES[arguments["loss"]]
    arguments["model"] = MODELS[arguments["model"]]
    if arguments["model"] == "supervised" and not old and version == OLDEST:
        arguments["max_n"] = 0
    return arguments, old


def _plausible(reader: Reader, arguments: dict[str, Any]) -> bool:
    """Whether arguments and the dictionary's sizes behind them could be fastText's; moves nothing."""
    at = reader.at
    size, n_words, n_labels, n_tokens = reader.take("3iq", "the dictionary's sizes")
    reader.at = at
    return (
        arguments["vector_size"] > 0
        and arguments["loss"] in LOSSES
        and arguments["model"] in MODELS
        and arguments["bucket"] >= 0
        and 0 <= arguments["sample"] < 1e9
        and n_words >= 0
        and n_labels >= 0
        and n_tokens >= 0
        and size == n_words + n_labels
    )


def is_floret(head: bytes) -> bool:
    """Whether what follows magic and version is floret's: two more numbers among the arguments."""
    fits, theirs = struct.Struct("<12id3i"), struct.Struct("<14id3i")
    if len(head) < theirs.size:
        return False
    size, n_words, n_labels = fits.unpack_from(head)[-3:]
    if size == n_words + n_labels and n_words >= 0 and n_labels >= 0:
        return False
    values = theirs.unpack_from(head)
    mode, hash_count, size, n_words, n_labels = values[11], values[12], *values[15:]
    return 0 <= mode <= 2 and 1 <= hash_count <= 4 and size == n_words + n_labels and n_words >= 0 and n_labels >= 0


def read_dictionary(reader: Reader, old: bool) -> Dictionary:
    """Words, labels and counts, from where the reader stands; raises FormatError."""
    size, n_words, n_labels, n_tokens = reader.take("3iq", "the dictionary's sizes")
    n_pruned = -1 if old else reader.take("q", "the size of the pruning index")[0]
    data, at = reader.file.bytes, reader.at
    if size * 10 > reader.file.size - at:
        raise reader.damaged(f"expected {size:,} dictionary entries, but only {reader.file.size - at:,} bytes follow")
    words: list[bytes] = []
    behind = np.empty(size, np.int64)  # where each entry's count begins
    for i in range(size):
        end = data.find(b"\0", at)
        if end < 0 or end + 10 > reader.file.size:
            raise reader.damaged(f"dictionary entry {i + 1:,} of {size:,} has no end")
        words.append(data[at:end])
        behind[i] = end + 1
        at = end + 10
    raw = np.frombuffer(data, np.uint8)
    kinds = raw[behind + 8]
    if (kinds[:n_words] != 0).any() or (kinds[n_words:] != 1).any():
        raise reader.damaged(f"expected {n_words:,} words and then {n_labels:,} labels in the dictionary")
    counts = raw[behind[:, None] + np.arange(8)].view("<i8")[:, 0].astype(np.int64)
    kept = None
    if n_pruned >= 0:
        reader.at = at
        pairs = reader.array("<i4", 2 * n_pruned, "the pruning index").reshape(-1, 2)
        order = np.argsort(pairs[:, 1], kind="stable")
        if not np.array_equal(pairs[order, 1], np.arange(n_pruned)) or (n_pruned and pairs[:, 0].min() < 0):
            raise reader.damaged("the pruning index does not number its rows")
        kept = tuple(pairs[order, 0].tolist())
        at = reader.at
    return Dictionary(words[:n_words], counts[:n_words], words[n_words:], counts[n_words:], n_tokens, kept, at)


def read_matrix(reader: Reader, old: bool, what: str) -> np.ndarray | FastTextCodes:
    packed = 0 if old else reader.take("B", what)[0]
    if packed > 1:
        raise reader.damaged(f"expected 0 or 1 before {what}, found {packed}")
    with_norms = reader.take("B", what)[0] if packed else 0
    m, n = reader.take("2q", f"the shape of {what}")
    if m < 0 or n < 0:
        raise reader.damaged(f"{what} has the shape {m} x {n}")
    if not packed:
        return reader.array("<f4", m * n, what).reshape(m, n)
    (code_size,) = reader.take("i", what)
    codes = reader.array("u1", code_size, f"the codes of {what}")
    parts, part_size, centroids = _quantiser(reader, n, what)
    if code_size != m * parts:
        raise reader.damaged(f"{what} has {code_size:,} codes for {m:,} rows of {parts}")
    norms = None
    if with_norms:
        norm_codes = reader.array("u1", m, f"the norms of {what}")
        _, _, values = _quantiser(reader, 1, what)
        norms = values[norm_codes]
    return FastTextCodes(codes.reshape(m, parts), centroids, n, part_size, norms)


def _quantiser(reader: Reader, columns: int, what: str) -> tuple[int, int, np.ndarray]:
    """Number of parts, values in a part and the centroids."""
    dim, parts, part_size, last = reader.take("4i", f"the quantiser of {what}")
    if (
        dim != columns
        or parts < 1
        or part_size < 1
        or not 0 < last <= part_size
        or (parts - 1) * part_size + last != dim
    ):
        raise reader.damaged(f"{what} has a quantiser of {dim} = {parts} x {part_size} values for {columns} columns")
    return parts, part_size, reader.array("<f4", dim * 256, f"the centroids of {what}")


def write_parts(
    path: str | os.PathLike[str], arguments: dict[str, Any], dictionary: Dictionary, rows: Sequence[Any], output: Any
) -> None:
    """Write the parts that `read_parts` gives.

    Parameters
    ----------
    path : path
    arguments : dict
        By the names in `ARGUMENTS` and ``sample``; what is missing is 0, a sample 1e-4.
    dictionary : Dictionary
        `end` does not count.
    rows : sequence of float32 (m, n)
        Stacked they are the input matrix; each is anything with a shape and slices of rows. Or one FastTextCodes.
    output : float32 (m, n) or FastTextCodes

    Raises
    ------
    EmbedkitError
        For a word with a NUL byte.
    """
    losses, models = ({name: number for number, name in names.items()} for names in (LOSSES, MODELS))
    numbers = {**arguments, "loss": losses[arguments["loss"]], "model": models[arguments["model"]]}
    n_words, n_labels, kept = len(dictionary.words), len(dictionary.labels), dictionary.kept
    with atomic_open(path) as stream:
        stream.write(struct.pack("<2i", MAGIC, NEWEST))
        stream.write(
            struct.pack("<12id", *(int(numbers.get(name, 0)) for name in ARGUMENTS), numbers.get("sample", 1e-4))
        )
        sizes = (n_words + n_labels, n_words, n_labels, dictionary.n_tokens, -1 if kept is None else len(kept))
        stream.write(struct.pack("<3i2q", *sizes))
        _write_entries(stream, dictionary.words, dictionary.counts, 0)
        _write_entries(stream, dictionary.labels, dictionary.label_counts, 1)
        for row, bucket in enumerate(kept or ()):
            stream.write(struct.pack("<2i", bucket, row))
        for matrices in (rows, (output,)):
            _write_matrix(stream, matrices)


def _write_matrix(stream: BinaryIO, matrices: Sequence[Any]) -> None:
    first = matrices[0]
    if isinstance(first, FastTextCodes):
        _write_codes(stream, first)
        return
    stream.write(struct.pack("<b2q", 0, sum(len(matrix) for matrix in matrices), first.shape[1]))
    for matrix in matrices:
        _write_rows(stream, matrix)


def _write_entries(stream: Any, words: Iterable[bytes], counts: np.ndarray, kind: int) -> None:
    for word, count in zip(words, counts.tolist(), strict=True):
        if b"\0" in word:
            raise EmbedkitError(
                f"cannot write fastText .bin: the word {show(word)} holds a NUL byte, which ends "
                "a word there; convert to native instead"
            )
        stream.write(word + struct.pack("<xqb", int(count), kind))


def _write_codes(stream: Any, matrix: FastTextCodes) -> None:
    m, n = matrix.shape
    parts = matrix.codes.shape[1]
    stream.write(struct.pack("<2B2qi", 1, matrix.norms is not None, m, n, m * parts))
    stream.write(np.ascontiguousarray(matrix.codes).data.cast("B"))
    stream.write(struct.pack("<4i", n, parts, matrix.part_size, n - (parts - 1) * matrix.part_size))
    stream.write(np.ascontiguousarray(matrix.centroids, "<f4").data.cast("B"))
    if matrix.norms is not None:
        values, codes = np.unique(np.asarray(matrix.norms, np.float32), return_inverse=True)
        stream.write(codes.astype(np.uint8).data.cast("B"))
        stream.write(struct.pack("<4i", 1, 1, 1, 1) + np.resize(values, 256).astype("<f4").tobytes())


def _write_rows(stream: BinaryIO, rows: Rows) -> None:
    for low in range(0, len(rows), WRITE_ROWS):
        block = np.ascontiguousarray(rows[low : low + WRITE_ROWS], "<f4")
        if block.size:
            stream.write(block.data.cast("B"))
