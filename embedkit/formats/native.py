"""The native file, a ``.safetensors`` file that other tools open with one line.

Tensors (`embedkit.files.safetensors` has the layout of the bytes):

=================  =======  ==================  ==================================================================
tensor             dtype    shape               content
=================  =======  ==================  ==================================================================
``vectors``        float32  n_words, d          the composed word vectors
``word_rows``      float32  n_words, d          subword models: the words' own rows
``ngram_vectors``  float32  bucket, d           subword models: the n-grams' rows, of each bucket or of those in use
``ngram_buckets``  int32    n_used              the buckets in use, ascending, where only these have rows
``output_vectors`` float32  n_outputs, d        the output layer, where it was kept (a row a word, but for ``hs``)
``norms``          float32  n_words             lengths of ``vectors``
``word_order``     int32    n_words             row numbers in the words' byte order, for binary search
``words``          uint8    n_bytes             the words' UTF-8 bytes one after the other, zeros up to a multiple of 8
``word_offsets``   int64    n_words + 1         word ``i`` is ``words[word_offsets[i]:word_offsets[i + 1]]``
``counts``         int64    n_words             how often each word was seen, where that is known
=================  =======  ==================  ==================================================================

A model of paragraph vectors has ``document_vectors`` float32 (n_documents, d) besides: of the lines that it was trained
on, in their order. Where its words were changed after training, its ``config`` has ``outputs_left_out`` true: they are
no output vectors any more.

A trained model uses some hundred thousand of two million buckets; all other rows are zero. Beside ``ngram_buckets``,
row ``i`` of ``ngram_vectors`` is that of bucket ``ngram_buckets[i]``, and rows of zeros are left out. Where that would
not be smaller, as in fastText's own models, row ``i`` is that of bucket ``i``.

The metadata holds ``format`` ("embedkit"), ``format_version`` ("2" with ``ngram_buckets``, which older programs do not
know, else "1"), ``embedkit_version``, ``config`` (the training configuration as JSON) and ``subwords`` (how words are
cut, as JSON; subword models only).

A quantised file (``embedkit compress``; metadata ``quantization`` and ``vector_size``) holds ``vectors`` and
``ngram_vectors`` in another type, decoded as `embedkit.rows.quantization.QuantizedRows` says: ``float16``; ``int8``
beside ``vectors_scales`` float32 (n,); ``pq``: codes uint8 (n, subvectors) beside ``vectors_scales`` and
``vectors_centroids`` float32 (subvectors, 256, width); for ``ngram_vectors`` likewise. ``norms`` are those of the
decoded vectors.

Opening maps the file and reads the header, offsets and norms; nothing else until it is used. A row with NaN or an
infinity is neither written nor read: the norms show it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from embedkit.errors import ConfigError, FormatError
from embedkit.files.atomic import atomic_open
from embedkit.files.safetensors import VECTORS, SafetensorsFile, metadata_of
from embedkit.files.safetensors_writer import SafetensorsWriter
from embedkit.options import for_json
from embedkit.rows.norms import not_written, row_norms
from embedkit.rows.protocol import Rows, as_array
from embedkit.rows.quantization import CENTROIDS, QuantizedRows
from embedkit.rows.sparse import SparseRows, without_zeros
from embedkit.rows.table import EmbeddingTable
from embedkit.vocabulary.words import Words

if TYPE_CHECKING:
    from embedkit.rows.subwords import Subwords

EXPECTED = {  # dtype and number of dimensions of what embedkit reads
    "vectors": ("F32", 2),
    "word_rows": ("F32", 2),
    "ngram_vectors": ("F32", 2),
    "ngram_buckets": ("I32", 1),
    "output_vectors": ("F32", 2),
    "document_vectors": ("F32", 2),
    "norms": ("F32", 1),
    "word_order": ("I32", 1),
    "words": ("U8", 1),
    "word_offsets": ("I64", 1),
    "counts": ("I64", 1),
}
QUANTIZED = {  # instead of vectors and ngram_vectors: a part's suffix, its dtype and dimensions
    "float16": {"": ("F16", 2)},
    "int8": {"": ("I8", 2), "_scales": ("F32", 1)},
    "pq": {"": ("U8", 2), "_scales": ("F32", 1), "_centroids": ("F32", 3)},
}
REQUIRED = ("vectors", "norms", "words", "word_offsets", "word_order")
PER_WORD = ("norms", "word_order", "counts", "word_rows")
WRITE_ROWS = 16384
DENSE_VERSION, SPARSE_VERSION = 1, 2  # of a file with a row for every bucket, and of one with `ngram_buckets`


def read(path: str | os.PathLike[str], name: str | None = None) -> EmbeddingTable:
    """Open a native file, memory-mapped.

    Raises
    ------
    FormatError
        When the file is cut off, damaged or a safetensors file of another program.
    """
    file = SafetensorsFile(path, name, expected="word vectors")
    file.require(VECTORS)
    kind = file.metadata.get("quantization")
    tensors: dict[str, Any] = file.tensors(_expected(file.name, kind), REQUIRED)
    if kind is not None:
        for key in ("vectors", "ngram_vectors"):
            _gather(file.name, tensors, key, kind, file.metadata.get("vector_size"))
    _check(file.name, tensors)
    words = Words(tensors["words"], tensors["word_offsets"], tensors["word_order"])
    try:
        subwords = _subwords(file)
        if "ngram_buckets" in tensors:
            tensors["ngram_vectors"] = _spread(file.name, tensors, subwords)
        return EmbeddingTable(
            words,
            tensors["vectors"],
            norms=tensors["norms"],
            counts=tensors.get("counts"),
            subwords=subwords,
            ngram_vectors=tensors.get("ngram_vectors"),
            word_rows=tensors.get("word_rows"),
            output_vectors=tensors.get("output_vectors"),
            config=file.json("config", "{}"),
            document_vectors=tensors.get("document_vectors"),
        )
    except ConfigError as error:
        raise FormatError(f"{file.name}: damaged: {error}") from error


def _subwords(file: SafetensorsFile) -> Subwords | None:
    if "subwords" not in file.metadata:
        return None
    from embedkit.rows.subwords import Subwords

    return Subwords.from_config(file.json("subwords"))


def write(table: EmbeddingTable, path: str | os.PathLike[str]) -> None:
    """Write a model with all it has, in a stream; the old file stays until the new one is whole."""
    words = table.packed_words
    quantized = table.vectors if isinstance(table.vectors, QuantizedRows) else None
    with atomic_open(path) as stream:
        writer = NativeWriter(stream, table.vector_size, table.config, table.subwords, table.ngram_vectors, quantized)
        for low in range(0, len(table), WRITE_ROWS):
            writer.add(
                [words.encoded(row) for row in range(low, min(low + WRITE_ROWS, len(table)))],
                table.vectors[low : low + WRITE_ROWS],
            )
        writer.finish(
            counts=table.counts,
            word_rows=table.word_rows,
            output_vectors=table.output_vectors,
            document_vectors=table.document_vectors,
        )


class NativeWriter:
    """Writes a native file row by row, so that nothing but the words must be in memory.

    Parameters
    ----------
    stream : binary file
        Empty and seekable.
    vector_size : int
    config : dict, optional
        The training configuration.
    subwords : Subwords, optional
        How words are split into n-grams.
    ngram_vectors : Rows, optional
        The n-grams' rows.
    quantized : QuantizedRows, optional
        Written in place of the rows that `add` is given, which are what it decodes to.
    """

    def __init__(
        self,
        stream: BinaryIO,
        vector_size: int,
        config: dict[str, Any] | None = None,
        subwords: Subwords | None = None,
        ngram_vectors: Rows | None = None,
        quantized: QuantizedRows | None = None,
    ) -> None:
        self.vector_size = vector_size
        self.quantized = quantized
        self._ngrams, self._buckets = _stored(ngram_vectors, subwords, quantized is not None)
        more = {"config": json.dumps(config or {}, ensure_ascii=False, default=for_json)}
        if subwords is not None:
            more["subwords"] = json.dumps(subwords.to_config(), ensure_ascii=False, default=for_json)
        if quantized is not None:
            more |= {"quantization": quantized.kind, "vector_size": str(vector_size)}
        kind = VECTORS._replace(version=DENSE_VERSION if self._buckets is None else SPARSE_VERSION)
        self._file = SafetensorsWriter(stream, metadata_of(kind, **more), len(EXPECTED) + 4)
        self._words: list[bytes] = []
        self._norms: list[np.ndarray] = []

    def add(self, words: Sequence[bytes], rows: np.ndarray) -> None:
        """Append words (UTF-8) and their vectors, float32 (len(words), vector_size)."""
        norms = row_norms(rows)
        if not np.isfinite(norms).all():
            bad = int(np.argmin(np.isfinite(norms)))
            raise not_written(words[bad].decode("utf-8", "replace"), len(self._words) + bad)
        if self.quantized is None:
            self._file.append(rows, "<f4")
        self._words.extend(words)
        self._norms.append(norms)

    def finish(
        self,
        *,
        counts: np.ndarray | None = None,
        word_rows: Rows | None = None,
        output_vectors: np.ndarray | None = None,
        document_vectors: np.ndarray | None = None,
    ) -> None:
        """Write everything but the vectors, then the header."""
        words, file = Words.from_bytes(self._words), self._file
        if self.quantized is None:
            file.close("vectors", "<f4", (len(words), self.vector_size))
        quantized = {
            key: rows
            for key, rows in (("vectors", self.quantized), ("ngram_vectors", self._ngrams))
            if isinstance(rows, QuantizedRows)
        }
        for key, quantized_rows in quantized.items():
            for part, values in quantized_rows.parts.items():
                if part != "rows":
                    file.tensor(f"{key}_{part}", values, "<f4")
        for name, rows in (
            ("word_rows", word_rows),
            ("ngram_vectors", self._ngrams),
            ("output_vectors", output_vectors),
            ("document_vectors", document_vectors),
        ):
            if rows is not None and not isinstance(rows, QuantizedRows):
                file.tensor(name, rows, "<f4")
        file.tensor("norms", np.concatenate(self._norms) if self._norms else np.zeros(0, np.float32), "<f4")
        if self._buckets is not None:
            file.tensor("ngram_buckets", self._buckets, "<i4")
        file.tensor("word_order", words.order, "<i4")
        file.pad("words", words.blob)
        file.tensor("word_offsets", words.offsets, "<i8")
        if counts is not None:
            file.tensor("counts", counts, "<i8")
        for key, quantized_rows in quantized.items():  # last, for their lengths are no multiples of eight bytes
            codes = quantized_rows.parts["rows"]
            file.tensor(key, codes, codes.dtype.newbyteorder("<").str)
        file.finish()


def _stored(ngrams: Rows | None, subwords: Subwords | None, quantized: bool) -> tuple[Rows | None, np.ndarray | None]:
    """The n-grams' rows as the file holds them, and whose they are where it leaves rows out.

    Quantised rows stay so beside quantised vectors only.
    """
    if ngrams is None:
        return None, None
    if subwords is not None and len(ngrams) == subwords.n_rows:
        ngrams = without_zeros(ngrams)
    rows, buckets = (ngrams.values, ngrams.buckets) if isinstance(ngrams, SparseRows) else (ngrams, None)
    return (as_array(rows) if isinstance(rows, QuantizedRows) and not quantized else rows), buckets


def _spread(name: str, tensors: dict[str, Any], subwords: Subwords | None) -> SparseRows:
    """The n-grams' rows of a file that leaves out those of zeros."""
    buckets, values = tensors["ngram_buckets"], tensors.get("ngram_vectors")
    if values is None or subwords is None:
        missing = "tensor ngram_vectors" if values is None else "subwords in the metadata"
        raise FormatError(f"{name}: damaged: expected {missing} beside ngram_buckets")
    if len(buckets) != len(values):
        raise FormatError(f"{name}: damaged: expected {len(values):,} ngram_buckets, found {len(buckets):,}")
    n_rows = subwords.n_rows
    if len(buckets) and not (buckets[0] >= 0 and buckets[-1] < n_rows and (buckets[1:] > buckets[:-1]).all()):
        raise FormatError(f"{name}: damaged: ngram_buckets are not ascending numbers from 0 to {n_rows - 1:,}")
    return SparseRows(buckets, values, n_rows)


def _expected(name: str, kind: Any) -> dict[str, tuple[str, int]]:
    """Tensors by name with dtype and dimensions, for a quantisation or None."""
    if kind is None:
        return EXPECTED
    if kind not in QUANTIZED:
        raise FormatError(
            f"{name}: expected the quantization {', '.join(QUANTIZED)}, found {str(kind)[:60]!r}; "
            "install a newer embedkit"
        )
    parts = {key + suffix: what for key in ("vectors", "ngram_vectors") for suffix, what in QUANTIZED[kind].items()}
    return EXPECTED | parts


def _gather(name: str, tensors: dict[str, Any], key: str, kind: str, size: Any) -> None:
    """Put the parts of a quantised matrix together, in the place of its codes."""
    if key not in tensors:
        return
    missing = [key + suffix for suffix in QUANTIZED[kind] if key + suffix not in tensors]
    if missing or not (str(size).isascii() and str(size).isdecimal() and len(str(size)) < 10):
        raise FormatError(f"{name}: damaged: expected {(missing or ['vector_size'])[0]} beside quantised {key}")
    parts = {suffix.removeprefix("_") or "rows": tensors.pop(key + suffix) for suffix in QUANTIZED[kind]}
    codes, scales, centroids = parts["rows"], parts.get("scales"), parts.get("centroids")
    fits = (
        int(size) == codes.shape[1]
        if centroids is None
        else (centroids.shape[:2] == (codes.shape[1], CENTROIDS) and int(size) <= codes.shape[1] * centroids.shape[2])
    )
    if not fits or (scales is not None and len(scales) != len(codes)):
        shapes = ", ".join(f"{part} {array.shape}" for part, array in parts.items())
        raise FormatError(
            f"{name}: damaged: the parts of quantised {key} do not fit together: {shapes} for {size} dimensions"
        )
    if not all(np.isfinite(array).all() for part, array in parts.items() if part != "rows"):
        raise FormatError(f"{name}: the scales or centroids of quantised {key} hold NaN or an infinity")
    tensors[key] = QuantizedRows(kind, int(size), parts)


def _check(name: str, tensors: dict[str, Any]) -> None:
    n_words = len(tensors["vectors"])
    for key in PER_WORD:
        if key in tensors and len(tensors[key]) != n_words:
            raise FormatError(f"{name}: damaged: expected {n_words} rows in {key}, found {len(tensors[key])}")
    offsets = tensors["word_offsets"]
    if (
        len(offsets) != n_words + 1
        or offsets[0] != 0
        or offsets[-1] > len(tensors["words"])
        or (offsets[1:] < offsets[:-1]).any()
    ):
        raise FormatError(
            f"{name}: damaged: word_offsets do not cut the {len(tensors['words'])} bytes of words into {n_words} words"
        )
    order = tensors["word_order"]
    if n_words and not (order.min() >= 0 and order.max() < n_words):
        raise FormatError(f"{name}: damaged: word_order names rows outside 0–{n_words - 1}")
